//! Roles for programs: the same actions as the pages.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Affected, RoleDraft, actions};
use crate::{
    access::{Permission, PermissionSet, Role, RoleKey},
    error::{Error, Result},
    identity::door::ApiCaller,
    portal::Portal,
    sites,
    types::RoleId,
    web::{ApiJson, ApiQuery, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(show, edit, delete))
}

/// A role and whether you may change it.
#[derive(Serialize, ToSchema)]
struct RoleOut {
    /// `admin`, …, or `rol_…`.
    key: String,
    /// The name on screen.
    name: String,
    /// `default` or `custom`.
    kind: &'static str,
    /// `dep_…` when the role exists in one deployment only.
    deployment: Option<String>,
    /// Keys of its permissions.
    permissions: Vec<&'static str>,
    /// Keys of what its holder may hand to others.
    delegates: Vec<&'static str>,
    /// How many hold it in this scope, and in its deployments.
    holders: u64,
    /// Why you cannot change it; none when you can.
    locked: Option<String>,
}

fn keys(permissions: PermissionSet) -> Vec<&'static str> {
    permissions.iter().map(Permission::key).collect()
}

fn out(role: Role, holders: u64, locked: Option<String>) -> RoleOut {
    RoleOut {
        key: role.key.to_string(),
        kind: if matches!(role.key, RoleKey::Default(_)) { "default" } else { "custom" },
        deployment: role.deployment.map(|id| id.to_string()),
        permissions: keys(role.permissions),
        delegates: keys(role.delegates),
        name: role.name,
        holders,
        locked,
    }
}

/// List every role that exists in a scope, to edit them. (The roles that you may give by inviting are under `roles/grantable`.)
#[utoipa::path(get, path = "/scopes/{scope}/roles", tag = "Roles", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    responses((status = 200, body = Vec<RoleOut>), (status = 403, body = ProblemBody, description = "Needs “Edit roles and permissions”"), (status = 404, body = ProblemBody)))]
async fn list(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<Vec<RoleOut>>> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let rows = actions::list_roles(&portal, &caller, scope).await?;
    let roles = rows.into_iter().map(|row| out(row.role, row.holders, row.locked.map(|why| why.to_string())));
    Ok(Json(roles.collect()))
}

/// A role to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleIn {
    /// Up to 50 characters; no two roles of an organisation have names that read alike.
    name: String,
    /// Keys of its permissions. `view_patient_data` and whatever others imply come by themselves.
    permissions: Vec<String>,
}

impl RoleIn {
    fn draft(self) -> Result<RoleDraft> {
        let mut permissions = PermissionSet::EMPTY;
        for key in &self.permissions {
            let known = Permission::from_key(key);
            let permission =
                known.ok_or_else(|| Error::field("permissions", format!("There is no permission “{key}”")))?;
            permissions = permissions.with(permission);
        }
        Ok(RoleDraft { name: self.name, permissions })
    }
}

/// Make a role that exists in this scope.
#[utoipa::path(post, path = "/scopes/{scope}/roles", tag = "Roles", params(("scope" = String, Path, description = "`org_…` or `dep_…`")),
    request_body = RoleIn, responses((status = 201, body = RoleOut), (status = 403, body = ProblemBody, description = "It would hold more than you may hand to others"), (status = 422, body = ProblemBody)))]
async fn create(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<RoleIn>,
) -> ApiResult<impl IntoResponse> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let role = actions::create_role(&portal, &caller, scope, &asked.draft()?).await?;
    Ok((StatusCode::CREATED, Json(out(role, 0, None))))
}

/// Whom a change would affect.
#[derive(Serialize, ToSchema)]
struct AffectedOut {
    /// How many people hold the role.
    people: u64,
    /// How many open invitations name it.
    invitations: u64,
    /// The first 50 of the people, if you may see who is staff.
    names: Vec<String>,
    /// The first 50 of the addresses, if you may invite.
    addresses: Vec<String>,
}

impl From<Affected> for AffectedOut {
    fn from(affected: Affected) -> Self {
        Self {
            people: affected.people,
            invitations: affected.invitations,
            names: affected.names.into_iter().map(|(name, _)| name).collect(),
            addresses: affected.addresses,
        }
    }
}

/// A role, its revision, and whom a change would affect.
#[derive(Serialize, ToSchema)]
struct RoleDetailOut {
    /// The role.
    #[serde(flatten)]
    role: RoleOut,
    /// Send it back with a change, so that you change only what you have seen.
    revision: i64,
    /// Whom a change would affect.
    affected: AffectedOut,
}

/// Show a role, and whom a change of it would affect.
#[utoipa::path(get, path = "/scopes/{scope}/roles/{role}", tag = "Roles",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("role" = String, Path, description = "A role's key")),
    responses((status = 200, body = RoleDetailOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, role)): Path<(String, String)>,
) -> ApiResult<Json<RoleDetailOut>> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let key = role.parse().map_err(|_| Error::NotFound)?;
    let view = actions::show_role(&portal, &caller, scope, key).await?;
    let role = out(view.role, view.affected.people, view.locked.map(|why| why.to_string()));
    Ok(Json(RoleDetailOut { role, revision: view.revision, affected: view.affected.into() }))
}

/// A role as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RoleEditIn {
    /// The name.
    name: String,
    /// Keys of all its permissions.
    permissions: Vec<String>,
    /// The revision that you have seen.
    revision: i64,
}

/// Only custom roles can be changed.
fn custom(role: &str) -> Result<RoleId> {
    match role.parse() {
        Ok(RoleKey::Custom(id)) => Ok(id),
        Ok(RoleKey::Default(_)) => Err(Error::Conflict("A default role cannot be changed; make a new role".to_owned())),
        Err(_) => Err(Error::NotFound),
    }
}

/// Rename a role or change its permissions. In force for its holders at their next request; open invitations are held when the
/// role has gained something.
#[utoipa::path(put, path = "/scopes/{scope}/roles/{role}", tag = "Roles",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("role" = String, Path, description = "`rol_…`")),
    request_body = RoleEditIn, responses((status = 200, body = RoleDetailOut), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Changed by somebody else meanwhile"), (status = 422, body = ProblemBody)))]
async fn edit(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((place, role)): Path<(String, String)>,
    ApiJson(asked): ApiJson<RoleEditIn>,
) -> ApiResult<Json<RoleDetailOut>> {
    let scope = sites::actions::scope_for(&portal, &caller, &place).await?;
    let draft = RoleIn { name: asked.name, permissions: asked.permissions }.draft()?;
    actions::edit_role(&portal, &caller, scope, custom(&role)?, &draft, asked.revision).await?;
    show(State(portal), ApiCaller(caller), Path((place, role))).await
}

/// How to delete a role.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeleteIn {
    /// The key of the role that its holders and open invitations get instead; needed when there are any.
    #[serde(default)]
    replacement: Option<String>,
    /// The revision that you have seen.
    revision: i64,
}

/// Delete a role. Whoever holds it gets the replacement in the same step.
#[utoipa::path(delete, path = "/scopes/{scope}/roles/{role}", tag = "Roles",
    params(("scope" = String, Path, description = "`org_…` or `dep_…`"), ("role" = String, Path, description = "`rol_…`"), DeleteIn),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody, description = "A replacement is needed")))]
async fn delete(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path((scope, role)): Path<(String, String)>,
    ApiQuery(asked): ApiQuery<DeleteIn>,
) -> ApiResult<impl IntoResponse> {
    let scope = sites::actions::scope_for(&portal, &caller, &scope).await?;
    let wrong = |_| Error::field("replacement", "There is no such role");
    let replacement = asked.replacement.map(|key| key.parse().map_err(wrong)).transpose()?;
    actions::delete_role(&portal, &caller, scope, custom(&role)?, replacement, asked.revision).await?;
    Ok(StatusCode::NO_CONTENT)
}
