//! Plans for programs: the same actions as the pages.

mod rows;

use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Counts, NewPlan, Plan, actions};
use crate::{
    error::{Error, Result},
    identity::door::ApiCaller,
    invitations::{Window, csv_file::columns::Line},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, DeploymentId, PlanId, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

/// A list of 50,000 rows as JSON.
const LARGEST: usize = 25 * 1024 * 1024;

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(list, make))
        .routes(routes!(show, delete))
        .merge(rows::routes())
        .routes(routes!(apply))
        .routes(routes!(schedule, unschedule))
        .layer(DefaultBodyLimit::max(LARGEST))
}

/// A plan.
#[derive(Serialize, ToSchema)]
struct PlanOut {
    /// `pln_…`.
    id: String,
    /// `org_…` or `dep_…`.
    scope: String,
    /// What people call it.
    title: String,
    /// Why, or a ticket.
    note: String,
    /// `draft`, `scheduled`, `applying`, `applied` or `stopped`.
    state: &'static str,
    /// How many rows it has.
    total: u64,
    /// How many of them were applied.
    done: u64,
    /// Who made it: `acc_…`.
    made_by: String,
    /// When (RFC 3339).
    made_at: String,
    /// When it is to be sent.
    due_at: Option<String>,
    /// Until when it waits and then goes on by itself, because the mails of the day are used up.
    waits_until: Option<String>,
    /// When sending it began.
    started_at: Option<String>,
    /// When it ended.
    finished_at: Option<String>,
    /// Why it was stopped; empty when it was not.
    stopped_because: String,
    /// The batch of its invitations, once sending has begun: `bat_…`.
    batch: Option<String>,
}

impl From<Plan> for PlanOut {
    fn from(plan: Plan) -> Self {
        let text = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
        Self {
            id: plan.id.to_string(),
            scope: plan.scope.to_string(),
            state: plan.state.key(),
            total: plan.total,
            done: plan.done,
            made_by: plan.made_by.to_string(),
            made_at: plan.made_at.to_rfc3339(),
            due_at: text(plan.due_at.filter(|_| plan.state == super::State::Scheduled)),
            waits_until: text(plan.waits_until()),
            started_at: text(plan.started_at),
            finished_at: text(plan.finished_at),
            batch: plan.started_at.map(|_| plan.batch().to_string()),
            title: plan.title,
            note: plan.note,
            stopped_because: plan.stopped_because,
        }
    }
}

/// A plan with how its rows stand.
#[derive(Serialize, ToSchema)]
struct PlanWithCounts {
    #[serde(flatten)]
    plan: PlanOut,
    /// How many rows stand how, and what will happen or happened to them.
    counts: Counts,
}

async fn with_counts(portal: &Portal, caller: &Caller, place: &Place, id: PlanId) -> Result<Json<PlanWithCounts>> {
    let plan = actions::show_plan(portal, caller, place.scope, id).await?;
    let counts = actions::count_rows(portal, caller, place.scope, id).await?;
    Ok(Json(PlanWithCounts { plan: plan.into(), counts }))
}

async fn place_and_plan(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, PlanId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, id.parse().map_err(|_| Error::NotFound)?))
}

/// One row of a list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LineIn {
    /// The address; `Name <a@b>` is understood.
    email: String,
    /// The person's name.
    #[serde(default)]
    name: String,
    /// The role, by key or name; the list's own when it is left out.
    #[serde(default)]
    role: String,
    /// The deployment, as `dep_…` or by name; the list's own when it is left out.
    #[serde(default)]
    deployment: String,
    /// When the access begins, if that is later than accepting: a day such as 2026-12-01, or an instant.
    #[serde(default)]
    access_from: String,
    /// When the access ends by itself: a day such as 2026-12-31, or an instant.
    #[serde(default)]
    access_until: String,
    /// Why, or a ticket, for this row.
    #[serde(default)]
    note: String,
}

/// A list to make a plan of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PlanIn {
    /// The rows; at most 50,000.
    rows: Vec<LineIn>,
    /// What people call it.
    #[serde(default)]
    title: String,
    /// Why, or a ticket: up to 200 characters, for the access log.
    #[serde(default)]
    note: String,
    /// The role of rows that name none, by key or name.
    #[serde(default)]
    role: String,
    /// The deployment of rows that name none: `dep_…`.
    #[serde(default)]
    deployment: Option<String>,
    /// `24h`, `72h` or `7d` (the default).
    #[serde(default)]
    window: Option<String>,
    /// When the access of rows that name no end ends.
    #[serde(default)]
    access_until: Option<String>,
}

fn key_of(headers: &HeaderMap) -> Result<String> {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok()).map(str::trim);
    let key = key.filter(|key| (1..=100).contains(&key.len()));
    let missing = "Send an Idempotency-Key of 1 to 100 characters, so that a repeated request makes nothing twice";
    key.map(|key| format!("api {key}")).ok_or_else(|| Error::field("Idempotency-Key", missing))
}

/// The plans of a scope, newest first.
#[derive(Serialize, ToSchema)]
struct PlansOut {
    /// The page.
    plans: Vec<PlanOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PageIn {
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 200; 50 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

fn cursor(from: Option<&str>) -> Result<Option<Cursor>> {
    let wrong = || Error::field("from", "This value is not one of those that can be used");
    from.map(|from| Cursor::decode(from).ok_or_else(wrong)).transpose()
}

/// List the plans of a scope.
#[utoipa::path(get, path = "/scopes/{scope}/plans", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), PageIn),
    responses((status = 200, body = PlansOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiQuery(asked): ApiQuery<PageIn>,
) -> ApiResult<Json<PlansOut>> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let from = cursor(asked.from.as_deref())?;
    let size = asked.limit.unwrap_or(50).clamp(1, 200);
    let found = actions::list_plans(&portal, &caller, scope, from.as_ref(), size).await?;
    let next = found.next.map(|cursor| cursor.encode());
    Ok(Json(PlansOut { plans: found.rows.into_iter().map(Into::into).collect(), next }))
}

/// Make a plan: every row is judged and nothing is sent. The same `Idempotency-Key` with the same content gives the same plan.
#[utoipa::path(post, path = "/scopes/{scope}/plans", tag = "Plans",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("Idempotency-Key" = String, Header, description = "A text of your own, up to 100 characters, new for each list")),
    request_body = PlanIn, responses((status = 200, body = PlanWithCounts), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "The key was used for another list"), (status = 422, body = ProblemBody)))]
async fn make(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    headers: HeaderMap,
    ApiJson(asked): ApiJson<PlanIn>,
) -> ApiResult<Json<PlanWithCounts>> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let request_key = key_of(&headers)?;
    let window = asked.window.as_deref().map_or(Some(Window::Week), Window::from_key);
    let wrong_end = || Error::field("access_until", "Write a day such as 2026-12-31, or an instant");
    let wrong_place = || Error::field("deployment", "Write a deployment as dep_…");
    let deployment: Option<DeploymentId> =
        asked.deployment.map(|text| text.parse().map_err(|_| wrong_place())).transpose()?;
    let lines = asked.rows.into_iter().enumerate().map(|(n, row)| Line {
        number: n + 1,
        text: row.email,
        name: row.name,
        role: row.role,
        deployment: row.deployment,
        from: row.access_from,
        until: row.access_until,
        note: row.note,
    });
    let new = NewPlan {
        scope: place.scope,
        title: asked.title,
        note: asked.note,
        role: asked.role,
        deployment,
        window: window.ok_or_else(|| Error::field("window", "Use 24h, 72h or 7d"))?,
        access_until: asked.access_until.map(|text| place.parse_end(&text).ok_or_else(wrong_end)).transpose()?,
        lines: lines.collect(),
        unused: Vec::new(),
        request_key,
    };
    let id = actions::make_plan(&portal, &caller, new).await?;
    Ok(with_counts(&portal, &caller, &place, id).await?)
}

/// Show a plan and how far it is.
#[utoipa::path(get, path = "/scopes/{scope}/plans/{plan}", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    responses((status = 200, body = PlanWithCounts), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<Json<PlanWithCounts>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    Ok(with_counts(&portal, &caller, &place, id).await?)
}

/// Delete a plan that was not sent.
#[utoipa::path(delete, path = "/scopes/{scope}/plans/{plan}", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Sent already")))]
async fn delete(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<impl IntoResponse> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    actions::delete_plan(&portal, &caller, place.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a plan in your name. Asking again changes nothing: ask `GET` how far it is until `state` is `applied` or `stopped`.
#[utoipa::path(post, path = "/scopes/{scope}/plans/{plan}/apply", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    responses((status = 202, body = PlanWithCounts), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Nothing in it would be done")))]
async fn apply(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<impl IntoResponse> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    actions::send_plan(&portal, &caller, place.scope, id).await?;
    Ok((StatusCode::ACCEPTED, with_counts(&portal, &caller, &place, id).await?))
}

/// When to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleIn {
    /// An instant (RFC 3339), or `2026-12-02T07:00` in the organisation's time zone.
    at: String,
}

/// Let a plan be sent at a moment, in your name and with the authority that you have then.
#[utoipa::path(put, path = "/scopes/{scope}/plans/{plan}/schedule", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    request_body = ScheduleIn, responses((status = 200, body = PlanWithCounts), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Sent already"), (status = 422, body = ProblemBody)))]
async fn schedule(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiJson(asked): ApiJson<ScheduleIn>,
) -> ApiResult<Json<PlanWithCounts>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let wrong =
        || Error::field("at", "Write an instant such as 2026-12-02T07:00:00Z, or 2026-12-02T07:00 by your own clock");
    let at = place.parse_moment(&asked.at).ok_or_else(wrong)?;
    actions::schedule_plan(&portal, &caller, place.scope, id, at).await?;
    Ok(with_counts(&portal, &caller, &place, id).await?)
}

/// Take the moment back; the plan stays.
#[utoipa::path(delete, path = "/scopes/{scope}/plans/{plan}/schedule", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    responses((status = 200, body = PlanWithCounts), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Not scheduled")))]
async fn unschedule(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<Json<PlanWithCounts>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    actions::unschedule_plan(&portal, &caller, place.scope, id).await?;
    Ok(with_counts(&portal, &caller, &place, id).await?)
}
