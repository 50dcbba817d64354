//! An invited person who asks for a new password has no account yet: they get their invitation again.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::send::mail_for;
use crate::{
    audit::Event,
    error::Result,
    invitations::{Invitation, store},
    op::Op,
    outbox,
    types::Timestamp,
};

/// The newest invitation to this address (compare form) that somebody could accept now: pending, and neither its window nor the
/// access that it gives has ended.
///
/// # Errors
/// When the database fails.
pub async fn acceptable_by(db: &impl ConnectionTrait, email_key: &str, now: Timestamp) -> Result<Option<Invitation>> {
    Ok(store::acceptable_by(db, email_key, now).await?)
}

/// Mails an invitation again: the same link, in the same window. Nobody answers for it anew, so nothing else changes.
///
/// # Errors
/// When the database fails.
pub async fn mail_again(op: &mut Op, invitation: &Invitation) -> Result<()> {
    let again = Invitation { mail: op.new_id(), ..invitation.clone() };
    op.send(mail_for(&again));
    op.flush_mails().await?;
    // Withdrawn, corrected or accepted a moment ago: then the mail is none of the invitation's, and is not sent.
    if store::set_mail_if_acceptable(op.tx(), invitation, again.mail, op.now()).await? {
        outbox::withdraw(op.tx(), &[invitation.mail], op.now()).await?;
        let detail = json!({ "email": invitation.email.as_str() });
        op.record(Event::done("invitation.mailed_again", invitation.id, invitation.scope, detail));
    }
    Ok(())
}
