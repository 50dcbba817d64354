//! Who was shown one patient, read from the patient's end.

use std::{collections::HashMap, fmt::Write};

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use uuid::Uuid;

use super::{
    Stored,
    list::{SLACK, id_at},
};
use crate::{
    access::{OnePatient, membership},
    db::{CHUNK, placeholders},
    types::{Cursor, DeploymentId, EmergencyId, OrganisationId, Timestamp},
};

/// Between which instants; none does not narrow.
#[derive(Clone, Copy, Debug, Default)]
pub struct Days {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// The statement behind the list, newest first. Ids of events begin with the time, so the patient's own rows are in its order already.
#[must_use]
pub fn seen_statement(one: &OnePatient, days: Days, from: Option<&Cursor>, size: usize) -> (String, Vec<Value>) {
    let backwards = from.is_some_and(|cursor| cursor.backwards);
    let mut values: Vec<Value> = vec![one.patient().into()];
    let mut conditions = "s.patient_id = $1".to_owned();
    let mut only = |condition: &str, value: Value| {
        values.push(value);
        let _ = write!(conditions, " AND {condition} ${}", values.len());
    };
    if let Some(since) = days.since {
        only("s.event_id >=", id_at(since.0 - SLACK).into());
        only("e.at >=", since.into());
    }
    if let Some(until) = days.until {
        only("s.event_id <", id_at(until.0 + SLACK).into());
        only("e.at <", until.into());
    }
    if let Some(cursor) = from {
        only(if backwards { "s.event_id >" } else { "s.event_id <" }, cursor.id.into());
    }
    values.push((i64::try_from(size).unwrap_or(50) + 1).into());
    let direction = if backwards { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT s.event_id, {} FROM seen_patients s JOIN events e ON e.id = s.event_id WHERE {conditions} \
         ORDER BY s.event_id {direction} LIMIT ${}",
        Stored::COLUMNS,
        values.len()
    );
    (sql, values)
}

/// One page of who was shown the patient, with one row more than `size`.
pub async fn list(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    days: Days,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Stored>, DbErr> {
    let (sql, values) = seen_statement(one, days, from, size);
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    rows.iter().map(|row| Stored::read(row, row.try_get_by_index(0)?, 1)).collect()
}

/// The roles that these accounts hold in the organisation at `now`: each with its stored key and where it holds.
pub async fn roles_now(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    accounts: &[Uuid],
    now: Timestamp,
) -> Result<HashMap<Uuid, Vec<(String, Option<DeploymentId>)>>, DbErr> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for chunk in accounts.chunks(CHUNK) {
        let sql = format!(
            "SELECT m.account_id, m.role, m.deployment_id FROM memberships m WHERE m.organisation_id = $1 AND {} \
             AND m.account_id IN ({}) ORDER BY m.id",
            membership::live_sql("m", "$2"),
            placeholders(3, chunk.len())
        );
        let mut values: Vec<Value> = vec![organisation.into(), now.into()];
        values.extend(chunk.iter().map(|id| Value::from(*id)));
        for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
            let role = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            found.entry(row.try_get_by_index(0)?).or_default().push(role);
        }
    }
    Ok(found)
}

/// Why each of these emergency accesses was opened.
pub async fn reasons(db: &impl ConnectionTrait, ids: &[EmergencyId]) -> Result<HashMap<EmergencyId, String>, DbErr> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let sql = format!("SELECT id, reason FROM emergency_accesses WHERE id IN ({})", placeholders(1, chunk.len()));
        let values = chunk.iter().map(|id| Value::from(*id));
        for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
            found.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
    }
    Ok(found)
}
