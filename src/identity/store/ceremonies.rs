//! The rows of challenges under way.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use crate::{
    db::Tx,
    types::{AccountId, CeremonyId, Timestamp},
};

/// For how long a challenge may be answered.
const OPEN_FOR: Duration = Duration::from_secs(5 * 60);

fn statement(tx: &Tx, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(tx.get_database_backend(), sql, values)
}

/// Keeps a challenge until it is answered; none of an account where nobody has said yet who they are.
pub(in crate::identity) async fn insert(
    tx: &Tx,
    id: CeremonyId,
    purpose: &str,
    account: Option<AccountId>,
    state: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO ceremonies (id, purpose, account_id, state, expires_at) VALUES ($1, $2, $3, $4, $5)";
    let expires = now.plus(OPEN_FOR);
    let values = [id.into(), purpose.into(), account.into(), state.into(), expires.into()];
    tx.execute_raw(statement(tx, sql, values)).await?;
    Ok(())
}

/// Takes a challenge away for judging its answer, if it was made for this and may still be answered. Of two answers, one gets it.
pub(in crate::identity) async fn take(
    tx: &Tx,
    id: CeremonyId,
    purpose: &str,
    account: Option<AccountId>,
    now: Timestamp,
) -> Result<Option<String>, DbErr> {
    let sql = "DELETE FROM ceremonies WHERE id = $1 AND purpose = $2 AND account_id IS NOT DISTINCT FROM $3 AND expires_at > $4 \
               RETURNING state";
    let row = tx.query_one_raw(statement(tx, sql, [id.into(), purpose.into(), account.into(), now.into()])).await?;
    row.map(|row| row.try_get("", "state")).transpose()
}

/// Deletes challenges that nobody may answer any more.
pub(in crate::identity) async fn delete_expired(tx: &Tx, now: Timestamp) -> Result<u64, DbErr> {
    let sql = "DELETE FROM ceremonies WHERE expires_at <= $1";
    Ok(tx.execute_raw(statement(tx, sql, [now.into()])).await?.rows_affected())
}
