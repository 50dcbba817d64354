//! Slips of paper for people without mail: the link as a picture, a short code, and a sentence. The same rules as copying a link,
//! because whoever holds the slip holds the link.

use serde_json::json;

use super::manage::may_copy_links;
use crate::{
    access::{self, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    identity,
    invitations::{Invitation, State, link_of, links, store},
    op::{Caller, Op},
    portal::Portal,
    sites,
    types::{EmailAddress, InvitationId},
};

/// As many as somebody cuts apart in one go.
pub const MOST_SLIPS: usize = 300;

/// What one slip says.
#[derive(Clone, Debug)]
pub struct Slip {
    /// The invitation.
    pub invitation: Invitation,
    /// The link.
    pub link: String,
    /// The short code.
    pub code: String,
    /// The role's name.
    pub role: String,
    /// Where.
    pub place: String,
}

/// The slips of those invitations that can have one, and why the others cannot. Each is written to the access log, and an account
/// made from it counts as not proven.
///
/// # Errors
/// When links may not be copied here, or the caller may not invite.
pub async fn print_slips(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    ids: &[InvitationId],
) -> Result<(Vec<Slip>, Vec<(String, String)>)> {
    if ids.len() > MOST_SLIPS {
        return Err(Error::field("id", format!("Choose at most {MOST_SLIPS} at once")));
    }
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let organisation = sites::actions::place_of(op.tx(), scope).await?.organisation;
    if !may_copy_links(portal, &organisation) {
        let reason = "Slips cannot be printed here, because a mail server is set up";
        let event = Event::refused("invitation.slip_refused", scope, Some(scope), json!({ "reason": reason }));
        return Err(op.refuse(event, Error::Conflict(reason.to_owned())).await);
    }
    let (mut slips, mut refused) = (Vec::new(), Vec::new());
    let mut found = store::find_open(op.tx(), &granted, ids).await?;
    // As they were chosen, so that a pile of paper has the order of the list.
    found.sort_by_key(|invitation| ids.iter().position(|id| *id == invitation.id));
    for invitation in found {
        let email = invitation.email.to_string();
        if invitation.state != State::Pending || invitation.expires_at <= op.now() {
            refused.push((email, "its link does not work at the moment; resend or approve it first".to_owned()));
            continue;
        }
        let Some(role) = access::find_role(op.tx(), organisation.id, invitation.role).await? else {
            refused.push((email, "its role no longer exists".to_owned()));
            continue;
        };
        if let Err(refusal) = granted.may_grant(&role, &invitation.scope) {
            let detail = json!({ "email": email, "reason": refusal.to_string() });
            op.record(Event::refused("invitation.slip_refused", invitation.id, Some(invitation.scope), detail));
            refused.push((email, refusal.to_string()));
            continue;
        }
        store::mark_copied(op.tx(), invitation.id).await?;
        op.record(Event::done("invitation.slip_printed", invitation.id, invitation.scope, json!({ "email": email })));
        slips.push(Slip {
            link: link_of(portal, invitation.id, invitation.generation).0,
            code: links::slip_code(&portal.keys, &invitation),
            role: role.name,
            place: sites::actions::place_of(op.tx(), invitation.scope).await?.full_name(),
            invitation,
        });
    }
    op.commit().await?;
    Ok((slips, refused))
}

/// The link's code behind a slip's short one, for somebody who types the invited address too. Nothing is said about why it does
/// not fit: not whether the address is invited, nor whether only the code is wrong.
///
/// # Errors
/// [`Error::Invalid`] beside `slip_code` when it does not fit, [`Error::TooMany`] after too many tries.
pub async fn open_slip(portal: &Portal, caller: &Caller, email: &str, typed: &str) -> Result<String> {
    let wrong = || Error::field("slip_code", "This code and this e-mail address do not belong together; check both");
    let Ok(address) = EmailAddress::parse(email) else {
        return Err(Error::field("slip_email", "Type the e-mail address that is printed on the slip"));
    };
    let network = &caller.origin().address;
    identity::actions::try_slip(portal, &address, network).await?;
    let live = store::live_of_address(portal.db.reader(), &address).await?;
    // Each is compared, so that the time does not tell which one it was.
    let fitting = live
        .iter()
        .fold(None, |found, known| if links::is_slip_code(&portal.keys, known, typed) { Some(known) } else { found });
    let Some(invitation) = fitting else {
        identity::actions::count_wrong_slip(portal, network).await?;
        return Err(wrong());
    };
    identity::actions::forget_slip(portal, &address).await?;
    Ok(link_of(portal, invitation.id, invitation.generation).1)
}
