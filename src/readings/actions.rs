//! Entering what was measured. Every door enters readings here: staff, devices, other systems, imported files.

mod search;

pub use search::{ReadingSearch, Readings, entries_of, search_readings, show_reading};

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{Latest, Module, NewReading, Reading, Severity, Unreviewed, Within, judge, store};
use crate::{
    access::{Granted, OnePatient, Permission, Via, Visible},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    patients,
    portal::Portal,
    programmes,
    types::{Cursor, NoteId, PageOf, PatientId, ReadingId, Timestamp},
};

/// What entering came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entered {
    /// New entries.
    pub new: usize,
    /// Entries that a sender had sent before.
    pub known: usize,
    /// The entry of each reading in the order of what was given, and whether it is new.
    pub ids: Vec<(ReadingId, bool)>,
}

/// New unreviewed entries of one patient.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewEntries {
    /// High.
    pub red: i64,
    /// Moderate.
    pub amber: i64,
    /// In range, or without thresholds.
    pub grey: i64,
    /// The newest of them, in milliseconds since 1970.
    pub newest: i64,
}

/// Enters readings of patients of the deployment of `granted`: judges each by the deployment's thresholds and raises the patients'
/// flags. What a sender sent before, by its identifier, is passed over. The caller records the event.
///
/// # Errors
/// [`Error::NotFound`] when one of the patients is not of this deployment, [`Error::Conflict`] when an identifier is one of another
/// patient's entry; nothing is entered then.
pub async fn enter_readings(op: &Op, granted: &Granted, readings: Vec<NewReading>) -> Result<Entered> {
    let deployment = granted.scope().deployment.ok_or(Error::NotFound)?;
    let programme = programmes::actions::programme_of(op.tx(), deployment).await?;
    let identifiers: Vec<_> = readings.iter().filter_map(|reading| reading.identifier.clone()).collect();
    let mut known = store::known_identifiers(op.tx(), deployment, &identifiers).await?;
    let (mut ids, mut fresh) = (Vec::with_capacity(readings.len()), Vec::new());
    for reading in readings {
        let (id, new) = match reading.identifier.as_ref().map(|identifier| known.entry(identifier.clone())) {
            Some(Entry::Occupied(place)) if place.get().1 == reading.patient => (place.get().0, false),
            Some(Entry::Occupied(_)) => {
                return Err(Error::Conflict("An entry of another patient has this identifier already".to_owned()));
            }
            Some(Entry::Vacant(place)) => (place.insert((op.new_id(), reading.patient)).0, true),
            None => (op.new_id(), true),
        };
        ids.push((id, new));
        if new {
            fresh.push((id, reading));
        }
    }
    let mut counts: BTreeMap<PatientId, NewEntries> = BTreeMap::new();
    let judged: Vec<_> = fresh
        .into_iter()
        .map(|(id, reading)| {
            let severity = judge(reading.module, programme.bands_of(reading.module), &reading.measured);
            let count = counts.entry(reading.patient).or_default();
            match severity {
                Severity::Red => count.red += 1,
                Severity::Amber => count.amber += 1,
                Severity::Green | Severity::None => count.grey += 1,
            }
            count.newest = count.newest.max(reading.at.0);
            (id, reading, severity)
        })
        .collect();
    let new = judged.len();
    // A device and its key have an owner, but nobody typed what they send.
    let by = op.actor().ok().filter(|actor| !matches!(actor.via, Via::ApiKey { .. })).map(|actor| actor.account);
    store::insert(op.tx(), granted, judged, by, op.now()).await?;
    patients::actions::count_entries(op.tx(), granted, &counts).await?;
    Ok(Entered { new, known: ids.len() - new, ids })
}

/// The newest entries of these patients.
///
/// # Errors
/// When the database fails.
pub async fn latest_of(
    db: &impl ConnectionTrait,
    visible: &Visible,
    ids: Vec<PatientId>,
) -> Result<HashMap<PatientId, Vec<Latest>>> {
    Ok(store::latest_of(db, visible, ids).await?)
}

/// Enters what a member of staff has measured of one patient. The event says how many, never what.
///
/// # Errors
/// When the caller may not, or there is no such patient.
pub async fn enter_by_hand(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    readings: Vec<NewReading>,
) -> Result<Entered> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ManagePatientData, patient).await?;
    let entered = enter_readings(&op, &granted, readings).await?;
    if entered.new > 0 {
        op.record(Event::done("readings.entered", patient, granted.scope(), json!({ "readings": entered.new })));
    }
    op.commit().await?;
    Ok(entered)
}

/// The newest entries of each of these modules, newest first.
///
/// # Errors
/// When the database fails.
pub async fn newest_of_each(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    modules: &[&'static Module],
    most: usize,
) -> Result<HashMap<&'static str, Vec<Reading>>> {
    Ok(store::newest_of_each(db, one, modules, most).await?)
}

/// The modules of which the patient has entries, whether they are still followed or not.
///
/// # Errors
/// When the database fails.
pub async fn modules_with_entries(db: &impl ConnectionTrait, one: &OnePatient) -> Result<Vec<&'static Module>> {
    Ok(store::followed_once(db, one).await?)
}

/// One page of a module's entries, newest first.
///
/// # Errors
/// When the database fails.
pub async fn page_of_readings(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    module: &Module,
    within: Within,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<Reading>> {
    let rows = store::page(db, one, module, within, from, size).await?;
    Ok(PageOf::cut(rows, size, from, |row, backwards| Cursor::new(row.at.0.to_string(), row.id, backwards)))
}

/// The newest `most` of a module's entries in a time, oldest first, and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn readings_between(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    module: &Module,
    within: Within,
    most: usize,
) -> Result<(Vec<Reading>, bool)> {
    Ok(store::between(db, one, module, within, most).await?)
}

/// How many entries of each module nobody has reviewed.
///
/// # Errors
/// When the database fails.
pub async fn unreviewed_by_module(
    db: &impl ConnectionTrait,
    one: &OnePatient,
) -> Result<Vec<(&'static Module, Unreviewed)>> {
    Ok(store::unreviewed_by_module(db, one).await?)
}

/// Entries that nobody has reviewed: the newest red and amber ones, or the oldest of the others; and whether there are more.
///
/// # Errors
/// When the database fails.
pub async fn unreviewed(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    serious: bool,
    most: usize,
) -> Result<(Vec<Reading>, bool)> {
    Ok(store::oldest_unreviewed(db, one, serious, most).await?)
}

/// Which of these entries are red or amber and not reviewed yet.
///
/// # Errors
/// When the database fails.
pub async fn serious_among(op: &Op, granted: &Granted, patient: PatientId, ids: &[ReadingId]) -> Result<Vec<Reading>> {
    Ok(store::serious_among(op.tx(), granted, patient, ids).await?)
}

/// Gives entries their note, and the patient the flags that are left. `which`: these entries, or all that were measured before an
/// instant. What another note has reviewed stays that note's.
///
/// # Errors
/// When the database fails.
pub async fn mark_reviewed(
    op: &Op,
    granted: &Granted,
    patient: PatientId,
    note: NoteId,
    which: Result<&[ReadingId], Timestamp>,
) -> Result<(Unreviewed, Unreviewed)> {
    let reviewed = store::mark_reviewed(op.tx(), granted, patient, note, which).await?;
    let left = store::count_unreviewed(op.tx(), granted, patient).await?;
    patients::actions::set_flags(op.tx(), granted, patient, left).await?;
    Ok((reviewed, left))
}
