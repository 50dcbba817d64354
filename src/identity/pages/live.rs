//! Live progress as server-sent events. Who listens is asked anew at each tick, so that the stream of somebody who lost their access
//! ends within half a second.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{error::Result, identity::door::SignedIn, op::Caller, portal::Portal};

/// How often the page is told.
const TICK: Duration = Duration::from_millis(500);

/// How far something is.
pub struct Tick {
    /// The word that the page's script goes by.
    pub state: &'static str,
    /// What is done.
    pub done: u64,
    /// Of how much.
    pub total: u64,
    /// Whether more is to come; the stream ends after the first tick that says no.
    pub running: bool,
}

impl Tick {
    fn told(&self) -> Value {
        json!({ "state": self.state, "done": self.done, "total": self.total })
    }
}

/// A stream of what `look` gives. The door has looked once before, so that a refusal is a page with its status.
pub fn stream<L, F>(portal: &Portal, request: Request, look: L) -> Response
where
    L: Fn(Portal, Caller) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Tick>> + Send,
{
    let (parts, _) = request.into_parts();
    let portal = portal.clone();
    let ticks = stream::unfold(Some((parts, true)), move |state| {
        let (portal, look) = (portal.clone(), look.clone());
        async move {
            let (mut parts, first) = state?;
            if !first {
                tokio::time::sleep(TICK).await;
            }
            let Ok(SignedIn(caller)) = SignedIn::from_request_parts(&mut parts, &portal).await else { return None };
            let Ok(tick) = look(portal, caller).await else { return None };
            Some((Event::default().data(tick.told().to_string()), tick.running.then_some((parts, false))))
        }
    });
    let answer = Sse::new(ticks.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default());
    let mut response = answer.into_response();
    // The stream's own "no-cache" would let it be kept.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
