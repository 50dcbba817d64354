//! Roles of the organisation's own: made, renamed, changed and deleted in the portal. Nobody puts into a role what they may not
//! hand to others, and nobody edits the role that they hold.

pub mod actions;
pub mod api;
pub mod pages;
mod store;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use crate::{
    access::{DefaultRole, PermissionSet, Refusal, Role},
    types::{BadName, PersonName},
};

/// The most characters in a role's name.
pub const LONGEST_NAME: usize = 50;
/// How many names are shown of those whom a change affects.
pub const SHOWN_NAMES: usize = 50;

/// A role's name: 1 to 50 visible characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleName(PersonName);

/// Why a role's name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRoleName {
    /// Nothing but spaces.
    #[error("Enter a name for the role")]
    Empty,
    /// More than 50 characters.
    #[error("Use at most {LONGEST_NAME} characters for the name of a role")]
    TooLong,
    /// A character that cannot be seen.
    #[error("The name contains a character that cannot be seen; type it again")]
    Invisible,
    /// A link in place of a name.
    #[error("A name cannot contain a web address")]
    Link,
    /// No letter or digit to tell it by.
    #[error("Use at least one letter in the name of a role")]
    NoLetter,
    /// Reads like a default role.
    #[error("“{0}” is a default role; choose a name that nobody takes for it")]
    Default(&'static str),
}

impl RoleName {
    /// Trims, folds runs of spaces, composes accents, and refuses what reads like a default role.
    ///
    /// # Errors
    /// A [`BadRoleName`] for the field's message.
    pub fn parse(text: &str) -> Result<Self, BadRoleName> {
        let name = PersonName::parse(text).map_err(|bad| match bad {
            BadName::Empty => BadRoleName::Empty,
            BadName::TooLong => BadRoleName::TooLong,
            BadName::Invisible => BadRoleName::Invisible,
            BadName::Link => BadRoleName::Link,
        })?;
        if name.as_str().chars().count() > LONGEST_NAME {
            return Err(BadRoleName::TooLong);
        }
        if !name.as_str().chars().any(char::is_alphanumeric) {
            return Err(BadRoleName::NoLetter);
        }
        let key = name_key(name.as_str());
        match DefaultRole::ALL.into_iter().find(|role| name_key(role.name()) == key) {
            Some(role) => Err(BadRoleName::Default(role.name())),
            None => Ok(Self(name)),
        }
    }

    /// The name as shown.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What makes two names the same to a reader.
    pub fn key(&self) -> String {
        name_key(self.as_str())
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Without case, spaces and marks between words, and with letters that look alike made one (the skeleton of UTS 39). Lower case
/// is taken before and after, because a capital letter may look like a small one of another script; a capital I looks like a
/// small l, and without case every i does.
fn name_key(name: &str) -> String {
    let plain: String = name.nfkc().collect::<String>().to_lowercase();
    let plain: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    skeleton(&plain).collect::<String>().to_lowercase().replace('i', "l")
}

/// What a person wants a role to be.
#[derive(Clone, Debug)]
pub struct RoleDraft {
    /// The name as typed.
    pub name: String,
    /// The permissions as ticked; what they imply and **View patient data** come by themselves.
    pub permissions: PermissionSet,
}

/// A role in the list.
#[derive(Clone, Debug)]
pub struct RoleRow {
    /// The role.
    pub role: Role,
    /// Why the caller cannot change it; none when they can.
    pub locked: Option<Locked>,
    /// How many hold it in the scope that is shown, and in its deployments.
    pub holders: u64,
}

/// Why a role cannot be changed by the one who looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locked {
    /// It comes with the portal.
    Default,
    /// The rule refuses.
    Refused(Refusal),
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("A default role cannot be changed; copy it to a new role instead"),
            Self::Refused(refusal) => write!(f, "You cannot change this role: {refusal}"),
        }
    }
}

/// Whom a change of a role affects.
#[derive(Clone, Debug, Default)]
pub struct Affected {
    /// How many people hold it.
    pub people: u64,
    /// How many open invitations name it.
    pub invitations: u64,
    /// The first of the people, by name and place; empty when the caller may not see who is staff.
    pub names: Vec<(String, String)>,
    /// The first of the invited addresses; empty when the caller may not see invitations.
    pub addresses: Vec<String>,
}

impl Affected {
    /// Whether nobody would notice.
    pub const fn is_nobody(&self) -> bool {
        self.people == 0 && self.invitations == 0
    }

    /// "7 people and 2 pending invitations".
    pub fn count(&self) -> String {
        let people = plural(self.people, "person", "people");
        let invitations = plural(self.invitations, "pending invitation", "pending invitations");
        match (self.people, self.invitations) {
            (0, 0) => "Nobody".to_owned(),
            (_, 0) => people,
            (0, _) => invitations,
            _ => format!("{people} and {invitations}"),
        }
    }
}

fn plural(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// A custom role as its page shows it.
#[derive(Clone, Debug)]
pub struct RoleView {
    /// The role.
    pub role: Role,
    /// Its present revision; 0 for a default role.
    pub revision: i64,
    /// Why the caller cannot change it; none when they can.
    pub locked: Option<Locked>,
    /// Whom a change would affect.
    pub affected: Affected,
}

/// A change before it is made.
#[derive(Clone, Debug)]
pub struct RoleReview {
    /// The role as it is.
    pub before: Role,
    /// The role as it would be.
    pub after: Role,
    /// Whom the change affects.
    pub affected: Affected,
}

impl RoleReview {
    /// What people could do in addition.
    pub const fn added(&self) -> PermissionSet {
        self.after.permissions.without(self.before.permissions)
    }

    /// What people could do no longer.
    pub const fn removed(&self) -> PermissionSet {
        self.before.permissions.without(self.after.permissions)
    }

    /// Whether the role would stay as it is.
    pub fn is_nothing(&self) -> bool {
        self.before.name == self.after.name && self.before.permissions == self.after.permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_alike_are_the_same() {
        for (one, other) in [
            ("Ward Nurse", "ward  NURSE"),
            ("Ward Nurse", "WardNurse"),
            ("Ward Nurse", "Ward-Nurse"),
            ("Ward Nurse", "W\u{0430}rd Nurse"),
            ("Ward Nurse", "\u{FF37}ard Nurse"),
            ("Illness", "lllness"),
        ] {
            assert_eq!(name_key(one), name_key(other), "{one} / {other}");
        }
        assert_ne!(name_key("Ward Nurse"), name_key("Ward Nurses"));
    }

    #[test]
    fn nobody_passes_for_a_default_role() {
        for name in ["admin", "A d m i n", "\u{0410}dmin", "Access  controller", "CONTRIBUTOR"] {
            assert!(matches!(RoleName::parse(name), Err(BadRoleName::Default(_))), "{name}");
        }
    }

    #[test]
    fn names_that_harm_are_refused() {
        assert_eq!(RoleName::parse("  "), Err(BadRoleName::Empty));
        assert_eq!(RoleName::parse(&"x".repeat(51)), Err(BadRoleName::TooLong));
        assert_eq!(RoleName::parse(&"x".repeat(10_000)), Err(BadRoleName::TooLong));
        assert_eq!(RoleName::parse("Nurse\u{202e}"), Err(BadRoleName::Invisible));
        assert_eq!(RoleName::parse("Nurse\nAdmin"), Err(BadRoleName::Invisible));
        assert_eq!(RoleName::parse("…!"), Err(BadRoleName::NoLetter));
    }
}
