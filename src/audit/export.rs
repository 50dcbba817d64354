//! The log as a file: CSV for a spreadsheet, JSON for programs. Written page by page, so that its length costs no memory.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt, stream};
use serde_json::{Value, json};

use super::{chain::hex, seen::SeenLine, view::Line};
use crate::{error::Result, types::EventId, web::csv};

const HEADS: [&str; 19] = [
    "sequence",
    "time",
    "event",
    "action",
    "outcome",
    "what",
    "actor",
    "actor_id",
    "by",
    "subject",
    "subject_id",
    "place",
    "organisation_id",
    "deployment_id",
    "from",
    "detail",
    "sealed_at",
    "hash",
    "previous_hash",
];

fn csv_cells(line: &Line) -> [String; 19] {
    let (row, event) = (&line.stored, &line.stored.event);
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.simple().to_string()).unwrap_or_default();
    [
        line.seq.map(|seq| seq.to_string()).unwrap_or_default(),
        millis(event.at),
        line.id.to_string(),
        event.action.clone(),
        event.outcome.clone(),
        line.sentence.clone(),
        line.actor.clone(),
        line.actor_id.map(|id| id.to_string()).unwrap_or_default(),
        event.actor.clone(),
        line.subject.clone(),
        event.subject.clone(),
        line.place.clone(),
        id(event.organisation),
        id(event.deployment),
        event.origin.clone(),
        event.detail.clone(),
        row.sealed_at.map(millis).unwrap_or_default(),
        row.hash.as_deref().map(hex).unwrap_or_default(),
        row.previous.as_deref().map(hex).unwrap_or_default(),
    ]
}

/// An event with everything that its hash is made over, and the words that people read.
pub fn json_of(line: &Line) -> Value {
    let (row, event) = (&line.stored, &line.stored.event);
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.simple().to_string());
    json!({
        "sequence": line.seq,
        "event": EventId::from_uuid(event.id),
        "time": millis(event.at),
        "action": event.action,
        "outcome": event.outcome,
        "what": line.sentence,
        "reason": line.reason,
        "actor": { "account": line.actor_id, "name": line.actor, "by": event.actor },
        "subject": { "id": event.subject, "name": line.subject },
        "place": line.place,
        "organisation_id": id(event.organisation),
        "deployment_id": id(event.deployment),
        "from": event.origin,
        "detail": serde_json::from_str::<Value>(&event.detail).unwrap_or_default(),
        "detail_text": event.detail,
        "sealed_at": row.sealed_at.map(millis),
        "hash": row.hash.as_deref().map(hex),
        "previous_hash": row.previous.as_deref().map(hex),
    })
}

/// RFC 3339 in UTC with milliseconds, because they are part of what is hashed.
fn millis(at: i64) -> String {
    crate::types::Timestamp(at).to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The log as CSV, with a line of heads.
pub fn csv(pages: impl Stream<Item = Result<Vec<Line>>> + Send + 'static) -> Response {
    let head = stream::once(async { Ok(Bytes::from(csv::line(HEADS.map(str::to_owned)))) });
    let lines = pages.map(|page| {
        page.map(|lines| lines.iter().flat_map(|line| csv::line(csv_cells(line))).collect::<Vec<_>>().into())
    });
    file(head.chain(lines), "text/csv; charset=utf-8", "attachment; filename=\"access-log.csv\"")
}

/// Who has seen a patient, as CSV with a line of heads.
pub fn seen_csv(pages: impl Stream<Item = Result<Vec<SeenLine>>> + Send + 'static) -> Response {
    let heads = ["time", "who", "account", "role_now", "saw", "by", "from", "emergency_reason", "event"];
    let head = stream::once(async move { Ok(Bytes::from(csv::line(heads))) });
    let cells = |line: &SeenLine| {
        [
            millis(line.at.0),
            line.who.clone(),
            line.account.map(|id| id.to_string()).unwrap_or_default(),
            line.role.clone(),
            line.what.to_owned(),
            line.by.clone(),
            line.origin.clone(),
            line.emergency.clone().unwrap_or_default(),
            line.event.to_string(),
        ]
    };
    let lines = pages.map(move |page| {
        page.map(|lines| lines.iter().flat_map(|line| csv::line(cells(line))).collect::<Vec<_>>().into())
    });
    file(head.chain(lines), "text/csv; charset=utf-8", "attachment; filename=\"who-has-seen-this-patient.csv\"")
}

/// The log as one JSON array.
pub fn json(pages: impl Stream<Item = Result<Vec<Line>>> + Send + 'static) -> Response {
    let lines = pages.enumerate().map(|(n, page)| {
        page.map(|lines| {
            let mut text = if n == 0 { "[".to_owned() } else { String::new() };
            for (m, line) in lines.iter().enumerate() {
                text.push_str(if n == 0 && m == 0 { "\n" } else { ",\n" });
                text.push_str(&json_of(line).to_string());
            }
            Bytes::from(text)
        })
    });
    let end = stream::once(async { Ok(Bytes::from_static(b"\n]\n")) });
    file(lines.chain(end), "application/json", "attachment; filename=\"access-log.json\"")
}

fn file(
    text: impl Stream<Item = Result<Bytes>> + Send + 'static,
    kind: &'static str,
    disposition: &'static str,
) -> Response {
    let mut response = Body::from_stream(text.map(|part| {
        // The answer has begun, so a failure can only cut it off; a whole file ends as its kind does.
        part.inspect_err(|error| tracing::error!(%error, "an export of the access log broke off"))
    }))
    .into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}
