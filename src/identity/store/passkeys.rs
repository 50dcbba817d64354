//! The rows of passkeys: public keys only, so nobody who reads them can sign in with one.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    db::Tx,
    identity::Passkey,
    types::{AccountId, PasskeyId, Timestamp},
};

#[derive(FromQueryResult)]
struct ListedRow {
    id: PasskeyId,
    name: String,
    added_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl From<ListedRow> for Passkey {
    fn from(row: ListedRow) -> Self {
        Self { id: row.id, name: row.name, added_at: row.added_at, used_at: row.used_at }
    }
}

fn statement(db: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// The account's passkeys, oldest first.
pub(in crate::identity) async fn list(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Passkey>, DbErr> {
    let sql = "SELECT id, name, added_at, used_at FROM passkeys WHERE account_id = $1 ORDER BY id";
    let rows = ListedRow::find_by_statement(statement(db, sql, [account.into()])).all(db).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Renames a passkey of this account; whether there was one.
pub(in crate::identity) async fn rename(tx: &Tx, account: AccountId, id: PasskeyId, name: &str) -> Result<bool, DbErr> {
    let sql = "UPDATE passkeys SET name = $3 WHERE account_id = $1 AND id = $2";
    let done = tx.execute_raw(statement(tx, sql, [account.into(), id.into(), name.into()])).await?;
    Ok(done.rows_affected() == 1)
}

/// Takes a passkey of this account away; its name, if there was one.
pub(in crate::identity) async fn delete(tx: &Tx, account: AccountId, id: PasskeyId) -> Result<Option<String>, DbErr> {
    let sql = "DELETE FROM passkeys WHERE account_id = $1 AND id = $2 RETURNING name";
    let row = tx.query_one_raw(statement(tx, sql, [account.into(), id.into()])).await?;
    row.map(|row| row.try_get("", "name")).transpose()
}
