//! A new role: from nothing or as a copy, on its own page or as a step of inviting.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{
    Problem,
    form::{RoleFields, RoleForm},
    problems,
};
use crate::{
    access::{Permission, Role, Scope},
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    roles::actions,
    sites::{self, Place},
    web::{Choice, Frame, PageError, PageResult, cookies, page_with_status, see_other},
};

/// Where the form leads, and what it takes along.
pub struct Around {
    /// Where it is posted.
    pub action: String,
    /// What is carried through the step, as hidden fields; none on the page of its own.
    pub carried: Option<Vec<(&'static str, String)>>,
    /// Where **Cancel** leads when nothing is carried.
    pub cancel: String,
}

#[derive(Template)]
#[template(path = "role_new.html")]
struct NewPage {
    frame: Frame,
    fields: RoleFields,
    problems: Vec<Problem>,
    copied: Option<String>,
    left_out: Vec<&'static str>,
    around: Around,
}

/// A role to begin with.
#[derive(Deserialize)]
pub(super) struct NewQuery {
    #[serde(default)]
    from: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<NewQuery>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let mut form = RoleForm::default();
    let mut copied = None;
    if !asked.from.is_empty() {
        let key = asked.from.parse().map_err(|_| Error::NotFound)?;
        let role = actions::show_role(&portal, &caller, place.scope, key).await?.role;
        form.name = format!("Copy of {}", role.name).chars().take(super::super::LONGEST_NAME).collect();
        form.permissions = role.permissions.iter().map(|permission| permission.key().to_owned()).collect();
        copied = Some(role);
    }
    render(&portal, &caller, &place, StatusCode::OK, &form, copied, Vec::new(), own_page(&place)).await
}

fn own_page(place: &Place) -> Around {
    let path = format!("{}/roles", place.scope.path());
    Around { action: path.clone(), carried: None, cancel: path }
}

/// The page with the form of a new role.
///
/// # Errors
/// When the caller may not edit roles here.
#[expect(clippy::too_many_arguments, reason = "everything that the page shows")]
async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    status: StatusCode,
    form: &RoleForm,
    copied: Option<Role>,
    problems: Vec<Problem>,
    around: Around,
) -> PageResult {
    caller.scope(portal, Permission::EditRoles, place.scope).await?;
    let actor = caller.actor()?;
    let grantable = actions::grantable_permissions(actor, place.scope);
    let ticked = form.ticked().intersection(grantable);
    let mut fields = RoleFields::new(&form.name, ticked, grantable, &problems);
    if let (Some(deployment), true) =
        (&place.deployment, actor.may(Permission::EditRoles, &Scope::organisation(place.scope.organisation)))
    {
        let whole = form.place == "organisation";
        let choice = |value: &str, label, selected| Choice { value: value.to_owned(), label, selected };
        fields.places = vec![
            choice("deployment", format!("Only in {}", deployment.name), !whole),
            choice("organisation", format!("In the whole organisation, {}", place.organisation.name), whole),
        ];
    }
    let left_out = copied
        .as_ref()
        .map_or_else(Vec::new, |role| role.permissions.without(grantable).iter().map(Permission::label).collect());
    page_with_status(
        status,
        &NewPage {
            frame: sites::pages::frame(portal, actor, place, "Add a role").await?,
            fields,
            problems,
            copied: copied.map(|role| role.name),
            left_out,
            around,
        },
    )
}

/// The same as a step of inviting.
///
/// # Errors
/// When the caller may not edit roles here.
pub async fn step(portal: &Portal, caller: &Caller, place: &Place, form: &RoleForm, around: Around) -> PageResult {
    render(portal, caller, place, StatusCode::OK, form, None, Vec::new(), around).await
}

/// Makes the role, or answers the form again with what stood in the way.
///
/// # Errors
/// What no form can show.
pub async fn create(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    form: &RoleForm,
    around: Around,
) -> Result<Result<Role, Response>, PageError> {
    let scope = if form.place == "organisation" { Scope::organisation(place.scope.organisation) } else { place.scope };
    let made: Result<Role> = async { actions::create_role(portal, caller, scope, &form.draft()?).await }.await;
    let error = match made {
        Ok(role) => return Ok(Ok(role)),
        Err(error) => error,
    };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let problems = problems(error)?;
    Ok(Err(render(portal, caller, place, status, form, None, problems, around).await?))
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<RoleForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    match create(&portal, &caller, &place, &form, own_page(&place)).await? {
        Ok(role) => {
            let text = format!("The role “{}” was made. It can be given from now on.", role.name);
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            Ok((jar, see_other(&format!("{}/roles", place.scope.path()))).into_response())
        }
        Err(page) => Ok(page),
    }
}
