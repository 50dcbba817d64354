//! The rows of emergency accesses. A row is never changed but for its end.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use super::EmergencyAccess;
use crate::{
    access::{Clinician, Opening, Scope, Visible},
    db::{Tx, list::ListSql},
    types::{AccountId, Cursor, EmergencyId, OrganisationId, PatientId, Timestamp},
};

const COLUMNS: &str = "e.id, e.organisation_id, e.deployment_id, e.patient_id, p.number, e.account_id, e.reason, e.begun_at, \
    e.ends_at, e.ended_at FROM emergency_accesses e JOIN patients p ON p.id = e.patient_id";

fn read(row: &QueryResult) -> Result<EmergencyAccess, DbErr> {
    Ok(EmergencyAccess {
        id: row.try_get_by_index(0)?,
        scope: Scope::deployment(row.try_get_by_index(1)?, row.try_get_by_index(2)?),
        patient: row.try_get_by_index(3)?,
        number: row.try_get_by_index(4)?,
        account: row.try_get_by_index(5)?,
        reason: row.try_get_by_index(6)?,
        begun_at: row.try_get_by_index(7)?,
        ends_at: row.try_get_by_index(8)?,
        ended_at: row.try_get_by_index(9)?,
    })
}

async fn ask(db: &impl ConnectionTrait, sql: String, values: Vec<Value>) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await
}

/// The patients of the organisation who have exactly this number, at most one of each deployment.
pub(super) async fn with_number(
    tx: &Tx,
    clinician: &Clinician,
    number_key: &str,
) -> Result<Vec<(PatientId, Scope)>, DbErr> {
    let organisation = clinician.organisation();
    let sql = "SELECT id, deployment_id FROM patients WHERE organisation_id = $1 AND number_key = $2 ORDER BY id";
    let rows = ask(tx, sql.to_owned(), vec![organisation.into(), number_key.into()]).await?;
    rows.iter()
        .map(|row| Ok((row.try_get_by_index(0)?, Scope::deployment(organisation, row.try_get_by_index(1)?))))
        .collect()
}

pub(super) async fn insert(
    tx: &Tx,
    opening: &Opening,
    id: EmergencyId,
    reason: &str,
    begun_at: Timestamp,
    ends_at: Timestamp,
) -> Result<(), DbErr> {
    let Some(deployment) = opening.scope().deployment else { return Ok(()) };
    let values: Vec<Value> = vec![
        id.into(),
        opening.scope().organisation.into(),
        deployment.into(),
        opening.patient().into(),
        opening.account().into(),
        reason.into(),
        begun_at.into(),
        ends_at.into(),
    ];
    let sql = "INSERT INTO emergency_accesses (id, organisation_id, deployment_id, patient_id, account_id, reason, begun_at, ends_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Any emergency access.
pub(super) async fn find(db: &impl ConnectionTrait, id: EmergencyId) -> Result<Option<EmergencyAccess>, DbErr> {
    let rows = ask(db, format!("SELECT {COLUMNS} WHERE e.id = $1"), vec![id.into()]).await?;
    rows.first().map(read).transpose()
}

/// Ends what this account has open of this patient; gives what was ended.
pub(super) async fn end(
    tx: &Tx,
    account: AccountId,
    patient: PatientId,
    now: Timestamp,
) -> Result<Vec<EmergencyId>, DbErr> {
    let sql = "UPDATE emergency_accesses SET ended_at = $3 \
        WHERE account_id = $1 AND patient_id = $2 AND ended_at IS NULL AND ends_at > $3 RETURNING id";
    let rows = ask(tx, sql.to_owned(), vec![account.into(), patient.into(), now.into()]).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// What an account has open in an organisation at `now`.
pub(super) async fn open_now(
    db: &impl ConnectionTrait,
    account: AccountId,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Vec<EmergencyAccess>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} WHERE e.account_id = $1 AND e.organisation_id = $2 AND e.ended_at IS NULL AND e.ends_at > $3 ORDER BY e.id"
    );
    ask(db, sql, vec![account.into(), organisation.into(), now.into()]).await?.iter().map(read).collect()
}

/// The statement behind the list of what may be seen, newest first.
#[must_use]
pub fn list_statement(visible: &Visible, from: Option<&Cursor>, size: usize) -> (String, Vec<Value>) {
    let scope = visible.scope();
    let column = if scope.deployment.is_some() { "e.deployment_id" } else { "e.organisation_id" };
    let mut list = ListSql::within(column, scope.id());
    let backwards = from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        list.beyond("e.id", vec![cursor.id.into()], !backwards);
    }
    let (end, values) = list.finish(&["e.id"], !backwards, size);
    (format!("SELECT {COLUMNS} {end}"), values)
}

pub(super) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<EmergencyAccess>, DbErr> {
    let (sql, values) = list_statement(visible, from, size);
    ask(db, sql, values).await?.iter().map(read).collect()
}
