//! Forms that were sent too late. What was typed waits until the person has proved themselves, and goes on from there.

use askama::Template;
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;

use crate::{
    error::Result,
    identity::{
        Presence,
        actions::{self, Form},
        door::{Arriving, SignedIn, with_next},
    },
    portal::Portal,
    web::{Frame, Interrupted, PageError, PageResult, cookies, page, see_other},
};

/// The page of a form that waits.
pub(super) const CONTINUE: &str = "/continue";
/// A longer form is not kept; the page says so by asking for it again.
const LONGEST: usize = 2 * 1024 * 1024;
/// Forms that carry a proof (a password, a code) are never kept: what is proved is proved anew.
const NEVER: [&str; 8] =
    ["/api/", "/sign-", "/join", "/second-factor", "/prove", "/reset", "/not-me", "/profile/password"];

/// Stands around every page. A form whose answer is "prove that it is you first" is kept; **Continue** sends it on.
pub async fn keep(State(portal): State<Portal>, request: Request, next: Next) -> Response {
    let back = way_back(&request);
    let by_script = request.headers().get("sec-fetch-dest").is_some_and(|value| value == "empty");
    let mut response = answer(&portal, request, next).await;
    let asked = response.headers().get(header::LOCATION).is_some_and(|location| location == "/prove");
    if asked && let Ok(location) = HeaderValue::from_str(&with_next("/prove", &back)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    // A script cannot see where a redirect leads; it is told by name and takes the person there.
    if by_script
        && response.extensions().get::<Interrupted>().is_some()
        && let Some(location) = response.headers_mut().remove(header::LOCATION)
    {
        response.headers_mut().insert("prove-at", location);
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    response
}

/// The page on which somebody is: the one that is asked for, or the one whose form was sent.
fn way_back(request: &Request) -> String {
    if request.method() == Method::GET {
        return request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    }
    let referer = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok());
    let page = referer.and_then(|text| url::Url::parse(text).ok());
    page.map_or_else(|| "/".to_owned(), |url| url.path().to_owned())
}

async fn answer(portal: &Portal, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if request.method() != Method::POST || NEVER.iter().any(|start| path.starts_with(start)) {
        return next.run(request).await;
    }
    if path == CONTINUE {
        return go_on(portal, request, next).await.unwrap_or_else(IntoResponse::into_response);
    }
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_none_or(|length: usize| length > LONGEST) {
        return next.run(request).await;
    }
    keep_if_interrupted(portal, request, next).await.unwrap_or_else(|error| PageError(error).into_response())
}

async fn keep_if_interrupted(portal: &Portal, request: Request, next: Next) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST).await.unwrap_or_default();
    let (path, headers) = (parts.uri.to_string(), parts.headers.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body.clone()))).await;
    let jar = CookieJar::from_headers(&headers);
    let session = cookies::get(&portal.config, &jar, cookies::Name::Session);
    let (Some(_), Some(session)) = (response.extensions().get::<Interrupted>(), session) else { return Ok(response) };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = Form { path, content_type: content_type.to_owned(), body: body.to_vec() };
    match actions::keep_form(portal, &session, &form).await? {
        Some(secret) => {
            let jar = cookies::set(&portal.config, CookieJar::new(), cookies::Name::Form, secret.expose().clone());
            Ok((jar, response).into_response())
        }
        None => Ok(response),
    }
}

/// Sends the form that waits to where it was going, as if it had been sent now.
async fn go_on(portal: &Portal, request: Request, next: Next) -> Result<Response, PageError> {
    let (mut parts, _) = request.into_parts();
    let presence = axum::RequestPartsExt::extract_with_state::<Arriving, _>(&mut parts, portal).await?;
    let jar = CookieJar::from_headers(&parts.headers);
    let secret = cookies::get(&portal.config, &jar, cookies::Name::Form);
    let (Arriving(Presence::Whole(caller)), Some(secret)) = (presence, secret) else { return Ok(see_other("/")) };
    let form = actions::take_form(portal, caller.actor()?.account, &secret).await?;
    let jar = cookies::clear(&portal.config, jar, cookies::Name::Form);
    let Some(form) = form else { return Ok((jar, see_other("/")).into_response()) };
    parts.uri = form.path.parse().map_err(|_| crate::error::Error::NotFound)?;
    parts.headers.remove(header::CONTENT_LENGTH);
    if let Ok(kind) = HeaderValue::from_str(&form.content_type) {
        parts.headers.insert(header::CONTENT_TYPE, kind);
    }
    let response = next.run(Request::from_parts(parts, Body::from(Bytes::from(form.body)))).await;
    Ok((jar, response).into_response())
}

/// Something that was typed.
pub struct Field {
    name: String,
    value: String,
}

#[derive(Template)]
#[template(path = "continue.html")]
struct ContinuePage {
    frame: Frame,
    fields: Vec<Field>,
    /// Sent by script at once: the person was stopped a moment ago, and has just proved that it is them.
    at_once: bool,
}

/// What a form carries along for the portal, and nobody has typed.
const OURS: [&str; 7] = ["do", "id", "list", "next", "place", "revision", "send_key"];

/// The name of a field as a person reads it.
fn words(name: &str) -> String {
    let name = name.replace(['_', '-'], " ");
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

pub(super) async fn show(State(portal): State<Portal>, SignedIn(caller): SignedIn, jar: CookieJar) -> PageResult {
    let secret = cookies::get(&portal.config, &jar, cookies::Name::Form).unwrap_or_default();
    let actor = caller.actor()?;
    let Some(form) = actions::waiting_form(&portal, actor.account, &secret).await? else {
        let jar = cookies::clear(&portal.config, jar, cookies::Name::Form);
        return Ok((jar, see_other("/")).into_response());
    };
    let fields = match form.content_type.starts_with("application/x-www-form-urlencoded") {
        true => url::form_urlencoded::parse(&form.body)
            .filter(|(name, value)| !value.trim().is_empty() && !OURS.contains(&name.as_ref()))
            .take(20)
            .map(|(name, value)| Field { name: words(&name), value: value.chars().take(500).collect() })
            .collect(),
        false => Vec::new(),
    };
    let mut frame = Frame::plain(&portal.config, "Go on where you were");
    frame.person = Some(actor.name.clone());
    page(&ContinuePage { frame, fields, at_once: actor.is_fresh(portal.now()) })
}
