//! Taking the likelier spelling of an address, and judging its row anew, before the plan is sent.

use std::collections::{HashMap, hash_map::Entry};

use serde_json::json;

use super::make::stand;
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Result},
    invitations::{
        Standing,
        actions::{Judge, colleagues},
    },
    op::{Caller, Op},
    plans::{Decision, Row, store},
    portal::Portal,
    types::{DeploymentId, EmailAddress, Mailbox, PlanId},
};

/// Changes that the access log names one by one.
const NAMED: usize = 20;

/// Whose suggestions are taken.
#[derive(Clone, Debug)]
pub enum Suggested {
    /// Of these rows.
    Rows(Vec<i64>),
    /// Of all rows that nobody has decided about and where only the part after the “@” changes. A name that is one letter off a
    /// colleague's may well be somebody else's, so those are taken one by one.
    Domains,
}

/// Whether only the part after the “@” would change.
pub fn changes_domain_only(email: &str, suggestion: &str) -> bool {
    let local = |address: &str| address.rsplit_once('@').map(|(local, _)| local.to_lowercase());
    local(email).is_some_and(|part| Some(part) == local(suggestion))
}

/// Takes suggestions and judges those rows anew; how many there were. Sending asks the rule for each as for every other.
///
/// # Errors
/// [`Error::Conflict`] when the plan was sent already.
pub async fn take_suggestions(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: PlanId,
    which: &Suggested,
) -> Result<u64> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let plan = store::find(op.tx(), scope, id).await?.ok_or(Error::NotFound)?;
    if !plan.state.is_open() {
        return Err(Error::Conflict("This plan was sent already; its rows can no longer be changed".to_owned()));
    }
    let rows = match which {
        Suggested::Rows(numbers) => store::with_suggestion(op.tx(), id, Some(numbers)).await?,
        Suggested::Domains => {
            let mut rows = store::with_suggestion(op.tx(), id, None).await?;
            rows.retain(|row| row.decision == Decision::Undecided && changes_domain_only(&row.email, &row.suggestion));
            rows
        }
    };
    let taken = rows.len();
    let mut changes = Vec::new();
    for row in judge_anew(&op, plan.scope, id, rows).await? {
        let (before, row) = row;
        changes.push(json!({ "row": row.number, "from": before, "to": row.text }));
        store::rejudge(op.tx(), &granted, id, &row).await?;
    }
    if taken > 0 {
        op.because(&plan.note);
        changes.truncate(NAMED);
        op.record(Event::done("plan.corrected", id, plan.scope, json!({ "rows": taken, "changes": changes })));
        op.commit().await?;
    }
    Ok(taken as u64)
}

/// The rows as they stand with the suggested address, each with the address that it had.
async fn judge_anew(op: &Op, scope: Scope, plan: crate::types::PlanId, rows: Vec<Row>) -> Result<Vec<(String, Row)>> {
    let mut wanted = Vec::with_capacity(rows.len());
    for row in rows {
        // Suggestions are addresses of the portal's own making.
        let Ok(address) = EmailAddress::parse(&row.suggestion) else { continue };
        wanted.push((Mailbox { address, name: row.name.clone() }, row));
    }
    let keys: Vec<String> = wanted.iter().map(|(mailbox, _)| mailbox.address.key().to_owned()).collect();
    let mut seen: HashMap<(Option<DeploymentId>, String), i64> = store::numbers_of(op.tx(), plan, &keys).await?;
    let colleagues = colleagues(op.tx(), scope).await?;
    let most = op.portal().config.mails_per_recipient;
    let mut judges: HashMap<Scope, Judge> = HashMap::new();
    for place in wanted.iter().map(|(_, row)| row.deployment) {
        let place = Scope { organisation: scope.organisation, deployment: place };
        if let Entry::Vacant(vacant) = judges.entry(place) {
            let judge = vacant.insert(Judge::of(op.tx(), place, colleagues.clone(), op.now(), most).await?);
            let here = wanted.iter().filter(|(_, row)| row.deployment == place.deployment);
            judge.look_up(op.tx(), here.map(|(mailbox, _)| mailbox)).await?;
        }
    }
    let mut judged = Vec::with_capacity(wanted.len());
    for (mailbox, row) in wanted {
        let before = row.email.clone();
        let text = row.suggestion.clone();
        let first = *seen.entry((row.deployment, mailbox.address.key().to_owned())).or_insert(row.number);
        let place = Scope { organisation: scope.organisation, deployment: row.deployment };
        let anew = match judges.get(&place) {
            Some(judge) if first == row.number => {
                let mut anew = stand(judge, mailbox, row);
                if anew.reason.is_empty() {
                    anew.reason = format!("Taken in place of {before}");
                }
                anew
            }
            _ => Row {
                email: String::new(),
                standing: Standing::Refused,
                reason: format!("Stands in row {first} already"),
                suggestion: String::new(),
                role_now: String::new(),
                about: None,
                decision: Decision::Skip,
                ..row
            },
        };
        judged.push((before, Row { text, ..anew }));
    }
    Ok(judged)
}
