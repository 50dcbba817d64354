//! **Edit labels** of several patients: tick labels, then add them to all or take them from all.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{asked::Asked, beside};
use crate::{
    access::Permission,
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::actions::{self, Added, LONGEST_LABEL, TypedLabel},
    portal::Portal,
    sites::{self, Place},
    types::{LabelId, PatientId},
    web::{Choice, Frame, PageResult, cookies, page_with_status, see_other},
};

/// How many patients are worked on together at most: a page of the list.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "patients/labels_of_several.html")]
struct SeveralPage {
    frame: Frame,
    action: String,
    list: String,
    back: String,
    patients: Vec<(PatientId, String)>,
    labels: Vec<Choice>,
    may_create: bool,
    text: String,
    longest: usize,
    offer: Option<String>,
    problem: Option<String>,
}

/// The ticked patients and labels, and what to do.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SeveralForm {
    id: Vec<String>,
    label: Vec<String>,
    text: String,
    r#do: String,
    list: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<SeveralForm>,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    if !actions::may_label(actor, &place.scope) {
        caller.scope(&portal, Permission::ManagePatientData, place.scope).await?;
    }
    let back = Asked::carried(&form.list).url(&place);
    let mut ids: Vec<PatientId> = form.id.iter().filter_map(|id| id.parse().ok()).take(MOST).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        let jar = cookies::leave_flash(&portal.config, jar, "problem", "Choose at least one patient first.");
        return Ok((jar, see_other(&back)).into_response());
    }
    let (offer, problems) = match press(&portal, &caller, &place, &ids, &form).await {
        Ok(Done::Said(text)) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            return Ok((jar, see_other(&back)).into_response());
        }
        Ok(Done::Asks(offer)) => (offer, Fields::new()),
        Err(Error::Invalid(problems)) => (None, problems),
        Err(other) => return Err(other.into()),
    };
    render(&portal, &caller, &place, (ids, form), (offer, problems)).await
}

enum Done {
    /// A change, in words.
    Said(String),
    /// Nothing yet: the form is shown, with a label that can be made.
    Asks(Option<String>),
}

async fn press(portal: &Portal, caller: &Caller, place: &Place, ids: &[PatientId], form: &SeveralForm) -> Result<Done> {
    let labels: Vec<LabelId> = form.label.iter().filter_map(|id| id.parse().ok()).collect();
    let of = |n: usize| if n == 1 { "1 patient".to_owned() } else { format!("{n} patients") };
    match form.r#do.as_str() {
        "remove" => {
            let n = actions::remove_labels(portal, caller, place.scope, ids, &labels).await?;
            Ok(Done::Said(format!("The labels were taken from {}.", of(n))))
        }
        "add" | "create" => {
            let n = if form.text.trim().is_empty() {
                actions::add_labels(portal, caller, place.scope, ids, &labels).await?
            } else {
                let typed = TypedLabel { text: &form.text, create: form.r#do == "create", also: &labels };
                match actions::add_typed_label(portal, caller, place.scope, ids, typed).await? {
                    Added::Given(n) => n,
                    Added::Offered(text) => return Ok(Done::Asks(Some(text))),
                }
            };
            Ok(Done::Said(format!("The labels were added to {}.", of(n))))
        }
        _ => Ok(Done::Asks(None)),
    }
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    (ids, form): (Vec<PatientId>, SeveralForm),
    (offer, problems): (Option<String>, Fields),
) -> PageResult {
    let patients = actions::name_patients(portal, caller, place.scope, &ids, "labels").await?;
    let all = actions::all_labels(portal, caller, place.scope).await?;
    let list = Asked::carried(&form.list);
    let (status, title) = if problems.is_empty() {
        (StatusCode::OK, "Edit labels")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "Error: Edit labels")
    };
    let view = SeveralPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, title).await?,
        action: format!("{}/patients/labels", place.scope.path()),
        list: list.to_carry(place),
        back: list.url(place),
        patients,
        labels: all
            .into_iter()
            .map(|label| {
                let value = label.id.to_string();
                Choice { selected: form.label.contains(&value), value, label: label.text }
            })
            .collect(),
        may_create: caller.actor()?.may(Permission::ManageLabels, &place.scope),
        text: form.text.chars().take(200).collect(),
        longest: LONGEST_LABEL,
        offer,
        problem: beside(&problems, "text"),
    };
    page_with_status(status, &view)
}
