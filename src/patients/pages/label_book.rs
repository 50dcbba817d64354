//! The labels of a deployment: create, rename, delete.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::beside;
use crate::{
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::{
        Label,
        actions::{self, LONGEST_LABEL},
    },
    portal::Portal,
    sites::{self, Place},
    types::LabelId,
    web::{Choice, Frame, PageResult, cookies, page_with_status, see_other},
};

/// A label with what may be typed over it.
pub struct LabelRow {
    id: String,
    text: String,
    typed: String,
    uses: u64,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/label_book.html")]
struct BookPage {
    frame: Frame,
    place: String,
    rows: Vec<LabelRow>,
    text: String,
    longest: usize,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/label_delete.html")]
struct DeletePage {
    frame: Frame,
    text: String,
    uses: u64,
    action: String,
    back: String,
    others: Vec<Choice>,
    problem: Option<String>,
}

/// A label's text, or what shall stand instead of it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct LabelForm {
    text: String,
    instead: String,
}

fn path(place: &Place) -> String {
    format!("{}/labels", place.scope.path())
}

async fn place_for(portal: &Portal, caller: &Caller, scope: &str) -> Result<Place> {
    sites::actions::place_for(portal, caller.actor()?, scope).await
}

fn id_of(label: &str) -> Result<LabelId> {
    label.parse().map_err(|_| Error::NotFound)
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &place, "Labels", jar).await?;
    let page = render(&portal, &caller, &place, frame, None).await?;
    Ok((jar, page).into_response())
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<LabelForm>,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    match actions::create_label(&portal, &caller, place.scope, &form.text).await {
        Ok(label) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", &format!("Created: {}.", label.text));
            Ok((jar, see_other(&path(&place))).into_response())
        }
        Err(Error::Invalid(problems)) => again(&portal, &caller, &place, (None, form.text, problems)).await,
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn rename(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, label)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<LabelForm>,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    let id = id_of(&label)?;
    match actions::rename_label(&portal, &caller, place.scope, id, &form.text).await {
        Ok(()) => {
            let jar = cookies::leave_flash(
                &portal.config,
                jar,
                "done",
                "The label has another text, for everybody who has it.",
            );
            Ok((jar, see_other(&path(&place))).into_response())
        }
        Err(Error::Invalid(problems)) => again(&portal, &caller, &place, (Some(id), form.text, problems)).await,
        Err(other) => Err(other.into()),
    }
}

/// What was typed where, and why it cannot be.
type Again = (Option<LabelId>, String, Fields);

async fn again(portal: &Portal, caller: &Caller, place: &Place, again: Again) -> PageResult {
    let frame = sites::pages::frame(portal, caller.actor()?, place, "Error: Labels").await?;
    render(portal, caller, place, frame, Some(again)).await
}

async fn render(portal: &Portal, caller: &Caller, place: &Place, frame: Frame, again: Option<Again>) -> PageResult {
    let book = actions::label_book(portal, caller, place.scope).await?;
    let status = if again.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (at, typed, problems) = again.unwrap_or_default();
    let typed: String = typed.chars().take(200).collect();
    let problem = beside(&problems, "text");
    let row = |(label, uses): (Label, u64)| {
        let here = at == Some(label.id);
        LabelRow {
            id: label.id.to_string(),
            typed: if here { typed.clone() } else { label.text.clone() },
            text: label.text,
            uses,
            problem: problem.clone().filter(|_| here),
        }
    };
    let rows = book.into_iter().map(row).collect();
    let view = BookPage {
        frame,
        place: place.full_name(),
        rows,
        text: if at.is_none() { typed.clone() } else { String::new() },
        longest: LONGEST_LABEL,
        problem: problem.filter(|_| at.is_none()),
    };
    page_with_status(status, &view)
}

pub(super) async fn ask_delete(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, label)): Path<(String, String)>,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    ask(&portal, &caller, &place, (id_of(&label)?, String::new(), None)).await
}

pub(super) async fn delete(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, label)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<LabelForm>,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    let id = id_of(&label)?;
    let gone = "This label is no longer there; choose another.";
    let instead = match form.instead.as_str() {
        "" => Ok(None),
        other => other.parse::<LabelId>().map(Some),
    };
    let Ok(instead) = instead else {
        return ask(&portal, &caller, &place, (id, form.instead, Some(gone.to_owned()))).await;
    };
    match actions::delete_label(&portal, &caller, place.scope, id, instead).await {
        Ok((text, had)) => {
            let patients = if had == 1 { "1 patient".to_owned() } else { format!("{had} patients") };
            let became = if instead.is_some() { "who have the other one now" } else { "who had it" };
            let text = match had {
                0 => format!("Deleted: {text}. Nobody had it."),
                _ => format!("Deleted: {text}, of {patients} {became}."),
            };
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            Ok((jar, see_other(&path(&place))).into_response())
        }
        Err(Error::Invalid(problems)) => {
            let problem = beside(&problems, "instead");
            ask(&portal, &caller, &place, (id, form.instead, problem)).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn ask(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    (id, instead, problem): (LabelId, String, Option<String>),
) -> PageResult {
    let book = actions::label_book(portal, caller, place.scope).await?;
    let (label, uses) = book.iter().find(|(label, _)| label.id == id).cloned().ok_or(Error::NotFound)?;
    let others = book.into_iter().filter(|(label, _)| label.id != id);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = DeletePage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Delete label").await?,
        text: label.text,
        uses,
        action: format!("{}/{id}/delete", path(place)),
        back: path(place),
        others: others
            .map(|(other, _)| {
                let value = other.id.to_string();
                Choice { selected: value == instead, value, label: other.text }
            })
            .collect(),
        problem,
    };
    page_with_status(status, &view)
}
