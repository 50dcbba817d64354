//! Another password: a page of its own, behind a fresh proof.

use askama::Template;
use axum::{Form, Json, extract::State, http::StatusCode, response::IntoResponse};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};

use super::{done, frame};
use crate::{
    error::{Error, Fields},
    identity::{
        actions::{self, PasswordChange},
        door::{ApiCaller, SignedIn},
        judge,
        pages::refused,
    },
    op::Caller,
    portal::Portal,
    web::{ApiJson, Frame, PageResult, Problem, page},
};

#[derive(Template)]
#[template(path = "profile/password.html")]
struct PasswordPage {
    frame: Frame,
    email: String,
    problems: Vec<(String, String)>,
    current_problem: Option<String>,
    password_problem: Option<String>,
    again_problem: Option<String>,
}

async fn template(portal: &Portal, caller: &Caller, fields: Fields) -> crate::error::Result<PasswordPage> {
    let title = if fields.is_empty() { "Change your password" } else { "Error: Change your password" };
    let problem = |field: &str| fields.iter().find(|(known, _)| *known == field).map(|(_, text)| text.clone());
    Ok(PasswordPage {
        frame: frame(portal, caller, title).await?,
        email: caller.actor()?.email.clone(),
        current_problem: problem("current"),
        password_problem: problem("password"),
        again_problem: problem("again"),
        problems: fields.into_iter().map(|(field, text)| (field.to_owned(), text)).collect(),
    })
}

/// The proof is asked for before anything is typed: passwords are never kept for later.
pub(super) async fn show(State(portal): State<Portal>, SignedIn(caller): SignedIn) -> PageResult {
    caller.require_fresh_proof(portal.now())?;
    page(&template(&portal, &caller, Fields::new()).await?)
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PasswordForm {
    current: String,
    password: String,
    again: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    Form(form): Form<PasswordForm>,
) -> PageResult {
    let typed = PasswordChange { current: &form.current, new: &form.password, again: &form.again };
    match actions::change_own_password(&portal, &caller, &typed).await {
        Ok(()) => {
            let text = "Your password was changed. Every other session was ended, and no browser is trusted any more.";
            Ok(done(&portal, jar, "password", text))
        }
        Err(Error::Invalid(fields)) => {
            let template = template(&portal, &caller, fields).await?;
            Ok((jar, crate::web::page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &template)?).into_response())
        }
        Err(error @ (Error::TooMany { .. } | Error::Unavailable(_))) => {
            let fields = vec![("current", error.to_string())];
            refused(&error, &template(&portal, &caller, fields).await?)
        }
        Err(other) => Err(other.into()),
    }
}

/// What the password meter asks.
#[derive(Deserialize)]
pub(super) struct StrengthRequest {
    #[serde(default)]
    password: String,
}

/// What the password meter shows; the same judgement as on sending.
#[derive(Serialize)]
pub(super) struct StrengthAnswer {
    score: u8,
    enough: bool,
    sentence: String,
}

pub(super) async fn strength(
    ApiCaller(caller): ApiCaller,
    ApiJson(asked): ApiJson<StrengthRequest>,
) -> Result<Json<StrengthAnswer>, Problem> {
    let actor = caller.actor()?;
    let judged = judge(&asked.password, &[&actor.name, &actor.email]);
    Ok(Json(StrengthAnswer { score: judged.score, enough: judged.enough, sentence: judged.sentence }))
}
