//! Live progress as server-sent events. Who listens is asked anew at each tick, so that the stream of somebody who lost their access
//! ends within half a second.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderValue, header},
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt, stream};

use super::place_and_plan;
use crate::{
    error::Result,
    identity::door::SignedIn,
    op::Caller,
    plans::{Progress, State as PlanState, actions},
    portal::Portal,
    web::PageResult,
};

/// How often the page is told.
const TICK: Duration = Duration::from_millis(500);

pub(super) async fn follow(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    request: Request,
) -> PageResult {
    // Before the stream begins, so that a refusal is a page with its status.
    progress(&portal, &caller, &scope, &id).await?;
    let answer = Sse::new(ticks(portal, request, scope, id)).keep_alive(KeepAlive::default());
    let mut response = answer.into_response();
    // The stream's own "no-cache" would let it be kept.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn progress(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<Progress> {
    let (place, id) = place_and_plan(portal, caller, scope, id).await?;
    actions::show_progress(portal, caller, place.scope, id).await
}

fn ticks(portal: Portal, request: Request, scope: String, id: String) -> impl Stream<Item = Result<Event, Infallible>> {
    let (parts, _) = request.into_parts();
    let begun = stream::unfold(Some((parts, true)), move |state| {
        let (portal, scope, id) = (portal.clone(), scope.clone(), id.clone());
        async move {
            let (mut parts, first) = state?;
            if !first {
                tokio::time::sleep(TICK).await;
            }
            let Ok(SignedIn(caller)) = SignedIn::from_request_parts(&mut parts, &portal).await else { return None };
            let Ok(progress) = progress(&portal, &caller, &scope, &id).await else { return None };
            let running = matches!(progress.state, PlanState::Applying | PlanState::Scheduled);
            let told = serde_json::json!({
                "state": progress.state.key(), "done": progress.done, "total": progress.total,
            });
            Some((Event::default().data(told.to_string()), running.then_some((parts, false))))
        }
    });
    begun.map(Ok)
}
