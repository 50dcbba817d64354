//! Access reviews: once in a while somebody looks at everybody who has access, keeps or removes each of them, and the access log
//! can show that it was done.

pub mod actions;
pub mod api;
pub mod pages;
mod store;

pub use store::list_statement;

use std::time::Duration;

use crate::{
    access::Scope,
    identity::Factors,
    types::{AccountId, MembershipId, ReviewId, Timestamp},
};

/// Whoever was not seen for so long stands out.
pub const DORMANT_AFTER: Duration = Duration::from_secs(45 * 24 * 3600);
/// The longest that a review may take.
pub const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// What becomes of somebody's access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It stays.
    Keep,
    /// It ends when the review is finished.
    Remove,
}

impl Mark {
    /// The stored and exchanged word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
        }
    }

    /// The mark with this word.
    pub fn from_key(key: &str) -> Option<Self> {
        [Self::Keep, Self::Remove].into_iter().find(|mark| mark.key() == key)
    }
}

/// A review that is under way, or was finished.
#[derive(Clone, Debug)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// Whose access it looks at.
    pub scope: Scope,
    /// Who began it.
    pub started_by: String,
    /// When.
    pub started_at: Timestamp,
    /// Until when it should be done.
    pub due_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// How far a review is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everybody with access now.
    pub total: u64,
    /// Marked to be kept.
    pub keep: u64,
    /// Marked to be removed.
    pub remove: u64,
}

impl Progress {
    /// Not looked at yet.
    pub const fn open(&self) -> u64 {
        self.total.saturating_sub(self.keep + self.remove)
    }
}

/// Somebody with access, as the review shows them.
#[derive(Clone, Debug)]
pub struct ReviewRow {
    /// The membership.
    pub membership: MembershipId,
    /// The account.
    pub account: AccountId,
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// The role's stored key.
    pub role: String,
    /// Where it holds.
    pub scope: Scope,
    /// Since when.
    pub joined_at: Timestamp,
    /// When last seen, to the minute.
    pub last_seen_at: Option<Timestamp>,
    /// What second factors the person has.
    pub factors: Factors,
    /// Who gave the role that the person has now; empty for the portal's own set-up.
    pub given_by: String,
    /// When the access begins, if that is later than joining.
    pub starts_at: Option<Timestamp>,
    /// When the access ends by itself.
    pub ends_at: Option<Timestamp>,
    /// What was decided, if anything was.
    pub mark: Option<Mark>,
    /// Who decided it.
    pub marked_by: String,
    /// What the list sorts by.
    pub name_key: String,
}

impl ReviewRow {
    /// Whether the person has not been seen for 45 days; somebody who never signed in again counts from the day they joined.
    pub fn is_dormant(&self, now: Timestamp) -> bool {
        self.last_seen_at.unwrap_or(self.joined_at).plus(DORMANT_AFTER) <= now
    }
}

/// Whom to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filter {
    /// Everybody.
    #[default]
    All,
    /// Those not looked at yet.
    Open,
    /// Those not seen for 45 days.
    Dormant,
    /// Those who will be removed.
    Remove,
}

impl Filter {
    /// Key and label of each.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::All, "", "Everybody"),
        (Self::Open, "open", "Not decided yet"),
        (Self::Dormant, "dormant", "Not seen for 45 days"),
        (Self::Remove, "remove", "To be removed"),
    ];

    /// The filter with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(filter, ..)| *filter)
    }
}
