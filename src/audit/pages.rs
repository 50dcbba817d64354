//! **Access log**: the list, its files, and how a person got a right.

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{
    actions::{self, Asked},
    export,
    view::Line,
    why::{self, Step},
    words,
};
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::{AccountId, Cursor, PageOf, Timestamp},
    web::{Choice, Frame, Link, PageResult, Pager, ViewFilter, When, lists::ListAddress, page, page_with_status},
};

const TITLE: &str = "Access log";
const PAGE: usize = 50;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/access-log", get(show))
        .route("/{scope}/access-log.csv", get(csv))
        .route("/{scope}/access-log.json", get(json))
        .route("/{scope}/access-log/why/{account}", get(why))
}

#[derive(Deserialize, Default)]
struct LogQuery {
    #[serde(default)]
    person: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    from: String,
}

impl LogQuery {
    fn asked(&self) -> Asked {
        Asked {
            person: self.person.clone(),
            action: self.action.clone(),
            since: self.since.clone(),
            until: self.until.clone(),
            outcome: self.outcome.clone(),
            note: self.note.clone(),
        }
    }

    fn address(&self, place: &Place) -> ListAddress {
        ListAddress::new(format!("{}/access-log", place.scope.path()))
            .with("person", &self.person)
            .with("action", &self.action)
            .with("since", &self.since)
            .with("until", &self.until)
            .with("outcome", &self.outcome)
            .with("note", &self.note)
    }
}

/// A group of the select.
pub struct ActionGroup {
    name: &'static str,
    choices: Vec<Choice>,
}

/// An event in the list.
pub struct Row {
    line: Line,
    when: When,
    /// Who, as a link to what they did.
    actor_url: Option<String>,
    /// How the person got their rights.
    why_url: Option<String>,
}

/// The filter's form, filled in.
pub struct Form {
    /// What the field of the person shows.
    person: String,
    actions: Vec<ActionGroup>,
    since: String,
    until: String,
    outcomes: Vec<Choice>,
    note: String,
    problems: Vec<(&'static str, String)>,
}

impl Form {
    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(known, _)| *known == field).map(|(_, text)| text.as_str())
    }
}

#[derive(Template)]
#[template(path = "access_log.html")]
struct LogPage {
    frame: Frame,
    view: ViewFilter,
    form: Form,
    /// What narrows the list: words, and the list without it.
    active: Vec<Link>,
    all_url: String,
    csv_url: String,
    json_url: String,
    zone: String,
    rows: Vec<Row>,
    pager: Pager,
}

async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(query): Query<LogQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let (found, problems) = match actions::read_filter(&portal, &caller, &place, &query.asked()).await {
        Ok(filter) => {
            let from = Cursor::decode(&query.from);
            (actions::list_events(&portal, &caller, place.scope, &filter, from.as_ref(), PAGE).await?, Vec::new())
        }
        Err(Error::Invalid(fields)) => (PageOf { rows: Vec::new(), previous: None, next: None }, fields),
        Err(other) => return Err(other.into()),
    };
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let address = query.address(&place);
    let pager = address.pager(&found);
    let zone = place.time_zone();
    let now = portal.now();
    let path = format!("{}/access-log", place.scope.path());
    let (person, typed) = person_words(&portal, &place, &query.person).await?;
    let rows = found
        .rows
        .into_iter()
        .map(|line| Row {
            when: When::new(line.at, now, &zone),
            actor_url: line.actor_id.map(|id| ListAddress::new(&path).with("person", id.to_string()).url()),
            why_url: line.subject_id.or(line.actor_id).map(|id| format!("{path}/why/{id}")),
            line,
        })
        .collect();
    let view = sites::pages::view_filter(actor, &place, TITLE);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, TITLE, jar).await?;
    let file = |ending: &str| address.url().replacen("/access-log", &format!("/access-log.{ending}"), 1);
    let page = page_with_status(
        status,
        &LogPage {
            frame,
            view,
            active: active(&query, &address, &person),
            all_url: path,
            csv_url: file("csv"),
            json_url: file("json"),
            zone: place.organisation.time_zone.clone(),
            form: form(&query, typed, problems),
            rows,
            pager,
        },
    )?;
    Ok((jar, page).into_response())
}

/// Name and address of a linked person, where one may know; otherwise what was typed.
async fn person_words(portal: &Portal, place: &Place, text: &str) -> Result<(String, String)> {
    let known = match text.parse::<AccountId>() {
        Ok(id) => actions::name_in(portal, place.scope, id).await?,
        Err(_) => None,
    };
    Ok(known.unwrap_or_else(|| (text.to_owned(), text.to_owned())))
}

fn active(query: &LogQuery, address: &ListAddress, person: &str) -> Vec<Link> {
    let outcome = if query.outcome == "refused" { "Refused" } else { "Done" };
    [
        ("person", &query.person, format!("Person: {person}")),
        ("action", &query.action, format!("Action: {}", words::label(&query.action))),
        ("since", &query.since, format!("From {}", query.since)),
        ("until", &query.until, format!("To {}", query.until)),
        ("outcome", &query.outcome, format!("Outcome: {outcome}")),
        ("note", &query.note, format!("Reason: {}", query.note)),
    ]
    .into_iter()
    .filter(|(_, value, _)| !value.is_empty())
    .map(|(name, _, label)| Link::new(label, address.with(name, "").url(), false))
    .collect()
}

fn form(query: &LogQuery, person: String, problems: Vec<(&'static str, String)>) -> Form {
    let choice =
        |value: &str, label: String, chosen: &str| Choice { value: value.to_owned(), label, selected: value == chosen };
    let actions = words::Group::ALL
        .iter()
        .map(|(group, key, name)| {
            let all = choice(key, format!("All of: {name}"), &query.action);
            let each = words::ACTIONS
                .iter()
                .filter(|(_, of, ..)| of == group)
                .map(|(action, _, label, _)| choice(action, (*label).to_owned(), &query.action));
            ActionGroup { name, choices: std::iter::once(all).chain(each).collect() }
        })
        .collect();
    let outcomes = [("", "Any"), ("done", "Done"), ("refused", "Refused")];
    Form {
        person,
        actions,
        since: query.since.clone(),
        until: query.until.clone(),
        note: query.note.clone(),
        outcomes: outcomes.map(|(value, label)| choice(value, label.to_owned(), &query.outcome)).to_vec(),
        problems,
    }
}

async fn csv(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(query): Query<LogQuery>,
) -> PageResult {
    file(&portal, &caller, &scope, &query, "csv").await
}

async fn json(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(query): Query<LogQuery>,
) -> PageResult {
    file(&portal, &caller, &scope, &query, "json").await
}

async fn file(portal: &Portal, caller: &Caller, scope: &str, query: &LogQuery, format: &'static str) -> PageResult {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    let asked = query.asked();
    let filter = actions::read_filter(portal, caller, &place, &asked).await?;
    let pages = actions::export(portal, caller, place.scope, filter, &asked, format).await?;
    Ok(if format == "csv" { export::csv(pages) } else { export::json(pages) })
}

/// A step with its times as people read them.
pub struct StepRow {
    step: Step,
    when: Option<When>,
    notes: Vec<(Option<When>, String)>,
    role: Vec<(Option<When>, String)>,
}

/// A right with its steps.
pub struct ChainRow {
    right: String,
    holds: bool,
    steps: Vec<StepRow>,
}

#[derive(Template)]
#[template(path = "access_log_why.html")]
struct WhyPage {
    frame: Frame,
    person: String,
    email: String,
    chains: Vec<ChainRow>,
    log_url: String,
    person_url: String,
}

async fn why(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, account)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let (account, name, email, chains) = explain(&portal, &caller, &place, &account).await?;
    let (zone, now) = (place.time_zone(), portal.now());
    let when = |at: Timestamp| When::new(at, now, &zone);
    let timed =
        |each: &[(Option<Timestamp>, String)]| each.iter().map(|(at, text)| (at.map(when), text.clone())).collect();
    let chains = chains
        .into_iter()
        .map(|chain| ChainRow {
            right: chain.right,
            holds: chain.holds,
            steps: chain
                .steps
                .into_iter()
                .map(|step| StepRow {
                    when: step.at.map(when),
                    notes: timed(&step.notes),
                    role: timed(&step.role),
                    step,
                })
                .collect(),
        })
        .collect();
    let title = format!("How {name} got access");
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, &title, jar).await?;
    let log = ListAddress::new(format!("{}/access-log", place.scope.path()));
    let person_url = log.with("person", account.to_string()).url();
    let response: Response = page(&WhyPage { frame, person: name, email, chains, log_url: log.url(), person_url })?;
    Ok((jar, response).into_response())
}

/// The chains of a person who is known in this place; of anybody else nothing is said.
pub(super) async fn explain(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    account: &str,
) -> Result<(AccountId, String, String, Vec<why::Chain>)> {
    let account: AccountId = account.parse().map_err(|_| Error::NotFound)?;
    let chains = why::explain(portal, caller, place.scope, account).await?;
    let (name, email) = actions::name_in(portal, place.scope, account).await?.ok_or(Error::NotFound)?;
    Ok((account, name, email, chains))
}
