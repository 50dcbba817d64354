//! What became of a batch: who was invited, who was not, and why.

use askama::Template;
use axum::extract::{Path, State};

use crate::{
    access,
    error::Error,
    identity::door::SignedIn,
    invitations::actions,
    portal::Portal,
    sites,
    types::BatchId,
    web::{Frame, PageResult, When, page},
};

/// A row that was not sent.
pub struct OutcomeRow {
    text: String,
    reason: String,
    resend: Option<String>,
}

#[derive(Template)]
#[template(path = "batch.html")]
struct BatchPage {
    frame: Frame,
    heading: String,
    summary: String,
    sent: Vec<String>,
    sent_more: u64,
    not_sent: Vec<OutcomeRow>,
    role: String,
    expires: When,
    access_until: Option<When>,
    pending_url: String,
    again_url: String,
}

/// A page shows this many of those who were invited by name.
const SENT_SHOWN: usize = 200;

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let id: BatchId = id.parse().map_err(|_| Error::NotFound)?;
    let batch = actions::show_batch(&portal, &caller, place.scope, id).await?;
    let names = access::role_names(portal.db.reader(), place.scope.organisation).await?;
    let named = |role: String| names.get(&role).cloned().unwrap_or(role);
    let role = batch.role.map_or_else(|| "Several".to_owned(), |role| named(role.to_string()));
    let (sent, not_sent) = (batch.answer.sent.len(), batch.answer.not_sent.len());
    let heading = match sent {
        0 => "No invites sent".to_owned(),
        1 => "1 invite sent".to_owned(),
        n => format!("{n} invites sent"),
    };
    let summary = match (sent, not_sent) {
        (0, _) => "Nobody on the list could be invited; the reasons are below.".to_owned(),
        (_, 0) => "Each of them gets a mail with a link of their own.".to_owned(),
        (_, n) => format!(
            "Each of them gets a mail with a link of their own. {n} on the list were not invited; the reasons are below."
        ),
    };
    // All of a batch have the same end; the batch itself does not keep it.
    let access_until = match batch.answer.sent.first() {
        Some(row) => actions::show_invitation(&portal, &caller, row.invitation).await?.access_until,
        None => None,
    };
    let path = place.scope.path();
    page(&BatchPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, &heading).await?,
        heading,
        summary,
        sent: batch.answer.sent.iter().take(SENT_SHOWN).map(|row| row.email.clone()).collect(),
        sent_more: sent.saturating_sub(SENT_SHOWN) as u64,
        not_sent: batch
            .answer
            .not_sent
            .into_iter()
            .map(|row| OutcomeRow {
                text: row.text,
                reason: row.reason,
                resend: row.invitation.map(|id| id.to_string()),
            })
            .collect(),
        role,
        access_until: access_until.map(|end| When::new(end, portal.now(), &place.time_zone())),
        expires: When::new(batch.expires_at, portal.now(), &place.time_zone()),
        pending_url: format!("{path}/invitations"),
        again_url: format!("{path}/invitations/new"),
    })
}
