//! The Patient List, and what stands around every page of one patient.

mod list;
pub mod rail;

use axum::{Router, routing::get};

use crate::portal::Portal;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new().route("/{scope}/patients", get(list::list))
}
