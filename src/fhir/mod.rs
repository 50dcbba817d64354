//! FHIR R4 for other systems of the hospital: patients and what they send in, read and sent; staff and their roles, read.
//!
//! A door and nothing else: it reads what FHIR writes, calls the actions of patients, readings and staff, and writes FHIR. Who may
//! see and do what is decided there. `docs/fhir.md` tells other systems how it is used.

mod capability;
mod element;
mod observation;
mod outcome;
mod params;
mod patient;
mod read;
mod send;
mod staff;
mod units;

pub use observation::resource as observation_of;
pub use patient::resource as patient_of;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequestParts, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::Value;

use crate::{
    access::Scope,
    error::{Error, Result},
    identity::door::ApiCaller,
    op::Caller,
    portal::Portal,
    sites,
    types::{DeploymentId, Id, Kind, Timestamp},
};
use outcome::{FhirResult, Outcome};

/// FHIR's own type of content.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The longest Bundle that is read.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

/// The routes of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/fhir/r4", post(transaction))
        .route("/fhir/r4/metadata", get(metadata))
        .route("/fhir/r4/Patient", get(read::patients).post(create_patient))
        .route("/fhir/r4/Patient/_search", post(read::patients_by_form))
        .route("/fhir/r4/Patient/{logical}", get(read::patient))
        .route("/fhir/r4/Observation", get(read::observations).post(create_observation))
        .route("/fhir/r4/Observation/_search", post(read::observations_by_form))
        .route("/fhir/r4/Observation/{logical}", get(read::observation))
        .route("/fhir/r4/Practitioner", get(read::practitioners))
        .route("/fhir/r4/Practitioner/{logical}", get(read::practitioner))
        .route("/fhir/r4/PractitionerRole", get(read::practitioner_roles))
        .route("/fhir/r4/PractitionerRole/{logical}", get(read::practitioner_role))
        .route("/fhir/r4/Organization", get(read::organizations))
        .route("/fhir/r4/Organization/{logical}", get(read::organization))
        .route("/fhir/r4/{*rest}", get(unknown).post(unknown))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
}

/// An id as FHIR allows it: `pat_…` has a character that FHIR's ids cannot have.
pub fn fhir_id<K: Kind>(id: Id<K>) -> String {
    id.to_string().replacen('_', "-", 1)
}

/// The id that [`fhir_id`] wrote.
pub fn parse_id<K: Kind>(text: &str) -> Option<Id<K>> {
    if text.contains('_') { None } else { text.replacen('-', "_", 1).parse().ok() }
}

/// An instant to the thousandth of a second, so that it comes back as it was.
pub fn instant(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The address below which the resources are.
pub fn base_of(portal: &Portal) -> String {
    portal.config.url("/fhir/r4")
}

fn only_json() -> Outcome {
    Outcome::one(StatusCode::NOT_ACCEPTABLE, "not-supported", format!("Only JSON is spoken here: {FHIR_JSON}"))
}

/// A request of this room: who asks, and what their answer is made with.
pub struct Door {
    portal: Portal,
    caller: Caller,
    base: String,
    headers: HeaderMap,
}

impl FromRequestParts<Portal> for Door {
    type Rejection = Outcome;

    async fn from_request_parts(parts: &mut Parts, portal: &Portal) -> FhirResult<Self> {
        let caller = ApiCaller::from_request_parts(parts, portal).await.map_err(|problem| Outcome::from(problem.0))?;
        let accepted = parts.headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let accepted = accepted.collect::<Vec<_>>().join(",");
        if !accepted.is_empty() && !accepted.contains("json") && !accepted.contains("*/*") {
            return Err(only_json());
        }
        Ok(Self { portal: portal.clone(), caller: caller.0, base: base_of(portal), headers: parts.headers.clone() })
    }
}

impl Door {
    /// The widest places that the caller reaches: a key's own scope, or those of a person's memberships.
    fn places(&self) -> Result<Vec<Scope>> {
        let all: Vec<_> = self.caller.actor()?.memberships.iter().map(|membership| membership.scope).collect();
        let mut widest: Vec<Scope> = Vec::new();
        for scope in &all {
            if !all.iter().any(|other| other != scope && other.covers(scope)) && !widest.contains(scope) {
                widest.push(*scope);
            }
        }
        Ok(widest)
    }

    /// The one place that is searched: the one that is named, or the only one that the caller reaches.
    async fn place(&self, organization: Option<String>) -> FhirResult<Scope> {
        if let Some(text) = organization {
            let id = text.rsplit('/').next().unwrap_or_default().replacen('-', "_", 1);
            return Ok(sites::actions::scope_for(&self.portal, &self.caller, &id).await?);
        }
        match self.places()?.as_slice() {
            [one] => Ok(*one),
            [] => Err(Error::NotFound.into()),
            _ => Err(Outcome::bad_request(
                "required",
                "You have access in several places. Name one: organization=Organization/dep-…",
            )),
        }
    }

    /// The deployment that is meant where none is named.
    fn only_deployment(&self) -> Option<Scope> {
        let places = self.places().ok()?;
        places.first().copied().filter(|scope| places.len() == 1 && scope.deployment.is_some())
    }

    async fn scope_of(&self, deployment: DeploymentId) -> Result<Scope> {
        sites::actions::scope_for(&self.portal, &self.caller, &deployment.to_string()).await
    }

    /// Whether the sender wants the resource back.
    fn wants_it_back(&self) -> bool {
        let prefer = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        prefer.flat_map(|value| value.split([',', ';'])).any(|part| part.trim() == "return=representation")
    }

    /// The body as JSON.
    fn body(&self, body: &Bytes) -> FhirResult<Value> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !matches!(kind.as_str(), FHIR_JSON | "application/json" | "application/json+fhir") {
            let text = format!("Send {FHIR_JSON}");
            return Err(Outcome::one(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text));
        }
        serde_json::from_slice(body)
            .map_err(|error| Outcome::bad_request("structure", format!("This is no JSON: {error}")))
    }
}

/// A resource as an answer.
fn answer(status: StatusCode, resource: &Value) -> Response {
    let mut response = (status, resource.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    let meta = resource.get("meta");
    let said = |name: &str| meta.and_then(|meta| meta.get(name)).and_then(Value::as_str);
    if let Some(version) = said("versionId")
        && let Ok(tag) = HeaderValue::from_str(&format!("W/\"{version}\""))
    {
        headers.insert(header::ETAG, tag);
    }
    if let Some(changed) = said("lastUpdated").and_then(http_date) {
        headers.insert(header::LAST_MODIFIED, changed);
    }
    response
}

/// As HTTP writes dates.
fn http_date(instant: &str) -> Option<HeaderValue> {
    let at: jiff::Timestamp = instant.parse().ok()?;
    HeaderValue::from_str(&at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok()
}

async fn metadata(State(portal): State<Portal>) -> Response {
    answer(StatusCode::OK, &capability::statement(&base_of(&portal)))
}

async fn unknown(_door: Door, Path(rest): Path<String>) -> Outcome {
    let kind: String = rest.split('/').next().unwrap_or_default().chars().take(60).collect();
    Outcome::one(StatusCode::NOT_FOUND, "not-supported", format!("There is nothing here for “{kind}”; see metadata"))
}

async fn transaction(door: Door, body: Bytes) -> FhirResult {
    let bundle = door.body(&body)?;
    Ok(answer(StatusCode::OK, &door.transact(&bundle).await?))
}

async fn create_patient(door: Door, body: Bytes) -> FhirResult {
    create(door, "Patient", &body).await
}

async fn create_observation(door: Door, body: Bytes) -> FhirResult {
    create(door, "Observation", &body).await
}

async fn create(door: Door, kind: &str, body: &Bytes) -> FhirResult {
    let resource = door.body(body)?;
    let unless = door.headers.get(HeaderName::from_static("if-none-exist")).and_then(|value| value.to_str().ok());
    let made = door.create(kind, &resource, unless).await?;
    let status = if made.is_new() { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = if door.wants_it_back() {
        answer(status, &door.show(made).await?)
    } else {
        (status, [(header::ETAG, "W/\"1\"")]).into_response()
    };
    if let Ok(location) = HeaderValue::from_str(&format!("{}/{}", door.base, made.location())) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
