//! Applying a plan: begun once, then done in chunks. Each chunk is one operation in the sender's name, with the authority that
//! they have at that moment; a row's outcome is committed with what it did, so that nothing is done twice.

use std::collections::HashMap;

use serde_json::json;

use super::super::store::{self, Applied};
use crate::{
    access::{self, Granted, Permission, Refusal, Role, RoleKey, Scope},
    audit::Event,
    error::{Error, Result},
    identity,
    invitations::{
        Found,
        actions::{Judge, Wanted, begin_batch, invite_within, judge_start, resend_within},
    },
    op::{Caller, Op},
    plans::{CHUNK, Counts, Decision, Outcome, Plan, Progress, Row, State, email},
    portal::Portal,
    staff,
    types::{InvitationId, Mailbox, MembershipId, PlanId, Timestamp},
};

/// For how long whoever applies a chunk goes on alone. Another node that takes over earlier does no harm.
pub(super) const LEASE: std::time::Duration = std::time::Duration::from_secs(10);

/// Begins to send a plan in the caller's name; a plan that is being sent or was sent is left as it is.
///
/// # Errors
/// [`Error::Conflict`] when nothing in it would be done, or its links would have ended.
pub async fn start_plan(portal: &Portal, caller: &Caller, scope: Scope, id: PlanId) -> Result<Plan> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, _) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    if matches!(plan.state, State::Applying | State::Applied) {
        return Ok(plan);
    }
    let counts = store::counts(op.tx(), id).await?;
    require_fresh_proof(&op, &counts)?;
    if counts.to_do() == 0 {
        return Err(Error::Conflict("Nothing in this plan would be done; decide about its rows first".to_owned()));
    }
    let now = op.now();
    let Some(window) = plan.window.length(now) else {
        return Err(Error::Conflict("The last day of this plan's links has passed; make the plan anew".to_owned()));
    };
    let sender = op.actor()?.account;
    let means = identity::actions::means_of(op.actor()?);
    if !store::start(op.tx(), &plan, sender, &means, now, now).await? {
        return Err(Error::Conflict("Somebody has changed this plan at the same moment; look at it again".to_owned()));
    }
    if plan.started_at.is_none() {
        begin_batch(&op, plan.batch(), plan.scope, now.plus(window)).await?;
    }
    op.because(&plan.note);
    op.record(Event::done("plan.started", id, plan.scope, json!({ "rows": plan.total, "title": plan.title })));
    op.commit().await?;
    Ok(Plan { state: State::Applying, sender: Some(sender), sender_via: means, ..plan })
}

/// Sending to many, and changing anybody's role, asks the sender to prove themselves anew, as the same by hand would.
///
/// # Errors
/// [`Error::StepUpRequired`].
pub(super) fn require_fresh_proof(op: &Op, counts: &Counts) -> Result<()> {
    let without = op.portal().config.invitations_without_proof as u64;
    if counts.to_change > 0 || counts.to_do() > without { op.require_fresh_proof() } else { Ok(()) }
}

/// Applies the next rows of a plan that is being sent, at most [`CHUNK`]; how far it is then. With `lease`, others leave it alone
/// for so long.
///
/// # Errors
/// When the database fails; then nothing of the chunk was done.
pub async fn apply_chunk(portal: &Portal, id: PlanId, lease: std::time::Duration) -> Result<Progress> {
    let plan = store::find_for_work(portal.db.reader(), id).await?.ok_or(Error::NotFound)?;
    let (State::Applying, Some(sender)) = (plan.state, plan.sender) else { return Ok(progress(&plan)) };
    let caller = identity::actions::act_later(portal, sender, &plan.sender_via).await?;
    let mut op = Op::begin(portal, &caller).await?;
    let granted = match op.actor()?.grant(Permission::InviteStaff, plan.scope) {
        Ok(granted) => granted,
        Err(refusal) => {
            drop(op);
            return stop(portal, &plan, &no_longer(&refusal)).await;
        }
    };
    // Read again behind the lock: another node may have finished it.
    let plan = store::find_for_work(op.tx(), id).await?.ok_or(Error::NotFound)?;
    if plan.state != State::Applying {
        return Ok(progress(&plan));
    }
    let most = chunk_size(portal);
    let rows = store::waiting(op.tx(), id, most).await?;
    let now = op.now();
    let taken = rows.len();
    let applied = match Chunk::read(&mut op, &granted, &plan, &rows).await?.apply(&mut op, rows).await {
        Err(Error::OverLimit { text, retry_after }) => {
            drop(op);
            // What else it says is about a list that is sent by hand: nothing need be tried again here.
            let reason = text.split(". ").next().unwrap_or_default();
            return wait(portal, &plan, reason, now.plus(retry_after)).await;
        }
        applied => applied?,
    };
    store::set_outcomes(op.tx(), id, &applied).await?;
    store::advance(op.tx(), id, taken, now.plus(lease)).await?;
    let mut state = State::Applying;
    if taken < most {
        finish(&mut op, &plan).await?;
        state = State::Applied;
    }
    op.commit().await?;
    Ok(Progress { state, total: plan.total, done: plan.done + taken as u64, waits_until: None })
}

/// No more rows than mails may go in a day, or a chunk could never go.
fn chunk_size(portal: &Portal) -> usize {
    let limits = [portal.config.mails_per_inviter, portal.config.mails_per_organisation];
    let limits = limits.into_iter().filter(|most| *most > 0).filter_map(|most| usize::try_from(most).ok());
    limits.chain([CHUNK]).min().unwrap_or(CHUNK)
}

/// The mails of the day are used up; the plan goes on by itself when there are more.
async fn wait(portal: &Portal, plan: &Plan, reason: &str, until: Timestamp) -> Result<Progress> {
    let tx = portal.db.begin_write().await?;
    store::wait(&tx, plan.id, reason, until).await?;
    tx.commit().await?;
    Ok(Progress { waits_until: Some(until), ..progress(plan) })
}

/// Every row was applied.
async fn finish(op: &mut Op, plan: &Plan) -> Result<()> {
    let counts = store::counts(op.tx(), plan.id).await?;
    store::finish(op.tx(), plan.id, op.now()).await?;
    op.because(&plan.note);
    let detail = json!({
        "sent": counts.sent, "resent": counts.resent, "changed": counts.changed, "not_done": counts.not_done,
        "batch": plan.batch(), "title": plan.title,
    });
    op.record(Event::done("plan.applied", plan.id, plan.scope, detail));
    Ok(())
}

fn progress(plan: &Plan) -> Progress {
    Progress { state: plan.state, total: plan.total, done: plan.done, waits_until: plan.waits_until() }
}

fn no_longer(refusal: &Refusal) -> String {
    format!("whoever sent it may no longer invite there: {refusal}")
}

/// Ends a plan of which nothing more may be sent, and tells those who can send it in their own name.
pub(super) async fn stop(portal: &Portal, plan: &Plan, reason: &str) -> Result<Progress> {
    let caller = Caller::Portal(access::Origin { address: "portal".to_owned(), agent: String::new() });
    let mut op = Op::begin_in(portal, &caller, plan.scope.organisation).await?;
    let now = op.now();
    if store::stop(op.tx(), plan.id, reason, now).await? {
        op.because(&plan.note);
        let detail = json!({ "reason": reason, "title": plan.title, "sender": plan.sender, "done": plan.done });
        op.record(Event::refused("plan.stopped", plan.id, Some(plan.scope), detail));
        email::tell_managers(&mut op, plan).await?;
        op.commit().await?;
    }
    Ok(Progress { state: State::Stopped, ..progress(plan) })
}

/// The world as it is when a chunk is applied.
struct Chunk<'a> {
    granted: &'a Granted,
    manage: Result<Granted, Refusal>,
    plan: &'a Plan,
    roles: HashMap<String, Role>,
    judges: HashMap<Scope, Judge>,
    window: Option<std::time::Duration>,
    asked: HashMap<(RoleKey, Scope), Result<(), Refusal>>,
}

impl<'a> Chunk<'a> {
    async fn read(op: &mut Op, granted: &'a Granted, plan: &'a Plan, rows: &[Row]) -> Result<Self> {
        let organisation = plan.scope.organisation;
        let roles = access::roles_of(op.tx(), organisation).await?;
        let mut here: HashMap<Scope, Vec<Mailbox>> = HashMap::new();
        for row in rows.iter().filter(|row| !matches!(row.decision, Decision::Skip | Decision::Undecided)) {
            if let Ok(address) = crate::types::EmailAddress::parse(&row.email) {
                let scope = Scope { organisation, deployment: row.deployment };
                here.entry(scope).or_default().push(Mailbox { address, name: row.name.clone() });
            }
        }
        let mut judges = HashMap::new();
        for (scope, mailboxes) in here {
            // A deployment that is gone has no judge; its rows are told so.
            let judge = match Judge::of(op.tx(), scope, std::sync::Arc::default(), op.now(), 0).await {
                Err(Error::NotFound) => continue,
                other => other?,
            };
            let judge = judges.entry(scope).or_insert(judge);
            judge.look_up(op.tx(), mailboxes.iter()).await?;
        }
        Ok(Self {
            granted,
            manage: op.actor()?.grant(Permission::ManageStaff, plan.scope),
            plan,
            roles: roles.into_iter().map(|role| (role.key.to_string(), role)).collect(),
            judges,
            window: plan.window.length(op.now()),
            asked: HashMap::new(),
        })
    }

    async fn apply(mut self, op: &mut Op, rows: Vec<Row>) -> Result<Vec<Applied>> {
        let mut applied = Vec::with_capacity(rows.len());
        let mut wanted = Vec::new();
        let mut wanted_numbers = Vec::new();
        for row in rows {
            let number = row.number;
            let outcome = match row.decision {
                Decision::Skip | Decision::Undecided => Ok((Outcome::Left, None)),
                Decision::Send => match self.want(row, op.now()) {
                    Ok(new) => {
                        wanted.push(new);
                        wanted_numbers.push(number);
                        continue;
                    }
                    Err(reason) => Err(reason),
                },
                Decision::Resend => self.resend(op, &row).await?.map(|()| (Outcome::Resent, None)),
                Decision::ChangeRole => self.change_role(op, &row).await?.map(|()| (Outcome::Changed, None)),
            };
            applied.push(match outcome {
                Ok((outcome, about)) => Applied { number, outcome, reason: String::new(), about },
                Err(reason) => Applied { number, outcome: Outcome::NotDone, reason, about: None },
            });
        }
        for ((role, scope), refusal) in self.asked {
            if let Err(refusal) = refusal {
                let detail = json!({ "role": role.to_string(), "reason": refusal.to_string(), "plan": self.plan.id });
                op.because(&self.plan.note);
                op.record(Event::refused("invitation.refused", scope, Some(scope), detail));
            }
        }
        let sent = invite_within(op, self.plan.batch(), self.plan.scope, wanted).await?;
        applied.extend(wanted_numbers.into_iter().zip(sent).map(|(number, sent)| match sent {
            Ok(id) => Applied { number, outcome: Outcome::Sent, reason: String::new(), about: Some(id.uuid()) },
            Err(reason) => Applied { number, outcome: Outcome::NotDone, reason, about: None },
        }));
        op.because("");
        Ok(applied)
    }

    const fn scope(&self, row: &Row) -> Scope {
        Scope { organisation: self.plan.scope.organisation, deployment: row.deployment }
    }

    fn note(&self, row: &Row) -> String {
        match (self.plan.note.as_str(), row.note.as_str()) {
            (note, "") | ("", note) => note.to_owned(),
            (plan, row) => format!("{plan}; {row}"),
        }
    }

    /// What stands in the way of the row now, which did not when the plan was made: the person joined or was invited meanwhile.
    fn found(&self, row: &Row) -> Result<(Mailbox, Option<(Found, String)>), String> {
        let address = crate::types::EmailAddress::parse(&row.email).map_err(|bad| bad.to_string())?;
        let mailbox = Mailbox { address, name: row.name.clone() };
        let judge = self.judges.get(&self.scope(row)).ok_or("The deployment no longer exists")?;
        let found = judge.find(&mailbox);
        Ok((mailbox, found))
    }

    fn may_give(&mut self, role: &Role, scope: Scope) -> Result<(), String> {
        let rule = || self.granted.may_grant(role, &scope);
        let answer = self.asked.entry((role.key, scope)).or_insert_with(rule);
        answer.clone().map_err(|refusal| refusal.to_string())
    }

    fn want(&mut self, row: Row, now: Timestamp) -> Result<Wanted, String> {
        let scope = self.scope(&row);
        let (mailbox, found) = self.found(&row)?;
        if let Some((_, reason)) = found {
            return Err(reason);
        }
        let role = self.roles.get(&row.role).cloned().ok_or("Its role no longer exists")?;
        self.may_give(&role, scope)?;
        let window = self.window.ok_or("The last day of its link has passed")?;
        if row.access_until.is_some_and(|end| end <= now) {
            return Err("The access that it would give has ended already".to_owned());
        }
        judge_start(row.access_from, row.access_until, now)?;
        let note = self.note(&row);
        Ok(Wanted { mailbox, scope, role, window, access_from: row.access_from, access_until: row.access_until, note })
    }

    async fn resend(&self, op: &mut Op, row: &Row) -> Result<Result<(), String>> {
        let id = match self.found(row) {
            Err(reason) => return Ok(Err(reason)),
            Ok((_, Some((Found::Invited { invitation, role }, reason)))) => {
                if Some(invitation.uuid()) != row.about || role != row.role_now {
                    return Ok(Err(format!("It has changed since the plan was made. {reason}")));
                }
                invitation
            }
            Ok((_, Some((Found::Staff { .. }, reason)))) => return Ok(Err(reason)),
            Ok((_, None)) => return Ok(Err("The invitation is no longer pending".to_owned())),
        };
        op.because(&self.note(row));
        let done = resend_within(op, self.granted, &[id]).await?;
        let refused = |(_, _, reason): (InvitationId, String, String)| reason;
        Ok(done.not_done.into_iter().next().map_or(Ok(()), |left| Err(refused(left))))
    }

    async fn change_role(&self, op: &mut Op, row: &Row) -> Result<Result<(), String>> {
        let manage = match &self.manage {
            Ok(manage) => manage,
            Err(refusal) => return Ok(Err(refusal.to_string())),
        };
        let Some(role) = self.roles.get(&row.role) else { return Ok(Err("Its role no longer exists".to_owned())) };
        let id: MembershipId = match self.found(row) {
            Err(reason) => return Ok(Err(reason)),
            Ok((_, Some((Found::Staff { membership, role }, reason)))) => {
                if Some(membership.uuid()) != row.about || role != row.role_now {
                    return Ok(Err(format!("{reason} now, which has changed since the plan was made")));
                }
                membership
            }
            Ok(_) => return Ok(Err("The person is no longer staff here".to_owned())),
        };
        op.because(&self.note(row));
        let changes = staff::actions::change_roles_within(op, manage, &[id], role).await?;
        Ok(changes.not_done.into_iter().next().map_or(Ok(()), |left| Err(left.reason())))
    }
}
