//! The rows behind a person's own profile: details, sessions, trusted browsers.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::sessions::Limits;
use crate::{
    db::Tx,
    types::{AccountId, BrowserId, PersonName, SessionId, Timestamp},
};

fn statement(db: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// What the account's owner may change.
#[derive(FromQueryResult)]
pub(in crate::identity) struct DetailsRow {
    pub name: String,
    pub email: String,
    pub phone: String,
    pub units: String,
    pub password_changed_at: Option<Timestamp>,
}

pub(in crate::identity) async fn details(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<DetailsRow>, DbErr> {
    let sql = "SELECT name, email, phone, units, password_changed_at FROM accounts WHERE id = $1";
    DetailsRow::find_by_statement(statement(db, sql, [account.into()])).one(db).await
}

pub(in crate::identity) async fn units(db: &impl ConnectionTrait, account: AccountId) -> Result<String, DbErr> {
    let row = db.query_one_raw(statement(db, "SELECT units FROM accounts WHERE id = $1", [account.into()])).await?;
    row.map_or(Ok(String::new()), |row| row.try_get("", "units"))
}

/// The name in the account, and in every membership that lists sort by.
pub(in crate::identity) async fn set_name(tx: &Tx, account: AccountId, name: &PersonName) -> Result<(), DbErr> {
    let sql = "UPDATE accounts SET name = $2 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [account.into(), name.as_str().into()])).await?;
    let sql = "UPDATE memberships SET name_key = $2 WHERE account_id = $1";
    tx.execute_raw(statement(tx, sql, [account.into(), name.sort_key().into()])).await?;
    Ok(())
}

pub(in crate::identity) async fn set_phone(tx: &Tx, account: AccountId, phone: &str) -> Result<(), DbErr> {
    let sql = "UPDATE accounts SET phone = $2 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [account.into(), phone.into()])).await?;
    Ok(())
}

pub(in crate::identity) async fn set_units(tx: &Tx, account: AccountId, units: &str) -> Result<(), DbErr> {
    let sql = "UPDATE accounts SET units = $2 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [account.into(), units.into()])).await?;
    Ok(())
}

pub(in crate::identity) async fn hidden_columns(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<String, DbErr> {
    let sql = "SELECT hidden_columns FROM accounts WHERE id = $1";
    let row = db.query_one_raw(statement(db, sql, [account.into()])).await?;
    row.map_or(Ok(String::new()), |row| row.try_get("", "hidden_columns"))
}

pub(in crate::identity) async fn set_hidden_columns(tx: &Tx, account: AccountId, keys: &str) -> Result<(), DbErr> {
    let sql = "UPDATE accounts SET hidden_columns = $2 WHERE id = $1";
    tx.execute_raw(statement(tx, sql, [account.into(), keys.into()])).await?;
    Ok(())
}

/// A session as its owner sees it.
#[derive(FromQueryResult)]
pub(in crate::identity) struct ListedSession {
    pub id: SessionId,
    pub address: String,
    pub agent: String,
    pub state: String,
    pub means: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
}

/// The account's live sessions, by the same limits as at every request, the last seen first.
pub(in crate::identity) async fn sessions(
    db: &impl ConnectionTrait,
    account: AccountId,
    limits: &Limits,
) -> Result<Vec<ListedSession>, DbErr> {
    let sql = "SELECT id, address, agent, state, means, created_at, seen_at FROM sessions WHERE account_id = $1 \
        AND seen_at > $2 AND created_at > $3 AND (state = 'whole' OR created_at > $4) ORDER BY seen_at DESC, id";
    let values = [account.into(), limits.seen_after.into(), limits.created_after.into(), limits.half_after.into()];
    ListedSession::find_by_statement(statement(db, sql, values)).all(db).await
}

/// Deletes a session of this very account; whether there was one.
pub(in crate::identity) async fn delete_session(tx: &Tx, account: AccountId, id: SessionId) -> Result<bool, DbErr> {
    let sql = "DELETE FROM sessions WHERE account_id = $1 AND id = $2";
    Ok(tx.execute_raw(statement(tx, sql, [account.into(), id.into()])).await?.rows_affected() == 1)
}

/// A browser that stands in for the second factor.
#[derive(FromQueryResult)]
pub(in crate::identity) struct TrustedRow {
    pub id: BrowserId,
    pub address: String,
    pub agent: String,
    pub seen_at: Timestamp,
    pub trusted_until: Timestamp,
}

pub(in crate::identity) async fn trusted_browsers(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<TrustedRow>, DbErr> {
    let sql = "SELECT id, address, agent, seen_at, trusted_until FROM browsers WHERE account_id = $1 \
        AND trusted_until > $2 ORDER BY seen_at DESC, id";
    TrustedRow::find_by_statement(statement(db, sql, [account.into(), now.into()])).all(db).await
}

/// Trusts a browser of this account no more; whether it was trusted.
pub(in crate::identity) async fn distrust(tx: &Tx, account: AccountId, id: BrowserId) -> Result<bool, DbErr> {
    let sql =
        "UPDATE browsers SET trusted_until = NULL WHERE account_id = $1 AND id = $2 AND trusted_until IS NOT NULL";
    Ok(tx.execute_raw(statement(tx, sql, [account.into(), id.into()])).await?.rows_affected() == 1)
}

/// Whether a session is still there.
pub(in crate::identity) async fn has_session(tx: &Tx, id: SessionId) -> Result<bool, DbErr> {
    let row = tx.query_one_raw(statement(tx, "SELECT 1 AS one FROM sessions WHERE id = $1", [id.into()])).await?;
    Ok(row.is_some())
}
