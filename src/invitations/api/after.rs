//! What became of a batch, and what can be put right.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{Error, Result},
    identity::door::ApiCaller,
    invitations::{
        Became, Window,
        actions::{self, PendingChange, Tally},
    },
    op::Caller,
    portal::Portal,
    sites,
    types::{BatchId, Cursor, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

pub(super) fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(list))
        .routes(routes!(resend))
        .routes(routes!(change))
        .routes(routes!(undo))
}

async fn scope_and_batch(
    portal: &Portal,
    caller: &Caller,
    scope: &str,
    id: &str,
) -> Result<(crate::access::Scope, BatchId)> {
    let scope = sites::actions::scope_for(portal, caller, scope).await?;
    Ok((scope, id.parse().map_err(|_| Error::NotFound)?))
}

/// How many invitations of a batch ended how; each counts once.
#[derive(Serialize, ToSchema)]
struct BatchOut {
    /// `bat_…`.
    batch: String,
    /// Keys are `joined`, `opened`, `delivered`, `on_its_way`, `not_delivered`, `expired`, `held`, `declined` and `deleted`.
    counts: std::collections::BTreeMap<&'static str, u64>,
}

/// Show how many invitations of a batch ended how.
#[utoipa::path(get, path = "/scopes/{scope}/batches/{id}", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("id" = String, Path, description = "`bat_…`")),
    responses((status = 200, body = BatchOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<Json<BatchOut>> {
    let (scope, id) = scope_and_batch(&portal, &caller, &scope, &id).await?;
    let counts = actions::count_batch(&portal, &caller, scope, id).await?;
    let counts = counts.into_iter().map(|(became, n)| (became.key(), n)).collect();
    Ok(Json(BatchOut { batch: id.to_string(), counts }))
}

/// An invitation of a batch.
#[derive(Serialize, ToSchema)]
struct BecameOut {
    /// `inv_…`.
    invitation: String,
    /// To whom.
    email: String,
    /// `org_…` or `dep_…`.
    scope: String,
    /// The role's key.
    role: String,
    /// What became of it.
    became: Became,
    /// The mail server's words.
    mail_answer: String,
    /// When the link ends.
    expires_at: String,
    /// When the link was first opened.
    opened_at: Option<String>,
}

/// One page of a batch's invitations.
#[derive(Serialize, ToSchema)]
struct BatchPageOut {
    /// The page.
    invitations: Vec<BecameOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// Which invitations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct BatchIn {
    /// Only those of which this became.
    #[serde(default)]
    became: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 1,000; 200 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// List the invitations of a batch with what became of each.
#[utoipa::path(get, path = "/scopes/{scope}/batches/{id}/invitations", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("id" = String, Path, description = "`bat_…`"), BatchIn),
    responses((status = 200, body = BatchPageOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiQuery(asked): ApiQuery<BatchIn>,
) -> ApiResult<Json<BatchPageOut>> {
    let (scope, id) = scope_and_batch(&portal, &caller, &scope, &id).await?;
    let wrong = |field: &'static str| move || Error::field(field, "This value is not one of those that can be used");
    let became = asked.became.as_deref().map(|key| Became::from_key(key).ok_or_else(wrong("became"))).transpose()?;
    let from = asked.from.as_deref().map(|from| Cursor::decode(from).ok_or_else(wrong("from"))).transpose()?;
    let size = asked.limit.unwrap_or(200).clamp(1, 1_000);
    let found = actions::list_batch(&portal, &caller, scope, id, became, from.as_ref(), size).await?;
    let invitations = found.rows.into_iter().map(|row| BecameOut {
        invitation: row.invitation.id.to_string(),
        email: row.invitation.email.to_string(),
        scope: row.invitation.scope.to_string(),
        role: row.invitation.role.to_string(),
        became: row.became,
        mail_answer: row.mail_answer,
        expires_at: row.invitation.expires_at.to_rfc3339(),
        opened_at: row.invitation.opened_at.map(Timestamp::to_rfc3339),
    });
    Ok(Json(BatchPageOut { invitations: invitations.collect(), next: found.next.map(|cursor| cursor.encode()) }))
}

/// What was done, and what not and why.
#[derive(Serialize, ToSchema)]
struct TallyOut {
    /// How many were done.
    done: u64,
    /// The others.
    not_done: Vec<NotDoneOut>,
}

/// An invitation that was left as it is.
#[derive(Serialize, ToSchema)]
struct NotDoneOut {
    /// To whom.
    email: String,
    /// Why.
    reason: String,
}

impl From<Tally> for TallyOut {
    fn from(tally: Tally) -> Self {
        let not_done = tally.not_done.into_iter().map(|(email, reason)| NotDoneOut { email, reason });
        Self { done: tally.done, not_done: not_done.collect() }
    }
}

/// Mail the same links again to all of a batch who have not answered. Whoever was sent to in the last two minutes is left out.
#[utoipa::path(post, path = "/scopes/{scope}/batches/{id}/resend", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("id" = String, Path, description = "`bat_…`")),
    responses((status = 200, body = TallyOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn resend(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<Json<TallyOut>> {
    let (scope, id) = scope_and_batch(&portal, &caller, &scope, &id).await?;
    Ok(Json(actions::resend_batch(&portal, &caller, scope, id).await?.into()))
}

/// What is to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeIn {
    /// Another role, by key: every earlier link is dead and a new one is mailed.
    #[serde(default)]
    role: Option<String>,
    /// In place of a role: `24h`, `72h` or `7d` from now.
    #[serde(default)]
    window: Option<String>,
}

/// Change the role or the links' time of all of a batch who have not answered.
#[utoipa::path(post, path = "/scopes/{scope}/batches/{id}/change", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("id" = String, Path, description = "`bat_…`")),
    request_body = ChangeIn, responses((status = 200, body = TallyOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn change(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
    ApiJson(asked): ApiJson<ChangeIn>,
) -> ApiResult<Json<TallyOut>> {
    let (scope, id) = scope_and_batch(&portal, &caller, &scope, &id).await?;
    let change = match (asked.role.as_deref().map(str::parse), asked.window.as_deref().map(Window::from_key)) {
        (Some(Ok(role)), None) => PendingChange::Role(role),
        (None, Some(Some(window))) => PendingChange::Window(window),
        (Some(_), _) => {
            return Err(Error::field("role", "There is no such role, or a window is given beside it").into());
        }
        _ => return Err(Error::field("window", "Give a role, or one of 24h, 72h and 7d").into()),
    };
    Ok(Json(actions::change_batch(&portal, &caller, scope, id, change).await?.into()))
}

/// What undoing did.
#[derive(Serialize, ToSchema)]
struct UndoneOut {
    /// Invitations that were taken back.
    deleted: u64,
    /// Who had joined already; they stay staff.
    joined: Vec<String>,
}

/// Take back everything of a batch that is still open, in one operation.
#[utoipa::path(post, path = "/scopes/{scope}/batches/{id}/undo", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("id" = String, Path, description = "`bat_…`")),
    responses((status = 200, body = UndoneOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn undo(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, id)): Path<(String, String)>,
) -> ApiResult<Json<UndoneOut>> {
    let (scope, id) = scope_and_batch(&portal, &caller, &scope, &id).await?;
    let undone = actions::undo_batch(&portal, &caller, scope, id).await?;
    Ok(Json(UndoneOut { deleted: undone.deleted, joined: undone.joined }))
}
