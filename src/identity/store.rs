//! The rows of accounts, sessions and API keys.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Set, Statement,
    sea_query::Expr,
};

use super::{Account, ApiKey};
use crate::{
    access::{Origin, PermissionSet, Scope},
    db::Tx,
    types::{AccountId, ApiKeyId, DeploymentId, EmailAddress, OrganisationId, PersonName, SessionId, Timestamp},
};

mod account {
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

mod session {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, SessionId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: SessionId,
        pub token_hash: Vec<u8>,
        pub account_id: AccountId,
        pub address: String,
        pub agent: String,
        pub created_at: Timestamp,
        pub seen_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod api_key {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, ApiKeyId, DeploymentId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ApiKeyId,
        pub token_hash: Vec<u8>,
        pub account_id: AccountId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub name: String,
        pub permissions: String,
        pub created_at: Timestamp,
        pub last_used_at: Option<Timestamp>,
        pub revoked_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<account::Model> for Account {
    fn from(row: account::Model) -> Self {
        Self { id: row.id, name: row.name, email: row.email }
    }
}

pub(super) async fn find_account(
    db: &impl ConnectionTrait,
    email_key: &str,
) -> Result<Option<(Account, String)>, DbErr> {
    let row = account::Entity::find().filter(account::Column::EmailKey.eq(email_key)).one(db).await?;
    Ok(row.map(|row| (row.clone().into(), row.password_hash)))
}

pub(super) async fn find_by_id(db: &impl ConnectionTrait, id: AccountId) -> Result<Option<Account>, DbErr> {
    Ok(account::Entity::find_by_id(id).one(db).await?.map(Into::into))
}

pub(super) async fn any_account(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(account::Entity::find().one(db).await?.is_some())
}

pub(super) async fn insert_account(
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

pub(super) async fn insert_session(
    tx: &Tx,
    id: SessionId,
    token_hash: Vec<u8>,
    account: AccountId,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DbErr> {
    session::Entity::insert(session::ActiveModel {
        id: Set(id),
        token_hash: Set(token_hash),
        account_id: Set(account),
        address: Set(origin.address.clone()),
        agent: Set(origin.agent.clone()),
        created_at: Set(now),
        seen_at: Set(now),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// A live session and its account.
#[derive(FromQueryResult)]
pub(super) struct SessionRow {
    pub id: SessionId,
    pub seen_at: Timestamp,
    pub account_id: AccountId,
    pub name: String,
    pub email: String,
}

/// The session with this token, if neither limit has passed: both are judged here, by the clock.
pub(super) async fn find_session(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
    seen_after: Timestamp,
    created_after: Timestamp,
) -> Result<Option<SessionRow>, DbErr> {
    SessionRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT s.id, s.seen_at, s.account_id, a.name, a.email FROM sessions s JOIN accounts a ON a.id = s.account_id \
         WHERE s.token_hash = $1 AND s.seen_at > $2 AND s.created_at > $3",
        [token_hash.into(), seen_after.into(), created_after.into()],
    ))
    .one(db)
    .await
}

pub(super) async fn touch_session(tx: &Tx, id: SessionId, account: AccountId, now: Timestamp) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::SeenAt, Expr::value(now))
        .filter(session::Column::Id.eq(id))
        .exec(tx)
        .await?;
    account::Entity::update_many()
        .col_expr(account::Column::LastSeenAt, Expr::value(now))
        .filter(account::Column::Id.eq(account))
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn delete_session(tx: &Tx, id: SessionId) -> Result<(), DbErr> {
    session::Entity::delete_many().filter(session::Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

pub(super) async fn delete_sessions_of(tx: &Tx, account: AccountId) -> Result<u64, DbErr> {
    let deleted = session::Entity::delete_many().filter(session::Column::AccountId.eq(account)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Revokes the account's keys that work inside `scope`.
pub(super) async fn revoke_keys_within(
    tx: &Tx,
    account: AccountId,
    scope: Scope,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut keys = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::OrganisationId.eq(scope.organisation))
        .filter(api_key::Column::RevokedAt.is_null());
    if let Some(deployment) = scope.deployment {
        keys = keys.filter(api_key::Column::DeploymentId.eq(deployment));
    }
    Ok(keys.exec(tx).await?.rows_affected)
}

/// Sessions that neither limit lets live any more; kept no longer than needed.
pub(super) async fn delete_dead_sessions(tx: &Tx, created_before: Timestamp) -> Result<u64, DbErr> {
    let deleted = session::Entity::delete_many().filter(session::Column::CreatedAt.lt(created_before)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(super) async fn insert_key(
    tx: &Tx,
    id: ApiKeyId,
    token_hash: Vec<u8>,
    account: AccountId,
    name: &str,
    scope: Scope,
    permissions: PermissionSet,
    now: Timestamp,
) -> Result<(), DbErr> {
    api_key::Entity::insert(api_key::ActiveModel {
        id: Set(id),
        token_hash: Set(token_hash),
        account_id: Set(account),
        organisation_id: Set(scope.organisation),
        deployment_id: Set(scope.deployment),
        name: Set(name.to_owned()),
        permissions: Set(permissions.to_keys()),
        created_at: Set(now),
        last_used_at: Set(None),
        revoked_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// A live key and its owner.
#[derive(FromQueryResult)]
pub(super) struct KeyRow {
    pub id: ApiKeyId,
    pub account_id: AccountId,
    pub organisation_id: OrganisationId,
    pub deployment_id: Option<DeploymentId>,
    pub permissions: String,
    pub last_used_at: Option<Timestamp>,
    pub name: String,
    pub email: String,
}

pub(super) async fn find_key(db: &impl ConnectionTrait, token_hash: Vec<u8>) -> Result<Option<KeyRow>, DbErr> {
    KeyRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT k.id, k.account_id, k.organisation_id, k.deployment_id, k.permissions, k.last_used_at, a.name, a.email \
         FROM api_keys k JOIN accounts a ON a.id = k.account_id WHERE k.token_hash = $1 AND k.revoked_at IS NULL",
        [token_hash.into()],
    ))
    .one(db)
    .await
}

pub(super) async fn touch_key(tx: &Tx, id: ApiKeyId, now: Timestamp) -> Result<(), DbErr> {
    api_key::Entity::update_many()
        .col_expr(api_key::Column::LastUsedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

pub(super) async fn keys_of(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<ApiKey>, DbErr> {
    let rows = api_key::Entity::find()
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::RevokedAt.is_null())
        .order_by_asc(api_key::Column::Id)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| ApiKey {
            id: row.id,
            name: row.name,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            permissions: PermissionSet::from_keys(&row.permissions),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
        .collect())
}

/// Ends a key of this account; whether there was one.
pub(super) async fn revoke_key(tx: &Tx, account: AccountId, id: ApiKeyId, now: Timestamp) -> Result<bool, DbErr> {
    let done = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(id))
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
