//! Plans: a list of people is judged first, looked at, perhaps by somebody else, and then sent: once, in chunks, at a moment of
//! one's choice. A plan invites, changes roles and resends, each row by the same rules as if it were done by hand.
//!
//! Promises: applying a plan twice, on two nodes or after a kill applies each row once, because a row's outcome is written in the
//! transaction of what it did. What has changed since the plan was made is judged again at that moment, and told.

pub mod actions;
pub mod api;
pub mod email;
pub mod pages;
mod store;

use serde::{Deserialize, Serialize};

use crate::{
    access::Scope,
    invitations::{Standing, Window, csv_file::columns::Line},
    types::{AccountId, BatchId, DeploymentId, PlanId, Timestamp},
};

pub use store::rows_statement;

/// The most rows of one plan.
pub const MOST_ROWS: usize = crate::invitations::csv_file::columns::MOST_ROWS;
/// How many rows one transaction applies: few enough that nobody waits for its lock, many enough to be quick.
pub const CHUNK: usize = 500;

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

    fn from_key(key: &str) -> Self {
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

    fn from_key(key: &str) -> Self {
        Self::WORDS.iter().find(|(_, known, _)| *known == key).map_or(Self::Waiting, |(outcome, ..)| *outcome)
    }
}

/// A list from which a plan is to be made.
#[derive(Clone, Debug)]
pub struct NewPlan {
    /// Where; a row may name a deployment inside it.
    pub scope: Scope,
    /// What people call it.
    pub title: String,
    /// Why, or a ticket.
    pub note: String,
    /// The role of rows that name none: a name or a key; empty for none.
    pub role: String,
    /// The deployment of rows that name none; the plan's own scope for none.
    pub deployment: Option<DeploymentId>,
    /// For how long the links work.
    pub window: Window,
    /// When the access of rows that name no end ends.
    pub access_until: Option<Timestamp>,
    /// The rows.
    pub lines: Vec<Line>,
    /// Headings of the file that nothing was made of.
    pub unused: Vec<String>,
    /// The same key and content give the same plan, however often they come.
    pub request_key: String,
}

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Where.
    pub scope: Scope,
    /// What people call it.
    pub title: String,
    /// Why, or a ticket.
    pub note: String,
    /// Who made it.
    pub made_by: AccountId,
    /// When.
    pub made_at: Timestamp,
    /// For how long the links work.
    pub window: Window,
    /// Columns that nothing was made of.
    pub unused: Vec<String>,
    /// Where it stands.
    pub state: State,
    /// How many rows it has.
    pub total: u64,
    /// How many of them were applied.
    pub done: u64,
    /// In whose name it is sent, once somebody has said so.
    pub sender: Option<AccountId>,
    /// By which way they asked for it.
    pub sender_via: String,
    /// When it is to begin, while it is scheduled.
    pub due_at: Option<Timestamp>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Why it was stopped.
    pub stopped_because: String,
}

impl Plan {
    /// The batch of its invitations. The two are the same thing before and after sending, so they share an id.
    pub const fn batch(&self) -> BatchId {
        BatchId::from_uuid(self.id.uuid())
    }

    /// Where a person looks at it.
    pub fn path(&self) -> String {
        format!("{}/plans/{}", self.scope.path(), self.id)
    }
}

/// A row of a plan.
#[derive(Clone, Debug)]
pub struct Row {
    /// As the spreadsheet numbers it.
    pub number: i64,
    /// As typed.
    pub text: String,
    /// The address; empty when there is none.
    pub email: String,
    /// The person's name.
    pub name: Option<String>,
    /// Into which deployment; none for the whole organisation.
    pub deployment: Option<DeploymentId>,
    /// As what: a role's stored key; empty when the row names none that exists.
    pub role: String,
    /// When the access ends.
    pub access_until: Option<Timestamp>,
    /// Why, or a ticket, for this row alone.
    pub note: String,
    /// How it stood when it was judged.
    pub standing: Standing,
    /// Why, in a sentence.
    pub reason: String,
    /// A likelier spelling; empty for none.
    pub suggestion: String,
    /// What the person is here already, or is invited as: a role's stored key.
    pub role_now: String,
    /// That membership or invitation; of a row that was sent, its invitation.
    pub about: Option<uuid::Uuid>,
    /// What is to happen.
    pub decision: Decision,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it could not be done.
    pub outcome_reason: String,
}

impl Row {
    /// Whether its decision changes a role to one that the person has already.
    pub fn changes_nothing(&self) -> bool {
        self.standing == Standing::Staff && self.role == self.role_now
    }

    /// Whether the row can be decided so.
    pub fn may_be(&self, decision: Decision) -> bool {
        decision.fits(self.standing) && !(decision == Decision::ChangeRole && self.changes_nothing())
    }
}

/// How many rows stand how, and what will happen or happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Nothing stands in the way.
    pub ready: u64,
    /// Should be looked at again.
    pub look: u64,
    /// Are staff already.
    pub staff: u64,
    /// Are invited already.
    pub invited: u64,
    /// Cannot be used.
    pub refused: u64,
    /// Will be, or would have been, invited.
    pub to_send: u64,
    /// Will be invited again.
    pub to_resend: u64,
    /// Will get another role.
    pub to_change: u64,
    /// Nobody has decided about.
    pub undecided: u64,
    /// Were invited.
    pub sent: u64,
    /// Were invited again.
    pub resent: u64,
    /// Got another role.
    pub changed: u64,
    /// Could not be done.
    pub not_done: u64,
}

impl Counts {
    /// How many rows something will happen to.
    pub const fn to_do(&self) -> u64 {
        self.to_send + self.to_resend + self.to_change
    }

    /// What the button does: "Send 287 invitations, change 3 roles".
    pub fn promise(&self) -> String {
        let said = |n: u64, one: &str, many: &str| match n {
            0 => None,
            1 => Some(one.to_owned()),
            n => Some(many.replace("{n}", &n.to_string())),
        };
        let parts: Vec<_> = [
            said(self.to_send, "send 1 invitation", "send {n} invitations"),
            said(self.to_resend, "resend 1 invitation", "resend {n} invitations"),
            said(self.to_change, "change 1 role", "change {n} roles"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut text = parts.join(", ");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those that stand so.
    Standing(Standing),
    /// Those that could not be done.
    NotDone,
}

impl Filter {
    /// Each with its key and its label.
    pub const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::All, "", "All"),
        (Self::Standing(Standing::Ready), "ready", "Ready"),
        (Self::Standing(Standing::Look), "look", "Look again"),
        (Self::Standing(Standing::Staff), "staff", "Already staff"),
        (Self::Standing(Standing::Invited), "invited", "Already invited"),
        (Self::Standing(Standing::Refused), "refused", "Refused"),
        (Self::NotDone, "not_done", "Not done"),
    ];

    /// The filter with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(filter, ..)| *filter)
    }

    /// Its key.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(filter, ..)| *filter == self).map_or("", |(_, key, _)| key)
    }
}

/// Progress, as the page and the terminal follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where the plan stands.
    pub state: State,
    /// Rows in all.
    pub total: u64,
    /// Rows applied.
    pub done: u64,
    /// When it goes on, while the mails of the day are used up.
    pub waits_until: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_says_what_will_happen() {
        let counts = Counts { to_send: 287, to_change: 3, ..Counts::default() };
        assert_eq!(counts.promise(), "Send 287 invitations, change 3 roles");
        assert_eq!(Counts { to_resend: 1, ..Counts::default() }.promise(), "Resend 1 invitation");
        assert_eq!(Counts::default().promise(), "");
    }

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
