//! Staff members: accounts seen through their memberships.

pub mod actions;
pub mod api;
pub mod pages;
mod store;

pub use store::list_statement;

use crate::{
    access::Scope,
    types::{AccountId, MembershipId, Timestamp},
};

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
