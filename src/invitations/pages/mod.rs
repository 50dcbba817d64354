//! The pages of invitations: inviting, what is pending, and the invitee's side.

mod after;
mod batch;
mod correct;
mod detail;
mod form;
mod invite;
mod join;
mod mail;
mod pending;
mod review;
mod slip;

pub use review::encodings;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::portal::Portal;

/// A form with 10,000 addresses and a file of 2 MiB.
const LARGEST_FORM: usize = 5 * 1024 * 1024;
/// The same and what making a role on the way adds to it: whatever was let in must be let in again.
const LARGEST_CARRIED: usize = LARGEST_FORM + 1024 * 1024;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    let large = DefaultBodyLimit::max(LARGEST_FORM);
    let carried = DefaultBodyLimit::max(LARGEST_CARRIED);
    Router::new()
        .route("/{scope}/invitations", get(pending::list))
        .route("/{scope}/invitations/selected", post(pending::submit_selected))
        .route("/{scope}/invitations/{id}", get(detail::show))
        .route("/{scope}/invitations/{id}/link", post(pending::submit_copy))
        .route("/{scope}/invitations/{id}/correct", get(correct::show).post(correct::submit))
        .route("/{scope}/invitations/new", get(invite::show).post(invite::submit).layer(carried))
        .route("/{scope}/invitations/check", post(invite::check).layer(large))
        .route("/{scope}/invitations/read-file", post(invite::read_file).layer(large))
        .route("/{scope}/invitations/batches/{id}", get(batch::show))
        .route("/{scope}/invitations/batches/{id}/result.csv", get(batch::result_csv))
        .route("/{scope}/invitations/batches/{id}/pending", post(after::submit_pending))
        .route("/{scope}/invitations/batches/{id}/undo", get(after::ask_undo).post(after::submit_undo))
        .route("/join", get(join::show).post(join::submit_code))
        .route("/join/slip", post(join::submit_slip))
        .route("/join/accept", post(join::submit_accept))
        .route("/join/decline", post(join::submit_decline))
        .route("/join/password-strength", post(join::password_strength))
}
