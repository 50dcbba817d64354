//! A made-up hospital for the demonstration: made by the portal's own actions under a clock that is turned back, so that
//! everything in it could really have happened.

pub mod authenticator;
mod fill;
mod hospital;
pub mod mailbox;
mod patients;
mod physiology;

use crate::{access::DefaultRole, error::Result, identity, portal::Portal, types::EmailAddress};

pub use fill::fill;

/// One password for everybody; it is printed and belongs to nobody real.
pub const PASSWORD: &str = "northfield-demo-2026";

/// Whether the hospital is there already.
///
/// # Errors
/// When the database fails.
pub async fn is_filled(portal: &Portal) -> Result<bool> {
    let last = hospital::people().pop().map(|person| person.email()).unwrap_or_default();
    let Ok(email) = EmailAddress::parse(&last) else { return Ok(false) };
    Ok(identity::actions::find_account(portal.db.reader(), &email).await?.is_some())
}

/// One account of each role and level: role, e-mail, password, level.
///
/// # Errors
/// When the database fails.
pub async fn accounts(portal: &Portal) -> Result<Vec<[String; 4]>> {
    let mut lines: Vec<[String; 4]> = Vec::new();
    for person in hospital::people() {
        let role = person.role.name().to_owned();
        let level = person.deployment.unwrap_or("organisation").to_owned();
        let known = |line: &[String; 4]| line[0] == role && (line[3] == "organisation") == (level == "organisation");
        let Ok(email) = EmailAddress::parse(&person.email()) else { continue };
        if !lines.iter().any(known) && identity::actions::find_account(portal.db.reader(), &email).await?.is_some() {
            lines.push([role, person.email(), PASSWORD.to_owned(), level]);
        }
    }
    Ok(lines)
}

/// A role of the made-up hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoRole {
    /// One of the five.
    Default(DefaultRole),
    /// One of its own, by its place in the list.
    Own(usize),
}

impl DemoRole {
    fn name(self) -> &'static str {
        match self {
            Self::Default(role) => role.name(),
            Self::Own(n) => hospital::OWN_ROLES.get(n).map_or("", |role| role.0),
        }
    }
}
