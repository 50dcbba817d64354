//! Writing notes, resolving flags, and reading what was noted.

use std::time::Duration;

use serde_json::json;

use super::{Note, Resolved, Review, ToReview, read_text, store};
use crate::{
    access::{Granted, OnePatient, Permission},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    readings::{self, Unreviewed},
    types::{Cursor, NoteId, PageOf, PatientId, ReadingId, Timestamp},
};

/// How many entries one note reviews at most; what is beyond waits for the next.
const MOST: usize = 2000;

/// The same words by the same person within this time are one note sent twice.
const ONE_PRESS: Duration = Duration::from_secs(10 * 60);

/// What nobody has reviewed, for the person who is about to.
///
/// # Errors
/// When the database fails.
pub async fn to_review(portal: &Portal, one: &OnePatient) -> Result<ToReview> {
    let db = portal.db.reader();
    let (serious, more_serious) = readings::actions::unreviewed(db, one, true, MOST / 2).await?;
    let (others, more_others) = readings::actions::unreviewed(db, one, false, MOST / 2).await?;
    Ok(ToReview { serious, others, more: more_serious || more_others })
}

/// Writes a note that reviews entries, and lowers the patient's flags by exactly those. Entries that arrived meanwhile stay
/// flagged, and what somebody else has reviewed stays theirs.
///
/// # Errors
/// [`Error::Invalid`] when the note is empty, or red and amber entries were not seen; then nothing is done.
pub async fn resolve_flags(portal: &Portal, caller: &Caller, patient: PatientId, review: &Review) -> Result<Resolved> {
    let text = words(&review.text)?;
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require_for(Permission::ManageNotes, patient).await?;
    let unseen: Vec<ReadingId> = review.beside.iter().filter(|id| !review.seen.contains(id)).copied().collect();
    let unseen = readings::actions::serious_among(&op, &granted, patient, &unseen).await?;
    if let Some(reading) = unseen.first() {
        let label = reading.module.label;
        return Err(Error::field("seen", format!("Look at the entries of {label} and tick that you have seen them.")));
    }
    let mut ids: Vec<_> = review.seen.iter().chain(&review.beside).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    write(op, &granted, patient, &text, Ok(&ids)).await
}

/// The same for all entries that were measured before an instant.
///
/// # Errors
/// As [`resolve_flags`].
pub async fn review_before(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    text: &str,
    before: Timestamp,
) -> Result<Resolved> {
    let text = words(text)?;
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require_for(Permission::ManageNotes, patient).await?;
    write(op, &granted, patient, &text, Err(before)).await
}

/// Writes a note that reviews nothing.
///
/// # Errors
/// As [`resolve_flags`].
pub async fn add_note(portal: &Portal, caller: &Caller, patient: PatientId, text: &str) -> Result<NoteId> {
    let review = Review { text: text.to_owned(), ..Review::default() };
    Ok(resolve_flags(portal, caller, patient, &review).await?.note)
}

fn words(typed: &str) -> Result<String> {
    read_text(typed).map_err(|why| Error::field("note", why))
}

async fn write(
    mut op: Op,
    granted: &Granted,
    patient: PatientId,
    text: &str,
    which: Result<&[ReadingId], Timestamp>,
) -> Result<Resolved> {
    let (author, author_name) = (op.actor()?.account, op.actor()?.name.clone());
    let id: NoteId = op.new_id();
    let (reviewed, left) = readings::actions::mark_reviewed(&op, granted, patient, id, which).await?;
    let asked = which.map_or(0, |ids| i64::try_from(ids.len()).unwrap_or(i64::MAX));
    let gone = (asked - reviewed.all()).max(0);
    if reviewed.all() == 0 {
        let since = op.now().minus(ONE_PRESS);
        let same = store::same_since(op.tx(), granted, (patient, author), (text, None), since).await?;
        if let Some(note) = same {
            return Ok(Resolved { note, reviewed, gone, left });
        }
    }
    let new = store::NewNote {
        id,
        patient,
        author,
        author_name: &author_name,
        text,
        at: op.now(),
        addendum_to: None,
        reviewed,
    };
    store::insert(op.tx(), granted, new).await?;
    let event = match reviewed.all() {
        0 => Event::done("note.added", patient, granted.scope(), json!({ "note_id": id })),
        n => Event::done("flags.resolved", patient, granted.scope(), json!({ "note_id": id, "readings": n })),
    };
    op.record(event);
    op.commit().await?;
    Ok(Resolved { note: id, reviewed, gone, left })
}

/// Adds to a note.
///
/// # Errors
/// [`Error::NotFound`] when the patient has no such note, or it is an addendum itself.
pub async fn add_addendum(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    to: NoteId,
    text: &str,
) -> Result<NoteId> {
    let text = words(text)?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ManageNotes, patient).await?;
    if !store::can_be_added_to(op.tx(), &granted, patient, to).await? {
        return Err(Error::NotFound);
    }
    let (author, author_name) = (op.actor()?.account, op.actor()?.name.clone());
    let since = op.now().minus(ONE_PRESS);
    let same = store::same_since(op.tx(), &granted, (patient, author), (&text, Some(to)), since).await?;
    if let Some(id) = same {
        return Ok(id);
    }
    let id: NoteId = op.new_id();
    let new = store::NewNote {
        id,
        patient,
        author,
        author_name: &author_name,
        text: &text,
        at: op.now(),
        addendum_to: Some(to),
        reviewed: Unreviewed::default(),
    };
    store::insert(op.tx(), &granted, new).await?;
    let detail = json!({ "note_id": to, "addendum": id });
    op.record(Event::done("note.addendum_added", patient, granted.scope(), detail));
    op.commit().await?;
    Ok(id)
}

/// One page of a patient's notes, newest first, each with what was added to it.
///
/// # Errors
/// When the database fails.
pub async fn list_notes(portal: &Portal, one: &OnePatient, from: Option<&Cursor>, size: usize) -> Result<PageOf<Note>> {
    let rows = store::page(portal.db.reader(), one, from, size).await?;
    Ok(PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", row.id, backwards)))
}
