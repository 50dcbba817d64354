//! Where somebody is signed in, and in which browsers without a second factor; and ending both, at once and everywhere.

use serde_json::json;

use super::{profile::owner, second_factor::record, sessions::limits};
use crate::{
    access::Via,
    error::{Error, Result},
    identity::{Means, browser_name, store},
    op::{Caller, Op},
    portal::Portal,
    types::{BrowserId, SessionId, Timestamp},
};

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct OwnSession {
    /// Its id.
    pub id: SessionId,
    /// The browser, in plain words.
    pub browser: String,
    /// The network address from which it was begun.
    pub address: String,
    /// How its owner proved themselves; none while the second factor is still asked.
    pub means: Option<Means>,
    /// When it began.
    pub began_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// Whether it is the one that asks.
    pub this: bool,
}

/// A browser that the person trusts.
#[derive(Clone, Debug)]
pub struct TrustedBrowser {
    /// Its id.
    pub id: BrowserId,
    /// The browser, in plain words.
    pub browser: String,
    /// The network address from which it was last used.
    pub address: String,
    /// When somebody last signed in there.
    pub seen_at: Timestamp,
    /// Until when no second factor is asked there.
    pub until: Timestamp,
}

/// The caller's live sessions, the last used first.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn list_sessions(portal: &Portal, caller: &Caller) -> Result<Vec<OwnSession>> {
    let actor = caller.actor()?;
    let this = match actor.via {
        Via::Session(id) => Some(id),
        Via::ApiKey { .. } | Via::Terminal => None,
    };
    let rows = store::profile::sessions(portal.db.reader(), actor.account, &limits(portal, portal.now())).await?;
    let own = rows.into_iter().map(|row| OwnSession {
        id: row.id,
        browser: browser_name(&row.agent),
        address: row.address,
        means: Means::from_key(&row.means).filter(|_| row.state == "whole"),
        began_at: row.created_at,
        seen_at: row.seen_at,
        this: this == Some(row.id),
    });
    Ok(own.collect())
}

/// Ends one of the caller's own sessions: its next request is a stranger's.
///
/// # Errors
/// [`Error::NotFound`] when the caller has no such session.
pub async fn end_session(portal: &Portal, caller: &Caller, id: SessionId) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    if !store::profile::delete_session(op.tx(), account.id, id).await? {
        return Err(Error::NotFound);
    }
    record(&mut op, "session.ended_elsewhere", account.id, json!({ "session": id })).await?;
    op.commit().await
}

/// Ends every session of the caller's but the one that asks; how many they were.
///
/// # Errors
/// [`Error::SignInRequired`] for a key.
pub async fn end_other_sessions(portal: &Portal, caller: &Caller) -> Result<u64> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, session) = owner(&op)?;
    let ended = store::resets::delete_sessions_but(op.tx(), account.id, Some(session)).await?;
    if ended > 0 {
        record(&mut op, "session.ended_elsewhere", account.id, json!({ "sessions": ended })).await?;
    }
    op.commit().await?;
    Ok(ended)
}

/// The browsers that the caller trusts at present, the last used first.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn list_trusted_browsers(portal: &Portal, caller: &Caller) -> Result<Vec<TrustedBrowser>> {
    let rows = store::profile::trusted_browsers(portal.db.reader(), caller.actor()?.account, portal.now()).await?;
    let trusted = rows.into_iter().map(|row| TrustedBrowser {
        id: row.id,
        browser: browser_name(&row.agent),
        address: row.address,
        seen_at: row.seen_at,
        until: row.trusted_until,
    });
    Ok(trusted.collect())
}

/// Trusts one of the caller's browsers no more: the next sign-in there asks for the second factor.
///
/// # Errors
/// [`Error::NotFound`] when the caller trusts no such browser.
pub async fn stop_trusting(portal: &Portal, caller: &Caller, id: BrowserId) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    if !store::profile::distrust(op.tx(), account.id, id).await? {
        return Err(Error::NotFound);
    }
    record(&mut op, "browser.distrusted", account.id, json!({ "browser": id })).await?;
    op.commit().await
}

/// Trusts none of the caller's browsers any more; how many were trusted.
///
/// # Errors
/// [`Error::SignInRequired`] for a key.
pub async fn stop_trusting_all(portal: &Portal, caller: &Caller) -> Result<u64> {
    let mut op = Op::begin(portal, caller).await?;
    let (account, _) = owner(&op)?;
    let trusted = store::browsers::distrust_all(op.tx(), account.id).await?;
    if trusted > 0 {
        record(&mut op, "browser.distrusted", account.id, json!({ "browsers": trusted })).await?;
    }
    op.commit().await?;
    Ok(trusted)
}
