//! The pages of plans: the list, making one, looking at it and sending it.

mod list;
mod new;
mod progress;
mod send;
mod show;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    response::IntoResponse,
    routing::{get, post},
};
use axum_extra::extract::CookieJar;

use crate::{
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::PlanId,
    web::{PageResult, cookies, see_other},
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

/// Goes to a page with what was done, or with why it could not be.
fn go_with(portal: &Portal, jar: CookieJar, to: &str, done: Result<(&'static str, String)>) -> PageResult {
    let (kind, text) = match done {
        Ok(told) => told,
        Err(Error::Conflict(text)) => ("problem", text),
        Err(other) => return Err(other.into()),
    };
    Ok((cookies::leave_flash(&portal.config, jar, kind, &text), see_other(to)).into_response())
}
