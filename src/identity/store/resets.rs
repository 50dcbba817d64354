//! The rows of forgotten passwords: who asked, which links are open, and what a new password puts an end to.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};

use crate::{
    access::Origin,
    db::Tx,
    identity::Account,
    types::{AccountId, PasswordResetId, ResetRequestId, SessionId, Timestamp},
};

async fn run(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, values);
    Ok(tx.execute_raw(statement).await?.rows_affected())
}

/// Somebody who asked for a new password, as they asked.
#[derive(FromQueryResult)]
pub(in crate::identity) struct Request {
    pub email_key: String,
    pub address: String,
    pub agent: String,
}

pub(in crate::identity) async fn insert_request(
    tx: &Tx,
    id: ResetRequestId,
    email_key: &str,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO reset_requests (id, email_key, address, agent, requested_at) VALUES ($1, $2, $3, $4, $5)";
    let (address, agent) = (origin.address.as_str().into(), origin.agent.as_str().into());
    run(tx, sql, vec![id.into(), email_key.into(), address, agent, now.into()]).await?;
    Ok(())
}

/// Takes the oldest request away. Whoever takes it answers it in the same transaction, so that of several nodes one does.
pub(in crate::identity) async fn take_request(tx: &Tx) -> Result<Option<Request>, DbErr> {
    let backend = tx.get_database_backend();
    let skip_locked = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "DELETE FROM reset_requests WHERE id = (SELECT id FROM reset_requests ORDER BY id LIMIT 1 {skip_locked}) \
         RETURNING email_key, address, agent"
    );
    Request::find_by_statement(Statement::from_string(backend, sql)).one(tx).await
}

pub(in crate::identity) async fn insert_reset(
    tx: &Tx,
    id: PasswordResetId,
    account: AccountId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO password_resets (id, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
    run(tx, sql, vec![id.into(), account.into(), now.into(), expires_at.into()]).await?;
    Ok(())
}

/// What makes a link to choose a password alive, of the table `password_resets` (`$1` is its id, `$2` the instant): not used, not
/// expired, and the password has not been changed since. Said here once, for looking and for using up.
const ALIVE: &str = "password_resets.id = $1 AND password_resets.used_at IS NULL AND password_resets.expires_at > $2 \
    AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = password_resets.account_id \
    AND (a.password_changed_at IS NULL OR a.password_changed_at <= password_resets.created_at))";

/// A link that is alive, with whose it is.
#[derive(FromQueryResult)]
pub(in crate::identity) struct OpenReset {
    pub account_id: AccountId,
    pub name: String,
    pub email: String,
    pub expires_at: Timestamp,
    pub password_void: bool,
}

impl OpenReset {
    pub(in crate::identity) fn account(&self) -> Account {
        Account { id: self.account_id, name: self.name.clone(), email: self.email.clone() }
    }
}

pub(in crate::identity) async fn find_reset(
    db: &impl ConnectionTrait,
    id: PasswordResetId,
    now: Timestamp,
) -> Result<Option<OpenReset>, DbErr> {
    let sql = format!(
        "SELECT o.id AS account_id, o.name, o.email, o.password_void, password_resets.expires_at FROM password_resets \
         JOIN accounts o ON o.id = password_resets.account_id WHERE {ALIVE}"
    );
    let values = [id.into(), now.into()];
    OpenReset::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).one(db).await
}

/// Uses a link up; whether it was alive. Of two links of one account at the same moment one waits for the other, and is dead then.
pub(in crate::identity) async fn use_reset(
    tx: &Tx,
    id: PasswordResetId,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT id FROM password_resets WHERE account_id = $1 ORDER BY id FOR UPDATE";
        run(tx, sql, vec![account.into()]).await?;
    }
    let sql = format!("UPDATE password_resets SET used_at = $2 WHERE {ALIVE}");
    Ok(run(tx, &sql, vec![id.into(), now.into()]).await? == 1)
}

/// Ends every link of the account that is still open.
pub(in crate::identity) async fn end_resets(tx: &Tx, account: AccountId, now: Timestamp) -> Result<(), DbErr> {
    let sql =
        "UPDATE password_resets SET expires_at = $2 WHERE account_id = $1 AND used_at IS NULL AND expires_at > $2";
    run(tx, sql, vec![account.into(), now.into()]).await?;
    Ok(())
}

pub(in crate::identity) async fn set_password(
    tx: &Tx,
    account: AccountId,
    hash: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let sql = "UPDATE accounts SET password_hash = $2, password_changed_at = $3, password_void = FALSE WHERE id = $1";
    run(tx, sql, vec![account.into(), hash.into(), now.into()]).await?;
    Ok(())
}

/// The password is taken no more, by anybody, until a link makes a new one.
pub(in crate::identity) async fn void_password(tx: &Tx, account: AccountId) -> Result<(), DbErr> {
    run(tx, "UPDATE accounts SET password_void = TRUE WHERE id = $1", vec![account.into()]).await?;
    Ok(())
}

/// Ends the account's sessions, all or all but one; how many they were.
pub(in crate::identity) async fn delete_sessions_but(
    tx: &Tx,
    account: AccountId,
    keep: Option<SessionId>,
) -> Result<u64, DbErr> {
    match keep {
        Some(keep) => {
            let sql = "DELETE FROM sessions WHERE account_id = $1 AND id <> $2";
            run(tx, sql, vec![account.into(), keep.into()]).await
        }
        None => run(tx, "DELETE FROM sessions WHERE account_id = $1", vec![account.into()]).await,
    }
}

/// Ends every API key of the account; how many they were.
pub(in crate::identity) async fn revoke_all_keys(tx: &Tx, account: AccountId, now: Timestamp) -> Result<u64, DbErr> {
    let sql = "UPDATE api_keys SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";
    run(tx, sql, vec![account.into(), now.into()]).await
}
