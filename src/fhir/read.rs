//! Reading: one resource, or a search of them.

#![expect(clippy::indexing_slicing, reason = "a JSON object takes every key")]

use axum::{
    body::Bytes,
    extract::{Path, RawQuery},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{
    Door, answer, observation, outcome::FhirResult, params::Params, parse_id, patient as patients_room, send::Made,
    staff as staff_room,
};
use crate::{
    access::{self, Scope},
    error::{Error, Result},
    fhir::outcome::Outcome,
    patients, readings,
    readings::actions::Readings,
    sites::{self, Place},
    staff,
    types::{Cursor, MembershipId, PageOf},
};

/// Names in the access log what was shown.
const PROFILE: &str = "profile";
const READINGS: &str = "readings";

impl Door {
    /// What was made, as a reader sees it.
    pub(super) async fn show(&self, made: Made) -> Result<Value> {
        match made {
            Made::Patient(id, _) => {
                let (found, _) = patients::actions::show_patient(&self.portal, &self.caller, id, PROFILE).await?;
                Ok(patients_room::resource(&self.base, &found))
            }
            Made::Observation(id, _) => {
                let (found, _) = readings::actions::show_reading(&self.portal, &self.caller, id, READINGS).await?;
                Ok(observation::resource(&found))
            }
        }
    }

    /// One page of what was found.
    fn found(&self, kind: &str, page: &PageOf<Value>, used: &[(String, String)], count: usize) -> Value {
        let link = |relation: &str, cursor: Option<&Cursor>| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(used.iter().filter(|(name, _)| name != "_count"));
            query.append_pair("_count", &count.to_string());
            if let Some(cursor) = cursor {
                query.append_pair("_cursor", &cursor.encode());
            }
            json!({ "relation": relation, "url": format!("{}/{kind}?{}", self.base, query.finish()) })
        };
        let mut links = vec![link("self", None)];
        links.extend(page.next.as_ref().map(|cursor| link("next", Some(cursor))));
        links.extend(page.previous.as_ref().map(|cursor| link("previous", Some(cursor))));
        let entry = |resource: &Value| {
            let id = resource.get("id").and_then(Value::as_str).unwrap_or_default();
            json!({ "fullUrl": format!("{}/{kind}/{id}", self.base), "resource": resource, "search": { "mode": "match" } })
        };
        let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset", "link": links });
        if !page.rows.is_empty() {
            bundle["entry"] = page.rows.iter().map(entry).collect();
        }
        bundle
    }

    async fn find_patients(&self, query: &str) -> FhirResult {
        let mut params = Params::read(query, &self.headers, patients_room::PARAMETERS)?;
        let scope = self.place(params.one("organization")?).await?;
        let search = patients_room::search(&self.base, &mut params)?;
        let (count, from) = params.page()?;
        let used = params.finish()?;
        let page = (from.as_ref(), count);
        let found =
            patients::actions::search_patients(&self.portal, &self.caller, scope, &search, page, PROFILE).await?;
        let page = mapped(found, |patient| patients_room::resource(&self.base, &patient));
        Ok(answer(StatusCode::OK, &self.found("Patient", &page, &used, count)))
    }

    async fn find_observations(&self, query: &str) -> FhirResult {
        let mut params = Params::read(query, &self.headers, observation::PARAMETERS)?;
        let whose = match observation::patient_asked(&mut params)? {
            Some(Some(patient)) => Readings::Of(patient),
            // Nobody has what is no id of ours.
            Some(None) => return Err(Error::NotFound.into()),
            None => {
                let text = "Name the patient: patient=Patient/pat-…. Only where you have access in one deployment can all its patients' \
                    Observations be searched at once";
                let scope = self.only_deployment();
                Readings::In(scope.ok_or_else(|| Outcome::bad_request("required", text))?)
            }
        };
        let zone = self.zone(whose).await?;
        let search = observation::search(&mut params, &zone)?;
        let (count, from) = params.page()?;
        let used = params.finish()?;
        let page = (from.as_ref(), count);
        let found =
            readings::actions::search_readings(&self.portal, &self.caller, whose, &search, page, READINGS).await?;
        let page = mapped(found, |reading| observation::resource(&reading));
        Ok(answer(StatusCode::OK, &self.found("Observation", &page, &used, count)))
    }

    /// The clock by which days without a zone are meant: the organisation's.
    async fn zone(&self, whose: Readings) -> Result<jiff::tz::TimeZone> {
        let scope = match whose {
            Readings::In(scope) => Some(scope),
            Readings::Of(_) => self.places()?.first().copied(),
        };
        let scope = scope.ok_or(Error::NotFound)?;
        Ok(sites::actions::place_of(self.portal.db.reader(), scope).await?.time_zone())
    }

    /// Every place that the caller may know of, organisations first.
    async fn organizations(&self) -> Result<Vec<Place>> {
        let db = self.portal.db.reader();
        let mut scopes: Vec<Scope> = Vec::new();
        for scope in self.places()? {
            scopes.push(Scope::organisation(scope.organisation));
            if scope.deployment.is_some() {
                scopes.push(scope);
            } else {
                let names = sites::actions::deployment_names(db, scope.organisation).await?;
                let mut ids: Vec<_> = names.into_keys().collect();
                ids.sort();
                scopes.extend(ids.into_iter().map(|id| Scope::deployment(scope.organisation, id)));
            }
        }
        let mut places: Vec<Place> = Vec::new();
        for scope in scopes {
            if places.iter().all(|place| place.scope != scope) {
                places.push(sites::actions::place_of(db, scope).await?);
            }
        }
        Ok(places)
    }
}

fn mapped<T>(page: PageOf<T>, resource: impl Fn(T) -> Value) -> PageOf<Value> {
    PageOf { rows: page.rows.into_iter().map(resource).collect(), previous: page.previous, next: page.next }
}

/// The only page of a short list.
fn whole(rows: Vec<Value>) -> PageOf<Value> {
    PageOf { rows, previous: None, next: None }
}

fn form(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

pub(super) async fn patients(door: Door, RawQuery(query): RawQuery) -> FhirResult {
    door.find_patients(&query.unwrap_or_default()).await
}

pub(super) async fn patients_by_form(door: Door, body: Bytes) -> FhirResult {
    door.find_patients(&form(&body)).await
}

pub(super) async fn observations(door: Door, RawQuery(query): RawQuery) -> FhirResult {
    door.find_observations(&query.unwrap_or_default()).await
}

pub(super) async fn observations_by_form(door: Door, body: Bytes) -> FhirResult {
    door.find_observations(&form(&body)).await
}

pub(super) async fn patient(door: Door, Path(id): Path<String>) -> FhirResult {
    let id = parse_id(&id).ok_or(Error::NotFound)?;
    Ok(answer(StatusCode::OK, &door.show(Made::Patient(id, false)).await?))
}

pub(super) async fn observation(door: Door, Path(id): Path<String>) -> FhirResult {
    let id = parse_id(&id).ok_or(Error::NotFound)?;
    Ok(answer(StatusCode::OK, &door.show(Made::Observation(id, false)).await?))
}

pub(super) async fn practitioners(door: Door, RawQuery(query): RawQuery) -> FhirResult {
    let mut params = Params::read(&query.unwrap_or_default(), &door.headers, staff_room::PRACTITIONER)?;
    let scope = door.place(params.one("organization")?).await?;
    let ids = params.any_of("_id")?.map(|ids| ids.iter().filter_map(|id| parse_id(id)).collect::<Vec<_>>());
    let name = params.one("name")?;
    let (count, from) = params.page()?;
    let used = params.finish()?;
    let (which, page) = ((ids.as_deref(), name.as_deref()), (from.as_ref(), count));
    let found = staff::actions::list_people(&door.portal, &door.caller, scope, which, page).await?;
    let page = mapped(found, |person| staff_room::practitioner(&person));
    Ok(answer(StatusCode::OK, &door.found("Practitioner", &page, &used, count)))
}

pub(super) async fn practitioner(door: Door, Path(id): Path<String>) -> FhirResult {
    let id = parse_id(&id).ok_or(Error::NotFound)?;
    let mut refused = Error::NotFound;
    for scope in door.places()? {
        match staff::actions::list_people(&door.portal, &door.caller, scope, (Some(&[id]), None), (None, 1)).await {
            Ok(found) => {
                if let Some(person) = found.rows.first() {
                    return Ok(answer(StatusCode::OK, &staff_room::practitioner(person)));
                }
            }
            Err(error) => refused = error,
        }
    }
    Err(refused.into())
}

pub(super) async fn practitioner_roles(door: Door, RawQuery(query): RawQuery) -> FhirResult {
    let mut params = Params::read(&query.unwrap_or_default(), &door.headers, staff_room::PRACTITIONER_ROLE)?;
    let scope = door.place(params.one("organization")?).await?;
    let role = params.one("role")?.map(|token| token.rsplit('|').next().unwrap_or_default().to_owned());
    let person = params.one("practitioner")?;
    let (count, from) = params.page()?;
    let used = params.finish()?;
    let roles = access::roles_of(door.portal.db.reader(), scope.organisation).await?;
    let resource = |member| staff_room::practitioner_role(&door.base, &member, &roles);
    let page = if let Some(person) = person {
        let id = parse_id(person.rsplit('/').next().unwrap_or_default()).ok_or(Error::NotFound)?;
        let all = staff::actions::list_memberships(&door.portal, &door.caller, scope, id).await?;
        let mine = all.into_iter().filter(|member| role.as_ref().is_none_or(|role| member.role == *role));
        whole(mine.map(resource).collect())
    } else {
        let asked = role.map(|role| role.parse());
        // A role that nobody knows is one that nobody has.
        let role = match asked.transpose() {
            Ok(role) => role,
            Err(_) => {
                return Ok(answer(StatusCode::OK, &door.found("PractitionerRole", &whole(Vec::new()), &used, count)));
            }
        };
        let query = staff::actions::Query { role, from, ..Default::default() };
        mapped(staff::actions::list_staff(&door.portal, &door.caller, scope, &query, count).await?, resource)
    };
    Ok(answer(StatusCode::OK, &door.found("PractitionerRole", &page, &used, count)))
}

pub(super) async fn practitioner_role(door: Door, Path(id): Path<String>) -> FhirResult {
    let id: MembershipId = parse_id(&id).ok_or(Error::NotFound)?;
    let mut refused = Error::NotFound;
    for scope in door.places()? {
        match staff::actions::show_member(&door.portal, &door.caller, scope, id).await {
            Ok(member) => {
                let roles = access::roles_of(door.portal.db.reader(), scope.organisation).await?;
                return Ok(answer(StatusCode::OK, &staff_room::practitioner_role(&door.base, &member, &roles)));
            }
            Err(error) => refused = error,
        }
    }
    Err(refused.into())
}

pub(super) async fn organizations(door: Door, RawQuery(query): RawQuery) -> FhirResult {
    let mut params = Params::read(&query.unwrap_or_default(), &door.headers, staff_room::ORGANIZATION)?;
    let (ids, name) = (params.any_of("_id")?, params.one("name")?.map(|name| name.to_lowercase()));
    let used = params.finish()?;
    let places = door.organizations().await?;
    let asked = |place: &&Place| {
        ids.as_ref().is_none_or(|ids| ids.contains(&staff_room::scope_id(place.scope)))
            && name.as_ref().is_none_or(|name| {
                place.name().to_lowercase().split_whitespace().any(|word| word.starts_with(name))
                    || place.name().to_lowercase().starts_with(name)
            })
    };
    let rows = places.iter().filter(asked).map(staff_room::organization).collect::<Vec<_>>();
    let count = rows.len().max(1);
    Ok(answer(StatusCode::OK, &door.found("Organization", &whole(rows), &used, count)))
}

pub(super) async fn organization(door: Door, Path(id): Path<String>) -> FhirResult {
    let places = door.organizations().await?;
    let found = places.iter().find(|place| staff_room::scope_id(place.scope) == id);
    let found = found.ok_or(Error::NotFound)?;
    Ok(answer(StatusCode::OK, &staff_room::organization(found)))
}
