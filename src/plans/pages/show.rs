//! A plan: how its rows stand, what will happen to them, and, once it is sent, what did.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{TITLE, go_with, place_and_plan};
use crate::{
    access,
    error::Error,
    identity::{self, door::SignedIn},
    invitations::Standing,
    op::Caller,
    plans::{Counts, Decision, Filter, Outcome, Plan, Row, State as PlanState, actions},
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, DeploymentId, PlanId},
    web::{Frame, Link, PageResult, Pager, ViewFilter, When, lists::ListAddress, page},
};

/// Enough to look through, few enough for a page.
const PAGE: usize = 100;

/// A decision that can be pressed.
pub struct Press {
    decision: &'static str,
    label: &'static str,
}

/// A row as the page shows it.
pub struct PlanRow {
    number: i64,
    text: String,
    name: String,
    role: String,
    place: String,
    from: Option<String>,
    until: Option<String>,
    note: String,
    standing: &'static str,
    standing_word: &'static str,
    reason: String,
    suggestion: String,
    /// Whether one press takes the suggestion.
    can_take: bool,
    /// What will happen, or what did.
    what: String,
    what_kind: &'static str,
    presses: Vec<Press>,
}

/// A decision about all rows of a kind.
pub struct BulkPress {
    standing: &'static str,
    decision: &'static str,
    label: String,
}

#[derive(Template)]
#[template(path = "plan.html")]
pub(super) struct PlanPage {
    frame: Frame,
    view: ViewFilter,
    plan: Plan,
    state_word: &'static str,
    open: bool,
    running: bool,
    ended: bool,
    percent: u64,
    place: String,
    made_by: String,
    made: When,
    sender: String,
    due: Option<When>,
    /// When it goes on, while the mails of the day are used up.
    waits: Option<When>,
    started: Option<When>,
    finished: Option<When>,
    window: String,
    counts: Counts,
    promise: String,
    filters: Vec<Link>,
    filter_key: &'static str,
    bulk: Vec<BulkPress>,
    /// Whether suggested domains can be taken all at once.
    domains: bool,
    search: String,
    keep: Vec<(String, String)>,
    from: String,
    rows: Vec<PlanRow>,
    pager: Pager,
    /// The moment as it was typed, and what is wrong with it.
    at: String,
    min_at: String,
    zone: String,
    wrong_at: Option<String>,
    path: String,
    batch_url: String,
}

#[derive(Deserialize, Default)]
pub(super) struct PlanQuery {
    #[serde(default)]
    show: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: String,
}

impl PlanQuery {
    fn query(&self) -> actions::Query {
        actions::Query {
            filter: Filter::from_key(&self.show).unwrap_or_default(),
            search: self.q.trim().chars().take(100).collect(),
            from: Cursor::decode(&self.from),
        }
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    Query(asked): Query<PlanQuery>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let mut shown = render(&portal, &caller, &place, id, &asked).await?;
    let title = shown.frame.title.clone();
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &place, &title, jar).await?;
    shown.frame = frame;
    Ok((jar, page(&shown)?).into_response())
}

/// The page again, with what is wrong with the moment that was typed.
pub(super) async fn with_wrong_moment(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    id: PlanId,
    at: String,
    wrong: String,
) -> PageResult {
    let mut shown = render(portal, caller, place, id, &PlanQuery::default()).await?;
    shown.at = at;
    shown.wrong_at = Some(wrong);
    crate::web::page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    id: PlanId,
    asked: &PlanQuery,
) -> Result<PlanPage, Error> {
    let actor = caller.actor()?;
    let plan = actions::show_plan(portal, caller, place.scope, id).await?;
    let query = asked.query();
    let found = actions::list_rows(portal, caller, place.scope, id, &query, PAGE).await?;
    let counts = actions::count_rows(portal, caller, place.scope, id).await?;
    let path = format!("{}/plans/{id}", place.scope.path());
    let address = ListAddress::new(path.clone()).with("show", query.filter.key()).with("q", query.search.clone());
    let words = Words::read(portal, place).await?;
    let pager = address.pager(&found);
    let open = plan.state.is_open();
    let db = portal.db.reader();
    let name = async |account: Option<_>| match account {
        Some(account) => identity::actions::name_of(db, account).await,
        None => Ok(String::new()),
    };
    let (now, zone) = (portal.now(), place.time_zone());
    let when = |at| When::new(at, now, &zone);
    let tomorrow = now.to_jiff().to_zoned_datetime(zone.clone());
    Ok(PlanPage {
        frame: sites::pages::frame(portal, actor, place, &plan.title).await?,
        view: sites::pages::view_filter(actor, place, TITLE),
        state_word: plan.state.word(),
        open,
        running: plan.state == PlanState::Applying,
        ended: plan.started_at.is_some(),
        percent: (plan.done * 100).checked_div(plan.total).unwrap_or(100),
        place: words.level(plan.scope.deployment),
        made_by: name(Some(plan.made_by)).await?,
        made: when(plan.made_at),
        sender: name(plan.sender).await?,
        due: plan.due_at.filter(|_| plan.state == PlanState::Scheduled).map(when),
        waits: plan.waits_until().map(when),
        started: plan.started_at.map(when),
        finished: plan.finished_at.map(when),
        window: window_word(&plan, place),
        promise: counts.promise(),
        filters: filters(&address, &plan, counts, query.filter),
        filter_key: query.filter.key(),
        bulk: if open { bulk(query.filter, counts) } else { Vec::new() },
        domains: open
            && query.filter == Filter::Standing(Standing::Look)
            && found.rows.iter().any(|row| {
                row.decision == Decision::Undecided && actions::changes_domain_only(&row.email, &row.suggestion)
            }),
        keep: address.kept("q"),
        search: query.search,
        from: asked.from.clone(),
        rows: found.rows.into_iter().map(|row| words.row(row, open)).collect(),
        pager,
        at: String::new(),
        min_at: tomorrow.strftime("%Y-%m-%dT%H:%M").to_string(),
        zone: place.organisation.time_zone.clone(),
        wrong_at: None,
        batch_url: format!("{}/invitations/batches/{}", place.scope.path(), plan.batch()),
        path,
        counts,
        plan,
    })
}

fn window_word(plan: &Plan, place: &Place) -> String {
    use crate::invitations::Window;
    match plan.window {
        Window::Until(end) => format!("until {}", crate::web::frame::day(end, &place.time_zone())),
        fixed => crate::invitations::windows::word(&place.organisation, fixed).unwrap_or_default(),
    }
}

/// The counts, each of which narrows the list.
fn filters(address: &ListAddress, plan: &Plan, counts: Counts, current: Filter) -> Vec<Link> {
    let of = |filter: Filter| match filter {
        Filter::All => plan.total,
        Filter::Standing(Standing::Ready) => counts.ready,
        Filter::Standing(Standing::Look) => counts.look,
        Filter::Standing(Standing::Staff) => counts.staff,
        Filter::Standing(Standing::Invited) => counts.invited,
        Filter::Standing(Standing::Refused) => counts.refused,
        Filter::NotDone => counts.not_done,
    };
    let shown =
        Filter::ALL.iter().filter(|(filter, ..)| *filter == Filter::All || *filter == current || of(*filter) > 0);
    shown
        .map(|(filter, key, label)| address.link(format!("{label} {}", of(*filter)), "show", key, current == *filter))
        .collect()
}

/// What can be decided about all rows of the kind that is shown.
fn bulk(filter: Filter, counts: Counts) -> Vec<BulkPress> {
    let press = |standing: Standing, decision: Decision, label: String| BulkPress {
        standing: standing.key(),
        decision: decision.key(),
        label,
    };
    let Filter::Standing(standing) = filter else { return Vec::new() };
    match standing {
        Standing::Look if counts.look > 0 => vec![
            press(
                standing,
                Decision::Send,
                if counts.look == 1 {
                    "Send all the same".to_owned()
                } else {
                    format!("Send to all {} all the same", counts.look)
                },
            ),
            press(standing, Decision::Skip, "Skip all".to_owned()),
        ],
        Standing::Staff if counts.staff > 0 => vec![
            press(standing, Decision::ChangeRole, "Change the role of all".to_owned()),
            press(standing, Decision::Skip, "Skip all".to_owned()),
        ],
        Standing::Invited if counts.invited > 0 => vec![
            press(standing, Decision::Resend, "Resend to all".to_owned()),
            press(standing, Decision::Skip, "Skip all".to_owned()),
        ],
        _ => Vec::new(),
    }
}

/// What turns rows into words.
struct Words {
    roles: HashMap<String, String>,
    deployments: HashMap<DeploymentId, String>,
    zone: jiff::tz::TimeZone,
}

impl Words {
    async fn read(portal: &Portal, place: &Place) -> Result<Self, Error> {
        let db = portal.db.reader();
        Ok(Self {
            roles: access::role_names(db, place.scope.organisation).await?,
            deployments: sites::actions::deployment_names(db, place.scope.organisation).await?,
            zone: place.time_zone(),
        })
    }

    fn level(&self, deployment: Option<DeploymentId>) -> String {
        sites::level(&self.deployments, deployment)
    }

    fn role(&self, key: &str) -> String {
        self.roles.get(key).cloned().unwrap_or_else(|| key.to_owned())
    }

    fn row(&self, row: Row, open: bool) -> PlanRow {
        let role = self.role(&row.role);
        let (what, what_kind) = match (row.outcome, row.decision) {
            (Outcome::Waiting, Decision::Send) => ("Will be invited".to_owned(), "do"),
            (Outcome::Waiting, Decision::Resend) => ("Will be invited again".to_owned(), "do"),
            (Outcome::Waiting, Decision::ChangeRole) => (format!("Will become {role}"), "do"),
            (Outcome::Waiting, Decision::Undecided) => ("Decide".to_owned(), "decide"),
            (Outcome::Waiting, Decision::Skip) => ("Nothing".to_owned(), "skip"),
            (Outcome::NotDone, _) => ("Not done".to_owned(), "not_done"),
            (Outcome::Left, _) => ("Left out".to_owned(), "skip"),
            (outcome, _) => (outcome.word().to_owned(), "done"),
        };
        let presses = [
            (Decision::Send, if row.standing == Standing::Look { "Send all the same" } else { "Send" }),
            (Decision::ChangeRole, "Change role"),
            (Decision::Resend, "Resend"),
            (Decision::Skip, "Skip"),
        ];
        let presses = presses
            .into_iter()
            .filter(|(decision, _)| {
                open && row.standing != Standing::Refused && *decision != row.decision && row.may_be(*decision)
            })
            .map(|(decision, label)| Press { decision: decision.key(), label })
            .collect();
        PlanRow {
            number: row.number,
            name: row.name.unwrap_or_default(),
            role,
            place: self.level(row.deployment),
            from: row.access_from.map(|start| crate::web::frame::day(start, &self.zone)),
            until: row.access_until.map(|end| crate::web::frame::day(end, &self.zone)),
            note: row.note,
            standing: row.standing.key(),
            standing_word: row.standing.word(),
            reason: if row.outcome_reason.is_empty() { row.reason } else { row.outcome_reason },
            can_take: open && !row.suggestion.is_empty(),
            suggestion: row.suggestion,
            text: row.text,
            what,
            what_kind,
            presses,
        }
    }
}

/// `row=…` for each chosen row, or `standing=…` for all of a kind, with the decision; and the list to come back to.
pub(super) async fn submit_rows(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(fields): RepeatedForm<Vec<(String, String)>>,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let back = ListAddress::new(format!("{}/plans/{id}", place.scope.path()));
    let back = back.with("show", field("show").unwrap_or_default()).with("q", field("q").unwrap_or_default());
    let back = back.with("from", field("from").unwrap_or_default());
    let numbers = || fields.iter().filter(|(name, _)| name == "row").filter_map(|(_, n)| n.parse().ok()).collect();
    let press = field("do").unwrap_or_default();
    let suggested = match press.as_str() {
        "suggestion" => Some(actions::Suggested::Rows(numbers())),
        "suggested_domains" => Some(actions::Suggested::Domains),
        _ => None,
    };
    let decision = Decision::from_key(&press).filter(|known| *known != Decision::Undecided);
    let found = match field("standing") {
        Some(key) => actions::Found::Standing(Standing::from_key(&key)),
        None => actions::Found::Numbers(numbers()),
    };
    let done = match (suggested, decision) {
        (Some(which), _) => actions::take_suggestions(&portal, &caller, place.scope, id, &which).await.map(taken),
        (None, Some(decision)) => {
            actions::decide_rows(&portal, &caller, place.scope, id, &found, decision).await.map(decided)
        }
        (None, None) => {
            actions::show_plan(&portal, &caller, place.scope, id).await?;
            Ok(("problem", "Choose what is to happen first.".to_owned()))
        }
    };
    go_with(&portal, jar, &back.url(), done)
}

fn decided(rows: u64) -> (&'static str, String) {
    match rows {
        0 => ("problem", "Nothing was changed: choose rows for which that makes sense.".to_owned()),
        1 => ("done", "1 row was decided.".to_owned()),
        n => ("done", format!("{n} rows were decided.")),
    }
}

fn taken(rows: u64) -> (&'static str, String) {
    match rows {
        0 => ("problem", "No row has such a suggestion any more.".to_owned()),
        1 => ("done", "1 address was corrected and judged anew.".to_owned()),
        n => ("done", format!("{n} addresses were corrected and judged anew.")),
    }
}
