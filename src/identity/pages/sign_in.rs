//! Signing in and out.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    error::Error,
    identity::{actions, door::Anybody},
    op::Caller,
    portal::Portal,
    web::{Frame, PageResult, cookies, origin, page, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    email: String,
    next: String,
    error: Option<String>,
    notice: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct NextQuery {
    #[serde(default)]
    next: String,
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

/// Only a path of this portal: anything else could lead to another site.
pub(super) fn local(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if plain { next } else { "/" }
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
    let (jar, flash) = cookies::take_flash(&portal.config, jar);
    let frame = Frame { flash, ..Frame::plain(&portal.config, "Sign in") };
    let page = page(&SignInPage { frame, email: String::new(), next: query.next, error: None, notice: None })?;
    Ok((jar, page).into_response())
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    Form(form): Form<SignInForm>,
) -> PageResult {
    let error = match actions::sign_in(&portal, &origin, &form.email, &form.password).await {
        Ok(session) => {
            let jar = cookies::set(&portal.config, jar, cookies::Name::Session, session.token.expose().clone());
            return Ok((jar, see_other(local(&form.next))).into_response());
        }
        Err(error @ (Error::Invalid(_) | Error::TooMany { .. })) => error,
        Err(other) => return Err(other.into()),
    };
    let frame = Frame::plain(&portal.config, "Sign in");
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let template =
        SignInPage { frame, email: form.email, next: form.next, error: Some(error.to_string()), notice: None };
    let mut response = page_with_status(status, &template)?;
    if let Error::TooMany { retry_after } = error {
        response.headers_mut().insert("retry-after", HeaderValue::from(retry_after.as_secs().max(1)));
    }
    Ok(response)
}

pub(super) async fn sign_out(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    jar: CookieJar,
    Form(query): Form<NextQuery>,
) -> PageResult {
    if matches!(caller, Caller::Person(..)) {
        actions::sign_out(&portal, &caller).await?;
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
