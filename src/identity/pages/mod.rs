//! Signing in and out, forgotten passwords, "This was not me", and one's own profile.

mod links;
mod notices;
mod profile;
mod reset;
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
        .route("/forgot", get(reset::show_forgot).post(reset::submit_forgot))
        .route("/forgot/asked", get(reset::show_asked))
        .route("/reset", get(reset::show).post(reset::submit_code))
        .route("/reset/password", post(reset::submit_password))
        .route("/reset/password-strength", post(reset::password_strength))
        .route("/not-me", get(notices::show).post(notices::submit_code))
        .route("/not-me/secure", post(notices::submit_secure))
        .route("/profile", get(profile::show))
        .route("/profile/api-keys", post(profile::submit_key))
        .route("/profile/api-keys/{id}/revoke", post(profile::submit_revoke))
}
