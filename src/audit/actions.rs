//! Reading the log: one page, everything for a file, and the history that [`super::why`] is made of.

use futures::{Stream, stream};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde_json::json;

use super::{
    Event, Filter, Listed, Outcome, People,
    store::{list, names},
    view::{Line, Names},
    words,
};
use crate::{
    access::{Permission, Scope, Visible},
    error::{Error, Result},
    op::{Caller, write_apart},
    portal::Portal,
    sites::Place,
    types::{AccountId, Cursor, EmailAddress, EventId, PageOf, Timestamp},
};

/// People that one name may mean; with more, the name says too little.
const MOST_PEOPLE: usize = 20;
/// Invitations of these people that are looked for.
const MOST_INVITATIONS: i64 = 40;
/// Events that an export reads at once.
const EXPORT_PAGE: usize = 500;

/// What was asked, as it was typed or linked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `acc_…`, or a part of a name or address.
    pub person: String,
    /// A group's key or an action.
    pub action: String,
    /// The first day, `2026-03-29`, in the organisation's time zone.
    pub since: String,
    /// The last day.
    pub until: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// A part of the reason or ticket.
    pub note: String,
}

/// Reads what was asked. People are looked for in this organisation only.
///
/// # Errors
/// [`Error::Invalid`] with a sentence for each field that cannot be used.
pub async fn read_filter(portal: &Portal, caller: &Caller, place: &Place, asked: &Asked) -> Result<Filter> {
    // Before anybody is looked for: whoever may not read the log must not learn who is here.
    caller.scope(portal, Permission::ViewAudit, place.scope).await?;
    let mut wrong = Vec::new();
    let mut filter = Filter::default();
    match find_people(portal, place.scope, asked.person.trim()).await {
        Ok(people) => filter.people = people,
        Err(Error::Invalid(fields)) => wrong.extend(fields),
        Err(other) => return Err(other),
    }
    if !asked.action.is_empty() {
        match words::chosen(&asked.action) {
            Some(actions) => filter.actions = actions,
            None => wrong.push(("action", "There is no such action".to_owned())),
        }
    }
    let zone = place.time_zone();
    let mut day = |field, text: &str, days: i64| {
        if text.is_empty() {
            return None;
        }
        let at = begin_of_day(text, days, &zone);
        if at.is_none() {
            wrong.push((field, no_day(text)));
        }
        at
    };
    filter.since = day("since", asked.since.trim(), 0);
    filter.until = day("until", asked.until.trim(), 1);
    filter.note = asked.note.trim().chars().take(200).collect();
    filter.outcome = match asked.outcome.as_str() {
        "" => None,
        "done" => Some(Outcome::Done),
        "refused" => Some(Outcome::Refused),
        _ => {
            wrong.push(("outcome", "Use done or refused".to_owned()));
            None
        }
    };
    if wrong.is_empty() { Ok(filter) } else { Err(Error::Invalid(wrong)) }
}

/// The first moment of a day (`2026-03-29`) or of the one so many days later.
pub(super) fn begin_of_day(text: &str, days: i64, zone: &TimeZone) -> Option<Timestamp> {
    let day = text.parse::<Date>().ok()?.checked_add(days.days()).ok()?;
    Some(Timestamp(zone.to_timestamp(day.at(0, 0, 0, 0)).ok()?.as_millisecond()))
}

/// What is said of a text that is no day.
pub(super) fn no_day(text: &str) -> String {
    format!("“{text}” is no day; write one such as 2026-03-29")
}

async fn find_people(portal: &Portal, scope: Scope, text: &str) -> Result<Option<People>> {
    if text.is_empty() {
        return Ok(None);
    }
    let db = portal.db.reader();
    let text: String = text.chars().take(254).collect();
    let accounts = match text.parse::<AccountId>() {
        Ok(id) => vec![id],
        Err(_) => names::people(db, scope.organisation, &text, MOST_PEOPLE + 1).await?,
    };
    if accounts.len() > MOST_PEOPLE {
        let sentence = format!("More than {MOST_PEOPLE} people are called “{text}”; type more of the name or e-mail");
        return Err(Error::field("person", sentence));
    }
    let ids: Vec<_> = accounts.iter().map(|id| id.uuid()).collect();
    let known = names::accounts(db, &ids).await?;
    let emails: Vec<String> = known
        .values()
        .map(|(_, email)| email.as_str())
        .chain([text.as_str()])
        .filter_map(|email| EmailAddress::parse(email).ok().map(|email| email.key().to_owned()))
        .collect();
    let mut subjects: Vec<String> = accounts.iter().map(ToString::to_string).collect();
    if !emails.is_empty() {
        let invitations = names::invitations_to(db, scope.organisation, &emails, MOST_INVITATIONS).await?;
        subjects.extend(invitations.iter().map(ToString::to_string));
    }
    Ok(Some(People { accounts, subjects }))
}

/// The name of a person who is linked as `acc_…`, if they are known in this place.
///
/// # Errors
/// When the database fails.
pub async fn name_in(portal: &Portal, scope: Scope, id: AccountId) -> Result<Option<(String, String)>> {
    let db = portal.db.reader();
    if !names::is_known_in(db, scope, id).await? {
        return Ok(None);
    }
    Ok(names::accounts(db, &[id.uuid()]).await?.remove(&id.uuid()))
}

/// One page of the log.
///
/// # Errors
/// When the caller may not read it.
pub async fn list_events(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    filter: &Filter,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<Line>> {
    let visible = caller.scope(portal, Permission::ViewAudit, scope).await?;
    let rows = list::list(portal.db.reader(), &visible, filter, from, size).await?;
    let page =
        PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", EventId::from_uuid(row.event.id), backwards));
    let rows = put_into_words(portal, scope, page.rows).await?;
    Ok(PageOf { rows, previous: page.previous, next: page.next })
}

/// What was done to one thing, oldest first, for whoever may see the thing itself: `subject` is its printed id, `prefix` what its
/// actions begin with.
///
/// # Errors
/// When the database fails.
pub async fn history_of(portal: &Portal, visible: &Visible, subject: &str, prefix: &str) -> Result<Vec<Line>> {
    let rows = list::history(portal.db.reader(), visible, subject, prefix, 500).await?;
    put_into_words(portal, visible.scope(), rows).await
}

async fn put_into_words(portal: &Portal, scope: Scope, rows: Vec<Listed>) -> Result<Vec<Line>> {
    let names = Names::of(portal, scope.organisation, rows.iter().map(|row| &row.event), &[]).await?;
    Ok(rows.into_iter().map(|row| names.line(row)).collect())
}

/// Everything that the filter shows, newest first, read as it is taken. That somebody exported it is an event itself, and durable
/// before the first line leaves.
///
/// # Errors
/// When the caller may not read the log.
pub async fn export(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    filter: Filter,
    asked: &Asked,
    format: &'static str,
) -> Result<impl Stream<Item = Result<Vec<Line>>> + use<>> {
    let visible = caller.scope(portal, Permission::ViewAudit, scope).await?;
    caller.require_fresh_proof(portal.now())?;
    // Read first, so that the file holds what the page showed and not its own export.
    let first = read_page(portal, &visible, &filter, None).await?;
    let detail = json!({
        "format": format, "person": asked.person, "action": asked.action, "since": asked.since, "until": asked.until,
        "outcome": asked.outcome, "searched_note": asked.note,
    });
    write_apart(portal, vec![Event::done("access_log.exported", scope, scope, detail)], caller).await?;
    let portal = portal.clone();
    Ok(stream::try_unfold(Some(first), move |page: Option<ExportPage>| {
        let (portal, filter) = (portal.clone(), filter.clone());
        async move {
            let Some((lines, next)) = page else { return Ok(None) };
            let following = match &next {
                Some(cursor) => Some(read_page(&portal, &visible, &filter, Some(cursor)).await?),
                None => None,
            };
            Ok(Some((lines, following)))
        }
    }))
}

type ExportPage = (Vec<Line>, Option<Cursor>);

async fn read_page(portal: &Portal, visible: &Visible, filter: &Filter, from: Option<&Cursor>) -> Result<ExportPage> {
    let rows = list::list(portal.db.reader(), visible, filter, from, EXPORT_PAGE).await?;
    let page = PageOf::cut(rows, EXPORT_PAGE, from, |row, backwards| {
        Cursor::new("", EventId::from_uuid(row.event.id), backwards)
    });
    Ok((put_into_words(portal, visible.scope(), page.rows).await?, page.next))
}
