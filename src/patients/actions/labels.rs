//! Labels: a deployment's own words for its patients. Giving them to patients, which is here, takes **Manage patient data** or **Manage
//! labels**; making, renaming and deleting them takes the latter. Events name labels by their ids: what a label says of a patient is
//! nobody's business in the access log.

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
/// How many labels a patient has at most.
pub const MOST_OF_A_PATIENT: usize = 20;

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

pub(super) fn deployment_of(scope: Scope) -> Result<DeploymentId> {
    scope.deployment.ok_or(Error::NotFound)
}

/// A label's text as it is kept, or what is wrong with it.
///
/// # Errors
/// A sentence.
pub fn read_label(text: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(why.to_owned());
    if text
        .chars()
        .any(|c| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c) || ('\u{202a}'..='\u{202e}').contains(&c))
    {
        return refuse("The label contains a character that cannot be seen; type it again.");
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => refuse("Type the label’s text."),
        1..=LONGEST_LABEL => Ok(text),
        _ => refuse("Use at most 40 characters for a label."),
    }
}

pub(super) fn read_text(text: &str) -> Result<String> {
    read_label(text).map_err(|why| Error::field("text", why))
}

/// Where labels are switched off nobody gives or makes any.
pub(super) async fn refuse_switched_off(op: &Op, scope: Scope) -> Result<()> {
    let programme = programmes::actions::programme_of(op.tx(), deployment_of(scope)?).await?;
    if programme.labels {
        Ok(())
    } else {
        Err(Error::Conflict("Labels are switched off in this deployment".to_owned()))
    }
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
    change(&mut op, &granted, &patients, |before| before.iter().copied().filter(|id| !labels.contains(id)).collect())
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
            return Err(Error::field(
                "text",
                format!(
                    "There is no label “{text}”. Choose one that is there, or ask somebody who manages labels to create it."
                ),
            ));
        }
        None if !typed.create => return Ok(Added::Offered(text)),
        None => super::label_book::make(&mut op, &granted, text).await?,
    };
    let labels: Vec<_> = typed.also.iter().copied().filter(|id| *id != label.id).chain([label.id]).collect();
    give(&mut op, &granted, &patients, &labels).await?;
    op.commit().await?;
    Ok(Added::Given(patients.len()))
}
