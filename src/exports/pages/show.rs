//! How far an export is, and the file itself.

use askama::Template;
use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, header},
    response::IntoResponse,
};
use futures::StreamExt;

use super::{address, deployment};
use crate::{
    error::{Error, Result},
    exports::{Export, Format, State as ExportState, actions},
    identity::{
        door::SignedIn,
        pages::live::{self, Tick},
    },
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::ExportId,
    web::{Frame, PageResult, When, page},
};

#[derive(Template)]
#[template(path = "exports/show.html")]
struct ExportPage {
    frame: Frame,
    path: String,
    place: String,
    list: String,
    new: String,
    export: Export,
    /// `making`, `ready`, `failed` or `over`.
    state: &'static str,
    which: String,
    days: String,
    data: String,
    format: &'static str,
    identifiers: &'static str,
    notes: &'static str,
    size: String,
    asked: When,
    ends: When,
}

async fn place_and_id(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, ExportId)> {
    let place = deployment(portal, caller, scope).await?;
    Ok((place, id.parse().map_err(|_| Error::NotFound)?))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, id) = place_and_id(&portal, &caller, &scope, &id).await?;
    let export = actions::show_export(&portal, &caller, place.scope, id).await?;
    let frame = sites::pages::frame(&portal, caller.actor()?, &place, "Export of patient data").await?;
    let (zone, now) = (place.time_zone(), portal.now());
    let wanted = &export.wanted;
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.strftime("%-d %B %Y").to_string());
    page(&ExportPage {
        frame,
        path: address(place.scope, id),
        place: place.full_name(),
        list: format!("{}/patients", place.scope.path()),
        new: format!("{}/patients/export", place.scope.path()),
        state: match export.state {
            ExportState::Asked => "making",
            ExportState::Made if now < export.ends_at => "ready",
            ExportState::Failed => "failed",
            ExportState::Made | ExportState::Wiped => "over",
        },
        which: match wanted.patients.as_ref().map(Vec::len) {
            None => "All patients".to_owned(),
            Some(1) => "1 patient".to_owned(),
            Some(n) => format!("{n} patients"),
        },
        days: match (day(wanted.from), day(wanted.until)) {
            (None, None) => "Everything that was measured".to_owned(),
            (Some(from), None) => format!("Measured from {from}"),
            (None, Some(until)) => format!("Measured until {until}"),
            (Some(from), Some(until)) => format!("Measured from {from} until {until}"),
        },
        data: wanted.modules.as_ref().map_or_else(
            || "All modules".to_owned(),
            |modules| match modules.len() {
                1 => "1 module".to_owned(),
                n => format!("{n} modules"),
            },
        ),
        format: Format::ALL.iter().find(|(one, ..)| *one == wanted.format).map_or("", |(.., label)| label),
        identifiers: if wanted.without_identifiers { "Removed" } else { "Included" },
        notes: if wanted.with_notes() { "Included" } else { "Left out" },
        size: size(export.bytes),
        asked: When::new(export.created_at, now, &zone),
        ends: When::new(export.ends_at, now, &zone),
        export,
    })
}

fn size(bytes: u64) -> String {
    match bytes {
        0..=999 => format!("{bytes} bytes"),
        1000..=999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// How far it is, told while it is made.
pub(super) async fn follow(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    request: Request,
) -> PageResult {
    tick(&portal, &caller, &scope, &id).await?;
    Ok(live::stream(&portal, request, move |portal, caller| {
        let (scope, id) = (scope.clone(), id.clone());
        async move { tick(&portal, &caller, &scope, &id).await }
    }))
}

async fn tick(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<Tick> {
    let (place, id) = place_and_id(portal, caller, scope, id).await?;
    let export = actions::show_export(portal, caller, place.scope, id).await?;
    let running = export.state == ExportState::Asked;
    // The words of plans, whose script follows both.
    let state = if running { "applying" } else { "applied" };
    Ok(Tick { state, done: export.patients_done, total: export.patients_total, running })
}

/// The file. A post, because it is written to the access log and asks for a fresh proof.
pub(super) async fn download(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, id) = place_and_id(&portal, &caller, &scope, &id).await?;
    let file = actions::begin_download(&portal, &caller, place.scope, id).await?;
    let (name, length) = (file.file_name(), file.length());
    let parts = file.parts().map(|part| {
        // The answer has begun, so a failure can only cut it off, which its length tells.
        part.inspect_err(|error| tracing::error!(%error, "a download of an export broke off"))
    });
    let mut response = Body::from_stream(parts).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    headers.insert(header::CONTENT_DISPOSITION, disposition.map_err(|_| Error::internal("a file's name"))?);
    Ok(response)
}
