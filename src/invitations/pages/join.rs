//! The invitee's side: the page behind the link. The code comes in the address's fragment, which never reaches a server;
//! script (or the invitee's own hand) posts it, and a cookie keeps it while the invitee signs in or creates an account.

use askama::Template;
use axum::{
    Form, Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::{Deserialize, Serialize};

use crate::{
    access::Permission,
    error::{Error, Result},
    identity::{self, door::Anybody},
    invitations::{Accepted, Code, Dead, SecondLook, actions},
    op::Caller,
    portal::Portal,
    sites,
    web::{ApiJson, Frame, Link, PageResult, When, cookies, page, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "join_code.html")]
struct JoinCodePage {
    frame: Frame,
    problem: Option<String>,
    slip: SlipForm,
    slip_errors: SlipErrors,
}

impl JoinCodePage {
    fn new(portal: &Portal, problem: Option<String>) -> Self {
        let frame = Frame::plain(&portal.config, "Your invitation");
        Self { frame, problem, slip: SlipForm::default(), slip_errors: SlipErrors::default() }
    }
}

/// Messages beside the fields of a slip.
#[derive(Default)]
pub struct SlipErrors {
    code: Option<String>,
    email: Option<String>,
}

/// What is typed from a printed slip.
#[derive(Default, Deserialize)]
pub struct SlipForm {
    #[serde(default)]
    slip_code: String,
    #[serde(default)]
    slip_email: String,
}

/// Messages beside fields.
#[derive(Default)]
pub struct JoinErrors {
    full_name: Option<String>,
    password: Option<String>,
    spoken: Option<String>,
    general: Option<String>,
}

#[derive(Template)]
#[template(path = "join.html")]
struct JoinPage {
    frame: Frame,
    invitation: String,
    organisation: String,
    deployment: Option<String>,
    role: String,
    role_sentence: String,
    permissions: Vec<&'static str>,
    inviter: String,
    email: String,
    expires: When,
    /// When the access begins, if that is later than accepting; and when it ends by itself.
    begins: Option<When>,
    ends: Option<When>,
    full_name: String,
    errors: JoinErrors,
    mode: &'static str,
    signed_in_as: String,
    /// Whether a code told by telephone is asked.
    asks_spoken: bool,
}

#[derive(Template)]
#[template(path = "join_dead.html")]
struct JoinDeadPage {
    frame: Frame,
    heading: &'static str,
    text: &'static str,
    next_step: &'static str,
    action: Option<Link>,
}

fn code_in(portal: &Portal, jar: &CookieJar) -> Option<String> {
    cookies::get(&portal.config, jar, cookies::Name::Join)
}

/// The invitation whose code the cookie holds, or the field to paste a code into.
pub(super) async fn show(State(portal): State<Portal>, Anybody(caller): Anybody, jar: CookieJar) -> PageResult {
    match code_in(&portal, &jar) {
        None => page(&JoinCodePage::new(&portal, None)),
        Some(code) => {
            show_invitation(&portal, &caller, &code, String::new(), JoinErrors::default(), StatusCode::OK).await
        }
    }
}

async fn show_invitation(
    portal: &Portal,
    caller: &Caller,
    code: &str,
    full_name: String,
    errors: JoinErrors,
    status: StatusCode,
) -> PageResult {
    let opened = match actions::open_link(portal, caller, Code::parse(code).as_ref()).await? {
        Ok(opened) => opened,
        Err(dead) => return show_dead(portal, &dead),
    };
    let place = sites::actions::place_of(portal.db.reader(), opened.invitation.scope).await?;
    let actor = caller.actor().ok();
    let mode = match actor {
        Some(actor) if is_own(&opened, actor) => "confirm",
        Some(_) => "switch",
        None if opened.has_account => "sign_in",
        None => "create",
    };
    let full_name = if full_name.is_empty() { opened.invitation.name.clone().unwrap_or_default() } else { full_name };
    let zone = place.time_zone();
    let when = |at| When::new(at, portal.now(), &zone);
    let join = JoinPage {
        frame: Frame::plain(&portal.config, "Your invitation"),
        invitation: opened.invitation.id.to_string(),
        expires: when(opened.invitation.expires_at),
        begins: opened.invitation.access_from.filter(|start| *start > portal.now()).map(when),
        ends: opened.invitation.access_until.map(when),
        organisation: place.organisation.name,
        deployment: place.deployment.map(|deployment| deployment.name),
        role_sentence: opened.role.sentence(),
        permissions: opened.role.permissions.iter().map(Permission::label).collect(),
        role: opened.role.name,
        inviter: if opened.inviter_name.is_empty() {
            "The operator of this portal".to_owned()
        } else {
            opened.inviter_name
        },
        email: opened.invitation.email.to_string(),
        full_name,
        errors,
        mode,
        asks_spoken: opened.invitation.second_look != SecondLook::NotNeeded,
        signed_in_as: actor.map(|actor| actor.email.clone()).unwrap_or_default(),
    };
    page_with_status(status, &join)
}

fn is_own(opened: &actions::Opened, actor: &crate::access::Actor) -> bool {
    crate::types::EmailAddress::parse(&actor.email).is_ok_and(|email| email == opened.invitation.email)
}

fn show_dead(portal: &Portal, dead: &Dead) -> PageResult {
    let ask = "Ask the person who invited you to send a new invitation.";
    let (heading, text, next_step, status) = match dead {
        Dead::NotValid => (
            "This link is not valid",
            "It may have been cut off on the way, or it never was a link of this portal.",
            "Open the link from your mail again, or paste the whole code that the mail shows.",
            StatusCode::NOT_FOUND,
        ),
        Dead::Expired => (
            "This invitation has expired",
            "Its link worked for a limited time, which is over. Nothing was lost.",
            "Ask the person who invited you to resend it; the same link will then work again.",
            StatusCode::GONE,
        ),
        Dead::Replaced => (
            "This invitation was replaced",
            "It was sent anew, so this link no longer works.",
            "Look for the newest mail from this portal. If there is none, the invitation may have been meant for another address, and there is nothing for you to do.",
            StatusCode::GONE,
        ),
        Dead::Deleted => ("This invitation was withdrawn", "The link no longer works.", ask, StatusCode::GONE),
        Dead::Used => (
            "This invitation was used already",
            "An account was made from it. If that was you, sign in with your e-mail and password.",
            "If it was not you, tell the person who invited you at once.",
            StatusCode::GONE,
        ),
        Dead::Declined => (
            "This invitation was declined",
            "Somebody said that it was not meant for them, and the link no longer works.",
            ask,
            StatusCode::GONE,
        ),
        Dead::Held => (
            "This invitation must be approved again",
            "Something has changed since it was sent: the role, or what the person who sent it may do. Until somebody who manages access there approves it again, nobody can join by it. They see it in the portal's list of pending invitations.",
            "Tell the person who invited you, or somebody else who manages access there. Once they have approved it, this link works and you get a mail with it.",
            StatusCode::CONFLICT,
        ),
        Dead::AlreadyStaff => (
            "You are a member already",
            "Your account has access here, so there is nothing to accept.",
            "Sign in to go on.",
            StatusCode::CONFLICT,
        ),
    };
    let action = match dead {
        Dead::Used | Dead::AlreadyStaff => Some(Link::new("Sign in", "/sign-in", false)),
        _ => None,
    };
    let frame = Frame::plain(&portal.config, heading);
    page_with_status(status, &JoinDeadPage { frame, heading, text, next_step, action })
}

/// A pasted code.
#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    code: String,
}

pub(super) async fn submit_code(
    State(portal): State<Portal>,
    jar: CookieJar,
    Form(form): Form<CodeForm>,
) -> PageResult {
    // The whole link is what people paste when they are asked for a code.
    let text = form.code.trim();
    let code = text.rsplit_once('#').map_or(text, |(_, code)| code);
    if Code::parse(code).is_none() {
        let problem = Some(
            "This is not the code of an invitation. Copy the whole code from your mail: it begins with cpi1_"
                .to_owned(),
        );
        return page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &JoinCodePage::new(&portal, problem));
    }
    let jar = cookies::set(&portal.config, jar, cookies::Name::Join, code.to_owned());
    Ok((jar, see_other("/join")).into_response())
}

pub(super) async fn submit_slip(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    jar: CookieJar,
    Form(form): Form<SlipForm>,
) -> PageResult {
    match actions::open_slip(&portal, &caller, &form.slip_email, &form.slip_code).await {
        Ok(code) => {
            let jar = cookies::set(&portal.config, jar, cookies::Name::Join, code);
            Ok((jar, see_other("/join")).into_response())
        }
        Err(Error::Invalid(fields)) => {
            let message = |name| fields.iter().find(|(field, _)| *field == name).map(|(_, text)| text.clone());
            let slip_errors = SlipErrors { code: message("slip_code"), email: message("slip_email") };
            let view = JoinCodePage { slip: form, slip_errors, ..JoinCodePage::new(&portal, None) };
            page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &view)
        }
        Err(other) => Err(other.into()),
    }
}

/// The last step. Role, scope and address come from the invitation alone; nothing else is read.
#[derive(Deserialize)]
pub(super) struct AcceptForm {
    #[serde(default)]
    invitation: String,
    #[serde(default)]
    full_name: String,
    #[serde(default)]
    password: String,
    /// The code told by telephone.
    #[serde(default)]
    spoken: String,
}

pub(super) async fn submit_accept(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    jar: CookieJar,
    Form(form): Form<AcceptForm>,
) -> PageResult {
    let Some(text) = code_in(&portal, &jar) else { return Ok(see_other("/join")) };
    let code = Code::parse(&text);
    if code.as_ref().is_some_and(|code| code.id.to_string() != form.invitation) {
        // Another link was opened in another tab; accepting the wrong one would be worse than asking again.
        return Err(Error::Conflict(
            "You have opened another invitation in the meantime. Open the link again".to_owned(),
        )
        .into());
    }
    let code = code.map(|code| code.with_spoken(&form.spoken));
    match actions::accept_invitation(&portal, &caller, code.as_ref(), &form.full_name, &form.password).await {
        Ok(Accepted::Joined { scope, begins, session }) => {
            let mut jar = cookies::clear(&portal.config, jar, cookies::Name::Join);
            // Until the first day there is nothing to see; the person's own page says when that is.
            let mut path = if begins.is_some() { "/".to_owned() } else { scope.path() };
            if let Some(session) = session {
                path = identity::pages::onward(session.needs, &path);
                jar = identity::pages::keep(&portal, jar, &session);
            }
            if begins.is_none() {
                jar = cookies::leave_flash(&portal.config, jar, "done", "Welcome. Your access is ready.");
            }
            Ok((jar, see_other(&path)).into_response())
        }
        Ok(Accepted::Dead(dead)) => show_dead(&portal, &dead),
        // The page itself says whether to sign in or to switch.
        Ok(Accepted::MustSignIn | Accepted::WrongAccount) => Ok(see_other("/join")),
        Err(Error::Invalid(fields)) => {
            let mut errors = JoinErrors::default();
            for (field, message) in fields {
                match field {
                    "full_name" => errors.full_name = Some(message),
                    "password" => errors.password = Some(message),
                    "spoken" => errors.spoken = Some(message),
                    _ => errors.general = Some(message),
                }
            }
            show_invitation(&portal, &caller, &text, form.full_name, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        // What was typed stays on the page; only the password must be typed again.
        Err(error @ Error::Unavailable(_)) => {
            let (wait, text_of) = (error.retry_after().unwrap_or(1), error.to_string());
            let errors = JoinErrors { general: Some(text_of), ..JoinErrors::default() };
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let mut response = show_invitation(&portal, &caller, &text, form.full_name, errors, status).await?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            Ok(response)
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn submit_decline(
    State(portal): State<Portal>,
    Anybody(caller): Anybody,
    jar: CookieJar,
    Form(form): Form<AcceptForm>,
) -> PageResult {
    let Some(text) = code_in(&portal, &jar) else { return Ok(see_other("/join")) };
    let code = Code::parse(&text);
    if code.as_ref().is_some_and(|code| code.id.to_string() != form.invitation) {
        return Err(Error::Conflict(
            "You have opened another invitation in the meantime. Open the link again".to_owned(),
        )
        .into());
    }
    match actions::decline_invitation(&portal, &caller, code.as_ref()).await? {
        Err(dead) => show_dead(&portal, &dead),
        Ok(_) => {
            let jar = cookies::clear(&portal.config, jar, cookies::Name::Join);
            let heading = "Thank you for telling us";
            let frame = Frame::plain(&portal.config, heading);
            let text = "The link no longer works, and no account was made. Whoever invited you is told that it reached the wrong person.";
            let response: Response = page(&JoinDeadPage {
                frame,
                heading,
                text,
                next_step: "There is nothing more to do; you can close this page.",
                action: None,
            })?;
            Ok((jar, response).into_response())
        }
    }
}

/// What the password meter asks.
#[derive(Deserialize)]
pub(super) struct StrengthRequest {
    #[serde(default)]
    password: String,
    #[serde(default)]
    full_name: String,
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
    Anybody(caller): Anybody,
    jar: CookieJar,
    ApiJson(asked): ApiJson<StrengthRequest>,
) -> Result<Json<StrengthAnswer>, crate::web::Problem> {
    let code = code_in(&portal, &jar).and_then(|text| Code::parse(&text));
    let email = match actions::find_by_code(&portal, &caller, code.as_ref()).await? {
        Ok(invitation) => invitation.email.to_string(),
        Err(_) => return Err(Error::NotFound.into()),
    };
    let judged = identity::judge(&asked.password, &[&asked.full_name, &email]);
    Ok(Json(StrengthAnswer { score: judged.score, enough: judged.enough, sentence: judged.sentence }))
}
