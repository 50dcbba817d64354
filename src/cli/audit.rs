//! `care-portal audit`: proves that the access log is what was written, and reads it.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};

use super::print;
use crate::{
    audit::{
        chain::hex,
        checkpoint::PublicKeys,
        verify::{self, Against, Fault, Report},
    },
    config::Config,
    db::Db,
    error::Error,
    keys::{Keys, load_or_make_root_key},
    types::{Clock, Rng},
};

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Look for anything that was changed, deleted or put in behind the portal's back.
    Verify(VerifyArguments),
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

/// The log was changed.
const CHANGED: u8 = 5;
/// Something should be looked at.
const LOOK: u8 = 6;

pub(super) async fn run(file: Option<&Path>, command: AuditCommand) -> Result<ExitCode> {
    let config = Config::load(file)?;
    match command {
        AuditCommand::Verify(arguments) => verify(&config, arguments).await,
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
