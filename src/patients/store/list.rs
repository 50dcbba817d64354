//! The Patient List's statement.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{labels_of, unsigned};
use crate::{
    access::Visible,
    db::list::ListSql,
    patients::{Flags, ListedPatient, words_of},
    types::{Cursor, PatientId},
};

#[derive(FromQueryResult)]
struct Listed {
    id: PatientId,
    number: String,
    name: Option<String>,
    monitored: i64,
    red: i64,
    amber: i64,
    grey: i64,
}

/// One page of the patients that may be seen, worst first and those no longer monitored last, with one row more than `size`. Names are read only for those who
/// may see them, and searched only then.
pub(in crate::patients) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    with_names: bool,
    search: &str,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<ListedPatient>, DbErr> {
    let mut sql = ListSql::within("deployment_id", visible.scope().id());
    for word in words_of(search) {
        let (least, beyond) = (sql.bind(word.clone()), sql.bind(format!("{word}\u{10FFFF}")));
        // Names are looked into only for those who may see them.
        let where_to_look = if with_names { "" } else { " AND NOT w.identifying" };
        sql.only(format!(
            "id IN (SELECT w.patient_id FROM patient_words w WHERE w.deployment_id = $1 AND w.word >= {least} AND w.word < {beyond}{where_to_look})"
        ));
    }
    // Worst first, unless the page before is asked for.
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        let counts = cursor.value.split('.').map(|part| part.parse::<i64>().unwrap_or(0));
        let mut place: Vec<sea_orm::Value> = counts.chain([0, 0, 0, 0]).take(4).map(Into::into).collect();
        place.push(cursor.id.into());
        sql.beyond("monitored, red, amber, grey, id", place, descending);
    }
    let (end, values) = sql.finish(&["monitored", "red", "amber", "grey", "id"], descending, size);
    let name = if with_names { "name" } else { "NULL AS name" };
    let sql = format!("SELECT id, number, {name}, monitored, red, amber, grey FROM patients {end}");
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
        .all(db)
        .await?;
    let mut labels = labels_of(db, rows.iter().map(|row| row.id).collect()).await?;
    Ok(rows
        .into_iter()
        .map(|row| ListedPatient {
            id: row.id,
            number: row.number,
            name: row.name,
            labels: labels.remove(&row.id).unwrap_or_default(),
            monitored: row.monitored == 1,
            flags: Flags { red: unsigned(row.red), amber: unsigned(row.amber), grey: unsigned(row.grey) },
            latest: Vec::new(),
        })
        .collect())
}
