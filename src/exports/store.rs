//! The rows of exports and of their sealed parts.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Export, State, Wanted};
use crate::{
    access::{Granted, Scope, Visible},
    db::Tx,
    types::{AccountId, DeploymentId, ExportId, OrganisationId, PatientId, Timestamp},
};

#[derive(FromQueryResult)]
struct Row {
    id: ExportId,
    organisation_id: OrganisationId,
    deployment_id: DeploymentId,
    account_id: AccountId,
    via: String,
    wanted: String,
    state: String,
    reason: String,
    patients_total: i64,
    patients_done: i64,
    readings_done: i64,
    bytes: i64,
    parts: i64,
    fence: i64,
    tries: i64,
    created_at: Timestamp,
    ends_at: Timestamp,
}

impl From<Row> for Export {
    fn from(row: Row) -> Self {
        let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
        Self {
            id: row.id,
            scope: Scope::deployment(row.organisation_id, row.deployment_id),
            account: row.account_id,
            via: row.via,
            wanted: serde_json::from_str(&row.wanted).unwrap_or_else(|_| unreadable()),
            state: State::from_key(&row.state),
            reason: row.reason,
            patients_total: unsigned(row.patients_total),
            patients_done: unsigned(row.patients_done),
            readings_done: unsigned(row.readings_done),
            bytes: unsigned(row.bytes),
            parts: row.parts,
            fence: row.fence,
            tries: row.tries,
            created_at: row.created_at,
            ends_at: row.ends_at,
        }
    }
}

/// What cannot be read any more gives nobody away.
fn unreadable() -> Wanted {
    Wanted { patients: Some(Vec::new()), without_identifiers: true, ..Wanted::default() }
}

const COLUMNS: &str = "id, organisation_id, deployment_id, account_id, via, wanted, state, reason, patients_total, patients_done, \
    readings_done, bytes, parts, fence, tries, created_at, ends_at";

async fn rows(db: &impl ConnectionTrait, end: &str, values: Vec<Value>) -> Result<Vec<Export>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM exports {end}");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(Row::find_by_statement(statement).all(db).await?.into_iter().map(Export::from).collect())
}

async fn change(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<bool, DbErr> {
    let done = tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(done.rows_affected() > 0)
}

/// A new export.
pub(super) struct NewExport<'a> {
    pub id: ExportId,
    pub account: AccountId,
    pub via: &'a str,
    pub wanted: String,
    pub request_key: &'a str,
    pub now: Timestamp,
    pub ends_at: Timestamp,
}

pub(super) async fn insert(tx: &Tx, granted: &Granted, new: NewExport<'_>) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    let sql = "INSERT INTO exports (id, organisation_id, deployment_id, account_id, via, wanted, request_key, state, reason, \
            patients_total, patients_done, readings_done, bytes, parts, lease_until, fence, tries, created_at, made_at, ends_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'asked', '', 0, 0, 0, 0, 0, NULL, 0, 0, $8, NULL, $9)";
    let values = vec![
        new.id.into(),
        granted.scope().organisation.into(),
        deployment.into(),
        new.account.into(),
        new.via.into(),
        new.wanted.into(),
        new.request_key.into(),
        new.now.into(),
        new.ends_at.into(),
    ];
    change(tx, sql, values).await?;
    Ok(())
}

/// The export that this request key has asked for already.
pub(super) async fn by_key(tx: &Tx, account: AccountId, key: &str) -> Result<Option<Export>, DbErr> {
    Ok(rows(tx, "WHERE account_id = $1 AND request_key = $2", vec![account.into(), key.into()]).await?.pop())
}

/// How many exports of a person wait or are being made.
pub(super) async fn under_way(tx: &Tx, account: AccountId) -> Result<usize, DbErr> {
    Ok(rows(tx, "WHERE account_id = $1 AND state = 'asked'", vec![account.into()]).await?.len())
}

/// An export that this person has asked for in a place that they may see.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    scope: Scope,
    account: AccountId,
    id: ExportId,
) -> Result<Option<Export>, DbErr> {
    let values = vec![id.into(), account.into(), scope.id().into()];
    Ok(rows(db, "WHERE id = $1 AND account_id = $2 AND deployment_id = $3", values).await?.pop())
}

/// The newest exports that this person has asked for there.
pub(super) async fn newest(
    db: &impl ConnectionTrait,
    visible: &Visible,
    account: AccountId,
) -> Result<Vec<Export>, DbErr> {
    let values = vec![account.into(), visible.scope().id().into()];
    rows(db, "WHERE account_id = $1 AND deployment_id = $2 ORDER BY id DESC LIMIT 10", values).await
}

/// Any export, for those who make it.
pub(super) async fn find_for_work(db: &impl ConnectionTrait, id: ExportId) -> Result<Option<Export>, DbErr> {
    Ok(rows(db, "WHERE id = $1", vec![id.into()]).await?.pop())
}

/// Exports that wait and that nobody makes at the moment.
pub(super) async fn due(db: &impl ConnectionTrait, now: Timestamp) -> Result<Vec<ExportId>, DbErr> {
    let end = "WHERE state = 'asked' AND (lease_until IS NULL OR lease_until <= $1) ORDER BY id LIMIT 20";
    Ok(rows(db, end, vec![now.into()]).await?.into_iter().map(|export| export.id).collect())
}

/// Takes an export for oneself until `lease`; of two who try, one gets it.
pub(super) async fn claim(tx: &Tx, id: ExportId, now: Timestamp, lease: Timestamp) -> Result<bool, DbErr> {
    let sql = "UPDATE exports SET lease_until = $3, fence = fence + 1, tries = tries + 1, patients_done = 0, readings_done = 0 \
        WHERE id = $1 AND state = 'asked' AND (lease_until IS NULL OR lease_until <= $2)";
    change(tx, sql, vec![id.into(), now.into(), lease.into()]).await
}

/// How far it is; false when somebody else has taken it over.
pub(super) async fn advance(tx: &Tx, export: &Export, lease: Timestamp) -> Result<bool, DbErr> {
    let sql = "UPDATE exports SET lease_until = $3, patients_total = $4, patients_done = $5, readings_done = $6 \
        WHERE id = $1 AND fence = $2 AND state = 'asked'";
    let number = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let values = vec![
        export.id.into(),
        export.fence.into(),
        lease.into(),
        number(export.patients_total),
        number(export.patients_done),
        number(export.readings_done),
    ];
    change(tx, sql, values).await
}

/// Lets others try again, not before `until`.
pub(super) async fn let_go(tx: &Tx, export: &Export, until: Timestamp) -> Result<bool, DbErr> {
    let sql = "UPDATE exports SET lease_until = $3 WHERE id = $1 AND fence = $2 AND state = 'asked'";
    change(tx, sql, vec![export.id.into(), export.fence.into(), until.into()]).await
}

/// Says that it is made, and for how long it stays.
pub(super) async fn finish(tx: &Tx, export: &Export, now: Timestamp, ends_at: Timestamp) -> Result<bool, DbErr> {
    let sql = "UPDATE exports SET state = 'made', lease_until = NULL, bytes = $3, parts = $4, made_at = $5, ends_at = $6, \
        patients_total = $7, patients_done = $7, readings_done = $8 WHERE id = $1 AND fence = $2 AND state = 'asked'";
    let number = |n: u64| Value::from(i64::try_from(n).unwrap_or(i64::MAX));
    let values = vec![
        export.id.into(),
        export.fence.into(),
        number(export.bytes),
        export.parts.into(),
        now.into(),
        ends_at.into(),
        number(export.patients_total),
        number(export.readings_done),
    ];
    change(tx, sql, values).await
}

/// Says that it will not be made.
pub(super) async fn fail(tx: &Tx, export: &Export, reason: &str) -> Result<bool, DbErr> {
    let sql = "UPDATE exports SET state = 'failed', lease_until = NULL, reason = $3 \
        WHERE id = $1 AND fence = $2 AND state = 'asked'";
    change(tx, sql, vec![export.id.into(), export.fence.into(), reason.into()]).await
}

pub(super) async fn write_part(tx: &Tx, export: &Export, part: i64, sealed: Vec<u8>) -> Result<(), DbErr> {
    let sql = "INSERT INTO export_parts (export_id, fence, part, sealed) VALUES ($1, $2, $3, $4)";
    change(tx, sql, vec![export.id.into(), export.fence.into(), part.into(), sealed.into()]).await?;
    Ok(())
}

/// One sealed part of what the last claim made.
pub(super) async fn part(db: &impl ConnectionTrait, export: &Export, part: i64) -> Result<Option<Vec<u8>>, DbErr> {
    let sql = "SELECT sealed FROM export_parts WHERE export_id = $1 AND fence = $2 AND part = $3";
    let values = [Value::from(export.id), export.fence.into(), part.into()];
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    row.map(|row| row.try_get("", "sealed")).transpose()
}

/// Deletes the parts that other claims have left.
pub(super) async fn wipe_others(tx: &Tx, export: &Export) -> Result<(), DbErr> {
    let sql = "DELETE FROM export_parts WHERE export_id = $1 AND fence <> $2";
    change(tx, sql, vec![export.id.into(), export.fence.into()]).await?;
    Ok(())
}

/// Exports whose day is over and that are not wiped yet.
pub(super) async fn ended(db: &impl ConnectionTrait, now: Timestamp) -> Result<Vec<ExportId>, DbErr> {
    let end = "WHERE state <> 'wiped' AND ends_at <= $1 ORDER BY ends_at LIMIT 100";
    Ok(rows(db, end, vec![now.into()]).await?.into_iter().map(|export| export.id).collect())
}

/// Wipes the file, and what was asked for.
pub(super) async fn wipe(tx: &Tx, id: ExportId) -> Result<(), DbErr> {
    change(tx, "DELETE FROM export_parts WHERE export_id = $1", vec![id.into()]).await?;
    change(tx, "UPDATE exports SET state = 'wiped', wanted = '{}', lease_until = NULL WHERE id = $1", vec![id.into()])
        .await?;
    Ok(())
}

/// A note, as it is exported.
#[derive(FromQueryResult)]
pub(super) struct Note {
    pub author_name: String,
    pub text: String,
    pub at: Timestamp,
}

/// The notes about a patient of the deployment that may be seen, oldest first.
pub(super) async fn notes_of(
    db: &impl ConnectionTrait,
    visible: &Visible,
    patient: PatientId,
) -> Result<Vec<Note>, DbErr> {
    let sql = "SELECT author_name, text, at FROM notes WHERE patient_id = $1 AND deployment_id = $2 ORDER BY id";
    let values = [Value::from(patient), visible.scope().id().into()];
    Note::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db).await
}
