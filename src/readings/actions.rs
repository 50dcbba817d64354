//! Entering what was measured. Every door enters readings here: staff, devices, other systems, imported files.

mod search;

pub use search::{ReadingSearch, Readings, entries_of, search_readings, show_reading};

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use sea_orm::ConnectionTrait;

use super::{Latest, NewReading, Severity, judge, store};
use crate::{
    access::{Granted, Via, Visible},
    error::{Error, Result},
    op::Op,
    patients, programmes,
    types::{PatientId, ReadingId},
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
