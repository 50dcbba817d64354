//! Checking addresses and sending invitations.

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::Permission,
    error::{Error, Result},
    identity::door::ApiCaller,
    invitations::{
        BatchAnswer, Checked, NewBatch, Standing, Window,
        actions::{self, Counts},
        parse_note,
    },
    portal::Portal,
    sites::{self, Place},
    types::Timestamp,
    web::{ApiJson, ApiResult, ProblemBody},
};

pub(super) fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(list_roles)).routes(routes!(check)).routes(routes!(send))
}

/// A role that the caller may give in this scope by inviting.
#[derive(Serialize, ToSchema)]
struct GrantableRoleOut {
    /// `admin`, …, or `rol_…`.
    key: String,
    /// The name on screen.
    name: String,
    /// Keys of its permissions.
    permissions: Vec<&'static str>,
}

/// When access is to end, as the request says it.
fn access_until(place: &Place, text: Option<&str>) -> Result<Option<Timestamp>> {
    let wrong =
        || Error::field("access_until", "Write a day such as 2026-12-31, or an instant such as 2026-12-31T18:00:00Z");
    text.map(|text| place.parse_end(text).ok_or_else(wrong)).transpose()
}

/// When access is to begin, as the request says it.
fn access_from(place: &Place, text: Option<&str>) -> Result<Option<Timestamp>> {
    let wrong =
        || Error::field("access_from", "Write a day such as 2026-12-01, or an instant such as 2026-12-01T07:00:00Z");
    text.map(|text| place.parse_start(text).ok_or_else(wrong)).transpose()
}

/// List the roles that you may give in this scope.
#[utoipa::path(get, path = "/scopes/{scope}/roles/grantable", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    responses((status = 200, body = Vec<GrantableRoleOut>), (status = 403, body = ProblemBody, description = "Needs “Invite staff members”"), (status = 404, body = ProblemBody)))]
async fn list_roles(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<Vec<GrantableRoleOut>>> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let roles = actions::grantable_roles(&portal, &caller, scope).await?;
    let out = roles.into_iter().map(|role| GrantableRoleOut {
        key: role.key.to_string(),
        name: role.name,
        permissions: role.permissions.iter().map(Permission::key).collect(),
    });
    Ok(Json(out.collect()))
}

/// Addresses to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CheckIn {
    /// One text for each address; `Name <a@b>` is understood.
    addresses: Vec<String>,
}

/// How one address stands.
#[derive(Serialize, ToSchema)]
struct CheckRowOut {
    /// As sent.
    text: String,
    /// The address; empty when there is none.
    email: String,
    /// What would happen.
    state: Standing,
    /// Why, in a sentence.
    reason: String,
    /// A likelier spelling.
    suggestion: Option<String>,
    /// The live invitation, when there is one.
    invitation: Option<String>,
}

impl From<Checked> for CheckRowOut {
    fn from(row: Checked) -> Self {
        Self {
            text: row.text,
            email: row.email,
            state: row.state,
            reason: row.reason,
            suggestion: row.suggestion,
            invitation: row.invitation.map(|id| id.to_string()),
        }
    }
}

/// How the addresses stand.
#[derive(Serialize, ToSchema)]
struct CheckOut {
    /// How many stand how.
    counts: Counts,
    /// Each of them; repeated addresses are merged.
    rows: Vec<CheckRowOut>,
}

/// Check a list of addresses without sending anything.
#[utoipa::path(post, path = "/scopes/{scope}/invitations/check", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    request_body = CheckIn, responses((status = 200, body = CheckOut), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn check(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<CheckIn>,
) -> ApiResult<Json<CheckOut>> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let rows = actions::check_addresses(&portal, &caller, scope, &asked.addresses).await?;
    Ok(Json(CheckOut { counts: actions::counts(&rows), rows: rows.into_iter().map(Into::into).collect() }))
}

/// Invitations to send.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InviteIn {
    /// One text for each address; `Name <a@b>` is understood. At most 10,000.
    addresses: Vec<String>,
    /// The key of a role that you may give here.
    role: String,
    /// `24h`, `72h` or `7d` (the default).
    #[serde(default = "a_week")]
    window: String,
    /// An instant (RFC 3339) up to 30 days away, in place of `window`.
    #[serde(default)]
    expires_at: Option<String>,
    /// When the access that comes of it begins, if that is later than accepting: a day (`2026-12-01`) or an instant (RFC 3339).
    #[serde(default)]
    access_from: Option<String>,
    /// When the access that comes of it ends by itself: a day (`2026-12-31`, all of it) or an instant (RFC 3339).
    #[serde(default)]
    access_until: Option<String>,
    /// Addresses that are sent although they look unusual.
    #[serde(default)]
    confirmed: Vec<String>,
    /// Why, or a ticket: up to 200 characters, for the access log.
    #[serde(default)]
    note: String,
}

fn a_week() -> String {
    "7d".to_owned()
}

impl InviteIn {
    fn window(&self) -> Result<Window> {
        if let Some(text) = &self.expires_at {
            let at: jiff::Timestamp = text
                .parse()
                .map_err(|_| Error::field("expires_at", "Write an instant such as 2026-12-01T09:00:00Z"))?;
            return Ok(Window::Until(Timestamp(at.as_millisecond())));
        }
        Window::from_key(&self.window).ok_or_else(|| Error::field("window", "Use 24h, 72h or 7d"))
    }
}

/// Send invitations. The same `Idempotency-Key` with the same content gives the same answer and sends nothing again.
#[utoipa::path(post, path = "/scopes/{scope}/invitations", tag = "Invitations",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("Idempotency-Key" = String, Header, description = "A text of your own, up to 100 characters, new for each list")),
    request_body = InviteIn, responses((status = 200, body = BatchAnswer, description = "What was sent, and what not and why, row by row"),
    (status = 403, body = ProblemBody, description = "The role cannot be given by you here"), (status = 409, body = ProblemBody, description = "The key was used for another list"), (status = 422, body = ProblemBody)))]
async fn send(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    headers: HeaderMap,
    ApiJson(asked): ApiJson<InviteIn>,
) -> ApiResult<Json<BatchAnswer>> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|key| (1..=100).contains(&key.len()));
    let Some(key) = key else {
        return Err(Error::field(
            "Idempotency-Key",
            "Send an Idempotency-Key of 1 to 100 characters, so that a repeated request sends nothing twice",
        )
        .into());
    };
    let role = asked.role.parse().map_err(|_| Error::field("role", "There is no such role"))?;
    let window = asked.window()?;
    let batch = NewBatch {
        scope: place.scope,
        role,
        window,
        access_from: access_from(&place, asked.access_from.as_deref())?,
        access_until: access_until(&place, asked.access_until.as_deref())?,
        texts: asked.addresses,
        confirmed: asked.confirmed,
        note: parse_note(&asked.note).map_err(|wrong| Error::field("note", wrong))?,
        request_key: format!("api {key}"),
    };
    Ok(Json(actions::invite_staff(&portal, &caller, batch).await?))
}
