//! The rows of forms that wait until somebody has proved themselves.

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::{
    db::Tx,
    types::{AccountId, InterruptedId, Timestamp},
};

pub(in crate::identity) async fn insert(
    tx: &Tx,
    id: InterruptedId,
    account: AccountId,
    sealed: Vec<u8>,
    expires_at: Timestamp,
) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "INSERT INTO interrupted (id, account_id, sealed, expires_at) VALUES ($1, $2, $3, $4)",
        [id.into(), account.into(), sealed.into(), expires_at.into()],
    ))
    .await?;
    Ok(())
}

/// What waits under this id for this account.
pub(in crate::identity) async fn find(
    db: &impl ConnectionTrait,
    id: InterruptedId,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<Vec<u8>>, DbErr> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT sealed FROM interrupted WHERE id = $1 AND account_id = $2 AND expires_at > $3",
            [id.into(), account.into(), now.into()],
        ))
        .await?;
    row.map(|row| row.try_get("", "sealed")).transpose()
}

/// Takes it away; whether it was still there. Of two that would both send it, one does.
pub(in crate::identity) async fn take(
    tx: &Tx,
    id: InterruptedId,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = tx
        .execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "DELETE FROM interrupted WHERE id = $1 AND account_id = $2 AND expires_at > $3",
            [id.into(), account.into(), now.into()],
        ))
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::identity) async fn delete_old(tx: &Tx, now: Timestamp) -> Result<u64, DbErr> {
    let done = tx
        .execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "DELETE FROM interrupted WHERE expires_at <= $1",
            [now.into()],
        ))
        .await?;
    Ok(done.rows_affected())
}
