//! One operation: one actor, one transaction, its events and its mails. What it does is done whole or not at all; what it
//! refuses is written to the access log apart, so that it survives.

use sea_orm::DbErr;
use serde_json::json;

use crate::{
    access::{self, Actor, Administers, Granted, OnePatient, Origin, Permission, Refusal, Runs, Scope, Via, Visible},
    audit::{self, By, Event, Sighting},
    crash,
    db::{self, Db, Tx},
    error::{Error, Result},
    outbox::{self, NewMail},
    portal::Portal,
    types::{EmergencyId, Id, OrganisationId, PatientId, Timestamp},
};

/// Who stands at a door, before anything is asked of them.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A known account.
    Person(Actor, Origin),
    /// Somebody who is not signed in.
    Visitor(Origin),
    /// The portal's own command line or worker.
    Portal(Origin),
}

impl Caller {
    /// The account, if there is one.
    ///
    /// # Errors
    /// [`Error::SignInRequired`].
    pub const fn actor(&self) -> Result<&Actor> {
        match self {
            Self::Person(actor, _) => Ok(actor),
            Self::Visitor(_) | Self::Portal(_) => Err(Error::SignInRequired),
        }
    }

    /// Where the request comes from.
    pub const fn origin(&self) -> &Origin {
        match self {
            Self::Person(_, origin) | Self::Visitor(origin) | Self::Portal(origin) => origin,
        }
    }

    /// As [`Op::require_fresh_proof`], for what is read.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`].
    pub fn require_fresh_proof(&self, now: Timestamp) -> Result<()> {
        if self.actor()?.is_fresh(now) { Ok(()) } else { Err(Error::StepUpRequired) }
    }

    /// Authority to read what the organisation of `scope` has chosen for itself; a refusal is written to the access log.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the caller may not even know, [`Error::Forbidden`] where they may.
    pub async fn administers(&self, portal: &Portal, scope: Scope) -> Result<Administers> {
        let actor = self.actor()?;
        match actor.administers(scope.organisation) {
            Ok(proof) => Ok(proof),
            Err(refusal) => {
                write_apart(portal, vec![refusal_event(ADMINISTER, scope, &refusal)], self).await?;
                Err(hide_or_refuse(actor, &scope, refusal))
            }
        }
    }

    /// Authority to read what the deployment at `scope` follows and offers, and by which thresholds; a refusal is written to the
    /// access log.
    ///
    /// # Errors
    /// As [`Caller::administers`].
    pub async fn runs(&self, portal: &Portal, scope: Scope) -> Result<Runs> {
        let actor = self.actor()?;
        match actor.runs(scope) {
            Ok(proof) => Ok(proof),
            Err(refusal) => {
                write_apart(portal, vec![refusal_event(RUN, scope, &refusal)], self).await?;
                Err(hide_or_refuse(actor, &scope, refusal))
            }
        }
    }

    fn by(&self) -> By {
        match self {
            Self::Person(actor, _) => By::Account(
                actor.account,
                match actor.via {
                    Via::Session(_) => "session",
                    Via::ApiKey { .. } => "api_key",
                    Via::Terminal => "terminal",
                    Via::Later => "later",
                },
            ),
            Self::Visitor(_) => By::Visitor,
            Self::Portal(_) => By::Portal,
        }
    }

    /// Authority to list; a refusal is written to the access log.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the caller may not even know, [`Error::Forbidden`] where they may.
    pub async fn scope(&self, portal: &Portal, permission: Permission, scope: Scope) -> Result<Visible> {
        let actor = self.actor()?;
        match actor.visible(permission, scope) {
            Ok(visible) => Ok(visible),
            Err(refusal) => {
                let event = refusal_event(permission.key(), scope, &refusal);
                write_apart(portal, vec![event], self).await?;
                Err(hide_or_refuse(actor, &scope, refusal))
            }
        }
    }

    /// Authority to see one patient, by a role or by an emergency access; a refusal is written to the access log.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such patient or the caller may not know, [`Error::Forbidden`] where they may.
    pub async fn patient(&self, portal: &Portal, permission: Permission, patient: PatientId) -> Result<OnePatient> {
        let actor = self.actor()?;
        let found = access::whereabouts(portal.db.reader(), patient, actor.account, portal.now()).await?;
        let found = found.ok_or(Error::NotFound)?;
        match actor.patient(permission, patient, found) {
            Ok(one) => Ok(one),
            Err(refusal) => {
                let mut event = refusal_event(permission.key(), found.scope, &refusal);
                event.subject = patient.to_string();
                write_apart(portal, vec![event], self).await?;
                Err(hide_or_refuse(actor, &found.scope, refusal))
            }
        }
    }

    /// Writes to the access log that the caller is about to be shown `what` of these patients, and returns when that is durable.
    /// Nobody is no sighting.
    ///
    /// # Errors
    /// When it cannot be written; nothing may be shown then.
    pub async fn saw(&self, portal: &Portal, scope: Scope, what: &'static str, patients: Vec<PatientId>) -> Result<()> {
        self.saw_by(portal, Seen { scope, what, patients, emergency: None }).await
    }

    /// The same for one patient and the proof by which they are seen.
    ///
    /// # Errors
    /// As [`Caller::saw`].
    pub async fn saw_one(&self, portal: &Portal, one: &OnePatient, what: &'static str) -> Result<()> {
        let (scope, emergency) = (one.scope(), one.emergency());
        self.saw_by(portal, Seen { scope, what, patients: vec![one.patient()], emergency }).await
    }

    async fn saw_by(&self, portal: &Portal, seen: Seen) -> Result<()> {
        if seen.patients.is_empty() {
            return Ok(());
        }
        let sighting = Sighting {
            id: portal.new_id(),
            at: portal.now(),
            by: self.by(),
            origin: self.origin().clone(),
            scope: seen.scope,
            what: seen.what,
            patients: seen.patients,
            emergency: seen.emergency,
        };
        let db = portal.db.clone();
        let written =
            portal.sightings.add(sighting, |all| async move { write_sightings(&db, all).await.is_ok() }).await;
        if written { Ok(()) } else { Err(Error::internal("the access log could not be written")) }
    }
}

/// What somebody is about to be shown.
struct Seen {
    scope: Scope,
    what: &'static str,
    patients: Vec<PatientId>,
    emergency: Option<EmergencyId>,
}

async fn write_sightings(db: &Db, sightings: Vec<Sighting>) -> Result<(), DbErr> {
    let tx = db.begin_write().await?;
    audit::append_sightings(&tx, sightings).await.inspect_err(|error| tracing::error!(%error, "sightings"))?;
    tx.commit().await
}

/// What the access log names where a refusal is not about a permission.
const ADMINISTER: &str = "Admin of the whole organisation";
const RUN: &str = "Admin of the deployment";

/// An operation under way. Dropping it without [`Op::commit`] undoes it.
pub struct Op {
    portal: Portal,
    caller: Caller,
    tx: Tx,
    now: Timestamp,
    events: Vec<Event>,
    mails: Vec<NewMail>,
    note: String,
}

impl Op {
    /// Begins. A person's authority is read again inside the transaction, behind the lock of each of their organisations, so
    /// that nobody acts on a right that was taken away a moment ago.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(portal: &Portal, caller: &Caller) -> Result<Self> {
        Self::begin_in_all(portal, caller, &[]).await
    }

    /// Begins an operation in an organisation where the caller need not be a member: an invitee's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_in(portal: &Portal, caller: &Caller, organisation: OrganisationId) -> Result<Self> {
        Self::begin_in_all(portal, caller, &[organisation]).await
    }

    /// The same in several. All locks are taken here and in one order, so that no two operations wait for each other.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_in_all(portal: &Portal, caller: &Caller, also: &[OrganisationId]) -> Result<Self> {
        let tx = portal.db.begin_write().await?;
        let now = portal.now();
        let mut caller = caller.clone();
        let own = caller.actor().map(|actor| actor.memberships.clone()).unwrap_or_default();
        let mut organisations: Vec<_> = own.iter().map(|m| m.scope.organisation).chain(also.iter().copied()).collect();
        organisations.sort();
        organisations.dedup();
        for organisation in organisations {
            db::lock_organisation(&tx, organisation).await?;
        }
        if let Caller::Person(actor, _) = &mut caller {
            let memberships = access::memberships_of(&tx, actor.account, now).await?;
            *actor = Actor::new(actor.account, actor.name.clone(), actor.email.clone(), actor.via, memberships)
                .proved(actor.proved_at);
        }
        Ok(Self { portal: portal.clone(), caller, tx, now, events: Vec::new(), mails: Vec::new(), note: String::new() })
    }

    /// The transaction, for store functions.
    pub const fn tx(&self) -> &Tx {
        &self.tx
    }

    /// The portal.
    pub const fn portal(&self) -> &Portal {
        &self.portal
    }

    /// The instant at which the operation happens; one for all of it.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// A new identifier.
    pub fn new_id<K>(&self) -> Id<K> {
        self.portal.new_id()
    }

    /// Who acts.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] when nobody is signed in.
    pub const fn actor(&self) -> Result<&Actor> {
        self.caller.actor()
    }

    /// Where the request comes from.
    pub const fn origin(&self) -> &Origin {
        self.caller.origin()
    }

    /// Goes on for another visitor: work that nobody waits for learns only inside its transaction who asked for it. What is recorded
    /// from here on carries their origin; it gives no authority.
    pub fn speak_for(&mut self, origin: Origin) {
        self.caller = Caller::Visitor(origin);
    }

    /// Asks for a proof of the last ten minutes that it is really this person, before what would hurt most in the wrong hands.
    ///
    /// # Errors
    /// [`Error::StepUpRequired`], which the doors turn into the question.
    pub fn require_fresh_proof(&self) -> Result<()> {
        self.caller.require_fresh_proof(self.now)
    }

    /// Authority to write. A refusal ends the operation and is written to the access log.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the caller may not even know, [`Error::Forbidden`] where they may.
    pub async fn require(self, permission: Permission, scope: Scope) -> Result<(Self, Granted)> {
        match self.actor()?.grant(permission, scope) {
            Ok(granted) => Ok((self, granted)),
            Err(refusal) => {
                let error = hide_or_refuse(self.actor()?, &scope, refusal.clone());
                Err(self.refuse(refusal_event(permission.key(), scope, &refusal), error).await)
            }
        }
    }

    /// Authority to write about one patient: where the patient is, is read inside the transaction. An emergency access gives none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such patient; otherwise as [`Op::require`].
    pub async fn require_for(self, permission: Permission, patient: PatientId) -> Result<(Self, Granted)> {
        let account = self.actor()?.account;
        let found = access::whereabouts(&self.tx, patient, account, self.now).await?.ok_or(Error::NotFound)?;
        self.require(permission, found.scope).await
    }

    /// The same by either of two permissions; a refusal names the first.
    ///
    /// # Errors
    /// As [`Op::require_for`].
    pub async fn require_either_for(self, either: [Permission; 2], patient: PatientId) -> Result<(Self, Granted)> {
        let account = self.actor()?.account;
        let found = access::whereabouts(&self.tx, patient, account, self.now).await?.ok_or(Error::NotFound)?;
        self.require_either(either, found.scope).await
    }

    /// Authority to write by either of two permissions; a refusal names the first.
    ///
    /// # Errors
    /// As [`Op::require`].
    pub async fn require_either(self, [first, second]: [Permission; 2], scope: Scope) -> Result<(Self, Granted)> {
        let actor = self.actor()?;
        let which = if !actor.may(first, &scope) && actor.may(second, &scope) { second } else { first };
        self.require(which, scope).await
    }

    /// Authority over what the organisation of `scope` has chosen for itself. A refusal ends the operation and is written to the
    /// access log.
    ///
    /// # Errors
    /// As [`Op::require`].
    pub async fn require_admin(self, scope: Scope) -> Result<(Self, Administers)> {
        match self.actor()?.administers(scope.organisation) {
            Ok(proof) => Ok((self, proof)),
            Err(refusal) => {
                let error = hide_or_refuse(self.actor()?, &scope, refusal.clone());
                Err(self.refuse(refusal_event(ADMINISTER, scope, &refusal), error).await)
            }
        }
    }

    /// Authority to change what the deployment at `scope` follows and offers. A refusal ends the operation and is written to the
    /// access log.
    ///
    /// # Errors
    /// As [`Op::require`].
    pub async fn require_runs(self, scope: Scope) -> Result<(Self, Runs)> {
        match self.actor()?.runs(scope) {
            Ok(proof) => Ok((self, proof)),
            Err(refusal) => {
                let error = hide_or_refuse(self.actor()?, &scope, refusal.clone());
                Err(self.refuse(refusal_event(RUN, scope, &refusal), error).await)
            }
        }
    }

    /// Ends the operation without effect and writes why to the access log. Gives the error back for the door.
    pub async fn refuse(self, event: Event, error: Error) -> Error {
        let Self { portal, caller, tx, .. } = self;
        // The lock must be free before the refusal can be written.
        let rolled_back = tx.rollback().await;
        match rolled_back.map_err(Error::from) {
            Ok(()) => match write_apart(&portal, vec![event], &caller).await {
                Ok(()) => error,
                Err(failure) => failure,
            },
            Err(failure) => failure,
        }
    }

    /// Gives the reason, a note or a ticket, for what is recorded from here on. An empty one says nothing.
    pub fn because(&mut self, note: &str) {
        if self.note != note {
            note.clone_into(&mut self.note);
        }
    }

    /// Remembers an event; it is written with the commit.
    pub fn record(&mut self, mut event: Event) {
        if let Some(detail) = event.detail.as_object_mut().filter(|_| !self.note.is_empty()) {
            detail.insert("note".to_owned(), self.note.clone().into());
        }
        self.events.push(event);
    }

    /// Remembers a mail; it is enqueued with the commit. Its id can be referred to only after [`Op::flush_mails`].
    pub fn send(&mut self, mail: NewMail) {
        self.mails.push(mail);
    }

    /// Writes the remembered mails now, for rows that refer to them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flush_mails(&mut self) -> Result<()> {
        let mails = std::mem::take(&mut self.mails);
        if !mails.is_empty() {
            outbox::enqueue(&self.tx, mails, self.now).await?;
        }
        Ok(())
    }

    /// Writes events and mails and makes all of it durable.
    ///
    /// # Errors
    /// When the database fails; nothing was done then.
    pub async fn commit(mut self) -> Result<()> {
        self.flush_mails().await?;
        let Self { portal, caller, tx, now, events, .. } = self;
        append(&portal, &tx, events, &caller, now).await?;
        crash::point("op.before_commit");
        tx.commit().await?;
        crash::point("op.after_commit");
        portal.mail_bell.notify_one();
        Ok(())
    }
}

/// Writes events in a transaction of their own.
///
/// # Errors
/// When the database fails.
pub async fn write_apart(portal: &Portal, events: Vec<Event>, caller: &Caller) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    append(portal, &tx, events, caller, portal.now()).await?;
    tx.commit().await?;
    Ok(())
}

async fn append(portal: &Portal, tx: &Tx, events: Vec<Event>, caller: &Caller, now: Timestamp) -> Result<(), DbErr> {
    let events = events.into_iter().map(|event| (portal.new_id(), event)).collect();
    audit::append(tx, events, &caller.by(), caller.origin(), now).await
}

fn refusal_event(needed: &str, scope: Scope, refusal: &Refusal) -> Event {
    Event::refused("access.refused", scope, Some(scope), json!({ "permission": needed, "reason": refusal.to_string() }))
}

/// 404 for what one may not know exists, 403 for what one may know.
fn hide_or_refuse(actor: &Actor, scope: &Scope, refusal: Refusal) -> Error {
    if actor.reaches(scope) { Error::Forbidden(refusal) } else { Error::NotFound }
}
