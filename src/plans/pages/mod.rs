//! The pages of plans: the list, making one, looking at it and sending it.

mod list;
mod new;
mod progress;
mod send;
mod show;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::{
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::PlanId,
};

/// What the lists call this room.
pub(crate) const TITLE: &str = "Plans";
/// A file of 10 MiB beside what was typed.
const LARGEST_FORM: usize = 12 * 1024 * 1024;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    let large = DefaultBodyLimit::max(LARGEST_FORM);
    Router::new()
        .route("/{scope}/plans", get(list::show))
        .route("/{scope}/plans/new", get(new::show).post(new::submit).layer(large))
        .route("/{scope}/plans/{plan}", get(show::show))
        .route("/{scope}/plans/{plan}/rows", post(show::submit_rows))
        .route("/{scope}/plans/{plan}/send", get(send::ask).post(send::submit))
        .route("/{scope}/plans/{plan}/schedule", post(send::submit_schedule))
        .route("/{scope}/plans/{plan}/delete", get(send::ask_delete).post(send::submit_delete))
        .route("/{scope}/plans/{plan}/progress", get(progress::follow))
}

async fn place_and_plan(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, PlanId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, id.parse().map_err(|_| Error::NotFound)?))
}
