//! Looking at addresses before they are sent: the same judgement for the page, the API, the terminal, and the sending itself.

use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;

use super::limits::{full_sentence, full_until};
use crate::{
    access::{self, Permission, Scope},
    error::{Error, Result},
    invitations::{
        Checked, MOST_ADDRESSES, Standing,
        addresses::{ColleagueIndex, Entry, look_again, outside_usual, read_items},
        store,
    },
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    staff,
    types::{InvitationId, Mailbox, Timestamp},
};

/// How many addresses stand how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Will be sent.
    pub ready: u64,
    /// Need a look.
    pub look: u64,
    /// Are staff here.
    pub staff: u64,
    /// Are invited here.
    pub invited: u64,
    /// Cannot be used.
    pub refused: u64,
}

/// Counts the rows by standing.
pub fn counts(rows: &[Checked]) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        *match row.state {
            Standing::Ready => &mut counts.ready,
            Standing::Look => &mut counts.look,
            Standing::Staff => &mut counts.staff,
            Standing::Invited => &mut counts.invited,
            Standing::Refused => &mut counts.refused,
        } += 1;
    }
    counts
}

/// Says of each text what would happen if it were sent now. Repeated addresses are merged.
///
/// # Errors
/// When the caller may not invite there, or there are too many.
pub async fn check_addresses(portal: &Portal, caller: &Caller, scope: Scope, texts: &[String]) -> Result<Vec<Checked>> {
    caller.scope(portal, Permission::InviteStaff, scope).await?;
    let db = portal.db.reader();
    let judged = judge(db, scope, texts, portal.now(), portal.config.mails_per_recipient).await?;
    Ok(judged.into_iter().map(|(checked, _)| checked).collect())
}

/// The judgement itself, with the parsed mailbox of each row that has one. An address that had `most` mails in 24 hours is refused;
/// 0 does not ask, for whoever counts afterwards.
pub(super) async fn judge(
    db: &impl ConnectionTrait,
    scope: Scope,
    texts: &[String],
    now: Timestamp,
    most: u8,
) -> Result<Vec<(Checked, Option<Mailbox>)>> {
    let entries = read_items(texts);
    if entries.len() > MOST_ADDRESSES {
        return Err(Error::field(
            "addresses",
            format!("These are {} addresses; at most {MOST_ADDRESSES} can be sent at once", entries.len()),
        ));
    }
    let world = World::read(db, scope, &entries, now, most).await?;
    Ok(entries.into_iter().map(|entry| world.judge(entry)).collect())
}

/// What the addresses are held against.
struct World {
    place: Place,
    now: Timestamp,
    staff: HashMap<String, String>,
    invited: HashMap<String, store::Live>,
    role_names: HashMap<String, String>,
    colleagues: ColleagueIndex,
    full_until: HashMap<String, Timestamp>,
}

impl World {
    async fn read(
        db: &impl ConnectionTrait,
        scope: Scope,
        entries: &[Entry],
        now: Timestamp,
        most: u8,
    ) -> Result<Self> {
        let keys: HashSet<String> = entries
            .iter()
            .filter_map(|entry| entry.outcome.as_ref().ok())
            .map(|mailbox| mailbox.address.key().to_owned())
            .collect();
        let keys: Vec<String> = keys.into_iter().collect();
        Ok(Self {
            place: sites::actions::place_of(db, scope).await?,
            now,
            full_until: full_until(db, &keys, most, now).await?,
            staff: staff::actions::roles_by_email(db, scope, &keys, now).await?,
            invited: store::live_by_email(db, scope, &keys).await?,
            role_names: access::role_names(db, scope.organisation).await?,
            colleagues: ColleagueIndex::new(staff::actions::colleagues(db, scope.organisation).await?),
        })
    }

    fn judge(&self, entry: Entry) -> (Checked, Option<Mailbox>) {
        let Entry { text, outcome, .. } = entry;
        let mailbox = match outcome {
            Ok(mailbox) => mailbox,
            Err(bad) => return (row(text, None, Standing::Refused, bad.to_string()), None),
        };
        let address = &mailbox.address;
        let mut checked = if let Some(role) = self.staff.get(address.key()) {
            let role = self.role_name(role);
            row(text, Some(&mailbox), Standing::Staff, format!("Is staff here already, as {role}"))
        } else if let Some(live) = self.invited.get(address.key()) {
            let mut checked = row(text, Some(&mailbox), Standing::Invited, self.already_invited(live));
            checked.invitation = Some(live.id);
            checked
        } else if let Some(until) = self.full_until.get(address.key()) {
            row(text, Some(&mailbox), Standing::Refused, full_sentence(*until, &self.place.time_zone()))
        } else if let Some(suspicion) = look_again(address, &self.place.organisation.usual_domains, &self.colleagues) {
            let mut checked = row(text, Some(&mailbox), Standing::Look, suspicion.reason);
            checked.suggestion = suspicion.suggestion;
            checked
        } else {
            // Pointed out, not held up: visiting staff often have an address of their own house.
            let outside = outside_usual(address, &self.place.organisation.usual_domains);
            row(text, Some(&mailbox), Standing::Ready, outside.map(|hint| hint.reason).unwrap_or_default())
        };
        checked.name.clone_from(&mailbox.name);
        (checked, Some(mailbox))
    }

    /// Who invited, when, as what, and until when.
    fn already_invited(&self, live: &store::Live) -> String {
        let zone = self.place.time_zone();
        let day = |at: Timestamp| at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%-d %B %Y").to_string();
        let by = live.inviter_name.as_deref().unwrap_or("the portal");
        let end = if live.expires_at <= self.now { "expired" } else { "link valid until" };
        let role = self.role_name(&live.role);
        format!(
            "Invited by {by} on {} as {role}; {end} {}. Resend that invitation instead",
            day(live.sent_at),
            day(live.expires_at)
        )
    }

    fn role_name<'a>(&'a self, key: &'a str) -> &'a str {
        self.role_names.get(key).map_or(key, String::as_str)
    }
}

fn row(text: String, mailbox: Option<&Mailbox>, state: Standing, reason: String) -> Checked {
    Checked {
        text,
        email: mailbox.map(|mailbox| mailbox.address.as_str().to_owned()).unwrap_or_default(),
        name: None,
        state,
        state_word: state.word().to_owned(),
        reason,
        suggestion: None,
        invitation: None::<InvitationId>,
    }
}
