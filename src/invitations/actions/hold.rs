//! Holding: an invitation that nobody could send today does not work until somebody with authority approves it. Asked at the
//! moment of accepting, and at once when an inviter or a role changes, so that the list tells it before the invitee does.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use serde_json::json;

use super::{limits, second_look, send::mail_for};
use crate::{
    access::{self, Granted, Membership, Permission, Role, RoleKey, policy},
    audit::Event,
    db::Tx,
    error::Result,
    invitations::{Invitation, SecondLook, State, store},
    op::Op,
    outbox,
    types::{AccountId, InvitationId, OrganisationId, Timestamp},
};

/// Which open invitations a change may concern.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// Those for which this account answers.
    By(AccountId),
    /// Those that give this role of the organisation.
    WithRole(OrganisationId, RoleKey),
}

/// What invitations stand on: their roles, and what their inviters may give. Each is read once.
pub(super) struct World {
    now: Timestamp,
    roles: HashMap<(OrganisationId, RoleKey), Option<Role>>,
    inviters: HashMap<AccountId, Vec<Membership>>,
}

impl World {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now, roles: HashMap::new(), inviters: HashMap::new() }
    }

    /// Whether whoever answers for the invitation may still give this role there, and the role has not grown since; the role, or
    /// the reason.
    pub(super) async fn judge(&mut self, tx: &Tx, invitation: &Invitation) -> Result<Result<Role, String>> {
        let organisation = invitation.scope.organisation;
        let role = match self.roles.entry((organisation, invitation.role)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(access::find_role(tx, organisation, invitation.role).await?).clone(),
        };
        let Some(role) = role else {
            return Ok(Err("the role no longer exists".to_owned()));
        };
        if let Some(gained) = role.permissions.without(invitation.role_permissions).iter().next() {
            return Ok(Err(format!("the role {} has gained “{gained}” since", role.name)));
        }
        let Some(inviter) = invitation.inviter else { return Ok(Ok(role)) };
        let memberships = match self.inviters.entry(inviter) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(access::memberships_of(tx, inviter, self.now).await?),
        };
        let mut reason = "whoever invited has left".to_owned();
        for by in memberships {
            match policy::may_grant(by, Permission::InviteStaff, &role, &invitation.scope) {
                Ok(()) => return Ok(Ok(role)),
                Err(refusal) => reason = format!("whoever invited may no longer do so: {refusal}"),
            }
        }
        Ok(Err(reason))
    }
}

/// Holds those of the pending invitations that could not be sent today.
///
/// # Errors
/// When the database fails.
pub async fn hold_unsupported(op: &mut Op, which: Which) -> Result<()> {
    let pending = match which {
        Which::By(account) => store::open_by(op.tx(), account, State::Pending).await?,
        Which::WithRole(organisation, role) => {
            store::open_with_role(op.tx(), organisation, role, State::Pending).await?
        }
    };
    let mut world = World::at(op.now());
    let mut by_reason: BTreeMap<String, Vec<InvitationId>> = BTreeMap::new();
    for invitation in pending {
        if let Err(reason) = world.judge(op.tx(), &invitation).await? {
            let detail = json!({ "email": invitation.email.as_str(), "reason": reason });
            op.record(Event::refused("invitation.held", invitation.id, Some(invitation.scope), detail));
            by_reason.entry(reason).or_default().push(invitation.id);
        }
    }
    for (reason, ids) in by_reason {
        store::mark_held(op.tx(), &ids, &reason, op.now()).await?;
    }
    Ok(())
}

/// Takes back what a change at the instant `then` held, now that the change is undone and if nothing else stands in the way.
///
/// # Errors
/// When the database fails.
pub async fn release_held_at(op: &mut Op, inviter: AccountId, then: Timestamp) -> Result<()> {
    let mut world = World::at(op.now());
    for invitation in store::open_by(op.tx(), inviter, State::Held).await? {
        // What waits for a second look was not held by the change.
        if invitation.second_look == SecondLook::Waiting
            || invitation.held_at != Some(then)
            || world.judge(op.tx(), &invitation).await?.is_err()
        {
            continue;
        }
        // A mail that came up while the invitation was held was put aside; it is wanted again.
        let deliveries = outbox::deliveries(op.tx(), vec![invitation.mail]).await?;
        let again = deliveries.get(&invitation.mail).is_some_and(|delivery| delivery.state == "withdrawn");
        // Where no further mail may go today it stays held; approving it later sends it.
        if again && !may_be_mailed(op, &invitation).await? {
            continue;
        }
        store::mark_released(op.tx(), invitation.id).await?;
        if again {
            let again = Invitation { mail: op.new_id(), ..invitation.clone() };
            op.send(mail_for(&again));
            op.flush_mails().await?;
            store::set_mail(op.tx(), invitation.id, again.mail).await?;
        }
        let detail = json!({ "email": invitation.email.as_str() });
        op.record(Event::done("invitation.released", invitation.id, invitation.scope, detail));
    }
    Ok(())
}

/// Why an invitation is held whose changed link could not be mailed.
const TOO_MANY_MAILS: &str =
    "the address has had as many invitation mails as anybody gets in 24 hours; approve it tomorrow";

async fn may_be_mailed(op: &Op, invitation: &Invitation) -> Result<bool> {
    let key = invitation.email.key();
    Ok(limits::count_recipients(op, &[key]).await?.contains(key))
}

/// How many open invitations name a role, with the first addresses.
///
/// # Errors
/// When the database fails.
pub async fn open_with_role(
    db: &impl sea_orm::ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    shown: usize,
) -> Result<(u64, Vec<String>)> {
    Ok(store::count_with_role(db, organisation, role, shown).await?)
}

/// Lets open invitations give another role, because theirs is being deleted. Their earlier links die and a new one is mailed;
/// those whose inviter could not give the new role are held.
///
/// # Errors
/// When the database fails.
pub async fn replace_role(op: &mut Op, granted: &Granted, from: &Role, to: &Role) -> Result<()> {
    let organisation = granted.scope().organisation;
    let mut world = World::at(op.now());
    for state in [State::Pending, State::Held] {
        for old in store::open_with_role(op.tx(), organisation, from.key, state).await? {
            let new = Invitation {
                role: to.key,
                role_permissions: to.permissions,
                generation: old.generation + 1,
                mail: op.new_id(),
                ..old.clone()
            };
            let judged = match world.judge(op.tx(), &new).await? {
                Ok(_) if !may_be_mailed(op, &new).await? => Err(TOO_MANY_MAILS.to_owned()),
                judged => judged.map(|_| ()),
            };
            outbox::withdraw(op.tx(), &[old.mail], op.now()).await?;
            op.send(mail_for(&new));
            op.flush_mails().await?;
            store::mark_role_replaced(op.tx(), &new).await?;
            let detail = json!({
                "email": new.email.as_str(), "from": from.key.to_string(), "from_name": from.name,
                "to": to.key.to_string(), "to_name": to.name,
            });
            op.record(Event::done("invitation.replaced_role", new.id, new.scope, detail));
            let looked = second_look::is_needed(op.tx(), new.scope, to, new.inviter).await?;
            if looked {
                second_look::ask_again(op, &new).await?;
            }
            if let (State::Pending, Err(reason), false) = (state, judged, looked) {
                store::mark_held(op.tx(), &[new.id], &reason, op.now()).await?;
                let detail = json!({ "email": new.email.as_str(), "reason": reason });
                op.record(Event::refused("invitation.held", new.id, Some(new.scope), detail));
            }
        }
    }
    Ok(())
}
