//! The pages of exports: asking, looking how far it is, downloading.

mod new;
mod show;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    access::{Permission, Scope},
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients/export", get(new::show).post(new::submit))
        .route("/{scope}/patients/{patient}/export", get(new::show_for_one))
        .route("/{scope}/exports/{export}", get(show::show))
        .route("/{scope}/exports/{export}/progress", get(show::follow))
        .route("/{scope}/exports/{export}/download", post(show::download))
}

/// The deployment, for those who may export its patients' data.
async fn deployment(portal: &Portal, caller: &Caller, scope: &str) -> Result<Place> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    caller.scope(portal, Permission::ExportPatientData, place.scope).await?;
    if place.deployment.is_some() { Ok(place) } else { Err(Error::NotFound) }
}

/// Where an export is looked at.
fn address(scope: Scope, export: crate::types::ExportId) -> String {
    format!("{}/exports/{export}", scope.path())
}
