//! How an address of a list stands before it is sent to.

use serde::{Deserialize, Serialize};

use crate::types::{InvitationId, MembershipId};

/// How one address of a list stands before sending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// As typed.
    pub text: String,
    /// The address; empty when there is none.
    pub email: String,
    /// The name that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What will happen to it.
    pub state: Standing,
    /// The same in a word for people.
    pub state_word: String,
    /// Why, in a sentence; empty when it is ready.
    pub reason: String,
    /// A better spelling, when one is likely.
    pub suggestion: Option<String>,
    /// The live invitation, when there is one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<InvitationId>,
    /// What the person has here already.
    #[serde(skip)]
    pub found: Option<Found>,
}

/// What stands in the way of a new invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// They are staff.
    Staff {
        /// By which membership.
        membership: MembershipId,
        /// As what: the role's stored key.
        role: String,
    },
    /// They are invited.
    Invited {
        /// By which invitation.
        invitation: InvitationId,
        /// As what: the role's stored key.
        role: String,
    },
}

/// What will happen to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Cannot be used.
    Refused,
    /// Sent only when somebody has looked at it and says so.
    Look,
    /// Is staff here already.
    Staff,
    /// Has a live invitation here already.
    Invited,
    /// Will be sent.
    Ready,
}

impl Standing {
    /// The stored and exchanged word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Look => "look",
            Self::Staff => "staff",
            Self::Invited => "invited",
            Self::Ready => "ready",
        }
    }

    /// The standing with this word; what nobody wrote is refused.
    pub fn from_key(key: &str) -> Self {
        let all = [Self::Look, Self::Staff, Self::Invited, Self::Ready];
        all.into_iter().find(|standing| standing.key() == key).unwrap_or(Self::Refused)
    }

    /// The word on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Look => "Look again",
            Self::Staff => "Already staff",
            Self::Invited => "Already invited",
            Self::Ready => "Ready",
        }
    }
}
