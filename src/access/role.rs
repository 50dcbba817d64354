//! Roles: five that every organisation has, and the organisation's own.

use std::{fmt, str::FromStr};

use super::permission::{Permission as P, PermissionSet};
use crate::types::{DeploymentId, RoleId};

/// The roles that come with the portal and cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefaultRole {
    /// Everything.
    Admin,
    /// Staff and roles; patients without identifiers.
    AccessController,
    /// Works across deployments.
    OrganisationStaff,
    /// The day-to-day care team.
    DeploymentStaff,
    /// Reads only.
    Contributor,
}

impl DefaultRole {
    /// All five, in the order on screen.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::AccessController, Self::OrganisationStaff, Self::DeploymentStaff, Self::Contributor];

    /// The table of default roles. The published tables contradict each other; this is the reading that `docs/roles.md` explains.
    const fn row(self) -> (&'static str, &'static str, &'static str, &'static [P]) {
        match self {
            Self::Admin => (
                "admin",
                "Admin",
                "Runs the team: patients, staff and roles.",
                &[
                    P::ViewPatientData,
                    P::ViewPatientIdentifiers,
                    P::ManagePatientData,
                    P::ContactPatient,
                    P::ExportPatientData,
                    P::OffboardPatients,
                    P::ManageLabels,
                    P::ManageNotes,
                    P::ViewStaff,
                    P::InviteStaff,
                    P::ManageStaff,
                    P::EditRoles,
                    P::ViewAudit,
                ],
            ),
            Self::AccessController => (
                "access_controller",
                "Access Controller",
                "Manages staff and roles; sees patients by number only.",
                &[
                    P::ViewPatientData,
                    P::ExportPatientData,
                    P::ManageLabels,
                    P::ManageNotes,
                    P::ViewStaff,
                    P::InviteStaff,
                    P::ManageStaff,
                    P::EditRoles,
                    P::ViewAudit,
                ],
            ),
            Self::OrganisationStaff => (
                "organisation_staff",
                "Organisation Staff",
                "Follows patients across deployments, by number only.",
                &[
                    P::ViewPatientData,
                    P::ExportPatientData,
                    P::OffboardPatients,
                    P::ManageLabels,
                    P::ManageNotes,
                    P::ViewStaff,
                ],
            ),
            Self::DeploymentStaff => (
                "deployment_staff",
                "Deployment Staff",
                "The care team: looks after patients from day to day.",
                &[
                    P::ViewPatientData,
                    P::ViewPatientIdentifiers,
                    P::ManagePatientData,
                    P::ContactPatient,
                    P::ExportPatientData,
                    P::OffboardPatients,
                    P::ManageNotes,
                    P::ViewStaff,
                ],
            ),
            Self::Contributor => (
                "contributor",
                "Contributor",
                "Reads patients and their data; changes nothing.",
                &[P::ViewPatientData, P::ViewPatientIdentifiers],
            ),
        }
    }

    /// The stored and exchanged name.
    pub const fn key(self) -> &'static str {
        self.row().0
    }

    /// The name on screen.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// What the role is for.
    pub const fn sentence(self) -> &'static str {
        self.row().2
    }

    /// What its holder may do.
    pub fn permissions(self) -> PermissionSet {
        self.row().3.iter().copied().collect()
    }

    /// What its holder may hand to others. Admin and Access Controller hand out every permission: that is their job,
    /// although an Access Controller does not use the clinical ones.
    pub fn delegates(self) -> PermissionSet {
        match self {
            Self::Admin | Self::AccessController => PermissionSet::all(),
            _ => self.permissions(),
        }
    }
}

/// Which role: a default one by name, or a custom one by id. Printed and stored as `admin` or `rol_…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleKey {
    /// One of the five.
    Default(DefaultRole),
    /// One of the organisation's own.
    Custom(RoleId),
}

impl fmt::Display for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default(role) => f.write_str(role.key()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such role")]
pub struct UnknownRole;

impl FromStr for RoleKey {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        DefaultRole::ALL
            .into_iter()
            .find(|role| role.key() == text)
            .map(Self::Default)
            .or_else(|| text.parse().ok().map(Self::Custom))
            .ok_or(UnknownRole)
    }
}

/// A custom role as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRole {
    /// Its id.
    pub id: RoleId,
    /// Set when the role exists in one deployment only.
    pub deployment: Option<DeploymentId>,
    /// Its name on screen.
    pub name: String,
    /// What its holder may do.
    pub permissions: PermissionSet,
}

/// A role, ready to be judged: what its holder may do and hand to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Which one.
    pub key: RoleKey,
    /// Its name on screen.
    pub name: String,
    /// What its holder may do.
    pub permissions: PermissionSet,
    /// What its holder may hand to others.
    pub delegates: PermissionSet,
    /// Set when the role exists in one deployment only.
    pub deployment: Option<DeploymentId>,
}

impl Role {
    /// Whether this is the default role `role`.
    pub fn is(&self, role: DefaultRole) -> bool {
        self.key == RoleKey::Default(role)
    }

    /// One sentence for the role picker.
    pub fn sentence(&self) -> String {
        match (self.key, self.permissions.iter().count()) {
            (RoleKey::Default(role), _) => role.sentence().to_owned(),
            (RoleKey::Custom(_), 1) => "The organisation's own role, with 1 permission.".to_owned(),
            (RoleKey::Custom(_), n) => format!("The organisation's own role, with {n} permissions."),
        }
    }
}

impl From<DefaultRole> for Role {
    fn from(role: DefaultRole) -> Self {
        Self {
            key: RoleKey::Default(role),
            name: role.name().to_owned(),
            permissions: role.permissions(),
            delegates: role.delegates(),
            deployment: None,
        }
    }
}

impl From<CustomRole> for Role {
    fn from(role: CustomRole) -> Self {
        Self {
            key: RoleKey::Custom(role.id),
            name: role.name,
            permissions: role.permissions.with(P::ViewPatientData),
            delegates: role.permissions.with(P::ViewPatientData),
            deployment: role.deployment,
        }
    }
}
