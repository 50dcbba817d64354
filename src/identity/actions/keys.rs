//! API keys: a person's own programs, with no more authority than the person.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{TOUCH_AFTER, notices::notify};
use crate::{
    access::{self, Actor, Origin, PermissionSet, Scope, Via},
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{ApiKey, NoticeKind, store},
    op::{Caller, Op},
    portal::Portal,
    sites,
    types::{ApiKeyId, PersonName, Secret, Timestamp, sha256},
};

/// Purposes keep one kind of secret from being taken for another (ASVS 9.2.2).
const API_KEY: &str = "api key v1";
const KEY_PREFIX: &str = "cpk_";

/// The person behind an API key, with no more authority than both have.
///
/// # Errors
/// When the database fails.
pub async fn authenticate_key(portal: &Portal, token: &str, origin: Origin) -> Result<Option<Caller>> {
    if !token.starts_with(KEY_PREFIX) {
        return Ok(None);
    }
    let now = portal.now();
    let Some(row) = store::keys::find_key(portal.db.reader(), sha256(API_KEY, token.as_bytes())).await? else {
        return Ok(None);
    };
    if row.last_used_at.is_none_or(|at| now >= at.plus(TOUCH_AFTER)) {
        let tx = portal.db.begin_write().await?;
        store::keys::touch_key(&tx, row.id, now).await?;
        tx.commit().await?;
    }
    let memberships = access::memberships_of(portal.db.reader(), row.account_id, now).await?;
    let via = Via::ApiKey {
        id: row.id,
        permissions: PermissionSet::from_keys(&row.permissions),
        scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
    };
    Ok(Some(Caller::Person(Actor::new(row.account_id, row.name, row.email, via, memberships), origin)))
}

/// The caller's own API keys.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn list_api_keys(portal: &Portal, caller: &Caller) -> Result<Vec<ApiKey>> {
    Ok(store::keys::keys_of(portal.db.reader(), caller.actor()?.account).await?)
}

/// Makes an API key; its secret is returned once and stored only as a hash. A key cannot make keys.
///
/// # Errors
/// [`Error::Invalid`] without a name or permissions, or with more than the caller has there.
pub async fn make_api_key(
    portal: &Portal,
    caller: &Caller,
    name: &str,
    scope: Scope,
    permissions: PermissionSet,
) -> Result<Secret<String>> {
    let mut op = Op::begin(portal, caller).await?;
    let actor = op.actor()?.clone();
    if !matches!(actor.via, Via::Session(_)) {
        return Err(Error::field("name", "Sign in to make an API key"));
    }
    op.require_fresh_proof()?;
    let name = PersonName::parse(name)
        .map_err(|_| Error::field("name", "Give the key a name of 1 to 100 characters, such as “Roster import”"))?;
    if permissions == PermissionSet::EMPTY {
        return Err(Error::field("permissions", "Choose what the key may do"));
    }
    if let Some(missing) = permissions.iter().find(|permission| !actor.may(*permission, &scope)) {
        let event = Event::refused("api_key.refused", scope, Some(scope), json!({ "permission": missing.key() }));
        return Err(op
            .refuse(event, Error::field("permissions", format!("You do not have “{missing}” there yourself")))
            .await);
    }
    let token = format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(op.portal().rng.bytes::<32>()));
    let id: ApiKeyId = op.new_id();
    store::keys::insert_key(
        op.tx(),
        id,
        sha256(API_KEY, token.as_bytes()),
        actor.account,
        name.as_str(),
        scope,
        permissions,
        op.now(),
    )
    .await?;
    op.record(Event::done(
        "api_key.made",
        id,
        scope,
        json!({ "name": name.as_str(), "permissions": permissions.to_keys() }),
    ));
    let place = sites::actions::place_of(op.tx(), scope).await?.full_name();
    let told = json!({ "name": name.as_str(), "place": place, "organisation": scope.organisation });
    notify(&mut op, actor.account, NoticeKind::ApiKeyMade, told).await?;
    op.commit().await?;
    Ok(Secret::new(token))
}

/// Ends one of the caller's own API keys at once.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such key.
pub async fn revoke_api_key(portal: &Portal, caller: &Caller, id: ApiKeyId) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let actor = op.actor()?.clone();
    let now: Timestamp = op.now();
    if !store::keys::revoke_key(op.tx(), actor.account, id, now).await? {
        return Err(Error::NotFound);
    }
    let scope = actor.memberships.first().map(|m| m.scope);
    op.record(Event {
        action: "api_key.revoked",
        subject: id.to_string(),
        scope,
        outcome: Outcome::Done,
        detail: json!({}),
    });
    op.commit().await
}
