//! The invitee's side: opening the link, accepting, declining. Nothing but the final step uses an invitation up, and that step
//! asks again whether the invitation may still be given.

use serde_json::json;

use super::{hold::World, second_look};
use crate::{
    access::{self, Role, Scope},
    audit::Event,
    error::{Error, Result},
    identity::{self, Account},
    invitations::{Accepted, Code, Dead, Invitation, State, email, store},
    op::{Caller, Op},
    outbox::NewMail,
    portal::Portal,
    staff,
    types::{PersonName, Timestamp},
};
use sea_orm::ConnectionTrait;

/// A link that works, with what its page shows.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The invitation.
    pub invitation: Invitation,
    /// The role it gives.
    pub role: Role,
    /// Who invites; nobody for the first Admin.
    pub inviter_name: String,
    /// Whether the address has an account, which must then sign in.
    pub has_account: bool,
}

/// The living invitation behind a code, or why it is dead. A code that fits nothing is counted as a guess.
///
/// # Errors
/// [`Error::TooMany`] after many guesses from the caller's network; when the database fails.
pub async fn find_by_code(portal: &Portal, caller: &Caller, code: Option<&Code>) -> Result<Result<Invitation, Dead>> {
    let found = judge_code(portal, portal.db.reader(), code, portal.now()).await?;
    if matches!(found, Err(Dead::NotValid)) {
        identity::attempts::count_guess(portal, &caller.origin().address).await?;
    }
    Ok(found)
}

async fn judge_code(
    portal: &Portal,
    db: &impl ConnectionTrait,
    code: Option<&Code>,
    now: Timestamp,
) -> Result<Result<Invitation, Dead>> {
    let Some(code) = code else { return Ok(Err(Dead::NotValid)) };
    let Some(invitation) = store::find(db, code.id).await? else { return Ok(Err(Dead::NotValid)) };
    // Without the right code nothing is said, not even that there is such an invitation.
    let Some(generation) = code.generation(&portal.keys, &invitation) else { return Ok(Err(Dead::NotValid)) };
    Ok(match invitation.state {
        State::Accepted => Err(Dead::Used),
        State::Declined => Err(Dead::Declined),
        State::Deleted => Err(Dead::Deleted),
        _ if generation != invitation.generation => Err(Dead::Replaced),
        State::Held => Err(Dead::Held),
        State::Pending if invitation.expires_at <= now => Err(Dead::Expired),
        State::Pending if invitation.access_until.is_some_and(|end| end <= now) => Err(Dead::Expired),
        State::Pending => Ok(invitation),
    })
}

/// Records that the link was opened, and gives what its page shows. Opening uses nothing up: mail scanners open links too.
///
/// # Errors
/// When the database fails.
pub async fn open_link(portal: &Portal, caller: &Caller, code: Option<&Code>) -> Result<Result<Opened, Dead>> {
    let invitation = match find_by_code(portal, caller, code).await? {
        Ok(invitation) => invitation,
        Err(dead) => return Ok(Err(dead)),
    };
    if invitation.opened_at.is_none() {
        let mut op = Op::begin(portal, caller).await?;
        if store::mark_opened(op.tx(), invitation.id, op.now()).await? {
            let detail = json!({ "email": invitation.email.as_str() });
            op.record(Event::done("invitation.opened", invitation.id, invitation.scope, detail));
        }
        op.commit().await?;
    }
    let db = portal.db.reader();
    let Some(role) = access::find_role(db, invitation.scope.organisation, invitation.role).await? else {
        return Ok(Err(Dead::Held));
    };
    let inviter_name = match invitation.inviter {
        Some(inviter) => identity::actions::name_of(db, inviter).await?,
        None => String::new(),
    };
    let has_account = identity::actions::find_account(db, &invitation.email).await?.is_some();
    Ok(Ok(Opened { invitation, role, inviter_name, has_account }))
}

/// Accepts: as the account that is signed in, or by making one with this name and password.
///
/// # Errors
/// [`Error::Invalid`] for a bad name or password.
pub async fn accept_invitation(
    portal: &Portal,
    caller: &Caller,
    code: Option<&Code>,
    name: &str,
    password: &str,
) -> Result<Accepted> {
    let invitation = match find_by_code(portal, caller, code).await? {
        Ok(invitation) => invitation,
        Err(dead) => return Ok(Accepted::Dead(dead)),
    };
    if let Some(code) = code {
        second_look::judge_spoken(portal, code, &invitation).await?;
    }
    let existing = identity::actions::find_account(portal.db.reader(), &invitation.email).await?;
    let new = match (existing, caller.actor()) {
        (Some(account), Ok(actor)) if account.id == actor.account => None,
        (_, Ok(_)) => return Ok(Accepted::WrongAccount),
        (Some(_), Err(_)) => return Ok(Accepted::MustSignIn),
        (None, Err(_)) => Some(judge_new_account(portal, &invitation, name, password).await?),
    };
    let op = Op::begin_in(portal, caller, invitation.scope.organisation).await?;
    let invitation = match judge_code(portal, op.tx(), code, op.now()).await? {
        Ok(invitation) => invitation,
        Err(dead) => return Ok(Accepted::Dead(dead)),
    };
    let role = match World::at(op.now()).judge(op.tx(), &invitation).await? {
        Ok(role) => role,
        Err(reason) => return hold(op, &invitation, reason).await,
    };
    finish(op, invitation, &role, new).await
}

type NewAccount = (PersonName, identity::actions::HashedPassword);

/// Name and password are judged, and the password hashed, before any lock is taken.
async fn judge_new_account(portal: &Portal, invitation: &Invitation, name: &str, password: &str) -> Result<NewAccount> {
    let parsed = PersonName::parse(name);
    let hashed = identity::actions::hash_password(portal, password, &[name, invitation.email.as_str()]).await;
    match (parsed, hashed) {
        (Ok(name), Ok(password)) => Ok((name, password)),
        (Err(bad), Err(Error::Invalid(mut fields))) => {
            fields.insert(0, ("full_name", bad.to_string()));
            Err(Error::Invalid(fields))
        }
        (Err(bad), _) => Err(Error::field("full_name", bad.to_string())),
        (_, Err(error)) => Err(error),
    }
}

async fn hold(mut op: Op, invitation: &Invitation, reason: String) -> Result<Accepted> {
    store::mark_held(op.tx(), &[invitation.id], &reason, op.now()).await?;
    op.record(Event::refused(
        "invitation.held",
        invitation.id,
        Some(invitation.scope),
        json!({ "email": invitation.email.as_str(), "reason": reason }),
    ));
    op.commit().await?;
    Ok(Accepted::Dead(Dead::Held))
}

/// Account, membership, session and the invitation's end, all or nothing.
async fn finish(mut op: Op, invitation: Invitation, role: &Role, new: Option<NewAccount>) -> Result<Accepted> {
    let scope: Scope = invitation.scope;
    let existing = identity::actions::find_account(op.tx(), &invitation.email).await?;
    let (account, is_new): (Account, bool) = match (new, existing) {
        // Somebody made the account a moment ago, from another invitation.
        (Some(_), Some(_)) => return Ok(Accepted::MustSignIn),
        (Some((name, password)), None) => {
            let account = identity::actions::create_account(
                &mut op,
                &invitation.email,
                &name,
                password,
                !invitation.link_copied,
                scope,
            )
            .await?;
            (account, true)
        }
        (None, Some(account)) => (account, false),
        (None, None) => return Ok(Accepted::WrongAccount),
    };
    if staff::actions::is_member(op.tx(), scope, account.id, op.now()).await? {
        return Ok(Accepted::Dead(Dead::AlreadyStaff));
    }
    if !store::mark_accepted(op.tx(), &invitation, account.id, op.now()).await? {
        return Ok(Accepted::Dead(Dead::Expired));
    }
    let begins = invitation.access_from.filter(|start| *start > op.now());
    let joining = staff::Joining {
        scope,
        role: role.clone(),
        granted_by: invitation.inviter,
        invitation: invitation.id,
        starts_at: begins,
        ends_at: invitation.access_until,
    };
    staff::actions::join(&mut op, &account, joining).await?;
    identity::actions::forget_spoken(op.tx(), invitation.id).await?;
    let detail = json!({ "account": account.id, "role": role.key.to_string() });
    op.record(Event::done("invitation.accepted", invitation.id, scope, detail));
    let session = if is_new { Some(identity::actions::begin_session(&mut op, &account, None).await?) } else { None };
    op.commit().await?;
    Ok(Accepted::Joined { scope, begins, session })
}

/// The invitee says that it was not meant for them: no account is made, the link dies, and the inviter is told.
///
/// # Errors
/// When the database fails.
pub async fn decline_invitation(
    portal: &Portal,
    caller: &Caller,
    code: Option<&Code>,
) -> Result<Result<Invitation, Dead>> {
    let invitation = match find_by_code(portal, caller, code).await? {
        Ok(invitation) => invitation,
        Err(dead) => return Ok(Err(dead)),
    };
    let mut op = Op::begin_in(portal, caller, invitation.scope.organisation).await?;
    if !store::mark_declined(op.tx(), &invitation).await? {
        return Ok(Err(Dead::Used));
    }
    op.record(Event::done(
        "invitation.declined",
        invitation.id,
        invitation.scope,
        json!({ "email": invitation.email.as_str() }),
    ));
    if let Some(inviter) = invitation.inviter {
        let recipient = identity::actions::address_of(op.tx(), inviter).await?;
        op.send(NewMail {
            id: op.new_id(),
            organisation: invitation.scope.organisation,
            kind: email::DECLINED,
            about: invitation.id.uuid(),
            generation: invitation.generation,
            recipient,
        });
    }
    op.commit().await?;
    Ok(Ok(invitation))
}
