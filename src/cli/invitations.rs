//! `care-portal invitation`: what is pending, by the same actions as the page.

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
    invitations::{PendingRow, State, actions},
    outbox::life,
    types::InvitationId,
};

#[derive(Subcommand)]
pub(super) enum InvitationCommand {
    /// List the open invitations of a scope: address, role, state, reason, mail.
    List(PlaceArguments),
    /// Mail the same links again and restart their windows.
    Resend(Chosen),
    /// Approve held invitations: the acting person answers for them from now on.
    Approve(Chosen),
    /// Take invitations back; their links stop working at once.
    Delete(Chosen),
    /// Send an invitation to another address; every earlier link is dead.
    Correct(Correct),
}

#[derive(Args)]
pub(super) struct Chosen {
    #[command(flatten)]
    place: PlaceArguments,
    /// The invited addresses.
    #[arg(required = true)]
    emails: Vec<String>,
}

#[derive(Args)]
pub(super) struct Correct {
    #[command(flatten)]
    place: PlaceArguments,
    /// The address as it was invited.
    email: String,
    /// The right one.
    to: String,
}

pub(super) async fn run(config: Option<&Path>, command: InvitationCommand) -> Result<ExitCode> {
    match command {
        InvitationCommand::List(place) => list(&place, &place.open(config).await?).await,
        InvitationCommand::Resend(chosen) => {
            let (at, rows) = find(config, &chosen).await?;
            let done = actions::resend_invitations(&at.portal, &at.caller, at.scope, &ids(&rows)).await?;
            tell(&done, "Resent")
        }
        InvitationCommand::Approve(chosen) => {
            let (at, rows) = find(config, &chosen).await?;
            if let Some(other) = rows.iter().find(|row| row.invitation.state != State::Held) {
                let message = format!("{} is not held; resend it instead", other.invitation.email);
                return Err(Error::Conflict(message).into());
            }
            let done = actions::resend_invitations(&at.portal, &at.caller, at.scope, &ids(&rows)).await?;
            tell(&done, "Approved")
        }
        InvitationCommand::Delete(chosen) => {
            let (at, rows) = find(config, &chosen).await?;
            let done = actions::delete_invitations(&at.portal, &at.caller, at.scope, &ids(&rows)).await?;
            tell(&done, "Deleted")
        }
        InvitationCommand::Correct(correct) => {
            let at = correct.place.open(config).await?;
            let row = one(&at, &correct.email).await?;
            let id = row.invitation.id;
            let new = actions::correct_invitation(&at.portal, &at.caller, at.scope, id, &correct.to).await?;
            print(&format!("Corrected\t{}", new.email))
        }
    }
}

fn ids(rows: &[PendingRow]) -> Vec<InvitationId> {
    rows.iter().map(|row| row.invitation.id).collect()
}

async fn find(config: Option<&Path>, chosen: &Chosen) -> Result<(At, Vec<PendingRow>)> {
    let at = chosen.place.open(config).await?;
    let mut rows = Vec::with_capacity(chosen.emails.len());
    for email in &chosen.emails {
        rows.push(one(&at, email).await?);
    }
    Ok((at, rows))
}

/// The open invitation of this address; where there are several, the deployment must be named.
async fn one(at: &At, email: &str) -> Result<PendingRow, Error> {
    let query = actions::Query { search: email.to_owned(), ..actions::Query::default() };
    let found = actions::list_pending(&at.portal, &at.caller, at.scope, &query, 200).await?;
    let fits = |row: &PendingRow| row.invitation.email.as_str().eq_ignore_ascii_case(email);
    let mut fitting: Vec<_> = found.rows.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err(Error::field("email", format!("{email} has several invitations; name the --deployment")))
        }
        (None, _) => Err(Error::field("email", format!("{email} has no open invitation here"))),
    }
}

async fn list(place: &PlaceArguments, at: &At) -> Result<ExitCode> {
    let roles = access::role_names(at.portal.db.reader(), at.scope.organisation).await?;
    let now = at.portal.now();
    let mut query = actions::Query::default();
    let mut rows = Vec::new();
    loop {
        let page = actions::list_pending(&at.portal, &at.caller, at.scope, &query, 200).await?;
        rows.extend(page.rows);
        query.from = page.next;
        if query.from.is_none() {
            break;
        }
    }
    let state = |row: &PendingRow| {
        let expired = row.invitation.state == State::Pending && row.invitation.expires_at <= now;
        if expired { "expired" } else { row.invitation.state.key() }
    };
    if place.json {
        let open: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "id": row.invitation.id, "email": row.invitation.email.as_str(), "role": row.invitation.role.to_string(),
                    "scope": row.invitation.scope.to_string(), "state": state(row), "held_reason": row.held_reason,
                    "mail": row.delivery.state, "answer": row.delivery.answer, "tries": row.delivery.attempts,
                })
            })
            .collect();
        return print(&serde_json::to_string_pretty(&open)?);
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|row| {
            let key = row.invitation.role.to_string();
            let role = roles.get(&key).cloned().unwrap_or(key);
            let why = life::in_words(&row.delivery.state, &row.delivery.answer);
            [row.invitation.email.as_str(), &role, state(row), &row.held_reason, &why].join("\t")
        })
        .collect();
    print(&lines.join("\n"))
}

/// A line for each invitation.
fn tell(done: &actions::Done, word: &str) -> Result<ExitCode> {
    let good = done.done.iter().map(|(_, email)| format!("{word}\t{email}"));
    let bad = done.not_done.iter().map(|(_, email, reason)| format!("Refused\t{email}\t{reason}"));
    print(&good.chain(bad).collect::<Vec<_>>().join("\n"))?;
    Ok(status(!done.done.is_empty(), !done.not_done.is_empty()))
}
