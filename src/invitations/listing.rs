//! The list of open invitations: its rows, filters and orders.

use super::Invitation;
use crate::outbox::Delivery;

/// A row of the pending list.
#[derive(Clone, Debug)]
pub struct PendingRow {
    /// The invitation.
    pub invitation: Invitation,
    /// Who invited; empty for the portal itself.
    pub inviter_name: String,
    /// Why it is held; empty when it is not.
    pub held_reason: String,
    /// Where its mail stands.
    pub delivery: Delivery,
}

/// Which open invitations to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filter {
    /// All that are open.
    #[default]
    All,
    /// Pending and not expired.
    Pending,
    /// Pending past their time.
    Expired,
    /// Held.
    Held,
    /// Declined.
    Declined,
    /// The mail was refused, came back, or could not be written.
    NotDelivered,
}

impl Filter {
    /// Key and label of each.
    pub const ALL: [(Self, &'static str, &'static str); 6] = [
        (Self::All, "all", "All"),
        (Self::Pending, "pending", "Pending"),
        (Self::Expired, "expired", "Expired"),
        (Self::Held, "held", "Held"),
        (Self::Declined, "declined", "Declined"),
        (Self::NotDelivered, "not_delivered", "Not delivered"),
    ];

    /// The filter with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(filter, ..)| *filter)
    }
}

/// The order of the pending list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Sort {
    /// When sent.
    #[default]
    Sent,
    /// By address.
    Email,
    /// When the link ends.
    Expires,
}

impl Sort {
    /// Key and label of each.
    pub const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::Email, "email", "E-mail"), (Self::Sent, "sent", "Sent"), (Self::Expires, "expires", "Expires")];

    /// The order with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(sort, ..)| *sort)
    }
}
