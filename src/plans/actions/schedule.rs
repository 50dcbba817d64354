//! Choosing the moment at which a plan is sent.

use serde_json::json;

use super::apply::require_fresh_proof;
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Result},
    identity,
    op::{Caller, Op},
    plans::store,
    portal::Portal,
    types::{PlanId, Timestamp},
};

/// How far ahead a plan can be scheduled.
const FARTHEST: std::time::Duration = std::time::Duration::from_secs(366 * 24 * 3600);

/// Lets the plan be sent at a moment, in the caller's name and with the authority that they have then.
///
/// # Errors
/// [`Error::Invalid`] beside `at`, [`Error::Conflict`] when it was sent already.
pub async fn schedule_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId, at: Timestamp) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    require_fresh_proof(&op, &store::counts(op.tx(), id).await?)?;
    if at <= op.now() {
        return Err(Error::field("at", "This moment has passed; choose a later one, or send now"));
    }
    if at > op.now().plus(FARTHEST) {
        return Err(Error::field("at", "Choose a moment within a year"));
    }
    if plan.window.length(at).is_none() {
        return Err(Error::field("at", "The links of this plan would have ended by then"));
    }
    let sender = op.actor()?.account;
    let means = identity::actions::means_of(op.actor()?);
    if !store::schedule(op.tx(), &granted, id, sender, &means, at).await? {
        return Err(Error::Conflict("This plan was sent already".to_owned()));
    }
    op.because(&plan.note);
    op.record(Event::done("plan.scheduled", id, plan.scope, json!({ "due": at, "title": plan.title })));
    op.commit().await
}

/// Takes the moment back; the plan stays.
///
/// # Errors
/// [`Error::Conflict`] when it is not scheduled, or its moment has come.
pub async fn unschedule_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    if !store::unschedule(op.tx(), &granted, id).await? {
        return Err(Error::Conflict("This plan is not scheduled".to_owned()));
    }
    op.because(&plan.note);
    op.record(Event::done("plan.unscheduled", id, plan.scope, json!({ "title": plan.title })));
    op.commit().await
}
