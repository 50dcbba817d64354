//! Appointments.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};

use super::{asked, run};
use crate::{
    access::{Granted, OnePatient},
    contact::{Appointment, State, Wanted},
    db::{Tx, list::ListSql},
    outbox::life::Stage,
    types::{AccountId, AppointmentId, Cursor, MailId, PatientId, Timestamp},
};

/// An appointment to be written.
pub(in crate::contact) struct New<'a> {
    pub id: AppointmentId,
    pub patient: PatientId,
    pub staff: AccountId,
    pub staff_name: &'a str,
    pub wanted: &'a Wanted,
    pub mail: MailId,
    pub generation: i64,
    pub request_key: &'a str,
}

pub(in crate::contact) async fn insert(tx: &Tx, granted: &Granted, new: &New<'_>, now: Timestamp) -> Result<(), DbErr> {
    let sql = "INSERT INTO appointments (id, organisation_id, deployment_id, patient_id, staff_id, staff_name, starts_at, \
        ends_at, how, place, state, answer, sequence, generation, mail_id, revision, created_at, changed_at, request_key) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'proposed', '', 0, $11, $12, 1, $13, $13, $14)";
    let values: Vec<Value> = vec![
        new.id.into(),
        granted.scope().organisation.into(),
        granted.scope().id().into(),
        new.patient.into(),
        new.staff.into(),
        new.staff_name.into(),
        new.wanted.starts_at.into(),
        new.wanted.ends_at.into(),
        new.wanted.how.into(),
        new.wanted.place.as_str().into(),
        new.generation.into(),
        new.mail.into(),
        now.into(),
        new.request_key.into(),
    ];
    run(tx, sql, values).await?;
    Ok(())
}

/// The appointment that the same press has made before, and of whom.
pub(in crate::contact) async fn find_by_key(tx: &Tx, staff: AccountId, key: &str) -> Result<Option<PatientId>, DbErr> {
    let sql = "SELECT patient_id FROM appointments WHERE staff_id = $1 AND request_key = $2";
    let row = tx.query_one_raw(asked(tx, sql, vec![staff.into(), key.into()])).await?;
    row.map(|row| row.try_get("", "patient_id")).transpose()
}

/// When appointments were made with the patient after `since`, oldest first.
pub(in crate::contact) async fn made_since(
    tx: &Tx,
    patient: PatientId,
    since: Timestamp,
) -> Result<Vec<Timestamp>, DbErr> {
    // Whatever was made since lies ahead of its making, so the index by beginning serves.
    let sql = "SELECT created_at FROM appointments WHERE patient_id = $1 AND starts_at > $2 AND created_at > $2 \
        ORDER BY created_at LIMIT 1000";
    let rows = tx.query_all_raw(asked(tx, sql, vec![patient.into(), since.into()])).await?;
    rows.iter().map(|row| row.try_get("", "created_at")).collect()
}

/// Another appointment at the same time.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(in crate::contact) struct Other {
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

/// Appointments of the same patient (`patient_id`) or member of staff (`staff_id`) at the same time, but for one.
pub(in crate::contact) async fn overlapping(
    tx: &Tx,
    (column, id): (&'static str, uuid::Uuid),
    wanted: &Wanted,
    but: Option<AppointmentId>,
) -> Result<Vec<Other>, DbErr> {
    // No appointment is longer than eight hours, so the index by beginning serves.
    let sql = format!(
        "SELECT starts_at, ends_at FROM appointments WHERE {column} = $1 AND starts_at < $2 AND starts_at > $3 \
         AND ends_at > $4 AND state NOT IN ('cancelled', 'declined') AND id <> $5 ORDER BY starts_at LIMIT 3"
    );
    let eight_hours = std::time::Duration::from_secs(8 * 3600 + 1);
    let but = but.map_or(uuid::Uuid::nil(), AppointmentId::uuid);
    let values = vec![
        id.into(),
        wanted.ends_at.into(),
        wanted.starts_at.minus(eight_hours).into(),
        wanted.starts_at.into(),
        but.into(),
    ];
    Other::find_by_statement(asked(tx, &sql, values)).all(tx).await
}

#[derive(FromQueryResult)]
struct Row {
    id: AppointmentId,
    staff_id: AccountId,
    staff_name: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    how: String,
    place: String,
    state: String,
    answer: String,
    answered_at: Option<Timestamp>,
    sequence: i64,
    generation: i64,
    mail_id: MailId,
    opened_at: Option<Timestamp>,
    revision: i64,
    created_at: Timestamp,
    changed_at: Timestamp,
}

const COLUMNS: &str = "id, staff_id, staff_name, starts_at, ends_at, how, place, state, answer, answered_at, sequence, generation, \
    mail_id, opened_at, revision, created_at, changed_at";

impl From<Row> for Appointment {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            staff: row.staff_id,
            staff_name: row.staff_name,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            how: row.how,
            place: row.place,
            state: State::from_key(&row.state),
            answer: row.answer,
            answered_at: row.answered_at,
            sequence: row.sequence,
            generation: row.generation,
            mail: row.mail_id,
            stage: Stage::Queued,
            opened_at: row.opened_at,
            revision: row.revision,
            created_at: row.created_at,
            changed_at: row.changed_at,
        }
    }
}

/// One page of the patient's appointments that begin after `now`, the next first, or of those before, the last first; with one row
/// more than `size`.
pub(in crate::contact) async fn list(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    (upcoming, now): (bool, Timestamp),
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Appointment>, DbErr> {
    let mut sql = ListSql::within("patient_id", one.patient().uuid());
    let mark = sql.bind(now);
    sql.only(format!("starts_at {} {mark}", if upcoming { ">" } else { "<=" }));
    let descending = upcoming == from.is_some_and(|cursor| cursor.backwards);
    if let Some((cursor, at)) = from.and_then(|cursor| Some((cursor, cursor.timestamp()?))) {
        sql.beyond("starts_at, id", vec![at.into(), cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["starts_at", "id"], descending, size);
    let rows = Row::find_by_statement(asked(db, &format!("SELECT {COLUMNS} FROM appointments {end}"), values));
    Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
}

/// One appointment of a patient of whom the caller knows already, or whose link fitted.
pub(in crate::contact) async fn find(
    db: &impl ConnectionTrait,
    id: AppointmentId,
) -> Result<Option<(PatientId, Appointment)>, DbErr> {
    let sql = format!("SELECT patient_id, {COLUMNS} FROM appointments WHERE id = $1");
    let Some(row) = db.query_one_raw(asked(db, &sql, vec![id.into()])).await? else { return Ok(None) };
    Ok(Some((row.try_get("", "patient_id")?, Row::from_query_result(&row, "")?.into())))
}

/// What a member of staff changes.
pub(in crate::contact) enum Change<'a> {
    Move(&'a Wanted),
    Cancel,
}

/// Changes an appointment that still lies ahead; false when somebody else has changed it since `seen`, or it is past or off.
pub(in crate::contact) async fn change(
    tx: &Tx,
    granted: &Granted,
    (id, seen): (AppointmentId, i64),
    change: &Change<'_>,
    (mail, now): (MailId, Timestamp),
) -> Result<bool, DbErr> {
    let mut values: Vec<Value> = vec![id.into(), granted.scope().id().into(), seen.into(), mail.into(), now.into()];
    let set = match change {
        Change::Move(wanted) => {
            let bound: [Value; 4] =
                [wanted.starts_at.into(), wanted.ends_at.into(), wanted.how.into(), wanted.place.as_str().into()];
            values.extend(bound);
            "state = 'proposed', answer = '', answered_at = NULL, opened_at = NULL, starts_at = $6, ends_at = $7, how = $8, \
             place = $9"
        }
        Change::Cancel => "state = 'cancelled'",
    };
    let sql = format!(
        "UPDATE appointments SET {set}, sequence = sequence + 1, revision = revision + 1, mail_id = $4, changed_at = $5 \
         WHERE id = $1 AND deployment_id = $2 AND revision = $3 AND state <> 'cancelled' AND starts_at > $5"
    );
    Ok(run(tx, &sql, values).await? == 1)
}

/// Writes down what the patient answered to an appointment as it was in `sequence`; false when it was changed since, or lies behind.
pub(in crate::contact) async fn answer(
    tx: &Tx,
    (id, sequence): (AppointmentId, i64),
    state: State,
    text: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let sql = "UPDATE appointments SET state = $3, answer = $4, answered_at = $5, revision = revision + 1 \
        WHERE id = $1 AND sequence = $2 AND state <> 'cancelled' AND starts_at > $5";
    let values = vec![id.into(), sequence.into(), state.key().into(), text.into(), now.into()];
    Ok(run(tx, sql, values).await? == 1)
}

/// Remembers the first opening since the last change.
pub(in crate::contact) async fn mark_opened(tx: &Tx, id: AppointmentId, now: Timestamp) -> Result<(), DbErr> {
    let sql = "UPDATE appointments SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL";
    run(tx, sql, vec![id.into(), now.into()]).await?;
    Ok(())
}
