//! Asking for an export, and looking at how far it is.

use serde_json::json;

use super::{super::store, KEPT};
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Result},
    exports::{Export, Wanted},
    identity,
    op::{Caller, Op},
    patients,
    portal::Portal,
    readings::Module,
    types::ExportId,
};

/// How many a person may have under way.
const AT_ONCE: usize = 3;
/// How many patients can be chosen by hand.
pub const CHOSEN: usize = 500;

/// What is asked for, and the key that makes one press one export.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What.
    pub wanted: Wanted,
    /// Made with the form.
    pub request_key: String,
}

/// Asks for an export, which is made in the background. Whoever may not see identifiers gets none, whatever was asked.
///
/// # Errors
/// [`Error::StepUpRequired`] without a fresh proof, [`Error::Invalid`] for what cannot be meant, [`Error::Conflict`] when too many
/// are under way.
pub async fn ask_for_export(portal: &Portal, caller: &Caller, scope: Scope, asked: Asked) -> Result<ExportId> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ExportPatientData, scope).await?;
    if scope.deployment.is_none() {
        return Err(Error::NotFound);
    }
    op.require_fresh_proof()?;
    let Asked { mut wanted, request_key } = asked;
    let account = op.actor()?.account;
    if let Some(known) = store::by_key(op.tx(), account, &request_key).await? {
        return Ok(known.id);
    }
    wanted.without_identifiers |= !op.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    judge(&wanted)?;
    if let Some(chosen) = &mut wanted.patients {
        chosen.sort();
        chosen.dedup();
        if patients::actions::count_patients(op.tx(), &granted, chosen).await? != chosen.len() as u64 {
            return Err(Error::field(
                "patients",
                "One of the patients is not in this deployment any more; choose again",
            ));
        }
    }
    if store::under_way(op.tx(), account).await? >= AT_ONCE {
        let text = format!("You have {AT_ONCE} exports under way; wait until one of them is made");
        return Err(Error::Conflict(text));
    }
    let (id, via) = (op.new_id(), identity::actions::means_of(op.actor()?));
    let new = store::NewExport {
        id,
        account,
        via: &via,
        wanted: serde_json::to_string(&wanted)?,
        request_key: &request_key,
        now: op.now(),
        ends_at: op.now().plus(KEPT),
    };
    store::insert(op.tx(), &granted, new).await?;
    let chosen = wanted.patients.as_ref().map(Vec::len);
    let detail = json!({
        "chosen": chosen, "without_identifiers": wanted.without_identifiers, "format": wanted.format.key(), "notes": wanted.with_notes(),
    });
    op.record(Event::done("export.asked", id, scope, detail));
    op.commit().await?;
    portal.export_bell.notify_one();
    Ok(id)
}

fn judge(wanted: &Wanted) -> Result<()> {
    let mut wrong = Vec::new();
    match &wanted.patients {
        Some(chosen) if chosen.is_empty() => wrong.push(("patients", "Choose at least one patient".to_owned())),
        Some(chosen) if chosen.len() > CHOSEN => {
            wrong.push(("patients", format!("Choose at most {CHOSEN} patients, or all of them")));
        }
        _ => {}
    }
    if let (Some(from), Some(until)) = (wanted.from, wanted.until)
        && from > until
    {
        wrong.push(("until", "The last day is before the first".to_owned()));
    }
    if let Some(modules) = &wanted.modules {
        if modules.is_empty() {
            wrong.push(("modules", "Choose at least one module".to_owned()));
        } else if !modules.iter().all(|key| Module::find(key).is_some()) {
            wrong.push(("modules", "One of the modules is not known here".to_owned()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

/// One's own export.
///
/// # Errors
/// When the caller may not export there, or has asked for no such export.
pub async fn show_export(portal: &Portal, caller: &Caller, scope: Scope, id: ExportId) -> Result<Export> {
    caller.scope(portal, Permission::ExportPatientData, scope).await?;
    store::find(portal.db.reader(), scope, caller.actor()?.account, id).await?.ok_or(Error::NotFound)
}

/// One's own newest exports of a deployment.
///
/// # Errors
/// When the caller may not export there.
pub async fn my_exports(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<Export>> {
    let visible = caller.scope(portal, Permission::ExportPatientData, scope).await?;
    Ok(store::newest(portal.db.reader(), &visible, caller.actor()?.account).await?)
}
