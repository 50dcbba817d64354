//! Staff for programs.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Changes, Sort, StaffMember, actions};
use crate::{
    error::{Error, Result},
    identity::door::ApiCaller,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, MembershipId, Timestamp},
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, change, remove))
        .routes(routes!(reset_second_factor))
        .routes(routes!(send_reset_link))
}

/// A staff member.
#[derive(Serialize, ToSchema)]
struct StaffOut {
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
    /// When the access begins, if that is later than joining.
    access_from: Option<String>,
    /// When the access ends by itself.
    access_until: Option<String>,
}

impl From<StaffMember> for StaffOut {
    fn from(row: StaffMember) -> Self {
        Self {
            membership: row.membership.to_string(),
            account: row.account.to_string(),
            name: row.name,
            email: row.email,
            role: row.role,
            scope: row.scope.to_string(),
            joined_at: row.joined_at.to_rfc3339(),
            last_seen_at: row.last_seen_at.map(Timestamp::to_rfc3339),
            access_from: row.starts_at.map(Timestamp::to_rfc3339),
            access_until: row.ends_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Which staff to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListIn {
    /// A part of the name or address.
    #[serde(default)]
    q: Option<String>,
    /// Only holders of the role with this key.
    #[serde(default)]
    role: Option<String>,
    /// `name`, `email` or `joined`.
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

/// One page of staff.
#[derive(Serialize, ToSchema)]
struct StaffPageOut {
    /// The page.
    staff: Vec<StaffOut>,
    /// For the next page; none on the last.
    next: Option<String>,
}

/// List the staff of a scope.
#[utoipa::path(get, path = "/scopes/{scope}/staff", tag = "Staff", params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ListIn),
    responses((status = 200, body = StaffPageOut), (status = 403, body = ProblemBody, description = "Needs “View staff in organisation”"), (status = 404, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiQuery(asked): ApiQuery<ListIn>,
) -> ApiResult<Json<StaffPageOut>> {
    let scope = sites::actions::place_for(&portal, caller.actor()?, &scope).await?.scope;
    let wrong = |field: &'static str| move || Error::field(field, "This value is not one of those that can be used");
    let query = actions::Query {
        search: asked.q.unwrap_or_default().chars().take(100).collect(),
        role: asked.role.map(|role| role.parse()).transpose().map_err(|_| wrong("role")())?,
        sort: asked.sort.as_deref().map_or(Some(Sort::Name), Sort::from_key).ok_or_else(wrong("sort"))?,
        descending: asked.order.as_deref() == Some("desc"),
        from: asked.from.as_deref().map(|from| Cursor::decode(from).ok_or_else(wrong("from"))).transpose()?,
    };
    let found = actions::list_staff(&portal, &caller, scope, &query, asked.limit.unwrap_or(50).clamp(1, 200)).await?;
    let staff = found.rows.into_iter().map(Into::into);
    Ok(Json(StaffPageOut { staff: staff.collect(), next: found.next.map(|cursor| cursor.encode()) }))
}

/// The membership that the path names, in a scope where the caller has any access.
async fn ids(portal: &Portal, caller: &Caller, scope: &str, membership: &str) -> Result<(Place, MembershipId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, membership.parse().map_err(|_| Error::NotFound)?))
}

/// For one person, what could not be done is the answer.
fn one(changes: Changes) -> Result<()> {
    match changes.not_done.into_iter().next() {
        Some(refused) => Err(refused.error),
        None => Ok(()),
    }
}

/// Show a staff member.
#[utoipa::path(get, path = "/scopes/{scope}/staff/{membership}", tag = "Staff",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("membership" = String, Path, description = "`mem_…`")),
    responses((status = 200, body = StaffOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, membership)): Path<(String, String)>,
) -> ApiResult<Json<StaffOut>> {
    let (place, id) = ids(&portal, &caller, &scope, &membership).await?;
    Ok(Json(actions::show_member(&portal, &caller, place.scope, id).await?.into()))
}

/// What to change about somebody's access.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeIn {
    /// The key of the role that the person gets.
    #[serde(default)]
    role: Option<String>,
    /// When the access ends by itself: a day (`2026-12-31`, all of it), an instant (RFC 3339), or `never`.
    #[serde(default)]
    access_until: Option<String>,
    /// `now`: access that was to begin later begins at once.
    #[serde(default)]
    access_from: Option<String>,
}

/// Change a staff member's role, or when their access begins or ends: one of the three in a request.
#[utoipa::path(patch, path = "/scopes/{scope}/staff/{membership}", tag = "Staff",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("membership" = String, Path, description = "`mem_…`")),
    request_body = ChangeIn, responses((status = 200, body = StaffOut), (status = 403, body = ProblemBody, description = "By the grant rule, of the role now or of the new one"), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn change(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, membership)): Path<(String, String)>,
    ApiJson(asked): ApiJson<ChangeIn>,
) -> ApiResult<impl IntoResponse> {
    let (place, id) = ids(&portal, &caller, &scope, &membership).await?;
    let changes = match (asked.role, asked.access_until, asked.access_from.as_deref()) {
        (Some(role), None, None) => {
            let role = role.parse().map_err(|_| Error::field("role", "There is no such role"))?;
            actions::change_roles(&portal, &caller, place.scope, &[id], role).await?
        }
        (None, Some(text), None) => {
            let wrong = || Error::field("access_until", "Write a day such as 2026-12-31, an instant, or never");
            let end = if text == "never" { None } else { Some(place.parse_end(&text).ok_or_else(wrong)?) };
            actions::set_ends(&portal, &caller, place.scope, &[id], end).await?
        }
        (None, None, Some("now")) => actions::begin_now(&portal, &caller, place.scope, &[id]).await?,
        (None, None, Some(_)) => {
            return Err(Error::field("access_from", "Write now; no other moment can be set").into());
        }
        _ => return Err(Error::field("role", "Send one of role, access_until and access_from").into()),
    };
    one(changes)?;
    // Whoever may change staff may see them: the permission implies it.
    let member = actions::show_member(&portal, &caller, place.scope, id).await?;
    Ok(Json(StaffOut::from(member)))
}

/// End a staff member's access at once, with their sessions and keys.
#[utoipa::path(delete, path = "/scopes/{scope}/staff/{membership}", tag = "Staff",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("membership" = String, Path, description = "`mem_…`")),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn remove(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, membership)): Path<(String, String)>,
) -> ApiResult<impl IntoResponse> {
    let (place, id) = ids(&portal, &caller, &scope, &membership).await?;
    one(actions::remove_from_team(&portal, &caller, place.scope, &[id]).await?)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetIn {
    /// Why, and how you made sure who asks: 1 to 500 characters.
    reason: String,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
struct ResetOut {
    /// Whose second factor was reset.
    name: String,
    /// Who was told besides; none where nobody else manages staff in the whole organisation.
    also_told: Option<String>,
}

/// Take a locked-out person's second factor away, so that they set up a new one at the next sign-in. Asks for a proof of the last ten
/// minutes, so a key cannot.
#[utoipa::path(post, path = "/scopes/{scope}/staff/{membership}/reset-second-factor", tag = "Staff",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("membership" = String, Path, description = "`mem_…`")),
    request_body = ResetIn, responses((status = 200, body = ResetOut), (status = 401, body = ProblemBody, description = "The proof is not fresh, or it is a key"), (status = 403, body = ProblemBody, description = "Oneself, or somebody with access that you may not change"), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn reset_second_factor(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, membership)): Path<(String, String)>,
    ApiJson(asked): ApiJson<ResetIn>,
) -> ApiResult<Json<ResetOut>> {
    let (place, id) = ids(&portal, &caller, &scope, &membership).await?;
    let done = actions::reset_second_factor(&portal, &caller, place.scope, id, &asked.reason).await?;
    Ok(Json(ResetOut { name: done.name, also_told: done.witness }))
}

/// Mail a locked-out person a link to choose a new password, to their own address alone. Asks for a proof of the last ten minutes.
#[utoipa::path(post, path = "/scopes/{scope}/staff/{membership}/send-password-link", tag = "Staff",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("membership" = String, Path, description = "`mem_…`")),
    responses((status = 204), (status = 401, body = ProblemBody, description = "The proof is not fresh, or it is a key"), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Three were mailed within a day")))]
async fn send_reset_link(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, membership)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let (place, id) = ids(&portal, &caller, &scope, &membership).await?;
    actions::send_reset_link(&portal, &caller, place.scope, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
