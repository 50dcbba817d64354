//! The heart: inviting staff. One live invitation for one e-mail at one scope; the link is derived, never stored; accepting
//! asks again whether the invitation may still be given.

pub mod actions;
pub mod addresses;
pub mod api;
pub mod csv_file;
pub mod email;
mod links;
pub mod pages;
mod store;
pub mod windows;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    access::{PermissionSet, RoleKey, Scope},
    identity::NewSession,
    outbox::Delivery,
    types::{AccountId, BatchId, EmailAddress, InvitationId, MailId, MembershipId, Timestamp},
};

pub use links::{Code, join_url, link_of};
pub use store::{batch_statement, list_statement};

/// The most addresses in one batch.
pub const MOST_ADDRESSES: usize = 10_000;
/// The longest a link may live.
pub const LONGEST_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);

/// The longest note, in characters.
pub const LONGEST_NOTE: usize = 200;

/// A note or ticket as it is kept: one line of at most 200 characters.
///
/// # Errors
/// The sentence to show beside the field.
pub fn parse_note(text: &str) -> Result<String, String> {
    let note = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if note.chars().count() > LONGEST_NOTE {
        return Err(format!("Write at most {LONGEST_NOTE} characters"));
    }
    if note.chars().any(char::is_control) {
        return Err("Write the note with plain letters".to_owned());
    }
    Ok(note)
}

/// Where an invitation stands. *Expired* is no state: it is pending past its time, judged by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No account was made from it yet.
    Pending,
    /// Somebody with authority must look at it again.
    Held,
    /// A membership came of it.
    Accepted,
    /// The invitee said that it was not meant for them.
    Declined,
    /// Taken back.
    Deleted,
}

impl State {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Deleted => "deleted",
        }
    }

    fn from_key(key: &str) -> Self {
        match key {
            "pending" => Self::Pending,
            "held" => Self::Held,
            "accepted" => Self::Accepted,
            "declined" => Self::Declined,
            _ => Self::Deleted,
        }
    }
}

/// For how long the link works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 24 hours.
    Day,
    /// 72 hours.
    ThreeDays,
    /// 7 days; the default.
    Week,
    /// Until a date of one's own, up to 30 days away.
    Until(Timestamp),
}

impl Window {
    /// The fixed ones, with their key and label.
    pub const FIXED: [(Self, &'static str, &'static str); 3] =
        [(Self::Day, "24h", "24 hours"), (Self::ThreeDays, "72h", "72 hours"), (Self::Week, "7d", "7 days")];

    /// The fixed window with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::FIXED.iter().find(|(_, known, _)| *known == key).map(|(window, ..)| *window)
    }

    /// The stored word: a key, or an instant in milliseconds.
    pub fn to_text(self) -> String {
        let key = Self::FIXED.iter().find(|(window, ..)| *window == self).map(|(_, key, _)| (*key).to_owned());
        match self {
            Self::Until(end) => end.0.to_string(),
            _ => key.unwrap_or_default(),
        }
    }

    /// The window that [`Window::to_text`] wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::from_key(text).or_else(|| text.parse().ok().map(|end| Self::Until(Timestamp(end))))
    }

    /// How long it is from `now`; `None` when a date of one's own has passed or is more than 30 days away.
    pub fn length(self, now: Timestamp) -> Option<Duration> {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        match self {
            Self::Day => Some(hours(24)),
            Self::ThreeDays => Some(hours(72)),
            Self::Week => Some(hours(7 * 24)),
            Self::Until(end) => {
                let length = Duration::from_millis(u64::try_from(end.0 - now.0).ok()?);
                // A date is chosen without a time of day: the thirtieth day counts whole.
                (!length.is_zero() && length <= LONGEST_WINDOW + hours(24)).then_some(length)
            }
        }
    }
}

/// An invitation.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Where the membership will hold.
    pub scope: Scope,
    /// To whom.
    pub email: EmailAddress,
    /// The name that came with the address, if any.
    pub name: Option<String>,
    /// As what.
    pub role: RoleKey,
    /// What the role permitted when it was offered.
    pub role_permissions: PermissionSet,
    /// Who answers for it; nobody for the first Admin of an organisation.
    pub inviter: Option<AccountId>,
    /// Its current mail.
    pub mail: MailId,
    /// Raised when every earlier link must die.
    pub generation: i64,
    /// Where it stands.
    pub state: State,
    /// How long its link lives from each sending.
    pub window: Duration,
    /// When it was sent last.
    pub sent_at: Timestamp,
    /// When its link ends.
    pub expires_at: Timestamp,
    /// When the link was first opened.
    pub opened_at: Option<Timestamp>,
    /// Whether the link was ever handed over by another way than mail.
    pub link_copied: bool,
    /// When the membership that comes of it will end.
    pub access_until: Option<Timestamp>,
    /// When it was held.
    pub held_at: Option<Timestamp>,
    /// Whether a second manager must look at it.
    pub second_look: SecondLook,
}

/// Whether a second manager must look at an invitation, because its role manages access and the organisation wants it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SecondLook {
    /// Nobody need.
    #[default]
    NotNeeded,
    /// Nobody has yet.
    Waiting,
    /// Somebody has, and agreed.
    Given,
}

impl SecondLook {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::NotNeeded => "",
            Self::Waiting => "waiting",
            Self::Given => "given",
        }
    }

    fn from_key(key: &str) -> Self {
        match key {
            "waiting" => Self::Waiting,
            "given" => Self::Given,
            _ => Self::NotNeeded,
        }
    }
}

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

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// Where.
    pub scope: Scope,
    /// As what.
    pub role: RoleKey,
    /// For how long the link works.
    pub window: Window,
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
    /// The mail server's words.
    pub mail_answer: String,
    /// The name under which the person joined.
    pub joined_as: Option<String>,
}

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

/// Why a link is dead, for its truthful page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dead {
    /// No link of ours: says nothing else to a guesser.
    NotValid,
    /// Past its time.
    Expired,
    /// The invitation was corrected or sent anew.
    Replaced,
    /// Taken back.
    Deleted,
    /// Used.
    Used,
    /// Declined by the invitee.
    Declined,
    /// Waits for somebody with authority.
    Held,
    /// The account is staff there already.
    AlreadyStaff,
}

/// What came of trying to accept.
#[derive(Debug)]
pub enum Accepted {
    /// A membership; where, and the session of a new account.
    Joined {
        /// Where the membership holds.
        scope: Scope,
        /// The new account's session; what is still missing before it may be used is asked next.
        session: Option<NewSession>,
    },
    /// The link is dead.
    Dead(Dead),
    /// The address has an account, which must sign in.
    MustSignIn,
    /// Signed in as somebody else.
    WrongAccount,
}
