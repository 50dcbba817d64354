//! The Patient List's statements. By flags it is one; by a value it is two: those who have one, in its order, and then the others by
//! their flags, so that a page may begin in the first and end in the second.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{labels_of, unsigned};
use crate::{
    access::Visible,
    db::{CHUNK, list::ListSql, placeholders},
    patients::{
        Flags, ListedPatient,
        query::{ACTIVE_DAYS, Days, Kind, Query, Reader, Start},
        words_of,
    },
    types::PatientId,
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
    value: Option<f64>,
}

/// The order of the flags; an index has it.
const BY_FLAGS: [&str; 5] = ["p.monitored", "p.red", "p.amber", "p.grey", "p.id"];

/// Which part of the list a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Everybody, by flags.
    Everybody,
    /// Those who have a value, by it.
    WithValue,
    /// Those who have none, by flags.
    WithoutValue,
}

impl Query {
    /// The parts of the list, in the order in which they are read from where the page starts.
    pub fn parts(&self) -> Vec<Part> {
        let backwards = self.from.as_ref().is_some_and(|from| from.backwards);
        match (self.sort.is_some(), backwards, self.start()) {
            (false, ..) => vec![Part::Everybody],
            (true, false, Some(Start::Flags(_))) => vec![Part::WithoutValue],
            (true, true, Some(Start::Value(_))) => vec![Part::WithValue],
            (true, true, _) => vec![Part::WithoutValue, Part::WithValue],
            (true, false, _) => vec![Part::WithValue, Part::WithoutValue],
        }
    }
}

/// One page of the patients that may be seen, in reading order, with one row more than `size`; with each the value that it is sorted
/// by. Names are read only for those who may see them.
pub(in crate::patients) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    reader: &Reader,
    query: &Query,
    size: usize,
) -> Result<Vec<(ListedPatient, Option<f64>)>, DbErr> {
    let mut rows = Vec::new();
    for part in query.parts() {
        let wanted = (size + 1).saturating_sub(rows.len());
        if wanted == 0 {
            break;
        }
        let (sql, values) = list_statement(visible, reader, query, part, wanted - 1);
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        rows.extend(Listed::find_by_statement(statement).all(db).await?);
    }
    let mut labels = labels_of(db, rows.iter().map(|row| row.id).collect()).await?;
    let listed = |row: Listed| {
        let patient = ListedPatient {
            id: row.id,
            number: row.number,
            name: row.name.filter(|name| !name.is_empty()),
            labels: labels.remove(&row.id).unwrap_or_default(),
            monitored: row.monitored == 1,
            flags: Flags { red: unsigned(row.red), amber: unsigned(row.amber), grey: unsigned(row.grey) },
            latest: Vec::new(),
        };
        (patient, row.value)
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The statement that reads one part of the list; a test looks at its plan on both databases.
#[must_use]
pub fn list_statement(
    visible: &Visible,
    reader: &Reader,
    query: &Query,
    part: Part,
    size: usize,
) -> (String, Vec<Value>) {
    // Where the readings give the order, theirs is the table to enter by: an entry's deployment is its patient's.
    let column = if part == Part::WithValue { "l.deployment_id" } else { "p.deployment_id" };
    let mut sql = ListSql::within(column, visible.scope().id());
    let module = query.sort.map_or("", |module| module.key);
    let from = match part {
        Part::Everybody => "patients p",
        Part::WithValue => {
            let module = sql.bind(module);
            sql.only(format!("l.module = {module} AND l.value IS NOT NULL"));
            "latest_readings l JOIN patients p ON p.id = l.patient_id"
        }
        Part::WithoutValue => {
            let module = sql.bind(module);
            sql.only(format!(
                "NOT EXISTS (SELECT 1 FROM latest_readings l WHERE l.patient_id = p.id AND l.module = {module} AND l.value IS NOT NULL)"
            ));
            "patients p"
        }
    };
    find_words(&mut sql, reader, &query.search);
    narrow(&mut sql, reader, query);
    if part == Part::WithValue && query.narrows() {
        // Said of both then, so that either table can come first.
        sql.only("p.deployment_id = $1");
    }
    let backwards = query.from.as_ref().is_some_and(|from| from.backwards);
    let value = if part == Part::WithValue { "l.value" } else { "CAST(NULL AS DOUBLE PRECISION)" };
    // Worst first, unless the page before is asked for.
    let descending = backwards != (part != Part::WithValue || query.descending);
    let order: &[&str] = if part == Part::WithValue { &["l.value", "l.patient_id"] } else { &BY_FLAGS };
    let place = match (query.start(), part) {
        (Some(Start::Value(value)), Part::WithValue) => Some(vec![value.into()]),
        (Some(Start::Flags(counts)), Part::Everybody | Part::WithoutValue) => Some(counts.map(Value::from).to_vec()),
        _ => None,
    };
    if let (Some(mut place), Some(from)) = (place, &query.from) {
        place.push(from.id.into());
        sql.beyond(&order.join(", "), place, descending);
    }
    let (end, values) = sql.finish(order, descending, size);
    let name = if reader.identifiers { "p.name" } else { "NULL AS name" };
    (
        format!(
            "SELECT p.id, p.number, {name}, p.monitored, p.red, p.amber, p.grey, {value} AS value FROM {from} {end}"
        ),
        values,
    )
}

/// Only those whom every word of a search finds: by the number, and by the name for those who may see it.
fn find_words(sql: &mut ListSql, reader: &Reader, search: &str) {
    let mut words = words_of(search);
    if words.is_empty() && !search.trim().is_empty() {
        // Nothing but marks is found in nobody.
        sql.only("1 = 0");
    }
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for (n, word) in words.into_iter().enumerate() {
        let (least, beyond) = (sql.bind(word.clone()), sql.bind(format!("{word}\u{10FFFF}")));
        // A list of both, and not no condition: only so both databases enter the index at the word.
        let either = if reader.identifiers { "IN (FALSE, TRUE)" } else { "= FALSE" };
        let word = format!("w.identifying {either} AND w.word >= {least} AND w.word < {beyond}");
        // The longest word is in the fewest names and finds the patients; the others are looked up among the words of each of these.
        sql.only(if n == 0 {
            format!("p.id IN (SELECT w.patient_id FROM patient_words w WHERE w.deployment_id = $1 AND {word})")
        } else {
            format!("EXISTS (SELECT 1 FROM patient_words w WHERE w.patient_id = p.id AND {word})")
        });
    }
}

fn narrow(sql: &mut ListSql, reader: &Reader, query: &Query) {
    match query.kind {
        Kind::All => {}
        Kind::Mine => {
            let account = sql.bind(reader.account);
            sql.only(format!(
                "p.id IN (SELECT c.patient_id FROM patient_clinicians c WHERE c.account_id = {account} AND c.deployment_id = $1)"
            ));
        }
        Kind::Active => {
            let since = sql.bind(reader.now.0 - ACTIVE_DAYS * 24 * 3600 * 1000);
            sql.only(format!("p.last_entry_at >= {since}"));
        }
        Kind::Offboarded => sql.only("p.monitored = 0"),
    }
    // Whoever may not see birth dates learns nothing of them by asking for one day after another.
    if reader.identifiers && !query.born.is_open() {
        sql.only("p.born_on <> ''");
        within(sql, "p.born_on", query.born);
    }
    if !query.surgery.is_open() {
        // As the index says it.
        sql.only("p.surgery_on <> ''");
        within(sql, "p.surgery_on", query.surgery);
    }
    let genders: Vec<_> = query.genders.iter().map(|gender| gender_is(gender)).collect();
    if !genders.is_empty() {
        sql.only(format!("({})", genders.join(" OR ")));
    }
    if !query.labels.is_empty() {
        let marks: Vec<_> = query.labels.iter().map(|label| sql.bind(*label)).collect();
        sql.only(format!(
            "p.id IN (SELECT pl.patient_id FROM patient_labels pl WHERE pl.label_id IN ({}))",
            marks.join(", ")
        ));
    }
}

fn within(sql: &mut ListSql, column: &str, days: Days) {
    for (relation, day) in [(">=", days.first), ("<=", days.last)] {
        if let Some(day) = day {
            let mark = sql.bind(day.to_string());
            sql.only(format!("{column} {relation} {mark}"));
        }
    }
}

fn gender_is(key: &str) -> &'static str {
    match key {
        "female" => "p.gender = 'female'",
        "male" => "p.gender = 'male'",
        _ => "p.gender NOT IN ('female', 'male')",
    }
}

/// What these patients are called; names are read only for those who may see them.
pub(in crate::patients) async fn names(
    db: &impl ConnectionTrait,
    visible: &Visible,
    with_names: bool,
    ids: &[PatientId],
) -> Result<Vec<(PatientId, String)>, DbErr> {
    let mut named = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let called = if with_names { "CASE WHEN name = '' THEN number ELSE name END" } else { "number" };
        let sql = format!(
            "SELECT id, {called} AS called FROM patients WHERE deployment_id = $1 AND id IN ({}) ORDER BY number_key",
            placeholders(2, chunk.len())
        );
        let values = std::iter::once(Value::from(visible.scope().id())).chain(chunk.iter().map(|id| Value::from(*id)));
        let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
        for row in rows {
            named.push((row.try_get("", "id")?, row.try_get("", "called")?));
        }
    }
    Ok(named)
}
