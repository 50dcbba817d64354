//! Stopping the monitoring of a patient, and beginning it again. What was sent in stays readable.

use serde_json::json;

use crate::{
    access::{Actor, Granted, Permission, Scope},
    audit::Event,
    contact,
    error::{Error, Result},
    op::{Caller, Op},
    patients::store,
    portal::Portal,
    programmes,
    types::PatientId,
};

/// The longest reason in one's own words.
pub const LONGEST_REASON: usize = 200;

/// Why monitoring stops; the last one asks for words.
pub const REASONS: [(&str, &str); 6] = [
    ("finished", "The programme is finished"),
    ("elsewhere", "Care goes on elsewhere"),
    ("wish", "The patient asked to stop"),
    ("silent", "The patient cannot be reached or sends nothing in"),
    ("died", "The patient has died"),
    ("other", "Other reason"),
];

const EITHER: [Permission; 2] = [Permission::OffboardPatients, Permission::ManagePatientData];

/// Whether the actor may stop and resume monitoring here.
pub fn may_offboard(actor: &Actor, scope: &Scope) -> bool {
    EITHER.iter().any(|permission| actor.may(*permission, scope))
}

/// The reason as it is kept.
fn read_reason(key: &str, words: &str) -> Result<String> {
    let (key, label) = REASONS
        .into_iter()
        .find(|(known, _)| *known == key)
        .ok_or_else(|| Error::field("reason", "Choose why monitoring stops."))?;
    if key != "other" {
        return Ok(label.to_owned());
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.chars().count() {
        0 => Err(Error::field("words", "Say in a few words why monitoring stops.")),
        1..=LONGEST_REASON => Ok(words),
        _ => Err(Error::field("words", "Use at most 200 characters for the reason.")),
    }
}

async fn begin(portal: &Portal, caller: &Caller, patient: PatientId) -> Result<(Op, Granted)> {
    let (op, granted) = Op::begin(portal, caller).await?.require_either_for(EITHER, patient).await?;
    let deployment = granted.scope().deployment.ok_or(Error::NotFound)?;
    if programmes::actions::programme_of(op.tx(), deployment).await?.offboarding {
        Ok((op, granted))
    } else {
        Err(Error::Conflict("Stopping and resuming monitoring is switched off in this deployment".to_owned()))
    }
}

/// Stops the monitoring of a patient for a reason: one of [`REASONS`], and words for the last of them. The patient's links die. The
/// reason stays with the patient and is in no event.
///
/// # Errors
/// [`Error::Invalid`] without a reason; [`Error::Conflict`] when monitoring was stopped already, or is never stopped here.
pub async fn stop_monitoring(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    (reason, words): (&str, &str),
) -> Result<()> {
    let (mut op, granted) = begin(portal, caller, patient).await?;
    // Whoever opens the mailbox of somebody who has died gets no such mail.
    let told = reason != "died";
    let reason = read_reason(reason, words)?;
    if !store::set_monitored(op.tx(), &granted, patient, Some(&reason), op.now()).await? {
        return Err(Error::Conflict("This patient is no longer monitored already".to_owned()));
    }
    if told {
        contact::actions::tell_monitoring(&mut op, patient, true).await?;
    }
    op.record(Event::done("patient.offboarded", patient, granted.scope(), json!({})));
    op.commit().await
}

/// Begins to monitor a patient again.
///
/// # Errors
/// [`Error::Conflict`] when they are monitored, or monitoring is never stopped here.
pub async fn reactivate(portal: &Portal, caller: &Caller, patient: PatientId) -> Result<()> {
    let (mut op, granted) = begin(portal, caller, patient).await?;
    if !store::set_monitored(op.tx(), &granted, patient, None, op.now()).await? {
        return Err(Error::Conflict("This patient is monitored already".to_owned()));
    }
    contact::actions::tell_monitoring(&mut op, patient, false).await?;
    op.record(Event::done("patient.reactivated", patient, granted.scope(), json!({})));
    op.commit().await
}
