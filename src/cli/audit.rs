//! `care-portal audit`: proves that the access log is what was written, and reads it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use super::print;
use crate::{
    app,
    audit::{
        actions::{self, Asked},
        chain::hex,
        checkpoint::PublicKeys,
        export,
        verify::{self, Against, Fault, Report},
        view::Line,
    },
    config::Config,
    db::Db,
    error::Error,
    identity,
    keys::{Keys, load_or_make_root_key},
    sites,
    types::{Clock, Rng},
};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Look for anything that was changed, deleted or put in behind the portal's back.
    Verify(VerifyArguments),
    /// Print what happened, newest first.
    List(ListArguments),
    /// Print the public key that checks the signatures of checkpoints.
    Key,
}

#[derive(Args)]
pub(super) struct VerifyArguments {
    /// A checkpoint file; may be given more than once. The portal's own when it is left out.
    #[arg(long = "checkpoints", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// A process log that has checkpoints among its lines; may be given more than once.
    #[arg(long = "log", value_name = "FILE")]
    logs: Vec<PathBuf>,
    /// A public key as `audit key` prints it, instead of the root key; may be given more than once.
    #[arg(long = "public-key", value_name = "KEY")]
    keys: Vec<String>,
}

#[derive(Args)]
pub(super) struct ListArguments {
    /// The staff member in whose name to read; needs “View access log”.
    #[arg(long = "as", value_name = "E-MAIL")]
    acting: String,
    /// The deployment, as dep_…; where the acting person works when it is left out.
    #[arg(long)]
    deployment: Option<String>,
    /// Only what this person did, or what was done to them: a part of the name or e-mail, or acc_….
    #[arg(long, default_value = "")]
    person: String,
    /// Only these actions: invitations, staff, roles, reviews, signing-in, organisation, access, or one such as invitation.sent.
    #[arg(long, default_value = "")]
    action: String,
    /// The first day, such as 2026-03-29.
    #[arg(long, default_value = "")]
    from: String,
    /// The last day.
    #[arg(long, default_value = "")]
    to: String,
    /// Only what was done, or only what was refused.
    #[arg(long, default_value = "")]
    outcome: String,
    /// A part of the reason or ticket for which it was done.
    #[arg(long, default_value = "")]
    note: String,
    /// At most so many.
    #[arg(long, default_value_t = 1_000)]
    most: usize,
    /// Print each event as a line of JSON, with its hash.
    #[arg(long)]
    json: bool,
}

/// The log was changed.
const CHANGED: u8 = 5;
/// Something should be looked at.
const LOOK: u8 = 6;

pub(super) async fn run(file: Option<&Path>, command: AuditCommand) -> Result<ExitCode> {
    let config = Config::load(file)?;
    match command {
        AuditCommand::Verify(arguments) => verify(&config, arguments).await,
        AuditCommand::List(arguments) => list(config, arguments).await,
        AuditCommand::Key => print(&own_key(&config)?.texts().join("\n")),
    }
}

/// Needs the root key, and never makes one.
fn own_key(config: &Config) -> Result<PublicKeys> {
    let file = &config.root_key_file;
    ensure!(file.exists(), "there is no root key at {}; name the public key with --public-key", file.display());
    let root = load_or_make_root_key(file, &Rng::System)?;
    Ok(PublicKeys::of(&Keys::derive(root.expose())))
}

async fn verify(config: &Config, arguments: VerifyArguments) -> Result<ExitCode> {
    let mut keys = PublicKeys::default();
    for text in &arguments.keys {
        if !keys.add(text) {
            return Err(Error::field("public-key", format!("{text} is no public key; `audit key` prints one")).into());
        }
    }
    if arguments.keys.is_empty() {
        keys = own_key(config)?;
    }
    let none_named = arguments.files.is_empty() && arguments.logs.is_empty();
    let files = if none_named { vec![config.checkpoint_file.clone()] } else { arguments.files };
    let address = config.database();
    if let Some(path) = address.strip_prefix("sqlite://") {
        // Opening would make an empty one.
        ensure!(Path::new(path).exists(), "there is no database at {path}");
    }
    let db = Db::connect(&address).await?;
    let against = Against { keys, files, logs: arguments.logs, now: Clock::System.now() };
    let report = verify::verify(&db, &against).await.context("reading the access log")?;
    tell(&report)
}

fn tell(report: &Report) -> Result<ExitCode> {
    let mut lines = Vec::new();
    for (n, fault) in report.faults.iter().enumerate() {
        lines.push(format!("{}\t{}", if n == 0 { "CHANGED" } else { "also" }, sentence(fault)));
    }
    lines.extend(report.notices.iter().map(|text| format!("LOOK\t{text}")));
    lines.extend(report.remarks.iter().map(|text| format!("note\t{text}")));
    lines.push(format!(
        "{}\t{} events, {} seals made again, {} events not sealed yet, {} checkpoints",
        if report.faults.is_empty() { "well" } else { "counts" },
        report.events,
        report.checked,
        report.waiting,
        report.checkpoints
    ));
    if let Some(newest) = &report.newest {
        lines.push(format!(
            "newest\tcheckpoint of sequence {} at {}, hash {}",
            newest.seq,
            newest.time,
            hex(&newest.hash)
        ));
    }
    print(&lines.join("\n"))?;
    Ok(match (report.faults.is_empty(), report.notices.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(LOOK),
        (false, _) => ExitCode::from(CHANGED),
    })
}

/// "sequence 12, evt_…: its event is gone".
fn sentence(fault: &Fault) -> String {
    let mut place = Vec::new();
    match (fault.seq, fault.since) {
        (Some(seq), Some(since)) => place.push(format!("sequence {seq} (changed there, or somewhere from {since} on)")),
        (Some(seq), None) => place.push(format!("sequence {seq}")),
        (None, _) => {}
    }
    place.extend(fault.event.map(|event| event.to_string()));
    if place.is_empty() { fault.what.clone() } else { format!("{}: {}", place.join(", "), fault.what) }
}

async fn list(config: Config, arguments: ListArguments) -> Result<ExitCode> {
    let portal = app::open(config, Clock::System).await?;
    let caller = identity::actions::act_from_terminal(&portal, &arguments.acting).await?;
    let actor = caller.actor()?;
    let place = match &arguments.deployment {
        Some(id) => sites::actions::place_for(&portal, actor, id).await?,
        None => {
            let first = actor.memberships.first().ok_or(Error::NotFound)?.scope;
            sites::actions::place_of(portal.db.reader(), first).await?
        }
    };
    let asked = Asked {
        person: arguments.person,
        action: arguments.action,
        since: arguments.from,
        until: arguments.to,
        outcome: arguments.outcome,
        note: arguments.note,
    };
    let filter = actions::read_filter(&portal, &caller, &place, &asked).await?;
    let (mut left, mut from) = (arguments.most, None);
    while left > 0 {
        let size = left.min(500);
        let page = actions::list_events(&portal, &caller, place.scope, &filter, from.as_ref(), size).await?;
        left -= page.rows.len();
        let lines: Vec<_> = page
            .rows
            .iter()
            .map(|line| if arguments.json { export::json_of(line).to_string() } else { text_line(line) })
            .collect();
        if !lines.is_empty() {
            print(&lines.join("\n"))?;
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text_line(line: &Line) -> String {
    let outcome = if line.refused { "refused" } else { "done" };
    let reason = line.reason.as_deref().unwrap_or_default();
    format!("{}\t{outcome}\t{}\t{}\t{}\t{reason}", line.at, line.place, line.origin, line.sentence)
}
