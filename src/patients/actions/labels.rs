//! Labels: a deployment's own words for its patients. Giving them to patients takes **Manage patient data** or **Manage labels**; making,
//! renaming and deleting them takes **Manage labels**. Events name labels by their ids: what a label says of a patient is nobody's
//! business in the access log.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use crate::{
    access::{Actor, Granted, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    patients::{Label, store},
    portal::Portal,
    programmes,
    types::{DeploymentId, LabelId, PatientId},
};

/// The longest text of a label.
pub const LONGEST_LABEL: usize = 40;
/// How many labels a deployment has at most: beyond that nobody finds one.
pub const MOST_LABELS: u64 = 200;
/// How many labels a patient has at most.
const MOST_OF_A_PATIENT: usize = 20;

const MAY_GIVE: [Permission; 2] = [Permission::ManagePatientData, Permission::ManageLabels];

/// Whether the actor may give labels to patients here.
pub fn may_label(actor: &Actor, scope: &Scope) -> bool {
    MAY_GIVE.iter().any(|permission| actor.may(*permission, scope))
}

/// Every label of a deployment, by its text.
///
/// # Errors
/// When the caller may not see its patients.
pub async fn all_labels(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<Label>> {
    caller.scope(portal, Permission::ViewPatientData, scope).await?;
    Ok(store::all_labels(portal.db.reader(), deployment_of(scope)?).await?)
}

/// The labels of a deployment with how many patients have each, for those who manage them.
///
/// # Errors
/// When the caller may not.
pub async fn label_book(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<(Label, u64)>> {
    caller.scope(portal, Permission::ManageLabels, scope).await?;
    let deployment = deployment_of(scope)?;
    let labels = store::all_labels(portal.db.reader(), deployment).await?;
    let uses = store::label_uses(portal.db.reader(), deployment).await?;
    Ok(labels.into_iter().map(|label| (label.clone(), uses.get(&label.id).copied().unwrap_or(0))).collect())
}

fn deployment_of(scope: Scope) -> Result<DeploymentId> {
    scope.deployment.ok_or(Error::NotFound)
}

/// A label's text as it is kept.
fn read_text(text: &str) -> Result<String> {
    let refuse = |why: &str| Err(Error::field("text", why));
    if text.chars().any(|c| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{202a}'..='\u{202e}').contains(&c)) {
        return refuse("The label contains a character that cannot be seen; type it again.");
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => refuse("Type the label’s text."),
        1..=LONGEST_LABEL => Ok(text),
        _ => refuse("Use at most 40 characters for a label."),
    }
}

/// Where labels are switched off nobody gives or makes any.
async fn refuse_switched_off(op: &Op, scope: Scope) -> Result<()> {
    let programme = programmes::actions::programme_of(op.tx(), deployment_of(scope)?).await?;
    if programme.labels { Ok(()) } else { Err(Error::Conflict("Labels are switched off in this deployment".to_owned())) }
}

/// Begins giving labels to patients of one deployment; gives those of them that are there.
async fn begin_giving(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patients: &[PatientId],
) -> Result<(Op, Granted, Vec<PatientId>)> {
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require_either(MAY_GIVE, scope).await?;
    refuse_switched_off(&op, scope).await?;
    let there: HashSet<_> = store::among(op.tx(), &granted, patients).await?.into_iter().map(|(id, _)| id).collect();
    let found: Vec<_> = patients.iter().copied().filter(|id| there.contains(id)).collect();
    if found.is_empty() { Err(Error::NotFound) } else { Ok((op, granted, found)) }
}

/// Gives patients further labels; labels that are gone since are passed over. Gives how many patients it concerned.
///
/// # Errors
/// [`Error::NotFound`] when none of the patients is there; [`Error::Invalid`] when somebody would have too many.
pub async fn add_labels(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patients: &[PatientId],
    labels: &[LabelId],
) -> Result<usize> {
    let (mut op, granted, patients) = begin_giving(portal, caller, scope, patients).await?;
    give(&mut op, &granted, &patients, labels).await?;
    op.commit().await?;
    Ok(patients.len())
}

async fn give(op: &mut Op, granted: &Granted, patients: &[PatientId], labels: &[LabelId]) -> Result<()> {
    let known = store::labels_among(op.tx(), granted, labels).await?;
    if known.is_empty() {
        return Err(Error::field("text", "Choose at least one label."));
    }
    let wanted: Vec<_> = labels.iter().filter(|id| known.iter().any(|label| label.id == **id)).copied().collect();
    change(op, granted, patients, |before| {
        let mut after = before.to_vec();
        after.extend(wanted.iter().filter(|id| !before.contains(id)));
        after
    })
    .await
}

/// Takes labels from patients. Gives how many patients it concerned.
///
/// # Errors
/// [`Error::NotFound`] when none of the patients is there.
pub async fn remove_labels(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patients: &[PatientId],
    labels: &[LabelId],
) -> Result<usize> {
    let (mut op, granted, patients) = begin_giving(portal, caller, scope, patients).await?;
    if labels.is_empty() {
        return Err(Error::field("text", "Choose at least one label."));
    }
    change(&mut op, &granted, &patients, |before| {
        before.iter().copied().filter(|id| !labels.contains(id)).collect()
    })
    .await?;
    op.commit().await?;
    Ok(patients.len())
}

/// Moves a patient's labels about: `order` says in which order they shall stand; what it does not name stays behind.
///
/// # Errors
/// As [`add_labels`].
pub async fn place_labels(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patient: PatientId,
    order: &[LabelId],
) -> Result<()> {
    let (mut op, granted, patients) = begin_giving(portal, caller, scope, &[patient]).await?;
    change(&mut op, &granted, &patients, |before| {
        let mut after: Vec<_> = order.iter().copied().filter(|id| before.contains(id)).collect();
        after.extend(before.iter().filter(|id| !order.contains(id)));
        after
    })
    .await?;
    op.commit().await
}

/// Changes the labels of each patient by `after`; who is changed gets an event with the ids of the labels.
async fn change(
    op: &mut Op,
    granted: &Granted,
    patients: &[PatientId],
    after: impl Fn(&[LabelId]) -> Vec<LabelId>,
) -> Result<()> {
    let scope = granted.scope();
    let before: HashMap<PatientId, Vec<Label>> = store::labels_now(op.tx(), patients).await?;
    let mut wanted = Vec::new();
    for patient in patients {
        let had: Vec<_> = before.get(patient).into_iter().flatten().map(|label| label.id).collect();
        let gets = after(&had);
        if gets == had {
            continue;
        }
        if gets.len() > MOST_OF_A_PATIENT {
            return Err(Error::field("text", "A patient can have at most 20 labels; remove one first."));
        }
        let only_in = |these: &[LabelId], not: &[LabelId]| -> Vec<_> {
            these.iter().filter(|id| !not.contains(id)).map(ToString::to_string).collect()
        };
        let detail = json!({ "added": only_in(&gets, &had), "removed": only_in(&had, &gets) });
        op.record(Event::done("patient.labels_changed", patient, scope, detail));
        wanted.push((*patient, gets));
    }
    store::put_labels(op.tx(), granted, &wanted).await?;
    Ok(())
}

/// What became of a label that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// There is such a label; so many patients have it now.
    Given(usize),
    /// There is none yet, and the caller may make it.
    Offered(String),
}

/// A label that was typed.
#[derive(Clone, Copy, Debug)]
pub struct TypedLabel<'a> {
    /// Its text.
    pub text: &'a str,
    /// Whether to make it if there is none.
    pub create: bool,
    /// Further labels to give together with it.
    pub also: &'a [LabelId],
}

/// Gives patients the label of this text. One that does not exist is made only with `create`, by those who manage labels; without, it is
/// offered to them.
///
/// # Errors
/// [`Error::Invalid`] for a text that cannot be, or that does not exist and may not be made.
pub async fn add_typed_label(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    patients: &[PatientId],
    typed: TypedLabel<'_>,
) -> Result<Added> {
    let text = read_text(typed.text)?;
    let (mut op, granted, patients) = begin_giving(portal, caller, scope, patients).await?;
    let label = match store::find_by_text(op.tx(), &granted, &text).await? {
        Some(label) => label,
        None if !op.actor()?.may(Permission::ManageLabels, &scope) => {
            return Err(Error::field("text", format!("There is no label “{text}”. Choose one that is there, or ask somebody who manages labels to create it.")));
        }
        None if !typed.create => return Ok(Added::Offered(text)),
        None => make(&mut op, &granted, text).await?,
    };
    let labels: Vec<_> = typed.also.iter().copied().filter(|id| *id != label.id).chain([label.id]).collect();
    give(&mut op, &granted, &patients, &labels).await?;
    op.commit().await?;
    Ok(Added::Given(patients.len()))
}

async fn make(op: &mut Op, granted: &Granted, text: String) -> Result<Label> {
    if store::count_labels(op.tx(), granted).await? >= MOST_LABELS {
        return Err(Error::field("text", "A deployment can have at most 200 labels; delete one first."));
    }
    let label = Label { id: op.new_id(), text };
    store::insert_label(op.tx(), granted, &label, op.now()).await?;
    let scope = granted.scope();
    op.record(Event::done("label.created", label.id, scope, json!({})));
    Ok(label)
}

/// Begins what takes **Manage labels**.
async fn begin_managing(portal: &Portal, caller: &Caller, scope: Scope) -> Result<(Op, Granted)> {
    let (op, granted) = Op::begin(portal, caller).await?.require(Permission::ManageLabels, scope).await?;
    refuse_switched_off(&op, scope).await?;
    Ok((op, granted))
}

async fn refuse_taken(op: &Op, granted: &Granted, text: &str, but: Option<LabelId>) -> Result<()> {
    match store::find_by_text(op.tx(), granted, text).await? {
        Some(label) if Some(label.id) != but => {
            Err(Error::field("text", format!("There is a label “{}” already.", label.text)))
        }
        _ => Ok(()),
    }
}

async fn one_label(op: &Op, granted: &Granted, id: LabelId) -> Result<Label> {
    store::labels_among(op.tx(), granted, &[id]).await?.into_iter().next().ok_or(Error::NotFound)
}

/// Makes a label of the deployment.
///
/// # Errors
/// [`Error::Invalid`] for a text that cannot be or is taken.
pub async fn create_label(portal: &Portal, caller: &Caller, scope: Scope, text: &str) -> Result<Label> {
    let text = read_text(text)?;
    let (mut op, granted) = begin_managing(portal, caller, scope).await?;
    refuse_taken(&op, &granted, &text, None).await?;
    let label = make(&mut op, &granted, text).await?;
    op.commit().await?;
    Ok(label)
}

/// Gives a label another text, for everybody who has it.
///
/// # Errors
/// As [`create_label`]; [`Error::NotFound`] when it is gone.
pub async fn rename_label(portal: &Portal, caller: &Caller, scope: Scope, id: LabelId, text: &str) -> Result<()> {
    let (mut op, granted) = begin_managing(portal, caller, scope).await?;
    let before = one_label(&op, &granted, id).await?;
    let text = read_text(text)?;
    refuse_taken(&op, &granted, &text, Some(id)).await?;
    if before.text != text {
        store::rename_label(op.tx(), &granted, id, &text).await?;
        op.record(Event::done("label.renamed", id, scope, json!({})));
    }
    op.commit().await
}

/// Deletes a label; whoever had it gets `instead`, if one is given. Gives its text, and how many patients had it.
///
/// # Errors
/// [`Error::NotFound`] when it is gone; [`Error::Invalid`] when the other one is.
pub async fn delete_label(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: LabelId,
    instead: Option<LabelId>,
) -> Result<(String, u64)> {
    let (mut op, granted) = begin_managing(portal, caller, scope).await?;
    let label = one_label(&op, &granted, id).await?;
    if let Some(other) = instead {
        let there = other != id && one_label(&op, &granted, other).await.is_ok();
        if !there {
            return Err(Error::field("instead", "This label is no longer there; choose another."));
        }
    }
    let had = store::delete_label(op.tx(), &granted, id, instead).await?;
    let detail = json!({ "patients": had, "instead": instead.map(|other| other.to_string()) });
    op.record(Event::done("label.deleted", id, scope, detail));
    op.commit().await?;
    Ok((label.text, had))
}
