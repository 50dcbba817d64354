//! Adding a patient by hand, and changing who they are. Whoever may not see identifiers gives none and changes none: theirs stay as they
//! are, whatever was posted.

use jiff::civil::Date;
use serde_json::json;

use super::insert_patients;
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Fields, Result},
    identity::actions::parse_phone,
    op::{Caller, Op},
    patients::{GENDERS, Identity, NewPatient, store},
    portal::Portal,
    types::{EmailAddress, PatientId, PersonName, Timestamp},
};

/// The longest number that a patient is known by.
const LONGEST_NUMBER: usize = 40;

/// A patient's form as it was typed.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Typed {
    /// What everybody knows them by.
    pub number: String,
    /// Full name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Telephone number.
    pub phone: String,
    /// A day.
    pub born_on: String,
    /// One of [`GENDERS`], or empty.
    pub gender: String,
    /// A day.
    pub surgery_on: String,
}

impl Typed {
    /// What was typed, read; every problem beside its field. Without `identifiers` those fields are not even looked at.
    fn read(&self, identifiers: bool, now: Timestamp) -> Result<NewPatient> {
        match self.read_what_can_be(identifiers, now) {
            (new, problems) if problems.is_empty() => Ok(new),
            (_, problems) => Err(Error::Invalid(problems)),
        }
    }

    /// The same for a row of a file: what cannot be read stays empty.
    pub fn read_what_can_be(&self, identifiers: bool, now: Timestamp) -> (NewPatient, Fields) {
        let mut problems = Fields::new();
        let mut keep = |field: &'static str, read: Result<String, String>| {
            read.unwrap_or_else(|problem| {
                problems.push((field, problem));
                String::new()
            })
        };
        let number = keep("number", read_number(&self.number));
        let identity = if identifiers {
            Identity {
                name: keep("name", read_name(&self.name)),
                email: keep("email", read_email(&self.email)),
                phone: keep("phone", parse_phone(&self.phone).map_err(str::to_owned)),
                born_on: keep("born_on", read_day(&self.born_on).and_then(|day| refuse_future(day, now))),
            }
        } else {
            Identity::default()
        };
        let gender = keep("gender", read_gender(&self.gender));
        let surgery_on = keep("surgery_on", read_day(&self.surgery_on));
        (NewPatient { number, identity, gender, surgery_on, labels: Vec::new() }, problems)
    }
}

fn read_number(text: &str) -> Result<String, String> {
    let number = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = |c: char| c.is_alphanumeric() || " -_./#".contains(c);
    match number.chars().count() {
        0 => Err("Enter the patient’s number.".to_owned()),
        n if n > LONGEST_NUMBER => Err("Use at most 40 characters for the number.".to_owned()),
        _ if !number.chars().all(plain) => Err("Use letters, digits, spaces and - _ . / # for the number.".to_owned()),
        _ => Ok(number),
    }
}

/// With one full stop at its end.
fn sentence(bad: &impl std::fmt::Display) -> String {
    format!("{}.", bad.to_string().trim_end_matches('.'))
}

/// A patient may be known by number only.
fn read_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    PersonName::parse(text).map(|name| name.as_str().to_owned()).map_err(|bad| sentence(&bad))
}

fn read_email(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    EmailAddress::parse(text).map(|email| email.as_str().to_owned()).map_err(|bad| sentence(&bad))
}

fn read_gender(text: &str) -> Result<String, String> {
    let known = text.is_empty() || GENDERS.iter().any(|(key, _)| *key == text);
    if known { Ok(text.to_owned()) } else { Err("Choose one of these, or leave it open.".to_owned()) }
}

/// A day as date fields send it, or nothing.
fn read_day(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    match text.parse::<Date>() {
        Ok(day) if (1880..=2200).contains(&day.year()) => Ok(day.to_string()),
        _ => Err("Write the day as year, month and day, such as 1948-03-09.".to_owned()),
    }
}

/// Somewhere it may be tomorrow already.
fn refuse_future(day: String, now: Timestamp) -> Result<String, String> {
    let tomorrow = Timestamp(now.0 + 24 * 3600 * 1000).to_jiff().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    if day.parse::<Date>().is_ok_and(|born| born > tomorrow) {
        return Err("The date of birth lies in the future.".to_owned());
    }
    Ok(day)
}

/// Adds one patient by hand.
///
/// # Errors
/// [`Error::Invalid`] beside each field that cannot be used; a taken number too.
pub async fn add_patient(portal: &Portal, caller: &Caller, scope: Scope, typed: &Typed) -> Result<PatientId> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManagePatientData, scope).await?;
    if scope.deployment.is_none() {
        return Err(Error::NotFound);
    }
    let identifiers = op.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    let new = typed.read(identifiers, op.now())?;
    let number = new.number.clone();
    let added = insert_patients(&op, &granted, vec![new]).await.map_err(|error| match error {
        Error::Conflict(_) => number_taken(&number),
        other => other,
    })?;
    let id = added.into_iter().next().ok_or_else(|| Error::internal("no patient was added"))?;
    op.record(Event::done("patient.added", id, scope, json!({})));
    op.commit().await?;
    Ok(id)
}

fn number_taken(number: &str) -> Error {
    Error::field("number", format!("The number {number} belongs to another patient of this deployment."))
}

/// Changes who a patient is, if nobody else has since the person saw `revision`. The event names the fields, never what stands in them.
///
/// # Errors
/// [`Error::Invalid`] beside each field that cannot be used; [`Error::Conflict`] when somebody else was quicker.
pub async fn change_profile(
    portal: &Portal,
    caller: &Caller,
    patient: PatientId,
    revision: i64,
    typed: &Typed,
) -> Result<Vec<&'static str>> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require_for(Permission::ManagePatientData, patient).await?;
    let scope = granted.scope();
    let identifiers = op.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    let before = store::kept(op.tx(), &granted, patient).await?.ok_or(Error::NotFound)?;
    let new = typed.read(identifiers, op.now())?;
    if before.revision != revision {
        return Err(Error::Conflict("Somebody else has changed this patient in the meantime".to_owned()));
    }
    let changed = differences(&before, &new, identifiers);
    if changed.is_empty() {
        return Ok(changed);
    }
    let renumbered = before.number.to_lowercase() != new.number.to_lowercase();
    if renumbered && !store::taken_numbers(op.tx(), &granted, std::slice::from_ref(&new.number)).await?.is_empty() {
        return Err(number_taken(&new.number));
    }
    let profile = store::NewProfile {
        number: &new.number,
        identity: identifiers.then_some(&new.identity),
        gender: &new.gender,
        surgery_on: &new.surgery_on,
    };
    if !store::write_profile(op.tx(), &granted, (patient, revision), &profile, op.now()).await? {
        return Err(Error::Conflict("Somebody else has changed this patient in the meantime".to_owned()));
    }
    let fields = json!({ "fields": changed.join(", ") });
    op.record(Event::done("patient.changed", patient, scope, fields));
    op.commit().await?;
    Ok(changed)
}

/// The names of the fields that differ.
fn differences(before: &store::Kept, new: &NewPatient, identifiers: bool) -> Vec<&'static str> {
    let open = [
        ("number", &before.number, &new.number),
        ("gender", &before.gender, &new.gender),
        ("surgery date", &before.surgery_on, &new.surgery_on),
    ];
    let hidden = [
        ("name", &before.name, &new.identity.name),
        ("e-mail", &before.email, &new.identity.email),
        ("telephone", &before.phone, &new.identity.phone),
        ("date of birth", &before.born_on, &new.identity.born_on),
    ];
    let hidden = hidden.into_iter().filter(|_| identifiers);
    open.into_iter().chain(hidden).filter(|(_, was, is)| was != is).map(|(name, ..)| name).collect()
}
