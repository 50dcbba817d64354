//! `care-portal review`: access reviews, by the same actions as the page.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{place::PlaceArguments, print};
use crate::{
    access,
    reviews::{Mark, actions},
    types::Timestamp,
};

#[derive(Subcommand)]
pub(super) enum ReviewCommand {
    /// Say where the review of a scope stands.
    Show(PlaceArguments),
    /// Begin a review.
    Start(Start),
    /// Decide that people keep their access.
    Keep(Decide),
    /// Decide that people lose their access when the review is finished.
    Remove(Decide),
    /// Finish the review.
    Finish(PlaceArguments),
    /// Print everybody with access as CSV or JSON.
    Export(PlaceArguments),
}

#[derive(Args)]
pub(super) struct Start {
    #[command(flatten)]
    place: PlaceArguments,
    /// By when it should be done: a day such as 2026-12-31.
    #[arg(long)]
    due: String,
}

#[derive(Args)]
pub(super) struct Decide {
    #[command(flatten)]
    place: PlaceArguments,
    /// Their addresses.
    #[arg(required = true)]
    emails: Vec<String>,
}

pub(super) async fn run(config: Option<&Path>, command: ReviewCommand) -> Result<ExitCode> {
    match command {
        ReviewCommand::Show(place) => {
            let at = place.open(config).await?;
            let standing = actions::show_review(&at.portal, &at.caller, at.scope).await?;
            print(&match standing.open {
                Some((review, progress)) => format!(
                    "due {}\t{} of {} not decided\t{} kept\t{} to be removed",
                    review.due_at.to_rfc3339(),
                    progress.open(),
                    progress.total,
                    progress.keep,
                    progress.remove
                ),
                None => "No review is under way".to_owned(),
            })
        }
        ReviewCommand::Start(start) => {
            let at = start.place.open(config).await?;
            let due = at.end(&start.due).await?;
            print(&actions::start_review(&at.portal, &at.caller, at.scope, due).await?.to_string())
        }
        ReviewCommand::Keep(decide) => mark(config, &decide, Mark::Keep).await,
        ReviewCommand::Remove(decide) => mark(config, &decide, Mark::Remove).await,
        ReviewCommand::Finish(place) => {
            let at = place.open(config).await?;
            let changes = actions::finish_review(&at.portal, &at.caller, at.scope).await?;
            let removed = changes.done.iter().map(|(_, name)| format!("Removed\t{name}"));
            let left = changes.not_done.iter().map(|left| format!("Refused\t{}\t{}", left.name, left.reason()));
            print(&removed.chain(left).collect::<Vec<_>>().join("\n"))?;
            Ok(if changes.not_done.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(4) })
        }
        ReviewCommand::Export(place) => export(config, &place).await,
    }
}

async fn mark(config: Option<&Path>, decide: &Decide, mark: Mark) -> Result<ExitCode> {
    let at = decide.place.open(config).await?;
    let mut marks = Vec::with_capacity(decide.emails.len());
    for email in &decide.emails {
        marks.push((at.member(email).await?.membership, mark));
    }
    let decided = actions::mark_access(&at.portal, &at.caller, at.scope, &marks).await?;
    print(&format!("{decided} decided"))
}

async fn export(config: Option<&Path>, place: &PlaceArguments) -> Result<ExitCode> {
    let at = place.open(config).await?;
    let rows = actions::export_access(&at.portal, &at.caller, at.scope).await?;
    let roles = access::role_names(at.portal.db.reader(), at.scope.organisation).await?;
    let now = at.portal.now();
    let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339).unwrap_or_default();
    let heads =
        ["name", "email", "role", "scope", "joined", "last_seen", "dormant", "given_by", "access_until", "decision"];
    let cells = rows.iter().map(|row| {
        [
            row.name.clone(),
            row.email.clone(),
            roles.get(&row.role).cloned().unwrap_or_else(|| row.role.clone()),
            row.scope.to_string(),
            row.joined_at.to_rfc3339(),
            time(row.last_seen_at),
            row.is_dormant(now).to_string(),
            row.given_by.clone(),
            time(row.ends_at),
            row.mark.map_or("", Mark::key).to_owned(),
        ]
    });
    if place.json {
        let people: Vec<std::collections::BTreeMap<_, _>> = cells.map(|row| heads.iter().zip(row).collect()).collect();
        return print(&serde_json::to_string_pretty(&people)?);
    }
    let lines = cells.map(crate::web::csv::line);
    let bytes: Vec<u8> = std::iter::once(crate::web::csv::line(heads)).chain(lines).flatten().collect();
    print(String::from_utf8_lossy(&bytes).trim_end())
}
