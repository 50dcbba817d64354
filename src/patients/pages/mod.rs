//! The Patient List, and what stands around every page of one patient.

mod list;
pub mod rail;
mod seen;

use axum::{Router, routing::get};

use crate::portal::Portal;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients", get(list::list))
        .route("/{scope}/patients/{patient}/seen", get(seen::show))
        .route("/{scope}/patients/{patient}/seen.csv", get(seen::csv))
}
