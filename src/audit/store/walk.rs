//! Reading the whole log in the order of its chain, for verifying.

use sea_orm::{ConnectionTrait, DbErr, Statement};
use uuid::Uuid;

use crate::audit::chain::Sealed;

/// A seal with the event it stands for.
pub struct Link {
    /// Its number.
    pub seq: i64,
    /// The event that it names.
    pub event_id: Uuid,
    /// What it says.
    pub hash: Vec<u8>,
    ids: [Option<Uuid>; 3],
    written: Option<Written>,
}

/// An event's numbers and texts, read as one: ten million rows of ten columns more would take twice as long.
struct Written {
    text: String,
    /// When it was sealed, when it happened, and the length of each text in bytes.
    numbers: [i64; 8],
    begin: usize,
}

impl Written {
    fn parse(text: String) -> Option<Self> {
        let (mut numbers, mut begin) = ([0; 8], 0);
        for number in &mut numbers {
            let rest = text.get(begin..)?;
            let end = rest.find(' ')?;
            *number = rest.get(..end)?.parse().ok()?;
            begin += end + 1;
        }
        Some(Self { text, numbers, begin })
    }
}

impl Link {
    /// The event as it is hashed; none when it is gone.
    pub fn sealed(&self) -> Option<Sealed<'_>> {
        let written = self.written.as_ref()?;
        let [sealed_at, at, lengths @ ..] = written.numbers;
        let (mut texts, mut begin) = ([""; 6], written.begin);
        for (text, length) in texts.iter_mut().zip(lengths) {
            let end = begin + usize::try_from(length).ok()?;
            *text = written.text.get(begin..end)?;
            begin = end;
        }
        let [organisation, deployment, actor_id] = self.ids;
        Some(Sealed { seq: self.seq, sealed_at, id: self.event_id, at, organisation, deployment, actor_id, texts })
    }
}

/// How many rows there are, all counted at one moment.
pub struct Counts {
    /// Events.
    pub events: i64,
    /// Seals.
    pub seals: i64,
    /// Events in the queue.
    pub waiting: i64,
    /// The least number of a seal.
    pub first: i64,
    /// The greatest.
    pub last: i64,
}

/// Counts everything.
pub async fn counts(db: &impl ConnectionTrait) -> Result<Counts, DbErr> {
    let sql = "SELECT (SELECT COUNT(*) FROM events), (SELECT COUNT(*) FROM seals), (SELECT COUNT(*) FROM unsealed_events), \
        (SELECT COALESCE(MIN(seq), 1) FROM seals), (SELECT COALESCE(MAX(seq), 0) FROM seals)";
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), sql))
        .await?
        .ok_or_else(|| DbErr::Custom("the database does not count".to_owned()))?;
    let n = |index| row.try_get_by_index::<i64>(index);
    Ok(Counts { events: n(0)?, seals: n(1)?, waiting: n(2)?, first: n(3)?, last: n(4)? })
}

/// The links whose numbers are `from` to `to`, both included.
pub async fn links(db: &impl ConnectionTrait, from: i64, to: i64) -> Result<Vec<Link>, DbErr> {
    let texts = ["actor", "action", "subject", "outcome", "origin", "detail"];
    let lengths: Vec<_> = texts.iter().map(|text| format!("octet_length(e.{text})")).collect();
    let texts: Vec<_> = texts.iter().map(|text| format!("e.{text}")).collect();
    let sql = format!(
        "SELECT s.seq, s.event_id, s.hash, e.organisation_id, e.deployment_id, e.actor_id, \
         s.sealed_at || ' ' || e.at || ' ' || {} || ' ' || {} FROM seals s LEFT JOIN events e ON e.id = s.event_id \
         WHERE s.seq BETWEEN $1 AND $2 ORDER BY s.seq",
        lengths.join(" || ' ' || "),
        texts.join(" || ")
    );
    let values = [from.into(), to.into()];
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Link {
                seq: row.try_get_by_index(0)?,
                event_id: row.try_get_by_index(1)?,
                hash: row.try_get_by_index(2)?,
                ids: [row.try_get_by_index(3)?, row.try_get_by_index(4)?, row.try_get_by_index(5)?],
                written: row.try_get_by_index::<Option<String>>(6)?.and_then(Written::parse),
            })
        })
        .collect()
}

/// The first event that is neither sealed nor in the queue. Only asked when the counts do not add up: it reads everything.
pub async fn first_stray(db: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT e.id FROM events e WHERE NOT EXISTS (SELECT 1 FROM seals s WHERE s.event_id = e.id) \
        AND NOT EXISTS (SELECT 1 FROM unsealed_events u WHERE u.event_id = e.id) ORDER BY e.id LIMIT 1";
    first_id(db, sql).await
}

/// The first entry of the queue whose event is gone.
pub async fn first_orphan(db: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT u.event_id FROM unsealed_events u WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.id = u.event_id) \
        ORDER BY u.event_id LIMIT 1";
    first_id(db, sql).await
}

/// The first entry of the queue whose event is sealed already.
pub async fn first_sealed_twice(db: &impl ConnectionTrait) -> Result<Option<Uuid>, DbErr> {
    let sql = "SELECT u.event_id FROM unsealed_events u WHERE EXISTS (SELECT 1 FROM seals s WHERE s.event_id = u.event_id) \
        ORDER BY u.event_id LIMIT 1";
    first_id(db, sql).await
}

/// How many events of the queue happened before `before`, and the first of them.
pub async fn waiting_since(db: &impl ConnectionTrait, before: i64) -> Result<(i64, Option<Uuid>), DbErr> {
    let sql = "SELECT e.id FROM unsealed_events u JOIN events e ON e.id = u.event_id WHERE e.at < $1 ORDER BY e.id";
    let backend = db.get_database_backend();
    let count = format!("SELECT COUNT(*) FROM ({sql}) AS old");
    let count = db.query_one_raw(Statement::from_sql_and_values(backend, count, [before.into()])).await?;
    let first = format!("{sql} LIMIT 1");
    let first = db.query_one_raw(Statement::from_sql_and_values(backend, first, [before.into()])).await?;
    Ok((count.map_or(Ok(0), |row| row.try_get_by_index(0))?, first.map(|row| row.try_get_by_index(0)).transpose()?))
}

async fn first_id(db: &impl ConnectionTrait, sql: &str) -> Result<Option<Uuid>, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.map(|row| row.try_get_by_index(0)).transpose()
}
