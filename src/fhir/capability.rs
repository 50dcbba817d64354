//! What this interface can do, said in FHIR's own words. Everything here is true; `docs/fhir.md` says the rest.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use serde_json::{Value, json};

use super::{observation, patient, staff};

/// The day on which this description was last changed.
const DATE: &str = "2026-11-24";

/// FHIR's type of a parameter.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name {
        "_id" | "identifier" | "gender" | "code" | "category" | "role" => "token",
        "name" => "string",
        "birthdate" | "date" => "date",
        "organization" | "patient" | "subject" | "practitioner" => "reference",
        _ => return None,
    })
}

fn of(name: &str, create: bool, parameters: &[&str]) -> Value {
    let mut interactions = vec![json!({ "code": "read" }), json!({ "code": "search-type" })];
    if create {
        interactions.push(json!({ "code": "create" }));
    }
    // The only search that finds places needs no parameter of its own type.
    let searched: Vec<_> =
        parameters.iter().filter_map(|name| Some(json!({ "name": name, "type": kind(name)? }))).collect();
    let mut resource = json!({ "type": name, "interaction": interactions, "searchParam": searched });
    if matches!(name, "Patient" | "Observation") {
        resource["versioning"] = "versioned".into();
        resource["conditionalCreate"] = true.into();
        resource["referencePolicy"] = json!(["literal", "logical", "local"]);
    } else {
        resource["versioning"] = "no-version".into();
    }
    resource
}

/// The CapabilityStatement.
pub fn statement(base: &str) -> Value {
    let security = "An API key, made in the profile, as a Bearer token. A key works in one scope and never gives more than its owner has. \
        A browser's session reads, and does not write.";
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": { "name": "Care Portal", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Care Portal: patients, what they send in, and staff", "url": base },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{
            "mode": "server",
            "security": { "cors": false, "description": security },
            "resource": [
                of("Patient", true, patient::PARAMETERS),
                of("Observation", true, observation::PARAMETERS),
                of("Practitioner", false, staff::PRACTITIONER),
                of("PractitionerRole", false, staff::PRACTITIONER_ROLE),
                of("Organization", false, staff::ORGANIZATION),
            ],
            "interaction": [{ "code": "transaction" }],
        }],
    })
}
