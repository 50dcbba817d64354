//! **Enter readings**: one round of measuring, every followed module on one page.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{Eyes, shown::Shown};
use crate::{
    access::Permission,
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::pages::rail::{self, Opened, Rail},
    portal::Portal,
    programmes::Programme,
    readings::{Kind, Module, NewReading, actions},
    types::{PatientId, ReadingId, Timestamp},
    web::{Frame, PageResult, cookies, page_with_status, see_other},
};

/// A field of the form.
struct Field {
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    hint: &'static str,
    words: bool,
    first: bool,
    value: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/enter.html")]
struct EnterPage {
    frame: Frame,
    rail: Rail,
    fields: Vec<Field>,
    at: String,
    latest: String,
    at_problem: Option<String>,
    nothing: Option<String>,
    zone: String,
    key: String,
}

impl EnterPage {
    fn failed(&self) -> bool {
        let own = self.nothing.is_some() || self.at_problem.is_some();
        own || self.fields.iter().any(|field| field.problem.is_some())
    }
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    module: String,
}

/// The rail's page, for those who may enter; the refusal of others is in the access log, and they are shown nothing.
async fn open(
    portal: &Portal,
    caller: &Caller,
    (scope, patient): (&str, &str),
    jar: CookieJar,
) -> Result<(CookieJar, Opened, Programme, Eyes)> {
    let id: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
    caller.patient(portal, Permission::ManagePatientData, id).await?;
    let to = (rail::Page::Dashboard, "form for readings");
    let (jar, mut opened) = rail::open(portal, caller, (scope, patient), to, jar).await?;
    opened.frame.title = format!("{} – Enter readings", opened.patient.number);
    let programme = opened.programme.clone();
    let eyes = Eyes::of(portal, caller.actor()?.account, opened.place.time_zone()).await?;
    Ok((jar, opened, programme, eyes))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    jar: CookieJar,
) -> PageResult {
    let (jar, opened, programme, eyes) = open(&portal, &caller, (&scope, &patient), jar).await?;
    let typed = HashMap::from([
        ("at".to_owned(), local(eyes.now, &eyes)),
        ("key".to_owned(), portal.new_id::<crate::types::kind::Reading>().to_string()),
    ]);
    let view = fill(opened, &programme, &eyes, &typed, &asked.module);
    Ok((jar, page_with_status(StatusCode::OK, &view)?).into_response())
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    Form(typed): Form<HashMap<String, String>>,
) -> PageResult {
    let (jar, opened, programme, eyes) = open(&portal, &caller, (&scope, &patient), jar).await?;
    let patient = opened.patient.id;
    let mut view = fill(opened, &programme, &eyes, &typed, "");
    let at = match read_at(typed.get("at").map_or("", String::as_str), &eyes) {
        Ok(at) => at,
        Err(why) => {
            view.at_problem = Some(why);
            eyes.now
        }
    };
    let mut readings = Vec::new();
    for field in view.fields.iter_mut().filter(|field| !field.value.trim().is_empty()) {
        let Some(module) = Module::find(field.key) else { continue };
        match Shown::new(module, &eyes.units).read(&field.value) {
            Ok(measured) => {
                // The same form sent twice enters nothing twice.
                let identifier = key_of(&typed).map(|key| format!("urn:care-portal:form|{key}-{}", module.key));
                readings.push(NewReading { patient, module, measured, at, identifier });
            }
            Err(why) => field.problem = Some(why),
        }
    }
    if readings.is_empty() && view.fields.iter().all(|field| field.problem.is_none()) {
        view.nothing = Some("Fill in at least one value.".to_owned());
    }
    if view.failed() {
        view.frame.title = format!("Error: {}", view.frame.title);
        return Ok((jar, page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &view)?).into_response());
    }
    let entered = actions::enter_by_hand(&portal, &caller, patient, readings).await?;
    let text = match entered.new {
        0 => "These readings are entered already.".to_owned(),
        1 => "1 reading is entered.".to_owned(),
        n => format!("{n} readings are entered."),
    };
    let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
    Ok((jar, see_other(&view.rail.address)).into_response())
}

fn key_of(typed: &HashMap<String, String>) -> Option<ReadingId> {
    typed.get("key").and_then(|key| key.parse().ok())
}

fn fill(opened: Opened, programme: &Programme, eyes: &Eyes, typed: &HashMap<String, String>, first: &str) -> EnterPage {
    let first = programme.follows(first).or(programme.modules.first()).map_or("", |followed| followed.module.key);
    let field = |module: &'static Module| Field {
        key: module.key,
        label: module.label,
        unit: Shown::new(module, &eyes.units).unit(),
        hint: match (module.kind, Shown::new(module, &eyes.units).unit()) {
            (Kind::Two, _) => "Both values, as in 120/80",
            (_, "st") => "Stones and pounds, as in 11 st 4",
            (_, "ft") => "Feet and inches, as in 5 ft 11",
            _ => "",
        },
        words: module.kind == Kind::Text,
        first: module.key == first,
        value: typed.get(&format!("value_{}", module.key)).cloned().unwrap_or_default(),
        problem: None,
    };
    EnterPage {
        fields: programme.modules.iter().map(|followed| field(followed.module)).collect(),
        at: typed.get("at").cloned().unwrap_or_default(),
        latest: local(eyes.now, eyes),
        at_problem: None,
        nothing: None,
        zone: eyes.zone.iana_name().unwrap_or("UTC").replace('_', " "),
        key: key_of(typed).map(|key| key.to_string()).unwrap_or_default(),
        frame: opened.frame,
        rail: opened.rail,
    }
}

/// An instant as the field of a browser writes it.
fn local(at: Timestamp, eyes: &Eyes) -> String {
    at.to_jiff().to_zoned_datetime(eyes.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
}

/// A minute of tolerance: clocks differ, and a form takes time.
const AHEAD: i64 = 5 * 60_000;

fn read_at(typed: &str, eyes: &Eyes) -> Result<Timestamp, String> {
    let local: jiff::civil::DateTime =
        typed.trim().parse().map_err(|_| "Give day and time, as in 2026-11-24 18:30.".to_owned())?;
    let at = local.to_zoned_datetime(eyes.zone.clone()).map_err(|_| "There is no such moment.".to_owned())?;
    let at = Timestamp(at.timestamp().as_millisecond());
    if at.0 > eyes.now.0 + AHEAD {
        return Err("This moment has not come yet; check day and time.".to_owned());
    }
    if local.year() < 1900 {
        return Err("This is very long ago; check the year.".to_owned());
    }
    Ok(at)
}
