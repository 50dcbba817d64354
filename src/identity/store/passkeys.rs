//! The rows of passkeys: public keys only, so nobody who reads them can sign in with one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};
use serde_json::json;

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
    stands_alone: bool,
}

/// Whether a passkey signs in without a password: not if its owner has said "This was not me" since it was added. Said here once, for
/// showing and for judging.
const STANDS_ALONE: &str = "NOT EXISTS (SELECT 1 FROM notices n WHERE n.account_id = passkeys.account_id \
    AND n.disowned_at IS NOT NULL AND n.disowned_at >= passkeys.added_at)";

impl From<ListedRow> for Passkey {
    fn from(row: ListedRow) -> Self {
        let ListedRow { id, name, added_at, used_at, stands_alone } = row;
        Self { id, name, added_at, used_at, stands_alone }
    }
}

/// A passkey for judging an answer.
#[derive(FromQueryResult)]
pub(in crate::identity) struct PasskeyRow {
    pub id: PasskeyId,
    pub account_id: AccountId,
    pub credential_id: Vec<u8>,
    /// The public key, its counter and its flags, as the library writes them.
    pub credential: String,
}

impl PasskeyRow {
    /// How a browser finds it: its id, and by which ways it may be reached where it has said so.
    pub(in crate::identity) fn descriptor(&self) -> serde_json::Value {
        let id = URL_SAFE_NO_PAD.encode(&self.credential_id);
        let mut descriptor = json!({ "type": "public-key", "id": id });
        let stored: serde_json::Value = serde_json::from_str(&self.credential).unwrap_or_default();
        if let Some(ways) = stored.pointer("/cred/transports").filter(|ways| ways.is_array())
            && let Some(descriptor) = descriptor.as_object_mut()
        {
            descriptor.insert("transports".to_owned(), ways.clone());
        }
        descriptor
    }
}

/// A passkey that is added.
pub(in crate::identity) struct New<'a> {
    pub id: PasskeyId,
    pub account: AccountId,
    pub credential_id: &'a [u8],
    pub name: &'a str,
    pub credential: &'a str,
}

fn statement(db: &impl ConnectionTrait, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// The account's passkeys, oldest first.
pub(in crate::identity) async fn list(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<Passkey>, DbErr> {
    let sql = format!(
        "SELECT id, name, added_at, used_at, {STANDS_ALONE} AS stands_alone FROM passkeys WHERE account_id = $1 ORDER BY id"
    );
    let rows = ListedRow::find_by_statement(statement(db, &sql, [account.into()])).all(db).await?;
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

/// Adds a passkey; not if anybody has it already.
pub(in crate::identity) async fn insert(tx: &Tx, new: New<'_>, now: Timestamp) -> Result<bool, DbErr> {
    let sql = "INSERT INTO passkeys (id, account_id, credential_id, name, credential, added_at) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (credential_id) DO NOTHING";
    let values = [
        new.id.into(),
        new.account.into(),
        new.credential_id.to_vec().into(),
        new.name.into(),
        new.credential.into(),
        now.into(),
    ];
    Ok(tx.execute_raw(statement(tx, sql, values)).await?.rows_affected() == 1)
}

/// The account's passkeys for a challenge.
pub(in crate::identity) async fn of(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<PasskeyRow>, DbErr> {
    let sql = "SELECT id, account_id, credential_id, credential FROM passkeys WHERE account_id = $1 ORDER BY id";
    PasskeyRow::find_by_statement(statement(db, sql, [account.into()])).all(db).await
}

/// The passkey with this credential id, whosever it is.
pub(in crate::identity) async fn find(
    db: &impl ConnectionTrait,
    credential_id: &[u8],
) -> Result<Option<PasskeyRow>, DbErr> {
    let sql = "SELECT id, account_id, credential_id, credential FROM passkeys WHERE credential_id = $1";
    PasskeyRow::find_by_statement(statement(db, sql, [credential_id.to_vec().into()])).one(db).await
}

/// Whether this passkey signs in without a password.
pub(in crate::identity) async fn stands_alone(db: &impl ConnectionTrait, id: PasskeyId) -> Result<bool, DbErr> {
    let sql = format!("SELECT 1 AS one FROM passkeys WHERE id = $1 AND {STANDS_ALONE}");
    Ok(db.query_one_raw(statement(db, &sql, [id.into()])).await?.is_some())
}

/// Writes down that a passkey was used; not if it has changed since it was read.
pub(in crate::identity) async fn mark_used(
    tx: &Tx,
    id: PasskeyId,
    before: &str,
    after: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let sql = "UPDATE passkeys SET credential = $3, used_at = $4 WHERE id = $1 AND credential = $2";
    let done = tx.execute_raw(statement(tx, sql, [id.into(), before.into(), after.into(), now.into()])).await?;
    Ok(done.rows_affected() == 1)
}
