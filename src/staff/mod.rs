//! Staff members: accounts seen through their memberships.

pub mod actions;
pub mod api;
pub mod email;
pub mod pages;
mod store;

pub use store::list_statement;

use crate::{
    access::{DefaultRole, Role, Scope},
    error::Error,
    types::{AccountId, InvitationId, MembershipId, Timestamp},
};

/// What an accepted invitation gives.
#[derive(Clone, Debug)]
pub struct Joining {
    /// Where.
    pub scope: Scope,
    /// As what.
    pub role: Role,
    /// Who answers for it; nobody for the first Admin.
    pub granted_by: Option<AccountId>,
    /// By which invitation.
    pub invitation: InvitationId,
    /// When it begins, if that is later than joining.
    pub starts_at: Option<Timestamp>,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
}

/// A live membership with its person, as those who change it see it.
#[derive(Clone, Debug)]
pub struct Member {
    /// The membership.
    pub membership: MembershipId,
    /// The account.
    pub account: AccountId,
    /// The person's name.
    pub name: String,
    /// The role that it gives now.
    pub role: Role,
    /// Where it holds.
    pub scope: Scope,
    /// When it begins, if that is later than joining.
    pub starts_at: Option<Timestamp>,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
}

impl Member {
    /// Whether this is one of those of whom an organisation keeps at least one: an Admin of all of it without an end date, whose access has
    /// begun.
    pub fn is_lasting_admin(&self, now: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= now)
            && self.role.is(DefaultRole::Admin)
            && self.scope.deployment.is_none()
            && self.ends_at.is_none()
    }
}

/// What became of a change for several people.
#[derive(Debug, Default)]
pub struct Changes {
    /// When; the changes of one press share it.
    pub at: Timestamp,
    /// Changed, with names.
    pub done: Vec<(MembershipId, String)>,
    /// Not changed, and why.
    pub not_done: Vec<NotChanged>,
}

/// Somebody who was not changed.
#[derive(Debug)]
pub struct NotChanged {
    /// The membership that was asked for.
    pub membership: MembershipId,
    /// The person's name; empty when there is no such membership here.
    pub name: String,
    /// Why.
    pub error: Error,
}

impl NotChanged {
    /// Why, in a sentence without its full stop.
    pub fn reason(&self) -> String {
        match &self.error {
            Error::Forbidden(refusal) => refusal.to_string(),
            Error::NotFound => "this access has ended already".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Somebody who can see the patients of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carer {
    /// Who.
    pub account: AccountId,
    /// Name on screen.
    pub name: String,
    /// Their address.
    pub email: String,
    /// The role's stored key.
    pub role: String,
}

/// Somebody on the staff, as other systems are told of them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// Name on screen.
    pub name: String,
    /// The address.
    pub email: String,
}

/// A row of the staff list.
#[derive(Clone, Debug)]
pub struct StaffMember {
    /// The membership.
    pub membership: MembershipId,
    /// The account.
    pub account: AccountId,
    /// Name on screen.
    pub name: String,
    /// The address.
    pub email: String,
    /// The role's stored key.
    pub role: String,
    /// Where it holds.
    pub scope: Scope,
    /// Since when.
    pub joined_at: Timestamp,
    /// When last seen, to the minute.
    pub last_seen_at: Option<Timestamp>,
    /// When the access begins, if that is later than joining.
    pub starts_at: Option<Timestamp>,
    /// When the access ends by itself.
    pub ends_at: Option<Timestamp>,
    /// Whether the person proved to read mail at the address.
    pub address_proven: bool,
    /// What lists by name sort by.
    pub name_key: String,
    /// What lists by address sort by.
    pub email_key: String,
}

/// The order of the staff list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sort {
    /// By name, without regard to case.
    #[default]
    Name,
    /// By address.
    Email,
    /// By the day they joined.
    Joined,
}

impl Sort {
    /// Key and label of each.
    pub const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::Name, "name", "Name"), (Self::Email, "email", "E-mail"), (Self::Joined, "joined", "Joined")];

    /// The order with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(sort, ..)| *sort)
    }
}
