//! Deciding about rows, and taking a plan back, before it is sent.

use serde_json::json;

use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    plans::{Decision, store, store::Found},
    portal::Portal,
    types::PlanId,
};

/// Decides about rows; how many it made sense for. Whoever may invite there may decide: sending asks the rule for each row.
///
/// # Errors
/// [`Error::Conflict`] when the plan was sent already.
pub async fn decide_rows(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: PlanId,
    found: &Found,
    decision: Decision,
) -> Result<u64> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    if !plan.state.is_open() {
        return Err(Error::Conflict("This plan was sent already; its rows can no longer be changed".to_owned()));
    }
    let decided = store::decide(op.tx(), &granted, id, found, decision).await?;
    if decided > 0 {
        op.because(&plan.note);
        let detail = json!({ "decision": decision.key(), "rows": decided });
        op.record(Event::done("plan.decided", id, plan.scope, detail));
        op.commit().await?;
    }
    Ok(decided)
}

/// Takes back a plan that was not sent; its rows are forgotten.
///
/// # Errors
/// [`Error::Conflict`] when it was sent already.
pub async fn delete_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    if !store::mark_deleted(op.tx(), &granted, id).await? {
        return Err(Error::Conflict("This plan was sent already; undo what it did instead".to_owned()));
    }
    store::delete_rows(op.tx(), &granted, id).await?;
    op.because(&plan.note);
    op.record(Event::done("plan.deleted", id, plan.scope, json!({ "rows": plan.total, "title": plan.title })));
    op.commit().await
}
