//! The rows of sessions.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Set, Statement, sea_query::Expr,
};

use super::accounts::account;
use crate::{
    access::Origin,
    db::Tx,
    identity::Means,
    types::{AccountId, BrowserId, SessionId, Timestamp},
};

const WHOLE: &str = "whole";
const HALF: &str = "half";

mod session {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, BrowserId, SessionId, Timestamp};

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
        pub state: String,
        pub proved_at: Option<Timestamp>,
        pub means: String,
        pub browser_id: Option<BrowserId>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A session that begins.
pub(in crate::identity) struct New<'a> {
    pub id: SessionId,
    pub token_hash: Vec<u8>,
    pub account: AccountId,
    pub origin: &'a Origin,
    pub means: Means,
    /// None: the second factor is still asked.
    pub whole: Option<Whole>,
}

/// What a whole session knows besides.
#[derive(Clone, Copy)]
pub(in crate::identity) struct Whole {
    pub proved_at: Option<Timestamp>,
    pub browser: Option<BrowserId>,
}

pub(in crate::identity) async fn insert_session(tx: &Tx, new: New<'_>, now: Timestamp) -> Result<(), DbErr> {
    session::Entity::insert(session::ActiveModel {
        id: Set(new.id),
        token_hash: Set(new.token_hash),
        account_id: Set(new.account),
        address: Set(new.origin.address.clone()),
        agent: Set(new.origin.agent.clone()),
        created_at: Set(now),
        seen_at: Set(now),
        state: Set(if new.whole.is_some() { WHOLE } else { HALF }.to_owned()),
        proved_at: Set(new.whole.and_then(|whole| whole.proved_at)),
        means: Set(new.means.key().to_owned()),
        browser_id: Set(new.whole.and_then(|whole| whole.browser)),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// A live session and its account.
#[derive(FromQueryResult)]
pub(in crate::identity) struct SessionRow {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub state: String,
    pub proved_at: Option<Timestamp>,
    pub account_id: AccountId,
    pub name: String,
    pub email: String,
    /// Whether the account has any second factor.
    pub has_factor: bool,
}

impl SessionRow {
    pub(in crate::identity) fn is_whole(&self) -> bool {
        self.state == WHOLE
    }
}

/// Whose session this is or was, whatever limit has passed.
pub(in crate::identity) async fn owner_of(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
) -> Result<Option<AccountId>, DbErr> {
    let row = session::Entity::find().filter(session::Column::TokenHash.eq(token_hash)).one(db).await?;
    Ok(row.map(|row| row.account_id))
}

/// Which sessions still live.
pub(in crate::identity) struct Limits {
    pub seen_after: Timestamp,
    pub created_after: Timestamp,
    /// A half session lives only as long as it takes to bring the second factor.
    pub half_after: Timestamp,
}

/// The session with this token, if no limit has passed: all are judged here, by the clock.
pub(in crate::identity) async fn find_session(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
    limits: &Limits,
) -> Result<Option<SessionRow>, DbErr> {
    SessionRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT s.id, s.created_at, s.seen_at, s.state, s.proved_at, s.account_id, a.name, a.email, \
         (EXISTS (SELECT 1 FROM authenticators f WHERE f.account_id = s.account_id) \
         OR EXISTS (SELECT 1 FROM passkeys p WHERE p.account_id = s.account_id)) AS has_factor \
         FROM sessions s JOIN accounts a ON a.id = s.account_id \
         WHERE s.token_hash = $1 AND s.seen_at > $2 AND s.created_at > $3 AND (s.state = 'whole' OR s.created_at > $4)",
        [token_hash.into(), limits.seen_after.into(), limits.created_after.into(), limits.half_after.into()],
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

/// Deletes a session; whether it was there. Of two that would both go on from it, one does.
pub(in crate::identity) async fn delete_session(tx: &Tx, id: SessionId) -> Result<bool, DbErr> {
    let deleted = session::Entity::delete_many().filter(session::Column::Id.eq(id)).exec(tx).await?;
    Ok(deleted.rows_affected == 1)
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
