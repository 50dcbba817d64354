//! The access log: who did what to whom, when, from where, with what outcome. Written in the transaction of the operation it
//! tells of; refusals in a transaction of their own, so that they survive what they refuse. The database refuses changes.
//!
//! [`sealer`] chains the events by hashes soon after they were written and signs checkpoints; [`verify`] tells what was changed
//! behind the portal's back. The other files are a room like any other: they show the log.

pub mod actions;
pub mod api;
pub mod chain;
pub mod checkpoint;
pub mod export;
pub mod pages;
pub mod sealer;
pub mod seen;
mod store;
pub mod verify;
pub mod view;
pub mod why;
pub mod words;

pub use store::list::{Listed, list_statement};
pub use store::seen::seen_statement;
pub use store::sightings::{Sighting, append_sightings};

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};
use serde_json::Value;

use crate::{
    access::{Origin, Scope},
    db::CHUNK,
    types::{AccountId, EventId, Timestamp},
};

mod event_row {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, EventId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: EventId,
        pub at: Timestamp,
        pub organisation_id: Option<OrganisationId>,
        pub deployment_id: Option<DeploymentId>,
        pub actor_id: Option<AccountId>,
        pub actor: String,
        pub action: String,
        pub subject: String,
        pub outcome: String,
        pub origin: String,
        pub detail: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod unsealed_row {
    use sea_orm::entity::prelude::*;

    use crate::types::EventId;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "unsealed_events")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: EventId,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod note_row {
    use sea_orm::entity::prelude::*;

    use crate::types::{EventId, OrganisationId};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_notes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: EventId,
        pub organisation_id: OrganisationId,
        pub note_key: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was tried and refused.
    Refused,
}

/// Who acted, for the log.
#[derive(Clone, Debug)]
pub enum By {
    /// A person, by session, key or terminal.
    Account(AccountId, &'static str),
    /// Somebody who is not signed in.
    Visitor,
    /// The portal itself.
    Portal,
}

/// One thing that happened. Never holds a secret, a password, or health data.
#[derive(Clone, Debug)]
pub struct Event {
    /// A stable word, `invitation.sent`.
    pub action: &'static str,
    /// What it was done to: a printed id, or an address for somebody who has none yet.
    pub subject: String,
    /// Where, if it belongs to an organisation.
    pub scope: Option<Scope>,
    /// How it ended.
    pub outcome: Outcome,
    /// What else an auditor asks: role, e-mail, reason.
    pub detail: Value,
}

impl Event {
    /// Something that was done.
    pub fn done(action: &'static str, subject: impl ToString, scope: Scope, detail: Value) -> Self {
        Self { action, subject: subject.to_string(), scope: Some(scope), outcome: Outcome::Done, detail }
    }

    /// Something that was tried and refused.
    pub fn refused(action: &'static str, subject: impl ToString, scope: Option<Scope>, detail: Value) -> Self {
        Self { action, subject: subject.to_string(), scope, outcome: Outcome::Refused, detail }
    }
}

/// Which events to show. What is none or empty does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only what these did, or what was done to them.
    pub people: Option<People>,
    /// Only these actions.
    pub actions: Vec<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Only what ended so.
    pub outcome: Option<Outcome>,
    /// Only what was done for a reason or ticket that contains this.
    pub note: String,
}

/// Whom a typed name means.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// Their accounts, as those who act.
    pub accounts: Vec<AccountId>,
    /// Their accounts and invitations, as what is acted upon.
    pub subjects: Vec<String>,
}

impl Filter {
    /// Whether a person is asked for whom nobody here is.
    pub fn nobody(&self) -> bool {
        self.people.as_ref().is_some_and(|people| people.accounts.is_empty() && people.subjects.is_empty())
    }
}

/// Appends events, all by one hand at one instant, and queues them for the seal.
///
/// # Errors
/// When the database fails; the operation must fail with it.
pub async fn append(
    db: &impl ConnectionTrait,
    events: Vec<(EventId, Event)>,
    by: &By,
    origin: &Origin,
    at: Timestamp,
) -> Result<(), DbErr> {
    let mut notes = events.iter().filter_map(note_of).collect::<Vec<_>>().into_iter().peekable();
    insert_rows(db, events.into_iter().map(|(id, event)| row_of(id, event, by, origin, at)).collect()).await?;
    while notes.peek().is_some() {
        note_row::Entity::insert_many(notes.by_ref().take(CHUNK)).exec_without_returning(db).await?;
    }
    Ok(())
}

fn row_of(id: EventId, event: Event, by: &By, origin: &Origin, at: Timestamp) -> event_row::ActiveModel {
    let (actor_id, actor) = match by {
        By::Account(id, via) => (Some(*id), *via),
        By::Visitor => (None, "visitor"),
        By::Portal => (None, "portal"),
    };
    event_row::ActiveModel {
        id: Set(id),
        at: Set(at),
        organisation_id: Set(event.scope.map(|scope| scope.organisation)),
        deployment_id: Set(event.scope.and_then(|scope| scope.deployment)),
        actor_id: Set(actor_id),
        actor: Set(actor.to_owned()),
        action: Set(event.action.to_owned()),
        subject: Set(event.subject),
        outcome: Set(match event.outcome {
            Outcome::Done => "done".to_owned(),
            Outcome::Refused => "refused".to_owned(),
        }),
        origin: Set(origin.address.clone()),
        detail: Set(event.detail.to_string()),
    }
}

/// Writes events and queues them for the seal.
async fn insert_rows(db: &impl ConnectionTrait, rows: Vec<event_row::ActiveModel>) -> Result<(), DbErr> {
    let unsealed: Vec<_> = rows.iter().map(|row| unsealed_row::ActiveModel { event_id: row.id.clone() }).collect();
    let (mut rows, mut unsealed) = (rows.into_iter().peekable(), unsealed.into_iter().peekable());
    while rows.peek().is_some() {
        event_row::Entity::insert_many(rows.by_ref().take(CHUNK)).exec_without_returning(db).await?;
    }
    while unsealed.peek().is_some() {
        unsealed_row::Entity::insert_many(unsealed.by_ref().take(CHUNK)).exec_without_returning(db).await?;
    }
    Ok(())
}

/// What a search for a reason or a ticket finds the event by.
fn note_of((id, event): &(EventId, Event)) -> Option<note_row::ActiveModel> {
    let note = event.detail.get("note")?.as_str()?.to_lowercase();
    let organisation = event.scope?.organisation;
    Some(note_row::ActiveModel { event_id: Set(*id), organisation_id: Set(organisation), note_key: Set(note) })
}
