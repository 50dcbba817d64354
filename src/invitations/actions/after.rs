//! After sending: what became of a batch, and what can still be done with those who have not answered.

use std::time::Duration;

use serde_json::json;

use super::{
    limits,
    manage::resend_within,
    second_look,
    send::{mail_for, over_limit},
};
use crate::{
    access::{self, Granted, Permission, Role, RoleKey, Scope},
    audit::Event,
    error::{Error, Result},
    invitations::{Batch, BatchRow, Became, Invitation, State, Window, store, windows},
    op::{Caller, Op},
    outbox,
    portal::Portal,
    sites,
    types::{BatchId, Cursor, InvitationId, PageOf},
};

/// How many invitations one transaction works on.
const AT_ONCE: u64 = 500;
/// Whoever was sent to so lately is left out when all are resent: a second press would mail everybody twice.
const JUST_SENT: Duration = Duration::from_secs(120);

/// What became of several, in numbers and with a reason for each that could not be done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How many were done.
    pub done: u64,
    /// Not done: address and reason.
    pub not_done: Vec<(String, String)>,
}

/// What undoing a batch did.
#[derive(Clone, Debug, Default)]
pub struct Undone {
    /// Invitations that were taken back.
    pub deleted: u64,
    /// Who had joined already, by address; they stay.
    pub joined: Vec<String>,
}

/// What is to change about those who have not answered.
#[derive(Clone, Copy, Debug)]
pub enum PendingChange {
    /// The role; every earlier link is dead and a new one is mailed.
    Role(RoleKey),
    /// For how long the link works, from now.
    Window(Window),
}

async fn find_batch(portal: &Portal, caller: &Caller, scope: Scope, id: BatchId) -> Result<Batch> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    store::find_batch(portal.db.reader(), &visible, id).await?.ok_or(Error::NotFound)
}

/// How many of a batch ended how; each invitation counts once.
///
/// # Errors
/// [`Error::NotFound`] when there is no such batch where the caller may invite.
pub async fn count_batch(portal: &Portal, caller: &Caller, scope: Scope, id: BatchId) -> Result<Vec<(Became, u64)>> {
    find_batch(portal, caller, scope, id).await?;
    Ok(store::count_became(portal.db.reader(), id, portal.now()).await?)
}

/// One page of a batch's invitations.
///
/// # Errors
/// As [`count_batch`].
pub async fn list_batch(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: BatchId,
    became: Option<Became>,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<BatchRow>> {
    find_batch(portal, caller, scope, id).await?;
    let rows = store::list_became(portal.db.reader(), id, became, from, size, portal.now()).await?;
    Ok(PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", row.invitation.id, backwards)))
}

/// Mails the same links again to all that have not answered, and restarts their windows.
///
/// # Errors
/// As [`count_batch`]; what was done before a failure stays done.
pub async fn resend_batch(portal: &Portal, caller: &Caller, scope: Scope, id: BatchId) -> Result<Tally> {
    find_batch(portal, caller, scope, id).await?;
    each_part(portal, caller, scope, id, None).await
}

async fn resend_part(op: &mut Op, granted: &Granted, part: Vec<Invitation>) -> Result<Tally> {
    let lately = op.now().minus(JUST_SENT);
    let mut tally = Tally::default();
    let mut ids = Vec::with_capacity(part.len());
    for open in part {
        // Resending a held one would approve it, which somebody must mean.
        let reason = match open.state {
            State::Held => "It is held; approve or delete it",
            _ if open.sent_at > lately => "It was sent a moment ago",
            _ => {
                ids.push(open.id);
                continue;
            }
        };
        tally.not_done.push((open.email.to_string(), reason.to_owned()));
    }
    let done = resend_within(op, granted, &ids).await?;
    tally.done = done.done.len() as u64;
    tally.not_done.extend(done.not_done.into_iter().map(|(_, email, reason)| (email, reason)));
    Ok(tally)
}

/// Changes the role or the window of all that have not answered. The grant rule is asked for each.
///
/// # Errors
/// As [`count_batch`], or when there is no such role or window.
pub async fn change_batch(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: BatchId,
    change: PendingChange,
) -> Result<Tally> {
    find_batch(portal, caller, scope, id).await?;
    if matches!(change, PendingChange::Role(_)) {
        // For all of them at once, as changing roles by hand.
        caller.require_fresh_proof(portal.now())?;
    }
    if let PendingChange::Role(key) = change
        && access::find_role(portal.db.reader(), scope.organisation, key).await?.is_none()
    {
        return Err(Error::field("role", "Choose a role from the list"));
    }
    if let PendingChange::Window(window) = change
        && window.length(portal.now()).is_none()
    {
        return Err(Error::field("window", "Choose a day within the next 30 days"));
    }
    each_part(portal, caller, scope, id, Some(change)).await
}

async fn change_part(op: &mut Op, granted: &Granted, part: Vec<Invitation>, change: PendingChange) -> Result<Tally> {
    let mut tally = Tally::default();
    for open in part {
        let email = open.email.to_string();
        match change_one(op, granted, open, change).await? {
            Ok(()) => tally.done += 1,
            Err(reason) => tally.not_done.push((email, reason)),
        }
    }
    if matches!(change, PendingChange::Role(_)) {
        let account = op.actor()?.account;
        limits::count_senders(op, account, granted.scope().organisation, usize::try_from(tally.done).unwrap_or(0))
            .await?;
    }
    Ok(tally)
}

/// Goes through the open invitations of a batch, some of them in each transaction, in order of their ids; without a change they are
/// resent.
async fn each_part(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    batch: BatchId,
    change: Option<PendingChange>,
) -> Result<Tally> {
    let mut whole = Tally::default();
    let mut after: Option<InvitationId> = None;
    loop {
        let op = Op::begin(portal, caller).await?;
        let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
        let part = store::open_of_batch(op.tx(), &granted, batch, after, Some(AT_ONCE)).await?;
        let Some(last) = part.last().map(|open| open.id) else { return Ok(whole) };
        after = Some(last);
        let tally = match change {
            Some(change) => change_part(&mut op, &granted, part, change).await,
            None => resend_part(&mut op, &granted, part).await,
        };
        let tally = match tally {
            // The parts before this one are done; this one and the rest are not.
            Err(Error::OverLimit { text, .. }) if whole.done > 0 => {
                whole.not_done.push(("The rest".to_owned(), text));
                return Ok(whole);
            }
            Err(error) => return Err(over_limit(op, "invitation.resend_refused", scope, scope, error).await),
            Ok(tally) => tally,
        };
        op.commit().await?;
        whole.done += tally.done;
        whole.not_done.extend(tally.not_done);
    }
}

async fn change_one(
    op: &mut Op,
    granted: &Granted,
    open: Invitation,
    change: PendingChange,
) -> Result<Result<(), String>> {
    if open.state != State::Pending {
        return Ok(Err("It is held; approve or delete it".to_owned()));
    }
    let key = match change {
        PendingChange::Role(key) => key,
        PendingChange::Window(_) => open.role,
    };
    let Some(role) = access::find_role(op.tx(), open.scope.organisation, key).await? else {
        return Ok(Err("Its role no longer exists".to_owned()));
    };
    if let Err(refusal) = granted.may_grant(&role, &open.scope) {
        let detail = json!({ "email": open.email.as_str(), "role": key.to_string(), "reason": refusal.to_string() });
        op.record(Event::refused("invitation.change_refused", open.id, Some(open.scope), detail));
        return Ok(Err(refusal.to_string()));
    }
    match change {
        PendingChange::Role(_) if open.role == role.key => Ok(Ok(())),
        PendingChange::Role(_) => change_role(op, &open, &role).await,
        PendingChange::Window(window) => {
            let now = op.now();
            let Some(length) = window.length(now) else { return Ok(Err("This day has passed".to_owned())) };
            let by = op.actor()?.account;
            let organisation = sites::actions::place_of(op.tx(), open.scope).await?.organisation;
            let expires_at = windows::expiry(&organisation, length, now);
            store::set_window(op.tx(), &[open.id], length, by, expires_at).await?;
            let detail = json!({ "email": open.email.as_str(), "expires": expires_at });
            op.record(Event::done("invitation.window_changed", open.id, open.scope, detail));
            Ok(Ok(()))
        }
    }
}

/// Another role, another generation, another mail: whoever has the earlier link must not get more or less than it said.
async fn change_role(op: &mut Op, open: &Invitation, role: &Role) -> Result<Result<(), String>> {
    let now = op.now();
    let place = sites::actions::place_of(op.tx(), open.scope).await?;
    let zone = place.time_zone();
    if let Err(reason) = limits::count_recipient(op, &open.email, &zone).await? {
        return Ok(Err(reason));
    }
    let new = Invitation {
        role: role.key,
        role_permissions: role.permissions,
        generation: open.generation + 1,
        mail: op.new_id(),
        ..open.clone()
    };
    outbox::withdraw(op.tx(), &[open.mail], now).await?;
    op.send(mail_for(&new));
    op.flush_mails().await?;
    store::mark_role_replaced(op.tx(), &new).await?;
    let by = op.actor()?.account;
    let expires_at = windows::expiry(&place.organisation, new.window, now);
    if !store::mark_resent(op.tx(), &new, new.mail, by, role.permissions, expires_at, now).await? {
        return Ok(Err("It is no longer pending".to_owned()));
    }
    if second_look::is_needed(op.tx(), new.scope, role, Some(by)).await? {
        second_look::ask_again(op, &new).await?;
    }
    let detail = json!({
        "email": new.email.as_str(), "from": open.role.to_string(), "to": role.key.to_string(), "to_name": role.name,
    });
    op.record(Event::done("invitation.replaced_role", new.id, new.scope, detail));
    Ok(Ok(()))
}

/// Takes back everything of a batch that is still open, in one operation: a wrong file leaves nothing half undone. Who has joined
/// already stays, and is told by address.
///
/// # Errors
/// As [`count_batch`].
pub async fn undo_batch(portal: &Portal, caller: &Caller, scope: Scope, id: BatchId) -> Result<Undone> {
    let batch = find_batch(portal, caller, scope, id).await?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let open = store::open_of_batch(op.tx(), &granted, id, None, None).await?;
    let ids: Vec<_> = open.iter().map(|open| open.id).collect();
    let mails: Vec<_> = open.iter().map(|open| open.mail).collect();
    store::mark_deleted(op.tx(), &granted, &ids, op.now()).await?;
    outbox::withdraw(op.tx(), &mails, op.now()).await?;
    for open in &open {
        let detail = json!({ "email": open.email.as_str(), "batch": id });
        op.record(Event::done("invitation.deleted", open.id, open.scope, detail));
    }
    let mut undone = Undone { deleted: open.len() as u64, joined: Vec::new() };
    let mut from = None;
    loop {
        let rows = store::list_became(op.tx(), id, Some(Became::Joined), from.as_ref(), 1_000, op.now()).await?;
        let page = PageOf::cut(rows, 1_000, from.as_ref(), |row, _| Cursor::new("", row.invitation.id, false));
        undone.joined.extend(page.rows.iter().map(|row| row.invitation.email.to_string()));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    if undone.deleted > 0 {
        let detail = json!({ "deleted": undone.deleted, "joined": undone.joined.len() });
        op.record(Event::done("batch.undone", id, batch.scope, detail));
    }
    op.commit().await?;
    Ok(undone)
}
