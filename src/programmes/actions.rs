//! What a deployment follows and offers: shown to whoever judges or shows by it, changed by its Admins.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{
    Change, Followed, Programme,
    bands::{self, read_bands},
    store,
};
use crate::{
    access::Scope,
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    readings::Module,
    types::DeploymentId,
};

/// What a deployment follows and offers.
///
/// # Errors
/// [`Error::NotFound`] when there is no such deployment.
pub async fn programme_of(db: &impl ConnectionTrait, deployment: DeploymentId) -> Result<Programme> {
    store::find(db, deployment).await?.ok_or(Error::NotFound)
}

/// The same for its settings page.
///
/// # Errors
/// When the caller is no Admin of the deployment.
pub async fn show_programme(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Programme> {
    let proof = caller.runs(portal, scope).await?;
    programme_of(portal.db.reader(), proof.deployment()).await
}

/// Changes a programme. Thresholds judge what is entered from then on; what was entered keeps its colour.
///
/// # Errors
/// [`Error::Invalid`] for what cannot be used, [`Error::Conflict`] when somebody else has changed it since `seen`.
pub async fn change_programme(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    seen: i64,
    change: &Change,
) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, proof) = op.require_runs(scope).await?;
    op.require_fresh_proof()?;
    let before = programme_of(op.tx(), proof.deployment()).await?;
    let (written, detail) = match change {
        Change::Offer(offer) => {
            let bad = offer.problems();
            if !bad.is_empty() {
                return Err(Error::Invalid(bad));
            }
            let detail = json!({
                "what": "what is offered to patients", "labels": offer.labels, "offboarding": offer.offboarding,
                "messages": offer.messages, "custom_messages": offer.custom_messages,
                "appointments": offer.appointments, "call_link": offer.call_link, "ready_messages": offer.ready().len(),
            });
            (store::update_offer(op.tx(), &proof, offer, seen).await?, detail)
        }
        Change::Follow(keys) => {
            let after = follow(&before, keys)?;
            let names = |all: &[Followed]| all.iter().map(|one| one.module.label).collect::<Vec<_>>().join(", ");
            let detail = json!({ "what": "the modules", "before": names(&before.modules), "after": names(&after) });
            (store::update_modules(op.tx(), &proof, &after, seen).await?, detail)
        }
        Change::Thresholds(module, rows) => {
            let (after, before) = with_thresholds(&before, module, rows)?;
            let words = after.iter().find(|one| one.module == *module).map(bands::in_words).unwrap_or_default();
            let what = format!("the thresholds of {}", module.label);
            let detail = json!({ "what": what, "before": bands::in_words(&before), "after": words });
            (store::update_modules(op.tx(), &proof, &after, seen).await?, detail)
        }
    };
    if !written {
        return Err(Error::Conflict(
            "Somebody else has changed these settings meanwhile; look at them again".to_owned(),
        ));
    }
    op.record(Event::done("programme.changed", scope, scope, detail));
    op.commit().await
}

/// The modules with these keys, in this order; those that were followed keep their thresholds.
fn follow(before: &Programme, keys: &[String]) -> Result<Vec<Followed>> {
    let mut after: Vec<Followed> = Vec::new();
    for module in keys.iter().filter_map(|key| Module::find(key)) {
        if after.iter().all(|one| one.module != module) {
            let new = || Followed { module, bands: module.sample_bands(), samples: true };
            after.push(before.follows(module.key).cloned().unwrap_or_else(new));
        }
    }
    if after.is_empty() { Err(Error::field("modules", "Choose at least one module.")) } else { Ok(after) }
}

/// All modules with the new thresholds of one, and that one as it was.
fn with_thresholds(
    before: &Programme,
    module: &Module,
    rows: &[bands::TypedBand],
) -> Result<(Vec<Followed>, Followed)> {
    let was = before.follows(module.key).cloned().ok_or(Error::NotFound)?;
    let bands = read_bands(module, rows)
        .map_err(|wrong| Error::Invalid(wrong.into_iter().map(|why| ("bands", why)).collect()))?;
    let modules =
        before.modules.iter().cloned().map(|one| {
            if one.module == module { Followed { bands: bands.clone(), samples: false, ..one } } else { one }
        });
    Ok((modules.collect(), was))
}
