//! The rows of a plan for programs: listed, decided about, corrected.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{cursor, place_and_plan};
use crate::{
    error::Error,
    identity::door::ApiCaller,
    invitations::Standing,
    plans::{Decision, Filter, Outcome, Row, actions},
    portal::Portal,
    sites::Place,
    types::{Id, InvitationId, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

pub(super) fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(rows, decide)).routes(routes!(suggest))
}

/// A row of a plan.
#[derive(Serialize, ToSchema)]
struct RowOut {
    /// As the list numbers it.
    number: i64,
    /// As sent.
    text: String,
    /// The address; empty when there is none.
    email: String,
    /// The person's name.
    name: Option<String>,
    /// `org_…` or `dep_…`.
    scope: String,
    /// The role's key; empty when there is none.
    role: String,
    /// When the access begins, if that is later than accepting.
    access_from: Option<String>,
    /// When the access ends.
    access_until: Option<String>,
    /// Why, or a ticket, for this row.
    note: String,
    /// How it stands.
    state: Standing,
    /// Why, in a sentence.
    reason: String,
    /// A likelier spelling.
    suggestion: String,
    /// What the person is here already, or is invited as.
    role_now: String,
    /// What is to happen.
    decision: Decision,
    /// What became of it.
    outcome: Outcome,
    /// Why it could not be done.
    outcome_reason: String,
    /// The invitation that was sent.
    invitation: Option<String>,
}

fn row_out(row: Row, place: &Place) -> RowOut {
    let organisation = place.scope.organisation;
    let sent = matches!(row.outcome, Outcome::Sent | Outcome::Resent);
    let invitation: Option<InvitationId> = row.about.filter(|_| sent).map(Id::from_uuid);
    RowOut {
        number: row.number,
        text: row.text,
        email: row.email,
        name: row.name,
        scope: crate::access::Scope { organisation, deployment: row.deployment }.to_string(),
        role: row.role,
        access_from: row.access_from.map(Timestamp::to_rfc3339),
        access_until: row.access_until.map(Timestamp::to_rfc3339),
        note: row.note,
        state: row.standing,
        reason: row.reason,
        suggestion: row.suggestion,
        role_now: row.role_now,
        decision: row.decision,
        outcome: row.outcome,
        outcome_reason: row.outcome_reason,
        invitation: invitation.map(|id| id.to_string()),
    }
}

/// Which rows.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RowsIn {
    /// `ready`, `look`, `staff`, `invited`, `refused` or `not_done`; all when it is left out.
    #[serde(default)]
    state: String,
    /// A part of the address.
    #[serde(default)]
    q: String,
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 1,000; 200 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// One page of rows.
#[derive(Serialize, ToSchema)]
struct RowsOut {
    /// The page.
    rows: Vec<RowOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// List the rows of a plan, in the order of the list.
#[utoipa::path(get, path = "/scopes/{scope}/plans/{plan}/rows", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`"), RowsIn),
    responses((status = 200, body = RowsOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn rows(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiQuery(asked): ApiQuery<RowsIn>,
) -> ApiResult<Json<RowsOut>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let wrong = || Error::field("state", "This value is not one of those that can be used");
    let query = actions::Query {
        filter: Filter::from_key(&asked.state).ok_or_else(wrong)?,
        search: asked.q.chars().take(100).collect(),
        from: cursor(asked.from.as_deref())?,
    };
    let size = asked.limit.unwrap_or(200).clamp(1, 1_000);
    let found = actions::list_rows(&portal, &caller, place.scope, id, &query, size).await?;
    let next = found.next.map(|cursor| cursor.encode());
    Ok(Json(RowsOut { rows: found.rows.into_iter().map(|row| row_out(row, &place)).collect(), next }))
}

/// A decision about rows.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecideIn {
    /// `send` (also for those to look at again), `skip`, `change_role` or `resend`.
    decision: Decision,
    /// Their numbers.
    #[serde(default)]
    rows: Vec<i64>,
    /// In place of numbers: all that stand so.
    #[serde(default)]
    state: Option<Standing>,
}

/// How many rows were decided.
#[derive(Serialize, ToSchema)]
struct DecidedOut {
    /// Rows for which the decision makes sense.
    decided: u64,
}

/// Decide about rows of a plan that was not sent.
#[utoipa::path(post, path = "/scopes/{scope}/plans/{plan}/rows", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    request_body = DecideIn, responses((status = 200, body = DecidedOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Sent already"), (status = 422, body = ProblemBody)))]
async fn decide(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiJson(asked): ApiJson<DecideIn>,
) -> ApiResult<Json<DecidedOut>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let found = match asked.state {
        Some(standing) => actions::Found::Standing(standing),
        None => actions::Found::Numbers(asked.rows),
    };
    let decided = actions::decide_rows(&portal, &caller, place.scope, id, &found, asked.decision).await?;
    Ok(Json(DecidedOut { decided }))
}

/// Whose suggestions to take.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SuggestIn {
    /// The numbers of rows that have one; at most 500.
    #[serde(default)]
    rows: Vec<i64>,
    /// In place of numbers: all undecided rows in which only the part after the “@” would change.
    #[serde(default)]
    domains: bool,
}

/// How many suggestions were taken.
#[derive(Serialize, ToSchema)]
struct TakenOut {
    /// Rows that were corrected and judged anew.
    taken: u64,
}

/// Take the likelier spelling of addresses in a plan that was not sent; those rows are judged anew.
#[utoipa::path(post, path = "/scopes/{scope}/plans/{plan}/suggestions", tag = "Plans", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("plan" = String, Path, description = "`pln_…`")),
    request_body = SuggestIn, responses((status = 200, body = TakenOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Sent already"), (status = 422, body = ProblemBody)))]
async fn suggest(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiJson(asked): ApiJson<SuggestIn>,
) -> ApiResult<Json<TakenOut>> {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let which = match (asked.rows.is_empty(), asked.domains) {
        (true, true) => actions::Suggested::Domains,
        (false, false) => actions::Suggested::Rows(asked.rows),
        _ => return Err(Error::field("rows", "Give numbers of rows, or domains alone").into()),
    };
    Ok(Json(TakenOut { taken: actions::take_suggestions(&portal, &caller, place.scope, id, &which).await? }))
}
