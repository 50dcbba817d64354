//! `care-portal staff`: who has access, and changing it, by the same actions as the page.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{
    place::{At, PlaceArguments, status},
    print,
};
use crate::{
    access,
    error::Error,
    staff::{self, Changes},
    types::{MembershipId, Timestamp},
};

#[derive(Subcommand)]
pub(super) enum StaffCommand {
    /// List the staff of a scope: address, name, role, place, access until.
    List(PlaceArguments),
    /// Give people another role.
    ChangeRole(ChangeRole),
    /// Let people's access end by itself at a day.
    AccessUntil(AccessUntil),
    /// Let access that was to begin later begin at once.
    BeginNow(People),
    /// End people's access at once, with their sessions and keys.
    Remove(People),
    /// Take a locked-out person's second factor away; they set up a new one at the next sign-in.
    ResetSecondFactor(ResetSecondFactor),
    /// Mail a locked-out person a link to choose a new password.
    SendPasswordLink(SendPasswordLink),
}

#[derive(Args)]
pub(super) struct ChangeRole {
    #[command(flatten)]
    place: PlaceArguments,
    /// The role that they get, by name or key.
    #[arg(long)]
    role: String,
    /// Their addresses.
    #[arg(required = true)]
    emails: Vec<String>,
}

#[derive(Args)]
pub(super) struct AccessUntil {
    #[command(flatten)]
    place: PlaceArguments,
    /// A day such as 2026-12-31 (all of it), an instant, or `never`.
    #[arg(long)]
    until: String,
    /// Their addresses.
    #[arg(required = true)]
    emails: Vec<String>,
}

#[derive(Args)]
pub(super) struct People {
    #[command(flatten)]
    place: PlaceArguments,
    /// Their addresses.
    #[arg(required = true)]
    emails: Vec<String>,
}

#[derive(Args)]
pub(super) struct ResetSecondFactor {
    #[command(flatten)]
    place: PlaceArguments,
    /// Why, and how you made sure who asks; the person and a colleague are told.
    #[arg(long)]
    reason: String,
    /// Their address.
    email: String,
}

#[derive(Args)]
pub(super) struct SendPasswordLink {
    #[command(flatten)]
    place: PlaceArguments,
    /// Their address.
    email: String,
}

pub(super) async fn run(config: Option<&Path>, command: StaffCommand) -> Result<ExitCode> {
    match command {
        StaffCommand::List(place) => list(&place, place.open(config).await?).await,
        StaffCommand::ChangeRole(change) => {
            let at = change.place.open(config).await?;
            let role = at.role(&change.role).await?;
            let ids = members(&at, &change.emails).await?;
            let changes = staff::actions::change_roles(&at.portal, &at.caller, at.scope, &ids, role).await?;
            tell(&change.place, &changes, "Changed")
        }
        StaffCommand::AccessUntil(change) => {
            let at = change.place.open(config).await?;
            let end = if change.until == "never" { None } else { Some(at.end(&change.until).await?) };
            let ids = members(&at, &change.emails).await?;
            let changes = staff::actions::set_ends(&at.portal, &at.caller, at.scope, &ids, end).await?;
            tell(&change.place, &changes, "Changed")
        }
        StaffCommand::BeginNow(begin) => {
            let at = begin.place.open(config).await?;
            let ids = members(&at, &begin.emails).await?;
            let changes = staff::actions::begin_now(&at.portal, &at.caller, at.scope, &ids).await?;
            tell(&begin.place, &changes, "Changed")
        }
        StaffCommand::Remove(remove) => {
            let at = remove.place.open(config).await?;
            let ids = members(&at, &remove.emails).await?;
            let changes = staff::actions::remove_from_team(&at.portal, &at.caller, at.scope, &ids).await?;
            tell(&remove.place, &changes, "Removed")
        }
        StaffCommand::ResetSecondFactor(reset) => {
            let at = reset.place.open(config).await?;
            let id = at.member(&reset.email).await?.membership;
            let done = staff::actions::reset_second_factor(&at.portal, &at.caller, at.scope, id, &reset.reason).await?;
            if reset.place.json {
                let told = serde_json::json!({ "name": done.name, "also_told": done.witness });
                return print(&serde_json::to_string_pretty(&told)?);
            }
            let told = done.witness.unwrap_or_else(|| "nobody else".to_owned());
            print(&format!("Reset\t{}\talso told: {told}", done.name))
        }
        StaffCommand::SendPasswordLink(send) => {
            let at = send.place.open(config).await?;
            let id = at.member(&send.email).await?.membership;
            let name = staff::actions::send_reset_link(&at.portal, &at.caller, at.scope, id).await?;
            if send.place.json {
                return print(&serde_json::to_string_pretty(&serde_json::json!({ "name": name }))?);
            }
            print(&format!("Sent\t{name}"))
        }
    }
}

async fn members(at: &At, emails: &[String]) -> Result<Vec<MembershipId>, Error> {
    let mut ids = Vec::with_capacity(emails.len());
    for email in emails {
        ids.push(at.member(email).await?.membership);
    }
    Ok(ids)
}

async fn list(place: &PlaceArguments, at: At) -> Result<ExitCode> {
    let roles = access::role_names(at.portal.db.reader(), at.scope.organisation).await?;
    let mut query = staff::actions::Query::default();
    let mut rows = Vec::new();
    loop {
        let page = staff::actions::list_staff(&at.portal, &at.caller, at.scope, &query, 200).await?;
        rows.extend(page.rows);
        query.from = page.next;
        if query.from.is_none() {
            break;
        }
    }
    let until = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339);
    let role = |key: &String| roles.get(key).cloned().unwrap_or_else(|| key.clone());
    if place.json {
        let people: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "membership": row.membership, "account": row.account, "email": row.email, "name": row.name,
                    "role": row.role, "scope": row.scope.to_string(), "access_from": until(row.starts_at),
                    "access_until": until(row.ends_at),
                })
            })
            .collect();
        return print(&serde_json::to_string_pretty(&people)?);
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let mut end = until(row.ends_at).unwrap_or_else(|| "no end".to_owned());
            if let Some(start) = until(row.starts_at.filter(|start| *start > at.portal.now())) {
                end = format!("begins {start}, {end}");
            }
            [row.email.clone(), row.name.clone(), role(&row.role), row.scope.to_string(), end].join("\t")
        })
        .collect();
    print(&lines.join("\n"))
}

/// A line for each person.
fn tell(place: &PlaceArguments, changes: &Changes, word: &str) -> Result<ExitCode> {
    if place.json {
        let done: Vec<_> = changes.done.iter().map(|(id, name)| serde_json::json!([id, name])).collect();
        let not: Vec<_> = changes
            .not_done
            .iter()
            .map(|left| serde_json::json!([left.membership, left.name, left.reason()]))
            .collect();
        print(&serde_json::to_string_pretty(&serde_json::json!({ "done": done, "not_done": not }))?)?;
    } else {
        let done = changes.done.iter().map(|(_, name)| format!("{word}\t{name}"));
        let not = changes.not_done.iter().map(|left| format!("Refused\t{}\t{}", left.name, left.reason()));
        print(&done.chain(not).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(status(!changes.done.is_empty(), !changes.not_done.is_empty()))
}
