//! Signing in and out.

use askama::Template;
use axum::{
    Form, Json,
    extract::{Query, State},
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};

use super::{NextQuery, browser_in, can_be_mended, go_on, local, refused};
use crate::{
    identity::{
        Presence, actions,
        door::{Anybody, Arriving},
        has_passkeys,
    },
    portal::Portal,
    types::AccountId,
    web::{Frame, PageError, PageResult, cookies, origin, page, see_other},
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    email: String,
    next: String,
    /// Whether this portal can have passkeys.
    has_passkeys: bool,
    error: Option<String>,
    notice: Option<&'static str>,
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    jar: CookieJar,
    Query(query): Query<NextQuery>,
) -> PageResult {
    if caller.actor().is_ok() {
        return Ok(see_other(local(&query.next)));
    }
    let notice = kept_form(&portal, &jar);
    let (jar, flash) = cookies::take_flash(&portal.config, jar);
    let frame = Frame { flash, ..Frame::plain(&portal.config, "Sign in") };
    let has_passkeys = has_passkeys(&portal.config);
    let shown = SignInPage { frame, email: String::new(), next: query.next, has_passkeys, error: None, notice };
    Ok((jar, page(&shown)?).into_response())
}

/// What whoever sent a form too late is told first of all.
fn kept_form(portal: &Portal, jar: &CookieJar) -> Option<&'static str> {
    let text = "You had been signed out when you sent a form. Nothing was done yet, and nothing that you entered is lost: sign in within half an hour, and go on from there.";
    cookies::get(&portal.config, jar, cookies::Name::Form).map(|_| text)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    Form(form): Form<SignInForm>,
) -> PageResult {
    let browser = browser_in(&portal, &jar);
    let error = match actions::sign_in(&portal, &origin, &form.email, &form.password, browser.as_deref()).await {
        Ok(session) => return Ok(go_on(&portal, jar, &session, &form.next)),
        Err(error) if can_be_mended(&error) => error,
        Err(other) => return Err(other.into()),
    };
    let frame = Frame::plain(&portal.config, "Sign in");
    let text = Some(error.to_string());
    let has_passkeys = has_passkeys(&portal.config);
    let notice = kept_form(&portal, &jar);
    refused(&error, &SignInPage { frame, email: form.email, next: form.next, has_passkeys, error: text, notice })
}

pub(super) async fn sign_out(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    Form(query): Form<NextQuery>,
) -> PageResult {
    match &presence {
        Presence::Whole(caller) => actions::sign_out(&portal, caller).await?,
        Presence::Half(half) => actions::give_up(&portal, half).await?,
        Presence::Nobody => {}
    }
    let jar = cookies::clear(&portal.config, jar, cookies::Name::Session);
    // On the way to another account the invitation's code must stay.
    if query.next == "/join" {
        return Ok((jar, see_other("/join")).into_response());
    }
    let jar = cookies::clear(&portal.config, jar, cookies::Name::Join);
    let mut response: Response = (jar, see_other("/sign-in")).into_response();
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    Ok(response)
}

/// How long the session still lives.
#[derive(Serialize)]
pub(super) struct TimeLeft {
    seconds_left: u64,
    /// Whose it is: a page never uncovers what it shows to somebody else who has signed in meanwhile.
    person: Option<AccountId>,
}

async fn time(portal: &Portal, jar: &CookieJar, stay: bool) -> Result<Json<TimeLeft>, PageError> {
    let token = cookies::get(&portal.config, jar, cookies::Name::Session).unwrap_or_default();
    let (person, left) = actions::time_left(portal, &token, stay).await?.unzip();
    Ok(Json(TimeLeft { seconds_left: left.unwrap_or_default().as_secs(), person }))
}

/// For the page's own warning; asking does not prolong anything.
pub(super) async fn time_left(State(portal): State<Portal>, jar: CookieJar) -> Result<Json<TimeLeft>, PageError> {
    time(&portal, &jar, false).await
}

/// **Stay signed in**.
pub(super) async fn stay(State(portal): State<Portal>, jar: CookieJar) -> Result<Json<TimeLeft>, PageError> {
    time(&portal, &jar, true).await
}
