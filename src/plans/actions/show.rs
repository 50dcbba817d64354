//! Looking at plans.

use crate::{
    access::{Permission, Scope},
    error::{Error, Result},
    op::Caller,
    plans::{Counts, Plan, Progress, Row, store, store::Query},
    portal::Portal,
    types::{Cursor, PageOf, PlanId},
};

/// One page of the plans of a scope, newest first.
///
/// # Errors
/// When the caller may not invite there.
pub async fn list_plans(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<Plan>> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    let rows = store::list(portal.db.reader(), &visible, from, size).await?;
    Ok(PageOf::cut(rows, size, from, |plan, backwards| Cursor::new("", plan.id, backwards)))
}

/// A plan.
///
/// # Errors
/// [`Error::NotFound`] when there is none where the caller may invite.
pub async fn show_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<Plan> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    store::find(portal.db.reader(), visible.scope(), id).await?.ok_or(Error::NotFound)
}

/// One page of a plan's rows, in the order of the list.
///
/// # Errors
/// As [`show_plan`].
pub async fn list_rows(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: PlanId,
    query: &Query,
    size: usize,
) -> Result<PageOf<Row>> {
    show_plan(portal, caller, scope, id).await?;
    let rows = store::list_rows(portal.db.reader(), id, query, size).await?;
    let key = |row: &Row, backwards| Cursor::new(row.number.to_string(), id, backwards);
    Ok(PageOf::cut(rows, size, query.from.as_ref(), key))
}

/// How the rows stand and what becomes of them.
///
/// # Errors
/// As [`show_plan`].
pub async fn count_rows(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<Counts> {
    show_plan(portal, caller, scope, id).await?;
    Ok(store::counts(portal.db.reader(), id).await?)
}

/// How far a plan is.
///
/// # Errors
/// As [`show_plan`].
pub async fn show_progress(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<Progress> {
    let plan = show_plan(portal, caller, scope, id).await?;
    Ok(Progress { state: plan.state, total: plan.total, done: plan.done, waits_until: plan.waits_until() })
}
