//! A second look at invitations to roles that manage access: they wait until another manager has agreed, and whoever accepts one
//! gives a code that the inviter has told them by telephone.

use crate::{
    access::{Permission, Role, Scope},
    db::Tx,
    error::{Error, Result},
    identity,
    invitations::{Code, Invitation, SecondLook, links, store},
    op::{Caller, Op},
    outbox,
    portal::Portal,
    sites,
    types::AccountId,
};

/// Why an invitation waits.
pub(super) const WAITS: &str = "it waits for a second look: another manager who may give this role approves it";

/// Whether an invitation to this role waits for a second look. Admin and Access Controller are such roles, and so is every role of
/// the organisation's own that lets people change what others may do.
pub(super) async fn is_needed(tx: &Tx, scope: Scope, role: &Role, inviter: Option<AccountId>) -> Result<bool> {
    let manages = role.permissions.has(Permission::ManageStaff) || role.permissions.has(Permission::EditRoles);
    // Nobody is there yet who could look at the first Admin of an organisation.
    if !manages || inviter.is_none() {
        return Ok(false);
    }
    Ok(sites::actions::place_of(tx, scope).await?.organisation.second_look)
}

/// Whether the caller may give the second look; why not.
pub(super) fn judge(invitation: &Invitation, by: AccountId) -> Result<(), String> {
    match (invitation.second_look, invitation.inviter) {
        (SecondLook::Waiting, Some(inviter)) if inviter == by => {
            Err("It waits for a second look, and nobody gives that to an invitation of their own".to_owned())
        }
        _ => Ok(()),
    }
}

/// Sets an invitation aside again, because it is another one now: another address, another role.
pub(super) async fn ask_again(op: &Op, invitation: &Invitation) -> Result<()> {
    store::mark_waiting(op.tx(), invitation.id, WAITS, op.now()).await?;
    outbox::withdraw(op.tx(), &[invitation.mail], op.now()).await?;
    Ok(())
}

/// The code to be told by telephone, for the one who answers for the invitation.
///
/// # Errors
/// When nobody is signed in.
pub fn code_to_tell(portal: &Portal, caller: &Caller, invitation: &Invitation) -> Result<Option<String>> {
    let by = caller.actor()?.account;
    let asked = invitation.second_look != SecondLook::NotNeeded && invitation.inviter == Some(by);
    Ok(asked.then(|| links::spoken_code(&portal.keys, invitation)))
}

/// Judges the code that the invitee was told by telephone, where one is asked. Tries are counted before they are judged.
///
/// # Errors
/// [`Error::Invalid`] beside `spoken`, [`Error::TooMany`] after too many.
pub(super) async fn judge_spoken(portal: &Portal, code: &Code, invitation: &Invitation) -> Result<()> {
    if invitation.second_look == SecondLook::NotNeeded {
        return Ok(());
    }
    identity::actions::try_spoken(portal, invitation.id).await?;
    if code.has_spoken(&portal.keys, invitation) {
        return Ok(());
    }
    let sentence = "This is not the code; ask the person who invited you to tell it again by telephone";
    Err(Error::field("spoken", sentence))
}
