//! How a person got a right: from the log alone, step by step, each grant with whoever gave it and by which right they could, back
//! to the portal's own set-up. What the log does not say is said.

mod held;

use held::{Held, fold};
use serde_json::Value;

use super::{
    Listed,
    store::list,
    view::{Names, text_of},
};
use crate::{
    access::{DefaultRole, Permission, RoleKey, Scope, Visible},
    error::Result,
    op::Caller,
    portal::Portal,
    types::{AccountId, EventId, InvitationId, Timestamp},
};

/// Events of one person, role or invitation that are read.
const MOST: i64 = 1_000;
/// Steps that are followed.
const LONGEST: usize = 50;

/// A right that a person has or had in the place.
#[derive(Clone, Debug)]
pub struct Chain {
    /// "Pat Example is Deployment Staff in Cardiology".
    pub right: String,
    /// Whether it still holds, as far as the log says.
    pub holds: bool,
    /// Newest first.
    pub steps: Vec<Step>,
}

/// One grant.
#[derive(Clone, Debug)]
pub struct Step {
    /// "Ada Okafor, who was Admin, invited …".
    pub sentence: String,
    /// When it was granted.
    pub at: Option<Timestamp>,
    /// What else is known, a sentence each.
    pub notes: Vec<(Option<Timestamp>, String)>,
    /// The events that say so.
    pub events: Vec<EventId>,
    /// The history of a role that the organisation made itself, oldest first.
    pub role: Vec<(Option<Timestamp>, String)>,
    /// Whether this is where the chain begins; false in the last step when the log does not say more.
    pub beginning: bool,
}

/// Asks the log.
struct Asking<'a> {
    portal: &'a Portal,
    visible: Visible,
}

/// Every right of the account in the place, with how it came about.
///
/// # Errors
/// When the caller may not read the log.
pub async fn explain(portal: &Portal, caller: &Caller, scope: Scope, account: AccountId) -> Result<Vec<Chain>> {
    let own = caller.scope(portal, Permission::ViewAudit, scope).await?;
    // Grants are handed down from the whole organisation; whoever may read its log follows them there.
    let whole = Scope::organisation(scope.organisation);
    let visible = caller.actor()?.visible(Permission::ViewAudit, whole).unwrap_or(own);
    let asking = Asking { portal, visible };
    let mut rights: Vec<Held> = asking
        .held_by(account)
        .await?
        .into_iter()
        .filter(|held| held.scope.covers(&scope) || scope.covers(&held.scope))
        .collect();
    // What holds now; what was only once held, when nothing does.
    if rights.iter().any(|held| held.until.is_none()) {
        rights.retain(|held| held.until.is_none());
    } else {
        // A role that another one replaced is a step of that one's chain.
        let begun: Vec<EventId> = rights.iter().map(|held| EventId::from_uuid(held.event.event.id)).collect();
        rights.retain(|held| held.until.as_ref().is_some_and(|(_, by)| !begun.contains(by)));
    }
    rights.reverse();
    let mut chains = Vec::new();
    for right in rights {
        chains.push(asking.follow(account, right).await?);
    }
    Ok(chains)
}

impl Asking<'_> {
    async fn history(&self, subject: &str, prefix: &str) -> Result<Vec<Listed>> {
        Ok(list::history(self.portal.db.reader(), &self.visible, subject, prefix, MOST).await?)
    }

    /// Every role that the account held, in the order of the log.
    async fn held_by(&self, account: AccountId) -> Result<Vec<Held>> {
        let events = self.history(&account.to_string(), "membership").await?;
        Ok(fold(events, self.visible.scope()))
    }

    async fn follow(&self, account: AccountId, right: Held) -> Result<Chain> {
        let names = self.names(&[&right], account).await?;
        let holds = right.until.is_none() && right.ends.is_none_or(|ends| ends > self.portal.now());
        let verb = match holds {
            true if right.starts.is_some_and(|starts| starts > self.portal.now()) => "will be",
            true => "is",
            false => "was",
        };
        let title = format!(
            "{} {verb} {} in {}",
            names.account(account),
            role_of(&right, &names),
            names.in_place(right.scope.deployment.map(|d| d.uuid()))
        );
        let (mut steps, mut seen) = (Vec::new(), Vec::new());
        let mut next = Some((account, right));
        while let Some((who, held)) = next.take() {
            let id = EventId::from_uuid(held.event.event.id);
            if seen.contains(&id) || seen.len() >= LONGEST {
                steps.push(Step::unknown("The log goes round in a circle here; it does not say how it began."));
                break;
            }
            seen.push(id);
            let (step, by) = self.step(who, &held).await?;
            let beginning = step.beginning;
            let at = step.at.unwrap_or(held.from);
            steps.push(step);
            if beginning {
                break;
            }
            let Some(by) = by else {
                steps.push(Step::unknown("The log does not say who gave this right."));
                break;
            };
            match self.right_of(by, at, &held).await? {
                Some(theirs) => next = Some((by, theirs)),
                None => {
                    let name = self.names(&[&held], by).await?.account(by);
                    let text = if self.visible.scope().deployment.is_some() {
                        format!(
                            "{name} acted by a right in the whole organisation, or by one that the log does not say. Somebody who may read the whole organisation's access log can follow it further."
                        )
                    } else {
                        format!("The log does not say by which right {name} could do this.")
                    };
                    steps.push(Step::unknown(&text));
                }
            }
        }
        Ok(Chain { right: title, holds, steps })
    }

    /// The role by which `by` could give what is `held`, at that instant. Where several fit, one that really gives the permission.
    /// Judged by the instant, not by the order of ids: events of one millisecond have none. The circle that this leaves possible is
    /// noticed by whoever follows the chain.
    async fn right_of(&self, by: AccountId, at: Timestamp, held: &Held) -> Result<Option<Held>> {
        let fits = |theirs: &Held| {
            theirs.scope.covers(&held.scope)
                && theirs.starts.unwrap_or(theirs.from) <= at
                && theirs.until.as_ref().is_none_or(|(until, _)| *until > at)
        };
        let mut able: Vec<Held> = self.held_by(by).await?.into_iter().filter(fits).collect();
        let needed = if held.changed { Permission::ManageStaff } else { Permission::InviteStaff };
        able.sort_by_key(|theirs| (could(&theirs.role, needed), theirs.from));
        Ok(able.pop())
    }

    async fn step(&self, who: AccountId, held: &Held) -> Result<(Step, Option<AccountId>)> {
        let invited = match self.invitation_of(who, held).await? {
            Some(invitation) => self.history(&invitation.to_string(), "invitation").await?,
            None => Vec::new(),
        };
        // An approval or a changed role is a grant of its own; the newest before joining counts.
        let grant = invited.iter().rev().find(|row| {
            matches!(row.event.action.as_str(), "invitation.sent" | "invitation.approved" | "invitation.replaced_role")
        });
        let by = if held.changed {
            held.event.event.actor_id.map(AccountId::from_uuid)
        } else {
            grant.and_then(|row| row.event.actor_id.map(AccountId::from_uuid)).or(held.granted_by)
        };
        let related: Vec<&Listed> = invited.iter().chain([&held.event]).collect();
        let names = Names::of(
            self.portal,
            self.visible.scope().organisation,
            related.iter().map(|row| &row.event),
            &by.into_iter().chain([who]).collect::<Vec<_>>(),
        )
        .await?;
        let person = names.account(who);
        let role = role_of(held, &names);
        let place = names.in_place(held.scope.deployment.map(|id| id.uuid()));
        let set_up = !held.changed && by.is_none() && grant.is_some_and(|row| row.event.actor == "portal");
        let giver = by.map(|by| names.account(by));
        let sentence = match (&giver, held.changed) {
            (Some(giver), true) => format!("{giver} changed {person}'s role to {role} in {place}"),
            (Some(giver), false) => format!("{giver} invited {person} as {role} in {place}"),
            (None, _) if set_up => {
                format!("The portal's own set-up at the terminal invited {person} as {role} in {place}")
            }
            (None, _) => format!("{person} became {role} in {place}"),
        };
        let granted = if held.changed { Some(&held.event) } else { grant };
        let mut notes: Vec<_> = granted.map(|row| (None, format!("From {}", from_where(row)))).into_iter().collect();
        for row in &invited {
            if matches!(
                row.event.action.as_str(),
                "invitation.accepted" | "invitation.corrected" | "invitation.approved"
            ) && granted.is_none_or(|granted| granted.event.id != row.event.id)
            {
                let place = if row.event.action == "invitation.accepted" {
                    format!(", from {}", from_where(row))
                } else {
                    String::new()
                };
                notes.push((Some(Timestamp(row.event.at)), format!("{}{place}", names.line((*row).clone()).sentence)));
            }
        }
        if !held.changed && invited.is_empty() {
            notes.push((Some(held.from), "The log has no invitation of this".to_owned()));
        }
        if let Some(starts) = held.starts {
            let how = if held.sooner {
                "Was let begin before its first day"
            } else {
                "Begins by itself on the day that was set"
            };
            notes.push((Some(starts), how.to_owned()));
        }
        if let Some(ends) = held.ends {
            notes.push((Some(ends), "Ends by itself on the day that was set".to_owned()));
        }
        if let Some((until, _)) = &held.until {
            notes.push((Some(*until), "This role ended".to_owned()));
        }
        let events = related.iter().map(|row| EventId::from_uuid(row.event.id)).collect();
        let role = if matches!(held.role.parse(), Ok(RoleKey::Custom(_))) {
            self.role_history(&held.role).await?
        } else {
            Vec::new()
        };
        Ok((
            Step { sentence, at: granted.map(|row| Timestamp(row.event.at)), notes, events, role, beginning: set_up },
            by,
        ))
    }

    /// The invitation by which somebody joined. Older events do not name it; then the one that was accepted in the same instant.
    async fn invitation_of(&self, who: AccountId, held: &Held) -> Result<Option<InvitationId>> {
        if held.changed || held.invitation.is_some() {
            return Ok(held.invitation);
        }
        let db = self.portal.db.reader();
        let accepted = list::at_instant(db, &self.visible, "invitation.accepted", held.from).await?;
        let theirs = accepted.into_iter().find(|row| {
            let detail: Value = serde_json::from_str(&row.event.detail).unwrap_or_default();
            text_of(&detail, "account").is_some_and(|text| text == who.to_string())
        });
        Ok(theirs.and_then(|row| row.event.subject.parse().ok()))
    }

    /// Who made a custom role, and who added or took away what.
    async fn role_history(&self, role: &str) -> Result<Vec<(Option<Timestamp>, String)>> {
        let events = self.history(role, "role").await?;
        let names =
            Names::of(self.portal, self.visible.scope().organisation, events.iter().map(|row| &row.event), &[]).await?;
        let made = events.iter().any(|row| row.event.action == "role.created");
        let mut told = Vec::new();
        if !made {
            told.push((None, "The log does not say who made this role".to_owned()));
        }
        for row in events {
            let at = Timestamp(row.event.at);
            let line = names.line(row);
            let change: Vec<_> = line
                .facts
                .iter()
                .filter(|(label, _)| matches!(label.as_str(), "Added" | "Removed" | "Permissions" | "Renamed from"))
                .map(|(label, text)| format!("{}: {text}", label.to_lowercase()))
                .collect();
            let change = if change.is_empty() { String::new() } else { format!(" ({})", change.join("; ")) };
            told.push((Some(at), format!("{}{change}", line.sentence)));
        }
        Ok(told)
    }

    async fn names(&self, held: &[&Held], who: AccountId) -> Result<Names> {
        Names::of(self.portal, self.visible.scope().organisation, held.iter().map(|held| &held.event.event), &[who])
            .await
    }
}

impl Step {
    fn unknown(text: &str) -> Self {
        Self {
            sentence: text.to_owned(),
            at: None,
            notes: Vec::new(),
            events: Vec::new(),
            role: Vec::new(),
            beginning: false,
        }
    }
}

/// Whether the default role of this key gives the permission; of a custom role it is not known at that instant, so it comes between.
fn could(role: &str, needed: Permission) -> u8 {
    match role.parse() {
        Ok(RoleKey::Default(DefaultRole::Admin)) => 3,
        Ok(RoleKey::Default(role)) => {
            if role.permissions().has(needed) {
                2
            } else {
                0
            }
        }
        Ok(RoleKey::Custom(_)) => 1,
        Err(_) => 0,
    }
}

fn role_of(held: &Held, names: &Names) -> String {
    held.role_name.as_deref().map_or_else(|| names.role(&held.role), super::view::clean)
}

fn from_where(row: &Listed) -> String {
    match row.event.origin.as_str() {
        "terminal" => "the terminal".to_owned(),
        "" => "an address that was not noted".to_owned(),
        address => super::view::clean(address),
    }
}
