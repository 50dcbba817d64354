//! Sessions: how they begin, how a request finds its own, how they end.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::TOUCH_AFTER;
use crate::{
    access::{self, Actor, Origin, Scope, Via},
    audit::{Event, Outcome},
    error::Result,
    identity::{Account, NewSession, store},
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, Secret, sha256},
};

/// Purposes keep one kind of secret from being taken for another (ASVS 9.2.2).
const SESSION: &str = "session v1";

/// Begins a session for an account that has proved itself inside this operation.
///
/// # Errors
/// When the database fails.
pub async fn begin_session(op: &mut Op, account: &Account) -> Result<NewSession> {
    let token = URL_SAFE_NO_PAD.encode(op.portal().rng.bytes::<32>());
    let id = op.new_id();
    store::sessions::insert_session(op.tx(), id, sha256(SESSION, token.as_bytes()), account.id, op.origin(), op.now())
        .await?;
    store::sessions::touch_session(op.tx(), id, account.id, op.now()).await?;
    let memberships = access::memberships_of(op.tx(), account.id, op.now()).await?;
    op.record(Event {
        action: "session.begun",
        subject: account.id.to_string(),
        scope: memberships.first().map(|m| m.scope),
        outcome: Outcome::Done,
        detail: json!({ "session": id }),
    });
    Ok(NewSession { id, token: Secret::new(token) })
}

/// The person behind a session's token, with the authority they have at this moment.
///
/// # Errors
/// When the database fails.
pub async fn authenticate_session(portal: &Portal, token: &str, origin: Origin) -> Result<Option<Caller>> {
    let now = portal.now();
    let seen_after = now.minus(Duration::from_secs(portal.config.session_idle_minutes * 60));
    let created_after = now.minus(Duration::from_secs(portal.config.session_hours * 3600));
    let hash = sha256(SESSION, token.as_bytes());
    let Some(row) = store::sessions::find_session(portal.db.reader(), hash, seen_after, created_after).await? else {
        return Ok(None);
    };
    let memberships = access::memberships_of(portal.db.reader(), row.account_id, now).await?;
    if now >= row.seen_at.plus(TOUCH_AFTER) {
        let tx = portal.db.begin_write().await?;
        store::sessions::touch_session(&tx, row.id, row.account_id, now).await?;
        tx.commit().await?;
    }
    let actor = Actor::new(row.account_id, row.name, row.email, Via::Session(row.id), memberships);
    Ok(Some(Caller::Person(actor, origin)))
}

/// Ends what an account still has open when its access to `scope` ends: every session, since none of them says for which scope
/// it was begun, and the keys that work there. Access elsewhere stays; the person signs in again.
///
/// # Errors
/// When the database fails.
pub async fn end_access(op: &mut Op, account: AccountId, scope: Scope) -> Result<()> {
    let sessions = store::sessions::delete_sessions_of(op.tx(), account).await?;
    let keys = store::keys::revoke_keys_within(op.tx(), account, scope, op.now()).await?;
    if sessions > 0 || keys > 0 {
        let detail = json!({ "sessions": sessions, "keys": keys });
        op.record(Event::done("session.ended_with_access", account, scope, detail));
    }
    Ok(())
}

/// Ends the session that the caller came with.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn sign_out(portal: &Portal, caller: &Caller) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let actor = op.actor()?.clone();
    if let Via::Session(id) = actor.via {
        store::sessions::delete_session(op.tx(), id).await?;
        op.record(Event {
            action: "session.ended",
            subject: actor.account.to_string(),
            scope: actor.memberships.first().map(|m| m.scope),
            outcome: Outcome::Done,
            detail: json!({ "session": id }),
        });
    }
    op.commit().await
}

/// Deletes sessions that the absolute limit has ended.
///
/// # Errors
/// When the database fails.
pub async fn forget_dead_sessions(portal: &Portal) -> Result<u64> {
    let tx = portal.db.begin_write().await?;
    let before = portal.now().minus(Duration::from_secs(portal.config.session_hours * 3600));
    let deleted = store::sessions::delete_dead_sessions(&tx, before).await?;
    tx.commit().await?;
    Ok(deleted)
}
