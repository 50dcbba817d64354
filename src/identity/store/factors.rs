//! The rows of second factors. None of them holds a secret: seeds are worth nothing without the root key.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    db::Tx,
    types::{AccountId, Timestamp},
};

/// An account's authenticator app.
#[derive(FromQueryResult)]
pub(in crate::identity) struct AuthenticatorRow {
    pub seed: Vec<u8>,
    pub last_step: i64,
    pub added_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// An account's recovery codes.
#[derive(FromQueryResult)]
pub(in crate::identity) struct RecoveryRow {
    pub seed: Vec<u8>,
    /// A bit for each code that was used.
    pub used: i64,
    pub made_at: Timestamp,
}

fn statement(db: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

pub(in crate::identity) async fn authenticator_of(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<AuthenticatorRow>, DbErr> {
    let sql = "SELECT seed, last_step, added_at, used_at FROM authenticators WHERE account_id = $1";
    AuthenticatorRow::find_by_statement(statement(db, sql, [account.into()])).one(db).await
}

/// Puts a new authenticator in the place of the one before, if there was one.
pub(in crate::identity) async fn put_authenticator(
    tx: &Tx,
    account: AccountId,
    seed: &[u8],
    step: i64,
    now: Timestamp,
) -> Result<(), DbErr> {
    tx.execute_raw(statement(
        tx,
        "INSERT INTO authenticators (account_id, seed, last_step, added_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account_id) DO UPDATE SET seed = excluded.seed, last_step = excluded.last_step, \
         added_at = excluded.added_at, used_at = NULL",
        [account.into(), seed.to_vec().into(), step.into(), now.into()],
    ))
    .await?;
    Ok(())
}

/// Takes a step's code for used; whether it, and every later one, was unused until now. Of two at once, one wins.
pub(in crate::identity) async fn use_step(
    tx: &Tx,
    account: AccountId,
    step: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = tx
        .execute_raw(statement(
            tx,
            "UPDATE authenticators SET last_step = $2, used_at = $3 WHERE account_id = $1 AND last_step < $2",
            [account.into(), step.into(), now.into()],
        ))
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(in crate::identity) async fn recovery_codes_of(
    db: &impl ConnectionTrait,
    account: AccountId,
) -> Result<Option<RecoveryRow>, DbErr> {
    let sql = "SELECT seed, used, made_at FROM recovery_codes WHERE account_id = $1";
    RecoveryRow::find_by_statement(statement(db, sql, [account.into()])).one(db).await
}

pub(in crate::identity) async fn put_recovery_codes(
    tx: &Tx,
    account: AccountId,
    seed: &[u8],
    now: Timestamp,
) -> Result<(), DbErr> {
    tx.execute_raw(statement(
        tx,
        "INSERT INTO recovery_codes (account_id, seed, used, made_at) VALUES ($1, $2, 0, $3) \
         ON CONFLICT (account_id) DO UPDATE SET seed = excluded.seed, used = 0, made_at = excluded.made_at",
        [account.into(), seed.to_vec().into(), now.into()],
    ))
    .await?;
    Ok(())
}

/// Takes the `n`th code of this very set for used; whether it was unused until now.
pub(in crate::identity) async fn use_recovery_code(
    tx: &Tx,
    account: AccountId,
    seed: &[u8],
    n: u8,
) -> Result<bool, DbErr> {
    let done = tx
        .execute_raw(statement(
            tx,
            "UPDATE recovery_codes SET used = used | $3 WHERE account_id = $1 AND seed = $2 AND used & $3 = 0",
            [account.into(), seed.to_vec().into(), (1_i64 << n).into()],
        ))
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes every second factor away; how many there were.
pub(in crate::identity) async fn delete_all(tx: &Tx, account: AccountId) -> Result<u64, DbErr> {
    let mut deleted = 0;
    for table in ["authenticators", "passkeys", "recovery_codes"] {
        let sql = format!("DELETE FROM {table} WHERE account_id = $1");
        deleted += tx.execute_raw(statement(tx, &sql, [account.into()])).await?.rows_affected();
    }
    Ok(deleted)
}

/// Takes the authenticator app away; whether there was one.
pub(in crate::identity) async fn delete_authenticator(tx: &Tx, account: AccountId) -> Result<bool, DbErr> {
    let sql = "DELETE FROM authenticators WHERE account_id = $1";
    Ok(tx.execute_raw(statement(tx, sql, [account.into()])).await?.rows_affected() == 1)
}

/// Whether the account has an authenticator, and how many passkeys.
#[derive(FromQueryResult)]
pub(in crate::identity) struct Counts {
    pub authenticators: i64,
    pub passkeys: i64,
}

pub(in crate::identity) async fn count(db: &impl ConnectionTrait, account: AccountId) -> Result<Counts, DbErr> {
    let sql = "SELECT (SELECT COUNT(*) FROM authenticators WHERE account_id = $1) AS authenticators, \
               (SELECT COUNT(*) FROM passkeys WHERE account_id = $1) AS passkeys";
    let row = Counts::find_by_statement(statement(db, sql, [account.into()])).one(db).await?;
    Ok(row.unwrap_or(Counts { authenticators: 0, passkeys: 0 }))
}
