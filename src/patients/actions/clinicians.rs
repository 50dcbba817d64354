//! Assigning clinicians: whose patient somebody is. It gives no access; it fills the filter **My patients**.

use serde_json::json;

use crate::{
    access::{OnePatient, Permission},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    patients::store,
    portal::Portal,
    staff::{self, Carer},
    types::{AccountId, PatientId},
};

/// How many clinicians a patient has at most.
const MOST: usize = 50;

/// How many were added and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assigned {
    /// New ones.
    pub added: usize,
    /// Those who are it no longer.
    pub removed: usize,
    /// How many there are now.
    pub now: usize,
}

/// The clinicians of a patient who still work here, by name.
///
/// # Errors
/// When the database fails.
pub async fn clinicians_of(portal: &Portal, one: &OnePatient) -> Result<Vec<Carer>> {
    let db = portal.db.reader();
    let accounts = store::clinicians_of(db, one).await?;
    staff::actions::carers(db, one.scope(), &accounts, portal.now()).await
}

/// Makes these people, and nobody else, the patient's clinicians. Each of them must be able to see the patient.
///
/// # Errors
/// [`Error::Invalid`] when one of them cannot.
pub async fn assign_clinicians(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    chosen: &[AccountId],
) -> Result<Assigned> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ManagePatientData, patient).await?;
    let scope = granted.scope();
    let before = store::clinicians_now(op.tx(), patient).await?;
    if chosen.len() > MOST {
        return Err(Error::field("clinician", format!("A patient can have at most {MOST} clinicians.")));
    }
    let added: Vec<_> = chosen.iter().copied().filter(|account| !before.contains(account)).collect();
    let able = staff::actions::carers(op.tx(), scope, &added, op.now()).await?;
    if able.len() != added.len() {
        let text = "One of the people chosen has no access to this patient any more. Look at the list again.";
        return Err(Error::field("clinician", text));
    }
    let removed: Vec<_> = before.iter().copied().filter(|account| !chosen.contains(account)).collect();
    if !added.is_empty() || !removed.is_empty() {
        store::change_clinicians(op.tx(), &granted, patient, (&added, &removed), op.now()).await?;
        let ids = |these: &[AccountId]| these.iter().map(ToString::to_string).collect::<Vec<_>>();
        let detail = json!({ "added": ids(&added), "removed": ids(&removed) });
        op.record(Event::done("patient.clinicians_assigned", patient, scope, detail));
    }
    op.commit().await?;
    Ok(Assigned { added: added.len(), removed: removed.len(), now: chosen.len() })
}
