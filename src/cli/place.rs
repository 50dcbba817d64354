//! Who acts and where: what every command about staff and access asks first.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::Args;

use crate::{
    access::{self, RoleKey, Scope},
    app,
    config::Config,
    error::Error,
    identity,
    op::Caller,
    portal::Portal,
    sites, staff,
    types::{Clock, Timestamp},
};

#[derive(Args)]
pub(super) struct PlaceArguments {
    /// The staff member in whose name; their own rights decide.
    #[arg(long = "as", value_name = "E-MAIL")]
    acting: String,
    /// The deployment, by name or as dep_…; where the acting person works when it is left out.
    #[arg(long)]
    deployment: Option<String>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// An open portal with somebody who acts in a scope of it.
pub(super) struct At {
    pub portal: Portal,
    pub caller: Caller,
    pub scope: Scope,
}

impl PlaceArguments {
    pub(super) async fn open(&self, config: Option<&Path>) -> Result<At> {
        let portal = app::open(Config::load(config)?, Clock::System).await?;
        let caller = identity::actions::act_from_terminal(&portal, &self.acting).await?;
        let scope = find_scope(&portal, &caller, self.deployment.as_deref()).await?;
        Ok(At { portal, caller, scope })
    }
}

/// The scope in which the acting person works.
pub(super) async fn find_scope(portal: &Portal, caller: &Caller, deployment: Option<&str>) -> Result<Scope, Error> {
    let actor = caller.actor()?;
    let first = actor.memberships.first().ok_or(Error::NotFound)?.scope;
    let Some(wanted) = deployment else { return Ok(first) };
    if wanted.starts_with("dep_") {
        return Ok(sites::actions::place_for(portal, actor, wanted).await?.scope);
    }
    let names = sites::actions::deployment_names(portal.db.reader(), first.organisation).await?;
    let found = names.into_iter().find(|(_, name)| name.eq_ignore_ascii_case(wanted));
    let (id, _) = found.ok_or_else(|| Error::field("deployment", format!("There is no deployment {wanted}")))?;
    Ok(Scope::deployment(first.organisation, id))
}

/// What became of several: 0 when all were done, 4 when only some, 3 when none.
pub(super) fn status(done: bool, not_done: bool) -> ExitCode {
    match (done, not_done) {
        (_, false) => ExitCode::SUCCESS,
        (true, true) => ExitCode::from(4),
        (false, true) => ExitCode::from(3),
    }
}

impl At {
    /// The role with this name or key.
    pub(super) async fn role(&self, wanted: &str) -> Result<RoleKey, Error> {
        if let Ok(key) = wanted.parse() {
            return Ok(key);
        }
        let roles = access::roles_of(self.portal.db.reader(), self.scope.organisation).await?;
        let found = roles.into_iter().find(|role| role.name.eq_ignore_ascii_case(wanted)).map(|role| role.key);
        found.ok_or_else(|| Error::field("role", format!("There is no role {wanted} here")))
    }

    /// A day or an instant, as the organisation understands it.
    pub(super) async fn end(&self, text: &str) -> Result<Timestamp, Error> {
        let place = sites::actions::place_of(self.portal.db.reader(), self.scope).await?;
        let wrong =
            || Error::field("until", "Write a day such as 2026-12-31, or an instant such as 2026-12-31T18:00:00Z");
        place.parse_end(text).ok_or_else(wrong)
    }

    /// The staff member of the scope with this address. Where one person is staff of several deployments, the deployment must
    /// be named.
    pub(super) async fn member(&self, email: &str) -> Result<staff::StaffMember, Error> {
        let query = staff::actions::Query { search: email.to_owned(), ..staff::actions::Query::default() };
        let found = staff::actions::list_staff(&self.portal, &self.caller, self.scope, &query, 200).await?;
        let mut fitting: Vec<_> = found.rows.into_iter().filter(|row| row.email.eq_ignore_ascii_case(email)).collect();
        match (fitting.pop(), fitting.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => {
                Err(Error::field("email", format!("{email} works in several places; name the --deployment")))
            }
            (None, _) => Err(Error::field("email", format!("{email} is not staff here"))),
        }
    }
}
