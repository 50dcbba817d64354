//! Personal details and units.

use axum::{Form, extract::State, http::StatusCode};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{Again, done, render};
use crate::{
    error::{Error, Fields},
    identity::{MEASURES, actions, actions::Details, door::SignedIn},
    portal::Portal,
    web::{Choice, PageResult},
};

/// What is shown of the person themselves.
pub struct Section {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    /// What stands in the form: what was typed, where it could not be used.
    pub(super) typed: DetailsForm,
    pub(super) name_problem: Option<String>,
    pub(super) phone_problem: Option<String>,
    pub(super) units: Vec<UnitField>,
}

/// The unit of one measure.
pub struct UnitField {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    pub(super) current: &'static str,
    pub(super) choices: Vec<Choice>,
}

impl Section {
    pub(super) fn new(own: Details, again: Option<(DetailsForm, Fields)>) -> Self {
        let (typed, problems) =
            again.unwrap_or_else(|| (DetailsForm { name: own.name.clone(), phone: own.phone.clone() }, Fields::new()));
        let problem = |field: &str| problems.iter().find(|(known, _)| *known == field).map(|(_, text)| text.clone());
        let units = MEASURES.iter().map(|measure| {
            let current = own.units.of(measure);
            let choice = |unit: &&'static str| Choice {
                value: (*unit).to_owned(),
                label: said(unit).to_owned(),
                selected: *unit == current,
            };
            UnitField {
                key: measure.key,
                label: measure.label,
                current: said(current),
                choices: measure.units.iter().map(choice).collect(),
            }
        });
        Self {
            name_problem: problem("name"),
            phone_problem: problem("phone"),
            typed,
            units: units.collect(),
            name: own.name,
            email: own.email,
            phone: own.phone,
        }
    }
}

/// A unit as people say it.
const fn said(unit: &'static str) -> &'static str {
    match unit.as_bytes() {
        b"ft" => "ft and in",
        b"st" => "st and lb",
        _ => unit,
    }
}

/// What is typed about oneself.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct DetailsForm {
    pub(super) name: String,
    pub(super) phone: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    Form(form): Form<DetailsForm>,
) -> PageResult {
    match actions::change_details(&portal, &caller, &form.name, &form.phone).await {
        Ok(()) => Ok(done(&portal, jar, "details", "Your personal details are saved.")),
        Err(Error::Invalid(fields)) => {
            let again = Again { details: Some((form, fields)), ..Again::default() };
            render(&portal, &caller, jar, StatusCode::UNPROCESSABLE_ENTITY, again).await
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn submit_units(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
    Form(chosen): Form<Vec<(String, String)>>,
) -> PageResult {
    actions::change_units(&portal, &caller, &chosen).await?;
    Ok(done(&portal, jar, "units", "Your units are saved."))
}
