//! Going on with plans that are being sent, and beginning those whose moment has come. Every node does it; a plan that was left
//! in the middle is taken up where it stopped.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    super::store,
    apply::{LEASE, apply_chunk, start_plan, stop},
};
use crate::{
    access::Scope,
    error::{Error, Result},
    identity,
    op::Caller,
    plans::{Progress, State},
    portal::Portal,
    types::PlanId,
};

/// How often the list of plans is looked at when no bell rings: another process may have begun one, or a moment may have come.
const LOOK: Duration = Duration::from_secs(1);
/// How long a plan waits that failed for a reason that may pass.
const PAUSE: Duration = Duration::from_secs(15);

/// Works until the portal closes; what is under way then goes on at the next start, or on another node at once.
pub async fn run(portal: Portal, mut closing: watch::Receiver<bool>) {
    while !*closing.borrow() {
        let due = store::due(portal.db.reader(), portal.now()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the plans cannot be read");
            Vec::new()
        });
        for id in due {
            if let Err(error) = go_on(&portal, id, &closing).await {
                tracing::error!(?error, plan = %id, "a plan cannot go on; trying again");
                put_off(&portal, id, PAUSE).await;
            }
        }
        tokio::select! {
            () = portal.plan_bell.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = closing.changed() => {}
        }
    }
}

async fn go_on(portal: &Portal, id: PlanId, closing: &watch::Receiver<bool>) -> Result<()> {
    let Some(plan) = store::find_for_work(portal.db.reader(), id).await? else { return Ok(()) };
    if plan.state == State::Scheduled {
        begin(portal, id).await?;
    }
    loop {
        let progress = apply_chunk(portal, id, LEASE).await?;
        if progress.state != State::Applying || progress.waits_until.is_some() {
            return Ok(());
        }
        if *closing.borrow() {
            put_off(portal, id, Duration::ZERO).await;
            return Ok(());
        }
        // Whoever waits for the lock of the organisation comes between two chunks.
        tokio::task::yield_now().await;
    }
}

/// Begins a plan whose moment has come, as the person who chose the moment. Whoever may no longer send it sends nothing.
async fn begin(portal: &Portal, id: PlanId) -> Result<()> {
    let Some(plan) = store::find_for_work(portal.db.reader(), id).await? else { return Ok(()) };
    let (State::Scheduled, Some(sender)) = (plan.state, plan.sender) else { return Ok(()) };
    if plan.due_at.is_none_or(|at| at > portal.now()) {
        return Ok(());
    }
    let caller = identity::actions::act_later(portal, sender, &plan.sender_via).await?;
    let reason = match start_plan(portal, &caller, plan.scope, id).await {
        Ok(_) => return Ok(()),
        Err(Error::Forbidden(refusal)) => format!("whoever scheduled it may no longer invite there: {refusal}"),
        Err(Error::NotFound) => "whoever scheduled it has no access there any more".to_owned(),
        Err(Error::Conflict(reason)) => reason,
        Err(other) => return Err(other),
    };
    stop(portal, &plan, &reason).await?;
    Ok(())
}

async fn put_off(portal: &Portal, id: PlanId, length: Duration) {
    let until = portal.now().plus(length);
    let put_off = async {
        let tx = portal.db.begin_write().await?;
        store::postpone(&tx, id, until).await?;
        tx.commit().await
    };
    if let Err(error) = put_off.await {
        tracing::warn!(%error, plan = %id, "a plan could not be put off");
    }
}

/// Sends a plan in the caller's name: begins it and applies its first rows at once, so that a short list is done when the page
/// comes back; the rest follows by itself.
///
/// # Errors
/// As [`start_plan`].
pub async fn send_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<Progress> {
    let plan = start_plan(portal, caller, scope, id).await?;
    let begun = Progress { state: plan.state, total: plan.total, done: plan.done, waits_until: None };
    if plan.state != State::Applying {
        return Ok(begun);
    }
    let progress = apply_chunk(portal, id, Duration::ZERO).await;
    portal.plan_bell.notify_one();
    Ok(progress.unwrap_or_else(|error| {
        tracing::error!(?error, plan = %id, "a plan cannot go on; trying again");
        begun
    }))
}

/// Goes on with a plan until it ends, and tells how far it is after each chunk; for the terminal.
///
/// # Errors
/// When the database fails; whatever was done is done.
pub async fn work_through(portal: &Portal, id: PlanId, mut tell: impl FnMut(Progress)) -> Result<Progress> {
    loop {
        begin(portal, id).await?;
        let progress = apply_chunk(portal, id, LEASE).await?;
        tell(progress);
        if progress.state != State::Applying || progress.waits_until.is_some() {
            return Ok(progress);
        }
    }
}
