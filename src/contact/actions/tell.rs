//! What patients are told without anybody writing to them, and whose mail came back.

use super::super::{email, store};
use crate::{
    access::Scope,
    error::Result,
    op::Op,
    outbox::{Known, NewMail},
    types::{AppointmentId, MessageId, PatientId},
};

/// Tells a patient by mail that monitoring has stopped, or begins again; part of the operation that does it. Whoever has no address
/// is told by nobody.
///
/// # Errors
/// When the database fails.
pub async fn tell_monitoring(op: &mut Op, patient: PatientId, stopped: bool) -> Result<()> {
    let Some(to) = store::addressee(op.tx(), patient).await?.filter(|to| !to.email.is_empty()) else { return Ok(()) };
    op.send(NewMail {
        id: op.new_id(),
        organisation: to.scope().organisation,
        kind: if stopped { email::MONITORING_STOPPED } else { email::MONITORING_BEGUN },
        about: patient.uuid(),
        generation: to.link_generation,
        recipient: to.email,
    });
    Ok(())
}

/// The patient to whom a mail went, so that the access log tells of them and not of their address.
///
/// # Errors
/// When the database fails.
pub async fn patient_of_mail(op: &Op, mail: &Known) -> Result<Option<(PatientId, Scope)>> {
    let patient = match mail.kind.as_str() {
        email::MESSAGE => {
            let found = store::messages::find_linked(op.tx(), MessageId::from_uuid(mail.about_id)).await?;
            found.map(|message| message.patient_id)
        }
        email::APPOINTMENT => {
            let found = store::appointments::find(op.tx(), AppointmentId::from_uuid(mail.about_id)).await?;
            found.map(|(patient, _)| patient)
        }
        email::MONITORING_STOPPED | email::MONITORING_BEGUN => Some(PatientId::from_uuid(mail.about_id)),
        _ => None,
    };
    let Some(patient) = patient else { return Ok(None) };
    Ok(store::addressee(op.tx(), patient).await?.map(|found| (patient, found.scope())))
}
