//! Access reviews for programs: the same actions as the page.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Filter, Mark, ReviewRow, actions};
use crate::{
    error::Error,
    identity::door::ApiCaller,
    portal::Portal,
    sites,
    types::{Cursor, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(show, start))
        .routes(routes!(people))
        .routes(routes!(mark))
        .routes(routes!(finish))
}

/// A review.
#[derive(Serialize, ToSchema)]
struct ReviewOut {
    /// `rev_…`.
    id: String,
    /// Who began it.
    started_by: String,
    /// When (RFC 3339).
    started_at: String,
    /// Until when it should be done.
    due_at: String,
    /// When it was finished.
    finished_at: Option<String>,
}

/// Where the reviews of a scope stand.
#[derive(Serialize, ToSchema)]
struct StandingOut {
    /// The one that is under way.
    open: Option<ReviewOut>,
    /// The last one that was finished.
    last: Option<ReviewOut>,
    /// How many have access, while one is under way.
    total: u64,
    /// How many are to be kept.
    keep: u64,
    /// How many are to be removed.
    remove: u64,
}

fn review_out(review: super::Review) -> ReviewOut {
    ReviewOut {
        id: review.id.to_string(),
        started_by: review.started_by,
        started_at: review.started_at.to_rfc3339(),
        due_at: review.due_at.to_rfc3339(),
        finished_at: review.finished_at.map(Timestamp::to_rfc3339),
    }
}

/// Show where the access reviews of a scope stand.
#[utoipa::path(get, path = "/scopes/{scope}/review", tag = "Access reviews", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    responses((status = 200, body = StandingOut), (status = 403, body = ProblemBody, description = "Needs “Assign roles and remove staff members”"), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<StandingOut>> {
    let within = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let standing = actions::show_review(&portal, &caller, within).await?;
    let (open, progress) = standing.open.unzip();
    let progress = progress.unwrap_or_default();
    Ok(Json(StandingOut {
        open: open.map(review_out),
        last: standing.last.map(review_out),
        total: progress.total,
        keep: progress.keep,
        remove: progress.remove,
    }))
}

/// A review to be begun.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartIn {
    /// By when it should be done: a day (`2026-12-31`, all of it) or an instant (RFC 3339).
    due: String,
}

/// Begin an access review of a scope.
#[utoipa::path(post, path = "/scopes/{scope}/review", tag = "Access reviews", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    request_body = StartIn, responses((status = 201, body = StandingOut), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody, description = "One is under way"), (status = 422, body = ProblemBody)))]
async fn start(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<StartIn>,
) -> ApiResult<impl IntoResponse> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let due = place.parse_end(&asked.due).ok_or_else(|| Error::field("due", "Write a day such as 2026-12-31"))?;
    actions::start_review(&portal, &caller, place.scope, due).await?;
    Ok((StatusCode::CREATED, show(State(portal), ApiCaller(caller), Path(scope)).await?))
}

/// Somebody with access.
#[derive(Serialize, ToSchema)]
struct AccessOut {
    /// `mem_…`.
    membership: String,
    /// `acc_…`.
    account: String,
    /// Name.
    name: String,
    /// Address.
    email: String,
    /// The role's key.
    role: String,
    /// `org_…` or `dep_…`.
    scope: String,
    /// Since when (RFC 3339).
    joined_at: String,
    /// When last seen.
    last_seen_at: Option<String>,
    /// Not seen for 45 days.
    dormant: bool,
    /// What second factors the person has, in words.
    second_factor: String,
    /// Who gave the role; none for the portal's own set-up.
    given_by: Option<String>,
    /// When the access begins, if that is later than joining.
    access_from: Option<String>,
    /// When the access ends by itself.
    access_until: Option<String>,
    /// `keep`, `remove`, or nothing yet.
    mark: Option<&'static str>,
}

impl AccessOut {
    fn new(row: ReviewRow, now: Timestamp) -> Self {
        Self {
            dormant: row.is_dormant(now),
            membership: row.membership.to_string(),
            account: row.account.to_string(),
            role: row.role,
            scope: row.scope.to_string(),
            joined_at: row.joined_at.to_rfc3339(),
            last_seen_at: row.last_seen_at.map(Timestamp::to_rfc3339),
            second_factor: row.factors.to_string(),
            given_by: Some(row.given_by).filter(|name| !name.is_empty()),
            access_from: row.starts_at.map(Timestamp::to_rfc3339),
            access_until: row.ends_at.map(Timestamp::to_rfc3339),
            mark: row.mark.map(Mark::key),
            name: row.name,
            email: row.email,
        }
    }
}

/// Which people.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeopleIn {
    /// `open`, `dormant` or `remove`; everybody when it is left out.
    #[serde(default)]
    show: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 200; 50 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// One page of people with access.
#[derive(Serialize, ToSchema)]
struct PeopleOut {
    /// The page.
    people: Vec<AccessOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// List everybody with access to a scope, with what was decided in the review that is under way.
#[utoipa::path(get, path = "/scopes/{scope}/review/people", tag = "Access reviews", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), PeopleIn),
    responses((status = 200, body = PeopleOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn people(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiQuery(asked): ApiQuery<PeopleIn>,
) -> ApiResult<Json<PeopleOut>> {
    let within = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let wrong = |field: &'static str| move || Error::field(field, "This value is not one of those that can be used");
    let filter = Filter::from_key(&asked.show.unwrap_or_default()).ok_or_else(wrong("show"))?;
    let from = asked.from.map(|from| Cursor::decode(&from).ok_or_else(wrong("from"))).transpose()?;
    let size = asked.limit.unwrap_or(50).clamp(1, 200);
    let found = actions::list_access(&portal, &caller, within, filter, from.as_ref(), size).await?;
    let now = portal.now();
    let people = found.rows.into_iter().map(|row| AccessOut::new(row, now)).collect();
    Ok(Json(PeopleOut { people, next: found.next.map(|cursor| cursor.encode()) }))
}

/// A decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MarkIn {
    /// `mem_…`.
    membership: String,
    /// `keep` or `remove`.
    mark: String,
}

/// Decisions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MarksIn {
    /// One for each person.
    marks: Vec<MarkIn>,
}

/// How many were decided.
#[derive(Serialize, ToSchema)]
struct MarkedOut {
    /// People who have no access here any more are passed over, and so is one's own removal.
    decided: usize,
}

/// Decide about people in the review that is under way. Nothing happens to them before it is finished.
#[utoipa::path(post, path = "/scopes/{scope}/review/marks", tag = "Access reviews", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    request_body = MarksIn, responses((status = 200, body = MarkedOut), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn mark(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<MarksIn>,
) -> ApiResult<Json<MarkedOut>> {
    let within = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let mut marks = Vec::with_capacity(asked.marks.len());
    for one in asked.marks {
        let membership = one.membership.parse().map_err(|_| Error::field("membership", "This is no mem_… id"))?;
        let mark = Mark::from_key(&one.mark).ok_or_else(|| Error::field("mark", "Use keep or remove"))?;
        marks.push((membership, mark));
    }
    Ok(Json(MarkedOut { decided: actions::mark_access(&portal, &caller, within, &marks).await? }))
}

/// Finish the review: everybody marked so is removed.
#[utoipa::path(post, path = "/scopes/{scope}/review/finish", tag = "Access reviews", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    responses((status = 200, body = StandingOut), (status = 403, body = ProblemBody), (status = 409, body = ProblemBody, description = "Somebody is not decided, or could not be removed")))]
async fn finish(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<StandingOut>> {
    let within = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let changes = actions::finish_review(&portal, &caller, within).await?;
    if let Some(left) = changes.not_done.first() {
        return Err(Error::Conflict(format!("{} could not be removed: {}", left.name, left.reason())).into());
    }
    show(State(portal), ApiCaller(caller), Path(scope)).await
}
