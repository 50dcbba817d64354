//! The rows of sessions.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Set, Statement, sea_query::Expr,
};

use super::accounts::account;
use crate::{
    access::Origin,
    db::Tx,
    types::{AccountId, SessionId, Timestamp},
};

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

pub(in crate::identity) async fn insert_session(
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
pub(in crate::identity) struct SessionRow {
    pub id: SessionId,
    pub seen_at: Timestamp,
    pub account_id: AccountId,
    pub name: String,
    pub email: String,
}

/// The session with this token, if neither limit has passed: both are judged here, by the clock.
pub(in crate::identity) async fn find_session(
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

pub(in crate::identity) async fn touch_session(
    tx: &Tx,
    id: SessionId,
    account: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
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

pub(in crate::identity) async fn delete_session(tx: &Tx, id: SessionId) -> Result<(), DbErr> {
    session::Entity::delete_many().filter(session::Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

pub(in crate::identity) async fn delete_sessions_of(tx: &Tx, account: AccountId) -> Result<u64, DbErr> {
    let deleted = session::Entity::delete_many().filter(session::Column::AccountId.eq(account)).exec(tx).await?;
    Ok(deleted.rows_affected)
}

/// Sessions that neither limit lets live any more; kept no longer than needed.
pub(in crate::identity) async fn delete_dead_sessions(tx: &Tx, created_before: Timestamp) -> Result<u64, DbErr> {
    let deleted = session::Entity::delete_many().filter(session::Column::CreatedAt.lt(created_before)).exec(tx).await?;
    Ok(deleted.rows_affected)
}
