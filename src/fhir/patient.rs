//! Patients as FHIR resources, and resources as patients to be added.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use serde_json::{Value, json};

use super::{
    element::Element,
    fhir_id, instant,
    outcome::{FhirResult, Issue},
    params::{Params, Prefix, days, prefixed},
    parse_id,
};
use crate::{
    fhir::outcome::Outcome,
    patients::{GENDERS, Identity, NewPatient, Patient, actions::PatientSearch},
    types::{DeploymentId, PatientId},
};

/// What a search of patients knows.
pub const PARAMETERS: &[&str] =
    &["_id", "identifier", "name", "birthdate", "gender", "organization", "_count", "_cursor", "_format", "_pretty"];

/// The system of the patient numbers of a deployment.
pub fn number_system(base: &str, deployment: Option<DeploymentId>) -> String {
    let deployment = deployment.map(fhir_id).unwrap_or_default();
    format!("{base}/patient-numbers/{deployment}")
}

/// The deployment whose patient numbers a system means.
pub fn deployment_of(base: &str, system: &str) -> Option<DeploymentId> {
    parse_id(system.strip_prefix(base)?.strip_prefix("/patient-numbers/")?)
}

fn surgery_url(base: &str) -> String {
    format!("{base}/StructureDefinition/surgery-date")
}

/// The extension by which FHIR says that something is there and not told.
fn masked() -> Value {
    json!([{ "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked" }])
}

/// The resource. Without identifiers it says that they are kept back, and has none.
pub fn resource(base: &str, patient: &Patient) -> Value {
    let mut meta = json!({ "versionId": patient.revision.to_string(), "lastUpdated": instant(patient.changed_at) });
    if patient.identity.is_none() {
        let kept_back = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
        meta["tag"] = json!([{ "system": kept_back, "code": "SUBSETTED" }]);
        meta["security"] = json!([{ "system": kept_back, "code": "REDACTED" }]);
    }
    let mut resource = json!({ "resourceType": "Patient", "id": fhir_id(patient.id), "meta": meta });
    if !patient.surgery_on.is_empty() {
        resource["extension"] = json!([{ "url": surgery_url(base), "valueDate": patient.surgery_on }]);
    }
    let record_number =
        json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR" }] });
    resource["identifier"] = json!([{
        "use": "usual", "type": record_number,
        "system": number_system(base, patient.scope.deployment), "value": patient.number,
    }]);
    resource["active"] = patient.monitored.into();
    match &patient.identity {
        Some(identity) => identify(&mut resource, identity),
        None => {
            resource["name"] = json!([{ "extension": masked() }]);
            resource["_birthDate"] = json!({ "extension": masked() });
        }
    }
    if !patient.gender.is_empty() {
        resource["gender"] = patient.gender.as_str().into();
    }
    if let Some(deployment) = patient.scope.deployment {
        resource["managingOrganization"] = json!({ "reference": format!("Organization/{}", fhir_id(deployment)) });
    }
    resource
}

fn identify(resource: &mut Value, identity: &Identity) {
    if !identity.name.is_empty() {
        resource["name"] = json!([{ "text": identity.name }]);
    }
    let telecom: Vec<_> = [("phone", &identity.phone), ("email", &identity.email)]
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(system, value)| json!({ "system": system, "value": value }))
        .collect();
    if !telecom.is_empty() {
        resource["telecom"] = telecom.into();
    }
    if !identity.born_on.is_empty() {
        resource["birthDate"] = identity.born_on.as_str().into();
    }
}

/// What a search asks for; `organization` is read by the door.
pub fn search(base: &str, params: &mut Params) -> FhirResult<PatientSearch> {
    let mut search = PatientSearch::default();
    if let Some(ids) = params.any_of("_id")? {
        search.ids = Some(ids.iter().filter_map(|id| parse_id(id)).collect());
    }
    if let Some(tokens) = params.any_of("identifier")? {
        let numbers = tokens.iter().filter_map(|token| match token.split_once('|') {
            None => Some((None, token.clone())),
            Some(("", value)) => Some((None, value.to_owned())),
            Some((system, value)) => deployment_of(base, system).map(|of| (Some(of), value.to_owned())),
        });
        search.numbers = Some(numbers.collect());
    }
    for name in params.all("name") {
        if name.contains(',') {
            return Err(Outcome::bad_request("not-supported", "Ask for one name at a time"));
        }
        search.names.push(name);
    }
    if let Some(genders) = params.any_of("gender")? {
        let known = |gender: &String| GENDERS.iter().any(|(key, _)| key == gender) || gender == "unknown";
        if !genders.iter().all(known) {
            return Err(Outcome::bad_request("value", "gender is male, female, other or unknown"));
        }
        let stored = |gender: String| if gender == "unknown" { String::new() } else { gender };
        search.genders = Some(genders.into_iter().map(stored).collect());
    }
    for text in params.all("birthdate") {
        let (prefix, day) = prefixed("birthdate", &text)?;
        let wrong = || Outcome::bad_request("value", "birthdate is a day, month or year such as 1948-03-09");
        let (first, last) = days(&day).ok_or_else(wrong)?;
        let (from, until) = match prefix {
            Prefix::Equal => (Some(first), Some(last)),
            Prefix::Greater => (last.tomorrow().ok(), None),
            Prefix::GreaterOrEqual => (Some(first), None),
            Prefix::Less => (None, first.yesterday().ok()),
            Prefix::LessOrEqual => (None, Some(last)),
        };
        let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string());
        search.born.push((day(from), day(until)));
    }
    Ok(search)
}

/// A patient that somebody sends.
pub struct Incoming {
    /// What is kept.
    pub new: NewPatient,
    /// The deployment that it names.
    pub deployment: Option<DeploymentId>,
    /// Identifiers that it has, with their systems.
    pub identifiers: Vec<(String, String)>,
}

/// Reads a Patient; every element that cannot be used is told.
pub fn read(base: &str, element: &Element<'_>) -> Result<Incoming, Vec<Issue>> {
    let mut issues = Vec::new();
    let mut keep = |found: Result<String, Issue>| {
        found.unwrap_or_else(|issue| {
            issues.push(issue);
            String::new()
        })
    };
    keep(element.refuse_modifiers().map(|()| String::new()));
    let identifiers = read_identifiers(element);
    let number = identifiers.as_ref().map_err(Clone::clone).and_then(|all| number_of(base, element, all));
    let number = keep(number);
    let name = keep(read_name(&element.field("name")));
    let telecom = read_telecom(&element.field("telecom"));
    let (phone, email) = telecom.unwrap_or_else(|issue| {
        keep(Err(issue));
        Default::default()
    });
    let born_on = keep(read_day(&element.field("birthDate"), true));
    let gender = keep(read_gender(&element.field("gender")));
    let surgery_on = keep(read_surgery(base, element));
    let deployment = read_organization(&element.field("managingOrganization"));
    let deployment = deployment.unwrap_or_else(|issue| {
        keep(Err(issue));
        None
    });
    if !issues.is_empty() {
        return Err(issues);
    }
    let identity = Identity { name, email, phone, born_on };
    let new = NewPatient { number, identity, gender, surgery_on, labels: Vec::new() };
    Ok(Incoming { new, deployment, identifiers: identifiers.unwrap_or_default() })
}

fn read_identifiers(element: &Element<'_>) -> Result<Vec<(String, String)>, Issue> {
    let mut all = Vec::new();
    for one in element.field("identifier").each()? {
        let system = one.field("system").text()?.unwrap_or_default().to_owned();
        all.push((system, one.field("value").need()?.to_owned()));
    }
    Ok(all)
}

/// The number is the identifier of our own system, or the only one that there is.
fn number_of(base: &str, element: &Element<'_>, all: &[(String, String)]) -> Result<String, Issue> {
    let field = element.field("identifier");
    let own = all.iter().find(|(system, _)| deployment_of(base, system).is_some());
    let number = match (own, all) {
        (Some((_, number)), _) | (None, [(_, number)]) => number,
        (None, []) => {
            return Err(field.wrong("required", "A patient needs an identifier: it becomes the patient number"));
        }
        (None, _) => {
            let text =
                "Which of them is the patient number? Give that one the system of the deployment's patient numbers";
            return Err(field.wrong("multiple-matches", text));
        }
    };
    if number.chars().count() > 40 {
        return Err(field.wrong("too-long", "A patient number has at most 40 characters"));
    }
    Ok(number.clone())
}

/// The whole name: as it is written, or put together of its parts.
fn read_name(field: &Element<'_>) -> Result<String, Issue> {
    let names = field.each()?;
    let official = names.iter().find(|name| name.field("use").text().ok().flatten() == Some("official"));
    let Some(name) = official.or(names.first()) else { return Err(field.wrong("required", "A patient needs a name")) };
    let whole = match name.field("text").text()? {
        Some(text) => text.to_owned(),
        None => {
            let mut parts = Vec::new();
            for given in name.field("given").each()? {
                parts.extend(given.text()?);
            }
            parts.extend(name.field("family").text()?);
            parts.join(" ")
        }
    };
    match whole.chars().count() {
        0 => Err(name.wrong("required", "Give text, or family and given")),
        1..=200 => Ok(whole),
        _ => Err(name.wrong("too-long", "A name has at most 200 characters")),
    }
}

/// The first telephone number and the first e-mail address.
fn read_telecom(field: &Element<'_>) -> Result<(String, String), Issue> {
    let (mut phone, mut email) = (String::new(), String::new());
    for one in field.each()? {
        let value = one.field("value");
        let kept = match one.field("system").text()? {
            Some("phone" | "sms") => &mut phone,
            Some("email") => &mut email,
            _ => continue,
        };
        if kept.is_empty() {
            value.need()?.clone_into(kept);
            if kept.chars().count() > 254 {
                return Err(value.wrong("too-long", "At most 254 characters"));
            }
        }
    }
    Ok((phone, email))
}

fn read_day(field: &Element<'_>, whole: bool) -> Result<String, Issue> {
    let Some(text) = field.text()? else { return Ok(String::new()) };
    match days(text) {
        Some((first, last)) if first == last => Ok(first.to_string()),
        Some(_) if whole => Err(field.wrong("value", "A whole day is needed here, such as 1948-03-09")),
        _ => Err(field.wrong("value", "This is no day; write it as 1948-03-09")),
    }
}

fn read_gender(field: &Element<'_>) -> Result<String, Issue> {
    match field.text()? {
        None | Some("unknown") => Ok(String::new()),
        Some(gender) if GENDERS.iter().any(|(key, _)| *key == gender) => Ok(gender.to_owned()),
        Some(_) => Err(field.wrong("code-invalid", "gender is male, female, other or unknown")),
    }
}

fn read_surgery(base: &str, element: &Element<'_>) -> Result<String, Issue> {
    for extension in element.field("extension").each()? {
        if extension.field("url").text()? == Some(&surgery_url(base)) {
            return read_day(&extension.field("valueDate"), true);
        }
    }
    Ok(String::new())
}

fn read_organization(field: &Element<'_>) -> Result<Option<DeploymentId>, Issue> {
    let reference = field.field("reference");
    let Some(text) = reference.text()? else { return Ok(None) };
    let id = text.rsplit_once("Organization/").and_then(|(_, id)| parse_id(id));
    id.map(Some).ok_or_else(|| reference.wrong("value", "Name a deployment: Organization/dep-…"))
}

/// Where a Patient is found.
pub fn location(id: PatientId, version: i64) -> String {
    format!("Patient/{}/_history/{version}", fhir_id(id))
}
