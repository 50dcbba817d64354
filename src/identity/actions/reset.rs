//! Forgotten passwords: asking for a new one, answering, and choosing it. Asking only writes down that somebody asked, whether there
//! is an account or not; answering happens apart, so that neither the words nor the time of the answer tell anything.

use std::time::Duration;

use serde_json::json;

use super::{HashedPassword, hash_password, notices};
use crate::{
    access::{self, Origin, Scope},
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{
        Account, NoticeKind, RESET, attempts,
        attempts::Subject,
        email,
        links::GENERATION,
        store::{self, resets::Request},
    },
    invitations,
    keys::link::{LinkCode, LinkKind},
    op::{Caller, Op},
    outbox::NewMail,
    portal::Portal,
    sites,
    types::{EmailAddress, PasswordResetId, SessionId, Timestamp},
};

/// NIST SP 800-63B-4 4.2.1.2 allows a day for a code by mail; an hour is enough for somebody who sits before the page.
const OPEN_FOR: Duration = Duration::from_secs(60 * 60);

/// Writes down that somebody asked for a new password for `email` and rings. The work is the same whatever was typed; what is no
/// address, or more than one, is written down as nobody's.
///
/// # Errors
/// When the database fails.
pub async fn ask_for_reset(portal: &Portal, origin: &Origin, email: &str) -> Result<()> {
    let key = EmailAddress::parse(email).map(|address| address.key().to_owned()).unwrap_or_default();
    let tx = portal.db.begin_write().await?;
    store::resets::insert_request(&tx, portal.new_id(), &key, origin, portal.now()).await?;
    tx.commit().await?;
    portal.reset_bell.notify_one();
    Ok(())
}

/// Answers everybody who has asked, each in a transaction of its own; how many they were. Any number of nodes may do so at once.
///
/// # Errors
/// When the database fails; what was not answered waits.
pub async fn answer_reset_requests(portal: &Portal) -> Result<usize> {
    let mut answered = 0;
    loop {
        let mut op = Op::begin(portal, &Caller::Visitor(Origin::default())).await?;
        let Some(request) = store::resets::take_request(op.tx()).await? else { return Ok(answered) };
        op.speak_for(Origin { address: request.address.clone(), agent: request.agent.clone() });
        answer(&mut op, &request).await?;
        op.commit().await?;
        answered += 1;
    }
}

async fn answer(op: &mut Op, request: &Request) -> Result<()> {
    let (key, now) = (request.email_key.as_str(), op.now());
    if key.is_empty() {
        return Ok(());
    }
    if !attempts::take_one(op.tx(), &Subject::reset_requests(&request.address), now).await? {
        refuse(op, key, None, "too many requests from this network");
        return Ok(());
    }
    let account = store::accounts::find_account(op.tx(), key).await?.map(|(account, _)| account);
    let invitation = invitations::actions::acceptable_by(op.tx(), key, now).await?;
    let scope = match &account {
        Some(account) => may_reset(op.tx(), account, now).await?,
        None => invitation.as_ref().map(|invitation| invitation.scope),
    };
    let Some(scope) = scope else {
        refuse(op, key, None, "no account with access, and no invitation");
        return Ok(());
    };
    if !attempts::take_one(op.tx(), &Subject::reset_mails(key), now).await? {
        let subject = account.map_or_else(|| key.to_owned(), |account| account.id.to_string());
        refuse(op, &subject, Some(scope), "three mails a day are the most");
        return Ok(());
    }
    match (account, invitation) {
        (Some(account), _) => start_reset(op, &account, scope).await,
        (None, Some(invitation)) => invitations::actions::mail_again(op, &invitation).await,
        (None, None) => Ok(()),
    }
}

/// Whether a link for this account still has a use; asked right before it is mailed.
///
/// # Errors
/// When the database fails.
pub async fn may_still_reset(portal: &Portal, account: &Account) -> Result<bool> {
    Ok(may_reset(portal.db.reader(), account, portal.now()).await?.is_some())
}

/// Where the account has access, or could have by accepting an invitation. Nobody else needs a password.
pub(super) async fn may_reset(
    db: &impl sea_orm::ConnectionTrait,
    account: &Account,
    now: Timestamp,
) -> Result<Option<Scope>> {
    let live = access::memberships_to_come(db, account.id, now).await?;
    if let Some(membership) = live.first() {
        return Ok(Some(membership.scope));
    }
    let key = EmailAddress::parse(&account.email).map(|address| address.key().to_owned()).unwrap_or_default();
    Ok(invitations::actions::acceptable_by(db, &key, now).await?.map(|invitation| invitation.scope))
}

fn refuse(op: &mut Op, subject: &str, scope: Option<Scope>, reason: &str) {
    op.record(Event::refused("password_reset.refused", subject, scope, json!({ "reason": reason })));
}

/// Mails a link to choose a new password, to the stored address; earlier links stay as they are.
///
/// # Errors
/// When the database fails.
pub async fn start_reset(op: &mut Op, account: &Account, scope: Scope) -> Result<()> {
    let id: PasswordResetId = op.new_id();
    store::resets::insert_reset(op.tx(), id, account.id, op.now(), op.now().plus(OPEN_FOR)).await?;
    op.send(NewMail {
        id: op.new_id(),
        organisation: scope.organisation,
        kind: email::PASSWORD_RESET,
        about: id.uuid(),
        generation: GENERATION,
        recipient: account.email.clone(),
    });
    op.record(Event::done("password_reset.asked", account.id, scope, json!({ "reset": id })));
    Ok(())
}

/// Mails such a link because somebody who manages access asked for it; it counts among the few that are mailed to one address in a day.
///
/// # Errors
/// [`Error::Conflict`] when it is one too many.
pub async fn mail_reset_for(op: &mut Op, account: &Account, scope: Scope) -> Result<()> {
    let key = EmailAddress::parse(&account.email).map(|address| address.key().to_owned()).unwrap_or_default();
    if !attempts::take_one(op.tx(), &Subject::reset_mails(&key), op.now()).await? {
        return Err(Error::Conflict(
            "Three links for a new password were mailed to this person within a day, and no more are; one of them still works for an hour after it was mailed"
                .to_owned(),
        ));
    }
    start_reset(op, account, scope).await
}

/// Whether this portal made the code. Codes that it never made are counted against the network that they come from.
pub(super) async fn believe(portal: &Portal, origin: &Origin, kind: &LinkKind, code: &LinkCode) -> Result<bool> {
    let fits = kind.fits(&portal.keys, code, GENERATION);
    if !fits {
        attempts::count_guess(portal, &origin.address).await?;
    }
    Ok(fits)
}

/// A link that can choose a new password.
pub struct OpenReset {
    /// Its id.
    pub id: PasswordResetId,
    /// Whose password.
    pub account: Account,
    /// Until when.
    pub expires_at: Timestamp,
    /// Where the account has access, or is invited to.
    pub scope: Scope,
    /// The time zone there.
    pub time_zone: jiff::tz::TimeZone,
}

/// The link behind a code. None for every dead one, whatever it died of.
///
/// # Errors
/// [`crate::error::Error::TooMany`] after too many guesses.
pub async fn find_reset(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<Option<OpenReset>> {
    let Some(code) = code else { return Ok(None) };
    if !believe(portal, origin, &RESET, code).await? {
        return Ok(None);
    }
    let id = PasswordResetId::from_uuid(code.id);
    let Some(row) = store::resets::find_reset(portal.db.reader(), id, portal.now()).await? else { return Ok(None) };
    let account = row.account();
    let Some(scope) = may_reset(portal.db.reader(), &account, portal.now()).await? else { return Ok(None) };
    let time_zone = sites::actions::place_of(portal.db.reader(), scope).await?.time_zone();
    Ok(Some(OpenReset { id, account, expires_at: row.expires_at, scope, time_zone }))
}

/// Chooses a new password by a link, which it uses up; whether the link was alive. Nobody is signed in by it.
///
/// # Errors
/// [`crate::error::Error::Invalid`] for a password that is not good enough; [`crate::error::Error::TooMany`] after too many guesses.
pub async fn reset_password(portal: &Portal, origin: &Origin, code: Option<&LinkCode>, password: &str) -> Result<bool> {
    let Some(open) = find_reset(portal, origin, code).await? else { return Ok(false) };
    let account = open.account;
    // Hashing takes long and holds no lock.
    let password = hash_password(portal, password, &[&account.name, &account.email]).await?;
    // Behind the lock of those who could end the access at this moment.
    let mut op = Op::begin_in(portal, &Caller::Visitor(origin.clone()), open.scope.organisation).await?;
    if may_reset(op.tx(), &account, op.now()).await?.is_none() {
        return Ok(false);
    }
    if !store::resets::use_reset(op.tx(), open.id, account.id, op.now()).await? {
        return Ok(false);
    }
    change_password(&mut op, &account, password, Change::ByLink).await?;
    op.commit().await?;
    Ok(true)
}

/// How somebody came to a new password.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// By a link from **Forgot Password**: no session stays.
    ByLink,
    /// In their profile: this session stays.
    InProfile(SessionId),
}

/// Sets a password and ends what the old one had opened: sessions, trusted browsers, open links, and the failed tries of it, from
/// whichever browser. Failed tries of codes stay: they were no tries of the password, and mail alone must not bring a guesser new ones.
/// API keys stay: they are no more than the account, and are ended one by one or by "This was not me". Tells the owner by mail.
///
/// # Errors
/// When the database fails.
pub async fn change_password(op: &mut Op, account: &Account, password: HashedPassword, change: Change) -> Result<()> {
    let (keep, action, how) = match change {
        Change::ByLink => (None, "password.reset", "reset"),
        Change::InProfile(session) => (Some(session), "password.changed", "profile"),
    };
    let key = EmailAddress::parse(&account.email).map(|address| address.key().to_owned()).unwrap_or_default();
    let browsers = store::browsers::ids_of(op.tx(), account.id).await?;
    let tried: Vec<_> = browsers.into_iter().map(Subject::browser).chain([Subject::account(&key)]).collect();
    attempts::forget_all(op.tx(), &tried).await?;
    let (sessions, browsers) = end_what_is_open(op, account, keep).await?;
    store::resets::set_password(op.tx(), account.id, password.0, op.now()).await?;
    let scope = may_reset(op.tx(), account, op.now()).await?;
    op.record(Event {
        action,
        subject: account.id.to_string(),
        scope,
        outcome: Outcome::Done,
        detail: json!({ "sessions": sessions, "browsers": browsers }),
    });
    notices::notify(op, account.id, NoticeKind::PasswordChanged, json!({ "how": how })).await
}

/// Ends the account's open links, its sessions (all but one), and the trust in its browsers; how many of the last two.
pub(super) async fn end_what_is_open(op: &Op, account: &Account, keep: Option<SessionId>) -> Result<(u64, u64)> {
    store::resets::end_resets(op.tx(), account.id, op.now()).await?;
    let sessions = store::resets::delete_sessions_but(op.tx(), account.id, keep).await?;
    let browsers = store::browsers::distrust_all(op.tx(), account.id).await?;
    Ok((sessions, browsers))
}
