//! **Stop monitoring patient** and **Reactivate patient**: the question, the reason, and the answer.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{Back, One, beside};
use crate::{
    access::Permission,
    error::{Error, Fields},
    identity::door::SignedIn,
    op::Caller,
    patients::actions::{self, LONGEST_REASON, REASONS},
    portal::Portal,
    programmes, sites,
    web::{Choice, Frame, PageResult, When, cookies, page_with_status, see_other},
};

const MAY: [Permission; 2] = [Permission::OffboardPatients, Permission::ManagePatientData];

#[derive(Template)]
#[template(path = "patients/monitoring.html")]
struct MonitoringPage {
    frame: Frame,
    called: String,
    action: String,
    list: String,
    back: String,
    monitored: bool,
    /// When monitoring stopped, and why.
    stopped: Option<(When, String)>,
    reasons: Vec<Choice>,
    words: String,
    longest: usize,
    reason_problem: Option<String>,
    words_problem: Option<String>,
}

/// What was chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct MonitoringForm {
    r#do: String,
    reason: String,
    words: String,
    list: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(asked): Query<Back>,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "monitoring").await?;
    let deployment = one.place.scope.deployment.ok_or(Error::NotFound)?;
    if !programmes::actions::programme_of(portal.db.reader(), deployment).await?.offboarding {
        let text = "Stopping and resuming monitoring is switched off in this deployment".to_owned();
        return Err(Error::Conflict(text).into());
    }
    let form = MonitoringForm { list: asked.list, ..MonitoringForm::default() };
    render(&portal, &caller, &one, form, &Fields::new()).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<MonitoringForm>,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "monitoring").await?;
    // By number: the message waits in a cookie.
    let (id, number) = (one.patient.id, &one.patient.number);
    let done = if form.r#do == "resume" {
        let done = actions::reactivate(&portal, &caller, id).await;
        done.map(|()| format!("Patient {number} is monitored again."))
    } else {
        let done = actions::stop_monitoring(&portal, &caller, id, (&form.reason, &form.words)).await;
        done.map(|()| format!("Patient {number} is no longer monitored. Their data stays readable."))
    };
    let (kind, text) = match done {
        Ok(text) => ("done", text),
        Err(Error::Conflict(why)) => ("problem", format!("{why}.")),
        Err(Error::Invalid(problems)) => return render(&portal, &caller, &one, form, &problems).await,
        Err(other) => return Err(other.into()),
    };
    let jar = cookies::leave_flash(&portal.config, jar, kind, &text);
    Ok((jar, see_other(&one.back(&form.list))).into_response())
}

async fn render(portal: &Portal, caller: &Caller, one: &One, form: MonitoringForm, problems: &Fields) -> PageResult {
    let monitored = one.patient.monitored;
    let name = if monitored { "Stop monitoring patient" } else { "Reactivate patient" };
    let (status, title) = if problems.is_empty() {
        (StatusCode::OK, name.to_owned())
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, format!("Error: {name}"))
    };
    let (zone, now) = (one.place.time_zone(), portal.now());
    let stopped = one.patient.offboarded.clone();
    let view = MonitoringPage {
        frame: sites::pages::frame(portal, caller.actor()?, &one.place, &title).await?,
        called: one.patient.called().to_owned(),
        action: format!("{}/monitoring", one.address()),
        back: one.back(&form.list),
        list: one.carry(&form.list),
        monitored,
        stopped: stopped.map(|(at, reason)| (When::new(at, now, &zone), reason)),
        reasons: REASONS
            .iter()
            .map(|(key, label)| Choice {
                value: (*key).to_owned(),
                label: (*label).to_owned(),
                selected: form.reason == *key,
            })
            .collect(),
        words: form.words.chars().take(1000).collect(),
        longest: LONGEST_REASON,
        reason_problem: beside(problems, "reason"),
        words_problem: beside(problems, "words"),
    };
    page_with_status(status, &view)
}
