//! The door for providers: `POST /webhooks/bounces/{token}` with JSON, in the portal's own form or in Postmark's. A wrong token
//! is answered as what does not exist; whatever else is sent, the answer says what was made of it.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;

use super::{Named, Report, Verdict, actions, clip};
use crate::{
    error::Error,
    portal::Portal,
    web::{PageError, Problem, origin},
};

/// A report is a few lines; a provider that sends the whole mail along is read up to this.
const LARGEST: usize = 1024 * 1024;
/// Reports in one request.
const MOST: usize = 500;

/// The routes of this room.
pub fn routes() -> Router<Portal> {
    Router::new().route("/webhooks/bounces/{token}", post(receive).layer(DefaultBodyLimit::max(LARGEST)))
}

/// The portal's own form.
#[derive(Deserialize)]
struct Own {
    message_id: String,
    #[serde(default)]
    recipient: Option<String>,
    outcome: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    diagnostic: String,
}

impl Own {
    fn report(self) -> Option<Report> {
        let verdict = match self.outcome.as_str() {
            "failed" => Verdict::Failed,
            "delayed" => Verdict::Delayed,
            "other" => Verdict::Other,
            _ => return None,
        };
        let said = if self.diagnostic.contains(&self.status) {
            self.diagnostic
        } else {
            format!("{} {}", self.status, self.diagnostic)
        };
        Some(Report { mail: Named::parse(&self.message_id)?, recipient: self.recipient, verdict, answer: clip(&said) })
    }
}

/// Postmark's bounce webhook, as far as it matters here. `Metadata` holds what our mails carry in `X-PM-Metadata-mail`, because
/// Postmark gives every mail a Message-ID of its own.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Postmark {
    record_type: String,
    #[serde(default)]
    r#type: String,
    #[serde(default, rename = "MessageID")]
    message_id: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    metadata: std::collections::HashMap<String, serde_json::Value>,
}

impl Postmark {
    fn report(self) -> Option<Report> {
        let verdict = match (self.record_type.as_str(), self.r#type.as_str()) {
            ("Bounce", "Transient") => Verdict::Delayed,
            (
                "Bounce",
                "AutoResponder"
                | "AddressChange"
                | "Subscribe"
                | "Unsubscribe"
                | "OpenRelayTest"
                | "ChallengeVerification",
            ) => Verdict::Other,
            ("Bounce", _) => Verdict::Failed,
            _ => Verdict::Other,
        };
        let ours = self.metadata.get("mail").and_then(serde_json::Value::as_str).and_then(Named::parse);
        let mail = ours.or_else(|| Named::parse(&self.message_id))?;
        let said = if self.details.trim().is_empty() { self.description } else { self.details };
        Some(Report { mail, recipient: Some(self.email), verdict, answer: clip(&said) })
    }
}

/// What was sent: one report or several, in one form or the other.
fn read(bytes: &[u8]) -> Result<Vec<Report>, Error> {
    let wrong = |text: String| Error::field("body", text);
    let body: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| wrong(format!("This is no JSON: {error}")))?;
    let items = match body {
        serde_json::Value::Array(items) if items.len() > MOST => {
            return Err(wrong(format!("These are {} reports; at most {MOST} are read at once", items.len())));
        }
        serde_json::Value::Array(items) => items,
        other => vec![other],
    };
    let read = |(n, item): (usize, serde_json::Value)| {
        let is_postmark = item.get("RecordType").is_some();
        let report = if is_postmark {
            serde_json::from_value::<Postmark>(item).map_err(|error| error.to_string()).map(Postmark::report)
        } else {
            serde_json::from_value::<Own>(item).map_err(|error| error.to_string()).map(Own::report)
        };
        match report {
            Ok(Some(report)) => Ok(report),
            Ok(None) => Err(wrong(format!("Report {}: message_id or outcome cannot be understood", n + 1))),
            Err(error) => Err(wrong(format!("Report {}: {}", n + 1, clip(&error)))),
        }
    };
    items.into_iter().enumerate().map(read).collect()
}

async fn receive(
    State(portal): State<Portal>,
    Path(token): Path<String>,
    origin::From(origin): origin::From,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let organisation = match actions::organisation_of(&portal, &token).await {
        Ok(Some(organisation)) => organisation,
        Ok(None) => return PageError(Error::NotFound).into_response(),
        Err(error) => return PageError(error).into_response(),
    };
    let Ok(bytes) = body else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "A report may have 1 MiB.\n").into_response();
    };
    let taken = async {
        actions::count_request(&portal, organisation).await?;
        let reports = read(&bytes)?;
        actions::take(&portal, &origin, Some(organisation), &reports).await
    };
    match taken.await {
        Ok(taken) => Json(taken).into_response(),
        Err(error) => Problem(error).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "mai_01890a5dac96774bbcceb302099a8057";

    #[test]
    fn both_forms_say_the_same() {
        let own = format!(
            "[{{\"message_id\":\"<{ID}.1@p.example>\",\"outcome\":\"failed\",\"status\":\"5.1.1\",\"diagnostic\":\"550 no such user\"}}]"
        );
        let postmark = format!(
            "{{\"RecordType\":\"Bounce\",\"Type\":\"HardBounce\",\"MessageID\":\"883953f4-6105-42a2-a16a-77a8eac79483\",\"Email\":\"a@b.example\",\
             \"Details\":\"5.1.1 550 no such user\",\"Metadata\":{{\"mail\":\"{ID}.1\"}},\"Inactive\":true}}"
        );
        for body in [own, postmark] {
            let reports = read(body.as_bytes()).expect("reports");
            assert_eq!(
                (&reports[0].mail, reports[0].verdict),
                (&Named::Ours(ID.parse().expect("an id"), 1), Verdict::Failed)
            );
            assert_eq!(reports[0].answer, "5.1.1 550 no such user");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, text in "\\{\"(message_id|RecordType)\":.{0,80}\\}") {
            let _ = read(&bytes);
            let _ = read(text.as_bytes());
        }
    }
}
