//! **Schedule an appointment**, **Move** and **Cancel**.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form};
use serde::Deserialize;

use super::{OfPatient, for_contact, message::back, problem};
use crate::{
    contact::{
        Appointment, TypedAppointment, WAYS,
        actions::{self, Moved, Proposed},
        way,
    },
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    programmes::Programme,
    types::{AppointmentId, Timestamp, kind},
    web::{Choice, Frame, PageError, PageResult, When, page_with_status},
};

/// An appointment as it stands, above the form that changes it.
pub struct Present {
    when: When,
    minutes: i64,
    how: &'static str,
    place: String,
    staff: String,
    state: &'static str,
    answer: String,
}

#[derive(Template)]
#[template(path = "contact/appointment.html")]
struct AppointmentPage {
    frame: Frame,
    rail: Rail,
    appointments_on: bool,
    has_address: bool,
    present: Option<Present>,
    changeable: bool,
    action: String,
    typed: TypedAppointment,
    ways: Vec<Choice>,
    today: String,
    zone: String,
    key: String,
    revision: String,
    overlaps: Vec<String>,
    problems: Fields,
    day_problem: Option<String>,
    time_problem: Option<String>,
    minutes_problem: Option<String>,
    how_problem: Option<String>,
    place_problem: Option<String>,
}

/// What was typed.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AppointmentForm {
    r#do: String,
    day: String,
    time: String,
    minutes: String,
    how: String,
    place: String,
    key: String,
    revision: String,
    /// Given when others at the same time were pointed out, with the time that was typed then.
    despite: String,
}

impl AppointmentForm {
    fn typed(&self) -> TypedAppointment {
        TypedAppointment {
            day: self.day.clone(),
            time: self.time.clone(),
            minutes: self.minutes.clone(),
            how: self.how.clone(),
            place: self.place.clone(),
        }
    }

    /// What was pointed out holds for the time that was typed then, and for no other.
    fn of_time(&self) -> String {
        format!("{} {} {}", self.day.trim(), self.time.trim(), self.minutes.trim())
    }

    fn is_despite(&self) -> bool {
        self.despite == self.of_time()
    }
}

/// A form on its way: whose, on which appointment, and what was typed.
struct Asked<'a> {
    of: &'a OfPatient,
    programme: Programme,
    appointment: Option<AppointmentId>,
    form: AppointmentForm,
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    asked: Asked<'_>,
    outcome: Result<Proposed>,
    jar: CookieJar,
) -> PageResult {
    let (status, problems, wait, overlaps) = match outcome {
        Ok(Proposed::Done) => (200, Fields::new(), None, Vec::new()),
        Ok(Proposed::Overlaps(words)) => (200, Fields::new(), None, words),
        Err(Error::Invalid(problems)) => (422, problems, None, Vec::new()),
        Err(error @ (Error::OverLimit { .. } | Error::Conflict(_))) => {
            (error.status(), vec![("day", format!("{error}."))], error.retry_after(), Vec::new())
        }
        Err(other) => return Err(other.into()),
    };
    let of = (asked.of.0.as_str(), asked.of.1.as_str());
    let (jar, mut open) = rail::open(portal, caller, of, (rail::Page::Telemedicine, "appointment form"), jar).await?;
    if !problems.is_empty() {
        open.frame.title = format!("Error: {}", open.frame.title);
    }
    let (now, zone) = (portal.now(), open.place.time_zone());
    let mut form = asked.form;
    let (mut present, mut changeable) = (None, true);
    let mut action = format!("{}/appointments/new", open.rail.address);
    if let Some(id) = asked.appointment {
        let appointment = actions::show_appointment(portal, &open.one, id).await?;
        if form.day.is_empty() && problems.is_empty() {
            form = form_of(&appointment, &zone);
        }
        // What a colleague has done meanwhile is shown now, so the next press knows it.
        form.revision = appointment.revision.to_string();
        action = format!("{}/appointments/{id}", open.rail.address);
        changeable = appointment.is_open(now);
        present = Some(present_of(appointment, now, &zone));
    }
    let ways = WAYS.map(|(value, label)| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        selected: value == form.how,
    });
    let key = if form.key.is_empty() { portal.new_id::<kind::Appointment>().to_string() } else { form.key.clone() };
    let view = AppointmentPage {
        appointments_on: asked.programme.appointments,
        has_address: actions::has_address(portal, &open.one).await?,
        present,
        changeable,
        action,
        ways: ways.into(),
        today: now.to_jiff().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d").to_string(),
        zone: open.place.organisation.time_zone.clone(),
        key,
        revision: form.revision.clone(),
        overlaps,
        day_problem: problem(&problems, "day"),
        time_problem: problem(&problems, "time"),
        minutes_problem: problem(&problems, "minutes"),
        how_problem: problem(&problems, "how"),
        place_problem: problem(&problems, "place"),
        problems,
        typed: form.typed(),
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

fn form_of(appointment: &Appointment, zone: &jiff::tz::TimeZone) -> AppointmentForm {
    let begins = appointment.starts_at.to_jiff().to_zoned_datetime(zone.clone());
    AppointmentForm {
        day: begins.strftime("%Y-%m-%d").to_string(),
        time: begins.strftime("%H:%M").to_string(),
        minutes: appointment.minutes().to_string(),
        how: appointment.how.clone(),
        place: appointment.place.clone(),
        ..AppointmentForm::default()
    }
}

fn present_of(appointment: Appointment, now: Timestamp, zone: &jiff::tz::TimeZone) -> Present {
    Present {
        when: When::new(appointment.starts_at, now, zone),
        minutes: appointment.minutes(),
        how: way(&appointment.how),
        state: appointment.state.word(),
        place: appointment.place,
        staff: appointment.staff_name,
        answer: appointment.answer,
    }
}

pub(super) async fn show_new(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(of): Path<OfPatient>,
    jar: CookieJar,
) -> PageResult {
    let (_, programme) = for_contact(&portal, &caller, (&of.0, &of.1)).await?;
    let form = AppointmentForm { minutes: "30".to_owned(), how: "video".to_owned(), ..AppointmentForm::default() };
    let asked = Asked { of: &of, programme, appointment: None, form };
    render(&portal, &caller, asked, Ok(Proposed::Done), jar).await
}

pub(super) async fn submit_new(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(of): Path<OfPatient>,
    jar: CookieJar,
    Form(form): Form<AppointmentForm>,
) -> PageResult {
    let (patient, programme) = for_contact(&portal, &caller, (&of.0, &of.1)).await?;
    let outcome = if form.key.is_empty() || form.key.len() > 100 {
        Err(Error::field("day", "This form was not whole. Send it again."))
    } else {
        let press = (form.key.as_str(), form.is_despite());
        actions::propose_appointment(&portal, &caller, patient, &form.typed(), press).await
    };
    match outcome {
        Ok(Proposed::Done) => Ok(back(&portal, jar, &of, "Proposed. The patient gets a mail and is asked to confirm.")),
        other => render(&portal, &caller, Asked { of: &of, programme, appointment: None, form }, other, jar).await,
    }
}

/// The appointment's id in the path.
fn read_id(text: &str) -> Result<AppointmentId, PageError> {
    text.parse().map_err(|_| PageError(Error::NotFound))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient, appointment)): Path<(String, String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (_, programme) = for_contact(&portal, &caller, (&scope, &patient)).await?;
    let (id, of) = (read_id(&appointment)?, (scope, patient));
    let asked = Asked { of: &of, programme, appointment: Some(id), form: AppointmentForm::default() };
    render(&portal, &caller, asked, Ok(Proposed::Done), jar).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient, appointment)): Path<(String, String, String)>,
    jar: CookieJar,
    Form(form): Form<AppointmentForm>,
) -> PageResult {
    let (patient_id, programme) = for_contact(&portal, &caller, (&scope, &patient)).await?;
    let (id, of) = (read_id(&appointment)?, (scope, patient));
    let seen = form.revision.parse().unwrap_or(-1);
    let (outcome, said) = if form.r#do == "cancel" {
        let done = actions::cancel_appointment(&portal, &caller, patient_id, (id, seen)).await;
        (done.map(|()| Proposed::Done), "Cancelled. The patient is told by mail.")
    } else {
        let to = form.typed();
        let moved = Moved { appointment: id, seen, to: &to, despite: form.is_despite() };
        let done = actions::move_appointment(&portal, &caller, patient_id, &moved).await;
        (done, "Moved. The patient gets a mail and is asked again.")
    };
    match outcome {
        Ok(Proposed::Done) => Ok(back(&portal, jar, &of, said)),
        other => render(&portal, &caller, Asked { of: &of, programme, appointment: Some(id), form }, other, jar).await,
    }
}
