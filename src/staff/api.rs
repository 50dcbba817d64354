//! Staff for programs.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Sort, actions};
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
    OpenApiRouter::new().routes(routes!(list))
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
    let staff = found.rows.into_iter().map(|row| StaffOut {
        membership: row.membership.to_string(),
        account: row.account.to_string(),
        name: row.name,
        email: row.email,
        role: row.role,
        scope: row.scope.to_string(),
        joined_at: row.joined_at.to_rfc3339(),
        last_seen_at: row.last_seen_at.map(Timestamp::to_rfc3339),
    });
    Ok(Json(StaffPageOut { staff: staff.collect(), next: found.next.map(|cursor| cursor.encode()) }))
}
