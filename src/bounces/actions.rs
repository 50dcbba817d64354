//! Taking in what is reported, and telling an Admin where to report it.

use serde_json::json;

use super::{Named, Report, Taken, Token, Verdict};
use crate::{
    access::{Origin, Scope},
    audit::Event,
    contact,
    error::{Error, Result},
    invitations,
    op::{Caller, Op},
    outbox::{
        Known,
        life::{self, Stage},
        returned,
    },
    portal::Portal,
    sites,
    types::{EmailAddress, OrganisationId},
};

/// Reports in a minute that an organisation's provider may send; far more than a batch that is refused as a whole.
const MOST_IN_A_MINUTE: i64 = 1_200;

/// The webhook's address, for an Admin of the whole organisation: whoever has it can mark mails as bounced.
///
/// # Errors
/// When the caller is no such Admin, or has not proved themselves lately.
pub async fn webhook_address(portal: &Portal, caller: &Caller, organisation: OrganisationId) -> Result<String> {
    let scope = Scope::organisation(organisation);
    let op = Op::begin(portal, caller).await?;
    let (mut op, _) = op.require_admin(scope).await?;
    op.require_fresh_proof()?;
    let generation = sites::actions::bounce_generation(op.tx(), organisation).await?.ok_or(Error::NotFound)?;
    op.record(Event::done("bounces.address_shown", scope, scope, json!({})));
    op.commit().await?;
    Ok(address(portal, organisation, generation))
}

/// Makes the webhook's address anew; the one before stops working at once.
///
/// # Errors
/// As [`webhook_address`].
pub async fn change_address(portal: &Portal, caller: &Caller, organisation: OrganisationId) -> Result<String> {
    let scope = Scope::organisation(organisation);
    let op = Op::begin(portal, caller).await?;
    let (mut op, proof) = op.require_admin(scope).await?;
    op.require_fresh_proof()?;
    let generation = sites::actions::raise_bounce_generation(&op, &proof).await?;
    op.record(Event::done("bounces.address_changed", scope, scope, json!({})));
    op.commit().await?;
    Ok(address(portal, organisation, generation))
}

fn address(portal: &Portal, organisation: OrganisationId, generation: i64) -> String {
    portal.config.url(&format!("/webhooks/bounces/{}", Token::of(&portal.keys, organisation, generation)))
}

/// The organisation whose present address this token is of; none for everything else.
///
/// # Errors
/// When the database fails.
pub async fn organisation_of(portal: &Portal, token: &str) -> Result<Option<OrganisationId>> {
    let Some(token) = Token::parse(token) else { return Ok(None) };
    let known = sites::actions::bounce_generation(portal.db.reader(), token.organisation).await?;
    Ok(known.filter(|generation| token.fits(&portal.keys, *generation)).map(|_| token.organisation))
}

/// Counts a request of an organisation's provider.
///
/// # Errors
/// [`Error::TooMany`] when there were too many in this minute.
pub async fn count_request(portal: &Portal, organisation: OrganisationId) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    let reports = returned::count_report(&tx, organisation, portal.now()).await?;
    tx.commit().await?;
    if reports > MOST_IN_A_MINUTE {
        return Err(Error::TooMany { retry_after: std::time::Duration::from_secs(60) });
    }
    Ok(())
}

/// Takes reports in. With an organisation, mails of others are as if there were none.
///
/// # Errors
/// When the database fails.
pub async fn take(
    portal: &Portal,
    origin: &Origin,
    organisation: Option<OrganisationId>,
    reports: &[Report],
) -> Result<Taken> {
    let mut taken = Taken::default();
    for report in reports {
        let found = find(portal, organisation, report).await?;
        let Some(known) = found.filter(|known| organisation.is_none_or(|own| own == known.organisation_id)) else {
            taken.not_ours += 1;
            continue;
        };
        match (report.verdict, take_one(portal, origin, &known, report).await?) {
            (Verdict::Failed, true) => taken.bounced += 1,
            (Verdict::Delayed, true) => taken.delayed += 1,
            _ => taken.nothing_new += 1,
        }
    }
    Ok(taken)
}

async fn find(portal: &Portal, organisation: Option<OrganisationId>, report: &Report) -> Result<Option<Known>> {
    let db = portal.db.reader();
    match &report.mail {
        Named::Ours(id, generation) => {
            Ok(returned::find(db, *id).await?.filter(|known| known.generation == *generation))
        }
        // The id of another server says nothing by itself; with the address it does.
        Named::Theirs(id) => {
            let address = report.recipient.as_deref().and_then(|text| EmailAddress::parse(text).ok());
            let (Some(address), Some(organisation)) = (address, organisation) else { return Ok(None) };
            let about = invitations::actions::ever_sent_to(db, organisation, &address).await?;
            Ok(returned::find_by_answer(db, &about, id).await?)
        }
    }
}

/// Whether the report told something new.
async fn take_one(portal: &Portal, origin: &Origin, known: &Known, report: &Report) -> Result<bool> {
    if report.verdict == Verdict::Other {
        return Ok(false);
    }
    let mut op = Op::begin_in(portal, &Caller::Portal(origin.clone()), known.organisation_id).await?;
    let now = op.now();
    if report.verdict == Verdict::Delayed {
        let news = returned::mark_delayed(op.tx(), known, &report.answer, now).await?;
        op.commit().await?;
        return Ok(news);
    }
    if !returned::mark_bounced(op.tx(), known, &report.answer, now).await? {
        return Ok(false);
    }
    let reason = life::reason(Stage::Bounced, &report.answer).map(|reason| reason.sentence);
    let detail = json!({ "email": known.recipient, "reason": reason, "answer": report.answer, "mail": known.id });
    // A patient's address stands in no log, and what a server says of it may hold it.
    if let Some((patient, scope)) = contact::actions::patient_of_mail(&op, known).await? {
        op.record(Event::done("patient.mail_bounced", patient, scope, json!({ "reason": reason, "mail": known.id })));
        op.commit().await?;
        return Ok(true);
    }
    match invitations::actions::of_mail(op.tx(), known).await? {
        Some((id, scope)) => op.record(Event::done("invitation.bounced", id, scope, detail)),
        None => op.record(Event::done("mail.bounced", known.id, Scope::organisation(known.organisation_id), detail)),
    }
    op.commit().await?;
    Ok(true)
}
