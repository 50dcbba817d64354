//! What the script of passkeys talks to: it asks for a challenge, has the browser answer it, and is told where to go on. Adding one
//! ends with a form instead, since its answer is a page that is shown once.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{browser_in, keep, second_factor::who, way_on};
use crate::{
    error::{Error, Result},
    identity::{
        HalfSignedIn, Needs, NewSession, Presence,
        actions::{self, Answer, Challenge},
        door::Arriving,
    },
    op::Caller,
    portal::Portal,
    web::{ApiJson, ApiResult, origin},
};

/// A browser's answer to a challenge.
#[derive(Deserialize)]
pub(super) struct AnswerBody {
    #[serde(default)]
    ceremony: String,
    #[serde(default)]
    credential: Value,
    #[serde(default)]
    remember: bool,
    #[serde(default)]
    next: String,
}

impl AnswerBody {
    fn answer(&mut self) -> Answer {
        Answer { ceremony: self.ceremony.parse().ok(), credential: self.credential.take() }
    }
}

fn challenge(made: Challenge) -> Json<Value> {
    Json(json!({ "ceremony": made.ceremony, "options": made.options }))
}

/// Keeps the session and says where to go on: first of all with the form that waits, as after a password.
fn go_on(portal: &Portal, jar: CookieJar, session: &NewSession, next: &str) -> Response {
    let way = way_on(portal, &jar, session, next);
    (keep(portal, jar, session), Json(json!({ "next": way }))).into_response()
}

/// Somebody of whom only the second factor is missing.
fn half(presence: Presence) -> Result<HalfSignedIn> {
    match presence {
        Presence::Half(half) if half.needs == Needs::SecondFactor => Ok(half),
        Presence::Half(_) | Presence::Whole(_) | Presence::Nobody => Err(Error::SignInRequired),
    }
}

/// Somebody signed in.
fn whole(presence: Presence) -> Result<Caller> {
    match presence {
        Presence::Whole(caller) => Ok(caller),
        Presence::Half(_) => Err(Error::SecondFactorRequired),
        Presence::Nobody => Err(Error::SignInRequired),
    }
}

pub(super) async fn start_adding(State(portal): State<Portal>, Arriving(presence): Arriving) -> ApiResult<Json<Value>> {
    let who = who(&presence).map_err(|_elsewhere| Error::SignInRequired)?;
    Ok(challenge(actions::start_passkey(&portal, &who).await?))
}

pub(super) async fn start_second_factor(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
) -> ApiResult<Json<Value>> {
    Ok(challenge(actions::start_second_factor(&portal, &half(presence)?).await?))
}

pub(super) async fn finish_second_factor(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    ApiJson(mut body): ApiJson<AnswerBody>,
) -> ApiResult<Response> {
    let half = half(presence)?;
    let browser = browser_in(&portal, &jar);
    let answer = body.answer();
    let session = actions::give_passkey(&portal, &half, answer, browser.as_deref(), body.remember).await?;
    Ok(go_on(&portal, jar, &session, &body.next))
}

pub(super) async fn start_sign_in(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
) -> ApiResult<Json<Value>> {
    Ok(challenge(actions::start_sign_in(&portal, &origin).await?))
}

pub(super) async fn finish_sign_in(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    ApiJson(mut body): ApiJson<AnswerBody>,
) -> ApiResult<Response> {
    let browser = browser_in(&portal, &jar);
    let session = actions::sign_in_by_passkey(&portal, &origin, body.answer(), browser.as_deref()).await?;
    Ok(go_on(&portal, jar, &session, &body.next))
}

pub(super) async fn start_proof(State(portal): State<Portal>, Arriving(presence): Arriving) -> ApiResult<Json<Value>> {
    Ok(challenge(actions::start_proof(&portal, &whole(presence)?).await?))
}

pub(super) async fn finish_proof(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    ApiJson(mut body): ApiJson<AnswerBody>,
) -> ApiResult<Response> {
    let caller = whole(presence)?;
    let browser = browser_in(&portal, &jar);
    let session = actions::prove_by_passkey(&portal, &caller, body.answer(), browser.as_deref()).await?;
    Ok(go_on(&portal, jar, &session, &body.next))
}
