//! **Schedule an appointment**, moving and cancelling one.

use jiff::tz::TimeZone;
use serde_json::json;

use super::{DAY, addressee, refuse_if_many, zone_of};
use crate::{
    access::{Granted, OnePatient, Permission},
    audit::Event,
    contact::{
        Appointment, TypedAppointment, Wanted, email,
        store::{self, appointments::Change},
    },
    error::{Error, Result},
    op::{Caller, Op},
    outbox::{self, NewMail},
    portal::Portal,
    programmes,
    types::{AccountId, AppointmentId, MailId, PatientId, Timestamp},
};

/// What became of an appointment that was to be made or moved.
#[derive(Debug, PartialEq, Eq)]
pub enum Proposed {
    /// The patient is told.
    Done,
    /// Nothing yet: at the same time there are others, in words. Asked again with that knowledge it is done.
    Overlaps(Vec<String>),
}

/// Where an appointment is moved to, by somebody who has seen this revision of it.
pub struct Moved<'a> {
    /// Which.
    pub appointment: AppointmentId,
    /// As it was seen.
    pub seen: i64,
    /// Where to.
    pub to: &'a TypedAppointment,
    /// Whether it is known that there are others at that time.
    pub despite: bool,
}

async fn begin(portal: &Portal, caller: &Caller, patient: PatientId) -> Result<(Op, Granted)> {
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require_for(Permission::ContactPatient, patient).await?;
    let deployment = granted.scope().deployment.ok_or(Error::NotFound)?;
    if !programmes::actions::programme_of(op.tx(), deployment).await?.appointments {
        return Err(Error::Conflict("Appointments are switched off in this deployment".to_owned()));
    }
    Ok((op, granted))
}

/// What else there is at the time, in words. Whose the other appointments of the member of staff are is not told: they may be of
/// another deployment.
async fn overlaps(
    op: &Op,
    (patient, staff): (PatientId, AccountId),
    wanted: &Wanted,
    but: Option<AppointmentId>,
    zone: &TimeZone,
) -> Result<Vec<String>> {
    let time = |at: Timestamp| at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string();
    let mut words = Vec::new();
    for (who, key) in [
        ("This patient has", ("patient_id", patient.uuid())),
        (
            if op.actor()?.account == staff { "You have" } else { "The colleague who made it has" },
            ("staff_id", staff.uuid()),
        ),
    ] {
        for other in store::appointments::overlapping(op.tx(), key, wanted, but).await? {
            words.push(format!("{who} another appointment from {} to {}.", time(other.starts_at), time(other.ends_at)));
        }
    }
    Ok(words)
}

fn mail(granted: &Granted, (id, appointment): (MailId, AppointmentId), sequence: i64, recipient: String) -> NewMail {
    NewMail {
        id,
        organisation: granted.scope().organisation,
        kind: email::APPOINTMENT,
        about: appointment.uuid(),
        generation: sequence + 1,
        recipient,
    }
}

/// Proposes an appointment to a patient. The same press again makes none.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be used or reaches nobody, [`Error::Conflict`] where no appointments are made,
/// [`Error::OverLimit`] when there were too many in a day.
pub async fn propose_appointment(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    typed: &TypedAppointment,
    (request_key, despite): (&str, bool),
) -> Result<Proposed> {
    let (mut op, granted) = begin(portal, caller, patient).await?;
    let scope = granted.scope();
    let zone = zone_of(&op, scope).await?;
    let (staff, staff_name) = (op.actor()?.account, op.actor()?.name.clone());
    if let Some(before) = store::appointments::find_by_key(op.tx(), staff, request_key).await? {
        let twice = || Error::Conflict("This form was sent already. Open it again".to_owned());
        return if before == patient { Ok(Proposed::Done) } else { Err(twice()) };
    }
    let wanted = typed.read(&zone, op.now()).map_err(Error::Invalid)?;
    let to = addressee(&op, patient).await?;
    let made = store::appointments::made_since(op.tx(), patient, op.now().minus(DAY)).await?;
    refuse_if_many(&op, &made, "Appointments were proposed to this patient", &zone)?;
    let others = overlaps(&op, (patient, staff), &wanted, None, &zone).await?;
    if !others.is_empty() && !despite {
        return Ok(Proposed::Overlaps(others));
    }
    let (id, mail_id): (AppointmentId, MailId) = (op.new_id(), op.new_id());
    let new = store::appointments::New {
        id,
        patient,
        staff,
        staff_name: &staff_name,
        wanted: &wanted,
        mail: mail_id,
        generation: to.link_generation,
        request_key,
    };
    store::appointments::insert(op.tx(), &granted, &new, op.now()).await?;
    let mail = mail(&granted, (mail_id, id), 0, to.email);
    op.send(mail);
    op.record(Event::done("appointment.proposed", patient, scope, json!({ "appointment": id })));
    op.commit().await?;
    Ok(Proposed::Done)
}

/// One appointment of a patient, for those who may change it.
///
/// # Errors
/// [`Error::NotFound`] when the patient has no such appointment.
pub async fn show_appointment(portal: &Portal, one: &OnePatient, id: AppointmentId) -> Result<Appointment> {
    let found = store::appointments::find(portal.db.reader(), id).await?;
    let found = found.filter(|(patient, _)| *patient == one.patient()).ok_or(Error::NotFound)?;
    Ok(found.1)
}

const CHANGED: &str = "Somebody else has changed this appointment meanwhile. Look at it again";

/// The appointment as it is inside the operation, if it can still be changed by who has seen this revision.
async fn changeable(op: &Op, patient: PatientId, id: AppointmentId, seen: i64) -> Result<Appointment> {
    let found = store::appointments::find(op.tx(), id).await?;
    let (_, appointment) = found.filter(|(of, _)| *of == patient).ok_or(Error::NotFound)?;
    if appointment.revision != seen {
        return Err(Error::Conflict(CHANGED.to_owned()));
    }
    if !appointment.is_open(op.now()) {
        return Err(Error::Conflict("This appointment has passed or was cancelled".to_owned()));
    }
    Ok(appointment)
}

async fn refuse_if_mailed_often(op: &Op, id: AppointmentId, zone: &TimeZone) -> Result<()> {
    let since = op.now().minus(DAY);
    let mails = outbox::stories(op.tx(), id.uuid()).await?;
    let mails: Vec<_> = mails.iter().map(|mail| mail.created_at).filter(|at| *at > since).collect();
    refuse_if_many(op, &mails, "The patient was mailed about this appointment", zone)
}

/// Moves an appointment: the patient is asked again, and what they answered before is gone.
///
/// # Errors
/// As [`propose_appointment`]; [`Error::Conflict`] when somebody else was first.
pub async fn move_appointment(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    moved: &Moved<'_>,
) -> Result<Proposed> {
    let (mut op, granted) = begin(portal, caller, patient).await?;
    let (zone, id) = (zone_of(&op, granted.scope()).await?, moved.appointment);
    let appointment = changeable(&op, patient, id, moved.seen).await?;
    let wanted = moved.to.read(&zone, op.now()).map_err(Error::Invalid)?;
    let to = addressee(&op, patient).await?;
    refuse_if_mailed_often(&op, id, &zone).await?;
    let others = overlaps(&op, (patient, appointment.staff), &wanted, Some(id), &zone).await?;
    if !others.is_empty() && !moved.despite {
        return Ok(Proposed::Overlaps(others));
    }
    let (mail_id, now) = (op.new_id(), op.now());
    let change = Change::Move(&wanted);
    if !store::appointments::change(op.tx(), &granted, (id, moved.seen), &change, (mail_id, now)).await? {
        return Err(Error::Conflict(CHANGED.to_owned()));
    }
    let mail = mail(&granted, (mail_id, id), appointment.sequence + 1, to.email);
    op.send(mail);
    op.record(Event::done("appointment.moved", patient, granted.scope(), json!({ "appointment": id })));
    op.commit().await?;
    Ok(Proposed::Done)
}

/// Cancels an appointment and tells the patient, if there is a way to.
///
/// # Errors
/// [`Error::Conflict`] when somebody else was first, or the appointment has passed.
pub async fn cancel_appointment(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    (id, seen): (AppointmentId, i64),
) -> Result<()> {
    // What was made can be called off even where no more are made, and for whom is no longer monitored.
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ContactPatient, patient).await?;
    let appointment = changeable(&op, patient, id, seen).await?;
    let to = store::addressee(op.tx(), patient).await?.ok_or(Error::NotFound)?;
    let (mail_id, now) = (op.new_id(), op.now());
    if !store::appointments::change(op.tx(), &granted, (id, seen), &Change::Cancel, (mail_id, now)).await? {
        return Err(Error::Conflict(CHANGED.to_owned()));
    }
    if !to.email.is_empty() {
        let mail = mail(&granted, (mail_id, id), appointment.sequence + 1, to.email);
        op.send(mail);
    }
    op.record(Event::done("appointment.cancelled", patient, granted.scope(), json!({ "appointment": id })));
    op.commit().await
}
