//! A program with a key that speaks FHIR, and what it sends; each answer is read strictly.

use care_portal::{access::Scope, types::PatientId};
use fhirbolt::model::r4::Resource;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::app::Person;

pub const FHIR: &str = "application/fhir+json";
pub const LOINC: &str = "http://loinc.org";
pub const UCUM: &str = "http://unitsofmeasure.org";

/// A program with a key.
pub struct Program {
    pub client: reqwest::Client,
    pub key: String,
    pub base: String,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The path and the sentence of every issue.
    pub fn issues(&self) -> Vec<(String, String)> {
        let issues = self.body["issue"].as_array().unwrap_or_else(|| panic!("an outcome: {}", self.body));
        let one = |issue: &Value| {
            let path = issue["expression"][0].as_str().unwrap_or_default().to_owned();
            (path, issue["diagnostics"].as_str().unwrap().to_owned())
        };
        issues.iter().map(one).collect()
    }

    pub fn resources(&self) -> Vec<Value> {
        let none = Vec::new();
        self.body["entry"].as_array().unwrap_or(&none).iter().map(|entry| entry["resource"].clone()).collect()
    }

    pub fn link(&self, relation: &str) -> Option<String> {
        let links = self.body["link"].as_array()?;
        Some(links.iter().find(|link| link["relation"] == relation)?["url"].as_str()?.to_owned())
    }
}

/// Reads an answer as a client of R4 does: what R4 does not know, or lacks, is an error.
pub fn strictly(body: &str, what: &str) {
    let config = fhirbolt::serde::DeserializationConfig { mode: fhirbolt::serde::DeserializationMode::Strict };
    if let Err(error) = fhirbolt::json::from_str::<Resource>(body, Some(config)) {
        panic!("{what} is no R4: {error}\n{body}");
    }
    ids_are_fhirs(&serde_json::from_str(body).unwrap(), what);
}

/// The crate takes any text for an id.
pub fn ids_are_fhirs(value: &Value, what: &str) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(id)) = fields.get("id") {
                let fits =
                    (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
                assert!(fits, "{what}: {id}");
            }
            fields.values().for_each(|value| ids_are_fhirs(value, what));
        }
        Value::Array(all) => all.iter().for_each(|value| ids_are_fhirs(value, what)),
        _ => {}
    }
}

pub async fn answered(request: reqwest::RequestBuilder, what: &str) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    if text.is_empty() {
        return Answer { status, headers, body: Value::Null };
    }
    assert_eq!(headers["content-type"], FHIR, "{what}: {status} {text}");
    strictly(&text, what);
    Answer { status, headers, body: serde_json::from_str(&text).unwrap() }
}

impl Program {
    pub fn ask(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        self.client.request(method.parse().unwrap(), url).bearer_auth(&self.key)
    }

    pub async fn get(&self, path: &str) -> Answer {
        answered(self.ask("GET", path), path).await
    }

    pub async fn post(&self, path: &str, resource: &Value) -> Answer {
        answered(self.ask("POST", path).header("content-type", FHIR).body(resource.to_string()), path).await
    }

    /// Every resource of a search, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let (mut all, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let page = self.get(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.body);
            all.extend(page.resources());
            next = page.link("next");
        }
        all
    }
}

/// A key of this person.
pub async fn key_of(person: &Person, scope: Scope, permissions: &[&str]) -> Program {
    let mut form = vec![("name", "Gateway".to_owned()), ("scope", scope.to_string())];
    form.extend(permissions.iter().map(|permission| ("permissions", (*permission).to_owned())));
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = person.post("/profile/api-keys", &form).await.text().await.unwrap();
    let key = page.split("cpk_").nth(1).unwrap_or_else(|| panic!("a key is shown: {page}"));
    let key = key.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next().unwrap();
    let client = reqwest::Client::new();
    Program { client, key: format!("cpk_{key}"), base: format!("{}/fhir/r4", person.url) }
}

pub const ALL: &[&str] = &["view_patient_data", "view_patient_identifiers", "manage_patient_data", "view_staff"];

pub fn fhir_patient(id: PatientId) -> String {
    format!("pat-{}", id.uuid().simple())
}

pub fn quantity(value: f64, code: &str) -> Value {
    json!({ "value": value, "unit": code, "system": UCUM, "code": code })
}

pub fn observation(subject: Value, loinc: &str, at: &str, value: Value) -> Value {
    json!({
        "resourceType": "Observation", "status": "final", "subject": subject, "effectiveDateTime": at,
        "code": { "coding": [{ "system": LOINC, "code": loinc }] }, "valueQuantity": value,
    })
}

pub fn entry(url: &str, resource: Value, full: &str) -> Value {
    json!({ "fullUrl": full, "resource": resource, "request": { "method": "POST", "url": url } })
}

pub fn transaction(entries: Vec<Value>) -> Value {
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries })
}

pub fn new_patient(number: &str, name: &str) -> Value {
    json!({
        "resourceType": "Patient", "identifier": [{ "system": "https://hospital.example/mrn", "value": number }],
        "name": [{ "family": name.split(' ').nth(1), "given": [name.split(' ').next()] }], "gender": "female", "birthDate": "1948-03-09",
        "telecom": [{ "system": "phone", "value": "+44 20 7946 0123" }, { "system": "email", "value": "x@patients.example" }],
    })
}
