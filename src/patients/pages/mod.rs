//! The Patient List and what can be done with its rows, a patient's profile, and what stands around every page of one patient.

mod asked;
mod clinicians;
mod columns;
mod filters;
mod label_book;
mod labels;
mod list;
mod monitoring;
mod new;
mod profile;
pub mod rail;
mod seen;
mod several;

use axum::{
    Router,
    routing::{get, post},
};
use serde::Deserialize;

use self::asked::Asked;
use crate::{
    access::{OnePatient, Permission},
    error::{Error, Fields, Result},
    op::Caller,
    patients::{Patient, actions},
    portal::Portal,
    sites::{self, Place},
    types::PatientId,
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients", get(list::list))
        .route("/{scope}/patients/filters", get(filters::show))
        .route("/{scope}/patients/columns", post(columns::submit))
        .route("/{scope}/patients/labels", post(several::submit))
        .route("/{scope}/patients/new", get(new::show).post(new::submit))
        .route("/{scope}/patients/{patient}/profile", get(profile::show).post(profile::submit))
        .route("/{scope}/patients/{patient}/labels", get(labels::show).post(labels::submit))
        .route("/{scope}/patients/{patient}/clinicians", get(clinicians::show).post(clinicians::submit))
        .route("/{scope}/patients/{patient}/monitoring", get(monitoring::show).post(monitoring::submit))
        .route("/{scope}/labels", get(label_book::show).post(label_book::submit))
        .route("/{scope}/labels/{label}", post(label_book::rename))
        .route("/{scope}/labels/{label}/delete", get(label_book::ask_delete).post(label_book::delete))
        .route("/{scope}/patients/{patient}/seen", get(seen::show))
        .route("/{scope}/patients/{patient}/seen.csv", get(seen::csv))
}

/// The list to come back to, in the address of a window over it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Back {
    list: String,
}

/// A patient whose row is worked on.
struct One {
    place: Place,
    patient: Patient,
    proof: OnePatient,
}

impl One {
    /// Finds the patient for somebody who holds one of these permissions; the view is in the access log, as `what`, before this returns.
    async fn open(
        portal: &Portal,
        caller: &Caller,
        (scope, patient): (&str, &str),
        permissions: &[Permission],
        what: &'static str,
    ) -> Result<Self> {
        let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
        let patient: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
        // Whether there is such a patient is said first: where there is none nothing was refused.
        let found = caller.patient(portal, Permission::ViewPatientData, patient).await?;
        if found.scope() != place.scope {
            return Err(Error::NotFound);
        }
        let actor = caller.actor()?;
        let able = permissions.iter().any(|permission| actor.may(*permission, &place.scope));
        if let Some(first) = permissions.first().filter(|_| !able) {
            caller.scope(portal, *first, place.scope).await?;
        }
        let (patient, proof) = actions::show_patient(portal, caller, patient, what).await?;
        Ok(Self { place, patient, proof })
    }

    fn address(&self) -> String {
        rail::address(self.place.scope, self.patient.id)
    }

    /// Where a window over the list goes back to; without a list, to the patient.
    fn back(&self, list: &str) -> String {
        if list.is_empty() { self.address() } else { Asked::carried(list).url(&self.place) }
    }

    /// What the window's forms carry along.
    fn carry(&self, list: &str) -> String {
        if list.is_empty() { String::new() } else { Asked::carried(list).to_window(&self.place) }
    }
}

/// The message beside a field.
fn beside(problems: &Fields, field: &str) -> Option<String> {
    problems.iter().find(|(name, _)| *name == field).map(|(_, text)| text.clone())
}
