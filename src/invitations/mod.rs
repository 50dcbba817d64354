//! The heart: inviting staff. One live invitation for one e-mail at one scope; the link is derived, never stored; accepting
//! asks again whether the invitation may still be given.

pub mod actions;
pub mod addresses;
pub mod api;
mod batch;
mod checked;
pub mod csv_file;
pub mod email;
mod links;
mod listing;
pub mod pages;
mod store;
pub mod windows;

use std::time::Duration;

use crate::{
    access::{PermissionSet, RoleKey, Scope},
    identity::NewSession,
    types::{AccountId, EmailAddress, InvitationId, MailId, Timestamp},
};

pub use batch::{Batch, BatchAnswer, BatchRow, Became, NewBatch, NotSentRow, SentRow};
pub use checked::{Checked, Found, Standing};
pub use links::{Code, join_url, link_of};
pub use listing::{Filter, PendingRow, Sort};
pub use store::{batch_statement, list_statement};
pub use windows::Window;

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
    /// When the membership that comes of it will begin, if that is later than accepting.
    pub access_from: Option<Timestamp>,
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
        /// When the membership begins, if that is later.
        begins: Option<Timestamp>,
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
