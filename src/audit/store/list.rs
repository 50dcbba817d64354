//! The log as it is shown: narrowed, newest first, page by page.

use std::fmt::Write;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use super::Stored;
use crate::{
    access::{Scope, Visible},
    audit::{Filter, Outcome},
    types::{Cursor, Timestamp},
};

/// An id is made at most this long before or after the instant that its event names.
pub(super) const SLACK: i64 = 3_600_000;

/// An event with its seal.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The event.
    pub event: Stored,
    /// Its number; none while it is not sealed.
    pub seq: Option<i64>,
    /// When it was sealed, in milliseconds since 1970.
    pub sealed_at: Option<i64>,
    /// Its hash.
    pub hash: Option<Vec<u8>>,
    /// The hash before.
    pub previous: Option<Vec<u8>>,
}

const COLUMNS: &str = "e.id, s.seq, s.sealed_at, s.hash, p.hash";
const JOINS: &str = "LEFT JOIN seals s ON s.event_id = e.id LEFT JOIN seals p ON p.seq = s.seq - 1";

pub(super) async fn read(db: &impl ConnectionTrait, sql: String, values: Vec<Value>) -> Result<Vec<Listed>, DbErr> {
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    rows.iter()
        .map(|row| {
            Ok(Listed {
                event: Stored::read(row, row.try_get_by_index(0)?, 5)?,
                seq: row.try_get_by_index(1)?,
                sealed_at: row.try_get_by_index(2)?,
                hash: row.try_get_by_index(3)?,
                previous: row.try_get_by_index(4)?,
            })
        })
        .collect()
}

/// One page of what may be seen, with one row more than `size`.
pub async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    filter: &Filter,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Listed>, DbErr> {
    if filter.nobody() {
        return Ok(Vec::new());
    }
    let (sql, values) = list_statement(visible, filter, from, size);
    read(db, sql, values).await
}

/// The conditions of one way into the log, and the values bound so far.
struct Arm<'a> {
    values: &'a mut Vec<Value>,
    sql: String,
}

impl Arm<'_> {
    fn only(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let _ = write!(self.sql, " AND {condition} ${}", self.values.len());
    }
}

/// The statement behind `list`. A person or several actions are looked for each by an index of its own, and the newest of what
/// they give is read: one condition with OR would walk the whole log.
#[must_use]
pub fn list_statement(visible: &Visible, filter: &Filter, from: Option<&Cursor>, size: usize) -> (String, Vec<Value>) {
    let backwards = from.is_some_and(|cursor| cursor.backwards);
    let direction = if backwards { "ASC" } else { "DESC" };
    let mut values: Vec<Value> = vec![(i64::try_from(size).unwrap_or(50) + 1).into()];
    let mut ways: Vec<(&str, Value)> = Vec::new();
    match &filter.people {
        Some(people) => {
            ways.extend(people.accounts.iter().map(|account| ("e.actor_id", (*account).into())));
            ways.extend(people.subjects.iter().map(|subject| ("e.subject", subject.clone().into())));
        }
        None => ways.extend(filter.actions.iter().map(|action| ("e.action", action.clone().into()))),
    }
    let mut arm = |way: Option<(&str, Value)>| {
        let mut arm = Arm { values: &mut values, sql: String::new() };
        within(&mut arm, visible.scope());
        if !filter.note.is_empty() {
            with_note(&mut arm, visible.scope(), &filter.note);
        }
        if let Some((column, value)) = way {
            arm.only(&format!("{column} ="), value);
        }
        narrow(&mut arm, filter, from);
        arm.sql.trim_start_matches(" AND ").to_owned()
    };
    let end = format!("ORDER BY e.id {direction} LIMIT $1");
    let conditions = if ways.len() <= 1 {
        arm(ways.pop())
    } else {
        let arms: Vec<_> = ways
            .into_iter()
            .enumerate()
            .map(|(n, way)| {
                format!("SELECT id FROM (SELECT e.id FROM events e WHERE {} {end}) AS way{n}", arm(Some(way)))
            })
            .collect();
        format!("e.id IN ({})", arms.join(" UNION "))
    };
    let sql = format!("SELECT {COLUMNS}, {} FROM events e {JOINS} WHERE {conditions} {end}", Stored::COLUMNS);
    (sql, values)
}

fn within(arm: &mut Arm<'_>, scope: Scope) {
    arm.only("e.organisation_id =", scope.organisation);
    if let Some(deployment) = scope.deployment {
        arm.only("e.deployment_id =", deployment);
    }
}

/// Events are found through their notes: the search reads the notes of the organisation, never the whole log.
fn with_note(arm: &mut Arm<'_>, scope: Scope, text: &str) {
    let literal = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    arm.values.push(scope.organisation.into());
    arm.values.push(format!("%{literal}%").into());
    let n = arm.values.len();
    let _ = write!(
        arm.sql,
        " AND e.id IN (SELECT n.event_id FROM event_notes n WHERE n.organisation_id = ${} AND n.note_key LIKE ${n} ESCAPE '\\')",
        n - 1
    );
}

fn narrow(arm: &mut Arm<'_>, filter: &Filter, from: Option<&Cursor>) {
    if filter.people.is_some() && !filter.actions.is_empty() {
        let marks: Vec<_> = filter
            .actions
            .iter()
            .map(|action| {
                arm.values.push(action.clone().into());
                format!("${}", arm.values.len())
            })
            .collect();
        let _ = write!(arm.sql, " AND e.action IN ({})", marks.join(", "));
    }
    // Written out, not bound: the indexes of what was refused hold nothing else.
    match filter.outcome {
        Some(Outcome::Refused) => arm.sql.push_str(" AND e.outcome = 'refused'"),
        Some(Outcome::Done) => arm.sql.push_str(" AND e.outcome = 'done'"),
        None => {}
    }
    // Ids begin with the time, so the index is entered near the day; the exact instant decides.
    if let Some(since) = filter.since {
        arm.only("e.id >=", id_at(since.0 - SLACK));
        arm.only("e.at >=", since);
    }
    if let Some(until) = filter.until {
        arm.only("e.id <", id_at(until.0 + SLACK));
        arm.only("e.at <", until);
    }
    if let Some(cursor) = from {
        arm.only(if cursor.backwards { "e.id >" } else { "e.id <" }, cursor.id);
    }
}

/// The least id that is made at an instant.
pub(super) fn id_at(at: i64) -> uuid::Uuid {
    let millis = u64::try_from(at).unwrap_or(0);
    uuid::Uuid::from_u128(u128::from(millis & 0xFFFF_FFFF_FFFF) << 80)
}

/// Everything in the visible scope that was done to these subjects, oldest first, at most `limit`: the history of a person, a role
/// or an invitation.
pub async fn history(
    db: &impl ConnectionTrait,
    visible: &Visible,
    subject: &str,
    prefix: &str,
    limit: i64,
) -> Result<Vec<Listed>, DbErr> {
    let mut values: Vec<Value> = vec![limit.into()];
    let mut arm = Arm { values: &mut values, sql: String::new() };
    within(&mut arm, visible.scope());
    arm.only("e.subject =", subject);
    arm.only("e.action >=", format!("{prefix}."));
    arm.only("e.action <", format!("{prefix}/"));
    let conditions = arm.sql.trim_start_matches(" AND ").to_owned();
    let sql = format!(
        "SELECT {COLUMNS}, {} FROM events e {JOINS} WHERE {conditions} AND e.outcome = 'done' ORDER BY e.id LIMIT $1",
        Stored::COLUMNS
    );
    read(db, sql, values).await
}

/// What of one kind happened at an instant.
pub async fn at_instant(
    db: &impl ConnectionTrait,
    visible: &Visible,
    action: &str,
    at: Timestamp,
) -> Result<Vec<Listed>, DbErr> {
    let filter = Filter {
        actions: vec![action.to_owned()],
        since: Some(at),
        until: Some(Timestamp(at.0 + 1)),
        ..Filter::default()
    };
    list(db, visible, &filter, None, 1_000).await
}
