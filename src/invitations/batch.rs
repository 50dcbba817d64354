//! Invitations that are sent together: what is asked, what is answered, and what becomes of each.

use serde::{Deserialize, Serialize};

use super::{Invitation, Standing, Window};
use crate::{
    access::{RoleKey, Scope},
    types::{BatchId, InvitationId, Timestamp},
};

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Where.
    pub scope: Scope,
    /// As what.
    pub role: RoleKey,
    /// For how long the link works.
    pub window: Window,
    /// When the access that comes of it begins; none for the moment of accepting.
    pub access_from: Option<Timestamp>,
    /// When the access that comes of it will end, for locums and students.
    pub access_until: Option<Timestamp>,
    /// One text for each address, as typed or imported.
    pub texts: Vec<String>,
    /// Addresses (compare form) that are sent although they look unusual.
    pub confirmed: Vec<String>,
    /// Why, or a ticket; goes into the access log. Empty for none.
    pub note: String,
    /// The same key and content give the same answer, however often they come.
    pub request_key: String,
}

/// What became of a batch, row by row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchAnswer {
    /// The batch.
    #[schema(value_type = String)]
    pub batch: BatchId,
    /// Invited.
    pub sent: Vec<SentRow>,
    /// Not invited, and why.
    pub not_sent: Vec<NotSentRow>,
}

/// An address that was invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SentRow {
    /// The address.
    pub email: String,
    /// Its invitation.
    #[schema(value_type = String)]
    pub invitation: InvitationId,
}

/// A text that was not invited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotSentRow {
    /// As typed.
    pub text: String,
    /// Why, for programs.
    pub state: Standing,
    /// Why, for people.
    pub reason: String,
    /// The live invitation that can be resent instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub invitation: Option<InvitationId>,
}

/// A batch as its page shows it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Where.
    pub scope: Scope,
    /// As what, when all are the same.
    pub role: Option<RoleKey>,
    /// When its links end.
    pub expires_at: Timestamp,
    /// Whether a plan sent it.
    pub of_plan: bool,
    /// What became of it.
    pub answer: BatchAnswer,
}

/// What became of an invitation of a batch; each has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// A membership came of it.
    Joined,
    /// The link was opened, and nothing else happened yet.
    Opened,
    /// The mail server took the mail.
    Delivered,
    /// The mail waits or is tried again.
    OnItsWay,
    /// The mail server refused the mail.
    NotDelivered,
    /// Its time has passed.
    Expired,
    /// Waits for somebody with authority.
    Held,
    /// The invitee said that it was not meant for them.
    Declined,
    /// Taken back.
    Deleted,
}

impl Became {
    /// Each with its key and its word on screen.
    pub const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Joined, "joined", "Joined"),
        (Self::Opened, "opened", "Link opened"),
        (Self::Delivered, "delivered", "Delivered"),
        (Self::OnItsWay, "on_its_way", "On its way"),
        (Self::NotDelivered, "not_delivered", "Not delivered"),
        (Self::Expired, "expired", "Expired"),
        (Self::Held, "held", "Held"),
        (Self::Declined, "declined", "Declined"),
        (Self::Deleted, "deleted", "Deleted"),
    ];

    /// The stored and exchanged word.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(became, ..)| *became == self).map_or("", |(_, key, _)| key)
    }

    /// The word on screen.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(became, ..)| *became == self).map_or("", |(.., word)| word)
    }

    /// The one with this word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(became, ..)| *became)
    }

    /// Whether the invitee has not answered: the invitation can be sent again or taken back.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Joined | Self::Declined | Self::Deleted)
    }
}

/// An invitation of a batch with what became of it.
#[derive(Clone, Debug)]
pub struct BatchRow {
    /// The invitation.
    pub invitation: Invitation,
    /// What became of it.
    pub became: Became,
    /// Why it is held; empty when it is not.
    pub held_reason: String,
    /// Where its mail stands, as stored.
    pub mail_state: String,
    /// The mail server's words.
    pub mail_answer: String,
    /// The name under which the person joined.
    pub joined_as: Option<String>,
}
