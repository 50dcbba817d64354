//! Pages of notes: writing one and resolving flags, and reading all of a patient.

mod flags;
mod list;

use axum::{Router, routing::get};

use crate::{
    access::Permission,
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    types::PatientId,
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients/{patient}/flags", get(flags::show).post(flags::submit))
        .route("/{scope}/patients/{patient}/notes", get(list::show).post(list::add_to))
}

/// The patient of an address, for somebody who may write notes there; the refusal of others is in the access log.
async fn for_writing(portal: &Portal, caller: &Caller, scope: &str, patient: &str) -> Result<PatientId> {
    let patient: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
    let one = caller.patient(portal, Permission::ManageNotes, patient).await?;
    if one.scope().to_string() == scope { Ok(patient) } else { Err(Error::NotFound) }
}
