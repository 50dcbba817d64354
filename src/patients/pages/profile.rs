//! A patient's profile: who they are, who cares for them, and the form that changes it.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{
    new::FieldsView,
    rail::{self, Opened, Page, Rail},
};
use crate::{
    access::Permission,
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::{
        GENDERS, Patient,
        actions::{self, Typed},
    },
    portal::Portal,
    web::{Frame, PageResult, When, cookies, page_with_status, see_other},
};

/// What the profile shows of the patient.
pub struct Facts {
    /// Each with its label; what is not known is empty.
    lines: Vec<(&'static str, String)>,
    clinicians: Vec<String>,
    stopped: Option<(When, String)>,
    changed: When,
}

#[derive(Template)]
#[template(path = "patients/profile.html")]
struct ProfilePage {
    frame: Frame,
    rail: Rail,
    facts: Facts,
    monitored: bool,
    may_edit: bool,
    may_offboard: bool,
    /// Whether the form stands open.
    open: bool,
    revision: i64,
    fields: FieldsView,
}

/// The form, and the revision that the person has seen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ProfileForm {
    revision: String,
    number: String,
    name: String,
    email: String,
    phone: String,
    born_on: String,
    gender: String,
    surgery_on: String,
}

impl ProfileForm {
    fn typed(self) -> Typed {
        let Self { number, name, email, phone, born_on, gender, surgery_on, .. } = self;
        Typed { number, name, email, phone, born_on, gender, surgery_on }
    }
}

fn stored(patient: &Patient) -> Typed {
    let identity = patient.identity.clone().unwrap_or_default();
    Typed {
        number: patient.number.clone(),
        name: identity.name,
        email: identity.email,
        phone: identity.phone,
        born_on: identity.born_on,
        gender: patient.gender.clone(),
        surgery_on: patient.surgery_on.clone(),
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (jar, opened) = rail::open(&portal, &caller, (&scope, &patient), (Page::Profile, "profile"), jar).await?;
    let typed = stored(&opened.patient);
    let page = render(&portal, &caller, opened, (typed, Fields::new()), StatusCode::OK).await?;
    Ok((jar, page).into_response())
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<ProfileForm>,
) -> PageResult {
    let at = (scope.as_str(), patient.as_str());
    let (jar, opened) = rail::open(&portal, &caller, at, (Page::Profile, "profile"), jar).await?;
    // A number that was tampered with is one that nobody has seen.
    let revision = form.revision.parse().unwrap_or(-1);
    let typed = form.typed();
    let problems = match actions::change_profile(&portal, &caller, opened.patient.id, revision, &typed).await {
        Ok(changed) => {
            let text = match changed.as_slice() {
                [] => "Nothing was different, so nothing was changed.".to_owned(),
                changed => format!("Saved: {}.", changed.join(", ")),
            };
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            return Ok((jar, see_other(&format!("{}/profile", opened.rail.address))).into_response());
        }
        Err(Error::Invalid(problems)) => (problems, StatusCode::UNPROCESSABLE_ENTITY),
        Err(Error::Conflict(text)) => {
            let text =
                format!("{text}. Their change stands above; below stands what you typed. Saving it overwrites theirs.");
            (vec![("number", text)], StatusCode::CONFLICT)
        }
        Err(other) => return Err(other.into()),
    };
    let page = render(&portal, &caller, opened, (typed, problems.0), problems.1).await?;
    Ok((jar, page).into_response())
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    mut opened: Opened,
    (typed, problems): (Typed, Fields),
    status: StatusCode,
) -> PageResult {
    let facts = facts(portal, &opened).await?;
    let scope = opened.one.scope();
    let actor = caller.actor()?;
    if !problems.is_empty() {
        opened.frame.title = format!("Error: {}", opened.frame.title);
    }
    let view = ProfilePage {
        frame: opened.frame,
        rail: opened.rail,
        facts,
        monitored: opened.patient.monitored,
        may_edit: actor.may(Permission::ManagePatientData, &scope),
        may_offboard: opened.programme.offboarding && actions::may_offboard(actor, &scope),
        open: !problems.is_empty(),
        revision: opened.patient.revision,
        fields: FieldsView::new(typed, opened.one.identifiers(), problems),
    };
    page_with_status(status, &view)
}

/// "9 March 1948".
fn day(text: &str) -> String {
    text.parse::<jiff::civil::Date>().map_or_else(|_| text.to_owned(), |day| day.strftime("%-d %B %Y").to_string())
}

async fn facts(portal: &Portal, opened: &Opened) -> Result<Facts> {
    let patient = &opened.patient;
    let (zone, now) = (opened.place.time_zone(), portal.now());
    let mut lines = vec![("Patient number", patient.number.clone())];
    if let Some(identity) = &patient.identity {
        lines.push(("Full name", identity.name.clone()));
        lines.push(("E-mail address", identity.email.clone()));
        lines.push(("Telephone number", identity.phone.clone()));
        lines.push(("Date of birth", day(&identity.born_on)));
    }
    let gender = GENDERS.iter().find(|(key, _)| *key == patient.gender);
    lines.push(("Gender", gender.map(|(_, label)| (*label).to_owned()).unwrap_or_default()));
    lines.push(("Surgery date", day(&patient.surgery_on)));
    let clinicians = actions::clinicians_of(portal, &opened.one).await?;
    Ok(Facts {
        lines,
        clinicians: clinicians.into_iter().map(|carer| carer.name).collect(),
        stopped: patient.offboarded.clone().map(|(at, reason)| (When::new(at, now, &zone), reason)),
        changed: When::new(patient.changed_at, now, &zone),
    })
}
