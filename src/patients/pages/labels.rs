//! **Update labels** of one patient: each press is one change, saved at once, so it works alike in a window, on a page and without script.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{Back, One, beside};
use crate::{
    access::Permission,
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::{
        Label,
        actions::{self, Added, LONGEST_LABEL, TypedLabel},
    },
    portal::Portal,
    sites,
    types::LabelId,
    web::{Frame, PageResult, cookies, page_with_status, see_other},
};

const MAY: [Permission; 2] = [Permission::ManagePatientData, Permission::ManageLabels];

#[derive(Template)]
#[template(path = "patients/labels.html")]
struct LabelsPage {
    frame: Frame,
    called: String,
    action: String,
    list: String,
    back: String,
    /// What the patient has, in order.
    own: Vec<Label>,
    /// What else there is.
    others: Vec<Label>,
    may_create: bool,
    manage: Option<String>,
    text: String,
    longest: usize,
    /// A text that is no label yet and can be made one.
    offer: Option<String>,
    problem: Option<String>,
}

/// One press: `add`, `create` with a text; `add`, `remove`, `up`, `down` with a label behind a colon.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LabelsForm {
    r#do: String,
    text: String,
    list: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(asked): Query<Back>,
    jar: CookieJar,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "labels").await?;
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &one.place, "Labels", jar).await?;
    let form = LabelsForm { list: asked.list, ..LabelsForm::default() };
    let page = render(&portal, &caller, one, (frame, form), (None, Fields::new())).await?;
    Ok((jar, page).into_response())
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<LabelsForm>,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "labels").await?;
    let outcome = press(&portal, &caller, &one, &form).await;
    let (title, again) = match outcome {
        Ok(Done::Said(text)) => {
            let list = url::form_urlencoded::byte_serialize(form.list.as_bytes()).collect::<String>();
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            return Ok((jar, see_other(&format!("{}/labels?list={list}", one.address()))).into_response());
        }
        Ok(Done::Offers(text)) => ("Labels", (Some(text), Fields::new())),
        Err(Error::Invalid(problems)) => ("Error: Labels", (None, problems)),
        Err(other) => return Err(other.into()),
    };
    let frame = sites::pages::frame(&portal, caller.actor()?, &one.place, title).await?;
    render(&portal, &caller, one, (frame, form), again).await
}

/// What a press came to.
enum Done {
    /// A change, in words.
    Said(String),
    /// There is no label of this text; it can be made.
    Offers(String),
}

async fn press(portal: &Portal, caller: &Caller, one: &One, form: &LabelsForm) -> Result<Done> {
    let (scope, patient) = (one.place.scope, one.patient.id);
    let (verb, id) = form.r#do.split_once(':').unwrap_or((&form.r#do, ""));
    if id.is_empty() {
        let typed = TypedLabel { text: &form.text, create: verb == "create", also: &[] };
        return Ok(match actions::add_typed_label(portal, caller, scope, &[patient], typed).await? {
            Added::Given(_) => Done::Said("The label was added.".to_owned()),
            Added::Offered(text) => Done::Offers(text),
        });
    }
    let id: LabelId = id.parse().map_err(|_| Error::field("text", "This label is no longer there."))?;
    let mut order: Vec<_> = one.patient.labels.iter().map(|label| label.id).collect();
    let at = order.iter().position(|other| *other == id);
    let said = match (verb, at) {
        ("add", _) => {
            actions::add_labels(portal, caller, scope, &[patient], &[id]).await?;
            "The label was added."
        }
        ("remove", _) => {
            actions::remove_labels(portal, caller, scope, &[patient], &[id]).await?;
            "The label was removed."
        }
        ("up" | "down", Some(at)) => {
            let to = if verb == "up" { at.saturating_sub(1) } else { (at + 1).min(order.len() - 1) };
            order.swap(at, to);
            actions::place_labels(portal, caller, scope, patient, &order).await?;
            "The labels stand in another order now."
        }
        _ => return Err(Error::field("text", "Choose what to do with the labels.")),
    };
    Ok(Done::Said(said.to_owned()))
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    one: One,
    (frame, form): (Frame, LabelsForm),
    (offer, problems): (Option<String>, Fields),
) -> PageResult {
    let all = actions::all_labels(portal, caller, one.place.scope).await?;
    let own = one.patient.labels.clone();
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let may_create = caller.actor()?.may(Permission::ManageLabels, &one.place.scope);
    page_with_status(
        status,
        &LabelsPage {
            frame,
            called: one.patient.called().to_owned(),
            action: format!("{}/labels", one.address()),
            list: one.carry(&form.list),
            back: one.back(&form.list),
            others: all.into_iter().filter(|label| !own.contains(label)).collect(),
            own,
            may_create,
            manage: may_create.then(|| format!("{}/labels", one.place.scope.path())),
            text: form.text.chars().take(200).collect(),
            longest: LONGEST_LABEL,
            offer,
            problem: beside(&problems, "text"),
        },
    )
}
