//! Entries that nobody has reviewed, and reviewing them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement, Value,
};

use super::reading;
use crate::{
    access::{Granted, OnePatient},
    db::{CHUNK, Tx},
    readings::{Module, Reading, Severity, Unreviewed},
    types::{NoteId, PatientId, ReadingId, Timestamp},
};

const SERIOUS: [&str; 2] = ["red", "amber"];

/// A patient's entries that nobody has reviewed: the newest of those that are red or amber, or the oldest of the others; and
/// whether there are more.
pub(in crate::readings) async fn oldest_unreviewed(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    serious: bool,
    most: usize,
) -> Result<(Vec<Reading>, bool), DbErr> {
    use reading::Column as C;
    let asked = reading::Entity::find().filter(C::PatientId.eq(one.patient())).filter(C::NoteId.is_null());
    let asked = match serious {
        true => asked.filter(C::Severity.is_in(SERIOUS)).order_by_desc(C::At).order_by_desc(C::Id),
        false => asked.filter(C::Severity.is_not_in(SERIOUS)).order_by_asc(C::At).order_by_asc(C::Id),
    };
    let mut rows = asked.limit(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1)).all(db).await?;
    let more = rows.len() > most;
    rows.truncate(most);
    Ok((rows.into_iter().filter_map(reading::Model::into_reading).collect(), more))
}

/// How many of each module nobody has reviewed.
pub(in crate::readings) async fn unreviewed_by_module(
    db: &impl ConnectionTrait,
    one: &OnePatient,
) -> Result<Vec<(&'static Module, Unreviewed)>, DbErr> {
    let mut modules: Vec<(&'static Module, Unreviewed)> = Vec::new();
    let sql = "SELECT module, severity, COUNT(*) AS n FROM readings WHERE patient_id = $1 AND note_id IS NULL \
        GROUP BY module, severity";
    let asked = Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(one.patient())]);
    for row in db.query_all_raw(asked).await? {
        let key: String = row.try_get("", "module")?;
        let Some(module) = Module::find(&key) else { continue };
        let severity: String = row.try_get("", "severity")?;
        let count: i64 = row.try_get("", "n")?;
        let mut counted = Unreviewed::default();
        counted.add(Severity::from_key(&severity), count);
        match modules.iter_mut().find(|(known, _)| *known == module) {
            Some((_, unreviewed)) => *unreviewed += counted,
            None => modules.push((module, counted)),
        }
    }
    Ok(modules)
}

/// How many nobody has reviewed, counted inside the operation that changes it.
pub(in crate::readings) async fn count_unreviewed(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
) -> Result<Unreviewed, DbErr> {
    let sql = "SELECT severity, COUNT(*) AS n FROM readings WHERE patient_id = $1 AND deployment_id = $2 \
        AND note_id IS NULL GROUP BY severity";
    let values = [Value::from(patient), Value::from(granted.scope().deployment)];
    let mut all = Unreviewed::default();
    for row in tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await? {
        let severity: String = row.try_get("", "severity")?;
        all.add(Severity::from_key(&severity), row.try_get("", "n")?);
    }
    Ok(all)
}

/// Which of these entries are red or amber and not reviewed yet.
pub(in crate::readings) async fn serious_among(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    ids: &[ReadingId],
) -> Result<Vec<Reading>, DbErr> {
    use reading::Column as C;
    let mut found = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let asked = reading::Entity::find()
            .filter(C::PatientId.eq(patient))
            .filter(C::DeploymentId.eq(granted.scope().deployment))
            .filter(C::NoteId.is_null())
            .filter(C::Severity.is_in(SERIOUS))
            .filter(C::Id.is_in(chunk.iter().copied()));
        found.extend(asked.all(tx).await?.into_iter().filter_map(reading::Model::into_reading));
    }
    Ok(found)
}

/// Gives these entries their note, those that have none yet: of two who review at once, each entry is one's. Without ids, all that
/// were measured before `before`.
pub(in crate::readings) async fn mark_reviewed(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    note: NoteId,
    which: Result<&[ReadingId], Timestamp>,
) -> Result<Unreviewed, DbErr> {
    let begin = "UPDATE readings SET note_id = $1 WHERE patient_id = $2 AND deployment_id = $3 AND note_id IS NULL AND";
    let bound = || -> Vec<Value> { vec![note.into(), patient.into(), granted.scope().deployment.into()] };
    let mut statements = Vec::new();
    match which {
        Err(before) => {
            let mut values = bound();
            values.push(before.into());
            statements.push((format!("{begin} at < $4 RETURNING severity"), values));
        }
        Ok(ids) => {
            for chunk in ids.chunks(CHUNK) {
                let mut values = bound();
                values.extend(chunk.iter().map(|id| Value::from(*id)));
                let marks = crate::db::placeholders(4, chunk.len());
                statements.push((format!("{begin} id IN ({marks}) RETURNING severity"), values));
            }
        }
    }
    let mut reviewed = Unreviewed::default();
    for (sql, values) in statements {
        let rows = tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
        for row in rows {
            let severity: String = row.try_get("", "severity")?;
            reviewed.add(Severity::from_key(&severity), 1);
        }
    }
    Ok(reviewed)
}
