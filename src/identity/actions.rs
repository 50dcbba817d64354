//! Signing in and out, sessions, API keys, and making accounts for people who accept an invitation.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::{Account, ApiKey, NewSession, attempts, attempts::Subject, passwords, store};
use crate::{
    access::{self, Actor, Membership, Origin, PermissionSet, Scope, Via},
    audit::{Event, Outcome},
    error::{Error, Result},
    op::{Caller, Op, write_apart},
    portal::Portal,
    types::{AccountId, ApiKeyId, EmailAddress, PersonName, Secret, Timestamp, sha256},
};

/// A session is written to at most once a minute.
const TOUCH_AFTER: Duration = Duration::from_secs(60);
/// Purposes keep one kind of secret from being taken for another (ASVS 9.2.2).
const SESSION: &str = "session v1";
const API_KEY: &str = "api key v1";
const KEY_PREFIX: &str = "cpk_";

/// Signs in by password. Unknown and wrong answer alike, in words and in time. The account's second factor, where it must have
/// one, is asked between this and [`begin_session`].
///
/// # Errors
/// [`Error::Invalid`] when the pair does not fit, [`Error::TooMany`] after too many failures.
pub async fn sign_in(portal: &Portal, origin: &Origin, email: &str, password: &str) -> Result<NewSession> {
    let key = EmailAddress::parse(email).map(|address| address.key().to_owned()).unwrap_or_default();
    let subjects = [Subject::account(&key), Subject::address(&origin.address)];
    attempts::refuse_if_waiting(portal, &subjects).await?;
    let found = store::find_account(portal.db.reader(), &key).await?;
    let (account, stored) = found.map_or((None, None), |(account, hash)| (Some(account), Some(hash)));
    let fits = passwords::verify(portal, password, stored).await?;
    let caller = Caller::Visitor(origin.clone());
    let Some(account) = account.filter(|_| fits) else {
        attempts::count_failure(portal, &subjects).await?;
        let event = Event {
            action: "session.refused",
            subject: key,
            scope: None,
            outcome: Outcome::Refused,
            detail: json!({}),
        };
        write_apart(portal, vec![event], &caller).await?;
        return Err(Error::field("password", "This e-mail and password do not belong together"));
    };
    let mut op = Op::begin(portal, &caller).await?;
    let [by_account, _] = &subjects;
    attempts::forget(op.tx(), by_account).await?;
    let session = begin_session(&mut op, &account).await?;
    op.commit().await?;
    Ok(session)
}

/// Begins a session for an account that has proved itself inside this operation.
///
/// # Errors
/// When the database fails.
pub async fn begin_session(op: &mut Op, account: &Account) -> Result<NewSession> {
    let token = URL_SAFE_NO_PAD.encode(op.portal().rng.bytes::<32>());
    let id = op.new_id();
    store::insert_session(op.tx(), id, sha256(SESSION, token.as_bytes()), account.id, op.origin(), op.now()).await?;
    store::touch_session(op.tx(), id, account.id, op.now()).await?;
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
    let Some(row) = store::find_session(portal.db.reader(), hash, seen_after, created_after).await? else {
        return Ok(None);
    };
    let memberships = access::memberships_of(portal.db.reader(), row.account_id, now).await?;
    if now >= row.seen_at.plus(TOUCH_AFTER) {
        let tx = portal.db.begin_write().await?;
        store::touch_session(&tx, row.id, row.account_id, now).await?;
        tx.commit().await?;
    }
    let actor = Actor::new(row.account_id, row.name, row.email, Via::Session(row.id), memberships);
    Ok(Some(Caller::Person(actor, origin)))
}

/// The person behind an API key, with no more authority than both have.
///
/// # Errors
/// When the database fails.
pub async fn authenticate_key(portal: &Portal, token: &str, origin: Origin) -> Result<Option<Caller>> {
    if !token.starts_with(KEY_PREFIX) {
        return Ok(None);
    }
    let now = portal.now();
    let Some(row) = store::find_key(portal.db.reader(), sha256(API_KEY, token.as_bytes())).await? else {
        return Ok(None);
    };
    if row.last_used_at.is_none_or(|at| now >= at.plus(TOUCH_AFTER)) {
        let tx = portal.db.begin_write().await?;
        store::touch_key(&tx, row.id, now).await?;
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

/// The account that acts from the machine's own command line.
///
/// # Errors
/// [`Error::Invalid`] when there is no such account.
pub async fn act_from_terminal(portal: &Portal, email: &str) -> Result<Caller> {
    let address = EmailAddress::parse(email).map_err(|bad| Error::field("as", bad.to_string()))?;
    let Some((account, _)) = store::find_account(portal.db.reader(), address.key()).await? else {
        return Err(Error::field("as", format!("There is no account {address}")));
    };
    let memberships: Vec<Membership> = access::memberships_of(portal.db.reader(), account.id, portal.now()).await?;
    let origin = Origin { address: "terminal".to_owned(), agent: String::new() };
    Ok(Caller::Person(Actor::new(account.id, account.name, account.email, Via::Terminal, memberships), origin))
}

/// Ends what an account still has open when its access to `scope` ends: every session, since none of them says for which scope
/// it was begun, and the keys that work there. Access elsewhere stays; the person signs in again.
///
/// # Errors
/// When the database fails.
pub async fn end_access(op: &mut Op, account: AccountId, scope: Scope) -> Result<()> {
    let sessions = store::delete_sessions_of(op.tx(), account).await?;
    let keys = store::revoke_keys_within(op.tx(), account, scope, op.now()).await?;
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
        store::delete_session(op.tx(), id).await?;
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
    let deleted = store::delete_dead_sessions(&tx, before).await?;
    tx.commit().await?;
    Ok(deleted)
}

/// The account with this address, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn find_account(db: &impl sea_orm::ConnectionTrait, email: &EmailAddress) -> Result<Option<Account>> {
    Ok(store::find_account(db, email.key()).await?.map(|(account, _)| account))
}

/// A password that was judged and hashed before the transaction began: hashing takes long and holds no lock.
pub struct HashedPassword(String);

/// Judges and hashes a new password.
///
/// # Errors
/// [`Error::Invalid`] when it is not good enough.
pub async fn hash_password(portal: &Portal, password: &str, about: &[&str]) -> Result<HashedPassword> {
    let strength = passwords::judge(password, about);
    if !strength.enough {
        return Err(Error::field("password", strength.sentence));
    }
    Ok(HashedPassword(passwords::hash(portal, password).await?))
}

/// Makes an account inside the caller's operation.
///
/// # Errors
/// When the address has an account already or the database fails.
pub async fn create_account(
    op: &mut Op,
    email: &EmailAddress,
    name: &PersonName,
    password: HashedPassword,
    address_proven: bool,
    scope: Scope,
) -> Result<Account> {
    let id: AccountId = op.new_id();
    store::insert_account(op.tx(), id, email, name, password.0, address_proven, op.now()).await?;
    op.record(Event::done("account.created", id, scope, json!({ "address_proven": address_proven })));
    Ok(Account { id, name: name.to_string(), email: email.as_str().to_owned() })
}

/// The caller's own API keys.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn list_api_keys(portal: &Portal, caller: &Caller) -> Result<Vec<ApiKey>> {
    Ok(store::keys_of(portal.db.reader(), caller.actor()?.account).await?)
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
    store::insert_key(
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
    if !store::revoke_key(op.tx(), actor.account, id, now).await? {
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

/// The name of an account, for showing.
///
/// # Errors
/// When the database fails.
pub async fn name_of(db: &impl sea_orm::ConnectionTrait, id: AccountId) -> Result<String> {
    Ok(store::find_by_id(db, id).await?.map(|account| account.name).unwrap_or_default())
}

/// The address of an account, for mail.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn address_of(db: &impl sea_orm::ConnectionTrait, id: AccountId) -> Result<String> {
    store::find_by_id(db, id).await?.map(|account| account.email).ok_or(Error::NotFound)
}

/// Whether anybody has an account here at all.
///
/// # Errors
/// When the database fails.
pub async fn any_account(db: &impl sea_orm::ConnectionTrait) -> Result<bool> {
    Ok(store::any_account(db).await?)
}
