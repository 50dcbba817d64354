//! Invitations for programs: the same actions as the pages.

use axum::{
    Json,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    BatchAnswer, Checked, Filter, Invitation, NewBatch, Sort, Standing, State as InvitationState, Window,
    actions::{self, Counts},
};
use crate::{
    access::{Permission, Scope},
    error::{Error, Result},
    identity::door::ApiCaller,
    op::Caller,
    outbox,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, InvitationId, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(list_roles))
        .routes(routes!(check))
        .routes(routes!(send))
        .routes(routes!(list))
        .routes(routes!(show, delete))
        .routes(routes!(resend))
        .routes(routes!(approve))
        .routes(routes!(correct))
        .layer(DefaultBodyLimit::max(5 * 1024 * 1024))
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

/// The scope that the path names, if the caller has any access there.
async fn scope_of(portal: &Portal, caller: &Caller, text: &str) -> Result<Scope> {
    Ok(sites::actions::place_for(portal, caller.actor()?, text).await?.scope)
}

/// When access is to end, as the request says it.
fn access_until(place: &Place, text: Option<&str>) -> Result<Option<Timestamp>> {
    let wrong =
        || Error::field("access_until", "Write a day such as 2026-12-31, or an instant such as 2026-12-31T18:00:00Z");
    text.map(|text| place.parse_end(text).ok_or_else(wrong)).transpose()
}

/// List the roles that you may give in this scope.
#[utoipa::path(get, path = "/scopes/{scope}/roles/grantable", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    responses((status = 200, body = Vec<GrantableRoleOut>), (status = 403, body = ProblemBody, description = "Needs “Invite staff members”"), (status = 404, body = ProblemBody)))]
async fn list_roles(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<Vec<GrantableRoleOut>>> {
    let scope = scope_of(&portal, &caller, &scope).await?;
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
    let scope = scope_of(&portal, &caller, &scope).await?;
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
    /// When the access that comes of it ends by itself: a day (`2026-12-31`, all of it) or an instant (RFC 3339).
    #[serde(default)]
    access_until: Option<String>,
    /// Addresses that are sent although they look unusual.
    #[serde(default)]
    confirmed: Vec<String>,
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
        access_until: access_until(&place, asked.access_until.as_deref())?,
        texts: asked.addresses,
        confirmed: asked.confirmed,
        request_key: format!("api {key}"),
    };
    Ok(Json(actions::invite_staff(&portal, &caller, batch).await?))
}

/// An invitation.
#[derive(Serialize, ToSchema)]
struct InvitationOut {
    /// `inv_…`.
    id: String,
    /// `org_…` or `dep_…`.
    scope: String,
    /// To whom.
    email: String,
    /// The role's key.
    role: String,
    /// `pending`, `expired`, `held`, `accepted`, `declined` or `deleted`.
    state: &'static str,
    /// When sent last (RFC 3339).
    sent_at: String,
    /// When the link ends.
    expires_at: String,
    /// When the link was first opened.
    opened_at: Option<String>,
    /// When the access that comes of it ends by itself.
    access_until: Option<String>,
    /// Where its mail stands.
    delivery: DeliveryOut,
}

/// Where a mail stands.
#[derive(Serialize, ToSchema)]
struct DeliveryOut {
    /// `queued`, `sending`, `sent`, `trying`, `refused`, `withdrawn` or `set_aside`.
    state: String,
    /// The mail server's words.
    answer: String,
    /// When it was settled, or is tried next.
    at: String,
}

fn out(invitation: &Invitation, delivery: outbox::Delivery, now: Timestamp) -> InvitationOut {
    let expired = invitation.state == InvitationState::Pending && invitation.expires_at <= now;
    InvitationOut {
        id: invitation.id.to_string(),
        scope: invitation.scope.to_string(),
        email: invitation.email.to_string(),
        role: invitation.role.to_string(),
        state: if expired { "expired" } else { invitation.state.key() },
        sent_at: invitation.sent_at.to_rfc3339(),
        expires_at: invitation.expires_at.to_rfc3339(),
        opened_at: invitation.opened_at.map(Timestamp::to_rfc3339),
        access_until: invitation.access_until.map(Timestamp::to_rfc3339),
        delivery: DeliveryOut { state: delivery.state, answer: delivery.answer, at: delivery.at.to_rfc3339() },
    }
}

/// Which invitations to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListIn {
    /// `all`, `pending`, `expired`, `held`, `declined` or `not_delivered`.
    #[serde(default)]
    state: Option<String>,
    /// A part of the address.
    #[serde(default)]
    q: Option<String>,
    /// `sent`, `email` or `expires`.
    #[serde(default)]
    sort: Option<String>,
    /// `asc` or `desc`.
    #[serde(default)]
    order: Option<String>,
    /// The `next` of the page before.
    #[serde(default)]
    from: Option<String>,
    /// 1 to 200; 50 when it is left out.
    #[serde(default)]
    limit: Option<usize>,
}

/// One page of invitations.
#[derive(Serialize, ToSchema)]
struct InvitationsOut {
    /// The page.
    invitations: Vec<InvitationOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// List the open invitations of a scope.
#[utoipa::path(get, path = "/scopes/{scope}/invitations", tag = "Invitations", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ListIn),
    responses((status = 200, body = InvitationsOut), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiQuery(asked): ApiQuery<ListIn>,
) -> ApiResult<Json<InvitationsOut>> {
    let scope = scope_of(&portal, &caller, &scope).await?;
    let wrong = |field: &'static str| move || Error::field(field, "This value is not one of those that can be used");
    let query = actions::Query {
        filter: asked.state.as_deref().map_or(Some(Filter::All), Filter::from_key).ok_or_else(wrong("state"))?,
        search: asked.q.unwrap_or_default().chars().take(100).collect(),
        sort: asked.sort.as_deref().map_or(Some(Sort::Sent), Sort::from_key).ok_or_else(wrong("sort"))?,
        descending: asked.order.as_deref() == Some("desc"),
        from: asked.from.as_deref().map(|from| Cursor::decode(from).ok_or_else(wrong("from"))).transpose()?,
    };
    let found = actions::list_pending(&portal, &caller, scope, &query, asked.limit.unwrap_or(50).clamp(1, 200)).await?;
    let now = portal.now();
    let invitations = found.rows.iter().map(|row| {
        let delivery =
            outbox::Delivery { state: row.mail_state.clone(), answer: row.mail_answer.clone(), at: row.mail_at };
        out(&row.invitation, delivery, now)
    });
    Ok(Json(InvitationsOut { invitations: invitations.collect(), next: found.next.map(|cursor| cursor.encode()) }))
}

fn invitation_id(text: &str) -> Result<InvitationId> {
    text.parse().map_err(|_| Error::NotFound)
}

/// Show an invitation.
#[utoipa::path(get, path = "/invitations/{id}", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, body = InvitationOut), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
) -> ApiResult<Json<InvitationOut>> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    let mut deliveries = outbox::deliveries(portal.db.reader(), vec![invitation.mail]).await?;
    let delivery = deliveries.remove(&invitation.mail).ok_or(Error::NotFound)?;
    Ok(Json(out(&invitation, delivery, portal.now())))
}

/// Delete an invitation: its link stops working at once.
#[utoipa::path(delete, path = "/invitations/{id}", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "No longer pending")))]
async fn delete(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
) -> ApiResult<impl IntoResponse> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    let done = actions::delete_invitations(&portal, &caller, invitation.scope, &[invitation.id]).await?;
    refuse_if_not_done(done)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mail the same link again and restart its window.
#[utoipa::path(post, path = "/invitations/{id}/resend", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, body = InvitationOut), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Cannot be resent; the detail says why")))]
async fn resend(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
) -> ApiResult<Json<InvitationOut>> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    let done = actions::resend_invitations(&portal, &caller, invitation.scope, &[invitation.id]).await?;
    refuse_if_not_done(done)?;
    show(State(portal), ApiCaller(caller), Path(id)).await
}

/// Approve a held invitation: you answer for it from now on, its link works again, and its window restarts.
#[utoipa::path(post, path = "/invitations/{id}/approve", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, body = InvitationOut), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Not held, or you may not give its role")))]
async fn approve(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
) -> ApiResult<Json<InvitationOut>> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    if invitation.state != InvitationState::Held {
        return Err(Error::Conflict("It is not held; resend it instead".to_owned()).into());
    }
    resend(State(portal), ApiCaller(caller), Path(id)).await
}

/// The right address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CorrectIn {
    /// Where the invitation should have gone.
    email: String,
}

/// Correct the address of an open invitation: a new link goes to the right one, and every earlier link is dead.
#[utoipa::path(post, path = "/invitations/{id}/correct", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    request_body = CorrectIn, responses((status = 200, body = InvitationOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "No longer open"), (status = 422, body = ProblemBody)))]
async fn correct(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
    ApiJson(asked): ApiJson<CorrectIn>,
) -> ApiResult<Json<InvitationOut>> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    actions::correct_invitation(&portal, &caller, invitation.scope, invitation.id, &asked.email).await?;
    show(State(portal), ApiCaller(caller), Path(id)).await
}

fn refuse_if_not_done(done: actions::Done) -> Result<()> {
    match done.not_done.into_iter().next() {
        Some((_, _, reason)) => Err(Error::Conflict(reason)),
        None => Ok(()),
    }
}
