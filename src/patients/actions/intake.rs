//! What another system sends in at once: patients and entries, all of it or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::json;

use super::insert_patients;
use crate::{
    access::{self, Granted, Permission, Scope},
    audit::Event,
    error::Error,
    op::{Caller, Op},
    patients::{NewPatient, store},
    portal::Portal,
    readings::{self, Measured, Module, NewReading},
    types::{PatientId, ReadingId, Timestamp},
};

/// A patient that is sent in.
#[derive(Clone, Debug)]
pub struct SentPatient {
    /// The deployment.
    pub scope: Scope,
    /// Who.
    pub new: NewPatient,
    /// Whether a patient who has the number already is meant, and nothing is to be added then.
    pub unless_there: bool,
}

/// Whose an entry is.
#[derive(Clone, Debug)]
pub enum Whose {
    /// Of the patient at this place of the same sending.
    Sent(usize),
    /// Of a patient who is there.
    Known(PatientId),
    /// Of whoever has this number in the deployment.
    Numbered(Scope, String),
}

/// An entry that is sent in.
#[derive(Clone, Debug)]
pub struct SentEntry {
    /// Whose.
    pub whose: Whose,
    /// Which module.
    pub module: &'static Module,
    /// What was measured.
    pub measured: Measured,
    /// When.
    pub at: Timestamp,
    /// `system|value`; the same one twice is entered once.
    pub identifier: Option<String>,
}

/// What became of it, in the order of what was sent.
#[derive(Debug, Default)]
pub struct TakenIn {
    /// Each patient, and whether they are new.
    pub patients: Vec<(PatientId, bool)>,
    /// Each entry, and whether it is new.
    pub entries: Vec<(ReadingId, bool)>,
}

/// Which part of a sending cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The patient at this place.
    Patient(usize),
    /// The entry at this place.
    Entry(usize),
}

/// Why nothing was taken in.
#[derive(Debug)]
pub struct NotTaken {
    /// What it is about, if it is about one part.
    pub spot: Option<Spot>,
    /// Why.
    pub error: Error,
}

impl<E: Into<Error>> From<E> for NotTaken {
    fn from(error: E) -> Self {
        Self { spot: None, error: error.into() }
    }
}

/// Takes in what was sent: in one transaction, and nothing of it when any part cannot be taken. Needs **Manage patient data**.
///
/// # Errors
/// What is wrong, and with which part.
pub async fn take_in(
    portal: &Portal,
    caller: &Caller,
    patients: Vec<SentPatient>,
    entries: Vec<SentEntry>,
) -> Result<TakenIn, NotTaken> {
    let op = Op::begin(portal, caller).await?;
    let homes = homes_of(&op, &entries).await?;
    let (mut op, granted) = require_all(op, &patients, &entries, &homes).await?;
    let taken = take_patients(&mut op, &granted, patients).await?;
    let numbered = find_numbers(&op, &granted, &entries).await?;
    let total = entries.len();
    let mut by_place: BTreeMap<String, (Scope, Vec<(usize, NewReading)>)> = BTreeMap::new();
    for (n, entry) in entries.into_iter().enumerate() {
        let found = match &entry.whose {
            Whose::Sent(place) => taken.get(*place).map(|(id, scope, _)| (*id, *scope)),
            Whose::Known(id) => homes.get(id).map(|scope| (*id, *scope)),
            Whose::Numbered(scope, number) => numbered.get(&(*scope, number.to_lowercase())).map(|id| (*id, *scope)),
        };
        let (patient, scope) = found.ok_or(NotTaken { spot: Some(Spot::Entry(n)), error: Error::NotFound })?;
        let SentEntry { module, measured, at, identifier, .. } = entry;
        let reading = NewReading { patient, module, measured, at, identifier };
        by_place.entry(scope.to_string()).or_insert_with(|| (scope, Vec::new())).1.push((n, reading));
    }
    let mut entered = vec![None; total];
    for (scope, sent) in by_place.into_values() {
        let (places, new): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
        let ids = enter(&mut op, granted.get(&scope).ok_or(Error::NotFound)?, new).await?;
        for (n, id) in places.into_iter().zip(ids) {
            if let Some(place) = entered.get_mut(n) {
                *place = Some(id);
            }
        }
    }
    op.commit().await?;
    let patients = taken.into_iter().map(|(id, _, new)| (id, new)).collect();
    Ok(TakenIn { patients, entries: entered.into_iter().flatten().collect() })
}

/// Where the patients are who are named by id.
async fn homes_of(op: &Op, entries: &[SentEntry]) -> Result<HashMap<PatientId, Scope>, NotTaken> {
    let account = op.actor()?.account;
    let mut homes = HashMap::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Whose::Known(patient) = entry.whose
            && !homes.contains_key(&patient)
        {
            let found = access::whereabouts(op.tx(), patient, account, op.now()).await?;
            let found = found.ok_or(NotTaken { spot: Some(Spot::Entry(n)), error: Error::NotFound })?;
            homes.insert(patient, found.scope);
        }
    }
    Ok(homes)
}

/// Shows authority for every deployment that something is sent to, before anything is written.
async fn require_all(
    mut op: Op,
    patients: &[SentPatient],
    entries: &[SentEntry],
    homes: &HashMap<PatientId, Scope>,
) -> Result<(Op, HashMap<Scope, Granted>), NotTaken> {
    let of_patients = patients.iter().enumerate().map(|(n, sent)| (Spot::Patient(n), Some(sent.scope)));
    let of_entries = entries.iter().enumerate().map(|(n, entry)| {
        let scope = match &entry.whose {
            Whose::Sent(_) => None,
            Whose::Known(id) => homes.get(id).copied(),
            Whose::Numbered(scope, _) => Some(*scope),
        };
        (Spot::Entry(n), scope)
    });
    let mut granted = HashMap::new();
    for (spot, scope) in of_patients.chain(of_entries) {
        let Some(scope) = scope.filter(|scope| !granted.contains_key(scope)) else { continue };
        let shown = op.require(Permission::ManagePatientData, scope).await;
        let (again, proof) = shown.map_err(|error| NotTaken { spot: Some(spot), error })?;
        op = again;
        granted.insert(scope, proof);
    }
    Ok((op, granted))
}

/// Adds the patients who are not there yet; gives each with their deployment, and whether they are new.
async fn take_patients(
    op: &mut Op,
    granted: &HashMap<Scope, Granted>,
    sent: Vec<SentPatient>,
) -> Result<Vec<(PatientId, Scope, bool)>, NotTaken> {
    let mut taken = vec![None; sent.len()];
    for (scope, proof) in granted {
        let mine: Vec<_> = sent.iter().enumerate().filter(|(_, patient)| patient.scope == *scope).collect();
        let numbers: Vec<_> = mine.iter().map(|(_, patient)| patient.new.number.clone()).collect();
        let there = store::by_numbers(op.tx(), proof, &numbers).await?;
        let (mut new, mut places) = (Vec::new(), HashMap::new());
        for (n, patient) in &mine {
            let key = patient.new.number.to_lowercase();
            let known = there.contains_key(&key) || places.contains_key(&key);
            if known && !patient.unless_there {
                let error = Error::Conflict(format!("The patient number {} is taken.", patient.new.number));
                return Err(NotTaken { spot: Some(Spot::Patient(*n)), error });
            }
            if !known {
                places.insert(key, new.len());
                new.push(patient.new.clone());
            }
        }
        let added = insert_patients(op, proof, new).await?;
        let mut fresh = HashSet::new();
        for (n, patient) in mine {
            let key = patient.new.number.to_lowercase();
            let made = places.get(&key).and_then(|place| added.get(*place)).copied();
            if let (Some(id), Some(place)) = (made.or_else(|| there.get(&key).copied()), taken.get_mut(n)) {
                *place = Some((id, *scope, made.is_some() && fresh.insert(id)));
            }
        }
        if !added.is_empty() {
            op.record(Event::done("patients.added", scope, *scope, json!({ "patients": added.len() })));
        }
    }
    Ok(taken.into_iter().flatten().collect())
}

/// The patients who are named by number.
async fn find_numbers(
    op: &Op,
    granted: &HashMap<Scope, Granted>,
    entries: &[SentEntry],
) -> Result<HashMap<(Scope, String), PatientId>, Error> {
    let mut found = HashMap::new();
    for (scope, proof) in granted {
        let mut numbers: Vec<_> = entries
            .iter()
            .filter_map(|entry| match &entry.whose {
                Whose::Numbered(at, number) if at == scope => Some(number.to_lowercase()),
                _ => None,
            })
            .collect();
        numbers.sort();
        numbers.dedup();
        let there = store::by_numbers(op.tx(), proof, &numbers).await?;
        found.extend(there.into_iter().map(|(number, id)| ((*scope, number), id)));
    }
    Ok(found)
}

async fn enter(op: &mut Op, granted: &Granted, new: Vec<NewReading>) -> Result<Vec<(ReadingId, bool)>, Error> {
    let scope = granted.scope();
    let patients: BTreeSet<_> = new.iter().map(|reading| reading.patient).collect();
    let entered = readings::actions::enter_readings(op, granted, new).await?;
    if entered.new > 0 {
        let detail = json!({ "readings": entered.new, "patients": patients.len() });
        let subject = match (patients.first(), patients.len()) {
            (Some(one), 1) => one.to_string(),
            _ => scope.to_string(),
        };
        op.record(Event::done("readings.entered", subject, scope, detail));
    }
    Ok(entered.ids)
}
