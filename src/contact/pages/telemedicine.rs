//! What was sent to a patient, and the appointments with them.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::OfPatient;
use crate::{
    contact::{Appointment, Message, actions, way},
    identity::door::SignedIn,
    outbox::life::Stage,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    types::{Cursor, Timestamp},
    web::{Frame, PageResult, Pager, When, lists::ListAddress, page},
};

const PAGE: usize = 20;

/// A word with its icon and its colour, and what it means.
pub struct Mark {
    icon: &'static str,
    tone: &'static str,
    word: &'static str,
    meaning: &'static str,
}

impl Mark {
    /// How far the patient has it.
    const fn of(stage: Stage, opened: Option<Timestamp>) -> Self {
        if opened.is_some() {
            return Self {
                icon: "opened",
                tone: "sent",
                word: "Read",
                meaning: "The patient's private page was opened.",
            };
        }
        Self { icon: stage.icon(), tone: stage.tone(), word: stage.word(), meaning: stage.meaning() }
    }
}

/// A message in the list.
pub struct MessageRow {
    text: String,
    sender: String,
    sent: When,
    mark: Mark,
    read: Option<When>,
    withdrawn: Option<When>,
    withdraw: String,
}

/// An appointment in the list.
pub struct AppointmentRow {
    when: When,
    minutes: i64,
    how: &'static str,
    place: String,
    link: bool,
    staff: String,
    state: Mark,
    answer: String,
    mark: Mark,
    /// Where it is moved or cancelled.
    change: Option<String>,
}

#[derive(Template)]
#[template(path = "contact/telemedicine.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a button or a note of its own")]
struct TelemedicinePage {
    frame: Frame,
    rail: Rail,
    messages_on: bool,
    appointments_on: bool,
    calls_on: bool,
    has_address: bool,
    messages: Vec<MessageRow>,
    messages_pager: Pager,
    upcoming: Vec<AppointmentRow>,
    upcoming_pager: Pager,
    past: Vec<AppointmentRow>,
    past_pager: Pager,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    from: String,
    upcoming: String,
    past: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<OfPatient>,
    Query(asked): Query<Asked>,
    jar: CookieJar,
) -> PageResult {
    let (jar, open) =
        rail::open(&portal, &caller, (&scope, &patient), (rail::Page::Telemedicine, "messages"), jar).await?;
    let places = [&asked.from, &asked.upcoming, &asked.past].map(|text| Cursor::decode(text));
    let found = actions::show_telemedicine(&portal, &open.one, places.each_ref().map(Option::as_ref), PAGE).await?;
    let (now, zone) = (portal.now(), open.place.time_zone());
    let when = |at| When::new(at, now, &zone);
    let home = format!("{}/telemedicine", open.rail.address);
    let message = |one: Message| MessageRow {
        withdraw: format!("{}/messages/{}/withdraw", open.rail.address, one.id),
        mark: Mark::of(one.stage, one.opened_at),
        sent: when(one.sent_at),
        read: one.opened_at.map(when),
        withdrawn: one.withdrawn_at.map(when),
        text: one.text,
        sender: one.sender,
    };
    let appointment = |one: Appointment| appointment_row(one, &open.rail, now, when);
    let address = ListAddress::new(home);
    let view = TelemedicinePage {
        messages_on: open.programme.messages,
        appointments_on: open.programme.appointments,
        calls_on: !open.programme.call_link.is_empty(),
        has_address: found.has_address,
        messages_pager: address.pager(&found.messages),
        upcoming_pager: address.pager_by("upcoming", &found.upcoming),
        past_pager: address.pager_by("past", &found.past),
        messages: found.messages.rows.into_iter().map(message).collect(),
        upcoming: found.upcoming.rows.into_iter().map(&appointment).collect(),
        past: found.past.rows.into_iter().map(&appointment).collect(),
        frame: open.frame,
        rail: Rail { ..open.rail },
    };
    Ok((jar, page(&view)?).into_response())
}

fn appointment_row(one: Appointment, rail: &Rail, now: Timestamp, when: impl Fn(Timestamp) -> When) -> AppointmentRow {
    let (icon, tone) = one.state.look();
    AppointmentRow {
        change: (rail.may_contact && one.is_open(now)).then(|| format!("{}/appointments/{}", rail.address, one.id)),
        when: when(one.starts_at),
        minutes: one.minutes(),
        how: way(&one.how),
        link: one.place.starts_with("https://"),
        state: Mark { icon, tone, word: one.state.word(), meaning: "" },
        mark: Mark::of(one.stage, one.opened_at),
        place: one.place,
        staff: one.staff_name,
        answer: one.answer,
    }
}
