//! How patients, entries and notes are written, in each format.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use serde_json::{Value, json};

use super::{Format, Wanted};
use crate::{
    fhir,
    patients::Patient,
    readings::{Kind, Reading},
    types::Timestamp,
    web::csv,
};

/// A file of the ZIP: its name, and what stands around and between its records.
#[derive(Default)]
pub(super) struct File {
    pub name: &'static str,
    pub head: Vec<u8>,
    /// Before the first record and after the last, where there is any.
    pub around: (&'static [u8], &'static [u8]),
    pub between: &'static [u8],
    pub end: &'static [u8],
}

fn array(name: &'static str) -> File {
    File { name, head: b"[\n".to_vec(), between: b",\n", end: b"\n]\n", ..File::default() }
}

/// Patients and then their entries, one Bundle. FHIR knows no empty list.
fn bundle() -> File {
    File {
        name: "Bundle.json",
        head: br#"{"resourceType":"Bundle","type":"collection""#.to_vec(),
        around: (b",\"entry\":[\n", b"\n]"),
        between: b",\n",
        end: b"}\n",
    }
}

/// A resource as the Bundle holds it.
fn entry(base: &str, resource: &Value) -> Vec<u8> {
    let part = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = format!("{base}/{}/{}", part("resourceType"), part("id"));
    json!({ "fullUrl": url, "resource": resource }).to_string().into_bytes()
}

/// A table begins with the mark by which spreadsheets know UTF-8.
fn table(name: &'static str, heads: &[&str]) -> File {
    let head = ["\u{feff}".as_bytes(), &csv::line(heads)].concat();
    File { name, head, ..File::default() }
}

pub(super) fn patients(wanted: &Wanted) -> File {
    let born = if wanted.without_identifiers { "birth year" } else { "birth date" };
    match wanted.format {
        Format::Csv if wanted.without_identifiers => {
            table("patients.csv", &["number", born, "gender", "surgery year", "monitored"])
        }
        Format::Csv => table(
            "patients.csv",
            &["number", "name", "email", "phone", born, "gender", "surgery date", "labels", "monitored"],
        ),
        Format::Json => array("patients.json"),
        Format::Fhir => bundle(),
    }
}

pub(super) fn readings(wanted: &Wanted) -> File {
    match wanted.format {
        Format::Csv => table(
            "readings.csv",
            &["number", "module", "LOINC", "value", "second value", "unit", "text", "severity", "measured", "entered"],
        ),
        Format::Json => array("readings.json"),
        Format::Fhir => bundle(),
    }
}

pub(super) fn notes(wanted: &Wanted) -> File {
    match wanted.format {
        Format::Csv => table("notes.csv", &["number", "written", "author", "note"]),
        Format::Json | Format::Fhir => array("notes.json"),
    }
}

fn year(day: &str) -> &str {
    day.get(..4).unwrap_or_default()
}

/// A patient. Without identifiers: the number, the years of birth and of surgery, and no label, which may hold a name.
pub(super) fn patient(base: &str, wanted: &Wanted, patient: &Patient) -> Vec<u8> {
    let identity = patient.identity.clone().unwrap_or_default();
    let without = wanted.without_identifiers;
    let labels: Vec<_> = patient.labels.iter().map(|label| label.text.clone()).collect();
    match wanted.format {
        Format::Csv => {
            let monitored = if patient.monitored { "yes" } else { "no" };
            let (born, surgery) = (identity.born_on.as_str(), patient.surgery_on.as_str());
            if without {
                csv::line([patient.number.as_str(), year(born), &patient.gender, year(surgery), monitored])
            } else {
                let Identities { name, email, phone } = Identities::of(&identity);
                csv::line([
                    patient.number.as_str(),
                    name,
                    email,
                    phone,
                    born,
                    &patient.gender,
                    surgery,
                    &labels.join(", "),
                    monitored,
                ])
            }
        }
        Format::Json => {
            let mut one = json!({
                "id": patient.id.to_string(), "number": patient.number, "gender": patient.gender, "monitored": patient.monitored,
            });
            if without {
                one["birth_year"] = year(&identity.born_on).into();
                one["surgery_year"] = year(&patient.surgery_on).into();
            } else {
                one["name"] = identity.name.into();
                one["email"] = identity.email.into();
                one["phone"] = identity.phone.into();
                one["birth_date"] = identity.born_on.into();
                one["surgery_date"] = patient.surgery_on.as_str().into();
                one["labels"] = labels.into();
            }
            one.to_string().into_bytes()
        }
        Format::Fhir => entry(base, &fhir_patient(base, without, patient)),
    }
}

struct Identities<'a> {
    name: &'a str,
    email: &'a str,
    phone: &'a str,
}

impl<'a> Identities<'a> {
    fn of(identity: &'a crate::patients::Identity) -> Self {
        Self { name: &identity.name, email: &identity.email, phone: &identity.phone }
    }
}

fn fhir_patient(base: &str, without: bool, patient: &Patient) -> Value {
    if !without {
        return fhir::patient_of(base, patient);
    }
    let born = patient.identity.as_ref().map(|identity| year(&identity.born_on).to_owned()).unwrap_or_default();
    let surgery_on = year(&patient.surgery_on).to_owned();
    let mut resource = fhir::patient_of(base, &Patient { identity: None, surgery_on, ..patient.clone() });
    if let Some(fields) = resource.as_object_mut()
        && !born.is_empty()
    {
        fields.remove("_birthDate");
        fields.insert("birthDate".to_owned(), born.into());
    }
    resource
}

/// Whether an entry may stand in the file: words that somebody wrote may hold a name.
pub(super) fn keeps(wanted: &Wanted, reading: &Reading) -> bool {
    !(wanted.without_identifiers && reading.module.kind == Kind::Text)
}

/// An entry.
pub(super) fn reading(base: &str, wanted: &Wanted, number: &str, reading: &Reading) -> Vec<u8> {
    let module = reading.module;
    let loinc = module.loinc.first().copied().unwrap_or_default();
    match wanted.format {
        Format::Csv => {
            let written = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let (first, second) = (written(reading.measured.value), written(reading.measured.second));
            let (at, entered_at) = (reading.at.to_rfc3339(), reading.entered_at.to_rfc3339());
            let text = reading.measured.text.as_str();
            let severity = reading.severity.key();
            csv::line([number, module.key, loinc, &first, &second, module.unit, text, severity, &at, &entered_at])
        }
        Format::Json => json!({
            "patient": reading.patient.to_string(), "number": number, "module": module.key, "loinc": loinc,
            "value": reading.measured.value, "second": reading.measured.second, "unit": module.unit, "text": reading.measured.text,
            "severity": reading.severity.key(), "measured": reading.at.to_rfc3339(), "entered": reading.entered_at.to_rfc3339(),
        })
        .to_string()
        .into_bytes(),
        Format::Fhir => {
            let mut resource = fhir::observation_of(reading);
            if wanted.without_identifiers
                && let Some(fields) = resource.as_object_mut()
            {
                // What the sender calls it may lead back to the person.
                fields.remove("identifier");
            }
            entry(base, &resource)
        }
    }
}

/// A note.
pub(super) fn note(wanted: &Wanted, number: &str, (at, author, text): (Timestamp, &str, &str)) -> Vec<u8> {
    match wanted.format {
        Format::Csv => csv::line([number, &at.to_rfc3339(), author, text]),
        Format::Json | Format::Fhir => {
            json!({ "number": number, "written": at.to_rfc3339(), "author": author, "note": text })
                .to_string()
                .into_bytes()
        }
    }
}

/// What stands beside the data, so that nobody takes it for more than it is.
pub(super) fn about(wanted: &Wanted, place: &str, now: Timestamp, (patients, readings): (u64, u64)) -> String {
    let day = |day: Option<jiff::civil::Date>| day.map_or_else(|| "open".to_owned(), |day| day.to_string());
    let identifiers = if wanted.without_identifiers {
        "Identifiable information was removed: no names, e-mail addresses, telephone numbers, full birth or surgery dates, labels,\r\n\
         notes, or words that patients wrote. The patient number is there: whoever has the portal can tell who it is."
    } else {
        "This file holds identifiable information. Keep it where only those can read it who may."
    };
    let modules = wanted.modules.as_ref().map_or_else(|| "all".to_owned(), |modules| modules.join(", "));
    format!(
        "Patient data of {place}\r\nMade {}\r\nPatients: {patients}\r\nEntries: {readings}\r\nMeasured from {} until {}\r\nModules: {modules}\r\n\r\n{identifiers}\r\n\r\n\
         Times are UTC. The severity of an entry is how it stood to the deployment's thresholds when it arrived, and no diagnosis.\r\n",
        now.to_rfc3339(),
        day(wanted.from),
        day(wanted.until),
    )
}
