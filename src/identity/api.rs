//! One's own account for programs: who one is, what one may do, and where one is signed in.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{actions, door::ApiCaller};
use crate::{
    access::Permission,
    error::Error,
    portal::Portal,
    sites, staff,
    types::{SessionId, Timestamp},
    web::{ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(me)).routes(routes!(sessions, end_others)).routes(routes!(end))
}

/// The account behind the session or key.
#[derive(Serialize, ToSchema)]
struct MeOut {
    /// `acc_…`.
    account: String,
    /// Name.
    name: String,
    /// Address.
    email: String,
    /// What may be done where: by a key, only what the key leaves.
    memberships: Vec<OwnMembershipOut>,
    /// What was given and begins later.
    coming: Vec<ComingOut>,
}

/// Access that begins later.
#[derive(Serialize, ToSchema)]
struct ComingOut {
    /// `org_…` or `dep_…`.
    scope: String,
    /// The place's name.
    place: String,
    /// The role's key.
    role: String,
    /// The role's name.
    role_name: String,
    /// When it begins (RFC 3339).
    access_from: String,
}

/// A right of one's own.
#[derive(Serialize, ToSchema)]
struct OwnMembershipOut {
    /// `mem_…`.
    membership: String,
    /// `org_…` or `dep_…`.
    scope: String,
    /// The place's name.
    place: String,
    /// The role's key.
    role: String,
    /// The role's name.
    role_name: String,
    /// The keys of the permissions.
    permissions: Vec<&'static str>,
    /// Who gave the role; none for the portal's own set-up.
    given_by: Option<String>,
    /// Since when (RFC 3339).
    joined_at: String,
    /// When the access ends by itself.
    access_until: Option<String>,
}

/// Show one's own account and access.
#[utoipa::path(get, path = "/me", tag = "Your account",
    responses((status = 200, body = MeOut), (status = 401, body = ProblemBody)))]
async fn me(State(portal): State<Portal>, ApiCaller(caller): ApiCaller) -> ApiResult<Json<MeOut>> {
    let actor = caller.actor()?;
    let mut memberships = Vec::new();
    for own in staff::actions::own_access(&portal, &caller).await? {
        memberships.push(OwnMembershipOut {
            membership: own.membership.to_string(),
            scope: own.scope.to_string(),
            place: sites::actions::place_of(portal.db.reader(), own.scope).await?.full_name(),
            role: own.role.key.to_string(),
            role_name: own.role.name,
            permissions: own.role.permissions.iter().map(Permission::key).collect(),
            given_by: Some(own.given_by).filter(|name| !name.is_empty()),
            joined_at: own.joined_at.to_rfc3339(),
            access_until: own.ends_at.map(Timestamp::to_rfc3339),
        });
    }
    let mut coming = Vec::new();
    for access in staff::actions::coming_access(&portal, &caller).await? {
        coming.push(ComingOut {
            scope: access.scope.to_string(),
            place: sites::actions::place_of(portal.db.reader(), access.scope).await?.full_name(),
            role: access.role.key.to_string(),
            role_name: access.role.name,
            access_from: access.starts_at.to_rfc3339(),
        });
    }
    Ok(Json(MeOut {
        account: actor.account.to_string(),
        name: actor.name.clone(),
        email: actor.email.clone(),
        memberships,
        coming,
    }))
}

/// A session.
#[derive(Serialize, ToSchema)]
struct SessionOut {
    /// `ses_…`.
    id: String,
    /// The browser, in plain words.
    browser: String,
    /// The network address from which it was begun.
    address: String,
    /// How its owner proved themselves; none while the second factor is still asked.
    means: Option<&'static str>,
    /// When it began (RFC 3339).
    began_at: String,
    /// When it was last used.
    last_seen_at: String,
    /// Whether it is the one that asks.
    this: bool,
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
struct SessionsOut {
    /// The last used first.
    sessions: Vec<SessionOut>,
}

/// List one's own sessions.
#[utoipa::path(get, path = "/me/sessions", tag = "Your account",
    responses((status = 200, body = SessionsOut), (status = 401, body = ProblemBody)))]
async fn sessions(State(portal): State<Portal>, ApiCaller(caller): ApiCaller) -> ApiResult<Json<SessionsOut>> {
    let sessions = actions::list_sessions(&portal, &caller).await?.into_iter().map(|session| SessionOut {
        id: session.id.to_string(),
        browser: session.browser,
        address: session.address,
        means: session.means.map(super::Means::key),
        began_at: session.began_at.to_rfc3339(),
        last_seen_at: session.seen_at.to_rfc3339(),
        this: session.this,
    });
    Ok(Json(SessionsOut { sessions: sessions.collect() }))
}

/// End every session but the one that asks. Not by a key.
#[utoipa::path(delete, path = "/me/sessions", tag = "Your account",
    responses((status = 204), (status = 401, body = ProblemBody)))]
async fn end_others(State(portal): State<Portal>, ApiCaller(caller): ApiCaller) -> ApiResult<StatusCode> {
    actions::end_other_sessions(&portal, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one of one's own sessions. Not by a key.
#[utoipa::path(delete, path = "/me/sessions/{session}", tag = "Your account",
    params(("session" = String, Path, description = "`ses_…`")),
    responses((status = 204), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn end(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(session): Path<String>,
) -> ApiResult<StatusCode> {
    let id: SessionId = session.parse().map_err(|_| Error::NotFound)?;
    actions::end_session(&portal, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
