//! Patients who may be the ones whom somebody is about to add.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    access::Visible,
    db::{NAMED, placeholders},
    types::PatientId,
};

/// A patient who may be meant.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::patients) struct AlikeRow {
    pub id: PatientId,
    pub number: String,
    pub name_key: String,
    pub born_on: String,
}

/// Patients of the deployment, `$1`, for whom the condition holds.
async fn rows(
    db: &impl ConnectionTrait,
    visible: &Visible,
    condition: &str,
    values: impl Iterator<Item = &str>,
) -> Result<Vec<AlikeRow>, DbErr> {
    let sql = format!("SELECT id, number, name_key, born_on FROM patients WHERE deployment_id = $1 AND {condition}");
    let bound = std::iter::once(Value::from(visible.scope().deployment)).chain(values.map(Value::from));
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, bound.collect::<Vec<_>>());
    AlikeRow::find_by_statement(statement).all(db).await
}

/// Patients of the deployment who have one of these numbers, in lower case.
pub(in crate::patients) async fn numbered(
    db: &impl ConnectionTrait,
    visible: &Visible,
    numbers: &[String],
) -> Result<Vec<AlikeRow>, DbErr> {
    let mut found = Vec::new();
    for chunk in numbers.chunks(NAMED) {
        let condition = format!("number_key IN ({})", placeholders(2, chunk.len()));
        found.extend(rows(db, visible, &condition, chunk.iter().map(String::as_str)).await?);
    }
    Ok(found)
}

/// Patients of the deployment who have one of these names, in lower case, and one of these dates of birth: more than were asked for, but
/// none who was asked for is missing.
pub(in crate::patients) async fn persons(
    db: &impl ConnectionTrait,
    visible: &Visible,
    people: &[(String, String)],
) -> Result<Vec<AlikeRow>, DbErr> {
    let mut found = Vec::new();
    for chunk in people.chunks(NAMED / 2) {
        let (days, names) = (placeholders(2, chunk.len()), placeholders(2 + chunk.len(), chunk.len()));
        let condition = format!("born_on IN ({days}) AND name_key IN ({names})");
        let values = chunk.iter().map(|(_, born)| born).chain(chunk.iter().map(|(name, _)| name));
        found.extend(rows(db, visible, &condition, values.map(String::as_str)).await?);
    }
    Ok(found)
}

/// Patients of the deployment whose number has one of these words.
pub(in crate::patients) async fn with_words(
    db: &impl ConnectionTrait,
    visible: &Visible,
    words: &[String],
) -> Result<Vec<AlikeRow>, DbErr> {
    let mut found = Vec::new();
    for chunk in words.chunks(NAMED) {
        let condition = format!(
            "id IN (SELECT w.patient_id FROM patient_words w WHERE w.deployment_id = $1 AND NOT w.identifying AND w.word IN ({}))",
            placeholders(2, chunk.len())
        );
        found.extend(rows(db, visible, &condition, chunk.iter().map(String::as_str)).await?);
    }
    Ok(found)
}
