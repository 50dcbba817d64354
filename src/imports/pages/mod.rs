//! **Import patients**: a file or pasted rows, the review of every row, and what became of them.

mod form;
mod result;
mod review;

use axum::{Router, extract::DefaultBodyLimit, routing::get};

use super::MOST_BYTES;
use crate::{
    access::Permission,
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::PatientImportId,
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    // The file, or the same rows once more as text.
    let large = DefaultBodyLimit::max(3 * MOST_BYTES);
    Router::new()
        .route("/{scope}/patients/import", get(form::show).post(form::submit).layer(large))
        .route("/{scope}/patients/imports/{import}", get(result::show))
        .route("/{scope}/patients/imports/{import}/not-added.csv", get(result::not_added))
}

/// The deployment, for those who may add patients there and see who they are.
async fn deployment(portal: &Portal, caller: &Caller, scope: &str) -> Result<Place> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    for needed in [Permission::ManagePatientData, Permission::ViewPatientIdentifiers] {
        caller.scope(portal, needed, place.scope).await?;
    }
    if place.deployment.is_some() { Ok(place) } else { Err(Error::NotFound) }
}

fn form_address(place: &Place) -> String {
    format!("{}/patients/import", place.scope.path())
}

fn address(place: &Place, import: PatientImportId) -> String {
    format!("{}/patients/imports/{import}", place.scope.path())
}
