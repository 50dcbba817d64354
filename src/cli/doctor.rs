//! `care-portal doctor`: looks at everything the portal stands on, and says in a sentence each what is well and what to mend.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Result;
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use sea_orm::{ConnectionTrait, Statement};

use super::print;
use crate::{
    config::Config,
    db::Db,
    keys::load_or_make_root_key,
    outbox,
    types::{Clock, Rng, Timestamp},
};

/// A difference between the clocks of machine and database that expiry and second factors cannot bear.
const MOST_SKEW_MS: i64 = 5_000;
/// Before this the machine's clock was never set.
const RELEASED: Timestamp = Timestamp(1_767_225_600_000);

struct Report {
    lines: Vec<String>,
    faults: u32,
}

impl Report {
    fn add(&mut self, what: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(text) => self.lines.push(format!("well\t{what}\t{text}")),
            Err(text) => {
                self.faults += 1;
                self.lines.push(format!("MEND\t{what}\t{text}"));
            }
        }
    }
}

pub(super) async fn run(file: Option<&Path>) -> Result<ExitCode> {
    let mut report = Report { lines: Vec::new(), faults: 0 };
    match Config::load(file) {
        Err(error) => report.add("settings", Err(format!("{error:#}"))),
        Ok(config) => {
            report.add("settings", Ok(format!("public address {}", config.public_url)));
            report.add("root key", look_at_root_key(&config));
            look_at_database(&config, &mut report).await;
            look_at_mail(&config, &mut report).await;
        }
    }
    print(&report.lines.join("\n"))?;
    Ok(if report.faults == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Looks only: a missing key is made by the first start, and not at all where the database has accounts already.
fn look_at_root_key(config: &Config) -> Result<String, String> {
    let file = &config.root_key_file;
    if !file.exists() {
        return Ok(format!("{} is made on the first start", file.display()));
    }
    load_or_make_root_key(file, &Rng::System).map(|_| file.display().to_string()).map_err(|error| format!("{error:#}"))
}

async fn look_at_database(config: &Config, report: &mut Report) {
    let _ = std::fs::create_dir_all(&config.data_dir);
    let db = match Db::open(&config.database()).await {
        Ok(db) => db,
        Err(error) => return report.add("database", Err(format!("{error:#}"))),
    };
    report.add("database", db.version().await.map_err(|error| error.to_string()));
    let machine = Clock::System.now();
    let sql = if db.is_sqlite() {
        "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now"
    } else {
        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now"
    };
    let row = db.reader().query_one_raw(Statement::from_string(db.reader().get_database_backend(), sql)).await;
    let theirs = row.ok().flatten().and_then(|row| row.try_get::<i64>("", "now").ok());
    report.add("clock", judge_clock(machine, theirs));
    report.add("mail flow", look_at_flow(&db, machine).await);
}

/// Whether mails leave, as the serving process has found it.
async fn look_at_flow(db: &Db, now: Timestamp) -> Result<String, String> {
    let blocked = outbox::blocked_anywhere(db.reader(), now).await.map_err(|error| error.to_string())?;
    let Some(longest) = blocked.first() else { return Ok("no mail waits for a server that only fails".to_owned()) };
    let waiting: u64 = blocked.iter().map(|blocked| blocked.waiting).sum();
    Err(format!("mails only fail since {}, {waiting} wait; the mail server said: {}", longest.since, longest.answer))
}

fn judge_clock(machine: Timestamp, database: Option<i64>) -> Result<String, String> {
    let database = database.ok_or("the database does not tell the time")?;
    let skew = (machine.0 - database).abs();
    if machine < RELEASED {
        return Err(format!("this machine's clock says {machine}; set it"));
    }
    if skew > MOST_SKEW_MS {
        return Err(format!("this machine and the database are {} seconds apart; set both by NTP", skew / 1000));
    }
    Ok(machine.to_string())
}

async fn look_at_mail(config: &Config, report: &mut Report) {
    let Some(url) = &config.smtp_url else {
        return report
            .add("mail", Ok(format!("no mail server; mails are written to {}", config.mail_folder().display())));
    };
    let outcome = match AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose()) {
        Err(error) => Err(error.to_string()),
        Ok(builder) => match test_connection(builder.build()).await {
            Ok(true) => Ok("the mail server answers".to_owned()),
            Ok(false) => Err("the mail server does not answer as one".to_owned()),
            Err(text) => Err(format!("the mail server cannot be reached: {text}")),
        },
    };
    report.add("mail", outcome);
}

/// The library's own time limit covers connecting only.
async fn test_connection(smtp: AsyncSmtpTransport<Tokio1Executor>) -> Result<bool, String> {
    match tokio::time::timeout(Duration::from_secs(10), smtp.test_connection()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("it did not answer within ten seconds".to_owned()),
    }
}
