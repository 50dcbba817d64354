//! **Who has seen this patient?** Every time somebody was shown something of one patient: who, what they are now, what kind of thing,
//! when, from where, and whether it was by an emergency access. Made from the access log alone.

use std::collections::HashMap;

use futures::{Stream, stream};
use serde_json::{Value, json};
use uuid::Uuid;

pub use super::store::seen::Days;
use super::{
    Event,
    actions::{begin_of_day, no_day},
    store::{Stored, names, seen},
    view::{clean, text_of},
    words,
};
use crate::{
    access::{self, OnePatient, Permission, Scope},
    error::{Error, Result},
    op::{Caller, write_apart},
    portal::Portal,
    sites::{self, Place},
    types::{AccountId, Cursor, DeploymentId, EmergencyId, EventId, PageOf, PatientId, Timestamp},
};

/// Lines that an export reads at once.
const EXPORT_PAGE: usize = 500;

/// Somebody was shown something of the patient.
#[derive(Clone, Debug)]
pub struct SeenLine {
    /// The entry of the access log.
    pub event: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// Their account.
    pub account: Option<AccountId>,
    /// What they are now.
    pub role: String,
    /// What they saw, in words.
    pub what: String,
    /// By which way, as the log keeps it: `session`, `api_key`, `terminal`.
    pub by: String,
    /// From where.
    pub origin: String,
    /// The reason of the emergency access by which they saw it.
    pub emergency: Option<String>,
}

/// The proof for looking: **View access log** where the patient is. An emergency access does not give it.
///
/// # Errors
/// As [`Caller::patient`].
pub async fn authority(portal: &Portal, caller: &Caller, scope: Scope, patient: PatientId) -> Result<OnePatient> {
    let one = caller.patient(portal, Permission::ViewAudit, patient).await?;
    if one.scope() == scope { Ok(one) } else { Err(Error::NotFound) }
}

/// Reads the days that were asked for, in the organisation's time zone.
///
/// # Errors
/// [`Error::Invalid`] with a sentence for each that is no day.
pub fn read_days(place: &Place, since: &str, until: &str) -> Result<Days> {
    let (zone, mut wrong) = (place.time_zone(), Vec::new());
    let mut day = |field, text: &str, days| {
        let at = begin_of_day(text, days, &zone);
        if at.is_none() && !text.is_empty() {
            wrong.push((field, no_day(text)));
        }
        at
    };
    let days = Days { since: day("since", since.trim(), 0), until: day("until", until.trim(), 1) };
    if wrong.is_empty() { Ok(days) } else { Err(Error::Invalid(wrong)) }
}

/// One page of who has seen the patient, newest first.
///
/// # Errors
/// When the database fails.
pub async fn list_seen(
    portal: &Portal,
    one: &OnePatient,
    days: Days,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<SeenLine>> {
    let rows = seen::list(portal.db.reader(), one, days, from, size).await?;
    let page = PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", EventId::from_uuid(row.id), backwards));
    Ok(PageOf { rows: put_into_words(portal, one, &page.rows).await?, previous: page.previous, next: page.next })
}

/// Everybody who has seen the patient in these days, newest first, read as it is taken. That somebody exported it is an entry of the log
/// itself, and durable before the first line leaves.
///
/// # Errors
/// [`Error::StepUpRequired`] without a fresh proof.
pub async fn export(
    portal: &Portal,
    caller: &Caller,
    one: OnePatient,
    days: Days,
) -> Result<impl Stream<Item = Result<Vec<SeenLine>>> + use<>> {
    caller.require_fresh_proof(portal.now())?;
    let first = list_seen(portal, &one, days, None, EXPORT_PAGE).await?;
    let detail = json!({ "since": days.since, "until": days.until });
    let event = Event::done("patient.seen_exported", one.patient(), one.scope(), detail);
    write_apart(portal, vec![event], caller).await?;
    let portal = portal.clone();
    Ok(stream::try_unfold(Some(first), move |page: Option<PageOf<SeenLine>>| {
        let portal = portal.clone();
        async move {
            let Some(page) = page else { return Ok(None) };
            let following = match &page.next {
                Some(next) => Some(list_seen(&portal, &one, days, Some(next), EXPORT_PAGE).await?),
                None => None,
            };
            Ok(Some((page.rows, following)))
        }
    }))
}

async fn put_into_words(portal: &Portal, one: &OnePatient, rows: &[Stored]) -> Result<Vec<SeenLine>> {
    let (db, scope) = (portal.db.reader(), one.scope());
    let mut accounts: Vec<Uuid> = rows.iter().filter_map(|row| row.actor_id).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let details: Vec<Value> = rows.iter().map(|row| serde_json::from_str(&row.detail).unwrap_or_default()).collect();
    let emergency = |detail: &Value| text_of(detail, "emergency").and_then(|id| id.parse::<EmergencyId>().ok());
    let emergencies: Vec<_> = details.iter().filter_map(emergency).collect();
    let names = names::accounts(db, &accounts).await?;
    let roles = Roles {
        held: seen::roles_now(db, scope.organisation, &accounts, portal.now()).await?,
        names: access::role_names(db, scope.organisation).await?,
        places: sites::actions::deployment_names(db, scope.organisation).await?,
    };
    let reasons = seen::reasons(db, &emergencies).await?;
    let lines = rows.iter().zip(&details).map(|(row, detail)| SeenLine {
        event: EventId::from_uuid(row.id),
        at: Timestamp(row.at),
        who: match row.actor_id {
            Some(id) => names.get(&id).map_or_else(|| AccountId::from_uuid(id).to_string(), |(name, _)| clean(name)),
            None => "The portal".to_owned(),
        },
        account: row.actor_id.map(AccountId::from_uuid),
        role: row.actor_id.map(|id| roles.now(id, scope)).unwrap_or_default(),
        what: text_of(detail, "what").map(|what| clean(words::seen(&what))).unwrap_or_default(),
        by: row.actor.clone(),
        origin: clean(&row.origin),
        emergency: emergency(detail).map(|id| reasons.get(&id).map(|reason| clean(reason)).unwrap_or_default()),
    });
    Ok(lines.collect())
}

/// What people are at this moment.
struct Roles {
    held: HashMap<Uuid, Vec<(String, Option<DeploymentId>)>>,
    names: HashMap<String, String>,
    places: HashMap<DeploymentId, String>,
}

impl Roles {
    /// The role by which the account reaches the patient's deployment; one that it has elsewhere, with the place, when there is none.
    fn now(&self, account: Uuid, scope: Scope) -> String {
        let Some(held) = self.held.get(&account).filter(|held| !held.is_empty()) else {
            return "No longer staff".to_owned();
        };
        let name = |role: &String| self.names.get(role).map_or_else(|| clean(role), |name| clean(name));
        let here = held.iter().find(|(_, at)| at.is_none() || *at == scope.deployment);
        match (here, held.first()) {
            (Some((role, _)), _) => name(role),
            (None, Some((role, at))) => format!("{}, {}", name(role), clean(&sites::level(&self.places, *at))),
            (None, None) => String::new(),
        }
    }
}
