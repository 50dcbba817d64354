//! Plans: a list of people is judged first, looked at, perhaps by somebody else, and then sent: once, in chunks, at a moment of
//! one's choice. A plan invites, changes roles and resends, each row by the same rules as if it were done by hand.
//!
//! Promises: applying a plan twice, on two nodes or after a kill applies each row once, because a row's outcome is written in the
//! transaction of what it did. What has changed since the plan was made is judged again at that moment, and told.

pub mod actions;
pub mod api;
mod counts;
pub mod email;
pub mod pages;
mod store;
mod words;

use crate::{
    access::Scope,
    invitations::{Standing, Window, csv_file::columns::Line},
    types::{AccountId, BatchId, DeploymentId, PlanId, Timestamp},
};

pub use counts::{Counts, Filter};
pub use store::rows_statement;
pub use words::{Decision, Outcome, State};

/// The most rows of one plan.
pub const MOST_ROWS: usize = crate::invitations::csv_file::columns::MOST_ROWS;
/// How many rows one transaction applies: few enough that nobody waits for its lock, many enough to be quick.
pub const CHUNK: usize = 500;

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

    /// Until when it waits by itself, because the mails of the day are used up.
    pub fn waits_until(&self) -> Option<Timestamp> {
        self.due_at.filter(|_| self.state == State::Applying && !self.stopped_because.is_empty())
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
    /// When the access begins, if that is later than accepting.
    pub access_from: Option<Timestamp>,
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

    /// Whether the row can be decided so. A change of role cannot wait for a first day of its own; nobody's is changed too early.
    pub fn may_be(&self, decision: Decision) -> bool {
        let cannot_change = self.changes_nothing() || self.access_from.is_some();
        decision.fits(self.standing) && !(decision == Decision::ChangeRole && cannot_change)
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
