//! Signing in and out, second factors, forgotten passwords, "This was not me", and one's own profile.

pub mod interrupted;
pub mod links;
pub mod live;
mod notices;
mod passkeys;
mod profile;
mod prove;
mod reset;
mod second_factor;
mod sign_in;

use askama::Template;
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    error::Error,
    identity::{Needs, NewSession, door},
    portal::Portal,
    web::{PageResult, cookies, page_with_status, see_other},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-in/second-factor", get(second_factor::show).post(second_factor::submit))
        .route("/second-factor/set-up", get(second_factor::show_set_up))
        .route("/second-factor/authenticator", post(second_factor::submit_authenticator))
        .route("/second-factor/passkey", post(second_factor::submit_passkey))
        .route("/passkeys/add/start", post(passkeys::start_adding))
        .route("/passkeys/second-factor/start", post(passkeys::start_second_factor))
        .route("/passkeys/second-factor/finish", post(passkeys::finish_second_factor))
        .route("/passkeys/sign-in/start", post(passkeys::start_sign_in))
        .route("/passkeys/sign-in/finish", post(passkeys::finish_sign_in))
        .route("/passkeys/prove/start", post(passkeys::start_proof))
        .route("/passkeys/prove/finish", post(passkeys::finish_proof))
        .route("/session", get(sign_in::time_left).post(sign_in::stay))
        .route("/prove", get(prove::show).post(prove::submit))
        .route("/continue", get(interrupted::show))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/forgot", get(reset::show_forgot).post(reset::submit_forgot))
        .route("/forgot/asked", get(reset::show_asked))
        .route("/reset", get(reset::show).post(reset::submit_code))
        .route("/reset/password", post(reset::submit_password))
        .route("/reset/password-strength", post(reset::password_strength))
        .route("/not-me", get(notices::show).post(notices::submit_code))
        .route("/not-me/secure", post(notices::submit_secure))
        .route("/profile/recovery-codes", post(second_factor::submit_recovery_codes))
        .merge(profile::routes())
}

#[derive(Deserialize)]
struct NextQuery {
    #[serde(default)]
    next: String,
}

/// Only a path of this portal: anything else could lead to another site.
fn local(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    // What no header may hold cannot be led to.
    if plain && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { "/" }
}

/// The token by which the browser may be known.
fn browser_in(portal: &Portal, jar: &CookieJar) -> Option<String> {
    cookies::get(&portal.config, jar, cookies::Name::Browser)
}

/// Puts a session into the cookies.
pub fn keep(portal: &Portal, jar: CookieJar, session: &NewSession) -> CookieJar {
    let jar = cookies::set(&portal.config, jar, cookies::Name::Session, session.token.expose().clone());
    match &session.browser {
        Some(token) => cookies::set(&portal.config, jar, cookies::Name::Browser, token.expose().clone()),
        None => jar,
    }
}

/// Where a session that has just begun goes on: to what is missing, or to the page that was asked for.
pub fn onward(needs: Needs, next: &str) -> String {
    match needs {
        Needs::Nothing => local(next).to_owned(),
        Needs::SecondFactor | Needs::SetUp if local(next) == "/" => door::page_for(needs).to_owned(),
        Needs::SecondFactor | Needs::SetUp => door::with_next(door::page_for(needs), local(next)),
    }
}

/// Keeps the session and goes on: first of all with the form that waits, if there is one.
fn go_on(portal: &Portal, jar: CookieJar, session: &NewSession, next: &str) -> Response {
    let way = way_on(portal, &jar, session, next);
    (keep(portal, jar, session), see_other(&way)).into_response()
}

/// Where that is.
fn way_on(portal: &Portal, jar: &CookieJar, session: &NewSession, next: &str) -> String {
    let waits = cookies::get(&portal.config, jar, cookies::Name::Form).is_some();
    onward(session.needs, if waits { interrupted::CONTINUE } else { next })
}

/// The page again, with the status and the wait of the error.
fn refused(error: &Error, template: &impl Template) -> PageResult {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let mut response = page_with_status(status, template)?;
    if let Some(wait) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    Ok(response)
}

/// Whether the person can mend it on the page where they are, now or in a while: then the page comes back with what was typed.
const fn can_be_mended(error: &Error) -> bool {
    matches!(error, Error::Invalid(_) | Error::TooMany { .. } | Error::Unavailable(_))
}
