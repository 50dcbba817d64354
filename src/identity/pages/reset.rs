//! Forgot Password: asking for a link, and choosing a new password by it.

use askama::Template;
use axum::{Form, Json, extract::State, response::IntoResponse};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};

use super::{
    links::{CodeForm, LinkPages},
    refused,
};
use crate::{
    access::Origin,
    error::{Error, Result},
    identity::{
        RESET,
        actions::{self, OpenReset},
        judge,
    },
    portal::Portal,
    types::kind,
    web::{ApiJson, Frame, PageResult, Problem, When, cookies, origin, page, see_other},
};

const PAGES: LinkPages = LinkPages {
    kind: &RESET,
    cookie: cookies::Name::Reset,
    path: "/reset",
    title: "Choose a new password",
    for_staff: true,
    dead_title: "This link does not work",
    dead_text: "A link to choose a new password works once, for 60 minutes, and only until the password is changed in another way. Or it was cut off on the way to you.",
    next_step: "If you still need a new password, ask for another link. If you have just chosen one, sign in with it.",
    link: ("Ask for another link", "/forgot"),
};

#[derive(Template)]
#[template(path = "forgot.html")]
struct ForgotPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "forgot_asked.html")]
struct AskedPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "reset.html")]
struct ResetPage {
    frame: Frame,
    reset: String,
    email: String,
    expires: When,
    error: Option<String>,
}

pub(super) async fn show_forgot(State(portal): State<Portal>) -> PageResult {
    page(&ForgotPage { frame: Frame::plain(&portal.config, "Forgot Password") })
}

/// One answer for everybody. Two addresses are none: nobody has two.
pub(super) async fn submit_forgot(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    Form(fields): Form<Vec<(String, String)>>,
) -> PageResult {
    let mut typed = fields.iter().filter(|(name, _)| name == "email").map(|(_, value)| value.as_str());
    let email = match (typed.next(), typed.next()) {
        (Some(email), None) => email,
        _ => "",
    };
    actions::ask_for_reset(&portal, &origin, email).await?;
    Ok(see_other("/forgot/asked"))
}

pub(super) async fn show_asked(State(portal): State<Portal>) -> PageResult {
    page(&AskedPage { frame: Frame::plain(&portal.config, "Look into your mailbox") })
}

async fn held(portal: &Portal, origin: &Origin, jar: &CookieJar) -> Result<Option<OpenReset>> {
    actions::find_reset(portal, origin, PAGES.held(portal, jar).flatten().as_ref()).await
}

pub(super) async fn show(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
) -> PageResult {
    if PAGES.held(&portal, &jar).is_none() {
        return PAGES.ask(&portal);
    }
    match held(&portal, &origin, &jar).await? {
        Some(open) => page(&reset_page(&portal, open, None)),
        None => PAGES.dead(&portal, jar),
    }
}

fn reset_page(portal: &Portal, open: OpenReset, error: Option<String>) -> ResetPage {
    ResetPage {
        frame: Frame::plain(&portal.config, PAGES.title),
        reset: open.id.to_string(),
        email: open.account.email,
        expires: When::new(open.expires_at, portal.now(), &open.time_zone),
        error,
    }
}

pub(super) async fn submit_code(
    State(portal): State<Portal>,
    jar: CookieJar,
    Form(form): Form<CodeForm>,
) -> PageResult {
    PAGES.take(&portal, jar, &form.code)
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    #[serde(default)]
    reset: String,
    #[serde(default)]
    password: String,
}

pub(super) async fn submit_password(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    Form(form): Form<PasswordForm>,
) -> PageResult {
    let given = PAGES.held_for::<kind::PasswordReset>(&portal, &jar, &form.reset)?;
    let Some(code) = given else { return Ok(see_other(PAGES.path)) };
    match actions::reset_password(&portal, &origin, code.as_ref(), &form.password).await {
        Ok(true) => {
            let jar = cookies::clear(&portal.config, jar, cookies::Name::Reset);
            let text = "Your password was changed, and every session was ended. Sign in with the new password.";
            let jar = cookies::leave_flash(&portal.config, jar, "done", text);
            Ok((jar, see_other("/sign-in")).into_response())
        }
        Ok(false) => PAGES.dead(&portal, jar),
        Err(error @ (Error::Invalid(_) | Error::Unavailable(_))) => match held(&portal, &origin, &jar).await? {
            Some(open) => refused(&error, &reset_page(&portal, open, Some(error.to_string()))),
            None => PAGES.dead(&portal, jar),
        },
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

pub(super) async fn password_strength(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    ApiJson(asked): ApiJson<StrengthRequest>,
) -> Result<Json<StrengthAnswer>, Problem> {
    let Some(open) = held(&portal, &origin, &jar).await? else { return Err(Error::NotFound.into()) };
    let judged = judge(&asked.password, &[&open.account.name, &open.account.email]);
    Ok(Json(StrengthAnswer { score: judged.score, enough: judged.enough, sentence: judged.sentence }))
}
