//! Entries of one patient. Each statement begins with whom the proof names, and is served by an index in its order.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement,
    Value,
};

use super::reading;
use crate::{
    access::OnePatient,
    db::list::ListSql,
    readings::{Module, Reading, Within},
    types::Cursor,
};

const COLUMNS: &str = "id, patient_id, deployment_id, module, value, second, text, severity, at, entered_at, entered_by, identifier, note_id";

/// The newest entries of each of these modules, newest first.
pub(in crate::readings) async fn newest_of_each(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    modules: &[&'static Module],
    most: usize,
) -> Result<HashMap<&'static str, Vec<Reading>>, DbErr> {
    if modules.is_empty() {
        return Ok(HashMap::new());
    }
    let mut values: Vec<Value> = vec![one.patient().into()];
    let parts: Vec<_> = modules
        .iter()
        .enumerate()
        .map(|(n, module)| {
            values.push(module.key.into());
            let mark = values.len();
            format!(
                "SELECT * FROM (SELECT {COLUMNS} FROM readings WHERE patient_id = $1 AND module = ${mark} \
                 ORDER BY at DESC, id DESC LIMIT {most}) of_{n}"
            )
        })
        .collect();
    let statement = Statement::from_sql_and_values(db.get_database_backend(), parts.join(" UNION ALL "), values);
    let mut rows = reading::Model::find_by_statement(statement).all(db).await?;
    rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id)));
    let mut found: HashMap<&'static str, Vec<Reading>> = HashMap::new();
    for reading in rows.into_iter().filter_map(reading::Model::into_reading) {
        found.entry(reading.module.key).or_default().push(reading);
    }
    Ok(found)
}

/// The modules of which the patient has entries.
pub(in crate::readings) async fn followed_once(
    db: &impl ConnectionTrait,
    one: &OnePatient,
) -> Result<Vec<&'static Module>, DbErr> {
    let rows = super::latest::Entity::find()
        .select_only()
        .column(super::latest::Column::Module)
        .filter(super::latest::Column::PatientId.eq(one.patient()))
        .into_tuple::<String>()
        .all(db)
        .await?;
    let mut modules: Vec<_> = rows.iter().filter_map(|key| Module::find(key)).collect();
    modules.sort_by_key(|module| crate::readings::MODULES.iter().position(|known| known == *module));
    Ok(modules)
}

/// One page of a module's entries, newest first, with one row more than `size`.
pub(in crate::readings) async fn page(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    module: &Module,
    within: Within,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Reading>, DbErr> {
    let mut sql = ListSql::within("patient_id", one.patient().uuid());
    let mark = sql.bind(module.key);
    sql.only(format!("module = {mark}"));
    for (relation, instant) in [(">=", within.since), ("<", within.until)] {
        if let Some(instant) = instant {
            let mark = sql.bind(instant);
            sql.only(format!("at {relation} {mark}"));
        }
    }
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        let place = vec![cursor.timestamp().unwrap_or_default().into(), cursor.id.into()];
        sql.beyond("at, id", place, descending);
    }
    let (end, values) = sql.finish(&["at", "id"], descending, size);
    let sql = format!("SELECT {COLUMNS} FROM readings {end}");
    let rows =
        reading::Model::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
            .all(db)
            .await?;
    Ok(rows.into_iter().filter_map(reading::Model::into_reading).collect())
}

/// The newest `most` of a module's entries in a time, oldest first, and whether there are more.
pub(in crate::readings) async fn between(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    module: &Module,
    within: Within,
    most: usize,
) -> Result<(Vec<Reading>, bool), DbErr> {
    use reading::Column as C;
    let mut asked = reading::Entity::find().filter(C::PatientId.eq(one.patient())).filter(C::Module.eq(module.key));
    if let Some(since) = within.since {
        asked = asked.filter(C::At.gte(since));
    }
    if let Some(until) = within.until {
        asked = asked.filter(C::At.lt(until));
    }
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let mut rows = asked.order_by_desc(C::At).order_by_desc(C::Id).limit(limit).all(db).await?;
    let more = rows.len() > most;
    rows.truncate(most);
    rows.reverse();
    Ok((rows.into_iter().filter_map(reading::Model::into_reading).collect(), more))
}
