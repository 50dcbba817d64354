//! One's own profile: a page with a section for each subject, and a small form for each thing that can be changed. Every form answers
//! with the page again, at its section.

mod access;
mod details;
mod factors;
mod keys;
mod password;
mod sessions;

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;

use crate::{
    error::{Fields, Result},
    identity::{actions, door::SignedIn},
    op::Caller,
    portal::Portal,
    sites,
    types::Timestamp,
    web::{Frame, PageResult, When, cookies, page_with_status, see_other},
};

/// The pages of the profile.
pub(super) fn routes() -> Router<Portal> {
    Router::new()
        .route("/profile", get(show))
        .route("/profile/details", post(details::submit))
        .route("/profile/units", post(details::submit_units))
        .route("/profile/password", get(password::show).post(password::submit))
        .route("/profile/password-strength", post(password::strength))
        .route("/profile/authenticator/remove", post(factors::submit_remove_authenticator))
        .route("/profile/passkeys/{id}/rename", post(factors::submit_rename))
        .route("/profile/passkeys/{id}/remove", post(factors::submit_remove_passkey))
        .route("/profile/sessions/end-others", post(sessions::submit_end_others))
        .route("/profile/sessions/{id}/end", post(sessions::submit_end))
        .route("/profile/browsers/distrust-all", post(sessions::submit_distrust_all))
        .route("/profile/browsers/{id}/distrust", post(sessions::submit_distrust))
        .route("/profile/api-keys", post(keys::submit))
        .route("/profile/api-keys/{id}/revoke", post(keys::submit_revoke))
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    /// What could not be done: where it is mended, and why.
    problems: Vec<(String, String)>,
    details: details::Section,
    password_changed: Option<When>,
    factors: factors::Section,
    sessions: sessions::Section,
    keys: keys::Section,
    access: Vec<access::Row>,
}

/// What a form brings along when the page is shown again because of it.
#[derive(Default)]
struct Again {
    details: Option<(details::DetailsForm, Fields)>,
    new_key: Option<String>,
    key_error: Option<String>,
    /// The field with this id, and what is wrong.
    problem: Option<(String, String)>,
}

/// How instants are said to this person.
struct Words {
    now: Timestamp,
    zone: jiff::tz::TimeZone,
}

impl Words {
    fn when(&self, at: Timestamp) -> When {
        When::new(at, self.now, &self.zone)
    }
}

async fn show(State(portal): State<Portal>, SignedIn(caller): SignedIn, jar: CookieJar) -> PageResult {
    render(&portal, &caller, jar, StatusCode::OK, Again::default()).await
}

/// The frame around the profile: of the first place where the person works, if there is one.
async fn frame(portal: &Portal, caller: &Caller, title: &str) -> Result<Frame> {
    let actor = caller.actor()?;
    match sites::actions::places_of(portal, actor).await?.first() {
        Some(place) => sites::pages::frame(portal, actor, place, title).await,
        None => Ok(Frame { person: Some(actor.name.clone()), ..Frame::plain(&portal.config, title) }),
    }
}

async fn render(portal: &Portal, caller: &Caller, jar: CookieJar, status: StatusCode, again: Again) -> PageResult {
    let actor = caller.actor()?;
    let own_places = sites::actions::places_of(portal, actor).await?;
    let title = if status == StatusCode::OK { "Profile" } else { "Error: Profile" };
    let (jar, flash) = cookies::take_flash(&portal.config, jar);
    let frame = Frame { flash, ..frame(portal, caller, title).await? };
    let zone = own_places.first().map_or(jiff::tz::TimeZone::UTC, sites::Place::time_zone);
    let words = Words { now: portal.now(), zone };
    let own = actions::own_details(portal, caller).await?;
    let password_changed = own.password_changed_at.map(|at| words.when(at));
    let mut problems: Vec<_> = again.problem.into_iter().collect();
    problems.extend(again.key_error.iter().map(|text| ("key-name".to_owned(), text.clone())));
    if let Some((_, fields)) = &again.details {
        problems.extend(fields.iter().map(|(field, text)| ((*field).to_owned(), text.clone())));
    }
    let template = ProfilePage {
        frame,
        problems,
        details: details::Section::new(own, again.details),
        password_changed,
        factors: factors::Section::read(portal, caller, &words).await?,
        sessions: sessions::Section::read(portal, caller, &words).await?,
        keys: keys::Section::read(portal, caller, &words, &own_places, again.new_key, again.key_error).await?,
        access: access::rows(portal, caller, &words).await?,
    };
    let page = page_with_status(status, &template)?;
    Ok((jar, page).into_response())
}

/// Done: back to the section, with a message.
fn done(portal: &Portal, jar: CookieJar, section: &str, text: &str) -> Response {
    let jar = cookies::leave_flash(&portal.config, jar, "done", text);
    (jar, see_other(&format!("/profile#{section}"))).into_response()
}
