//! **Notes**: everything that was noted about a patient, newest first, and adding to a note.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form};
use serde::Deserialize;

use super::for_writing;
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    notes::{LONGEST, Note, actions, initials},
    op::Caller,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    readings::Unreviewed,
    types::{Cursor, NoteId},
    web::{Frame, PageResult, Pager, When, cookies, lists::ListAddress, page_with_status, see_other},
};

const PAGE: usize = 25;

/// A note, or what was added to one.
struct Written {
    id: String,
    initials: String,
    author: String,
    when: When,
    text: String,
    reviewed: Unreviewed,
    addenda: Vec<Written>,
    /// What was typed to be added, and what is wrong with it.
    adding: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "patients/notes.html")]
struct NotesPage {
    frame: Frame,
    rail: Rail,
    notes: Vec<Written>,
    pager: Pager,
    from: String,
    longest: usize,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    from: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AddendumForm {
    to: String,
    note: String,
    from: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    Ok(render(&portal, &caller, (&scope, &patient), jar, &asked.from, None).await?)
}

/// Adds to a note.
pub(super) async fn add_to(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    Form(form): Form<AddendumForm>,
) -> PageResult {
    let id = for_writing(&portal, &caller, &scope, &patient).await?;
    let to: NoteId = form.to.parse().map_err(|_| Error::NotFound)?;
    match actions::add_addendum(&portal, &caller, id, to, &form.note).await {
        Ok(_) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", "Added to the note.");
            let list = ListAddress::new(format!("/{scope}/patients/{patient}/notes")).with("from", &form.from);
            Ok((jar, see_other(&format!("{}#{to}", list.url()))).into_response())
        }
        Err(Error::Invalid(problems)) => {
            let why = problems.into_iter().next().map(|(_, why)| why).unwrap_or_default();
            let failed = Some((to, form.note, why));
            Ok(render(&portal, &caller, (&scope, &patient), jar, &form.from, failed).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    (scope, patient): (&str, &str),
    jar: CookieJar,
    from: &str,
    failed: Option<(NoteId, String, String)>,
) -> Result<Response> {
    let (jar, opened) = rail::open(portal, caller, (scope, patient), (rail::Page::Notes, "notes"), jar).await?;
    let cursor = Cursor::decode(from);
    let found = actions::list_notes(portal, &opened.one, cursor.as_ref(), PAGE).await?;
    let (zone, now) = (opened.place.time_zone(), portal.now());
    let pager = ListAddress::new(format!("{}/notes", opened.rail.address)).pager(&found);
    let written = |note: &Note, addenda: Vec<Written>| Written {
        id: note.id.to_string(),
        initials: initials(&note.author_name),
        author: note.author_name.clone(),
        when: When::new(note.at, now, &zone),
        text: note.text.clone(),
        reviewed: note.reviewed,
        addenda,
        adding: failed.as_ref().filter(|(to, ..)| *to == note.id).map(|(_, typed, why)| (typed.clone(), why.clone())),
    };
    let notes = found.rows.iter().map(|note| {
        let addenda = note.addenda.iter().map(|addendum| written(addendum, Vec::new())).collect();
        written(note, addenda)
    });
    let view = NotesPage {
        notes: notes.collect(),
        pager,
        from: from.to_owned(),
        longest: LONGEST,
        frame: opened.frame,
        rail: opened.rail,
    };
    let status = if failed.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = page_with_status(status, &view).map_err(|error| error.0)?;
    Ok((jar, page).into_response())
}
