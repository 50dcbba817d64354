//! Making a plan: every row is judged, and nothing is sent.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use serde_json::json;

use super::sense::{Meant, Sense};
use crate::{
    access::{Granted, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    invitations::{
        Checked, Found, Standing,
        actions::{Judge, colleagues, refuse_without_reason},
        csv_file::columns::Line,
        parse_note,
    },
    op::{Caller, Op},
    plans::{Decision, MOST_ROWS, NewPlan, Outcome, Plan, Row, State, store},
    portal::Portal,
    types::{Mailbox, PlanId, sha256},
};

/// How many lines are judged at once: this bounds what is held of the database's answers.
const AT_ONCE: usize = 2_000;
/// How much of what was typed a row shows.
const LONGEST_SHOWN: usize = 320;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 100;

/// Makes a plan and gives its id. The same key and content again give the same plan.
///
/// # Errors
/// When the caller may not invite there, the list is empty or too long, or the key was used for another one.
pub async fn make_plan(portal: &Portal, caller: &Caller, mut new: NewPlan) -> Result<PlanId> {
    caller.scope(portal, Permission::InviteStaff, new.scope).await?;
    refuse_unusable(portal, &mut new)?;
    refuse_without_reason(portal.db.reader(), new.scope, &new.note).await?;
    let (maker, hash) = (caller.actor()?.account, content_hash(&new));
    if let Some(known) = store::find_by_key(portal.db.reader(), maker, &new.request_key).await? {
        return same(known, &hash);
    }
    let granted = caller.actor()?.grant(Permission::InviteStaff, new.scope)?;
    // Judging takes a while and holds no lock: sending judges again.
    let lines = std::mem::take(&mut new.lines);
    let (rows, sense) = judge_lines(portal, &granted, &new, lines).await?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, new.scope).await?;
    if let Some(known) = store::find_by_key(op.tx(), maker, &new.request_key).await? {
        return same(known, &hash);
    }
    let plan = Plan {
        id: op.new_id(),
        scope: new.scope,
        title: new.title,
        note: new.note,
        made_by: maker,
        made_at: op.now(),
        window: new.window,
        unused: new.unused,
        state: State::Draft,
        total: rows.len() as u64,
        done: 0,
        sender: None,
        sender_via: String::new(),
        due_at: None,
        started_at: None,
        finished_at: None,
        stopped_because: String::new(),
    };
    store::insert(op.tx(), &granted, &plan, &new.request_key, hash).await?;
    store::insert_rows(op.tx(), &granted, plan.id, rows.into_iter()).await?;
    op.because(&plan.note);
    for (role, scope, reason) in sense.refusals() {
        let detail = json!({ "role": role.to_string(), "reason": reason, "plan": plan.id });
        op.record(Event::refused("invitation.refused", scope, Some(scope), detail));
    }
    op.record(Event::done("plan.made", plan.id, plan.scope, json!({ "rows": plan.total, "title": plan.title })));
    op.commit().await?;
    Ok(plan.id)
}

fn refuse_unusable(portal: &Portal, new: &mut NewPlan) -> Result<()> {
    let mut wrong = Vec::new();
    if new.lines.is_empty() {
        wrong.push(("addresses", "Enter at least one e-mail address, or choose a file".to_owned()));
    }
    if new.lines.len() > MOST_ROWS {
        let text = format!("These are {} rows; one plan takes at most {MOST_ROWS}", new.lines.len());
        wrong.push(("addresses", text));
    }
    if new.window.length(portal.now()).is_none() {
        wrong.push(("window", "Choose a day within the next 30 days".to_owned()));
    }
    if new.access_until.is_some_and(|end| end <= portal.now()) {
        wrong.push(("access_until", "Choose a day in the future for the end of the access".to_owned()));
    }
    let title: String = new.title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.chars().count() > LONGEST_TITLE || title.chars().any(char::is_control) {
        wrong.push(("title", format!("Give the plan a name of at most {LONGEST_TITLE} plain characters")));
    }
    match parse_note(&new.note) {
        Ok(note) => new.note = note,
        Err(text) => wrong.push(("note", text)),
    }
    new.title = title;
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

fn same((known, id): (Vec<u8>, PlanId), hash: &[u8]) -> Result<PlanId> {
    if known == hash { Ok(id) } else { Err(Error::Conflict("This key was used for another list already".to_owned())) }
}

/// What makes two requests with the same key the same request.
fn content_hash(new: &NewPlan) -> Vec<u8> {
    let lines: Vec<_> = new
        .lines
        .iter()
        .map(|line| [&line.text, &line.name, &line.role, &line.deployment, &line.from, &line.until, &line.note])
        .collect();
    let content = json!([
        new.scope.to_string(),
        new.title,
        new.note,
        new.role,
        new.deployment,
        new.window.to_text(),
        new.access_until,
        lines
    ]);
    sha256("plan v1", content.to_string().as_bytes())
}

/// Judges all lines, a part of them at a time.
async fn judge_lines(portal: &Portal, granted: &Granted, new: &NewPlan, lines: Vec<Line>) -> Result<(Vec<Row>, Sense)> {
    let (db, now) = (portal.db.reader(), portal.now());
    let mut sense = Sense::read(db, new, now).await?;
    if !new.role.trim().is_empty() && sense.default_role().is_none() {
        return Err(Error::field("role", "Choose a role from the list"));
    }
    if !new.scope.covers(&sense.default_scope()) {
        return Err(Error::field("deployment", "Choose a deployment from the list"));
    }
    let colleagues = colleagues(db, new.scope).await?;
    let mut judges: HashMap<Scope, Judge> = HashMap::new();
    let mut seen: HashMap<(Scope, String), usize> = HashMap::new();
    let mut rows = Vec::with_capacity(lines.len());
    let mut lines = lines.into_iter().peekable();
    while lines.peek().is_some() {
        let part: Vec<_> = lines
            .by_ref()
            .take(AT_ONCE)
            .map(|line| {
                let meant = sense.understand(&line, granted);
                (line, meant)
            })
            .collect();
        look_up(db, &mut judges, &colleagues, &part, now, portal.config.mails_per_recipient).await?;
        for (line, meant) in part {
            rows.push(judge_one(line, meant, sense.default_scope(), &judges, &mut seen));
        }
    }
    Ok((rows, sense))
}

/// Asks, for each place that the lines name, who of them is there already.
async fn look_up(
    db: &impl sea_orm::ConnectionTrait,
    judges: &mut HashMap<Scope, Judge>,
    colleagues: &std::sync::Arc<crate::invitations::addresses::ColleagueIndex>,
    part: &[(Line, Result<Meant, String>)],
    now: crate::types::Timestamp,
    most: u8,
) -> Result<()> {
    let understood = || part.iter().filter_map(|(_, meant)| meant.as_ref().ok());
    let scopes: HashSet<Scope> = understood().map(|meant| meant.scope).collect();
    for scope in scopes {
        let judge = match judges.entry(scope) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(Judge::of(db, scope, colleagues.clone(), now, most).await?),
        };
        let here: Vec<&Mailbox> =
            understood().filter(|meant| meant.scope == scope).map(|meant| &meant.mailbox).collect();
        judge.look_up(db, here.into_iter()).await?;
    }
    Ok(())
}

fn judge_one(
    line: Line,
    meant: Result<Meant, String>,
    default_scope: Scope,
    judges: &HashMap<Scope, Judge>,
    seen: &mut HashMap<(Scope, String), usize>,
) -> Row {
    let meant = match meant {
        Ok(meant) => meant,
        Err(reason) => return refused(line, default_scope, reason),
    };
    match seen.entry((meant.scope, meant.mailbox.address.key().to_owned())) {
        Entry::Occupied(first) => {
            let reason = format!("Stands in row {} already", first.get());
            return refused(line, meant.scope, reason);
        }
        Entry::Vacant(place) => place.insert(line.number),
    };
    let Some(judge) = judges.get(&meant.scope) else {
        return refused(line, meant.scope, "This row could not be judged".to_owned());
    };
    let row = Row {
        number: i64::try_from(line.number).unwrap_or(i64::MAX),
        text: shown(&line.text),
        email: String::new(),
        name: meant.mailbox.name.clone(),
        deployment: meant.scope.deployment,
        role: meant.role.key.to_string(),
        access_from: meant.access_from,
        access_until: meant.access_until,
        note: parse_note(&line.note).unwrap_or_default(),
        standing: Standing::Refused,
        reason: String::new(),
        suggestion: String::new(),
        role_now: String::new(),
        about: None,
        decision: Decision::Skip,
        outcome: Outcome::Waiting,
        outcome_reason: String::new(),
    };
    stand(judge, meant.mailbox, row)
}

/// The row as it stands with this address.
pub(super) fn stand(judge: &Judge, mailbox: Mailbox, row: Row) -> Row {
    let outside = judge.is_outside(&mailbox);
    let (checked, _) = judge.judge(String::new(), Ok(mailbox));
    let Checked { email, state, mut reason, suggestion, found, .. } = checked;
    // In a plan there is time for a look; in the quick window it is pointed out alone.
    let standing = if state == Standing::Ready && outside { Standing::Look } else { state };
    if standing == Standing::Staff && row.access_from.is_some() {
        reason.push_str(". A change of role has no first day of its own; make a plan for that day");
    }
    let (role_now, about) = match found {
        Some(Found::Staff { membership, role }) => (role, Some(membership.uuid())),
        Some(Found::Invited { invitation, role }) => (role, Some(invitation.uuid())),
        None => (String::new(), None),
    };
    Row {
        email,
        standing,
        reason,
        suggestion: suggestion.unwrap_or_default(),
        role_now,
        about,
        decision: Decision::at_first(standing),
        ..row
    }
}

fn refused(line: Line, scope: Scope, reason: String) -> Row {
    Row {
        number: i64::try_from(line.number).unwrap_or(i64::MAX),
        text: shown(&line.text),
        email: String::new(),
        name: None,
        deployment: scope.deployment,
        role: String::new(),
        access_from: None,
        access_until: None,
        note: parse_note(&line.note).unwrap_or_default(),
        standing: Standing::Refused,
        reason,
        suggestion: String::new(),
        role_now: String::new(),
        about: None,
        decision: Decision::Skip,
        outcome: Outcome::Waiting,
        outcome_reason: String::new(),
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_SHOWN).collect()
}
