//! The Patient List.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::rail;
use crate::{
    error::Error,
    identity::{self, door::SignedIn},
    patients::actions,
    portal::Portal,
    programmes, sites,
    types::Cursor,
    web::{Frame, PageResult, Pager, ViewFilter, When, lists::ListAddress, page},
};

const PAGE: usize = 50;

/// A reading in the list.
pub struct ReadingCell {
    value: String,
    unit: &'static str,
    severity: &'static str,
    when: When,
}

/// A patient in the list.
pub struct PatientRow {
    url: String,
    red: u64,
    amber: u64,
    grey: u64,
    number: String,
    name: Option<String>,
    labels: Vec<String>,
    readings: Vec<Option<ReadingCell>>,
}

#[derive(Template)]
#[template(path = "patients/list.html")]
struct PatientsPage {
    frame: Frame,
    view: ViewFilter,
    search: String,
    columns: Vec<&'static str>,
    patients: Vec<PatientRow>,
    pager: Pager,
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    q: String,
    #[serde(default)]
    from: String,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    if place.deployment.is_none() {
        return Err(Error::NotFound.into());
    }
    let search: String = asked.q.trim().chars().take(100).collect();
    let from = Cursor::decode(&asked.from);
    let found = actions::list_patients(&portal, &caller, place.scope, &search, from.as_ref(), PAGE).await?;
    let pager = ListAddress::new(format!("{}/patients", place.scope.path())).with("q", &search).pager(&found);
    let (zone, now) = (place.time_zone(), portal.now());
    let units = identity::actions::units_of(&portal, actor.account).await?;
    let deployment = place.scope.deployment.ok_or(Error::NotFound)?;
    let programme = programmes::actions::programme_of(portal.db.reader(), deployment).await?;
    let patients = found
        .rows
        .into_iter()
        .map(|row| PatientRow {
            url: rail::address(place.scope, row.id),
            red: row.flags.red,
            amber: row.flags.amber,
            grey: row.flags.grey,
            readings: programme
                .modules
                .iter()
                .map(|followed| {
                    let reading = row.latest.iter().find(|latest| latest.module == followed.module)?;
                    let written = reading.module.write(&reading.measured);
                    let shown = reading.module.measure.and_then(|measure| units.show(measure, &written));
                    let (value, unit) = shown.unwrap_or((written, reading.module.unit));
                    Some(ReadingCell {
                        value,
                        unit,
                        severity: reading.severity.key(),
                        when: When::new(reading.at, now, &zone),
                    })
                })
                .collect(),
            number: row.number,
            name: row.name,
            labels: row.labels.into_iter().map(|label| label.text).collect(),
        })
        .collect();
    let view = sites::pages::view_filter(actor, &place, "All patients");
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, "Patient List", jar).await?;
    let columns = programme.modules.iter().map(|followed| followed.module.label).collect();
    let page = page(&PatientsPage { frame, view, search, columns, patients, pager })?;
    Ok((jar, page).into_response())
}
