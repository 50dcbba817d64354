//! Deleting a role: which role its holders and invitations get instead, then one clear question.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{AffectedView, Problem, beside, edit, problems};
use crate::{
    access::{Role, RoleKey},
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    roles::{RoleView, actions},
    sites::{self, Place},
    types::RoleId,
    web::{Choice, Frame, PageResult, cookies, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "role_delete.html")]
struct DeletePage {
    frame: Frame,
    key: String,
    name: String,
    revision: String,
    affected: Option<AffectedView>,
    choices: Vec<Choice>,
    replacement_problem: Option<String>,
    problems: Vec<Problem>,
    /// The chosen role once it is chosen: then the page asks the last question.
    replacement: Option<(String, String)>,
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DeleteForm {
    replacement: String,
    revision: String,
    r#do: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, key)): Path<(String, String)>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key = key.parse().map_err(|_| Error::NotFound)?;
    render(&portal, &caller, &place, key, StatusCode::OK, &DeleteForm::default(), Vec::new()).await
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    key: RoleKey,
    status: StatusCode,
    form: &DeleteForm,
    mut problems: Vec<Problem>,
) -> PageResult {
    let RoleView { role, revision, locked, affected } = actions::show_role(portal, caller, place.scope, key).await?;
    if locked.is_some() {
        let status = if status.is_success() { StatusCode::FORBIDDEN } else { status };
        return edit::render(portal, caller, place, key, status, None, problems).await;
    }
    let offered = actions::replacements(portal, caller, place.scope, &role).await?;
    let chosen: Option<&Role> = offered.iter().find(|other| other.key.to_string() == form.replacement);
    let asks = form.r#do == "review" && problems.is_empty();
    let mut status = status;
    if asks && chosen.is_none() && !affected.is_nobody() {
        let text = if form.replacement.is_empty() {
            format!("{} have this role; choose the role that they get instead", affected.count())
        } else {
            "Choose a role from the list".to_owned()
        };
        problems.push(("replacement", text));
        status = StatusCode::UNPROCESSABLE_ENTITY;
    }
    let page = DeletePage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Delete a role").await?,
        key: key.to_string(),
        revision: revision.to_string(),
        affected: (!affected.is_nobody()).then(|| AffectedView::new(&affected)),
        replacement_problem: beside(&problems, "replacement"),
        replacement: chosen
            .filter(|_| asks && problems.is_empty())
            .map(|other| (other.key.to_string(), other.name.clone())),
        choices: offered
            .iter()
            .map(|other| Choice {
                value: other.key.to_string(),
                label: other.name.clone(),
                selected: other.key.to_string() == form.replacement,
            })
            .collect(),
        name: role.name,
        problems,
    };
    page_with_status(status, &page)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, key)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<DeleteForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key: RoleKey = key.parse().map_err(|_| Error::NotFound)?;
    let RoleKey::Custom(id) = key else {
        let problem = ("permissions", "A default role cannot be deleted.".to_owned());
        return edit::render(&portal, &caller, &place, key, StatusCode::CONFLICT, None, vec![problem]).await;
    };
    if form.r#do != "delete" {
        let form = DeleteForm { r#do: "review".to_owned(), ..form };
        return render(&portal, &caller, &place, key, StatusCode::OK, &form, Vec::new()).await;
    }
    match delete(&portal, &caller, &place, id, &form).await {
        Ok(text) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            Ok((jar, see_other(&format!("{}/roles", place.scope.path()))).into_response())
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let refused = matches!(error, Error::Forbidden(_));
            let mut problems = problems(error)?;
            for (field, _) in &mut problems {
                *field = if refused { "replacement" } else { field };
            }
            render(&portal, &caller, &place, key, status, &form, problems).await
        }
    }
}

async fn delete(portal: &Portal, caller: &Caller, place: &Place, id: RoleId, form: &DeleteForm) -> Result<String> {
    let name = actions::show_role(portal, caller, place.scope, RoleKey::Custom(id)).await?.role.name;
    let replacement = match form.replacement.as_str() {
        "" => None,
        key => Some(key.parse().map_err(|_| Error::field("replacement", "Choose a role from the list"))?),
    };
    let revision = form.revision.parse().unwrap_or(-1);
    let affected = actions::delete_role(portal, caller, place.scope, id, replacement, revision).await?;
    Ok(if affected.is_nobody() {
        format!("The role “{name}” was deleted.")
    } else {
        format!("The role “{name}” was deleted; {} got another role instead.", affected.count())
    })
}
