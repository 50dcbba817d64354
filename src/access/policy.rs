//! All of "who may". Pure: no database, no clock. Every path that hands a right to somebody goes through [`may_grant`].

use super::{DefaultRole, Membership, Permission, Role, Scope};

/// Why something is refused, in the words of the person who tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The membership holds elsewhere.
    #[error("your access does not reach this part of the organisation")]
    OutOfScope,
    /// The role lacks the permission for this path.
    #[error("your role does not include “{0}”")]
    Lacks(Permission),
    /// The role to be granted contains more than may be handed on.
    #[error("the role {role} includes “{permission}”, which you may not hand to others")]
    Exceeds {
        /// The role's name.
        role: String,
        /// The first permission that is too much.
        permission: Permission,
    },
    /// Only Admins make Admins and Contributors.
    #[error("only an Admin may give the role {0}")]
    AdminOnly(String),
    /// The role belongs to another deployment.
    #[error("the role {0} does not exist here")]
    NotHere(String),
}

/// Whether the holder of `by` may do what `needs` allows at `at`.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may(by: &Membership, needs: Permission, at: &Scope) -> Result<(), Refusal> {
    if !by.scope.covers(at) {
        return Err(Refusal::OutOfScope);
    }
    if !by.role.permissions.has(needs) {
        return Err(Refusal::Lacks(needs));
    }
    Ok(())
}

/// The one rule for every grant: whether the holder of `by` may, by the permission `needs`, give `role` at `at`.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_grant(by: &Membership, needs: Permission, role: &Role, at: &Scope) -> Result<(), Refusal> {
    may(by, needs, at)?;
    if role.deployment.is_some() && role.deployment != at.deployment {
        return Err(Refusal::NotHere(role.name.clone()));
    }
    let admin_only = role.is(DefaultRole::Admin) || role.is(DefaultRole::Contributor);
    if admin_only && !by.role.is(DefaultRole::Admin) {
        return Err(Refusal::AdminOnly(role.name.clone()));
    }
    match role.permissions.without(by.role.delegates).iter().next() {
        Some(permission) => Err(Refusal::Exceeds { role: role.name.clone(), permission }),
        None => Ok(()),
    }
}
