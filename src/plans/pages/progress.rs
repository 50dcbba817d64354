//! How far a plan is, told while it is sent.

use axum::extract::{Path, Request, State};

use super::place_and_plan;
use crate::{
    error::Result,
    identity::{
        door::SignedIn,
        pages::live::{self, Tick},
    },
    op::Caller,
    plans::{State as PlanState, actions},
    portal::Portal,
    web::PageResult,
};

pub(super) async fn follow(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    request: Request,
) -> PageResult {
    tick(&portal, &caller, &scope, &id).await?;
    Ok(live::stream(&portal, request, move |portal, caller| {
        let (scope, id) = (scope.clone(), id.clone());
        async move { tick(&portal, &caller, &scope, &id).await }
    }))
}

async fn tick(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<Tick> {
    let (place, id) = place_and_plan(portal, caller, scope, id).await?;
    let progress = actions::show_progress(portal, caller, place.scope, id).await?;
    Ok(Tick {
        state: progress.state.key(),
        done: progress.done,
        total: progress.total,
        running: matches!(progress.state, PlanState::Applying | PlanState::Scheduled),
    })
}
