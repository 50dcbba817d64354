//! Listing patients, finding one, and adding them.

mod alike;
mod clinicians;
mod intake;
mod label_book;
mod labels;
mod monitoring;
mod profile;
mod search;

pub use alike::{Alike, alike, label_keys, number_shape, person_key};
pub use clinicians::{Assigned, assign_clinicians, clinicians_of};
pub use intake::{NotTaken, SentEntry, SentPatient, Spot, TakenIn, Whose, take_in};
pub use label_book::{MOST_LABELS, create_label, delete_label, label_book, rename_label};
pub use labels::{
    Added, LONGEST_LABEL, MOST_OF_A_PATIENT, TypedLabel, add_labels, add_typed_label, all_labels, may_label,
    place_labels, read_label, remove_labels,
};
pub use monitoring::{LONGEST_REASON, REASONS, may_offboard, reactivate, stop_monitoring};
pub use profile::{Typed, add_patient, change_profile};
pub use search::{PatientSearch, count_patients, search_patients};

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::{
    ListedPatient, NewPatient, Patient,
    query::{Query, Reader},
    store,
};
use crate::{
    access::{Granted, OnePatient, Permission, Scope},
    audit::Event,
    db::Tx,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    readings::{self, Unreviewed, actions::NewEntries},
    types::{Cursor, PageOf, PatientId},
};

/// One page of the patients of a deployment, worst flags first or by a value. Without **View patient identifiers** there are no names,
/// a search by name finds nothing, and birth dates narrow nothing. Who was shown is in the access log before this returns.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    query: &Query,
    size: usize,
) -> Result<PageOf<ListedPatient>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let actor = caller.actor()?;
    let identifiers = actor.may(Permission::ViewPatientIdentifiers, &scope);
    let reader = Reader { account: actor.account, identifiers, now: portal.now() };
    let db = portal.db.reader();
    // A place that this order does not have is the beginning.
    let from = query.from.clone().filter(|_| query.start().is_some());
    let query = Query { from, ..query.clone() };
    let rows = store::list(db, &visible, &reader, &query, size).await?;
    let page = PageOf::cut(rows, size, query.from.as_ref(), |(row, value), backwards| {
        let flags = row.flags;
        let place = match value {
            Some(value) => format!("v{value}"),
            None => format!("{}.{}.{}.{}", u8::from(row.monitored), flags.red, flags.amber, flags.grey),
        };
        Cursor::new(place, row.id, backwards)
    });
    let shown: Vec<_> = page.rows.iter().map(|(row, _)| row.id).collect();
    let mut latest = readings::actions::latest_of(db, &visible, shown.clone()).await?;
    let rows = page.rows.into_iter();
    let rows =
        rows.map(|(row, _)| ListedPatient { latest: latest.remove(&row.id).unwrap_or_default(), ..row }).collect();
    caller.saw(portal, scope, "list", shown).await?;
    Ok(PageOf { rows, previous: page.previous, next: page.next })
}

/// What patients of a deployment are called: by name for those who may see names, otherwise by number. The view is in the access log, as
/// `what`, before this returns.
///
/// # Errors
/// When the caller may not see them, or none of them is there.
pub async fn name_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    ids: &[PatientId],
    what: &'static str,
) -> Result<Vec<(PatientId, String)>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let with_names = caller.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    let named = store::names(portal.db.reader(), &visible, with_names, ids).await?;
    if named.is_empty() {
        return Err(Error::NotFound);
    }
    caller.saw(portal, scope, what, named.iter().map(|(id, _)| *id).collect()).await?;
    Ok(named)
}

/// A patient, with identifiers if the caller may see them, and the proof for reading more of them. The view is in the access log,
/// as `what`, before this returns.
///
/// # Errors
/// When the caller may not see them, or there is none.
pub async fn show_patient(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    what: &'static str,
) -> Result<(Patient, OnePatient)> {
    let one = caller.patient(portal, Permission::ViewPatientData, patient).await?;
    let found = store::find(portal.db.reader(), &one).await?.ok_or(Error::NotFound)?;
    caller.saw_one(portal, &one, what).await?;
    Ok((found, one))
}

/// Adds patients inside an operation; gives their ids in order. The caller has judged what was typed, and records the event.
///
/// # Errors
/// [`Error::Conflict`] when a number is taken, in the deployment or twice in the list.
pub async fn insert_patients(op: &Op, granted: &Granted, new: Vec<NewPatient>) -> Result<Vec<PatientId>> {
    let mut numbers = HashSet::new();
    let twice = new.iter().find(|patient| !numbers.insert(patient.number.to_lowercase()));
    let taken = store::taken_numbers(op.tx(), granted, &numbers.iter().cloned().collect::<Vec<_>>()).await?;
    if let Some(number) = twice.map(|patient| patient.number.clone()).or_else(|| taken.into_iter().next()) {
        return Err(Error::Conflict(format!("The patient number {number} is taken.")));
    }
    let new: Vec<_> = new.into_iter().map(|patient| (op.new_id(), patient)).collect();
    store::insert(op.tx(), granted, &new, op.now()).await?;
    let labelled: Vec<_> = new.iter().map(|(id, patient)| (*id, patient.labels.clone())).collect();
    store::set_labels(op.tx(), granted, &labelled, || op.new_id(), op.now()).await?;
    Ok(new.into_iter().map(|(id, _)| id).collect())
}

/// Adds patients to a deployment; gives their ids in order.
///
/// # Errors
/// As [`insert_patients`], and when the caller may not.
pub async fn add_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patients: Vec<NewPatient>,
) -> Result<Vec<PatientId>> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManagePatientData, scope).await?;
    let added = insert_patients(&op, &granted, patients).await?;
    op.record(Event::done("patients.added", scope, scope, json!({ "patients": added.len() })));
    op.commit().await?;
    Ok(added)
}

/// Raises the flags of patients by what was entered.
///
/// # Errors
/// [`Error::NotFound`] when one of them is no patient of the deployment of `granted`.
pub async fn count_entries(tx: &Tx, granted: &Granted, counts: &BTreeMap<PatientId, NewEntries>) -> Result<()> {
    let found = store::count_entries(tx, granted, counts).await?;
    if found == counts.len() as u64 { Ok(()) } else { Err(Error::NotFound) }
}

/// Sets the flags of a patient to what is not reviewed, as counted in this very operation.
///
/// # Errors
/// When the database fails.
pub async fn set_flags(tx: &Tx, granted: &Granted, patient: PatientId, left: Unreviewed) -> Result<()> {
    Ok(store::set_flags(tx, granted, patient, left).await?)
}
