//! API keys.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{Again, Words, done, render};
use crate::{
    access::{Permission, PermissionSet},
    error::{Error, Result},
    identity::{actions, door::SignedIn},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::ApiKeyId,
    web::{Choice, PageResult, When},
};

/// The person's keys, and what a new one may be given.
pub struct Section {
    pub(super) keys: Vec<KeyRow>,
    pub(super) new_key: Option<String>,
    pub(super) error: Option<String>,
    pub(super) places: Vec<Choice>,
    pub(super) permissions: Vec<PermissionChoice>,
}

/// A key in the profile.
pub struct KeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) scope: String,
    pub(super) permissions: Vec<&'static str>,
    pub(super) created: When,
    pub(super) last_used: Option<When>,
}

/// A permission that a key may get.
pub struct PermissionChoice {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) sentence: &'static str,
}

impl Section {
    pub(super) async fn read(
        portal: &Portal,
        caller: &Caller,
        words: &Words,
        own_places: &[Place],
        new_key: Option<String>,
        error: Option<String>,
    ) -> Result<Self> {
        let actor = caller.actor()?;
        let mut keys = Vec::new();
        for key in actions::list_api_keys(portal, caller).await? {
            keys.push(KeyRow {
                id: key.id.to_string(),
                name: key.name,
                scope: sites::actions::place_of(portal.db.reader(), key.scope).await?.full_name(),
                permissions: key.permissions.iter().map(Permission::label).collect(),
                created: words.when(key.created_at),
                last_used: key.last_used_at.map(|at| words.when(at)),
            });
        }
        let places = own_places
            .iter()
            .map(|place| Choice { value: place.scope.to_string(), label: place.full_name(), selected: false })
            .collect();
        let offered = Permission::all()
            .filter(|permission| actor.memberships.iter().any(|m| m.role.permissions.has(*permission)));
        let permissions =
            offered.map(|p| PermissionChoice { key: p.key(), label: p.label(), sentence: p.sentence() }).collect();
        Ok(Self { keys, new_key, error, places, permissions })
    }
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

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<KeyForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &form.scope).await?;
    let permissions: PermissionSet = form.permissions.iter().filter_map(|key| Permission::from_key(key)).collect();
    match actions::make_api_key(&portal, &caller, &form.name, place.scope, permissions).await {
        // Shown once, so there is no address to come back to.
        Ok(key) => {
            let again = Again { new_key: Some(key.expose().clone()), ..Again::default() };
            render(&portal, &caller, jar, StatusCode::OK, again).await
        }
        Err(error @ Error::Invalid(_)) => {
            let again = Again { key_error: Some(error.to_string()), ..Again::default() };
            render(&portal, &caller, jar, StatusCode::UNPROCESSABLE_ENTITY, again).await
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn submit_revoke(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let id: ApiKeyId = id.parse().map_err(|_| Error::NotFound)?;
    actions::revoke_api_key(&portal, &caller, id).await?;
    Ok(done(&portal, jar, "keys", "The key was revoked."))
}
