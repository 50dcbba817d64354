//! Changing roles, for one person or for many at once. Each change is in force at the person's next request, and can be undone.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::tell::Told;
use crate::{
    access::{self, Actor, Granted, Permission, Refusal, Role, RoleKey, Scope, Target},
    audit::Event,
    error::{Error, Result},
    identity::NoticeKind,
    invitations,
    op::{Caller, Op},
    portal::Portal,
    staff::{Changes, Member, NotChanged, StaffMember, store},
    types::{AccountId, DeploymentId, MembershipId, OrganisationId, Timestamp},
};

/// For how long a change of role can be undone by one press.
const UNDO_FOR: Duration = Duration::from_secs(30 * 60);

/// Gives people another role. One who cannot be changed never holds up the others.
///
/// # Errors
/// When the caller may not assign roles there at all, or there is no such role.
pub async fn change_roles(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    ids: &[MembershipId],
    to: RoleKey,
) -> Result<Changes> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    op.require_fresh_proof()?;
    let role = access::find_role(op.tx(), scope.organisation, to).await?;
    let role = role.ok_or_else(|| Error::field("role", "Choose a role from the list"))?;
    let (members, mut changes) = find(&op, &granted, ids).await?;
    change_each(&mut op, &granted, members, &role, &mut changes).await?;
    op.commit().await?;
    Ok(changes)
}

async fn change_each(
    op: &mut Op,
    granted: &Granted,
    members: Vec<Member>,
    role: &Role,
    changes: &mut Changes,
) -> Result<()> {
    let mut told = Told::default();
    for member in members {
        match change_one(op, granted, &member, role, &mut told).await? {
            Ok(()) => changes.done.push((member.membership, member.name)),
            Err(refusal) => changes.refuse(op, "membership.change_refused", member, refusal),
        }
    }
    told.send(op, NoticeKind::RoleChanged).await
}

/// The same inside an operation that does more: a plan that changes roles beside inviting.
///
/// # Errors
/// When the database fails.
pub async fn change_roles_within(op: &mut Op, granted: &Granted, ids: &[MembershipId], role: &Role) -> Result<Changes> {
    let (members, mut changes) = find(op, granted, ids).await?;
    change_each(op, granted, members, role, &mut changes).await?;
    Ok(changes)
}

async fn change_one(
    op: &mut Op,
    granted: &Granted,
    member: &Member,
    to: &Role,
    told: &mut Told,
) -> Result<Result<(), Refusal>> {
    let stays = to.is(access::DefaultRole::Admin);
    if let Err(refusal) = judge(op, granted, member, Some(to), stays).await? {
        return Ok(Err(refusal));
    }
    if member.role.key == to.key {
        return Ok(Ok(()));
    }
    let by = op.actor()?.account;
    store::set_role(op.tx(), granted, member.membership, &member.role, to, by, op.now()).await?;
    op.record(Event::done(
        "membership.role_changed",
        member.account,
        member.scope,
        json!({
            "membership": member.membership,
            "from": member.role.key.to_string(), "from_name": member.role.name,
            "to": to.key.to_string(), "to_name": to.name, "granted_by": by,
        }),
    ));
    told.add(member, &to.name);
    invitations::actions::hold_unsupported(op, invitations::actions::Which::By(member.account)).await?;
    Ok(Ok(()))
}

/// The live members among `ids` that lie in the proof's scope.
///
/// # Errors
/// When the database fails.
pub async fn members(op: &Op, granted: &Granted, ids: &[MembershipId]) -> Result<Vec<Member>> {
    Ok(store::find_live(op.tx(), granted, ids, op.now()).await?)
}

/// Asks the rule about one person. `stays` when the organisation has the same Admins after it.
pub(super) async fn judge(
    op: &Op,
    granted: &Granted,
    member: &Member,
    to: Option<&Role>,
    stays: bool,
) -> Result<Result<(), Refusal>> {
    let last_admin = !stays
        && member.is_lasting_admin(op.now())
        && store::lasting_admins(op.tx(), member.scope.organisation, op.now()).await? <= 1;
    let own = op.actor()?.account == member.account;
    let target = Target { own, role: &member.role, at: &member.scope, last_admin };
    Ok(granted.may_change(&target, to))
}

/// The members among `ids` that lie in the proof's scope; those that do not are told as gone.
pub(super) async fn find(op: &Op, granted: &Granted, ids: &[MembershipId]) -> Result<(Vec<Member>, Changes)> {
    let members = members(op, granted, ids).await?;
    let mut changes = Changes { at: op.now(), ..Changes::default() };
    for id in ids {
        if !members.iter().any(|member| member.membership == *id) {
            let error = Error::NotFound;
            changes.not_done.push(NotChanged { membership: *id, name: String::new(), error });
        }
    }
    Ok((members, changes))
}

impl Changes {
    /// Remembers that one person could not be changed, and writes it to the access log.
    pub(super) fn refuse(&mut self, op: &mut Op, action: &'static str, member: Member, refusal: Refusal) {
        let detail = json!({ "membership": member.membership, "reason": refusal.to_string() });
        op.record(Event::refused(action, member.account, Some(member.scope), detail));
        let error = Error::Forbidden(refusal);
        self.not_done.push(NotChanged { membership: member.membership, name: member.name, error });
    }
}

/// Undoes the changes of role that the caller made at the instant `at`: everybody gets the role back that they had. The rule is
/// asked again, and what the change held is let go.
///
/// # Errors
/// [`Error::Conflict`] when there is nothing left to undo.
pub async fn undo_change(portal: &Portal, caller: &Caller, scope: Scope, at: Timestamp) -> Result<Changes> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    op.require_fresh_proof()?;
    let by = op.actor()?.account;
    let too_late = || Error::Conflict("This change can no longer be undone; choose the role by hand".to_owned());
    if op.now() > at.plus(UNDO_FOR) {
        return Err(too_late());
    }
    let ids = store::changed_at(op.tx(), &granted, by, at).await?;
    let (members, mut changes) = find(&op, &granted, &ids).await?;
    if members.is_empty() {
        return Err(too_late());
    }
    let mut told = Told::default();
    for member in members {
        let Some(role) = role_before(&op, &member).await? else {
            let error = Error::Conflict("the earlier role no longer exists".to_owned());
            changes.not_done.push(NotChanged { membership: member.membership, name: member.name, error });
            continue;
        };
        match change_one(&mut op, &granted, &member, &role, &mut told).await? {
            Ok(()) => {
                invitations::actions::release_held_at(&mut op, member.account, at).await?;
                changes.done.push((member.membership, member.name));
            }
            Err(refusal) => changes.refuse(&mut op, "membership.change_refused", member, refusal),
        }
    }
    told.send(&mut op, NoticeKind::RoleChanged).await?;
    op.commit().await?;
    Ok(changes)
}

/// The role that somebody had before the last change, if it still exists.
async fn role_before(op: &Op, member: &Member) -> Result<Option<Role>> {
    match store::previous_role(op.tx(), member.membership).await? {
        Some(before) => Ok(access::find_role(op.tx(), member.scope.organisation, before).await?),
        None => Ok(None),
    }
}

/// Gives everybody who holds `from` the role `to`, because `from` is being deleted. The caller's proof is for editing roles, and
/// whoever asks has judged both roles by it.
///
/// # Errors
/// When the database fails.
pub async fn replace_role(op: &mut Op, granted: &Granted, from: &Role, to: &Role) -> Result<()> {
    let by = op.actor()?.account;
    let mut told = Told::default();
    for member in store::all_with_role(op.tx(), granted, from.key).await? {
        store::set_role(op.tx(), granted, member.membership, from, to, by, op.now()).await?;
        op.record(Event::done(
            "membership.role_changed",
            member.account,
            member.scope,
            json!({
                "membership": member.membership, "from": from.key.to_string(), "from_name": from.name,
                "to": to.key.to_string(), "to_name": to.name, "granted_by": by, "because": "role deleted",
            }),
        ));
        told.add(&member, &to.name);
    }
    told.send(op, NoticeKind::RoleChanged).await
}

/// How many people of the organisation hold a role, with the first names and the deployments where they hold it.
///
/// # Errors
/// When the database fails.
pub async fn holders_of(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    shown: usize,
    now: Timestamp,
) -> Result<(u64, Vec<(String, Option<DeploymentId>)>)> {
    Ok(store::holders_of(db, organisation, role, shown, now).await?)
}

/// The accounts that hold a role somewhere in the organisation.
///
/// # Errors
/// When the database fails.
pub async fn accounts_with_role(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    now: Timestamp,
) -> Result<Vec<AccountId>> {
    Ok(store::accounts_with_role(db, organisation, role, now).await?)
}

/// Which of `roles` the actor may give to this person instead of the one they have; the refusal when the person cannot be
/// changed at all. For the list's dropdown, which offers what would be done.
///
/// # Errors
/// The [`Refusal`] that the action would answer.
pub fn roles_for<'a>(
    actor: &Actor,
    scope: Scope,
    row: &StaffMember,
    roles: &'a [Role],
) -> Result<Vec<&'a Role>, Refusal> {
    let granted = actor.grant(Permission::ManageStaff, scope)?;
    let gone = || Refusal::NotHere(row.role.clone());
    let now = roles.iter().find(|role| role.key.to_string() == row.role).ok_or_else(gone)?;
    let target = Target { own: row.account == actor.account, role: now, at: &row.scope, last_admin: false };
    granted.may_change(&target, None)?;
    Ok(roles.iter().filter(|role| granted.may_change(&target, Some(role)).is_ok()).collect())
}
