//! The access log for programs.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    actions::{self, Asked},
    export, pages,
};
use crate::{
    error::Error,
    identity::door::ApiCaller,
    portal::Portal,
    sites,
    types::{Cursor, Timestamp},
    web::{ApiQuery, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(why))
}

/// Which events to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListIn {
    /// Who did it or to whom it was done: `acc_…`, or a part of a name or address.
    #[serde(default)]
    person: Option<String>,
    /// A group (`invitations`, `staff`, `roles`, `reviews`, `signing-in`, `organisation`, `access`) or one action (`invitation.sent`).
    #[serde(default)]
    action: Option<String>,
    /// The first day, `2026-03-29`, in the organisation's time zone.
    #[serde(default)]
    since: Option<String>,
    /// The last day.
    #[serde(default)]
    until: Option<String>,
    /// `done` or `refused`.
    #[serde(default)]
    outcome: Option<String>,
    /// A part of the reason or ticket for which it was done.
    #[serde(default)]
    note: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 200; 50 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// One page of the log, newest first.
#[derive(Serialize, ToSchema)]
struct EventPageOut {
    /// Each event with its sequence and hash; the same as in the exported JSON.
    events: Vec<Value>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// List the access log of a scope.
#[utoipa::path(get, path = "/scopes/{scope}/access-log", tag = "Access log", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ListIn),
    responses((status = 200, body = EventPageOut), (status = 403, body = ProblemBody, description = "Needs “View access log”"), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiQuery(query): ApiQuery<ListIn>,
) -> ApiResult<Json<EventPageOut>> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let asked = Asked {
        person: query.person.unwrap_or_default(),
        action: query.action.unwrap_or_default(),
        since: query.since.unwrap_or_default(),
        until: query.until.unwrap_or_default(),
        outcome: query.outcome.unwrap_or_default(),
        note: query.note.unwrap_or_default(),
    };
    let filter = actions::read_filter(&portal, &caller, &place, &asked).await?;
    let wrong = || Error::field("from", "This value is not one of those that can be used");
    let from = query.from.as_deref().map(|from| Cursor::decode(from).ok_or_else(wrong)).transpose()?;
    let size = query.limit.unwrap_or(50).clamp(1, 200);
    let found = actions::list_events(&portal, &caller, place.scope, &filter, from.as_ref(), size).await?;
    let events = found.rows.iter().map(export::json_of).collect();
    Ok(Json(EventPageOut { events, next: found.next.map(|cursor| cursor.encode()) }))
}

/// How a person got their access.
#[derive(Serialize, ToSchema)]
struct WhyOut {
    /// `acc_…`.
    account: String,
    /// Name.
    name: String,
    /// Each right that they have in the scope; the last ones they had when they have none.
    rights: Vec<RightOut>,
}

/// A right.
#[derive(Serialize, ToSchema)]
struct RightOut {
    /// "Pat Example is Deployment Staff in Cardiology".
    right: String,
    /// Whether it still holds.
    holds: bool,
    /// From the newest grant back to the portal's own set-up, as far as the log says.
    steps: Vec<StepOut>,
}

/// A grant.
#[derive(Serialize, ToSchema)]
struct StepOut {
    /// What happened.
    what: String,
    /// When it was granted (RFC 3339).
    at: Option<String>,
    /// Whether the chain begins here.
    beginning: bool,
    /// What else is known of it.
    notes: Vec<NoteOut>,
    /// The history of a role that the organisation made itself.
    role_history: Vec<NoteOut>,
    /// `evt_…` of the events that say so.
    events: Vec<String>,
}

/// A sentence with its time.
#[derive(Serialize, ToSchema)]
struct NoteOut {
    /// When (RFC 3339).
    at: Option<String>,
    /// What.
    what: String,
}

/// Tell how a person got their access, from the log.
#[utoipa::path(get, path = "/scopes/{scope}/access-log/why/{account}", tag = "Access log",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("account" = String, Path, description = "`acc_…`")),
    responses((status = 200, body = WhyOut), (status = 403, body = ProblemBody, description = "Needs “View access log”"), (status = 404, body = ProblemBody)))]
async fn why(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, account)): Path<(String, String)>,
) -> ApiResult<Json<WhyOut>> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let (account, name, _, chains) = pages::explain(&portal, &caller, &place, &account).await?;
    let notes = |each: Vec<(Option<Timestamp>, String)>| -> Vec<NoteOut> {
        each.into_iter().map(|(at, what)| NoteOut { at: at.map(Timestamp::to_rfc3339), what }).collect()
    };
    let rights = chains.into_iter().map(|chain| RightOut {
        right: chain.right,
        holds: chain.holds,
        steps: chain
            .steps
            .into_iter()
            .map(|step| StepOut {
                what: step.sentence,
                at: step.at.map(Timestamp::to_rfc3339),
                beginning: step.beginning,
                notes: notes(step.notes),
                role_history: notes(step.role),
                events: step.events.iter().map(ToString::to_string).collect(),
            })
            .collect(),
    });
    Ok(Json(WhyOut { account: account.to_string(), name, rights: rights.collect() }))
}
