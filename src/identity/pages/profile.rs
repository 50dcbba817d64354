//! One's own profile, with its API keys.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use axum_extra::extract::Form as RepeatedForm;
use serde::Deserialize;

use crate::{
    access::{Permission, PermissionSet},
    error::{Error, Result},
    identity::{actions, door::SignedIn},
    op::Caller,
    portal::Portal,
    sites,
    types::ApiKeyId,
    web::{Choice, Frame, PageResult, When, page, page_with_status, see_other},
};

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

pub(super) async fn show(State(portal): State<Portal>, SignedIn(caller): SignedIn) -> PageResult {
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
pub(super) struct KeyForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    permissions: Vec<String>,
}

pub(super) async fn submit_key(
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

pub(super) async fn submit_revoke(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> PageResult {
    let id: ApiKeyId = id.parse().map_err(|_| Error::NotFound)?;
    actions::revoke_api_key(&portal, &caller, id).await?;
    Ok(see_other("/profile"))
}
