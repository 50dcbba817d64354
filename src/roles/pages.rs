//! **Edit roles**.

use axum::Router;

use crate::portal::Portal;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
}
