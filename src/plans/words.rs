//! Where a plan stands, what is to happen to a row, and what became of it; each with its stored word and its word on screen.

use serde::{Deserialize, Serialize};

use crate::invitations::Standing;

/// Where a plan stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Can be looked at and changed.
    Draft,
    /// Will be sent at a moment.
    Scheduled,
    /// Is being sent.
    Applying,
    /// Was sent.
    Applied,
    /// Whoever sent it may no longer do so; nothing of the rest is sent.
    Stopped,
    /// Was taken back before it was sent.
    Deleted,
}

impl State {
    /// Each with its stored word and its word on screen.
    const WORDS: [(Self, &'static str, &'static str); 6] = [
        (Self::Draft, "draft", "Not sent yet"),
        (Self::Scheduled, "scheduled", "Scheduled"),
        (Self::Applying, "applying", "Being sent"),
        (Self::Applied, "applied", "Sent"),
        (Self::Stopped, "stopped", "Stopped"),
        (Self::Deleted, "deleted", "Deleted"),
    ];

    /// The stored word.
    pub fn key(self) -> &'static str {
        Self::WORDS.iter().find(|(state, ..)| *state == self).map_or("", |(_, key, _)| key)
    }

    /// The word on screen.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(state, ..)| *state == self).map_or("", |(.., word)| word)
    }

    pub(super) fn from_key(key: &str) -> Self {
        Self::WORDS.iter().find(|(_, known, _)| *known == key).map_or(Self::Deleted, |(state, ..)| *state)
    }

    /// Whether its rows can still be decided about.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Draft | Self::Scheduled)
    }
}

/// What is to happen to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Nobody has decided; nothing happens.
    Undecided,
    /// An invitation is sent.
    Send,
    /// Nothing happens.
    Skip,
    /// The person, who is staff already, gets the row's role.
    ChangeRole,
    /// The live invitation is mailed again, and its window restarts.
    Resend,
}

impl Decision {
    const WORDS: [(Self, &'static str); 5] = [
        (Self::Undecided, ""),
        (Self::Send, "send"),
        (Self::Skip, "skip"),
        (Self::ChangeRole, "change_role"),
        (Self::Resend, "resend"),
    ];

    /// The stored word.
    pub fn key(self) -> &'static str {
        Self::WORDS.iter().find(|(decision, _)| *decision == self).map_or("", |(_, key)| key)
    }

    /// The decision with this word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == key).map(|(decision, _)| *decision)
    }

    /// Whether a row that stands so can be decided so.
    pub const fn fits(self, standing: Standing) -> bool {
        match self {
            Self::Skip => true,
            Self::Undecided => matches!(standing, Standing::Look),
            Self::Send => matches!(standing, Standing::Ready | Standing::Look),
            Self::ChangeRole => matches!(standing, Standing::Staff),
            Self::Resend => matches!(standing, Standing::Invited),
        }
    }

    /// What is decided as long as nobody says otherwise: nobody who is here already is touched unasked.
    pub const fn at_first(standing: Standing) -> Self {
        match standing {
            Standing::Ready => Self::Send,
            Standing::Look => Self::Undecided,
            Standing::Staff | Standing::Invited | Standing::Refused => Self::Skip,
        }
    }
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Not applied yet.
    Waiting,
    /// Invited.
    Sent,
    /// Invited again.
    Resent,
    /// The role was changed.
    Changed,
    /// Left out, as decided.
    Left,
    /// Was to be done and could not be; the reason stands beside it.
    NotDone,
}

impl Outcome {
    const WORDS: [(Self, &'static str, &'static str); 6] = [
        (Self::Waiting, "", "Waiting"),
        (Self::Sent, "sent", "Invited"),
        (Self::Resent, "resent", "Invited again"),
        (Self::Changed, "changed", "Role changed"),
        (Self::Left, "left", "Left out"),
        (Self::NotDone, "not_done", "Not done"),
    ];

    /// The stored word.
    pub fn key(self) -> &'static str {
        Self::WORDS.iter().find(|(outcome, ..)| *outcome == self).map_or("", |(_, key, _)| key)
    }

    /// The word on screen.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(outcome, ..)| *outcome == self).map_or("", |(.., word)| word)
    }

    pub(super) fn from_key(key: &str) -> Self {
        Self::WORDS.iter().find(|(_, known, _)| *known == key).map_or(Self::Waiting, |(outcome, ..)| *outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_touched_unasked_and_no_decision_fits_where_it_makes_no_sense() {
        use Standing::{Invited, Look, Ready, Refused, Staff};
        for standing in [Ready, Look, Staff, Invited, Refused] {
            assert!(Decision::at_first(standing).fits(standing), "{standing:?}");
            let sends = Decision::at_first(standing) == Decision::Send;
            assert_eq!(sends, standing == Ready, "{standing:?}");
        }
        assert!(!Decision::Send.fits(Staff) && !Decision::Send.fits(Refused) && !Decision::Send.fits(Invited));
        assert!(!Decision::ChangeRole.fits(Invited) && !Decision::Resend.fits(Staff));
    }
}
