//! `care-portal batch`: what became of invitations that were sent together, and what can still be done with those who have not
//! answered, by the same actions as the page.

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
    invitations::{
        Became, Window,
        actions::{self, PendingChange, Tally},
    },
    outbox::life,
    types::{BatchId, Timestamp},
};

#[derive(Subcommand)]
pub(super) enum BatchCommand {
    /// Say how many invitations of a batch ended how.
    Show(One),
    /// Print the invitations of a batch: address, role, what became of it, why, and until when the link works.
    Rows(Rows),
    /// Mail the same links again to all who have not answered, and restart their windows.
    Resend(One),
    /// Change the role, or the time of the links, of all who have not answered.
    Change(Change),
    /// Take back everything that is still open; its links stop working at once.
    Undo(One),
}

#[derive(Args)]
pub(super) struct One {
    #[command(flatten)]
    place: PlaceArguments,
    /// The batch: bat_….
    batch: String,
}

#[derive(Args)]
pub(super) struct Rows {
    #[command(flatten)]
    one: One,
    /// Only those of which this became: joined, opened, delivered, on_its_way, not_delivered, expired, held, declined or deleted.
    #[arg(long)]
    became: Option<String>,
    /// Only those who have not answered.
    #[arg(long, conflicts_with = "became")]
    open: bool,
}

#[derive(Args)]
pub(super) struct Change {
    #[command(flatten)]
    one: One,
    /// Another role, by name or key: every earlier link is dead and a new one is mailed.
    #[arg(long, required_unless_present = "window", conflicts_with = "window")]
    role: Option<String>,
    /// Another time for the links, from now: 24h, 72h or 7d.
    #[arg(long)]
    window: Option<String>,
}

impl One {
    async fn open(&self, config: Option<&Path>) -> Result<(At, BatchId)> {
        let at = self.place.open(config).await?;
        Ok((at, self.batch.parse().map_err(|_| Error::NotFound)?))
    }
}

pub(super) async fn run(config: Option<&Path>, command: BatchCommand) -> Result<ExitCode> {
    match command {
        BatchCommand::Show(one) => {
            let (at, id) = one.open(config).await?;
            show(&at, id, one.place.json).await
        }
        BatchCommand::Rows(rows) => print_rows(config, &rows).await,
        BatchCommand::Resend(one) => {
            let (at, id) = one.open(config).await?;
            let tally = actions::resend_batch(&at.portal, &at.caller, at.scope, id).await?;
            tell(&tally, "resent", one.place.json)
        }
        BatchCommand::Change(change) => {
            let (at, id) = change.one.open(config).await?;
            let wanted = wanted(&at, &change).await?;
            let tally = actions::change_batch(&at.portal, &at.caller, at.scope, id, wanted).await?;
            tell(&tally, "changed", change.one.place.json)
        }
        BatchCommand::Undo(one) => {
            let (at, id) = one.open(config).await?;
            let undone = actions::undo_batch(&at.portal, &at.caller, at.scope, id).await?;
            if one.place.json {
                let json = serde_json::json!({ "deleted": undone.deleted, "joined": undone.joined });
                return print(&serde_json::to_string_pretty(&json)?);
            }
            let mut lines = vec![format!("{} deleted", undone.deleted)];
            lines.extend(undone.joined.iter().map(|email| format!("Still staff\t{email}")));
            print(&lines.join("\n"))
        }
    }
}

async fn wanted(at: &At, change: &Change) -> Result<PendingChange, Error> {
    let Some(role) = &change.role else {
        let window = change.window.as_deref().and_then(Window::from_key);
        return window.map(PendingChange::Window).ok_or_else(|| Error::field("window", "Use 24h, 72h or 7d"));
    };
    Ok(PendingChange::Role(at.role(role).await?))
}

async fn show(at: &At, id: BatchId, json: bool) -> Result<ExitCode> {
    let counts = actions::count_batch(&at.portal, &at.caller, at.scope, id).await?;
    if json {
        let counts: serde_json::Map<_, _> =
            counts.into_iter().map(|(became, n)| (became.key().to_owned(), n.into())).collect();
        return print(&serde_json::to_string_pretty(&serde_json::json!({ "batch": id, "counts": counts }))?);
    }
    let mut lines = vec![id.to_string()];
    lines.extend(counts.iter().map(|(became, n)| format!("{n}\t{}", became.word())));
    print(&lines.join("\n"))
}

async fn print_rows(config: Option<&Path>, rows: &Rows) -> Result<ExitCode> {
    let (at, id) = rows.one.open(config).await?;
    let unknown = || Error::field("became", "There is no such outcome");
    let became = rows.became.as_deref().map(|key| Became::from_key(key).ok_or_else(unknown)).transpose()?;
    let roles = access::role_names(at.portal.db.reader(), at.scope.organisation).await?;
    let mut from = None;
    let mut all = Vec::new();
    loop {
        let found = actions::list_batch(&at.portal, &at.caller, at.scope, id, became, from.as_ref(), 1_000).await?;
        all.extend(found.rows.into_iter().filter(|row| !rows.open || row.became.is_open()));
        from = found.next;
        if from.is_none() {
            break;
        }
    }
    if rows.one.place.json {
        let rows: Vec<_> = all
            .iter()
            .map(|row| {
                serde_json::json!({
                    "invitation": row.invitation.id, "email": row.invitation.email.as_str(),
                    "role": row.invitation.role.to_string(), "became": row.became.key(), "mail": row.mail_state,
                    "mail_answer": row.mail_answer, "expires_at": row.invitation.expires_at.to_rfc3339(),
                    "opened_at": row.invitation.opened_at.map(Timestamp::to_rfc3339),
                })
            })
            .collect();
        return print(&serde_json::to_string_pretty(&rows)?);
    }
    let lines = all.iter().map(|row| {
        let key = row.invitation.role.to_string();
        let role = roles.get(&key).cloned().unwrap_or(key);
        let why = if row.held_reason.is_empty() {
            life::in_words(&row.mail_state, &row.mail_answer)
        } else {
            row.held_reason.clone()
        };
        let until = row.invitation.expires_at.to_rfc3339();
        [row.invitation.email.as_str(), &role, row.became.word(), &why, &until].join("\t")
    });
    print(&lines.collect::<Vec<_>>().join("\n"))
}

fn tell(tally: &Tally, word: &str, json: bool) -> Result<ExitCode> {
    if json {
        let not_done: Vec<_> = tally
            .not_done
            .iter()
            .map(|(email, reason)| serde_json::json!({ "email": email, "reason": reason }))
            .collect();
        print(&serde_json::to_string_pretty(&serde_json::json!({ "done": tally.done, "not_done": not_done }))?)?;
    } else {
        let mut lines = vec![format!("{} {word}", tally.done)];
        lines.extend(tally.not_done.iter().map(|(email, reason)| format!("Not {word}\t{email}\t{reason}")));
        print(&lines.join("\n"))?;
    }
    Ok(status(tally.done > 0, !tally.not_done.is_empty()))
}
