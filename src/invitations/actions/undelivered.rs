//! What is done about invitations whose mail did not arrive.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{
    access::{self, Origin, Scope},
    audit::Event,
    db::Tx,
    error::Result,
    identity,
    invitations::{email, store},
    op::{Caller, Op},
    outbox::{Known, NewMail},
    portal::Portal,
    types::{EmailAddress, InvitationId, OrganisationId},
};

/// Every invitation that was ever sent to an address, newest first.
///
/// # Errors
/// When the database fails.
pub async fn ever_sent_to(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    address: &EmailAddress,
) -> Result<Vec<uuid::Uuid>> {
    let found = store::ever_sent_to(db, organisation, address).await?;
    Ok(found.into_iter().map(InvitationId::uuid).collect())
}

/// The invitation that a mail carries, and where it holds; none when the mail is about something else.
///
/// # Errors
/// When the database fails.
pub async fn of_mail(tx: &Tx, mail: &Known) -> Result<Option<(InvitationId, Scope)>> {
    if ![email::INVITATION, email::REMINDER].contains(&mail.kind.as_str()) {
        return Ok(None);
    }
    let found = store::find(tx, InvitationId::from_uuid(mail.about_id)).await?;
    Ok(found.map(|invitation| (invitation.id, invitation.scope)))
}

/// A whole list is refused within minutes; the inviter gets one mail about all of it.
const COLLECTED: Duration = Duration::from_secs(10 * 60);
/// And the next one not before this.
const APART: Duration = Duration::from_secs(6 * 3600);
/// What failed earlier is no news; nobody is told of it when a portal was off for days or is new to telling.
const NEWS: Duration = Duration::from_secs(3 * 24 * 3600);

/// Tells inviters, each in one mail, of invitations that did not arrive. Nothing but the mail depends on it: the list shows it at
/// once.
///
/// # Errors
/// When the database fails.
pub async fn tell_of_failures(portal: &Portal) -> Result<usize> {
    let now = portal.now();
    let untold = store::untold(portal.db.reader(), now.minus(NEWS), now.minus(COLLECTED)).await?;
    let mut told = 0;
    for whom in untold {
        let caller = Caller::Portal(Origin { address: "portal".to_owned(), agent: String::new() });
        let mut op = Op::begin_in(portal, &caller, whom.organisation_id).await?;
        let last = store::last_wanted(op.tx(), email::UNDELIVERED, whom.inviter_id).await?;
        let here = access::memberships_of(op.tx(), whom.inviter_id, op.now()).await?;
        let still_here = here.iter().any(|membership| membership.scope.organisation == whom.organisation_id);
        if last.is_some_and(|last| last > now.minus(APART)) || !still_here {
            continue;
        }
        let mail = op.new_id();
        let count = store::mark_told(op.tx(), whom, mail, now.minus(NEWS)).await?;
        // Another node was quicker.
        if count == 0 {
            continue;
        }
        op.send(NewMail {
            id: mail,
            organisation: whom.organisation_id,
            kind: email::UNDELIVERED,
            about: whom.inviter_id.uuid(),
            generation: 1,
            recipient: identity::actions::address_of(op.tx(), whom.inviter_id).await?,
        });
        let scope = Scope::organisation(whom.organisation_id);
        op.record(Event::done("invitation.failures_told", whom.inviter_id, scope, json!({ "invitations": count })));
        op.commit().await?;
        told += 1;
    }
    Ok(told)
}
