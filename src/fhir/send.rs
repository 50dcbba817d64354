//! What other systems send in: one Patient or Observation, or a transaction of both.

use std::collections::HashMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    Door,
    element::Element,
    observation::{self, Subject},
    outcome::{FhirResult, Issue, Outcome},
    patient,
};
use crate::{
    access::Scope,
    error::Error,
    patients::actions::{self, NotTaken, SentEntry, SentPatient, Spot, TakenIn, Whose},
    types::{DeploymentId, PatientId, ReadingId},
};

/// Entries of the longest transaction.
const LONGEST: usize = 5000;

/// What was made, or was there already.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// A patient.
    Patient(PatientId, bool),
    /// An entry.
    Observation(ReadingId, bool),
}

impl Made {
    /// Its address below the base.
    pub fn location(self) -> String {
        match self {
            Self::Patient(id, _) => patient::location(id, 1),
            Self::Observation(id, _) => observation::location(id),
        }
    }

    /// Whether it was made now.
    pub const fn is_new(self) -> bool {
        match self {
            Self::Patient(_, new) | Self::Observation(_, new) => new,
        }
    }
}

/// What is sent, with the places in it that sentences name.
#[derive(Default)]
struct Sending {
    patients: Vec<SentPatient>,
    entries: Vec<SentEntry>,
    /// Where each stands in what was sent, in the order of `patients` and `entries`.
    patient_paths: Vec<String>,
    entry_paths: Vec<String>,
    /// What each entry of a Bundle is.
    order: Vec<Spot>,
    issues: Vec<Issue>,
}

impl Door {
    /// Takes in one resource; `unless` is the value of `If-None-Exist`.
    pub async fn create(&self, kind: &str, resource: &Value, unless: Option<&str>) -> FhirResult<Made> {
        self.refuse_browsers()?;
        let element = Element::root(resource, kind);
        if resource.get("resourceType").and_then(Value::as_str) != Some(kind) {
            let issue = element.field("resourceType").wrong("invalid", format!("Only a {kind} can be sent here"));
            return Err(Outcome::new(StatusCode::BAD_REQUEST, vec![issue]));
        }
        let mut sending = Sending::default();
        self.add(&mut sending, kind, &element, (unless, None), &HashMap::new()).await?;
        let taken = self.take_in(sending).await?;
        let patient = taken.patients.first().map(|&(id, new)| Made::Patient(id, new));
        let made = patient.or_else(|| taken.entries.first().map(|&(id, new)| Made::Observation(id, new)));
        made.ok_or_else(|| Error::internal("nothing was taken in").into())
    }

    /// Takes in a transaction, all of it or nothing; gives the answering Bundle.
    pub async fn transact(&self, bundle: &Value) -> FhirResult<Value> {
        self.refuse_browsers()?;
        let root = Element::root(bundle, "Bundle");
        let kind = |name: &str| bundle.get(name).and_then(Value::as_str);
        if kind("resourceType") != Some("Bundle") || kind("type") != Some("transaction") {
            let issue = root.field("type").wrong("not-supported", "Only a Bundle of the type transaction is taken");
            return Err(Outcome::new(StatusCode::BAD_REQUEST, vec![issue]));
        }
        let entries = root.field("entry").each().map_err(|issue| Outcome::unfit(vec![issue]))?;
        if entries.len() > LONGEST {
            let issue = root.field("entry").wrong("too-costly", format!("Send at most {LONGEST} entries at a time"));
            return Err(Outcome::new(StatusCode::PAYLOAD_TOO_LARGE, vec![issue]));
        }
        let (mut sending, urns) = (Sending::default(), patients_by_url(&entries)?);
        for entry in &entries {
            if let Err(issue) = self.add_entry(&mut sending, bundle, entry, &urns).await? {
                sending.issues.push(issue);
            }
        }
        let order = std::mem::take(&mut sending.order);
        let taken = self.take_in(sending).await?;
        let made = order.iter().filter_map(|spot| match spot {
            Spot::Patient(n) => taken.patients.get(*n).map(|&(id, new)| Made::Patient(id, new)),
            Spot::Entry(n) => taken.entries.get(*n).map(|&(id, new)| Made::Observation(id, new)),
        });
        let answers = made.map(|made| {
            let status = if made.is_new() { "201 Created" } else { "200 OK" };
            json!({ "response": { "status": status, "location": made.location(), "etag": "W/\"1\"" } })
        });
        Ok(json!({ "resourceType": "Bundle", "type": "transaction-response", "entry": answers.collect::<Vec<_>>() }))
    }

    /// A browser's session reads: what is sent in is sent by a program with a key of its own.
    fn refuse_browsers(&self) -> FhirResult<()> {
        match self.caller.actor()?.via {
            crate::access::Via::Session(_) => Err(Outcome::one(
                StatusCode::UNAUTHORIZED,
                "login",
                "Sending in needs an API key; a browser's session only reads here",
            )),
            _ => Ok(()),
        }
    }

    async fn add_entry(
        &self,
        sending: &mut Sending,
        bundle: &Value,
        entry: &Element<'_>,
        urns: &HashMap<String, usize>,
    ) -> FhirResult<Result<(), Issue>> {
        let request = entry.field("request");
        let read = || {
            let (method, url) = (request.field("method"), request.field("url"));
            if method.need()? != "POST" {
                return Err(method.wrong("not-supported", "Only POST is understood in a transaction"));
            }
            let kind = match url.need()? {
                "Patient" => "Patient",
                "Observation" => "Observation",
                _ => return Err(url.wrong("not-supported", "Only Patient and Observation can be sent")),
            };
            let full = entry.field("fullUrl").text()?.filter(|url| url.starts_with("urn:uuid:"));
            Ok((kind, request.field("ifNoneExist").text()?, full))
        };
        let (kind, unless, full) = match read() {
            Ok(read) => read,
            Err(issue) => return Ok(Err(issue)),
        };
        let resource = entry.field("resource");
        // The same element, from the Bundle's own value.
        let number = entry.path.rsplit(['[', ']']).nth(1).and_then(|n| n.parse::<usize>().ok()).unwrap_or_default();
        let value = bundle.get("entry").and_then(|all| all.get(number)).and_then(|one| one.get("resource"));
        if value.and_then(|value| value.get("resourceType")).and_then(Value::as_str) != Some(kind) {
            return Ok(Err(resource.wrong("invalid", format!("Its request says that this is a {kind}"))));
        }
        self.add(sending, kind, &resource, (unless, full), urns).await?;
        Ok(Ok(()))
    }

    async fn add(
        &self,
        sending: &mut Sending,
        kind: &str,
        element: &Element<'_>,
        (unless, full): (Option<&str>, Option<&str>),
        urns: &HashMap<String, usize>,
    ) -> FhirResult<()> {
        let added = match kind {
            "Patient" => self.add_patient(sending, element, unless).await?,
            _ => self.add_observation(sending, element, (unless, full), urns).await?,
        };
        if let Err(issues) = added {
            sending.issues.extend(issues);
        }
        Ok(())
    }

    async fn add_patient(
        &self,
        sending: &mut Sending,
        element: &Element<'_>,
        unless: Option<&str>,
    ) -> FhirResult<Result<(), Vec<Issue>>> {
        let read = match patient::read(&self.base, element) {
            Ok(read) => read,
            Err(issues) => return Ok(Err(issues)),
        };
        let field = element.field("managingOrganization");
        let scope = match self.deployment(read.deployment, &field).await? {
            Ok(scope) => scope,
            Err(issue) => return Ok(Err(vec![issue])),
        };
        if let Some(query) = unless {
            let (system, value) = conditional(query, element)?;
            let own = read.identifiers.iter().find(|(known, _)| system.is_none() || system.as_ref() == Some(known));
            if own.is_none_or(|(_, known)| *known != value) || value != read.new.number {
                let text = "ifNoneExist must name the identifier that becomes the patient number";
                return Ok(Err(vec![element.field("identifier").wrong("business-rule", text)]));
            }
        }
        sending.order.push(Spot::Patient(sending.patients.len()));
        sending.patient_paths.push(element.path.clone());
        sending.patients.push(SentPatient { scope, new: read.new, unless_there: unless.is_some() });
        Ok(Ok(()))
    }

    async fn add_observation(
        &self,
        sending: &mut Sending,
        element: &Element<'_>,
        (unless, full): (Option<&str>, Option<&str>),
        urns: &HashMap<String, usize>,
    ) -> FhirResult<Result<(), Vec<Issue>>> {
        let read = match observation::read(&self.base, element, self.portal.now()) {
            Ok(read) => read,
            Err(issues) => return Ok(Err(issues)),
        };
        let subject = element.field("subject");
        let whose = match read.subject {
            Subject::Id(id) => Whose::Known(id),
            Subject::Sent(url) => match urns.get(&url) {
                Some(n) => Whose::Sent(*n),
                None => {
                    let issue =
                        subject.field("reference").wrong("not-found", "No Patient of this Bundle has this fullUrl");
                    return Ok(Err(vec![issue]));
                }
            },
            Subject::Number(deployment, number) => match self.deployment(deployment, &subject).await? {
                Ok(scope) => Whose::Numbered(scope, number),
                Err(issue) => return Ok(Err(vec![issue])),
            },
        };
        // What a sender calls by a URN of its own is the same when it comes again.
        let identifier = read.identifier.or_else(|| full.map(|url| format!("urn:ietf:rfc:3986|{url}")));
        if let Some(query) = unless {
            let (system, value) = conditional(query, element)?;
            let asked = format!("{}|{value}", system.unwrap_or_default());
            if identifier.as_ref() != Some(&asked) {
                let text = "ifNoneExist must name the first identifier of the Observation";
                return Ok(Err(vec![element.field("identifier").wrong("business-rule", text)]));
            }
        }
        sending.order.push(Spot::Entry(sending.entries.len()));
        sending.entry_paths.push(element.path.clone());
        let (module, measured, at) = (read.module, read.measured, read.at);
        sending.entries.push(SentEntry { whose, module, measured, at, identifier });
        Ok(Ok(()))
    }

    /// The deployment that something is for: the one that it names, or the only one that the caller reaches.
    async fn deployment(&self, named: Option<DeploymentId>, at: &Element<'_>) -> FhirResult<Result<Scope, Issue>> {
        let only = self.only_deployment();
        match (named, only) {
            (None, Some(scope)) => Ok(Ok(scope)),
            (None, None) => {
                let text = "This key works in several deployments. Name one: managingOrganization is Organization/dep-… for a Patient, \
                    and the identifier's system is that of the deployment's patient numbers for an Observation";
                Ok(Err(at.wrong("required", text)))
            }
            (Some(deployment), _) => match self.scope_of(deployment).await {
                Ok(scope) => Ok(Ok(scope)),
                Err(Error::NotFound) => Ok(Err(at.wrong("not-found", "There is no such deployment here"))),
                Err(other) => Err(other.into()),
            },
        }
    }

    async fn take_in(&self, sending: Sending) -> FhirResult<TakenIn> {
        if !sending.issues.is_empty() {
            return Err(Outcome::unfit(sending.issues));
        }
        let Sending { patients, entries, patient_paths, entry_paths, .. } = sending;
        let taken = actions::take_in(&self.portal, &self.caller, patients, entries).await;
        taken.map_err(|NotTaken { spot, error }| {
            let path = match spot {
                Some(Spot::Patient(n)) => patient_paths.get(n).cloned(),
                Some(Spot::Entry(n)) => entry_paths.get(n).map(|path| format!("{path}.subject")),
                None => None,
            };
            match (error, path) {
                // The address is there; what the resource names is not.
                (Error::NotFound, Some(path)) => {
                    Outcome::unfit(vec![Issue::at(path, "not-found", "There is no such patient here")])
                }
                (error, Some(path)) => Outcome::from(error).about(&path),
                (error, None) => error.into(),
            }
        })
    }
}

/// `identifier=system|value` of a conditional create.
fn conditional(query: &str, element: &Element<'_>) -> FhirResult<(Option<String>, String)> {
    let mut pairs = url::form_urlencoded::parse(query.trim_start_matches('?').as_bytes());
    let one = pairs.next().filter(|(name, _)| name == "identifier");
    let (Some((_, token)), None) = (one, pairs.next()) else {
        let text = "A conditional create is understood by identifier alone: identifier=system|value";
        return Err(Outcome::new(StatusCode::BAD_REQUEST, vec![element.wrong("not-supported", text)]));
    };
    Ok(match token.split_once('|') {
        Some((system, value)) if !system.is_empty() => (Some(system.to_owned()), value.to_owned()),
        Some((_, value)) => (None, value.to_owned()),
        None => (None, token.into_owned()),
    })
}

/// Which patient of a Bundle each `fullUrl` means: its place among the patients.
fn patients_by_url(entries: &[Element<'_>]) -> FhirResult<HashMap<String, usize>> {
    let (mut urns, mut n) = (HashMap::new(), 0);
    for entry in entries {
        let read = || Ok((entry.field("request").field("url").text()?, entry.field("fullUrl").text()?));
        let (url, full) = read().map_err(|issue: Issue| Outcome::unfit(vec![issue]))?;
        if url == Some("Patient") {
            if let Some(full) = full
                && urns.insert(full.to_owned(), n).is_some()
            {
                let issue = entry.field("fullUrl").wrong("duplicate", "Two patients of the Bundle have this fullUrl");
                return Err(Outcome::unfit(vec![issue]));
            }
            n += 1;
        }
    }
    Ok(urns)
}
