//! The second half of signing in, and setting up what it asks for.

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{NextQuery, browser_in, can_be_mended, go_on, keep, local, onward, refused};
use crate::{
    error::{Error, Result},
    identity::{
        HalfSignedIn, Needs, Presence,
        actions::{self, Answer, Offer, Who},
        browser_name,
        door::{Arriving, SignedIn},
        has_passkeys,
    },
    portal::Portal,
    web::{Frame, PageResult, page, see_other},
};

#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactorPage {
    frame: Frame,
    email: String,
    next: String,
    remember: bool,
    has_authenticator: bool,
    /// Whether one of their passkeys can be asked for here.
    has_passkey: bool,
    error: Option<String>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    Query(query): Query<NextQuery>,
) -> PageResult {
    match presence {
        Presence::Half(half) if half.needs == Needs::SecondFactor => {
            page(&second_factor_page(&portal, &half, query.next, false, None).await?)
        }
        Presence::Half(half) => Ok(see_other(&onward(half.needs, &query.next))),
        Presence::Whole(_) => Ok(see_other(local(&query.next))),
        Presence::Nobody => Ok(see_other("/sign-in")),
    }
}

async fn second_factor_page(
    portal: &Portal,
    half: &HalfSignedIn,
    next: String,
    remember: bool,
    error: Option<String>,
) -> Result<SecondFactorPage> {
    let (has_authenticator, passkeys) = actions::factors_of(portal, half.account.id).await?;
    Ok(SecondFactorPage {
        frame: Frame::plain(&portal.config, "Second factor"),
        email: half.account.email.clone(),
        next,
        remember,
        has_authenticator,
        has_passkey: passkeys > 0 && has_passkeys(&portal.config),
        error,
    })
}

#[derive(Deserialize)]
pub(super) struct CodeForm {
    #[serde(default)]
    code: String,
    #[serde(default)]
    remember: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    Form(form): Form<CodeForm>,
) -> PageResult {
    let half = match presence {
        Presence::Half(half) => half,
        Presence::Whole(_) => return Ok(see_other(local(&form.next))),
        Presence::Nobody => return Ok(see_other("/sign-in")),
    };
    let remember = !form.remember.is_empty();
    let browser = browser_in(&portal, &jar);
    match actions::give_code(&portal, &half, &form.code, browser.as_deref(), remember).await {
        Ok(session) => Ok(go_on(&portal, jar, &session, &form.next)),
        Err(error) if can_be_mended(&error) => {
            let text = Some(error.to_string());
            refused(&error, &second_factor_page(&portal, &half, form.next, remember, text).await?)
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Template)]
#[template(path = "second_factor_set_up.html")]
struct SetUpPage {
    frame: Frame,
    /// Whether signing in waits for it.
    first: bool,
    /// Whether this portal can have passkeys.
    has_passkeys: bool,
    /// What a new passkey is called.
    passkey: String,
    offer: Offer,
    next: String,
    error: Option<Wrong>,
}

/// What has to be put right, and beside which field: `name`, `passkey` or `code`.
struct Wrong {
    field: &'static str,
    text: String,
}

impl SetUpPage {
    /// The sentence for this field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|wrong| wrong.field == field).map(|wrong| wrong.text.as_str())
    }
}

/// Who may set up a factor here: somebody half signed in who has none, or somebody signed in.
#[expect(clippy::result_large_err, reason = "the way elsewhere is an answer, and answers are large")]
pub(super) fn who(presence: &Presence) -> Result<Who<'_>, Response> {
    match presence {
        Presence::Half(half) if half.needs == Needs::SetUp => Ok(Who::Half(half)),
        Presence::Half(_) => Err(see_other("/sign-in/second-factor")),
        Presence::Whole(caller) => Ok(Who::Whole(caller)),
        Presence::Nobody => Err(see_other("/sign-in")),
    }
}

pub(super) async fn show_set_up(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    Query(query): Query<NextQuery>,
) -> PageResult {
    match who(&presence) {
        Ok(who) => {
            if let Who::Whole(caller) = &who
                && !caller.actor()?.is_fresh(portal.now())
            {
                return Err(Error::StepUpRequired.into());
            }
            page(&set_up_page(&portal, &who, None, query.next, None)?)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// What a new passkey is called, unless its owner says otherwise.
fn passkey_name(who: &Who<'_>) -> String {
    let agent = match who {
        Who::Half(half) => &half.origin.agent,
        Who::Whole(caller) => &caller.origin().agent,
    };
    browser_name(agent)
}

fn set_up_page(
    portal: &Portal,
    who: &Who<'_>,
    seed: Option<&str>,
    next: String,
    error: Option<Wrong>,
) -> Result<SetUpPage> {
    Ok(SetUpPage {
        frame: Frame::plain(&portal.config, "Set up your second factor"),
        first: matches!(who, Who::Half(_)),
        has_passkeys: has_passkeys(&portal.config),
        passkey: passkey_name(who),
        offer: actions::offer_authenticator(portal, &who.account()?, seed)?,
        next,
        error,
    })
}

#[derive(Deserialize)]
pub(super) struct AuthenticatorForm {
    #[serde(default)]
    seed: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn submit_authenticator(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    Form(form): Form<AuthenticatorForm>,
) -> PageResult {
    let who = match who(&presence) {
        Ok(who) => who,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let browser = browser_in(&portal, &jar);
    match actions::add_authenticator(&portal, &who, &form.seed, &form.code, browser.as_deref()).await {
        Ok(set_up) => {
            let jar = keep(&portal, jar, &set_up.session);
            show_recovery_codes(&portal, jar, set_up.recovery_codes, &form.next)
        }
        Err(error) if can_be_mended(&error) => {
            let wrong = Wrong { field: "code", text: error.to_string() };
            refused(&error, &set_up_page(&portal, &who, Some(&form.seed), form.next, Some(wrong))?)
        }
        Err(other) => Err(other.into()),
    }
}

#[derive(Deserialize)]
pub(super) struct PasskeyForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    ceremony: String,
    #[serde(default)]
    credential: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn submit_passkey(
    State(portal): State<Portal>,
    Arriving(presence): Arriving,
    jar: CookieJar,
    Form(form): Form<PasskeyForm>,
) -> PageResult {
    let who = match who(&presence) {
        Ok(who) => who,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let browser = browser_in(&portal, &jar);
    let credential = serde_json::from_str(&form.credential).unwrap_or_default();
    let answer = Answer { ceremony: form.ceremony.parse().ok(), credential };
    match actions::add_passkey(&portal, &who, answer, &form.name, browser.as_deref()).await {
        Ok(set_up) => {
            let jar = keep(&portal, jar, &set_up.session);
            show_recovery_codes(&portal, jar, set_up.recovery_codes, &form.next)
        }
        Err(error) if can_be_mended(&error) || matches!(error, Error::Gone(_) | Error::Conflict(_)) => {
            let named = matches!(&error, Error::Invalid(fields) if fields.iter().any(|(field, _)| *field == "name"));
            let wrong = Wrong { field: if named { "name" } else { "passkey" }, text: error.to_string() };
            let page = set_up_page(&portal, &who, None, form.next, Some(wrong))?;
            refused(&error, &SetUpPage { passkey: form.name, ..page })
        }
        Err(other) => Err(other.into()),
    }
}

/// Makes new recovery codes in the place of those before.
pub(super) async fn submit_recovery_codes(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
) -> PageResult {
    let codes = actions::make_recovery_codes(&portal, &caller).await?;
    show_recovery_codes(&portal, jar, codes, "/profile")
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodesPage {
    frame: Frame,
    codes: Vec<String>,
    /// The same as a file's address, for keeping without script.
    file: String,
    next: String,
}

/// Shows new recovery codes, this once; so there is no address to come back to.
pub(super) fn show_recovery_codes(portal: &Portal, jar: CookieJar, codes: Vec<String>, next: &str) -> PageResult {
    if codes.is_empty() {
        return Ok((jar, see_other(local(next))).into_response());
    }
    let text = format!("Recovery codes for {}\n\n{}\n", portal.config.url("/"), codes.join("\n"));
    let file: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let file = format!("data:text/plain;charset=utf-8,{}", file.replace('+', "%20"));
    let frame = Frame::plain(&portal.config, "Your recovery codes");
    let shown = page(&RecoveryCodesPage { frame, codes, file, next: local(next).to_owned() })?;
    Ok((jar, shown).into_response())
}
