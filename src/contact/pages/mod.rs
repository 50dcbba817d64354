//! **Telemedicine**: messages to a patient, appointments and calls; and the patient's own private page.

mod appointment;
mod call;
mod message;
mod private;
mod telemedicine;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    access::Permission,
    error::{Error, Fields, Result},
    op::Caller,
    portal::Portal,
    programmes::{self, Programme},
    types::PatientId,
};

/// The address of a patient's private page, the same for all: what it shows is chosen by the code in the link's fragment.
pub const FOR_YOU: &str = "/for-you";

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients/{patient}/telemedicine", get(telemedicine::show))
        .route("/{scope}/patients/{patient}/messages/new", get(message::show).post(message::submit))
        .route("/{scope}/patients/{patient}/messages/{message}/withdraw", post(message::withdraw))
        .route("/{scope}/patients/{patient}/appointments/new", get(appointment::show_new).post(appointment::submit_new))
        .route(
            "/{scope}/patients/{patient}/appointments/{appointment}",
            get(appointment::show).post(appointment::submit),
        )
        .route("/{scope}/patients/{patient}/call", post(call::submit))
        .route("/for-you", get(private::show).post(private::submit_code))
        .route("/for-you/answer", post(private::submit_answer))
}

/// The ids in a path: a deployment's and a patient's of it.
type OfPatient = (String, String);

/// Refuses whoever may not contact this patient, before a page of them is opened. Gives the deployment's programme.
async fn for_contact(
    portal: &Portal,
    caller: &Caller,
    (scope, patient): (&str, &str),
) -> Result<(PatientId, Programme)> {
    let id: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
    let one = caller.patient(portal, Permission::ContactPatient, id).await?;
    if one.scope().to_string() != scope {
        return Err(Error::NotFound);
    }
    let deployment = one.scope().deployment.ok_or(Error::NotFound)?;
    Ok((id, programmes::actions::programme_of(portal.db.reader(), deployment).await?))
}

/// The sentence beside a field.
fn problem(problems: &Fields, field: &str) -> Option<String> {
    problems.iter().find(|(of, _)| *of == field).map(|(_, text)| text.clone())
}
