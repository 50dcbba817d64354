//! **Edit roles**: the list, a role's own page, a new role, and the way out of one.

mod delete;
mod edit;
pub mod form;
mod list;
pub mod new;

use axum::{Router, routing::get};

use super::{Affected, Locked, SHOWN_NAMES};
use crate::{
    access::{Refusal, Role},
    error::{Error, Result},
    portal::Portal,
    sites::{self, Place},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/roles", get(list::show).post(new::submit))
        .route("/{scope}/roles/new", get(new::show))
        .route("/{scope}/roles/{role}", get(edit::show).post(edit::submit))
        .route("/{scope}/roles/{role}/delete", get(delete::show).post(delete::submit))
}

/// A message of the summary above a form: the field's id, and the sentence.
pub type Problem = (&'static str, String);

/// What stood in the way, as messages beside fields; an error that no form can show goes on.
fn problems(error: Error) -> Result<Vec<Problem>> {
    let known = |(field, text)| match field {
        "name" => ("name", text),
        "replacement" => ("replacement", text),
        _ => ("permissions", text),
    };
    match error {
        Error::Invalid(fields) => Ok(fields.into_iter().map(known).collect()),
        Error::Forbidden(refusal) => Ok(vec![("permissions", format!("You cannot do this: {refusal}"))]),
        Error::Conflict(text) => Ok(vec![("name", text)]),
        other => Err(other),
    }
}

/// The message beside one field.
fn beside(problems: &[Problem], field: &str) -> Option<String> {
    problems.iter().find(|(id, _)| *id == field).map(|(_, text)| text.clone())
}

/// Where a role exists, in words.
async fn home_name(portal: &Portal, role: &Role, place: &Place) -> Result<String> {
    let names = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    Ok(sites::level(&names, role.deployment))
}

/// Why a role cannot be changed here, in words that say what to do instead.
fn reason(locked: &Locked, role: &Role) -> String {
    match locked {
        Locked::Default => {
            "It comes with the portal and is the same everywhere, so it cannot be changed. Copy it to a new role to change the copy.".to_owned()
        }
        Locked::Refused(Refusal::OwnRole(_)) => {
            "You hold this role yourself. Nobody changes or deletes their own role; ask a colleague who edits roles.".to_owned()
        }
        Locked::Refused(Refusal::OutOfScope) if role.deployment.is_none() => {
            "It belongs to the whole organisation, and you edit roles of this deployment only. Copy it to a new role for this deployment, or ask a colleague who edits the organisation's roles.".to_owned()
        }
        Locked::Refused(Refusal::Exceeds { permission, .. }) => {
            format!("It includes “{permission}”, which you may not hand to others. Ask a colleague who may.")
        }
        Locked::Refused(refusal) => format!("You cannot change this role: {refusal}."),
    }
}

fn people(n: u64) -> String {
    match n {
        0 => "Nobody".to_owned(),
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    }
}

fn permissions(n: usize) -> String {
    if n == 1 { "1 permission".to_owned() } else { format!("{n} permissions") }
}

/// Whom a change affects, for a page.
pub struct AffectedView {
    pub sentence: String,
    pub people: String,
    pub names: Vec<String>,
    pub more_names: u64,
    pub names_hidden: bool,
    pub invitations: u64,
    pub addresses: Vec<String>,
    pub more_addresses: u64,
    pub addresses_hidden: bool,
}

impl AffectedView {
    fn new(affected: &Affected) -> Self {
        let verb = if affected.people + affected.invitations == 1 { "is" } else { "are" };
        let more = |all: u64, shown: usize| if shown == 0 { 0 } else { all.saturating_sub(shown as u64) };
        debug_assert!(affected.names.len() <= SHOWN_NAMES);
        Self {
            sentence: format!("{} {verb} affected.", affected.count()),
            people: people(affected.people),
            names: affected.names.iter().map(|(name, place)| format!("{name}, {place}")).collect(),
            more_names: more(affected.people, affected.names.len()),
            names_hidden: affected.people > 0 && affected.names.is_empty(),
            invitations: affected.invitations,
            addresses: affected.addresses.clone(),
            more_addresses: more(affected.invitations, affected.addresses.len()),
            addresses_hidden: affected.invitations > 0 && affected.addresses.is_empty(),
        }
    }
}
