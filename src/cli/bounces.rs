//! `care-portal bounces`: returned mail by any way that a mail set-up knows, and where a provider reports it.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::{place::PlaceArguments, print};
use crate::{
    access::Origin,
    app,
    bounces::{Taken, actions, report},
    config::Config,
    portal::Portal,
    types::Clock,
};

#[derive(Subcommand)]
pub(super) enum BouncesCommand {
    /// Read returned mails (RFC 3464) and mark the mails that they speak of.
    Read(ReadArguments),
    /// Print the address to which a mail provider reports bounces; for an Admin of the whole organisation.
    Address(AddressArguments),
}

#[derive(Args)]
pub(super) struct AddressArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Make it anew first; the address before stops working at once.
    #[arg(long)]
    new: bool,
}

#[derive(Args)]
pub(super) struct ReadArguments {
    /// A file with one mail, a maildir (what is in `new` is read and then moved to `cur`), or - for standard input.
    from: PathBuf,
}

pub(super) async fn run(config: Option<&Path>, command: BouncesCommand) -> Result<ExitCode> {
    match command {
        BouncesCommand::Address(asked) => {
            let at = asked.place.open(config).await?;
            let organisation = at.scope.organisation;
            let address = if asked.new {
                actions::change_address(&at.portal, &at.caller, organisation).await?
            } else {
                actions::webhook_address(&at.portal, &at.caller, organisation).await?
            };
            print(&address)
        }
        BouncesCommand::Read(read) => {
            let portal = app::open(Config::load(config)?, Clock::System).await?;
            read_all(&portal, &read.from).await
        }
    }
}

async fn read_all(portal: &Portal, from: &Path) -> Result<ExitCode> {
    let mut told = Told::default();
    if from == Path::new("-") {
        let bytes = limited(std::io::stdin().lock()).context("reading standard input")?;
        told.take(portal, "standard input", &bytes).await?;
    } else if from.is_dir() {
        let new = from.join("new");
        let folder = fs::read_dir(&new).with_context(|| format!("{} is no maildir", from.display()))?;
        let mut files: Vec<_> = folder.collect::<Result<Vec<_>, _>>()?.into_iter().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            told.take(portal, &name, &open(&file)?).await?;
            let seen = from.join("cur").join(format!("{name}:2,S"));
            fs::rename(&file, &seen).with_context(|| format!("moving {} to {}", file.display(), seen.display()))?;
        }
    } else {
        told.take(portal, &from.display().to_string(), &open(from)?).await?;
    }
    told.print()
}

fn open(file: &Path) -> Result<Vec<u8>> {
    let opened = fs::File::open(file).with_context(|| format!("reading {}", file.display()))?;
    limited(opened).with_context(|| format!("reading {}", file.display()))
}

/// One byte more than is read, so that what is too long is known to be.
fn limited(source: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(report::LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[derive(Default)]
struct Told {
    taken: Taken,
    unreadable: Vec<String>,
}

impl Told {
    async fn take(&mut self, portal: &Portal, name: &str, bytes: &[u8]) -> Result<()> {
        match report::read(bytes) {
            Err(why) => self.unreadable.push(format!("Not read\t{name}\t{why}")),
            Ok(reports) => {
                let origin = Origin { address: "terminal".to_owned(), agent: String::new() };
                let taken = actions::take(portal, &origin, None, &reports).await?;
                self.taken.bounced += taken.bounced;
                self.taken.delayed += taken.delayed;
                self.taken.nothing_new += taken.nothing_new;
                self.taken.not_ours += taken.not_ours;
            }
        }
        Ok(())
    }

    /// A mailbox gets holiday notes and advertising too, so what is no report is told and is no failure.
    fn print(self) -> Result<ExitCode> {
        let Taken { bounced, delayed, nothing_new, not_ours } = self.taken;
        let mut lines = self.unreadable;
        for (word, n) in
            [("Bounced", bounced), ("Delayed", delayed), ("Nothing new", nothing_new), ("Not of this portal", not_ours)]
        {
            lines.push(format!("{word}\t{n}"));
        }
        print(&lines.join("\n"))
    }
}
