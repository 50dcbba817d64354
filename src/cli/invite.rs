//! `care-portal invite`: the same action as the page, for scripts and for those at home in a terminal.

use std::{path::Path, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;

use super::{place::find_scope, print};
use crate::{
    access::Scope,
    app,
    config::Config,
    error::Error,
    identity,
    invitations::{BatchAnswer, NewBatch, Window, actions, csv_file},
    op::Caller,
    portal::Portal,
    sites,
    types::Clock,
};

#[derive(Args)]
pub(super) struct InviteArguments {
    /// The deployment, by name or as dep_…; where the acting person works when it is left out.
    #[arg(long)]
    deployment: Option<String>,
    /// The role, by name or key.
    #[arg(long)]
    role: String,
    /// How long the links work: 24h, 72h or 7d.
    #[arg(long, default_value = "7d")]
    window: String,
    /// When the access that comes of it begins, if that is later than accepting: a day such as 2026-12-01, or an instant.
    #[arg(long)]
    access_from: Option<String>,
    /// When the access that comes of it ends by itself: a day such as 2026-12-31, or an instant.
    #[arg(long)]
    access_until: Option<String>,
    /// A CSV file with the addresses in its first column.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// The staff member in whose name to invite; their own rights decide.
    #[arg(long = "as", value_name = "E-MAIL")]
    acting: String,
    /// Send to addresses that look unusual as well.
    #[arg(long)]
    confirm: bool,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// A key of your own: the same key with the same list never sends twice.
    #[arg(long)]
    key: Option<String>,
    /// Why, or a ticket; goes into the access log.
    #[arg(long)]
    note: Option<String>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
    /// The addresses.
    addresses: Vec<String>,
}

pub(super) async fn run(config: Option<&Path>, arguments: InviteArguments) -> Result<ExitCode> {
    let portal = app::open(Config::load(config)?, Clock::System).await?;
    let caller = identity::actions::act_from_terminal(&portal, &arguments.acting).await?;
    let scope = find_scope(&portal, &caller, arguments.deployment.as_deref()).await?;
    let mut texts = arguments.addresses.clone();
    if let Some(path) = &arguments.csv {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let file = csv_file::read(&bytes, None).map_err(|bad| Error::field("csv", bad.to_string()))?;
        if file.guessed {
            eprintln!("{} was read as {}.", path.display(), file.encoding.label());
        }
        texts.extend(file.texts());
    }
    let checked = actions::check_addresses(&portal, &caller, scope, &texts).await?;
    if arguments.dry_run {
        return tell_check(&arguments, checked);
    }
    let confirmed = if arguments.confirm { checked.iter().map(|row| row.email.clone()).collect() } else { Vec::new() };
    let place = sites::actions::place_of(portal.db.reader(), scope).await?;
    let wrong =
        || Error::field("access-until", "Write a day such as 2026-12-31, or an instant such as 2026-12-31T18:00:00Z");
    let access_until =
        arguments.access_until.as_deref().map(|text| place.parse_end(text).ok_or_else(wrong)).transpose()?;
    let wrong_start = || Error::field("access-from", "Write a day such as 2026-12-01, or an instant");
    let access_from =
        arguments.access_from.as_deref().map(|text| place.parse_start(text).ok_or_else(wrong_start)).transpose()?;
    let batch = NewBatch {
        scope,
        role: find_role(&portal, &caller, scope, &arguments.role).await?,
        window: Window::from_key(&arguments.window).ok_or_else(|| Error::field("window", "Use 24h, 72h or 7d"))?,
        access_from,
        access_until,
        texts,
        confirmed,
        note: super::note(arguments.note.as_deref())?,
        request_key: arguments
            .key
            .as_ref()
            .map_or_else(|| portal.new_id::<crate::types::kind::Batch>().to_string(), |key| format!("terminal {key}")),
    };
    let bar = ProgressBar::new_spinner().with_message(format!("inviting {} people", batch.texts.len()));
    bar.enable_steady_tick(Duration::from_millis(100));
    let answer = actions::invite_staff(&portal, &caller, batch).await?;
    bar.finish_and_clear();
    tell(&arguments, &answer)
}

async fn find_role(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    wanted: &str,
) -> Result<crate::access::RoleKey, Error> {
    if let Ok(key) = wanted.parse() {
        return Ok(key);
    }
    let roles = actions::grantable_roles(portal, caller, scope).await?;
    let found = roles.into_iter().find(|role| role.name.eq_ignore_ascii_case(wanted)).map(|role| role.key);
    found.ok_or_else(|| {
        Error::field(
            "role",
            format!(
                "There is no role {wanted} that {} may give there",
                caller.actor().map_or("", |a| a.email.as_str())
            ),
        )
    })
}

fn tell_check(arguments: &InviteArguments, checked: Vec<crate::invitations::Checked>) -> Result<ExitCode> {
    if arguments.json {
        return print(&serde_json::to_string_pretty(&checked)?);
    }
    let lines: Vec<_> =
        checked.into_iter().map(|row| format!("{}\t{}\t{}", row.state_word, row.text, row.reason)).collect();
    print(&lines.join("\n"))
}

/// 0 when everybody was invited, 4 when only some, 2 when nobody.
fn tell(arguments: &InviteArguments, answer: &BatchAnswer) -> Result<ExitCode> {
    if arguments.json {
        print(&serde_json::to_string_pretty(answer)?)?;
    } else {
        let sent = answer.sent.iter().map(|row| format!("Sent\t{}", row.email));
        let not_sent = answer.not_sent.iter().map(|row| format!("{}\t{}\t{}", row.state.word(), row.text, row.reason));
        print(&sent.chain(not_sent).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(match (answer.sent.is_empty(), answer.not_sent.is_empty()) {
        (_, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(4),
        (true, false) => ExitCode::from(2),
    })
}
