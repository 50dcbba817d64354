//! The patient's private page: one message, or one appointment with the patient's answer. It never says whose it is.

use askama::Template;
use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::FOR_YOU;
use crate::{
    contact::{
        Appointment, LONGEST_LINE, PRIVATE, State as Stands,
        actions::{self, Answer, Opened, Private, Why},
        way,
    },
    error::{Error, Result},
    identity::pages::links::{CodeForm, Dead, LinkPages},
    portal::Portal,
    sites::Place,
    types::kind,
    web::{Frame, PageResult, When, cookies, origin, page, page_with_status, see_other},
};

const PAGES: LinkPages = LinkPages {
    kind: &PRIVATE,
    cookie: cookies::Name::ForYou,
    path: FOR_YOU,
    title: "For you",
    for_staff: false,
    dead_title: "This link does not work",
    dead_text: "It was cut off on the way to you, or it is not from this portal.",
    next_step: "Use the button in the mail, or copy the whole code that is printed in it. If that does not help, call your care team.",
    link: ("Type the code", FOR_YOU),
};

/// Why a link works no more, in words for a patient.
const fn words(why: Why) -> Dead {
    let (title, text) = match why {
        Why::NotMonitored => (
            "This page is closed",
            "Your care team no longer follows you with this portal, so its pages for you are closed.",
        ),
        Why::Replaced => (
            "This link was replaced",
            "Your care team has made your links anew, so this one shows nothing any more. Newer mails hold links that work.",
        ),
        Why::Withdrawn => ("This message was taken back", "Your care team has taken this message back."),
        Why::Old => ("This link is too old", "A link works for 90 days, and this one has lain for longer."),
    };
    Dead { title, text, next_step: "If you need something, call your care team." }
}

/// An appointment as the patient sees it.
pub struct AppointmentView {
    id: String,
    sequence: i64,
    when: When,
    minutes: i64,
    how: &'static str,
    place: String,
    link: bool,
    state: &'static str,
    state_word: &'static str,
    answer: String,
    open: bool,
}

#[derive(Template)]
#[template(path = "contact/for_you.html")]
struct ForYouPage {
    frame: Frame,
    from: String,
    sender: String,
    message: Option<(String, When)>,
    appointment: Option<AppointmentView>,
    longest: usize,
    typed: String,
    problem: Option<String>,
}

fn view(portal: &Portal, frame: Frame, place: &Place, private: Private) -> ForYouPage {
    let (now, zone) = (portal.now(), place.time_zone());
    let mut view = ForYouPage {
        frame,
        from: place.full_name(),
        sender: String::new(),
        message: None,
        appointment: None,
        longest: LONGEST_LINE,
        typed: String::new(),
        problem: None,
    };
    match private {
        Private::Message { sender, text, sent_at } => {
            view.sender = sender;
            view.message = Some((text, When::new(sent_at, now, &zone)));
        }
        Private::Appointment(one) => {
            view.sender.clone_from(&one.staff_name);
            let when = When::new(one.starts_at, now, &zone);
            view.appointment = Some(appointment_view(one, when, now));
        }
    }
    view
}

fn appointment_view(one: Appointment, when: When, now: crate::types::Timestamp) -> AppointmentView {
    AppointmentView {
        id: one.id.to_string(),
        sequence: one.sequence,
        minutes: one.minutes(),
        how: way(&one.how),
        link: one.place.starts_with("https://"),
        state: one.state.key(),
        state_word: match one.state {
            Stands::Proposed => "Please answer",
            Stands::Confirmed => "You have confirmed it",
            Stands::Another => "You have asked for another time",
            Stands::Declined => "You have declined it",
            Stands::Cancelled => "Your care team has cancelled it",
        },
        open: one.is_open(now),
        place: one.place,
        answer: one.answer,
        when,
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
) -> PageResult {
    let Some(code) = PAGES.held(&portal, &jar) else { return PAGES.ask(&portal) };
    match actions::open_private(&portal, &origin, code.as_ref()).await? {
        Opened::Private(place, private) => {
            let (jar, flash) = cookies::take_flash(&portal.config, jar);
            let frame = Frame { flash, ..PAGES.frame(&portal, PAGES.title) };
            Ok((jar, page(&view(&portal, frame, &place, private))?).into_response())
        }
        Opened::Dead(why) => PAGES.dead_saying(&portal, jar, &words(why)),
        Opened::Unknown => PAGES.dead(&portal, jar),
    }
}

pub(super) async fn submit_code(
    State(portal): State<Portal>,
    jar: CookieJar,
    Form(form): Form<CodeForm>,
) -> PageResult {
    PAGES.take(&portal, jar, &form.code)
}

/// What the patient answers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AnswerForm {
    appointment: String,
    sequence: String,
    r#do: String,
    text: String,
}

pub(super) async fn submit_answer(
    State(portal): State<Portal>,
    origin::From(origin): origin::From,
    jar: CookieJar,
    Form(form): Form<AnswerForm>,
) -> PageResult {
    let held = PAGES.held_for::<kind::Appointment>(&portal, &jar, &form.appointment)?;
    let Some(code) = held else { return Ok(see_other(FOR_YOU)) };
    let answer = Answer { what: &form.r#do, text: &form.text, sequence: form.sequence.parse().unwrap_or(-1) };
    match actions::answer_appointment(&portal, &origin, code.as_ref(), &answer).await {
        Ok(true) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", "Your care team has your answer.");
            Ok((jar, see_other(FOR_YOU)).into_response())
        }
        // The page itself says what is the matter with the link.
        Ok(false) => Ok(see_other(FOR_YOU)),
        Err(error @ (Error::Invalid(_) | Error::Conflict(_))) => {
            again(&portal, &origin, (code.as_ref(), &form, error), jar).await
        }
        Err(other) => Err(other.into()),
    }
}

/// The page once more, as it is now, with what was wrong.
async fn again(
    portal: &Portal,
    origin: &crate::access::Origin,
    (code, form, error): (Option<&crate::keys::link::LinkCode>, &AnswerForm, Error),
    jar: CookieJar,
) -> PageResult {
    let opened: Result<Opened> = actions::find_private(portal, origin, code).await;
    let Opened::Private(place, private) = opened? else { return Ok(see_other(FOR_YOU)) };
    let mut view = view(portal, PAGES.frame(portal, "Error: For you"), &place, private);
    view.typed.clone_from(&form.text);
    let text = error.to_string();
    view.problem = Some(if text.ends_with('.') { text } else { format!("{text}.") });
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    let response: Response = (jar, page_with_status(status, &view)?).into_response();
    Ok(response)
}
