//! Reminding those who have not answered, once, before their link ends. The same link, and its window does not begin anew.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    access::Origin,
    audit::Event,
    error::Result,
    identity,
    invitations::{email, store, windows},
    op::{Caller, Op},
    outbox::{self, NewMail},
    portal::Portal,
    sites::{self, Organisation, Reminders},
    types::{AccountId, OrganisationId, Timestamp},
};

/// A weekend and a day: nobody is due earlier.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(5 * 24 * 3600);
/// Links that were sent less than this before are fresh in the mailbox.
const FRESH: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Reminded in one transaction.
const AT_ONCE: u64 = 500;

/// Reminds everybody who is due, and has each inviter told in the afternoon of all of theirs. How many were reminded.
///
/// # Errors
/// When the database fails.
pub async fn remind(portal: &Portal) -> Result<usize> {
    let now = portal.now();
    let db = portal.db.reader();
    let mut reminded = 0;
    for id in sites::actions::reminding(db).await? {
        let organisation = sites::actions::find_place(db, &id.to_string()).await?.organisation;
        if organisation.reminders != Reminders::Off && windows::may_remind(&organisation, now) {
            reminded += remind_in(portal, &organisation).await?;
        }
    }
    Ok(reminded)
}

async fn remind_in(portal: &Portal, organisation: &Organisation) -> Result<usize> {
    let caller = Caller::Portal(Origin { address: "portal".to_owned(), agent: String::new() });
    let mut op = Op::begin_in(portal, &caller, organisation.id).await?;
    let now = op.now();
    let candidates =
        store::to_remind(op.tx(), organisation.id, now, now.plus(AHEAD), now.minus(FRESH), AT_ONCE).await?;
    let mut inviters: BTreeMap<AccountId, usize> = BTreeMap::new();
    let mut reminded = Vec::new();
    for invitation in candidates {
        if windows::reminder_due(organisation, invitation.expires_at).is_none_or(|due| due > now) {
            continue;
        }
        op.send(NewMail {
            id: op.new_id(),
            organisation: organisation.id,
            kind: email::REMINDER,
            about: invitation.id.uuid(),
            generation: invitation.generation,
            recipient: invitation.email.as_str().to_owned(),
        });
        let detail = json!({ "email": invitation.email.as_str() });
        op.record(Event::done("invitation.reminded", invitation.id, invitation.scope, detail));
        if let Some(inviter) = invitation.inviter {
            *inviters.entry(inviter).or_default() += 1;
        }
        reminded.push(invitation.id);
    }
    if reminded.is_empty() {
        return Ok(0);
    }
    store::mark_reminded(op.tx(), &reminded, now).await?;
    let end = windows::end_of_round(organisation, now);
    for inviter in inviters.keys() {
        want_summary(&op, organisation.id, *inviter, end).await?;
    }
    op.commit().await?;
    Ok(reminded.len())
}

/// One summary for an inviter and a round, which leaves when the round is over.
async fn want_summary(op: &Op, organisation: OrganisationId, inviter: AccountId, end: Timestamp) -> Result<()> {
    if store::is_wanted(op.tx(), email::REMINDED, inviter, end.0).await? {
        return Ok(());
    }
    let mail = NewMail {
        id: op.new_id(),
        organisation,
        kind: email::REMINDED,
        about: inviter.uuid(),
        // Which round it tells of.
        generation: end.0,
        recipient: identity::actions::address_of(op.tx(), inviter).await?,
    };
    outbox::enqueue_for(op.tx(), vec![mail], op.now(), end).await?;
    Ok(())
}
