//! Staff, their roles, and the places where they work.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use serde_json::{Value, json};

use super::{fhir_id, instant};
use crate::{
    access::{Role, Scope},
    sites::Place,
    staff::{Person, StaffMember},
};

/// What a search of each knows.
pub const PRACTITIONER: &[&str] = &["_id", "name", "organization", "_count", "_cursor", "_format", "_pretty"];
/// The same for their roles.
pub const PRACTITIONER_ROLE: &[&str] =
    &["practitioner", "role", "organization", "_count", "_cursor", "_format", "_pretty"];
/// The same for places.
pub const ORGANIZATION: &[&str] = &["_id", "name", "_format", "_pretty"];

/// A person.
pub fn practitioner(person: &Person) -> Value {
    json!({
        "resourceType": "Practitioner",
        "id": fhir_id(person.account),
        "active": true,
        "name": [{ "text": person.name }],
        "telecom": [{ "system": "email", "value": person.email, "use": "work" }],
    })
}

/// What a person is in one place.
pub fn practitioner_role(base: &str, member: &StaffMember, roles: &[Role]) -> Value {
    let name = roles.iter().find(|role| role.key.to_string() == member.role).map(|role| role.name.clone());
    let name = name.unwrap_or_else(|| member.role.clone());
    let mut period = json!({ "start": instant(member.joined_at) });
    if let Some(end) = member.ends_at {
        period["end"] = instant(end).into();
    }
    json!({
        "resourceType": "PractitionerRole",
        "id": fhir_id(member.membership),
        "active": true,
        "period": period,
        "practitioner": { "reference": format!("Practitioner/{}", fhir_id(member.account)), "display": member.name },
        "organization": { "reference": format!("Organization/{}", scope_id(member.scope)) },
        "code": [{ "coding": [{ "system": format!("{base}/CodeSystem/roles"), "code": member.role, "display": name }], "text": name }],
    })
}

/// A place's id.
pub fn scope_id(scope: Scope) -> String {
    scope.deployment.map_or_else(|| fhir_id(scope.organisation), fhir_id)
}

/// An organisation, or a deployment as a part of one.
pub fn organization(place: &Place) -> Value {
    let mut resource = json!({
        "resourceType": "Organization",
        "id": scope_id(place.scope),
        "active": true,
        "name": place.name(),
    });
    if place.deployment.is_some() {
        resource["partOf"] = json!({ "reference": format!("Organization/{}", fhir_id(place.organisation.id)) });
    }
    resource
}
