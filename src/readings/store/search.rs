//! The statement by which other systems and exports read entries: by the moment at which they were measured.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Statement};

use super::reading;
use crate::{
    access::{OnePatient, Visible},
    db::list::ListSql,
    readings::{Measured, Module, Reading, Severity},
    types::{Cursor, PatientId, ReadingId, Timestamp},
};

/// Which entries. What is none does not narrow.
#[derive(Clone, Debug, Default)]
pub struct ReadingSearch {
    /// Only these.
    pub ids: Option<Vec<ReadingId>>,
    /// Only of these modules.
    pub modules: Option<Vec<&'static Module>>,
    /// Only with these identifiers; without a system (`|`), of any.
    pub identifiers: Option<Vec<String>>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub before: Option<Timestamp>,
    /// The newest first; otherwise the oldest.
    pub newest_first: bool,
}

/// Whose entries.
pub(in crate::readings) enum In<'a> {
    /// Of one patient.
    Patient(&'a OnePatient),
    /// Of one patient of a deployment.
    One(&'a Visible, PatientId),
    /// Of every patient of a deployment.
    Deployment(&'a Visible),
}

/// One page of entries that may be seen, with one row more than `size`.
pub(in crate::readings) async fn search(
    db: &impl ConnectionTrait,
    place: In<'_>,
    search: &ReadingSearch,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Reading>, DbErr> {
    let mut sql = match place {
        In::Patient(one) => ListSql::within("patient_id", one.patient().uuid()),
        In::One(visible, patient) => {
            let mut sql = ListSql::within("deployment_id", visible.scope().id());
            let patient = sql.bind(patient);
            sql.only(format!("patient_id = {patient}"));
            sql
        }
        In::Deployment(visible) => ListSql::within("deployment_id", visible.scope().id()),
    };
    if let Some(ids) = &search.ids {
        let marks: Vec<_> = ids.iter().map(|id| sql.bind(*id)).collect();
        sql.only(one_of("id", &marks));
    }
    if let Some(modules) = &search.modules {
        let marks: Vec<_> = modules.iter().map(|module| sql.bind(module.key)).collect();
        sql.only(one_of("module", &marks));
    }
    if let Some(identifiers) = &search.identifiers {
        let each: Vec<_> = identifiers.iter().map(|identifier| by_identifier(&mut sql, identifier)).collect();
        sql.only(format!("({})", each.join(" OR ")));
    }
    for (relation, at) in [(">=", search.from), ("<", search.before)] {
        if let Some(at) = at {
            let at = sql.bind(at);
            sql.only(format!("at {relation} {at}"));
        }
    }
    let descending = search.newest_first != from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        let at = cursor.timestamp().unwrap_or_default();
        sql.beyond("at, id", vec![at.into(), cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["at", "id"], descending, size);
    let sql = format!("SELECT * FROM readings {end}");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let rows = reading::Model::find_by_statement(statement).all(db).await?;
    Ok(rows.into_iter().filter_map(into_reading).collect())
}

/// `system|value` as it is stored, or a value of any system.
fn by_identifier(sql: &mut ListSql, identifier: &str) -> String {
    if identifier.contains('|') {
        let mark = sql.bind(identifier.to_owned());
        return format!("identifier = {mark}");
    }
    let literal = identifier.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let mark = sql.bind(format!("%|{literal}"));
    format!("identifier LIKE {mark} ESCAPE '\\'")
}

/// An empty list of alternatives finds nothing.
fn one_of(column: &str, marks: &[String]) -> String {
    if marks.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", marks.join(", ")) }
}

/// Whose entry it is, for asking whether the caller may see it.
pub(in crate::readings) async fn patient_of(
    db: &impl ConnectionTrait,
    id: ReadingId,
) -> Result<Option<PatientId>, DbErr> {
    Ok(reading::Entity::find_by_id(id).one(db).await?.map(|row| row.patient_id))
}

/// An entry of the patient that may be seen.
pub(in crate::readings) async fn find(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    id: ReadingId,
) -> Result<Option<Reading>, DbErr> {
    let found = reading::Entity::find_by_id(id).one(db).await?;
    Ok(found.filter(|row| row.patient_id == one.patient()).and_then(into_reading))
}

/// An entry of a module that this program does not know any more is left out.
fn into_reading(row: reading::Model) -> Option<Reading> {
    Some(Reading {
        id: row.id,
        patient: row.patient_id,
        module: Module::find(&row.module)?,
        measured: Measured { value: row.value, second: row.second, text: row.text },
        severity: Severity::from_key(&row.severity),
        at: row.at,
        entered_at: row.entered_at,
        entered_by: row.entered_by,
        identifier: row.identifier,
        reviewed: row.note_id.is_some(),
    })
}
