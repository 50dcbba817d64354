//! When access ends: at once by removal, or at a date; and letting it begin before its first day.

use serde_json::json;

use super::{
    change::{find, judge},
    tell::Told,
};
use crate::{
    access::{Granted, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    identity::{self, NoticeKind},
    invitations,
    op::{Caller, Op},
    portal::Portal,
    staff::{Changes, NotChanged, store},
    types::{MembershipId, Timestamp},
};

/// Ends memberships at once: the people's sessions and the keys that work there end with them. Their names stay on what they did.
///
/// # Errors
/// When the caller may not remove staff there at all; people who cannot be removed are told in the answer.
pub async fn remove_from_team(portal: &Portal, caller: &Caller, scope: Scope, ids: &[MembershipId]) -> Result<Changes> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    let changes = remove_members(&mut op, &granted, ids).await?;
    op.commit().await?;
    Ok(changes)
}

/// The same inside an operation that does more.
///
/// # Errors
/// When the database fails.
pub async fn remove_members(op: &mut Op, granted: &Granted, ids: &[MembershipId]) -> Result<Changes> {
    let (members, mut changes) = find(op, granted, ids).await?;
    let mut told = Told::default();
    for member in members {
        if let Err(refusal) = judge(op, granted, &member, None, false).await? {
            changes.refuse(op, "membership.removal_refused", member, refusal);
            continue;
        }
        store::mark_ended(op.tx(), granted, member.membership, op.now()).await?;
        identity::actions::end_access(op, member.account, member.scope).await?;
        let role = member.role.key.to_string();
        let detail = json!({ "membership": member.membership, "role": role, "role_name": member.role.name });
        op.record(Event::done("membership.ended", member.account, member.scope, detail));
        invitations::actions::hold_unsupported(op, invitations::actions::Which::By(member.account)).await?;
        told.add(&member, "");
        changes.done.push((member.membership, member.name));
    }
    told.send(op, NoticeKind::AccessEnded).await?;
    Ok(changes)
}

/// Sets when memberships end; none for no end. They end at that instant by the clock, without anything having to run.
///
/// # Errors
/// [`Error::Invalid`] beside `ends_at` for an instant in the past; people who cannot be changed are told in the answer.
pub async fn set_ends(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    ids: &[MembershipId],
    ends_at: Option<Timestamp>,
) -> Result<Changes> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    if ends_at.is_some_and(|end| end <= op.now()) {
        return Err(Error::field("ends_at", "Choose a day in the future, or remove the person from the team now"));
    }
    let (members, mut changes) = find(&op, &granted, ids).await?;
    for member in members {
        if let Err(refusal) = judge(&op, &granted, &member, None, ends_at.is_none()).await? {
            changes.refuse(&mut op, "membership.end_change_refused", member, refusal);
            continue;
        }
        if ends_at.is_some_and(|end| member.starts_at.is_some_and(|start| end <= start)) {
            let error = Error::Conflict("this access would end before it begins".to_owned());
            changes.not_done.push(NotChanged { membership: member.membership, name: member.name, error });
            continue;
        }
        store::set_end(op.tx(), &granted, member.membership, ends_at).await?;
        let detail = json!({ "membership": member.membership, "from": member.ends_at, "ends_at": ends_at });
        op.record(Event::done("membership.end_changed", member.account, member.scope, detail));
        changes.done.push((member.membership, member.name));
    }
    op.commit().await?;
    Ok(changes)
}

/// Lets access that was to begin later begin at once. It gives somebody power now, so a fresh proof is asked for.
///
/// # Errors
/// When the caller may not change staff there at all; people who cannot be changed, or whose access has begun, are told in the answer.
pub async fn begin_now(portal: &Portal, caller: &Caller, scope: Scope, ids: &[MembershipId]) -> Result<Changes> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    op.require_fresh_proof()?;
    let (members, mut changes) = find(&op, &granted, ids).await?;
    for member in members {
        let Some(first) = member.starts_at.filter(|start| *start > op.now()) else {
            let error = Error::Conflict("this access has begun already".to_owned());
            changes.not_done.push(NotChanged { membership: member.membership, name: member.name, error });
            continue;
        };
        if let Err(refusal) = judge(&op, &granted, &member, None, true).await? {
            changes.refuse(&mut op, "membership.start_change_refused", member, refusal);
            continue;
        }
        store::set_start(op.tx(), &granted, member.membership, op.now()).await?;
        let detail =
            json!({ "membership": member.membership, "from": first.to_rfc3339(), "starts_at": op.now().to_rfc3339() });
        op.record(Event::done("membership.start_changed", member.account, member.scope, detail));
        changes.done.push((member.membership, member.name));
    }
    op.commit().await?;
    Ok(changes)
}
