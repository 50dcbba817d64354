//! Signing in and out, and one's own profile.

mod profile;
mod sign_in;

use axum::{
    Router,
    routing::{get, post},
};

use crate::portal::Portal;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/profile", get(profile::show))
        .route("/profile/api-keys", post(profile::submit_key))
        .route("/profile/api-keys/{id}/revoke", post(profile::submit_revoke))
}
