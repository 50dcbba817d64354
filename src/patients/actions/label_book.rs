//! The labels of a deployment: making, renaming and deleting them takes **Manage labels**.

use serde_json::json;

use super::labels::{deployment_of, read_text, refuse_switched_off};
use crate::{
    access::{Granted, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    patients::{Label, store},
    portal::Portal,
    types::LabelId,
};

/// How many labels a deployment has at most: beyond that nobody finds one.
pub const MOST_LABELS: u64 = 200;

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

/// Makes a label inside an operation; the caller knows that there is none of its text.
pub(super) async fn make(op: &mut Op, granted: &Granted, text: String) -> Result<Label> {
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
    let (mut op, granted) = begin_managing(portal, caller, scope).await?;
    let text = read_text(text)?;
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
