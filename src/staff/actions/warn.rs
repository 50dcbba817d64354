//! The word, a week ahead, that somebody's access ends by its date.

use std::time::Duration;

use serde_json::json;

use crate::{
    access::Origin,
    audit::Event,
    error::Result,
    identity,
    op::{Caller, Op},
    outbox::NewMail,
    portal::Portal,
    staff::{email, store},
};

/// How long ahead people are told.
const AHEAD: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many are told in one transaction.
const AT_ONCE: u64 = 200;

/// Tells everybody whose access ends within a week, and whoever gave it, once for each end date. Nothing but the mail depends
/// on it: access ends by the clock.
///
/// # Errors
/// When the database fails.
pub async fn warn_of_endings(portal: &Portal) -> Result<usize> {
    let caller = Caller::Portal(Origin { address: "portal".to_owned(), agent: String::new() });
    let mut op = Op::begin(portal, &caller).await?;
    let ending = store::ending_soon(op.tx(), op.now(), op.now().plus(AHEAD), AT_ONCE).await?;
    let told = ending.len();
    for end in ending {
        let mut recipients = vec![(email::ENDING, end.account)];
        recipients.extend(end.granted_by.filter(|by| *by != end.account).map(|by| (email::ENDING_COLLEAGUE, by)));
        for (kind, account) in recipients {
            op.send(NewMail {
                id: op.new_id(),
                organisation: end.scope.organisation,
                kind,
                about: end.membership.uuid(),
                // Another end date makes this mail one that nobody wants any more.
                generation: end.ends_at.0,
                recipient: identity::actions::address_of(op.tx(), account).await?,
            });
        }
        store::mark_warned(op.tx(), end.membership, op.now()).await?;
        let detail = json!({ "membership": end.membership, "ends_at": end.ends_at });
        op.record(Event::done("membership.end_announced", end.account, end.scope, detail));
    }
    op.commit().await?;
    Ok(told)
}
