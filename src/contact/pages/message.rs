//! **Send message**, and taking one back.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form};
use serde::Deserialize;

use super::{OfPatient, for_contact, problem};
use crate::{
    contact::{LONGEST_TEXT, actions},
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    programmes::Programme,
    types::kind,
    web::{Frame, PageError, PageResult, cookies, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "contact/message.html")]
struct MessagePage {
    frame: Frame,
    rail: Rail,
    messages_on: bool,
    custom: bool,
    has_address: bool,
    ready: Vec<String>,
    /// Which of them fills the text, as typed.
    chosen: String,
    text: String,
    longest: usize,
    key: String,
    problems: Fields,
    text_problem: Option<String>,
}

/// What was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MessageForm {
    r#do: String,
    ready: String,
    text: String,
    key: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(of): Path<OfPatient>,
    jar: CookieJar,
) -> PageResult {
    let (_, programme) = for_contact(&portal, &caller, (&of.0, &of.1)).await?;
    render(&portal, &caller, &of, (programme, MessageForm::default()), Ok(()), jar).await
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    of: &OfPatient,
    (programme, typed): (Programme, MessageForm),
    outcome: Result<()>,
    jar: CookieJar,
) -> PageResult {
    let (status, problems, wait) = match outcome {
        Ok(()) => (200, Fields::new(), None),
        Err(Error::Invalid(problems)) => (422, problems, None),
        Err(error @ (Error::OverLimit { .. } | Error::Conflict(_))) => {
            (error.status(), vec![("text", format!("{error}."))], error.retry_after())
        }
        Err(other) => return Err(other.into()),
    };
    let (jar, mut open) =
        rail::open(portal, caller, (&of.0, &of.1), (rail::Page::Telemedicine, "message form"), jar).await?;
    if !problems.is_empty() {
        open.frame.title = format!("Error: {}", open.frame.title);
    }
    let key = if typed.key.is_empty() { portal.new_id::<kind::Message>().to_string() } else { typed.key };
    let view = MessagePage {
        messages_on: programme.messages,
        custom: programme.custom_messages,
        has_address: actions::has_address(portal, &open.one).await?,
        ready: programme.predefined,
        chosen: typed.ready,
        text: typed.text,
        longest: LONGEST_TEXT,
        key,
        text_problem: problem(&problems, "text"),
        problems,
        frame: open.frame,
        rail: open.rail,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let mut response: Response = (jar, page_with_status(status, &view)?).into_response();
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(of): Path<OfPatient>,
    jar: CookieJar,
    Form(typed): Form<MessageForm>,
) -> PageResult {
    let (patient, programme) = for_contact(&portal, &caller, (&of.0, &of.1)).await?;
    if typed.r#do == "fill" {
        let chosen = typed.ready.parse().ok().and_then(|n: usize| programme.predefined.get(n)).cloned();
        let text = chosen.unwrap_or_else(|| typed.text.clone());
        return render(&portal, &caller, &of, (programme, MessageForm { text, ..typed }), Ok(()), jar).await;
    }
    if typed.key.is_empty() || typed.key.len() > 100 {
        let again = Err(Error::field("text", "This form was not whole. Send it again."));
        return render(&portal, &caller, &of, (programme, MessageForm { key: String::new(), ..typed }), again, jar)
            .await;
    }
    match actions::send_message(&portal, &caller, patient, &typed.text, &typed.key).await {
        Ok(()) => {
            let said = "Sent. The patient gets a mail with a link to the message.";
            Ok(back(&portal, jar, &of, said))
        }
        refused => render(&portal, &caller, &of, (programme, typed), refused, jar).await,
    }
}

/// To what was sent, with a word about it.
pub(super) fn back(portal: &Portal, jar: CookieJar, (scope, patient): &OfPatient, said: &str) -> Response {
    let jar = cookies::leave_flash(&portal.config, jar, "done", said);
    (jar, see_other(&format!("/{scope}/patients/{patient}/telemedicine"))).into_response()
}

pub(super) async fn withdraw(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient, message)): Path<(String, String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (id, _) = for_contact(&portal, &caller, (&scope, &patient)).await?;
    let message = message.parse().map_err(|_| PageError(Error::NotFound))?;
    actions::withdraw_message(&portal, &caller, id, message).await?;
    Ok(back(&portal, jar, &(scope, patient), "Taken back. The link in the mail does not show the message any more."))
}
