//! `care-portal role`: the organisation's own roles, by the same actions as the page.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{
    place::{At, PlaceArguments},
    print,
};
use crate::{
    access::{Permission, PermissionSet, RoleKey},
    error::Error,
    roles::{RoleDraft, RoleView, actions},
    types::RoleId,
};

#[derive(Subcommand)]
pub(super) enum RoleCommand {
    /// List the roles that exist in a scope: key, name, holders, permissions.
    List(PlaceArguments),
    /// Make a role.
    Add(Add),
    /// Rename a role or change its permissions. Says whom it affects and changes nothing without --yes.
    Change(Change),
    /// Delete a role. Says whom it affects and changes nothing without --yes.
    Delete(Delete),
}

#[derive(Args)]
pub(super) struct Add {
    #[command(flatten)]
    place: PlaceArguments,
    /// Its permissions, as keys separated by commas; view_patient_data comes by itself.
    #[arg(long, value_delimiter = ',')]
    permissions: Vec<String>,
    /// Its name.
    name: String,
}

#[derive(Args)]
pub(super) struct Change {
    #[command(flatten)]
    place: PlaceArguments,
    /// The new name.
    #[arg(long)]
    name: Option<String>,
    /// All permissions that it shall have, as keys separated by commas.
    #[arg(long, value_delimiter = ',')]
    permissions: Option<Vec<String>>,
    /// Do it.
    #[arg(long)]
    yes: bool,
    /// The role, by name or key.
    role: String,
}

#[derive(Args)]
pub(super) struct Delete {
    #[command(flatten)]
    place: PlaceArguments,
    /// The role that its holders and open invitations get instead, by name or key.
    #[arg(long)]
    replacement: Option<String>,
    /// Do it.
    #[arg(long)]
    yes: bool,
    /// The role, by name or key.
    role: String,
}

pub(super) async fn run(config: Option<&Path>, command: RoleCommand) -> Result<ExitCode> {
    match command {
        RoleCommand::List(place) => list(&place, &place.open(config).await?).await,
        RoleCommand::Add(add) => {
            let at = add.place.open(config).await?;
            let draft = RoleDraft { name: add.name, permissions: permissions(&add.permissions)? };
            let role = actions::create_role(&at.portal, &at.caller, at.scope, &draft).await?;
            print(&role.key.to_string())
        }
        RoleCommand::Change(change) => {
            let at = change.place.open(config).await?;
            let (id, view) = custom(&at, &change.role).await?;
            if !change.yes {
                return ask(&view, "change");
            }
            let draft = RoleDraft {
                name: change.name.unwrap_or(view.role.name),
                permissions: change.permissions.map_or(Ok(view.role.permissions), |keys| permissions(&keys))?,
            };
            actions::edit_role(&at.portal, &at.caller, at.scope, id, &draft, view.revision).await?;
            print(&format!("Changed\t{}\t{} affected", draft.name, view.affected.count()))
        }
        RoleCommand::Delete(delete) => {
            let at = delete.place.open(config).await?;
            let (id, view) = custom(&at, &delete.role).await?;
            if !delete.yes {
                return ask(&view, "delete");
            }
            let replacement = match &delete.replacement {
                Some(role) => Some(at.role(role).await?),
                None => None,
            };
            let affected =
                actions::delete_role(&at.portal, &at.caller, at.scope, id, replacement, view.revision).await?;
            print(&format!("Deleted\t{}\t{} affected", view.role.name, affected.count()))
        }
    }
}

fn permissions(keys: &[String]) -> Result<PermissionSet, Error> {
    keys.iter()
        .map(|key| {
            Permission::from_key(key).ok_or_else(|| {
                let known: Vec<_> = Permission::all().map(Permission::key).collect();
                Error::field("permissions", format!("There is no permission {key}; there are {}", known.join(", ")))
            })
        })
        .collect()
}

async fn custom(at: &At, role: &str) -> Result<(RoleId, RoleView), Error> {
    let RoleKey::Custom(id) = at.role(role).await? else {
        return Err(Error::Conflict("A default role cannot be changed; make a new role".to_owned()));
    };
    Ok((id, actions::show_role(&at.portal, &at.caller, at.scope, RoleKey::Custom(id)).await?))
}

/// Tells whom it affects; exit status 4, because nothing was done.
fn ask(view: &RoleView, what: &str) -> Result<ExitCode> {
    if let Some(locked) = &view.locked {
        eprintln!("{locked}");
        return Ok(ExitCode::from(3));
    }
    let mut lines =
        vec![format!("{} affected; run it again with --yes to {what} {}", view.affected.count(), view.role.name)];
    lines.extend(view.affected.names.iter().map(|(name, place)| format!("Person\t{name}\t{place}")));
    lines.extend(view.affected.addresses.iter().map(|address| format!("Invitation\t{address}")));
    print(&lines.join("\n"))?;
    Ok(ExitCode::from(4))
}

async fn list(place: &PlaceArguments, at: &At) -> Result<ExitCode> {
    let rows = actions::list_roles(&at.portal, &at.caller, at.scope).await?;
    let keys = |set: PermissionSet| set.iter().map(Permission::key).collect::<Vec<_>>();
    if place.json {
        let roles: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "key": row.role.key.to_string(), "name": row.role.name, "holders": row.holders,
                    "permissions": keys(row.role.permissions), "deployment": row.role.deployment,
                    "locked": row.locked.as_ref().map(ToString::to_string),
                })
            })
            .collect();
        return print(&serde_json::to_string_pretty(&roles)?);
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let permissions = keys(row.role.permissions).join(",");
            [row.role.key.to_string(), row.role.name.clone(), row.holders.to_string(), permissions].join("\t")
        })
        .collect();
    print(&lines.join("\n"))
}
