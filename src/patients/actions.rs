//! Listing patients, finding one, and adding them.

mod intake;
mod search;

pub use intake::{NotTaken, SentEntry, SentPatient, Spot, TakenIn, Whose, take_in};
pub use search::{PatientSearch, count_patients, search_patients};

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use super::{ListedPatient, NewPatient, Patient, store};
use crate::{
    access::{Granted, OnePatient, Permission, Scope},
    audit::Event,
    db::Tx,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    readings::{self, actions::NewEntries},
    types::{Cursor, PageOf, PatientId},
};

/// One page of the patients of a deployment, worst flags first. Without **View patient identifiers** there are no names, and a
/// search by name finds nothing. Who was shown is in the access log before this returns.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    search: &str,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<ListedPatient>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let with_names = caller.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    let db = portal.db.reader();
    let rows = store::list(db, &visible, with_names, search, from, size).await?;
    let page = PageOf::cut(rows, size, from, |row, backwards| {
        let place = format!("{}.{}.{}.{}", u8::from(row.monitored), row.flags.red, row.flags.amber, row.flags.grey);
        Cursor::new(place, row.id, backwards)
    });
    let shown: Vec<_> = page.rows.iter().map(|row| row.id).collect();
    let mut latest = readings::actions::latest_of(db, &visible, shown.clone()).await?;
    let rows = page.rows.into_iter();
    let rows = rows.map(|row| ListedPatient { latest: latest.remove(&row.id).unwrap_or_default(), ..row }).collect();
    caller.saw(portal, scope, "list", shown).await?;
    Ok(PageOf { rows, ..page })
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
