//! The question "Is it still you?", before what would hurt most in the wrong hands.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{NextQuery, browser_in, can_be_mended, go_on, local, refused};
use crate::{
    error::{Error, Result},
    identity::{actions, door::SignedIn, has_passkeys},
    op::Caller,
    portal::Portal,
    web::{Frame, PageResult, cookies, page},
};

#[derive(Template)]
#[template(path = "prove.html")]
struct ProvePage {
    frame: Frame,
    email: String,
    next: String,
    waiting: bool,
    has_factor: bool,
    has_authenticator: bool,
    /// Whether one of their passkeys can be asked for here.
    has_passkey: bool,
    wrong: bool,
    password_error: Option<String>,
    code_error: Option<String>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    Query(query): Query<NextQuery>,
) -> PageResult {
    page(&prove_page(&portal, &caller, &jar, &query.next).await?)
}

async fn prove_page(portal: &Portal, caller: &Caller, jar: &CookieJar, next: &str) -> Result<ProvePage> {
    let actor = caller.actor()?;
    let (has_authenticator, passkeys) = actions::factors_of(portal, actor.account).await?;
    let mut frame = Frame::plain(&portal.config, "Confirm that it is you");
    frame.person = Some(actor.name.clone());
    Ok(ProvePage {
        frame,
        email: actor.email.clone(),
        next: local(next).to_owned(),
        waiting: cookies::get(&portal.config, jar, cookies::Name::Form).is_some(),
        has_factor: has_authenticator || passkeys > 0,
        has_authenticator,
        has_passkey: passkeys > 0 && has_passkeys(&portal.config),
        wrong: false,
        password_error: None,
        code_error: None,
    })
}

#[derive(Deserialize)]
pub(super) struct ProveForm {
    #[serde(default)]
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    Form(form): Form<ProveForm>,
) -> PageResult {
    let browser = browser_in(&portal, &jar);
    match actions::prove_again(&portal, &caller, &form.password, &form.code, browser.as_deref()).await {
        Ok(session) => Ok(go_on(&portal, jar, &session, &form.next)),
        Err(error) if can_be_mended(&error) => {
            let mut template = prove_page(&portal, &caller, &jar, &form.next).await?;
            template.wrong = true;
            let text = Some(error.to_string());
            match &error {
                Error::Invalid(fields) if fields.iter().any(|(field, _)| *field == "code") => {
                    template.code_error = text
                }
                _ => template.password_error = text,
            }
            refused(&error, &template)
        }
        Err(other) => Err(other.into()),
    }
}
