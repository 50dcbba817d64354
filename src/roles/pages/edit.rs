//! A role's own page: read-only with the reason where it cannot be changed, else its form, and what a change would mean.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};

use super::{
    AffectedView, Problem,
    form::{RoleFields, RoleForm},
    home_name, people, permissions, problems, reason,
};
use crate::{
    access::{Permission, PermissionSet, RoleKey, Scope},
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    roles::{RoleReview, RoleView, actions},
    sites::{self, Place},
    types::RoleId,
    web::{Frame, PageResult, cookies, page, page_with_status, see_other},
};

/// A permission in words.
pub struct PermissionLine {
    label: &'static str,
    sentence: &'static str,
    included: bool,
}

fn lines(permissions: impl Iterator<Item = Permission>, within: PermissionSet) -> Vec<PermissionLine> {
    permissions
        .map(|permission| PermissionLine {
            label: permission.label(),
            sentence: permission.sentence(),
            included: within.has(permission),
        })
        .collect()
}

#[derive(Template)]
#[template(path = "role_locked.html")]
struct LockedPage {
    frame: Frame,
    key: String,
    name: String,
    sentence: String,
    is_default: bool,
    place: String,
    reason: String,
    problems: Vec<Problem>,
    lines: Vec<PermissionLine>,
}

#[derive(Template)]
#[template(path = "role.html")]
struct EditPage {
    frame: Frame,
    key: String,
    heading: String,
    place: String,
    holders: String,
    fields: RoleFields,
    problems: Vec<Problem>,
    revision: String,
    now: Option<Vec<PermissionLine>>,
    affects: Option<String>,
}

#[derive(Template)]
#[template(path = "role_review.html")]
struct ReviewPage {
    frame: Frame,
    key: String,
    name: String,
    renamed: Option<(String, String)>,
    added: Vec<PermissionLine>,
    removed: Vec<PermissionLine>,
    affected: AffectedView,
    hidden: Vec<(&'static str, String)>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, key)): Path<(String, String)>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key = key.parse().map_err(|_| Error::NotFound)?;
    render(&portal, &caller, &place, key, StatusCode::OK, None, Vec::new()).await
}

/// The role's page, with what was typed if something was.
pub(super) async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    key: RoleKey,
    status: StatusCode,
    typed: Option<&RoleForm>,
    problems: Vec<Problem>,
) -> PageResult {
    let RoleView { role, revision, locked, affected } = actions::show_role(portal, caller, place.scope, key).await?;
    let actor = caller.actor()?;
    let frame = sites::pages::frame(portal, actor, place, &role.name).await?;
    let home = home_name(portal, &role, place).await?;
    if let Some(locked) = locked {
        let page = LockedPage {
            frame,
            key: key.to_string(),
            sentence: role.sentence(),
            is_default: matches!(key, RoleKey::Default(_)),
            place: home,
            reason: reason(&locked, &role),
            problems,
            lines: lines(Permission::all(), role.permissions),
            name: role.name,
        };
        return page_with_status(status, &page);
    }
    let at = Scope { organisation: place.scope.organisation, deployment: role.deployment };
    let grantable = actions::grantable_permissions(actor, at);
    let (name, ticked) = match typed {
        Some(form) => (form.name.as_str(), form.ticked()),
        None => (role.name.as_str(), role.permissions),
    };
    let mut fields = RoleFields::new(name, ticked.intersection(grantable), grantable, &problems);
    fields.name_label = "Rename";
    // Whoever sends it again has seen what the role is now, so the form goes on from there.
    let stale = typed.is_some_and(|form| form.revision() != revision);
    let page = EditPage {
        frame,
        key: key.to_string(),
        place: home,
        holders: people(affected.people),
        fields,
        problems,
        revision: revision.to_string(),
        now: stale.then(|| lines(role.permissions.iter(), role.permissions)),
        affects: (!affected.is_nobody()).then(|| affected.count()),
        heading: role.name,
    };
    page_with_status(status, &page)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, key)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<RoleForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key: RoleKey = key.parse().map_err(|_| Error::NotFound)?;
    let RoleKey::Custom(id) = key else {
        let problem = ("permissions", "A default role cannot be changed.".to_owned());
        return render(&portal, &caller, &place, key, StatusCode::CONFLICT, None, vec![problem]).await;
    };
    if form.r#do == "edit" {
        return render(&portal, &caller, &place, key, StatusCode::OK, Some(&form), Vec::new()).await;
    }
    match attempt(&portal, &caller, &place, id, &form).await {
        Ok(Outcome::Review(review)) => {
            let frame = sites::pages::frame(&portal, caller.actor()?, &place, "Review the change").await?;
            page(&review_page(frame, &review, &form))
        }
        Ok(Outcome::Done(text)) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            Ok((jar, see_other(&format!("{}/roles", place.scope.path()))).into_response())
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            let problems = problems(error)?;
            render(&portal, &caller, &place, key, status, Some(&form), problems).await
        }
    }
}

/// What came of a press.
enum Outcome {
    /// Somebody is affected and is shown first.
    Review(Box<RoleReview>),
    /// It is done, or there was nothing to do.
    Done(String),
}

async fn attempt(portal: &Portal, caller: &Caller, place: &Place, id: RoleId, form: &RoleForm) -> Result<Outcome> {
    let draft = form.draft()?;
    if form.r#do != "save" {
        let review = actions::review_role(portal, caller, place.scope, id, &draft, form.revision()).await?;
        if review.is_nothing() {
            return Ok(Outcome::Done(format!("Nothing was changed in “{}”.", review.before.name)));
        }
        if !review.affected.is_nobody() {
            return Ok(Outcome::Review(Box::new(review)));
        }
    }
    let role = actions::edit_role(portal, caller, place.scope, id, &draft, form.revision()).await?;
    Ok(Outcome::Done(format!(
        "The role “{}” was saved, with {}.",
        role.name,
        permissions(role.permissions.iter().count())
    )))
}

fn review_page(frame: Frame, review: &RoleReview, form: &RoleForm) -> ReviewPage {
    let (before, after) = (&review.before, &review.after);
    let mut hidden = vec![("name", form.name.clone()), ("revision", form.revision.clone())];
    hidden.extend(after.permissions.iter().map(|permission| ("permissions", permission.key().to_owned())));
    ReviewPage {
        frame,
        key: before.key.to_string(),
        name: before.name.clone(),
        renamed: (before.name != after.name).then(|| (before.name.clone(), after.name.clone())),
        added: lines(review.added().iter(), after.permissions),
        removed: lines(review.removed().iter(), after.permissions),
        affected: AffectedView::new(&review.affected),
        hidden,
    }
}
