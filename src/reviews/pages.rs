//! **Access review**: everybody with access on one page, each to be kept or removed.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Filter, LONGEST, Mark, Progress, ReviewRow as Row, actions};
use crate::{
    access,
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, MembershipId, Timestamp},
    web::{
        ConfirmPage, Frame, Link, PageResult, Pager, ViewFilter, When, cookies, csv, lists::ListAddress, page,
        page_with_status, see_other,
    },
};

pub(super) const TITLE: &str = "Access review";
/// Enough for a sitting, few enough for a page.
const PAGE: usize = 200;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/review", get(show).post(start))
        .route("/{scope}/review/marks", post(mark))
        .route("/{scope}/review/finish", get(ask_finish).post(finish))
        .route("/{scope}/review.csv", get(export_csv))
        .route("/{scope}/review.json", get(export_json))
}

/// Somebody with access.
pub struct ReviewRow {
    id: String,
    name: String,
    email: String,
    you: bool,
    role: String,
    level: String,
    last_seen: Option<When>,
    dormant: bool,
    second_factor: String,
    given_by: String,
    /// When the access begins, if that is still to come.
    begins: Option<When>,
    ends: Option<When>,
    keep: bool,
    remove: bool,
    marked_by: String,
}

/// The review that is under way.
pub struct Sitting {
    due: When,
    overdue: bool,
    started_by: String,
    progress: Progress,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    view: ViewFilter,
    sitting: Option<Sitting>,
    /// Whether everybody is decided.
    finishable: bool,
    last: Option<When>,
    due: String,
    min_due: String,
    max_due: String,
    problem: Option<String>,
    filters: Vec<Link>,
    filter_key: &'static str,
    from: String,
    rows: Vec<ReviewRow>,
    pager: Pager,
}

/// Which part of the list.
#[derive(Deserialize, Default)]
struct ListQuery {
    #[serde(default)]
    show: String,
    #[serde(default)]
    from: String,
}

async fn place_of(portal: &Portal, caller: &Caller, scope: &str) -> Result<Place> {
    sites::actions::place_for(portal, caller.actor()?, scope).await
}

async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let mut shown = render(&portal, &caller, &place, &asked, String::new(), None).await?;
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &place, TITLE, jar).await?;
    shown.frame = frame;
    Ok((jar, page(&shown)?).into_response())
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    asked: &ListQuery,
    due: String,
    problem: Option<String>,
) -> Result<ReviewPage> {
    let actor = caller.actor()?;
    let standing = actions::show_review(portal, caller, place.scope).await?;
    let filter = Filter::from_key(&asked.show).unwrap_or_default();
    let from = Cursor::decode(&asked.from);
    let found = actions::list_access(portal, caller, place.scope, filter, from.as_ref(), PAGE).await?;
    let (now, zone) = (portal.now(), place.time_zone());
    let address = ListAddress::new(format!("{}/review", place.scope.path())).with("show", &asked.show);
    let pager = address.pager(&found);
    let words = Words::read(portal, place).await?;
    let rows = found.rows.into_iter().map(|row| words.row(row, actor.account)).collect();
    let filters = Filter::ALL.iter().map(|(known, key, label)| address.link(*label, "show", key, filter == *known));
    let sitting = standing.open.map(|(review, progress)| Sitting {
        due: When::new(review.due_at, now, &zone),
        overdue: review.due_at <= now,
        started_by: review.started_by,
        progress,
    });
    let finishable = sitting.as_ref().is_some_and(|sitting| sitting.progress.open() == 0);
    let day = |at: Timestamp| at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d").to_string();
    Ok(ReviewPage {
        frame: sites::pages::frame(portal, actor, place, TITLE).await?,
        view: sites::pages::view_filter(actor, place, TITLE),
        last: standing.last.and_then(|review| review.finished_at).map(|at| When::new(at, now, &zone)),
        sitting,
        finishable,
        due,
        min_due: day(now),
        max_due: day(now.plus(LONGEST)),
        problem,
        filters: filters.collect(),
        filter_key: Filter::ALL.iter().find(|(known, ..)| *known == filter).map_or("", |(_, key, _)| key),
        from: asked.from.clone(),
        rows,
        pager,
    })
}

/// What turns rows into words.
struct Words {
    now: Timestamp,
    zone: TimeZone,
    roles: std::collections::HashMap<String, String>,
    deployments: std::collections::HashMap<crate::types::DeploymentId, String>,
}

impl Words {
    async fn read(portal: &Portal, place: &Place) -> Result<Self> {
        Ok(Self {
            now: portal.now(),
            zone: place.time_zone(),
            roles: access::role_names(portal.db.reader(), place.scope.organisation).await?,
            deployments: sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?,
        })
    }

    fn level(&self, row: &Row) -> String {
        sites::level(&self.deployments, row.scope.deployment)
    }

    fn role(&self, row: &Row) -> String {
        self.roles.get(&row.role).cloned().unwrap_or_else(|| row.role.clone())
    }

    fn row(&self, row: Row, you: crate::types::AccountId) -> ReviewRow {
        let when = |at: Timestamp| When::new(at, self.now, &self.zone);
        ReviewRow {
            id: row.membership.to_string(),
            you: row.account == you,
            role: self.role(&row),
            level: self.level(&row),
            dormant: row.is_dormant(self.now),
            last_seen: row.last_seen_at.map(when),
            begins: row.starts_at.filter(|at| *at > self.now).map(when),
            ends: row.ends_at.map(when),
            second_factor: row.factors.to_string(),
            given_by: given_by(&row),
            keep: row.mark == Some(Mark::Keep),
            remove: row.mark == Some(Mark::Remove),
            name: row.name,
            email: row.email,
            marked_by: row.marked_by,
        }
    }
}

fn given_by(row: &Row) -> String {
    if row.given_by.is_empty() { "The portal's set-up".to_owned() } else { row.given_by.clone() }
}

#[derive(Deserialize)]
struct StartForm {
    #[serde(default)]
    due: String,
}

async fn start(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    axum::Form(form): axum::Form<StartForm>,
) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let due = place.last_moment_of(&form.due).unwrap_or_default();
    let problem = match actions::start_review(&portal, &caller, place.scope, due).await {
        Ok(_) => {
            let text = "The review has begun. Nothing happens to anybody before you finish it.";
            let jar = cookies::leave_flash(&portal.config, jar, "done", text);
            return Ok((jar, see_other(&format!("{}/review", place.scope.path()))).into_response());
        }
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => error.to_string(),
        Err(other) => return Err(other.into()),
    };
    let shown = render(&portal, &caller, &place, &ListQuery::default(), form.due, Some(problem)).await?;
    page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

/// `mem_…=keep` or `mem_…=remove` for each person on the page, and which button was pressed.
async fn mark(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(fields): RepeatedForm<Vec<(String, String)>>,
) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let mut marks: Vec<(MembershipId, Mark)> =
        fields.iter().filter_map(|(id, mark)| Some((id.parse().ok()?, Mark::from_key(mark)?))).collect();
    if field("do").as_deref() == Some("keep_rest") {
        let shown = fields.iter().filter(|(name, _)| name == "shown").filter_map(|(_, id)| id.parse().ok());
        let rest: Vec<MembershipId> = shown.filter(|id| !marks.iter().any(|(known, _)| known == id)).collect();
        marks.extend(rest.into_iter().map(|id| (id, Mark::Keep)));
    }
    let decided = actions::mark_access(&portal, &caller, place.scope, &marks).await?;
    let people =
        if decided == 1 { "1 person was decided.".to_owned() } else { format!("{decided} people were decided.") };
    let jar = cookies::leave_flash(&portal.config, jar, "done", &people);
    let back =
        ListAddress::new(format!("{}/review", place.scope.path())).with("show", field("show").unwrap_or_default());
    let back = back.with("from", field("from").unwrap_or_default());
    Ok((jar, see_other(&back.url())).into_response())
}

async fn ask_finish(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let back = format!("{}/review", place.scope.path());
    let standing = actions::show_review(&portal, &caller, place.scope).await?;
    let Some((_, progress)) = standing.open.filter(|(_, progress)| progress.open() == 0) else {
        let text = "Decide about everybody first; the filter “Not decided yet” shows who is left.";
        let jar = cookies::leave_flash(&portal.config, jar, "problem", text);
        return Ok((jar, see_other(&back)).into_response());
    };
    let removed = actions::to_be_removed(&portal, &caller, place.scope).await?;
    let words = Words::read(&portal, &place).await?;
    let items: Vec<_> =
        removed.iter().map(|row| format!("{}, {}, {}", row.name, words.role(row), words.level(row))).collect();
    let (text, button) = match items.len() {
        0 => (format!("All {} people keep their access.", progress.keep), "Finish review".to_owned()),
        n => (
            format!("{} keep their access. These lose it at once, with their sessions and keys:", progress.keep),
            format!("Finish review and remove {n}"),
        ),
    };
    page(&ConfirmPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, TITLE).await?,
        heading: "Finish this review?".to_owned(),
        text,
        danger: !items.is_empty(),
        items,
        action: format!("{back}/finish"),
        hidden: Vec::new(),
        button,
        cancel: back,
    })
}

async fn finish(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let (kind, text) = match actions::finish_review(&portal, &caller, place.scope).await {
        Ok(changes) if changes.not_done.is_empty() => match changes.done.len() {
            0 => ("done", "The review is finished. Everybody keeps their access.".to_owned()),
            1 => ("done", "The review is finished. 1 person was removed.".to_owned()),
            n => ("done", format!("The review is finished. {n} people were removed.")),
        },
        Ok(changes) => {
            let why = changes.not_done.iter().map(|left| format!("{} ({})", left.name, left.reason()));
            let why = why.collect::<Vec<_>>().join("; ");
            ("problem", format!("The review is still open: these could not be removed: {why}."))
        }
        Err(Error::Conflict(text)) => ("problem", text),
        Err(other) => return Err(other.into()),
    };
    let jar = cookies::leave_flash(&portal.config, jar, kind, &text);
    Ok((jar, see_other(&format!("{}/review", place.scope.path()))).into_response())
}

const HEADS: [&str; 13] = [
    "name",
    "email",
    "role",
    "level",
    "joined",
    "last seen",
    "dormant",
    "second factor",
    "given by",
    "access from",
    "access until",
    "decision",
    "decided by",
];

async fn export_csv(State(portal): State<Portal>, SignedIn(caller): SignedIn, Path(scope): Path<String>) -> PageResult {
    let place = place_of(&portal, &caller, &scope).await?;
    let rows = actions::export_access(&portal, &caller, place.scope).await?;
    let words = Words::read(&portal, &place).await?;
    let lines = rows.iter().map(|row| csv::line(cells(row, &words)));
    let name = format!("access-review-{}.csv", place.scope);
    Ok(csv::file(&name, std::iter::once(csv::line(HEADS)).chain(lines)))
}

fn cells(row: &Row, words: &Words) -> [String; 13] {
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339).unwrap_or_default();
    [
        row.name.clone(),
        row.email.clone(),
        words.role(row),
        words.level(row),
        row.joined_at.to_rfc3339(),
        time(row.last_seen_at),
        if row.is_dormant(words.now) { "yes" } else { "no" }.to_owned(),
        row.factors.to_string().to_lowercase(),
        given_by(row),
        time(row.starts_at),
        time(row.ends_at),
        row.mark.map_or("", Mark::key).to_owned(),
        row.marked_by.clone(),
    ]
}

async fn export_json(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> Result<Response, crate::web::PageError> {
    let place = place_of(&portal, &caller, &scope).await?;
    let rows = actions::export_access(&portal, &caller, place.scope).await?;
    let words = Words::read(&portal, &place).await?;
    let people: Vec<_> = rows
        .iter()
        .map(|row| {
            HEADS
                .iter()
                .map(|head| head.replace(' ', "_"))
                .zip(cells(row, &words))
                .collect::<std::collections::BTreeMap<_, _>>()
        })
        .collect();
    Ok(Json(people).into_response())
}
