//! **Who has seen this patient?**, in the rail, and as a file.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::rail::{self, Page, Rail};
use crate::{
    audit::{
        export,
        seen::{self, SeenLine},
    },
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, PageOf, PatientId},
    web::{Frame, PageResult, Pager, When, lists::ListAddress, page_with_status},
};

const PAGE: usize = 50;

/// A line of the list.
pub struct Row {
    line: SeenLine,
    when: When,
    via: &'static str,
}

#[derive(Template)]
#[template(path = "patients/seen.html")]
struct SeenPage {
    frame: Frame,
    rail: Rail,
    since: String,
    until: String,
    problems: Fields,
    all_url: String,
    csv_url: String,
    zone: String,
    rows: Vec<Row>,
    pager: Pager,
}

impl SeenPage {
    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(known, _)| *known == field).map(|(_, text)| text.as_str())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SeenQuery {
    since: String,
    until: String,
    from: String,
}

impl SeenQuery {
    fn address(&self, path: String) -> ListAddress {
        ListAddress::new(path).with("since", &self.since).with("until", &self.until)
    }
}

async fn find(portal: &Portal, caller: &Caller, scope: &str, patient: &str) -> Result<(Place, PatientId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, patient.parse().map_err(|_| Error::NotFound)?))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(query): Query<SeenQuery>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &patient).await?;
    // Before the patient is shown, and so written down as seen.
    let one = seen::authority(&portal, &caller, place.scope, id).await?;
    let (jar, opened) = rail::open(&portal, &caller, (&scope, &patient), (Page::Seen, "log"), jar).await?;
    let (found, problems) = match seen::read_days(&place, &query.since, &query.until) {
        Ok(days) => {
            let from = Cursor::decode(&query.from);
            (seen::list_seen(&portal, &one, days, from.as_ref(), PAGE).await?, Vec::new())
        }
        Err(Error::Invalid(fields)) => (PageOf { rows: Vec::new(), previous: None, next: None }, fields),
        Err(other) => return Err(other.into()),
    };
    let status = if problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let path = format!("{}/seen", rail::address(place.scope, id));
    let (zone, now) = (place.time_zone(), portal.now());
    let row = |line: SeenLine| Row {
        when: When::new(line.at, now, &zone),
        via: match line.by.as_str() {
            "api_key" => "by API key",
            "terminal" => "at the terminal",
            _ => "",
        },
        line,
    };
    let view = SeenPage {
        frame: opened.frame,
        rail: opened.rail,
        pager: query.address(path.clone()).pager(&found),
        csv_url: query.address(format!("{path}.csv")).url(),
        all_url: path,
        zone: place.organisation.time_zone.clone(),
        rows: found.rows.into_iter().map(row).collect(),
        since: query.since,
        until: query.until,
        problems,
    };
    Ok((jar, page_with_status(status, &view)?).into_response())
}

pub(super) async fn csv(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(query): Query<SeenQuery>,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &patient).await?;
    let one = seen::authority(&portal, &caller, place.scope, id).await?;
    let days = seen::read_days(&place, &query.since, &query.until)?;
    Ok(export::seen_csv(seen::export(&portal, &caller, one, days).await?))
}
