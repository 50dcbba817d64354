//! The rows of accounts.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::Expr,
};

use crate::{
    db::Tx,
    identity::Account,
    types::{AccountId, EmailAddress, PersonName, Timestamp},
};

pub(super) mod account {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "accounts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: AccountId,
        pub email: String,
        pub email_key: String,
        pub name: String,
        pub password_hash: String,
        pub address_proven: bool,
        pub created_at: Timestamp,
        pub last_seen_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<account::Model> for Account {
    fn from(row: account::Model) -> Self {
        Self { id: row.id, name: row.name, email: row.email }
    }
}

pub(in crate::identity) async fn find_account(
    db: &impl ConnectionTrait,
    email_key: &str,
) -> Result<Option<(Account, String)>, DbErr> {
    let row = account::Entity::find().filter(account::Column::EmailKey.eq(email_key)).one(db).await?;
    Ok(row.map(|row| (row.clone().into(), row.password_hash)))
}

/// The account with this address and its password's hash, if that password is still taken. One that was disowned is none at all, so
/// that signing in with it answers like a wrong one, in words and in time.
pub(in crate::identity) async fn find_for_sign_in(
    db: &impl ConnectionTrait,
    email_key: &str,
) -> Result<Option<(Account, String)>, DbErr> {
    let found = account::Entity::find().filter(account::Column::EmailKey.eq(email_key));
    let row = found.filter(Expr::cust("NOT password_void")).one(db).await?;
    Ok(row.map(|row| (row.clone().into(), row.password_hash)))
}

pub(in crate::identity) async fn find_by_id(
    db: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<Account>, DbErr> {
    Ok(account::Entity::find_by_id(id).one(db).await?.map(Into::into))
}

pub(in crate::identity) async fn any_account(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(account::Entity::find().one(db).await?.is_some())
}

pub(in crate::identity) async fn insert_account(
    tx: &Tx,
    id: AccountId,
    email: &EmailAddress,
    name: &PersonName,
    password_hash: String,
    address_proven: bool,
    now: Timestamp,
) -> Result<(), DbErr> {
    account::Entity::insert(account::ActiveModel {
        id: Set(id),
        email: Set(email.as_str().to_owned()),
        email_key: Set(email.key().to_owned()),
        name: Set(name.as_str().to_owned()),
        password_hash: Set(password_hash),
        address_proven: Set(address_proven),
        created_at: Set(now),
        last_seen_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Holds back whoever else would change this account until the transaction ends.
pub(in crate::identity) async fn lock(tx: &Tx, id: AccountId) -> Result<(), DbErr> {
    account::Entity::update_many()
        .col_expr(account::Column::Name, Expr::col(account::Column::Name))
        .filter(account::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// The stored hash of an account's password, if that is still taken.
pub(in crate::identity) async fn password_of(
    db: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<String>, DbErr> {
    let found = account::Entity::find_by_id(id).filter(Expr::cust("NOT password_void"));
    Ok(found.one(db).await?.map(|row| row.password_hash))
}

/// The first accounts by name; enough for a made-up hospital.
pub(in crate::identity) async fn by_name(db: &impl ConnectionTrait) -> Result<Vec<Account>, DbErr> {
    let rows = account::Entity::find().order_by_asc(account::Column::Name).limit(500).all(db).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
