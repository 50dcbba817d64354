//! Signing in and out, and one's own profile with its API keys.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{actions, door::Anybody, door::SignedIn};
use crate::{
    access::{Permission, PermissionSet},
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    sites,
    types::ApiKeyId,
    web::{Choice, Frame, PageResult, When, cookies, origin, page, page_with_status, see_other},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/sign-in", get(show_sign_in).post(submit_sign_in))
        .route("/sign-out", post(submit_sign_out))
        .route("/profile", get(show_profile))
        .route("/profile/api-keys", post(submit_key))
        .route("/profile/api-keys/{id}/revoke", post(submit_revoke))
}

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
struct NextQuery {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct SignInForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// Only a path of this portal: anything else could lead to another site.
fn local(next: &str) -> &str {
    let plain = next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n', '\t']);
    if plain { next } else { "/" }
}

async fn show_sign_in(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    Query(query): Query<NextQuery>,
) -> PageResult {
    if caller.actor().is_ok() {
        return Ok(see_other(local(&query.next)));
    }
    let frame = Frame::plain(&portal.config, "Sign in");
    page(&SignInPage { frame, email: String::new(), next: query.next, error: None, notice: None })
}

async fn submit_sign_in(
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

async fn submit_sign_out(
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

/// A membership in the profile.
pub struct AccessRow {
    place: String,
    role: String,
}

/// A key in the profile.
pub struct KeyRow {
    id: String,
    name: String,
    scope: String,
    permissions: Vec<&'static str>,
    created: When,
    last_used: Option<When>,
}

/// A permission that a key may get.
pub struct PermissionChoice {
    key: &'static str,
    label: &'static str,
    sentence: &'static str,
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    frame: Frame,
    name: String,
    email: String,
    access: Vec<AccessRow>,
    keys: Vec<KeyRow>,
    new_key: Option<String>,
    error: Option<String>,
    places: Vec<Choice>,
    permissions: Vec<PermissionChoice>,
}

async fn show_profile(State(portal): State<Portal>, SignedIn(caller): SignedIn) -> PageResult {
    page(&profile(&portal, &caller, None, None).await?)
}

async fn profile(
    portal: &Portal,
    caller: &Caller,
    new_key: Option<String>,
    error: Option<String>,
) -> Result<ProfilePage> {
    let actor = caller.actor()?;
    let own_places = sites::actions::places_of(portal, actor).await?;
    let frame = match own_places.first() {
        Some(place) => sites::pages::frame(portal, actor, place, "Profile").await?,
        None => Frame { person: Some(actor.name.clone()), ..Frame::plain(&portal.config, "Profile") },
    };
    let zone = own_places.first().map_or(jiff::tz::TimeZone::UTC, sites::Place::time_zone);
    let when = |at| When::new(at, portal.now(), &zone);
    let access = actor
        .memberships
        .iter()
        .zip(&own_places)
        .map(|(m, place)| AccessRow { place: place.full_name(), role: m.role.name.clone() })
        .collect();
    let mut keys = Vec::new();
    for key in actions::list_api_keys(portal, caller).await? {
        keys.push(KeyRow {
            id: key.id.to_string(),
            name: key.name,
            scope: sites::actions::place_of(portal.db.reader(), key.scope).await?.full_name(),
            permissions: key.permissions.iter().map(Permission::label).collect(),
            created: when(key.created_at),
            last_used: key.last_used_at.map(when),
        });
    }
    let places = own_places
        .iter()
        .map(|place| Choice { value: place.scope.to_string(), label: place.full_name(), selected: false })
        .collect();
    let offered =
        Permission::all().filter(|permission| actor.memberships.iter().any(|m| m.role.permissions.has(*permission)));
    let permissions =
        offered.map(|p| PermissionChoice { key: p.key(), label: p.label(), sentence: p.sentence() }).collect();
    Ok(ProfilePage {
        frame,
        name: actor.name.clone(),
        email: actor.email.clone(),
        access,
        keys,
        new_key,
        error,
        places,
        permissions,
    })
}

#[derive(Deserialize)]
struct KeyForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    permissions: Vec<String>,
}

async fn submit_key(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    RepeatedForm(form): RepeatedForm<KeyForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &form.scope).await?;
    let permissions: PermissionSet = form.permissions.iter().filter_map(|key| Permission::from_key(key)).collect();
    match actions::make_api_key(&portal, &caller, &form.name, place.scope, permissions).await {
        // Shown once, so there is no address to come back to.
        Ok(key) => page(&profile(&portal, &caller, Some(key.expose().clone()), None).await?),
        Err(error @ Error::Invalid(_)) => page_with_status(
            StatusCode::UNPROCESSABLE_ENTITY,
            &profile(&portal, &caller, None, Some(error.to_string())).await?,
        ),
        Err(other) => Err(other.into()),
    }
}

async fn submit_revoke(State(portal): State<Portal>, SignedIn(caller): SignedIn, Path(id): Path<String>) -> PageResult {
    let id: ApiKeyId = id.parse().map_err(|_| Error::NotFound)?;
    actions::revoke_api_key(&portal, &caller, id).await?;
    Ok(see_other("/profile"))
}
