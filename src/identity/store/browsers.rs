//! The rows of browsers in which somebody has signed in before.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::{
    access::Origin,
    db::Tx,
    types::{AccountId, BrowserId, Timestamp},
};

/// A browser that this account has used.
#[derive(Clone, FromQueryResult)]
pub(in crate::identity) struct BrowserRow {
    pub id: BrowserId,
    pub trusted_until: Option<Timestamp>,
}

/// The browser with this token, as far as the account with this address has used it. Asked by address, so that the same question
/// is asked whether there is such an account or not.
pub(in crate::identity) async fn find(
    db: &impl ConnectionTrait,
    email_key: &str,
    token_hash: Vec<u8>,
) -> Result<Option<BrowserRow>, DbErr> {
    BrowserRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT b.id, b.trusted_until FROM browsers b JOIN accounts a ON a.id = b.account_id \
         WHERE a.email_key = $1 AND b.token_hash = $2",
        [email_key.into(), token_hash.into()],
    ))
    .one(db)
    .await
}

/// Whether the account has used any browser before.
pub(in crate::identity) async fn any(db: &impl ConnectionTrait, account: AccountId) -> Result<bool, DbErr> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT 1 AS one FROM browsers WHERE account_id = $1 LIMIT 1",
            [account.into()],
        ))
        .await?;
    Ok(row.is_some())
}

/// The browsers that this account has used.
pub(in crate::identity) async fn ids_of(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Vec<BrowserId>, DbErr> {
    let sql = "SELECT id FROM browsers WHERE account_id = $1";
    let rows =
        db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [account.into()])).await?;
    rows.iter().map(|row| row.try_get("", "id")).collect()
}

/// Writes down that the account uses this browser; whether it is the first time.
pub(in crate::identity) async fn meet(
    tx: &Tx,
    id: BrowserId,
    account: AccountId,
    token_hash: Vec<u8>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(BrowserId, bool), DbErr> {
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "INSERT INTO browsers (id, account_id, token_hash, address, agent, created_at, seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (account_id, token_hash) DO UPDATE SET \
             address = excluded.address, agent = excluded.agent, seen_at = excluded.seen_at RETURNING id",
            [
                id.into(),
                account.into(),
                token_hash.into(),
                origin.address.as_str().into(),
                origin.agent.as_str().into(),
                now.into(),
            ],
        ))
        .await?;
    let met: BrowserId = row.map_or(Ok(id), |row| row.try_get("", "id"))?;
    Ok((met, met == id))
}

/// Trusts a browser of this account until then.
pub(in crate::identity) async fn trust(
    tx: &Tx,
    account: AccountId,
    id: BrowserId,
    until: Timestamp,
) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "UPDATE browsers SET trusted_until = $3 WHERE account_id = $1 AND id = $2",
        [account.into(), id.into(), until.into()],
    ))
    .await?;
    Ok(())
}

/// Trusts none of the account's browsers any more; how many were trusted.
pub(in crate::identity) async fn distrust_all(tx: &Tx, account: AccountId) -> Result<u64, DbErr> {
    let done = tx
        .execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "UPDATE browsers SET trusted_until = NULL WHERE account_id = $1 AND trusted_until IS NOT NULL",
            [account.into()],
        ))
        .await?;
    Ok(done.rows_affected())
}
