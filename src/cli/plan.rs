//! `care-portal plan`: lists that are judged first and sent afterwards, by the same actions as the pages.

use std::{path::Path, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::{
    place::{At, PlaceArguments},
    print,
};
use crate::{
    access,
    error::Error,
    invitations::{
        Standing, Window, addresses,
        csv_file::columns::{self, Line},
    },
    plans::{Counts, Decision, Filter, NewPlan, Plan, State, actions},
    sites,
    types::{PlanId, Timestamp, kind},
};

#[derive(Subcommand)]
pub(super) enum PlanCommand {
    /// Make a plan of addresses or a csv file, and print its id. Nothing is sent.
    Make(Box<Make>),
    /// Print the plans.
    List(PlaceArguments),
    /// Say where a plan stands.
    Show(One),
    /// Print the rows of a plan.
    Rows(Rows),
    /// Decide about rows.
    Decide(Decide),
    /// Take the likelier spelling of addresses; those rows are judged anew.
    Suggest(Suggest),
    /// Send a plan; a second time goes on where the first stopped, and does nothing twice.
    Apply(One),
    /// Send a plan at a moment.
    Schedule(Schedule),
    /// Take the moment back.
    Unschedule(One),
    /// Delete a plan that was not sent.
    Delete(One),
}

#[derive(Args)]
pub(super) struct Make {
    #[command(flatten)]
    place: PlaceArguments,
    /// What people call it.
    #[arg(long, default_value = "")]
    title: String,
    /// Why, or a ticket; goes into the access log.
    #[arg(long)]
    note: Option<String>,
    /// The role of rows that name none, by name or key.
    #[arg(long, default_value = "")]
    role: String,
    /// How long the links work: 24h, 72h or 7d.
    #[arg(long, default_value = "7d")]
    window: String,
    /// When the access of rows that name no end ends: a day such as 2026-12-31, or an instant.
    #[arg(long)]
    access_until: Option<String>,
    /// A csv file; its columns are found by their headings.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// A key of your own: the same key with the same list makes one plan.
    #[arg(long)]
    key: Option<String>,
    /// The addresses.
    addresses: Vec<String>,
}

#[derive(Args)]
pub(super) struct One {
    #[command(flatten)]
    place: PlaceArguments,
    /// The plan: pln_….
    plan: String,
}

#[derive(Args)]
pub(super) struct Rows {
    #[command(flatten)]
    one: One,
    /// Only those that stand so: ready, look, staff, invited, refused or not_done.
    #[arg(long, default_value = "")]
    state: String,
}

#[derive(Args)]
pub(super) struct Decide {
    #[command(flatten)]
    one: One,
    /// send, skip, change_role or resend.
    decision: String,
    /// The rows' numbers.
    #[arg(required_unless_present = "state")]
    rows: Vec<i64>,
    /// In place of numbers: all that stand so.
    #[arg(long)]
    state: Option<String>,
}

#[derive(Args)]
pub(super) struct Suggest {
    #[command(flatten)]
    one: One,
    /// The rows' numbers.
    #[arg(required_unless_present = "domains")]
    rows: Vec<i64>,
    /// In place of numbers: all undecided rows in which only the part after the “@” changes.
    #[arg(long, conflicts_with = "rows")]
    domains: bool,
}

#[derive(Args)]
pub(super) struct Schedule {
    #[command(flatten)]
    one: One,
    /// The moment: 2026-12-02T07:00 by the organisation's clock, or an instant.
    #[arg(long)]
    at: String,
}

impl One {
    async fn open(&self, config: Option<&Path>) -> Result<(At, PlanId)> {
        let at = self.place.open(config).await?;
        Ok((at, self.plan.parse().map_err(|_| Error::NotFound)?))
    }
}

pub(super) async fn run(config: Option<&Path>, command: PlanCommand) -> Result<ExitCode> {
    match command {
        PlanCommand::Make(make) => make_plan(config, *make).await,
        PlanCommand::List(place) => list(config, &place).await,
        PlanCommand::Show(one) => {
            let (at, id) = one.open(config).await?;
            tell(&at, id, one.place.json).await
        }
        PlanCommand::Rows(rows) => print_rows(config, &rows).await,
        PlanCommand::Decide(decide) => {
            let (at, id) = decide.one.open(config).await?;
            let decision = Decision::from_key(&decide.decision).filter(|decision| *decision != Decision::Undecided);
            let decision = decision.ok_or_else(|| Error::field("decision", "Use send, skip, change_role or resend"))?;
            let found = match decide.state.as_deref().map(known_standing).transpose()? {
                Some(standing) => actions::Found::Standing(standing),
                None => actions::Found::Numbers(decide.rows),
            };
            let decided = actions::decide_rows(&at.portal, &at.caller, at.scope, id, &found, decision).await?;
            print(&format!("{decided} decided"))
        }
        PlanCommand::Suggest(suggest) => {
            let (at, id) = suggest.one.open(config).await?;
            let which =
                if suggest.domains { actions::Suggested::Domains } else { actions::Suggested::Rows(suggest.rows) };
            let taken = actions::take_suggestions(&at.portal, &at.caller, at.scope, id, &which).await?;
            print(&format!("{taken} corrected"))
        }
        PlanCommand::Apply(one) => apply(config, &one).await,
        PlanCommand::Schedule(schedule) => {
            let (at, id) = schedule.one.open(config).await?;
            let place = sites::actions::place_of(at.portal.db.reader(), at.scope).await?;
            let wrong = || Error::field("at", "Write a moment such as 2026-12-02T07:00");
            let moment = place.parse_moment(&schedule.at).ok_or_else(wrong)?;
            actions::schedule_plan(&at.portal, &at.caller, at.scope, id, moment).await?;
            tell(&at, id, schedule.one.place.json).await
        }
        PlanCommand::Unschedule(one) => {
            let (at, id) = one.open(config).await?;
            actions::unschedule_plan(&at.portal, &at.caller, at.scope, id).await?;
            tell(&at, id, one.place.json).await
        }
        PlanCommand::Delete(one) => {
            let (at, id) = one.open(config).await?;
            actions::delete_plan(&at.portal, &at.caller, at.scope, id).await?;
            print("Deleted")
        }
    }
}

fn known_standing(key: &str) -> Result<Standing, Error> {
    match Filter::from_key(key) {
        Some(Filter::Standing(standing)) => Ok(standing),
        _ => Err(Error::field("state", "Use ready, look, staff or invited")),
    }
}

async fn make_plan(config: Option<&Path>, make: Make) -> Result<ExitCode> {
    let at = make.place.open(config).await?;
    let place = sites::actions::place_of(at.portal.db.reader(), at.scope).await?;
    let typed = make.addresses.iter().flat_map(|text| addresses::split_list(text));
    let mut lines: Vec<Line> =
        typed.enumerate().map(|(n, text)| Line { number: n + 1, text, ..Line::default() }).collect();
    let mut unused = Vec::new();
    if let Some(path) = &make.csv {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let file = columns::read(&bytes, None).map_err(|bad| Error::field("csv", bad.to_string()))?;
        if file.guessed {
            eprintln!("{} was read as {}.", path.display(), file.encoding.label());
        }
        let typed = lines.len();
        lines.extend(file.lines.into_iter().map(|line| Line { number: typed + line.number, ..line }));
        unused = file.unused;
    }
    let wrong_end = || Error::field("access-until", "Write a day such as 2026-12-31, or an instant");
    let access_until = make.access_until.as_deref().map(|text| place.parse_end(text).ok_or_else(wrong_end));
    let fresh = || at.portal.new_id::<kind::Plan>().to_string();
    let new = NewPlan {
        scope: at.scope,
        title: make.title,
        note: super::note(make.note.as_deref())?,
        role: make.role,
        deployment: None,
        window: Window::from_key(&make.window).ok_or_else(|| Error::field("window", "Use 24h, 72h or 7d"))?,
        access_until: access_until.transpose()?,
        lines,
        unused: unused.clone(),
        request_key: make.key.map_or_else(fresh, |key| format!("terminal {key}")),
    };
    let id = actions::make_plan(&at.portal, &at.caller, new).await?;
    if !unused.is_empty() {
        eprintln!("These columns were not used: {}.", unused.join(", "));
    }
    tell(&at, id, make.place.json).await
}

async fn list(config: Option<&Path>, place: &PlaceArguments) -> Result<ExitCode> {
    let at = place.open(config).await?;
    let found = actions::list_plans(&at.portal, &at.caller, at.scope, None, 200).await?;
    if place.json {
        let plans: Vec<_> = found.rows.iter().map(|plan| as_json(plan, None)).collect();
        return print(&serde_json::to_string_pretty(&plans)?);
    }
    let line =
        |plan: &Plan| format!("{}\t{}\t{} of {}\t{}", plan.id, plan.state.word(), plan.done, plan.total, plan.title);
    print(&found.rows.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn as_json(plan: &Plan, counts: Option<Counts>) -> serde_json::Value {
    serde_json::json!({
        "id": plan.id, "title": plan.title, "state": plan.state.key(), "total": plan.total, "done": plan.done,
        "due_at": plan.due_at.filter(|_| plan.state == State::Scheduled),
        "waits_until": plan.waits_until(), "note": plan.note,
        "stopped_because": plan.stopped_because, "counts": counts,
    })
}

async fn tell(at: &At, id: PlanId, json: bool) -> Result<ExitCode> {
    let plan = actions::show_plan(&at.portal, &at.caller, at.scope, id).await?;
    let counts = actions::count_rows(&at.portal, &at.caller, at.scope, id).await?;
    if json {
        return print(&serde_json::to_string_pretty(&as_json(&plan, Some(counts)))?);
    }
    let mut lines = vec![format!("{}\t{}\t{}", plan.id, plan.state.word(), plan.title)];
    let Counts { ready, look, staff, invited, refused, .. } = counts;
    lines.push(format!(
        "{ready} ready\t{look} to look at again\t{staff} already staff\t{invited} already invited\t{refused} refused"
    ));
    match plan.state {
        State::Draft => lines.push(format!("Sending would: {}", counts.promise())),
        State::Scheduled => {
            let due = plan.due_at.map(Timestamp::to_rfc3339).unwrap_or_default();
            lines.push(format!("Will be sent at {due}: {}", counts.promise()));
        }
        State::Applying | State::Applied | State::Stopped | State::Deleted => {
            let Counts { sent, resent, changed, not_done, .. } = counts;
            lines.push(format!("{} of {} rows done", plan.done, plan.total));
            lines.push(format!("{sent} invited\t{resent} invited again\t{changed} roles changed\t{not_done} not done"));
        }
    }
    match plan.state {
        _ if plan.stopped_because.is_empty() => {}
        State::Applying => {
            let until = plan.waits_until().map(Timestamp::to_rfc3339).unwrap_or_default();
            lines.push(format!("Waits until {until} and goes on by itself: {}", plan.stopped_because));
        }
        _ => lines.push(format!("Stopped, because {}", plan.stopped_because)),
    }
    print(&lines.join("\n"))
}

async fn print_rows(config: Option<&Path>, rows: &Rows) -> Result<ExitCode> {
    let (at, id) = rows.one.open(config).await?;
    let filter = Filter::from_key(&rows.state).ok_or_else(|| Error::field("state", "There is no such state"))?;
    let roles = access::role_names(at.portal.db.reader(), at.scope.organisation).await?;
    let mut query = actions::Query { filter, ..actions::Query::default() };
    loop {
        let found = actions::list_rows(&at.portal, &at.caller, at.scope, id, &query, 1_000).await?;
        let lines = found.rows.iter().map(|row| {
            let role = roles.get(&row.role).cloned().unwrap_or_else(|| row.role.clone());
            let reason = if row.outcome_reason.is_empty() { &row.reason } else { &row.outcome_reason };
            [
                row.number.to_string(),
                row.standing.word().to_owned(),
                row.text.clone(),
                role,
                row.decision.key().to_owned(),
                row.outcome.word().to_owned(),
                reason.clone(),
            ]
            .join("\t")
        });
        print(&lines.collect::<Vec<_>>().join("\n"))?;
        query.from = found.next;
        if query.from.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// 0 when all was done that was to be done, 4 when only a part or when it waits, 3 when it was stopped.
async fn apply(config: Option<&Path>, one: &One) -> Result<ExitCode> {
    let (at, id) = one.open(config).await?;
    let plan = actions::start_plan(&at.portal, &at.caller, at.scope, id).await?;
    let bar = ProgressBar::new(plan.total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows") {
        bar.set_style(style);
    }
    let ended = actions::work_through(&at.portal, id, |progress| bar.set_position(progress.done)).await?;
    bar.finish_and_clear();
    tell(&at, id, one.place.json).await?;
    let counts = actions::count_rows(&at.portal, &at.caller, at.scope, id).await?;
    Ok(match ended.state {
        State::Stopped => ExitCode::from(3),
        State::Applying => ExitCode::from(4),
        _ if counts.not_done > 0 => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    })
}
