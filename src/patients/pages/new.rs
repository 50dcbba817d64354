//! **Add patient**, and the fields that it shares with the profile.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};

use super::rail;
use crate::{
    access::Permission,
    error::{Error, Fields},
    identity::door::SignedIn,
    op::Caller,
    patients::{
        GENDERS,
        actions::{self, Typed},
    },
    portal::Portal,
    sites::{self, Place},
    web::{Choice, Frame, PageResult, cookies, page_with_status, see_other},
};

/// The fields of a patient's form as `patients/_fields.html` shows them.
pub struct FieldsView {
    pub typed: Typed,
    pub genders: Vec<Choice>,
    /// Whether the identifying fields are there at all.
    pub identifiers: bool,
    pub problems: Fields,
}

impl FieldsView {
    pub fn new(typed: Typed, identifiers: bool, problems: Fields) -> Self {
        let open = std::iter::once(("", "Not known"));
        let choice = |(key, label): (&str, &str)| Choice {
            value: key.to_owned(),
            label: label.to_owned(),
            selected: typed.gender == key,
        };
        let genders = open.chain(GENDERS).map(choice).collect();
        // Nobody needs all of many thousand characters back.
        let short = |text: &String| text.chars().take(500).collect::<String>();
        let typed = Typed {
            number: short(&typed.number),
            name: short(&typed.name),
            email: short(&typed.email),
            phone: short(&typed.phone),
            born_on: short(&typed.born_on),
            gender: short(&typed.gender),
            surgery_on: short(&typed.surgery_on),
        };
        Self { typed, genders, identifiers, problems }
    }

    /// The message beside a field.
    pub fn problem(&self, field: &str) -> Option<String> {
        super::beside(&self.problems, field)
    }
}

#[derive(Template)]
#[template(path = "patients/new.html")]
struct NewPage {
    frame: Frame,
    action: String,
    back: String,
    fields: FieldsView,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    caller.scope(&portal, Permission::ManagePatientData, place.scope).await?;
    render(&portal, &caller, &place, (Typed::default(), Fields::new())).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(typed): RepeatedForm<Typed>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    match actions::add_patient(&portal, &caller, place.scope, &typed).await {
        Ok(id) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", "The patient was added.");
            Ok((jar, see_other(&format!("{}/profile", rail::address(place.scope, id)))).into_response())
        }
        Err(Error::Invalid(problems)) => render(&portal, &caller, &place, (typed, problems)).await,
        Err(other) => Err(other.into()),
    }
}

async fn render(portal: &Portal, caller: &Caller, place: &Place, (typed, problems): (Typed, Fields)) -> PageResult {
    if place.scope.deployment.is_none() {
        return Err(Error::NotFound.into());
    }
    let (status, title) = if problems.is_empty() {
        (StatusCode::OK, "Add patient")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "Error: Add patient")
    };
    let identifiers = caller.actor()?.may(Permission::ViewPatientIdentifiers, &place.scope);
    let list = format!("{}/patients", place.scope.path());
    let view = NewPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, title).await?,
        action: format!("{list}/new"),
        back: list,
        fields: FieldsView::new(typed, identifiers, problems),
    };
    page_with_status(status, &view)
}
