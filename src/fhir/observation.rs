//! Entries as Observations, and Observations as entries.
//!
//! What the portal makes of a value (its severity by the deployment's thresholds) is not told: thresholds are a deployment's own
//! choice, and `Observation.interpretation` is a clinical statement.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    element::Element,
    fhir_id, instant,
    outcome::{FhirResult, Issue, Outcome},
    params::{Params, Prefix, moments, prefixed},
    parse_id, patient, units,
};
use crate::{
    readings::{Kind, MODULES, Measured, Module, Reading, actions::ReadingSearch},
    types::{DeploymentId, PatientId, ReadingId, Timestamp},
};

/// What a search of Observations knows.
pub const PARAMETERS: &[&str] = &[
    "_id",
    "patient",
    "subject",
    "identifier",
    "code",
    "date",
    "category",
    "_sort",
    "_count",
    "_cursor",
    "_format",
    "_pretty",
];

const LOINC: &str = "http://loinc.org";
const UCUM: &str = "http://unitsofmeasure.org";
const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
/// The clocks of two machines differ by no more than this.
const CLOCKS_DIFFER: Duration = Duration::from_secs(15 * 60);

/// FHIR's category of a module.
fn category(module: &Module) -> &'static str {
    match module.key {
        "glucose" => "laboratory",
        "peak_flow" => "exam",
        "pain" | "symptoms" | "journal" => "survey",
        "steps" => "activity",
        _ => "vital-signs",
    }
}

fn coded(loinc: &str, text: &str) -> Value {
    json!({ "coding": [{ "system": LOINC, "code": loinc }], "text": text })
}

/// The resource.
pub fn resource(reading: &Reading) -> Value {
    let module = reading.module;
    let code = module.loinc.first().copied().unwrap_or_default();
    let mut resource = json!({
        "resourceType": "Observation",
        "id": fhir_id(reading.id),
        "meta": { "versionId": "1", "lastUpdated": instant(reading.entered_at) },
        "status": "final",
        "category": [{ "coding": [{ "system": CATEGORIES, "code": category(module) }] }],
        "code": coded(code, module.label),
        "subject": { "reference": format!("Patient/{}", fhir_id(reading.patient)) },
        "effectiveDateTime": instant(reading.at),
        "issued": instant(reading.entered_at),
    });
    if let Some((system, value)) = reading.identifier.as_ref().and_then(|known| known.split_once('|')) {
        let mut identifier = json!({ "value": value });
        if !system.is_empty() {
            identifier["system"] = system.into();
        }
        resource["identifier"] = json!([identifier]);
    }
    let quantity =
        |value: f64| json!({ "value": number(value), "unit": module.unit, "system": UCUM, "code": module.ucum });
    match (module.kind, module.parts, reading.measured.value, reading.measured.second) {
        (Kind::Two, Some(parts), Some(first), Some(second)) => {
            let parts = parts.iter().zip([first, second]);
            let parts = parts
                .map(|((loinc, name), value)| json!({ "code": coded(loinc, name), "valueQuantity": quantity(value) }));
            resource["component"] = parts.collect();
        }
        (Kind::Text, ..) | (_, _, None, _) => resource["valueString"] = reading.measured.text.as_str().into(),
        (_, _, Some(value), _) => resource["valueQuantity"] = quantity(value),
    }
    resource
}

/// A whole number is written as one.
#[expect(clippy::cast_possible_truncation, reason = "only what fits")]
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e9 { json!(value as i64) } else { json!(value) }
}

/// What a search asks for, and whose Observations: none for the whole deployment.
pub fn search(params: &mut Params, zone: &jiff::tz::TimeZone) -> FhirResult<ReadingSearch> {
    let mut search = ReadingSearch { newest_first: true, ..ReadingSearch::default() };
    if let Some(ids) = params.any_of("_id")? {
        search.ids = Some(ids.iter().filter_map(|id| parse_id(id)).collect());
    }
    search.identifiers = params.any_of("identifier")?;
    let by_code = params.any_of("code")?.map(|tokens| {
        let codes = tokens.iter().filter_map(|token| match token.split_once('|') {
            None => Some(token.as_str()),
            Some((LOINC, code)) => Some(code),
            Some(_) => None,
        });
        codes.filter_map(Module::of_loinc).collect::<Vec<_>>()
    });
    let by_category = params.any_of("category")?.map(|tokens| {
        let words: Vec<_> = tokens.iter().map(|token| token.rsplit('|').next().unwrap_or_default()).collect();
        MODULES.iter().filter(|module| words.contains(&category(module))).collect::<Vec<_>>()
    });
    search.modules = match (by_code, by_category) {
        (Some(one), Some(other)) => Some(one.into_iter().filter(|module| other.contains(module)).collect()),
        (one, other) => one.or(other),
    };
    for text in params.all("date") {
        let (prefix, moment) = prefixed("date", &text)?;
        let wrong = || Outcome::bad_request("value", "date is a moment, day, month or year such as 2026-11-24");
        let (begins, over) = moments(&moment, zone).ok_or_else(wrong)?;
        let (from, before) = match prefix {
            Prefix::Equal => (Some(begins), Some(over)),
            Prefix::Greater => (Some(over), None),
            Prefix::GreaterOrEqual => (Some(begins), None),
            Prefix::Less => (None, Some(begins)),
            Prefix::LessOrEqual => (None, Some(over)),
        };
        search.from = search.from.max(from);
        search.before = match (search.before, before) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    match params.one("_sort")?.as_deref() {
        None | Some("-date") => {}
        Some("date") => search.newest_first = false,
        Some(_) => return Err(Outcome::bad_request("not-supported", "_sort is date or -date")),
    }
    Ok(search)
}

/// The patient of `patient=` or `subject=`.
pub fn patient_asked(params: &mut Params) -> FhirResult<Option<Option<PatientId>>> {
    let (one, other) = (params.one("patient")?, params.one("subject")?);
    if one.is_some() && other.is_some() {
        return Err(Outcome::bad_request("invalid", "Give either patient or subject"));
    }
    // What names nobody finds nothing.
    Ok(one.or(other).map(|text| parse_id(text.rsplit('/').next().unwrap_or_default())))
}

/// Whom a sent Observation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The entry of the same Bundle with this `fullUrl`.
    Sent(String),
    /// A patient by id.
    Id(PatientId),
    /// A patient by number, and the deployment whose numbers they are.
    Number(Option<DeploymentId>, String),
}

/// An Observation that somebody sends.
pub struct Incoming {
    /// Whom it is about.
    pub subject: Subject,
    /// Which module.
    pub module: &'static Module,
    /// What was measured.
    pub measured: Measured,
    /// When.
    pub at: Timestamp,
    /// `system|value`.
    pub identifier: Option<String>,
}

/// Reads an Observation; every element that cannot be used is told.
pub fn read(base: &str, element: &Element<'_>, now: Timestamp) -> Result<Incoming, Vec<Issue>> {
    let mut issues = Vec::new();
    let checked = element.refuse_modifiers().and_then(|()| refuse_unfinished(element));
    issues.extend(checked.err());
    let subject = read_subject(base, &element.field("subject")).map_err(|issue| issues.push(issue)).ok();
    let at = read_moment(element, now).map_err(|issue| issues.push(issue)).ok();
    let identifier = read_identifier(&element.field("identifier")).map_err(|issue| issues.push(issue)).ok();
    let value = read_module(&element.field("code")).and_then(|module| Ok((module, read_value(element, module)?)));
    let value = value.map_err(|issue| issues.push(issue)).ok();
    match (subject, at, identifier, value) {
        (Some(subject), Some(at), Some(identifier), Some((module, measured))) if issues.is_empty() => {
            Ok(Incoming { subject, module, measured, at, identifier })
        }
        _ => Err(issues),
    }
}

fn refuse_unfinished(element: &Element<'_>) -> Result<(), Issue> {
    let status = element.field("status");
    match status.need()? {
        "final" | "amended" | "corrected" => {}
        _ => return Err(status.wrong("not-supported", "Only what is final, amended or corrected is taken")),
    }
    let absent = element.field("dataAbsentReason");
    if absent.there() {
        Err(absent.wrong("not-supported", "An Observation without a value is not taken"))
    } else {
        Ok(())
    }
}

fn read_subject(base: &str, field: &Element<'_>) -> Result<Subject, Issue> {
    let reference = field.field("reference");
    if let Some(text) = reference.text()? {
        if text.starts_with("urn:") {
            return Ok(Subject::Sent(text.to_owned()));
        }
        let own = text.strip_prefix(base).map_or(text, |rest| rest.trim_start_matches('/'));
        if let Some(token) = own.strip_prefix("Patient?identifier=") {
            let token = url::form_urlencoded::parse(format!("x={token}").as_bytes())
                .next()
                .map(|(_, token)| token.into_owned());
            let token = token.unwrap_or_default();
            let (system, number) = token.split_once('|').unwrap_or(("", &token));
            return by_number(base, &reference, system, number);
        }
        let id = own.strip_prefix("Patient/").and_then(parse_id);
        return id.map(Subject::Id).ok_or_else(|| reference.wrong("value", "Name a patient: Patient/pat-…"));
    }
    let identifier = field.field("identifier");
    if !identifier.there() {
        return Err(field.wrong("required", "Whose is it? Give a reference to a Patient, or an identifier"));
    }
    let system = identifier.field("system").text()?.unwrap_or_default();
    by_number(base, &identifier, system, identifier.field("value").need()?)
}

fn by_number(base: &str, at: &Element<'_>, system: &str, number: &str) -> Result<Subject, Issue> {
    let deployment = patient::deployment_of(base, system);
    if deployment.is_none() && system.starts_with(base) {
        return Err(at.wrong("value", "This system names no deployment's patient numbers"));
    }
    Ok(Subject::Number(deployment, number.to_owned()))
}

fn read_moment(element: &Element<'_>, now: Timestamp) -> Result<Timestamp, Issue> {
    let (moment, instant) = (element.field("effectiveDateTime"), element.field("effectiveInstant"));
    let field = if instant.there() { instant } else { moment };
    let text = field.need()?;
    let at: jiff::Timestamp =
        text.parse().map_err(|_| field.wrong("value", "Give day, time and zone, such as 2026-11-24T07:30:00+01:00"))?;
    let at = Timestamp(at.as_millisecond());
    if at > now.plus(CLOCKS_DIFFER) {
        return Err(field.wrong("value", "This moment has not come yet"));
    }
    if at.0 < 0 {
        return Err(field.wrong("value", "This is before 1970"));
    }
    Ok(at)
}

fn read_identifier(field: &Element<'_>) -> Result<Option<String>, Issue> {
    let Some(first) = field.each()?.into_iter().next() else { return Ok(None) };
    let (system, value) = (first.field("system").text()?.unwrap_or_default(), first.field("value").need()?);
    if system.contains('|') || system.len() + value.len() > 500 {
        return Err(first.wrong("too-long", "System and value have at most 500 characters, and the system no |"));
    }
    Ok(Some(format!("{system}|{value}")))
}

fn codes(field: &Element<'_>) -> Result<Vec<String>, Issue> {
    let mut codes = Vec::new();
    for coding in field.field("coding").each()? {
        if coding.field("system").text()? == Some(LOINC) {
            codes.extend(coding.field("code").text()?.map(str::to_owned));
        }
    }
    Ok(codes)
}

fn read_module(field: &Element<'_>) -> Result<&'static Module, Issue> {
    let codes = codes(field)?;
    let mut modules: Vec<_> = codes.iter().filter_map(|code| Module::of_loinc(code)).collect();
    modules.dedup();
    match modules.as_slice() {
        [one] => Ok(one),
        [] if codes.is_empty() => {
            Err(field.field("coding").wrong("required", "Give the LOINC code of what was measured"))
        }
        [] => {
            Err(field.field("coding").wrong("code-invalid", format!("LOINC {} is not followed here", codes.join(", "))))
        }
        _ => Err(field.field("coding").wrong("code-invalid", "These codes mean different things")),
    }
}

fn read_value(element: &Element<'_>, module: &Module) -> Result<Measured, Issue> {
    match (module.kind, module.parts) {
        (Kind::Two, Some([(first, _), (second, _)])) => {
            let (mut high, mut low) = (None, None);
            for component in element.field("component").each()? {
                let codes = codes(&component.field("code"))?;
                let place = if codes.iter().any(|code| code == first) {
                    &mut high
                } else if codes.iter().any(|code| code == second) {
                    &mut low
                } else {
                    continue;
                };
                *place = Some(read_quantity(&component, module)?);
            }
            match (high, low) {
                (Some(high), Some(low)) if low < high => {
                    Ok(Measured { value: Some(high), second: Some(low), text: String::new() })
                }
                (Some(_), Some(_)) => {
                    Err(element.field("component").wrong("value", "The systolic pressure must be the greater one"))
                }
                _ => {
                    let text = format!("{} needs two components: LOINC {first} and {second}", module.label);
                    Err(element.field("component").wrong("required", text))
                }
            }
        }
        (Kind::Text, _) => {
            let field = element.field("valueString");
            module.read(field.need()?).map_err(|text| field.wrong("value", text))
        }
        _ => Ok(Measured { value: Some(read_quantity(element, module)?), ..Measured::default() }),
    }
}

fn read_quantity(element: &Element<'_>, module: &Module) -> Result<f64, Issue> {
    let whole = element.field("valueInteger");
    // A count or a score has no unit to be wrong about.
    if whole.there() && module.ucum.starts_with('{') {
        let value = whole.number()?.unwrap_or_default();
        return module.refuse_implausible(value).map(|()| value).map_err(|text| whole.wrong("value", text));
    }
    let quantity = element.field("valueQuantity");
    if !quantity.there() {
        return Err(quantity.wrong("required", format!("{} is a quantity", module.label)));
    }
    let comparator = quantity.field("comparator");
    if comparator.there() {
        return Err(comparator.wrong("not-supported", "Only exact values are taken"));
    }
    let field = quantity.field("value");
    let value = field.number()?.ok_or_else(|| field.wrong("required", "This is needed"))?;
    let system = quantity.field("system");
    if system.need()? != UCUM {
        return Err(system.wrong("code-invalid", format!("Units are UCUM's: {UCUM}")));
    }
    let code = quantity.field("code");
    let unit = code.need()?;
    let own = units::to_own(module, unit, value).ok_or_else(|| {
        code.wrong("code-invalid", format!("{unit} is no unit for {}; send {}", module.label, module.ucum))
    })?;
    module.refuse_implausible(own).map(|()| own).map_err(|text| field.wrong("value", text))
}

/// Where an Observation is found. An entry never changes.
pub fn location(id: ReadingId) -> String {
    format!("Observation/{}/_history/1", fhir_id(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Value {
        json!({
            "resourceType": "Observation", "status": "final",
            "code": { "coding": [{ "system": LOINC, "code": "85354-9" }] },
            "subject": { "identifier": { "value": "NF-1" } },
            "effectiveDateTime": "2026-09-20T08:00:00Z",
            "component": [
                { "code": { "coding": [{ "system": LOINC, "code": "8480-6" }] }, "valueQuantity": { "value": 128, "system": UCUM, "code": "mm[Hg]" } },
                { "code": { "coding": [{ "system": LOINC, "code": "8462-4" }] }, "valueQuantity": { "value": 10.5, "system": UCUM, "code": "kPa" } },
            ],
        })
    }

    fn read_it(resource: &Value) -> Result<Incoming, Vec<String>> {
        let now = Timestamp(1_790_000_000_000);
        let found = read("https://x.example/fhir/r4", &Element::root(resource, "Observation"), now);
        found.map_err(|issues| issues.into_iter().map(|issue| issue.path.unwrap()).collect())
    }

    #[test]
    fn an_observation_is_read_and_each_wrong_element_named() {
        let read = read_it(&pressure()).unwrap();
        assert_eq!((read.measured.value, read.measured.second), (Some(128.0), Some(78.76)));
        assert_eq!(read.subject, Subject::Number(None, "NF-1".to_owned()));
        let broken = |change: fn(&mut Value)| {
            let mut resource = pressure();
            change(&mut resource);
            read_it(&resource).err().unwrap_or_default()
        };
        assert_eq!(broken(|o| o["status"] = json!("preliminary")), ["Observation.status"]);
        assert_eq!(
            broken(|o| o["component"][1]["valueQuantity"]["code"] = json!("kg")),
            ["Observation.component[1].valueQuantity.code"]
        );
        assert_eq!(
            broken(|o| o["component"][0]["valueQuantity"]["value"] = json!(1280)),
            ["Observation.component[0].valueQuantity.value"]
        );
        assert_eq!(broken(|o| o["component"][0]["valueQuantity"]["value"] = json!(60)), ["Observation.component"]);
        assert_eq!(broken(|o| o["code"]["coding"][0]["code"] = json!("1-1")), ["Observation.code.coding"]);
        assert_eq!(broken(|o| o["effectiveDateTime"] = json!("2026-09-20")), ["Observation.effectiveDateTime"]);
        assert_eq!(
            broken(|o| o["effectiveDateTime"] = json!("2036-09-20T08:00:00Z")),
            ["Observation.effectiveDateTime"]
        );
        assert_eq!(broken(|o| o["subject"] = json!({})), ["Observation.subject"]);
        assert_eq!(broken(|o| o["modifierExtension"] = json!([{ "url": "x" }])), ["Observation.modifierExtension"]);
        assert_eq!(broken(|o| o["identifier"] = json!("x")), ["Observation.identifier"]);
    }
}
