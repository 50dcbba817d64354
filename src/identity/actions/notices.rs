//! Security mail, and what happens when its reader says "This was not me".

use std::time::Duration;

use serde_json::{Value, json};

use super::{account_of, address_of, reset};
use crate::{
    access::{self, Origin, Scope},
    audit::{Event, Outcome},
    error::Result,
    identity::{Account, NOTICE, NoticeKind, email, links::GENERATION, store, store::notices::NoticeRow},
    keys::link::LinkCode,
    op::{Caller, Op},
    outbox::NewMail,
    portal::Portal,
    staff,
    types::{AccountId, NoticeId, OrganisationId, Timestamp},
};

/// For how long the link of a security mail works: people read their mail after their holidays.
const OPEN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many of those who manage access are told, in each organisation.
const MOST_TOLD: u64 = 10;

/// Tells somebody by mail what was done with or to their account, in the operation that does it. Which entries of the detail a kind
/// speaks of stands beside it.
///
/// # Errors
/// When the database fails.
pub async fn notify(op: &mut Op, account: AccountId, kind: NoticeKind, detail: Value) -> Result<()> {
    notify_with_witness(op, account, kind, detail, None).await
}

/// The same, and a second person who manages access is told too: what one of them does to somebody, another knows of.
///
/// # Errors
/// When the database fails.
pub async fn notify_with_witness(
    op: &mut Op,
    account: AccountId,
    kind: NoticeKind,
    mut detail: Value,
    witness: Option<AccountId>,
) -> Result<()> {
    let named = detail.get("organisation").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let organisation = match named {
        Some(organisation) => Some(organisation),
        None => access::organisation_of(op.tx(), account, op.now()).await?,
    };
    // Nobody has an account without ever having had access, unless the database was changed by hand.
    let Some(organisation): Option<OrganisationId> = organisation else { return Ok(()) };
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("organisation".to_owned(), json!(organisation));
    }
    // From where somebody who manages access did it is theirs; the mail says who it was.
    let origin = if kind.is_by_others() { Origin::default() } else { op.origin().clone() };
    let id: NoticeId = op.new_id();
    store::notices::insert(op.tx(), id, account, kind, detail.to_string(), &origin, op.now()).await?;
    op.send(NewMail {
        id: op.new_id(),
        organisation,
        kind: email::SECURITY_NOTICE,
        about: id.uuid(),
        generation: GENERATION,
        recipient: address_of(op.tx(), account).await?,
    });
    if let Some(witness) = witness {
        op.send(NewMail {
            id: op.new_id(),
            organisation,
            kind: email::SECOND_FACTOR_RESET,
            about: id.uuid(),
            generation: GENERATION,
            recipient: address_of(op.tx(), witness).await?,
        });
    }
    Ok(())
}

/// What a security mail told of, for the page behind its link.
pub struct OpenNotice {
    /// Its id.
    pub id: NoticeId,
    /// What happened.
    pub kind: NoticeKind,
    /// The same, a sentence each.
    pub sentences: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// From where; empty when somebody else did it.
    pub origin: Origin,
    /// Whose account.
    pub account: Account,
    /// Where it belongs, for the time zone.
    pub organisation: OrganisationId,
    /// Whether it was said already that it was somebody else.
    pub disowned: bool,
    /// Whether the account has access, or could have: then a link for a new password is sent.
    pub has_access: bool,
}

impl OpenNotice {
    /// What a row says; none for a row that this program cannot have written.
    pub(in crate::identity) fn from_row(row: NoticeRow) -> Option<Self> {
        let kind = NoticeKind::from_key(&row.kind)?;
        let detail: Value = serde_json::from_str(&row.detail).ok()?;
        Some(Self {
            id: row.id,
            kind,
            sentences: kind.sentences(&detail),
            at: row.created_at,
            origin: Origin { address: row.address, agent: row.agent },
            account: Account { id: row.account_id, name: row.name, email: row.email },
            organisation: detail.get("organisation")?.as_str()?.parse().ok()?,
            disowned: row.disowned_at.is_some(),
            has_access: false,
        })
    }

    /// Whether an organisation may hear what it was: what belongs to another one is not its business.
    pub(in crate::identity) fn concerns(&self, organisation: OrganisationId) -> bool {
        !self.kind.is_of_one_place() || self.organisation == organisation
    }

    /// The heading, as far as this organisation may hear it.
    fn heading_for(&self, organisation: OrganisationId) -> &'static str {
        if self.concerns(organisation) { self.kind.heading() } else { "Something was done with the account" }
    }
}

/// The notice behind a code. None for every dead one, whatever it died of. Changes nothing.
///
/// # Errors
/// [`crate::error::Error::TooMany`] after too many guesses.
pub async fn find_notice(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<Option<OpenNotice>> {
    let Some(code) = code else { return Ok(None) };
    if !reset::believe(portal, origin, &NOTICE, code).await? {
        return Ok(None);
    }
    let (db, now) = (portal.db.reader(), portal.now());
    let row = store::notices::find(db, NoticeId::from_uuid(code.id), now.minus(OPEN_FOR)).await?;
    let Some(mut notice) = row.and_then(OpenNotice::from_row) else { return Ok(None) };
    notice.has_access = reset::may_reset(db, &notice.account, now).await?.is_some();
    Ok(Some(notice))
}

/// It was not them: ends everything that is open in their name, keys too, and makes the password worthless; mails a link for a new
/// one, and tells those who manage access. All keys, not only those made since: who says so does not know when the intruder came. A
/// second time changes nothing. Whether the link was alive.
///
/// # Errors
/// [`crate::error::Error::TooMany`] after too many guesses.
pub async fn disown(portal: &Portal, origin: &Origin, code: Option<&LinkCode>) -> Result<bool> {
    let Some(notice) = find_notice(portal, origin, code).await? else { return Ok(false) };
    let organisations = told_in(portal, &notice).await?;
    let mut op = Op::begin_in_all(portal, &Caller::Visitor(origin.clone()), &organisations).await?;
    let now = op.now();
    if !store::notices::mark_disowned(op.tx(), notice.id, now.minus(OPEN_FOR), now).await? {
        return Ok(true);
    }
    let account = &notice.account;
    let (sessions, browsers) = reset::end_what_is_open(&op, account, None).await?;
    store::resets::void_password(op.tx(), account.id).await?;
    let keys = store::resets::revoke_all_keys(op.tx(), account.id, now).await?;
    for organisation in organisations {
        let what = notice.heading_for(organisation);
        op.record(Event {
            action: "account.disowned",
            subject: account.id.to_string(),
            scope: Some(Scope::organisation(organisation)),
            outcome: Outcome::Done,
            detail: json!({
                "notice": notice.id, "what": what, "sessions": sessions, "browsers": browsers, "keys": keys,
            }),
        });
        tell_managers(&mut op, &notice, organisation).await?;
    }
    if let Some(scope) = reset::may_reset(op.tx(), account, now).await? {
        reset::start_reset(&mut op, account, scope).await?;
    }
    op.commit().await?;
    Ok(true)
}

/// The organisations that the account reaches, and the one in which it happened.
async fn told_in(portal: &Portal, notice: &OpenNotice) -> Result<Vec<OrganisationId>> {
    let live = access::memberships_to_come(portal.db.reader(), notice.account.id, portal.now()).await?;
    let mut organisations: Vec<_> = live.iter().map(|membership| membership.scope.organisation).collect();
    organisations.push(notice.organisation);
    organisations.sort();
    organisations.dedup();
    Ok(organisations)
}

async fn tell_managers(op: &mut Op, notice: &OpenNotice, organisation: OrganisationId) -> Result<()> {
    // One more than are told: the person themselves may be among them.
    let found = staff::actions::access_managers(op.tx(), organisation, op.now(), MOST_TOLD + 1).await?;
    let others = found.into_iter().filter(|account| *account != notice.account.id);
    for manager in others.take(usize::try_from(MOST_TOLD).unwrap_or(usize::MAX)) {
        op.send(NewMail {
            id: op.new_id(),
            organisation,
            kind: email::DISOWNED,
            about: notice.id.uuid(),
            generation: GENERATION,
            recipient: account_of(op.tx(), manager).await?.email,
        });
    }
    Ok(())
}
