//! Correcting the address of an open invitation: the person behind the wrong address loses the link at once.

use serde_json::json;

use super::{
    check::judge,
    limits, second_look,
    send::{mail_for, over_limit},
};
use crate::{
    access::{self, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    invitations::{Invitation, SecondLook, Standing, State, store, store::Correction, windows},
    op::{Caller, Op},
    outbox,
    portal::Portal,
    sites,
    types::InvitationId,
};

/// Sends an open invitation to another address, with a new link and a new window; every earlier link is dead. Whoever corrects
/// answers for the invitation from now on, so the grant rule is asked of them.
///
/// # Errors
/// [`Error::Invalid`] beside `email` for an address that cannot be invited, [`Error::Forbidden`] by the rule.
pub async fn correct_invitation(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: InvitationId,
    email: &str,
) -> Result<Invitation> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let old = store::find_open(op.tx(), &granted, &[id]).await?.into_iter().next().ok_or(Error::NotFound)?;
    if !matches!(old.state, State::Pending | State::Held) {
        return Err(Error::Conflict("It is no longer pending; invite the person anew".to_owned()));
    }
    let role = access::find_role(op.tx(), old.scope.organisation, old.role).await?.ok_or(Error::NotFound)?;
    if let Err(refusal) = granted.may_grant(&role, &old.scope) {
        let detail = json!({ "email": old.email.as_str(), "reason": refusal.to_string() });
        let event = Event::refused("invitation.correct_refused", id, Some(old.scope), detail);
        return Err(op.refuse(event, Error::Forbidden(refusal)).await);
    }
    let now = op.now();
    if old.access_until.is_some_and(|end| end <= now) {
        return Err(Error::Conflict("The access that it gives has ended already; invite the person anew".to_owned()));
    }
    let judged = judge(op.tx(), old.scope, &[email.to_owned()], now, 0).await?;
    let address = match judged.as_slice() {
        [] => return Err(Error::field("email", "Enter the right e-mail address")),
        [(row, Some(mailbox))] if matches!(row.state, Standing::Ready | Standing::Look) => mailbox.address.clone(),
        [(row, Some(mailbox))] if mailbox.address.key() == old.email.key() => {
            return Err(Error::field("email", format!("The invitation goes to {} already", row.email)));
        }
        [(row, _)] => return Err(Error::field("email", row.reason.clone())),
        _ => return Err(Error::field("email", "Enter one e-mail address")),
    };
    let zone = sites::actions::place_of(op.tx(), old.scope).await?.time_zone();
    if let Err(reason) = limits::count_recipient(&op, &address, &zone).await? {
        return Err(Error::field("email", reason));
    }
    let account = op.actor()?.account;
    if let Err(error) = limits::count_senders(&op, account, old.scope.organisation, 1).await {
        return Err(over_limit(op, "invitation.correct_refused", id, old.scope, error).await);
    }
    let new = Invitation { mail: op.new_id(), generation: old.generation + 1, email: address, ..old.clone() };
    outbox::withdraw(op.tx(), &[old.mail], op.now()).await?;
    op.send(mail_for(&new));
    op.flush_mails().await?;
    let inviter = op.actor()?.account;
    let organisation = sites::actions::place_of(op.tx(), old.scope).await?.organisation;
    let expires_at = windows::expiry(&organisation, old.window, now);
    let correction =
        Correction { email: &new.email, mail: new.mail, inviter, permissions: role.permissions, expires_at };
    if !store::mark_corrected(op.tx(), &old, &correction, op.now()).await? {
        return Err(Error::Conflict("It is no longer pending; invite the person anew".to_owned()));
    }
    // Somebody else will get it, so somebody else must look at it again.
    if old.second_look != SecondLook::NotNeeded
        || second_look::is_needed(op.tx(), old.scope, &role, Some(inviter)).await?
    {
        second_look::ask_again(&op, &new).await?;
    }
    let detail = json!({ "email": new.email.as_str(), "from": old.email.as_str(), "role": role.key.to_string() });
    op.record(Event::done("invitation.corrected", id, old.scope, detail));
    op.commit().await?;
    Ok(new)
}
