//! Making, changing and deleting custom roles. What a change means for whom can be asked before it is made.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{Affected, Locked, RoleDraft, RoleName, RoleReview, RoleRow, RoleView, SHOWN_NAMES, store};
use crate::{
    access::{self, Actor, CustomRole, Granted, Permission, PermissionSet, Refusal, Role, RoleKey, Scope},
    audit::Event,
    error::{Error, Result},
    invitations,
    op::{Caller, Op},
    portal::Portal,
    sites, staff,
    types::{RoleId, Timestamp},
};

/// The default roles and the custom ones that exist in `scope`, with how many hold each there.
///
/// # Errors
/// When the caller may not edit roles there.
pub async fn list_roles(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<RoleRow>> {
    let visible = caller.scope(portal, Permission::EditRoles, scope).await?;
    let db = portal.db.reader();
    let holders = staff::actions::holders(portal, &visible, true).await?;
    let own = access::role_keys_of(db, caller.actor()?.account, portal.now()).await?;
    let roles = access::roles_of(db, scope.organisation).await?;
    Ok(roles
        .into_iter()
        .filter(|role| exists_in(role, &scope))
        .map(|role| RoleRow {
            locked: locked(caller.actor().ok(), &role, &scope, own.contains(&role.key)),
            holders: holders.get(&role.key.to_string()).copied().unwrap_or(0),
            role,
        })
        .collect())
}

/// One role with whom a change of it would affect.
///
/// # Errors
/// [`Error::NotFound`] when there is none in this scope, or when the caller may not edit roles there.
pub async fn show_role(portal: &Portal, caller: &Caller, scope: Scope, key: RoleKey) -> Result<RoleView> {
    caller.scope(portal, Permission::EditRoles, scope).await?;
    let actor = caller.actor()?;
    let db = portal.db.reader();
    let (role, revision) = match key {
        RoleKey::Default(role) => (Role::from(role), 0),
        RoleKey::Custom(id) => {
            let found = store::find(db, scope.organisation, id).await?;
            let (role, revision) = found.ok_or(Error::NotFound)?;
            (Role::from(role), revision)
        }
    };
    if !exists_in(&role, &scope) {
        return Err(Error::NotFound);
    }
    let own = access::role_keys_of(db, actor.account, portal.now()).await?;
    let locked = locked(Some(actor), &role, &scope, own.contains(&key));
    let affected = match (&locked, key) {
        (None, RoleKey::Custom(_)) => affected(db, portal.now(), actor, &role, &scope).await?,
        _ => Affected::default(),
    };
    Ok(RoleView { role, revision, locked, affected })
}

/// Whether a role can be given in `scope` or somewhere below it.
fn exists_in(role: &Role, scope: &Scope) -> bool {
    role.deployment.is_none() || scope.deployment.is_none() || role.deployment == scope.deployment
}

/// Where a role exists: the whole organisation, or its one deployment.
const fn home(role: &Role, scope: &Scope) -> Scope {
    Scope { organisation: scope.organisation, deployment: role.deployment }
}

fn locked(actor: Option<&Actor>, role: &Role, scope: &Scope, held: bool) -> Option<Locked> {
    if matches!(role.key, RoleKey::Default(_)) {
        return Some(Locked::Default);
    }
    let at = home(role, scope);
    let granted = actor?.grant(Permission::EditRoles, at);
    let judged = granted.and_then(|granted| granted.may_edit_role(Some(role), None, held, &at));
    judged.err().map(Locked::Refused)
}

/// Inside an operation `db` is its transaction: whoever holds the lock must not wait for a second connection behind those who
/// wait for the lock.
async fn affected(
    db: &impl ConnectionTrait,
    now: Timestamp,
    actor: &Actor,
    role: &Role,
    scope: &Scope,
) -> Result<Affected> {
    let at = home(role, scope);
    let (people, holders) = staff::actions::holders_of(db, scope.organisation, role.key, SHOWN_NAMES, now).await?;
    let deployments = sites::actions::deployment_names(db, scope.organisation).await?;
    let names = holders.into_iter().map(|(name, at)| (name, sites::level(&deployments, at)));
    let (invitations, addresses) =
        invitations::actions::open_with_role(db, scope.organisation, role.key, SHOWN_NAMES).await?;
    Ok(Affected {
        people,
        invitations,
        names: if actor.may(Permission::ViewStaff, &at) { names.collect() } else { Vec::new() },
        addresses: if actor.may(Permission::InviteStaff, &at) { addresses } else { Vec::new() },
    })
}

/// Makes a role that exists in `scope`: in the whole organisation, or in one deployment.
///
/// # Errors
/// [`Error::Invalid`] for the name, [`Error::Forbidden`] when the role would hold more than the caller may hand to others.
pub async fn create_role(portal: &Portal, caller: &Caller, scope: Scope, draft: &RoleDraft) -> Result<Role> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::EditRoles, scope).await?;
    op.require_fresh_proof()?;
    let id = op.new_id();
    let role = CustomRole {
        id,
        deployment: scope.deployment,
        name: draft.name.clone(),
        permissions: draft.permissions.with(Permission::ViewPatientData),
    };
    let (name, role) = match judge(&op, &granted, None, role, scope).await? {
        Ok(judged) => judged,
        Err(refusal) => return Err(refuse(op, "role.create_refused", id.to_string(), scope, refusal).await),
    };
    if !store::insert(op.tx(), &granted, &role, &name, op.now()).await? {
        return Err(Error::field("name", "There is a role of this name already"));
    }
    let detail = json!({ "name": role.name, "added": keys(role.permissions), "removed": [] });
    op.record(Event::done("role.created", id, scope, detail));
    op.commit().await?;
    Ok(role.into())
}

/// A change that has been judged and not been made.
struct Edit {
    op: Op,
    granted: Granted,
    at: Scope,
    before: Role,
    name: RoleName,
    role: CustomRole,
}

async fn begin_edit(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: RoleId,
    draft: &RoleDraft,
    revision: i64,
) -> Result<Edit> {
    let (before, at) = find_home(portal, caller, scope, id).await?;
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require(Permission::EditRoles, at).await?;
    op.require_fresh_proof()?;
    let wanted = CustomRole {
        id,
        deployment: before.deployment,
        name: draft.name.clone(),
        permissions: draft.permissions.with(Permission::ViewPatientData),
    };
    let Some((before, found)) = store::find(op.tx(), scope.organisation, id).await? else {
        return Err(Error::NotFound);
    };
    let (name, role) = match judge(&op, &granted, Some(&before), wanted, at).await? {
        Ok(judged) => judged,
        Err(refusal) => return Err(refuse(op, "role.change_refused", id.to_string(), at, refusal).await),
    };
    if found != revision {
        return Err(changed_meanwhile());
    }
    Ok(Edit { op, granted, at, before: before.into(), name, role })
}

/// What a change would mean and for whom. Nothing is changed.
///
/// # Errors
/// Whatever [`edit_role`] would answer.
pub async fn review_role(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: RoleId,
    draft: &RoleDraft,
    revision: i64,
) -> Result<RoleReview> {
    let edit = begin_edit(portal, caller, scope, id, draft, revision).await?;
    let affected = affected(edit.op.tx(), edit.op.now(), edit.op.actor()?, &edit.before, &edit.at).await?;
    Ok(RoleReview { before: edit.before, after: edit.role.into(), affected })
}

/// Renames a role or changes its permissions. In force for everybody who holds it at their next request; open invitations that
/// would now give more than was offered are held until somebody approves them.
///
/// # Errors
/// [`Error::Conflict`] when somebody changed the role since `revision`; else as [`create_role`].
pub async fn edit_role(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: RoleId,
    draft: &RoleDraft,
    revision: i64,
) -> Result<Role> {
    let Edit { mut op, granted, at, before: old, name, role } =
        begin_edit(portal, caller, scope, id, draft, revision).await?;
    if !store::update(op.tx(), &granted, &role, &name, revision).await? {
        return Err(changed_meanwhile());
    }
    let added = role.permissions.without(old.permissions);
    let removed = old.permissions.without(role.permissions);
    let renamed = (old.name != role.name).then_some(&old.name);
    let detail = json!({ "name": role.name, "added": keys(added), "removed": keys(removed), "renamed_from": renamed });
    op.record(Event::done("role.changed", id, at, detail));
    if !added.is_empty() {
        let giving = invitations::actions::Which::WithRole(scope.organisation, old.key);
        invitations::actions::hold_unsupported(&mut op, giving).await?;
    }
    // A custom role delegates exactly its permissions, so whoever loses one may give less.
    if !removed.is_empty() {
        hold_what_holders_sent(&mut op, scope, old.key).await?;
    }
    op.commit().await?;
    Ok(role.into())
}

/// What the holders of a role have sent and may no longer give.
async fn hold_what_holders_sent(op: &mut Op, scope: Scope, role: RoleKey) -> Result<()> {
    for account in staff::actions::accounts_with_role(op.tx(), scope.organisation, role, op.now()).await? {
        invitations::actions::hold_unsupported(op, invitations::actions::Which::By(account)).await?;
    }
    Ok(())
}

/// Deletes a role. Whoever holds it gets `replacement` in the same step, and so do the open invitations that name it.
///
/// # Errors
/// [`Error::Invalid`] beside `replacement` when one is needed, [`Error::Forbidden`] when the caller may not give it.
pub async fn delete_role(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: RoleId,
    replacement: Option<RoleKey>,
    revision: i64,
) -> Result<Affected> {
    let (_, at) = find_home(portal, caller, scope, id).await?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::EditRoles, at).await?;
    op.require_fresh_proof()?;
    let Some((before, found)) = store::find(op.tx(), scope.organisation, id).await? else {
        return Err(Error::NotFound);
    };
    let before: Role = before.into();
    let held = holds(&op, &before).await?;
    if let Err(refusal) = granted.may_edit_role(Some(&before), None, held, &at) {
        return Err(refuse(op, "role.delete_refused", id.to_string(), at, refusal).await);
    }
    if found != revision {
        return Err(changed_meanwhile());
    }
    let affected = affected(op.tx(), op.now(), op.actor()?, &before, &at).await?;
    let new = match replacement {
        Some(key) if key == before.key => None,
        Some(key) => access::find_role(op.tx(), scope.organisation, key).await?,
        None => None,
    };
    match &new {
        Some(new) => {
            if let Err(refusal) = granted.may_grant(new, &at) {
                return Err(refuse(op, "role.delete_refused", id.to_string(), at, refusal).await);
            }
            staff::actions::replace_role(&mut op, &granted, &before, new).await?;
            hold_what_holders_sent(&mut op, at, new.key).await?;
            invitations::actions::replace_role(&mut op, &granted, &before, new).await?;
        }
        None if affected.is_nobody() => {}
        None => {
            let message = format!("{} have this role; choose the role that they get instead", affected.count());
            return Err(Error::field("replacement", message));
        }
    }
    if !store::mark_deleted(op.tx(), &granted, id, revision, op.now()).await? {
        return Err(changed_meanwhile());
    }
    let detail = json!({
        "name": before.name, "added": [], "removed": keys(before.permissions),
        "replacement": new.as_ref().map(|role| role.key.to_string()), "replacement_name": new.map(|role| role.name),
        "people": affected.people, "invitations": affected.invitations,
    });
    op.record(Event::done("role.deleted", id, at, detail));
    op.commit().await?;
    Ok(affected)
}

/// The roles that could stand in for a deleted one.
///
/// # Errors
/// When the caller may not edit roles there.
pub async fn replacements(portal: &Portal, caller: &Caller, scope: Scope, role: &Role) -> Result<Vec<Role>> {
    caller.scope(portal, Permission::EditRoles, scope).await?;
    let at = home(role, &scope);
    let Ok(granted) = caller.actor()?.grant(Permission::EditRoles, at) else { return Ok(Vec::new()) };
    let roles = access::roles_of(portal.db.reader(), scope.organisation).await?;
    Ok(roles.into_iter().filter(|other| other.key != role.key && granted.may_grant(other, &at).is_ok()).collect())
}

/// The permissions that the caller may put into a role that exists at `scope`.
pub fn grantable_permissions(actor: &Actor, scope: Scope) -> PermissionSet {
    let Ok(granted) = actor.grant(Permission::EditRoles, scope) else { return PermissionSet::EMPTY };
    let alone = |permission: &Permission| {
        let role: Role = CustomRole {
            id: RoleId::from_uuid(uuid::Uuid::nil()),
            deployment: scope.deployment,
            name: String::new(),
            permissions: [*permission].into_iter().collect(),
        }
        .into();
        granted.may_edit_role(None, Some(&role), false, &scope).is_ok()
    };
    Permission::all().filter(alone).collect()
}

/// The role as it is and the scope in which it exists, for a caller who may know of it.
async fn find_home(portal: &Portal, caller: &Caller, scope: Scope, id: RoleId) -> Result<(CustomRole, Scope)> {
    caller.scope(portal, Permission::EditRoles, scope).await?;
    let found = store::find(portal.db.reader(), scope.organisation, id).await?;
    let (role, _) = found.ok_or(Error::NotFound)?;
    let known = Role::from(role.clone());
    if !exists_in(&known, &scope) {
        return Err(Error::NotFound);
    }
    Ok((role, home(&known, &scope)))
}

async fn holds(op: &Op, role: &Role) -> Result<bool> {
    // Asked of the account, not of the actor: a key or another scope must not hide that the role is one's own.
    Ok(access::role_keys_of(op.tx(), op.actor()?.account, op.now()).await?.contains(&role.key))
}

/// The parsed name and the role as it will be, or the rule's refusal.
async fn judge(
    op: &Op,
    granted: &Granted,
    before: Option<&CustomRole>,
    wanted: CustomRole,
    at: Scope,
) -> Result<Result<(RoleName, CustomRole), Refusal>> {
    let old = before.cloned().map(Role::from);
    let new = Role::from(wanted.clone());
    let held = match &old {
        Some(old) => holds(op, old).await?,
        None => false,
    };
    if let Err(refusal) = granted.may_edit_role(old.as_ref(), Some(&new), held, &at) {
        return Ok(Err(refusal));
    }
    let name = RoleName::parse(&wanted.name).map_err(|bad| Error::field("name", bad.to_string()))?;
    if let Some(other) = store::same_name(op.tx(), at.organisation, &name.key(), before.map(|role| role.id)).await? {
        let message = format!("There is a role “{other}” already; choose a name that nobody takes for it");
        return Err(Error::field("name", message));
    }
    let wanted = CustomRole { name: name.to_string(), ..wanted };
    Ok(Ok((name, wanted)))
}

async fn refuse(op: Op, action: &'static str, subject: String, scope: Scope, refusal: Refusal) -> Error {
    let event = Event::refused(action, subject, Some(scope), json!({ "reason": refusal.to_string() }));
    op.refuse(event, Error::Forbidden(refusal)).await
}

fn changed_meanwhile() -> Error {
    Error::Conflict("Somebody changed this role a moment ago; look at it again before you change it".to_owned())
}

fn keys(permissions: PermissionSet) -> Vec<&'static str> {
    permissions.iter().map(Permission::key).collect()
}
