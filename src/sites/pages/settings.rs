//! **Organisation settings**: one form with every setting, for Admins of the whole organisation.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{
    super::{
        Organisation, Place,
        actions::{self, Asked, Saved},
        settings::{FIELDS, Field, Kind, time_zones},
    },
    frame, frame_with_flash,
};
use crate::{
    access::Scope,
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    web::{Choice, ConfirmPage, Frame, PageResult, cookies, page, page_with_status, see_other},
};

/// The form as typed: keys of settings, `revision`, and `confirmed`.
type Typed = BTreeMap<String, String>;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    revision: String,
    fields: Vec<FieldView>,
    problems: Fields,
}

/// One setting on the page.
struct FieldView {
    key: &'static str,
    label: &'static str,
    sentence: &'static str,
    /// `line`, `list`, `lines`, `switch` or `choice`.
    shape: &'static str,
    value: String,
    choices: Vec<(Choice, &'static str)>,
    problem: Option<String>,
}

impl FieldView {
    fn new(field: &Field, value: String, problems: &Fields) -> Self {
        let choice =
            |key: &str, label: &str| Choice { value: key.to_owned(), label: label.to_owned(), selected: key == value };
        let (shape, choices) = match field.kind {
            Kind::Line => ("line", Vec::new()),
            Kind::Domains => ("lines", Vec::new()),
            Kind::Switch => ("switch", Vec::new()),
            Kind::TimeZone => {
                let mut zones = time_zones();
                // A zone that is stored but no longer offered stays what it is until somebody chooses another.
                if !zones.contains(&value) {
                    zones.insert(0, value.clone());
                }
                ("list", zones.iter().map(|zone| (choice(zone, zone), "")).collect())
            }
            Kind::Choice(all) => {
                ("choice", all.iter().map(|(key, label, sentence)| (choice(key, label), *sentence)).collect())
            }
        };
        let problem = problems.iter().find(|(key, _)| *key == field.key).map(|(_, text)| text.clone());
        Self { key: field.key, label: field.label, sentence: field.sentence, shape, choices, problem, value }
    }
}

/// The place whose name stands above the page: the whole organisation, also when it was asked for from a deployment.
async fn place_for(portal: &Portal, caller: &Caller, scope: &str) -> Result<Place> {
    let place = actions::place_for(portal, caller.actor()?, scope).await?;
    caller.administers(portal, place.scope).await?;
    let organisation = Scope::organisation(place.scope.organisation);
    actions::place_of(portal.db.reader(), organisation).await
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    let settings = actions::show_settings(&portal, &caller, place.scope).await?;
    let (jar, frame) = frame_with_flash(&portal, caller.actor()?, &place, "Organisation settings", jar).await?;
    Ok((jar, page(&of_stored(frame, &settings))?).into_response())
}

fn of_stored(frame: Frame, settings: &Organisation) -> SettingsPage {
    let fields = FIELDS.iter().map(|field| FieldView::new(field, (field.get)(settings), &Fields::new()));
    SettingsPage { frame, revision: settings.revision.to_string(), fields: fields.collect(), problems: Fields::new() }
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    Form(mut typed): Form<Typed>,
) -> PageResult {
    let place = place_for(&portal, &caller, &scope).await?;
    let path = format!("{}/settings", place.scope.path());
    for field in FIELDS.iter().filter(|field| matches!(field.kind, Kind::Switch)) {
        // Browsers do not send a box that is not ticked.
        typed.entry(field.key.to_owned()).or_insert_with(|| "no".to_owned());
    }
    let values = FIELDS.iter().filter_map(|field| Some((field.key.to_owned(), typed.get(field.key)?.clone())));
    let asked = Asked {
        values: values.collect(),
        // A number that was tampered with is one that nobody has seen.
        revision: Some(typed.get("revision").and_then(|text| text.parse().ok()).unwrap_or(-1)),
        confirmed: typed.get("confirmed").is_some_and(|answer| answer == "yes"),
    };
    match actions::change_settings(&portal, &caller, place.scope, &asked).await {
        Ok(Saved::Done(_, changes)) => {
            let text = match changes.as_slice() {
                [] => "Nothing was different, so nothing was changed.".to_owned(),
                [one] => format!("Saved: {}.", Field::find(one.key).map_or(one.key, |field| field.label)),
                several => format!("Saved: {} settings.", several.len()),
            };
            Ok((cookies::leave_flash(&portal.config, jar, "done", &text), see_other(&path)).into_response())
        }
        Ok(Saved::Asks(questions)) => {
            let mut hidden: Vec<_> = typed.into_iter().filter(|(key, _)| key != "confirmed").collect();
            hidden.push(("confirmed".to_owned(), "yes".to_owned()));
            page(&ConfirmPage {
                frame: frame(&portal, caller.actor()?, &place, "Change this setting?").await?,
                heading: "Change this setting?".to_owned(),
                text: questions.join(" "),
                items: Vec::new(),
                action: path.clone(),
                hidden,
                button: "Change it".to_owned(),
                danger: true,
                cancel: path,
            })
        }
        Err(Error::Invalid(problems)) => again(&portal, &caller, &place, &typed, problems, 422).await,
        Err(Error::Conflict(text)) => {
            // What the other person chose is the new ground; the next press changes it knowingly.
            let current = actions::show_settings(&portal, &caller, place.scope).await?;
            typed.insert("revision".to_owned(), current.revision.to_string());
            let text = format!("{text}. Below stands what you typed; saving it overwrites their change");
            again(&portal, &caller, &place, &typed, vec![("name", text)], 409).await
        }
        Err(other) => Err(other.into()),
    }
}

/// The form as typed, with what stands in the way.
async fn again(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    typed: &Typed,
    problems: Fields,
    status: u16,
) -> PageResult {
    let stored = actions::show_settings(portal, caller, place.scope).await?;
    let value = |field: &Field| {
        // Nobody needs all of many thousand characters back.
        typed.get(field.key).map_or_else(|| (field.get)(&stored), |text| text.chars().take(20_000).collect())
    };
    let view = SettingsPage {
        frame: frame(portal, caller.actor()?, place, "Error: Organisation settings").await?,
        revision: typed.get("revision").cloned().unwrap_or_default(),
        fields: FIELDS.iter().map(|field| FieldView::new(field, value(field), &problems)).collect(),
        problems,
    };
    page_with_status(StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), &view)
}
