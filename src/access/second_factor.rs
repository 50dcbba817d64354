//! Who must have a second factor: a setting of the organisation.

use super::{Permission, Role};

/// Whose sign-in must be stronger than a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactorFor {
    /// Everybody who has access to the organisation.
    #[default]
    Everybody,
    /// Those who may invite, assign roles or edit roles.
    Managers,
    /// Nobody must; everybody may.
    Nobody,
}

impl SecondFactorFor {
    /// All of them, the strictest first.
    pub const ALL: [Self; 3] = [Self::Everybody, Self::Managers, Self::Nobody];

    /// As it is stored and spoken by programs.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Managers => "managers",
            Self::Nobody => "nobody",
        }
    }

    /// The setting with this key. What is not understood is the strictest: a mistake must not open the door.
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|setting| setting.key() == key).unwrap_or_default()
    }

    /// Whether it asks the holder of a role for a second factor.
    pub fn asks(self, role: &Role) -> bool {
        match self {
            Self::Everybody => true,
            Self::Managers => [Permission::InviteStaff, Permission::ManageStaff, Permission::EditRoles]
                .into_iter()
                .any(|permission| role.permissions.has(permission)),
            Self::Nobody => false,
        }
    }
}
