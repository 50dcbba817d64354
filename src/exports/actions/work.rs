//! Making the exports that wait. Every node does it; one that was left in the middle is made anew by another.

use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;

use super::{
    super::store,
    KEPT,
    make::{LEASE, Maker, Stop},
};
use crate::{audit::Event, error::Result, exports::Export, identity, op::Op, portal::Portal, types::ExportId};

/// How often the list is looked at when no bell rings: another node may have been asked, or have died.
const LOOK: Duration = Duration::from_secs(2);
/// How long one waits that failed for a reason that may pass.
const PAUSE: Duration = Duration::from_secs(20);
/// How often it is tried.
const TRIES: i64 = 5;

/// Works until the portal closes; what is under way is made anew at the next start, or on another node.
pub async fn run(portal: Portal, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        let due = store::due(portal.db.reader(), portal.now()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the exports cannot be read");
            Vec::new()
        });
        for id in due {
            let made = tokio::select! {
                made = make_one(&portal, id) => made,
                _ = closing.changed() => return,
            };
            if let Err(error) = made {
                tracing::error!(?error, export = %id, "an export cannot be made; trying again");
            }
        }
        tokio::select! {
            () = portal.export_bell.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = closing.changed() => {}
        }
    }
}

/// Makes one export, unless somebody else is at it.
///
/// # Errors
/// When it failed for a reason that may pass; it is tried again.
pub async fn make_one(portal: &Portal, id: ExportId) -> Result<()> {
    let Some(export) = claim(portal, id).await? else { return Ok(()) };
    if export.tries > TRIES {
        return give_up(portal, &export, "it could not be made; ask for it again, or for less at a time").await;
    }
    let mut maker = Maker::new(portal, export)?;
    match maker.make().await {
        Ok(()) => finish(portal, &maker.export).await,
        Err(Stop::TakenOver) => Ok(()),
        Err(Stop::Refused(reason)) => give_up(portal, &maker.export, &reason).await,
        Err(Stop::Failed(error)) => {
            let tx = portal.db.begin_write().await?;
            store::let_go(&tx, &maker.export, portal.now().plus(PAUSE)).await?;
            tx.commit().await?;
            Err(error)
        }
    }
}

async fn claim(portal: &Portal, id: ExportId) -> Result<Option<Export>> {
    let tx = portal.db.begin_write().await?;
    let now = portal.now();
    if !store::claim(&tx, id, now, now.plus(LEASE)).await? {
        return Ok(None);
    }
    let export = store::find_for_work(&tx, id).await?;
    if let Some(export) = &export {
        store::wipe_others(&tx, export).await?;
    }
    tx.commit().await?;
    Ok(export.map(|export| Export { parts: 0, bytes: 0, ..export }))
}

async fn finish(portal: &Portal, export: &Export) -> Result<()> {
    let caller = identity::actions::act_later(portal, export.account, &export.via).await?;
    let mut op = Op::begin(portal, &caller).await?;
    let now = op.now();
    if store::finish(op.tx(), export, now, now.plus(KEPT)).await? {
        let detail =
            json!({ "patients": export.patients_total, "readings": export.readings_done, "bytes": export.bytes });
        op.record(Event::done("export.made", export.id, export.scope, detail));
        op.commit().await?;
    }
    Ok(())
}

/// Says that it will not be made, and why; what was made of it is wiped.
async fn give_up(portal: &Portal, export: &Export, reason: &str) -> Result<()> {
    let caller = identity::actions::act_later(portal, export.account, &export.via).await?;
    let mut op = Op::begin(portal, &caller).await?;
    if store::fail(op.tx(), export, reason).await? {
        let nothing = Export { fence: -1, ..export.clone() };
        store::wipe_others(op.tx(), &nothing).await?;
        op.record(Event::refused("export.failed", export.id, Some(export.scope), json!({ "reason": reason })));
        op.commit().await?;
    }
    Ok(())
}
