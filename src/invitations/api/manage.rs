//! What is pending: list, show, resend, approve, correct, delete.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{Error, Result},
    identity::door::ApiCaller,
    invitations::{Filter, Invitation, Sort, State as InvitationState, actions},
    outbox::{
        self, Story,
        life::{self, Stage},
    },
    portal::Portal,
    sites,
    types::{Cursor, InvitationId, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

pub(super) fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, delete))
        .routes(routes!(mails))
        .routes(routes!(resend))
        .routes(routes!(approve))
        .routes(routes!(correct))
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
    /// When the access that comes of it begins, if that is later than accepting.
    access_from: Option<String>,
    /// When the access that comes of it ends by itself.
    access_until: Option<String>,
    /// `waiting` for a second manager, `given`, or empty where none is needed.
    second_look: &'static str,
    /// Where its mail stands.
    delivery: DeliveryOut,
}

/// Where a mail stands.
#[derive(Serialize, ToSchema)]
struct DeliveryOut {
    /// `queued`, `sending`, `sent`, `trying`, `refused`, `bounced`, `withdrawn` or `set_aside`.
    state: String,
    /// The same in a word for people.
    word: &'static str,
    /// Why it went no further, in words for everybody; none where nothing is the matter.
    reason: Option<&'static str>,
    /// The mail server's words.
    answer: String,
    /// When it was settled, or is tried next.
    at: String,
    /// How often it was tried.
    attempts: i64,
}

impl From<&outbox::Delivery> for DeliveryOut {
    fn from(delivery: &outbox::Delivery) -> Self {
        let stage = Stage::of(&delivery.state);
        Self {
            state: delivery.state.clone(),
            word: stage.word(),
            reason: life::reason(stage, &delivery.answer).map(|reason| reason.sentence),
            answer: delivery.answer.clone(),
            at: delivery.at.to_rfc3339(),
            attempts: delivery.attempts,
        }
    }
}

/// What happened to a mail at one moment.
#[derive(Serialize, ToSchema)]
struct TryOut {
    /// When.
    at: String,
    /// As the mail's, or `delayed`: a server on the way is still trying.
    state: String,
    /// The mail server's words.
    answer: String,
    /// When it is tried next.
    next_try_at: Option<String>,
}

/// A mail about an invitation, with everything that happened to it.
#[derive(Serialize, ToSchema)]
struct MailOut {
    /// `invitation` or `invitation_reminder`.
    kind: String,
    /// Where it went.
    to: String,
    /// Of which link: a higher one is newer.
    generation: i64,
    /// Where it stands.
    state: String,
    /// Oldest first.
    tries: Vec<TryOut>,
}

impl From<Story> for MailOut {
    fn from(story: Story) -> Self {
        let tries = story.tries.into_iter().map(|known| TryOut {
            at: known.at.to_rfc3339(),
            state: known.state,
            answer: known.answer,
            next_try_at: known.next_at.map(Timestamp::to_rfc3339),
        });
        Self {
            tries: tries.collect(),
            kind: story.kind,
            to: story.recipient,
            generation: story.generation,
            state: story.state,
        }
    }
}

fn out(invitation: &Invitation, delivery: &outbox::Delivery, now: Timestamp) -> InvitationOut {
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
        access_from: invitation.access_from.map(Timestamp::to_rfc3339),
        access_until: invitation.access_until.map(Timestamp::to_rfc3339),
        second_look: invitation.second_look.key(),
        delivery: delivery.into(),
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
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
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
    let invitations = found.rows.iter().map(|row| out(&row.invitation, &row.delivery, now));
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
    Ok(Json(out(&invitation, &delivery, portal.now())))
}

/// List the mails about an invitation, each with its tries and what was heard of it later.
#[utoipa::path(get, path = "/invitations/{id}/mails", tag = "Invitations", params(("id" = String, Path, description = "`inv_…`")),
    responses((status = 200, body = Vec<MailOut>), (status = 404, body = ProblemBody)))]
async fn mails(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(id): Path<String>,
) -> ApiResult<Json<Vec<MailOut>>> {
    let invitation = actions::show_invitation(&portal, &caller, invitation_id(&id)?).await?;
    let history = actions::history_of(&portal, &caller, &invitation).await?;
    Ok(Json(history.mails.into_iter().map(Into::into).collect()))
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
