//! Reminding those who have not answered, once, before their link ends. The same link, and its window does not begin anew.

use std::collections::BTreeMap;

use serde_json::json;

use super::limits;
use crate::{
    access::Origin,
    audit::Event,
    error::{Error, Result},
    identity,
    invitations::{email, store, windows},
    op::{Caller, Op},
    outbox::{self, NewMail},
    portal::Portal,
    sites::{self, Organisation, Reminders},
    types::{AccountId, InvitationId, OrganisationId, Timestamp},
};

/// A weekend and a day: nobody is due earlier.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(5 * 24 * 3600);
/// Links that were sent less than this before are fresh in the mailbox.
const FRESH: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
/// Read at once.
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

/// Each inviter's reminders are an operation of their own: what one may not send today holds no other up.
async fn remind_in(portal: &Portal, organisation: &Organisation) -> Result<usize> {
    let now = portal.now();
    let candidates =
        store::to_remind(portal.db.reader(), organisation.id, now, now.plus(AHEAD), now.minus(FRESH), AT_ONCE).await?;
    let mut of_inviters: BTreeMap<Option<AccountId>, Vec<InvitationId>> = BTreeMap::new();
    for invitation in candidates {
        if windows::reminder_due(organisation, invitation.expires_at).is_some_and(|due| due <= now) {
            of_inviters.entry(invitation.inviter).or_default().push(invitation.id);
        }
    }
    let mut reminded = 0;
    for (inviter, ids) in of_inviters {
        match remind_for(portal, organisation, inviter, &ids).await {
            Ok(done) => reminded += done,
            // Asked again in a minute, for as long as it would not come too late.
            Err(Error::OverLimit { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(reminded)
}

async fn remind_for(
    portal: &Portal,
    organisation: &Organisation,
    inviter: Option<AccountId>,
    ids: &[InvitationId],
) -> Result<usize> {
    let caller = Caller::Portal(Origin { address: "portal".to_owned(), agent: String::new() });
    let mut op = Op::begin_in(portal, &caller, organisation.id).await?;
    let now = op.now();
    // Read again behind the lock: another node may have been here.
    let waiting = store::still_to_remind(op.tx(), ids, now).await?;
    let keys: Vec<&str> = waiting.iter().map(|invitation| invitation.email.key()).collect();
    let allowed = limits::count_recipients(&op, &keys).await?;
    let due: Vec<_> = waiting.iter().filter(|invitation| allowed.contains(invitation.email.key())).collect();
    if due.is_empty() {
        return Ok(0);
    }
    if let Some(inviter) = inviter {
        limits::count_senders(&op, inviter, organisation.id, due.len()).await?;
        want_summary(&op, organisation.id, inviter, windows::end_of_round(organisation, now)).await?;
    }
    for invitation in &due {
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
    }
    let reminded: Vec<_> = due.iter().map(|invitation| invitation.id).collect();
    store::mark_reminded(op.tx(), &reminded, now).await?;
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
