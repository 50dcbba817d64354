//! Sessions: how they begin, how a request finds its own, how they end.
//!
//! A session begins *half* with the right password, and becomes *whole* (a new session with a new token; the half one is gone) when
//! the second factor is there. Only a whole one is anybody's authority.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{TOUCH_AFTER, notices::notify};
use crate::{
    access::{self, Actor, Origin, Scope, Via},
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{
        Account, HalfSignedIn, Means, Needs, NewSession, NoticeKind, Presence,
        store::{
            self,
            sessions::{Limits, New, Whole},
        },
    },
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, BrowserId, EmailAddress, Secret, SessionId, Timestamp, sha256},
};

/// Purposes keep one kind of secret from being taken for another (ASVS 9.2.2).
const SESSION: &str = "session v1";
const BROWSER: &str = "browser v1";
/// How long a half session waits for the second factor.
const HALF_LIVES: Duration = Duration::from_secs(15 * 60);
/// How long **Remember me** trusts a browser.
pub(super) const TRUST_LASTS: Duration = Duration::from_secs(14 * 24 * 3600);

/// Begins a session for an account whose password was right, inside this operation. It is whole at once where no second factor
/// is asked, or where the browser is one that the person trusts.
///
/// # Errors
/// When the database fails.
pub async fn begin_session(op: &mut Op, account: &Account, browser: Option<&str>) -> Result<NewSession> {
    let counts = store::factors::count(op.tx(), account.id).await?;
    // Whoever joins before the first day sets up then what will be asked.
    let memberships = access::memberships_to_come(op.tx(), account.id, op.now()).await?;
    let known = known_browser(op.tx(), &account.email, browser).await?;
    let trusted = known.and_then(|row| row.trusted_until).is_some_and(|until| until > op.now());
    if counts.authenticators + counts.passkeys > 0 {
        if trusted {
            return begin_whole(op, account, Means::Browser, None, browser).await;
        }
        return begin_half(op, account, Needs::SecondFactor).await;
    }
    if access::asked_for_second_factor(op.tx(), &memberships).await? {
        return begin_half(op, account, Needs::SetUp).await;
    }
    let now = op.now();
    begin_whole(op, account, Means::Password, Some(now), browser).await
}

/// Begins an operation of somebody who is not signed in yet, on an account that is theirs. What is sent to them belongs to their
/// organisations, so those are locked first, as everywhere else.
pub(super) async fn begin_for(portal: &Portal, origin: &Origin, account: AccountId) -> Result<Op> {
    let memberships = access::memberships_to_come(portal.db.reader(), account, portal.now()).await?;
    let organisations: Vec<_> = memberships.iter().map(|membership| membership.scope.organisation).collect();
    Op::begin_in_all(portal, &Caller::Visitor(origin.clone()), &organisations).await
}

async fn begin_half(op: &mut Op, account: &Account, needs: Needs) -> Result<NewSession> {
    let (id, token) = insert(op, account, Means::Password, None).await?;
    let event = session_event(op, "session.password_given", account.id, json!({ "session": id })).await?;
    op.record(event);
    Ok(NewSession { id, token, needs, browser: None })
}

/// Begins a session of somebody who has proved everything that is asked. `proved_at` is none where a trusted browser stood in.
pub(super) async fn begin_whole(
    op: &mut Op,
    account: &Account,
    means: Means,
    proved_at: Option<Timestamp>,
    browser: Option<&str>,
) -> Result<NewSession> {
    let (browser, browser_token) = meet_browser(op, account, browser).await?;
    let (id, token) = insert(op, account, means, Some(Whole { proved_at, browser: Some(browser) })).await?;
    store::sessions::touch_session(op.tx(), id, account.id, op.now()).await?;
    let detail = json!({ "session": id, "means": means.key() });
    let event = session_event(op, "session.begun", account.id, detail).await?;
    op.record(event);
    Ok(NewSession { id, token, needs: Needs::Nothing, browser: Some(browser_token) })
}

/// What is stored of a session's token.
pub(super) fn token_hash(token: &str) -> Vec<u8> {
    sha256(SESSION, token.as_bytes())
}

async fn insert(op: &Op, account: &Account, means: Means, whole: Option<Whole>) -> Result<(SessionId, Secret<String>)> {
    let token = URL_SAFE_NO_PAD.encode(op.portal().rng.bytes::<32>());
    let id = op.new_id();
    let new = New { id, token_hash: token_hash(&token), account: account.id, origin: op.origin(), means, whole };
    store::sessions::insert_session(op.tx(), new, op.now()).await?;
    Ok((id, Secret::new(token)))
}

async fn session_event(op: &Op, action: &'static str, account: AccountId, detail: serde_json::Value) -> Result<Event> {
    let memberships = access::memberships_to_come(op.tx(), account, op.now()).await?;
    let scope = memberships.first().map(|m| m.scope);
    Ok(Event { action, subject: account.to_string(), scope, outcome: Outcome::Done, detail })
}

/// The browser behind a cookie, if this account has used it.
pub(super) async fn known_browser(
    db: &impl sea_orm::ConnectionTrait,
    email: &str,
    token: Option<&str>,
) -> Result<Option<store::browsers::BrowserRow>> {
    let key = EmailAddress::parse(email).map(|address| address.key().to_owned()).unwrap_or_default();
    let hash = sha256(BROWSER, token.unwrap_or_default().as_bytes());
    Ok(store::browsers::find(db, &key, hash).await?)
}

/// Writes down that the account uses this browser. One that nobody used yet gets a token of its own.
async fn meet_browser(op: &mut Op, account: &Account, token: Option<&str>) -> Result<(BrowserId, Secret<String>)> {
    // What has another shape was not made here.
    let made_here = |token: &&str| URL_SAFE_NO_PAD.decode(token).is_ok_and(|bytes| bytes.len() == 32);
    let token = match token.filter(made_here) {
        Some(token) => token.to_owned(),
        None => URL_SAFE_NO_PAD.encode(op.portal().rng.bytes::<32>()),
    };
    let hash = sha256(BROWSER, token.as_bytes());
    let has_others = store::browsers::any(op.tx(), account.id).await?;
    let (id, is_new) = store::browsers::meet(op.tx(), op.new_id(), account.id, hash, op.origin(), op.now()).await?;
    // Whoever has just made an account knows that they are using it.
    if is_new && has_others {
        notify(op, account.id, NoticeKind::NewDevice, json!({})).await?;
    }
    Ok((id, Secret::new(token)))
}

/// Makes a half session whole: the half one is gone, and a whole one with a new token takes its place.
pub(super) async fn complete(
    op: &mut Op,
    half: &HalfSignedIn,
    means: Means,
    browser: Option<&str>,
    remember: bool,
) -> Result<NewSession> {
    if !store::sessions::delete_session(op.tx(), half.session).await? {
        return Err(Error::SignInRequired);
    }
    let now = op.now();
    let session = begin_whole(op, &half.account, means, Some(now), browser).await?;
    if remember {
        let token = session.browser.as_ref().map(|token| token.expose().as_str());
        if let Some(row) = known_browser(op.tx(), &half.account.email, token).await? {
            store::browsers::trust(op.tx(), half.account.id, row.id, now.plus(TRUST_LASTS)).await?;
            let detail = json!({ "browser": row.id });
            let event = session_event(op, "browser.trusted", half.account.id, detail).await?;
            op.record(event);
        }
    }
    Ok(session)
}

/// Whom a session's token stands for, with the authority they have at this moment.
///
/// # Errors
/// When the database fails.
pub async fn authenticate_session(portal: &Portal, token: &str, origin: Origin) -> Result<Presence> {
    let now = portal.now();
    let found = store::sessions::find_session(portal.db.reader(), token_hash(token), &limits(portal, now)).await?;
    let Some(row) = found else { return Ok(Presence::Nobody) };
    let memberships = access::memberships_of(portal.db.reader(), row.account_id, now).await?;
    let missing = if row.has_factor {
        if row.is_whole() { Needs::Nothing } else { Needs::SecondFactor }
    } else if !row.is_whole() || access::asked_for_second_factor(portal.db.reader(), &memberships).await? {
        // The organisation may ask for one since the session began.
        Needs::SetUp
    } else {
        Needs::Nothing
    };
    if missing != Needs::Nothing {
        let account = Account { id: row.account_id, name: row.name, email: row.email };
        return Ok(Presence::Half(HalfSignedIn { session: row.id, account, needs: missing, origin }));
    }
    let mut seen_at = row.seen_at;
    if now >= seen_at.plus(TOUCH_AFTER) {
        touch(portal, row.id, row.account_id, now).await?;
        seen_at = now;
    }
    let actor = Actor::new(row.account_id, row.name, row.email, Via::Session(row.id), memberships)
        .proved(row.proved_at)
        .until(end_of(portal, seen_at, row.created_at));
    Ok(Presence::Whole(Caller::Person(actor, origin)))
}

async fn touch(portal: &Portal, id: SessionId, account: AccountId, now: Timestamp) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    store::sessions::touch_session(&tx, id, account, now).await?;
    tx.commit().await?;
    Ok(())
}

/// When a session ends by itself: the nearer of both limits.
fn end_of(portal: &Portal, seen_at: Timestamp, created_at: Timestamp) -> Timestamp {
    seen_at.plus(idle_limit(portal)).min(created_at.plus(absolute_limit(portal)))
}

fn idle_limit(portal: &Portal) -> Duration {
    Duration::from_secs(portal.config.session_idle_minutes * 60)
}

fn absolute_limit(portal: &Portal) -> Duration {
    Duration::from_secs(portal.config.session_hours * 3600)
}

/// Which sessions still live.
pub(super) fn limits(portal: &Portal, now: Timestamp) -> Limits {
    Limits {
        seen_after: now.minus(idle_limit(portal)),
        created_after: now.minus(absolute_limit(portal)),
        half_after: now.minus(HALF_LIVES),
    }
}

/// Whose a session is, and how long it still lives; none when it is over. Asking alone does not prolong it, so that a page may ask;
/// with `stay` the idle time begins anew.
///
/// # Errors
/// When the database fails.
pub async fn time_left(portal: &Portal, token: &str, stay: bool) -> Result<Option<(AccountId, Duration)>> {
    let now = portal.now();
    let found = store::sessions::find_session(portal.db.reader(), token_hash(token), &limits(portal, now)).await?;
    let Some(row) = found.filter(store::sessions::SessionRow::is_whole) else { return Ok(None) };
    let mut seen_at = row.seen_at;
    if stay {
        touch(portal, row.id, row.account_id, now).await?;
        seen_at = now;
    }
    let left = end_of(portal, seen_at, row.created_at).0 - now.0;
    Ok(Some((row.account_id, Duration::from_millis(u64::try_from(left).unwrap_or(0)))))
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

/// Deletes sessions that the absolute limit has ended, and forms that have waited too long.
///
/// # Errors
/// When the database fails.
pub async fn forget_dead_sessions(portal: &Portal) -> Result<u64> {
    let tx = portal.db.begin_write().await?;
    let before = portal.now().minus(absolute_limit(portal));
    let deleted = store::sessions::delete_dead_sessions(&tx, before).await?;
    store::interrupted::delete_old(&tx, portal.now()).await?;
    tx.commit().await?;
    Ok(deleted)
}

/// Ends a half session that somebody does not want to go on with.
///
/// # Errors
/// When the database fails.
pub async fn give_up(portal: &Portal, half: &HalfSignedIn) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    store::sessions::delete_session(&tx, half.session).await?;
    tx.commit().await?;
    Ok(())
}
