//! All of "who may". Pure: no database, no clock. Every path that hands a right to somebody goes through [`may_grant`].

use super::{DefaultRole, Membership, Permission, Role, Scope};
use crate::types::OrganisationId;

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
    /// The person concerned holds more than the one who acts may hand on.
    #[error("this person is {role}, which includes “{permission}”, and you may not hand that to others")]
    Stronger {
        /// The role that the person holds.
        role: String,
        /// The first permission that is too much.
        permission: Permission,
    },
    /// Only Admins change Admins and Contributors.
    #[error("only an Admin may change or remove somebody who is {0}")]
    StrongerRole(String),
    /// The person also has access where the one who acts manages nobody; where is not said.
    #[error(
        "this person also has access to places where you do not manage staff; somebody who manages staff in all of them can do it"
    )]
    Elsewhere,
    /// Nobody changes their own role or how long it lasts.
    #[error("nobody changes their own access; ask a colleague who manages staff")]
    Own,
    /// Nobody edits the role that they hold.
    #[error("nobody edits or deletes a role that they hold themselves; you are {0}")]
    OwnRole(String),
    /// What concerns the whole organisation is for its Admins.
    #[error("only an Admin of the whole organisation may see and change its settings")]
    NoAdministrator,
    /// An emergency access is for those who look after patients.
    #[error(
        "an emergency access is for those who look after patients, and your role includes neither “Manage patient data” nor “Manage notes”"
    )]
    NoClinician,
    /// Where a role gives more, an emergency access has no use.
    #[error("your role reaches this patient already, so nothing needs to be opened")]
    ReachedAlready,
    /// What a deployment follows and offers is for its Admins.
    #[error("only an Admin of this deployment may see and change what it follows")]
    NoDeploymentAdmin,
    /// An organisation keeps an Admin.
    #[error(
        "an organisation always keeps one Admin of the whole organisation without an end date; make somebody else Admin first"
    )]
    LastAdmin,
}

impl Refusal {
    /// The same refusal where the role is not one to be given but one that the person concerned holds.
    fn of_target(self) -> Self {
        match self {
            Self::Exceeds { role, permission } => Self::Stronger { role, permission },
            Self::AdminOnly(role) => Self::StrongerRole(role),
            other => other,
        }
    }
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

/// Whether the holder of `by` may see and change what the organisation has chosen for itself: its Admins may, and a key of theirs
/// that leaves them every permission.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_administer(by: &Membership, organisation: OrganisationId) -> Result<(), Refusal> {
    let whole = by.scope == Scope::organisation(organisation);
    let admin = by.role.is(DefaultRole::Admin) && by.role.permissions == DefaultRole::Admin.permissions();
    if whole && admin { Ok(()) } else { Err(Refusal::NoAdministrator) }
}

/// Whether the holder of `by` may see and change what the deployment at `at` follows and offers: its Admins may, and those of the
/// whole organisation, and a key of theirs that leaves them every permission.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_run(by: &Membership, at: &Scope) -> Result<(), Refusal> {
    let admin = by.role.is(DefaultRole::Admin) && by.role.permissions == DefaultRole::Admin.permissions();
    if by.scope.covers(at) && at.deployment.is_some() && admin { Ok(()) } else { Err(Refusal::NoDeploymentAdmin) }
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

/// A membership that somebody wants to change or end.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Whether it is the actor's own.
    pub own: bool,
    /// The role it gives now.
    pub role: &'a Role,
    /// Where it holds.
    pub at: &'a Scope,
    /// Whether without it the organisation would have no Admin of the whole organisation without an end date.
    pub last_admin: bool,
}

/// Whether the holder of `by` may change a person's membership: end it, set its end, or (`to`) give another role instead. The
/// grant rule is asked of the role that the person holds now as well, so that nobody brings down somebody stronger.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_change(by: &Membership, target: &Target<'_>, to: Option<&Role>) -> Result<(), Refusal> {
    may(by, Permission::ManageStaff, target.at)?;
    if target.own {
        return Err(Refusal::Own);
    }
    may_grant(by, Permission::ManageStaff, target.role, target.at).map_err(Refusal::of_target)?;
    if let Some(role) = to {
        may_grant(by, Permission::ManageStaff, role, target.at)?;
    }
    if target.last_admin {
        return Err(Refusal::LastAdmin);
    }
    Ok(())
}

/// Whether the holder of `by` may make a role (`before` is none), change it, or delete it (`after` is none) at `at`, where the
/// role exists. Asked of the role as it was and as it will be: a change hands out what is added, and takes away what was there.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_edit_role(
    by: &Membership,
    before: Option<&Role>,
    after: Option<&Role>,
    held: bool,
    at: &Scope,
) -> Result<(), Refusal> {
    may(by, Permission::EditRoles, at)?;
    if let Some(role) = before.filter(|_| held) {
        return Err(Refusal::OwnRole(role.name.clone()));
    }
    for role in [before, after].into_iter().flatten() {
        may_grant(by, Permission::EditRoles, role, at)?;
    }
    Ok(())
}

/// Whether the holder of `by` is one of the organisation's clinicians: whoever looks after patients somewhere in it may ask for an
/// emergency access to one elsewhere in it.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_ask_in_emergency(by: &Membership, organisation: OrganisationId) -> Result<(), Refusal> {
    if by.scope.organisation != organisation {
        return Err(Refusal::OutOfScope);
    }
    may(by, Permission::ViewPatientData, &by.scope)?;
    let has = |permission| by.role.permissions.has(permission);
    let clinician = has(Permission::ManagePatientData) || has(Permission::ManageNotes);
    if clinician { Ok(()) } else { Err(Refusal::NoClinician) }
}

/// Whether somebody with all these memberships may open, in an emergency, a patient who is at `at`: a clinician of the same
/// organisation may whose own roles do not reach the patient.
///
/// # Errors
/// The [`Refusal`] to show and to write to the access log.
pub fn may_open_in_emergency(by: &[Membership], at: &Scope) -> Result<(), Refusal> {
    if by.iter().any(|membership| may(membership, Permission::ViewPatientData, at).is_ok()) {
        return Err(Refusal::ReachedAlready);
    }
    let mut nearest = Refusal::OutOfScope;
    for membership in by {
        match may_ask_in_emergency(membership, at.organisation) {
            Ok(()) => return Ok(()),
            Err(Refusal::OutOfScope) => {}
            Err(refusal) => nearest = refusal,
        }
    }
    Err(nearest)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        access::PermissionSet,
        types::{DeploymentId, MembershipId},
    };

    fn organisation(n: u128) -> Scope {
        Scope::organisation(OrganisationId::from_uuid(Uuid::from_u128(n)))
    }

    fn deployment(of: u128, n: u128) -> Scope {
        Scope::deployment(OrganisationId::from_uuid(Uuid::from_u128(of)), DeploymentId::from_uuid(Uuid::from_u128(n)))
    }

    fn with(scope: Scope, permissions: &[Permission]) -> Membership {
        let mut role = Role::from(DefaultRole::Contributor);
        role.permissions = permissions.iter().copied().collect::<PermissionSet>();
        Membership { id: MembershipId::from_uuid(Uuid::nil()), scope, role }
    }

    #[test]
    fn an_emergency_access_is_for_clinicians_of_the_same_organisation_who_do_not_reach_the_patient() {
        use Permission::{ContactPatient, ManageNotes, ManagePatientData, ManageStaff, ViewAudit, ViewPatientData};
        let (here, there, patient) = (deployment(1, 11), deployment(2, 21), deployment(1, 12));
        let nurse = || with(here, &[ViewPatientData, ManagePatientData]);
        let doctor = || with(here, &[ViewPatientData, ManageNotes]);
        let reader = || with(here, &[ViewPatientData, ContactPatient, ManageStaff, ViewAudit]);
        let blind = || with(here, &[ManagePatientData, ManageNotes]);
        let foreign = || with(there, &[ViewPatientData, ManagePatientData, ManageNotes]);
        for (by, expected) in [
            (vec![], Err(Refusal::OutOfScope)),
            (vec![nurse()], Ok(())),
            (vec![doctor()], Ok(())),
            (vec![reader()], Err(Refusal::NoClinician)),
            (vec![blind()], Err(Refusal::Lacks(ViewPatientData))),
            (vec![foreign()], Err(Refusal::OutOfScope)),
            (vec![foreign(), reader()], Err(Refusal::NoClinician)),
            (vec![foreign(), reader(), doctor()], Ok(())),
            // Rights of two roles do not add up to one.
            (vec![reader(), blind()], Err(Refusal::Lacks(ViewPatientData))),
            (vec![with(patient, &[ViewPatientData])], Err(Refusal::ReachedAlready)),
            (vec![nurse(), with(organisation(1), &[ViewPatientData])], Err(Refusal::ReachedAlready)),
            (vec![with(organisation(2), &[ViewPatientData, ManageNotes])], Err(Refusal::OutOfScope)),
            (vec![with(patient, &[ManageStaff]), nurse()], Ok(())),
        ] {
            assert_eq!(may_open_in_emergency(&by, &patient), expected, "{by:?}");
        }
    }
}
