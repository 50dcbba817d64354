//! Mail. A row is written in the transaction of the operation that wants the mail; a worker claims it, asks the room that
//! wanted it for the text, hands it to the mail server, and writes down what the server said.
//!
//! Promise: no mail is lost; none is sent twice except what was in flight when the process was killed, and then with the
//! same Message-ID and the same link (RFC 1047 shows that no sender can promise more).

pub mod life;
mod queue;
mod store;
mod transport;
mod worker;

use askama::Template;
use futures::future::BoxFuture;

use crate::{
    error::{Error, Result},
    portal::Portal,
    types::{MailId, OrganisationId, Timestamp},
};

pub use queue::{Delivery, claim, deliveries, enqueue, enqueue_for, record_outcome, record_outcomes, withdraw};
pub use store::{
    flow::{Blocked, blocked, blocked_anywhere},
    history::{Story, Try, stories},
    returned::{self, Known},
};
pub use transport::Transport;
pub use worker::{Worker, drain};

/// A mail to be sent. Ids only: what it says is made at the moment of sending.
#[derive(Clone, Debug)]
pub struct NewMail {
    /// Its id, made by the operation so that other rows can refer to it.
    pub id: MailId,
    /// The organisation it belongs to.
    pub organisation: OrganisationId,
    /// Which [`Email`] writes it.
    pub kind: &'static str,
    /// What it is about.
    pub about: uuid::Uuid,
    /// Which generation of the thing it is about; an older one is no longer sent.
    pub generation: i64,
    /// The address it goes to, as stored.
    pub recipient: String,
}

/// A mail that the worker has claimed.
#[derive(Clone, Debug, sea_orm::FromQueryResult)]
pub struct Claimed {
    /// Its id.
    pub id: MailId,
    /// The organisation it belongs to.
    pub organisation_id: OrganisationId,
    /// Which [`Email`] writes it.
    pub kind: String,
    /// What it is about.
    pub about_id: uuid::Uuid,
    /// Which generation.
    pub generation: i64,
    /// Where it goes.
    pub recipient: String,
    /// How often it was tried before.
    pub attempts: i64,
    /// How often writing it failed badly.
    pub crashes: i64,
    /// The claim's number.
    pub fence: i64,
    /// When it was wanted.
    pub created_at: Timestamp,
}

/// What a mail says.
#[derive(Clone, Debug)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// For plain-text readers.
    pub text: String,
    /// For all others.
    pub html: String,
    /// An entry for the reader's calendar.
    pub calendar: Option<Calendar>,
}

/// An entry for a calendar (RFC 5545), as mail programs offer it (RFC 6047).
#[derive(Clone, Debug)]
pub struct Calendar {
    /// `REQUEST` or `CANCEL`; the text says the same.
    pub method: &'static str,
    /// The iCalendar object.
    pub text: String,
}

impl Letter {
    /// The letter that these templates make.
    ///
    /// # Errors
    /// When a template fails.
    pub fn write(subject: &impl Template, text: &impl Template, html: &impl Template) -> Result<Self> {
        let render = |part: askama::Result<String>| part.map_err(|error| Error::Internal(error.into()));
        let (subject, text, html) = (render(subject.render())?, render(text.render())?, render(html.render())?);
        Ok(Self { subject, text, html, calendar: None })
    }
}

/// One kind of mail; implemented in the room that wants it.
pub trait Email: Send + Sync {
    /// The word in the queue.
    fn kind(&self) -> &'static str;

    /// The letter, or `None` when it must not be sent any more. Asked right before sending.
    fn write<'a>(&'a self, portal: &'a Portal, mail: &'a Claimed) -> BoxFuture<'a, Result<Option<Letter>>>;
}

/// How one try to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took it; its words.
    Sent(String),
    /// Not now; why.
    TryAgain(String),
    /// Never; why.
    Refused(String),
    /// Nobody wants it sent any more.
    Withdrawn,
    /// Writing it failed in a way that must not happen.
    Crashed(String),
    /// Not tried: the portal is closing.
    Released,
}
