//! Managing what is pending: list, resend, delete, copy the link.

use serde_json::json;

use super::{
    limits, second_look,
    send::{mail_for, over_limit},
};
use crate::{
    access::{self, Granted, Permission, Scope},
    audit::{self, Event, Outcome, view::Line},
    error::{Error, Result},
    invitations::{Invitation, PendingRow, SecondLook, Sort, State, email, link_of, store, store::Query, windows},
    op::{Caller, Op},
    outbox::{self, Story},
    portal::Portal,
    sites::{self, Organisation},
    types::{Cursor, InvitationId, PageOf},
};

/// What became of each of several invitations.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Done, by address.
    pub done: Vec<(InvitationId, String)>,
    /// Not done, with the reason. The address is empty when there is no such invitation.
    pub not_done: Vec<(InvitationId, String, String)>,
}

/// One page of the open invitations of a scope.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_pending(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    query: &Query,
    size: usize,
) -> Result<PageOf<PendingRow>> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    let rows = store::list(portal.db.reader(), &visible, query, size, portal.now()).await?;
    Ok(PageOf::cut(rows, size, query.from.as_ref(), |row, backwards| {
        let value = match query.sort {
            Sort::Sent => row.invitation.sent_at.0.to_string(),
            Sort::Email => row.invitation.email.key().to_owned(),
            Sort::Expires => row.invitation.expires_at.0.to_string(),
        };
        Cursor::new(value, row.invitation.id, backwards)
    }))
}

/// One open invitation.
///
/// # Errors
/// [`Error::NotFound`] when there is none where the caller may invite.
pub async fn show_invitation(portal: &Portal, caller: &Caller, id: InvitationId) -> Result<Invitation> {
    let invitation = store::find(portal.db.reader(), id).await?.ok_or(Error::NotFound)?;
    caller.scope(portal, Permission::InviteStaff, invitation.scope).await?;
    Ok(invitation)
}

/// One invitation as the list shows it, in whatever state.
///
/// # Errors
/// [`Error::NotFound`] when there is none in this scope.
pub async fn show_row(portal: &Portal, caller: &Caller, scope: Scope, id: InvitationId) -> Result<PendingRow> {
    let visible = caller.scope(portal, Permission::InviteStaff, scope).await?;
    store::find_row(portal.db.reader(), &visible, id).await?.ok_or(Error::NotFound)
}

/// What is known of an invitation's past.
pub struct History {
    /// What the access log says, oldest first.
    pub events: Vec<Line>,
    /// Its mails, oldest first.
    pub mails: Vec<Story>,
}

/// What happened to an invitation and to its mails.
///
/// # Errors
/// When the caller may not invite there.
pub async fn history_of(portal: &Portal, caller: &Caller, invitation: &Invitation) -> Result<History> {
    let visible = caller.scope(portal, Permission::InviteStaff, invitation.scope).await?;
    let events = audit::actions::history_of(portal, &visible, &invitation.id.to_string(), "invitation").await?;
    let mails = outbox::stories(portal.db.reader(), invitation.id.uuid()).await?;
    Ok(History { events, mails: mails.into_iter().filter(|story| story.kind != email::DECLINED).collect() })
}

/// Mails the same links again and restarts their windows; held invitations are approved by it. Whoever resends answers for the invitations from now on, so the
/// grant rule is asked of them.
///
/// # Errors
/// When the caller may not invite there; single invitations that cannot be resent are told in the answer.
pub async fn resend_invitations(portal: &Portal, caller: &Caller, scope: Scope, ids: &[InvitationId]) -> Result<Done> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    match resend_within(&mut op, &granted, ids).await {
        Ok(done) => {
            op.commit().await?;
            Ok(done)
        }
        Err(error) => Err(over_limit(op, "invitation.resend_refused", scope, scope, error).await),
    }
}

/// The same inside an operation that does more.
///
/// # Errors
/// [`Error::OverLimit`] when these are more mails than may go in a day; the operation must then end without effect.
pub async fn resend_within(op: &mut Op, granted: &Granted, ids: &[InvitationId]) -> Result<Done> {
    let mut found = store::find_open(op.tx(), granted, ids).await?;
    let mut done = missing(ids, &found);
    // Recipients are counted in one order, so that no two operations wait for each other.
    found.sort_by(|one, other| one.email.key().cmp(other.email.key()));
    for invitation in found {
        match resend_one(op, granted, &invitation).await? {
            Ok(()) => done.done.push((invitation.id, invitation.email.to_string())),
            Err(reason) => {
                let detail = json!({ "email": invitation.email.as_str(), "reason": reason });
                op.record(Event::refused("invitation.resend_refused", invitation.id, Some(invitation.scope), detail));
                done.not_done.push((invitation.id, invitation.email.to_string(), reason));
            }
        }
    }
    let account = op.actor()?.account;
    limits::count_senders(op, account, granted.scope().organisation, done.done.len()).await?;
    Ok(done)
}

/// Resends one, or says why not.
async fn resend_one(op: &mut Op, granted: &Granted, invitation: &Invitation) -> Result<Result<(), String>> {
    match invitation.state {
        State::Pending | State::Held => {}
        _ => return Ok(Err("It was declined; invite the person anew".to_owned())),
    }
    let Some(role) = access::find_role(op.tx(), invitation.scope.organisation, invitation.role).await? else {
        return Ok(Err("Its role no longer exists".to_owned()));
    };
    if let Err(refusal) = granted.may_grant(&role, &invitation.scope) {
        return Ok(Err(refusal.to_string()));
    }
    let now = op.now();
    if invitation.access_until.is_some_and(|end| end <= now) {
        return Ok(Err("The access that it gives has ended already; invite the person anew".to_owned()));
    }
    let by = op.actor()?.account;
    if let Err(reason) = second_look::judge(invitation, by) {
        return Ok(Err(reason));
    }
    // Whoever looks a second time agrees with whoever invited, who still answers for it and tells the code.
    let inviter = match (invitation.second_look, invitation.inviter) {
        (SecondLook::Waiting, Some(inviter)) => inviter,
        _ => by,
    };
    let place = sites::actions::place_of(op.tx(), invitation.scope).await?;
    if let Err(reason) = limits::count_recipient(op, &invitation.email, &place.time_zone()).await? {
        return Ok(Err(reason));
    }
    let expires_at = windows::expiry(&place.organisation, invitation.window, now);
    let again = Invitation { mail: op.new_id(), ..invitation.clone() };
    outbox::withdraw(op.tx(), &[invitation.mail], now).await?;
    op.send(mail_for(&again));
    op.flush_mails().await?;
    if !store::mark_resent(op.tx(), invitation, again.mail, inviter, role.permissions, expires_at, now).await? {
        return Ok(Err("It is no longer pending".to_owned()));
    }
    let detail = json!({ "email": invitation.email.as_str(), "expires": expires_at });
    let action = if invitation.state == State::Held { "invitation.approved" } else { "invitation.resent" };
    op.record(Event::done(action, invitation.id, invitation.scope, detail));
    Ok(Ok(()))
}

/// Takes invitations back: their links stop working at once, and mails that are still queued are never sent. Taking back is
/// always safe, so the grant rule is not asked.
///
/// # Errors
/// When the caller may not invite there.
pub async fn delete_invitations(portal: &Portal, caller: &Caller, scope: Scope, ids: &[InvitationId]) -> Result<Done> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let found = store::find_open(op.tx(), &granted, ids).await?;
    let mut done = missing(ids, &found);
    let now = op.now();
    let found_ids: Vec<_> = found.iter().map(|invitation| invitation.id).collect();
    let mails: Vec<_> = found.iter().map(|invitation| invitation.mail).collect();
    store::mark_deleted(op.tx(), &granted, &found_ids, now).await?;
    outbox::withdraw(op.tx(), &mails, now).await?;
    for invitation in found {
        op.record(Event::done(
            "invitation.deleted",
            invitation.id,
            invitation.scope,
            json!({ "email": invitation.email.as_str() }),
        ));
        done.done.push((invitation.id, invitation.email.to_string()));
    }
    op.commit().await?;
    Ok(done)
}

fn missing(ids: &[InvitationId], found: &[Invitation]) -> Done {
    let reason = "It is no longer pending";
    let gone = ids.iter().filter(|id| !found.iter().any(|invitation| invitation.id == **id));
    Done { done: Vec::new(), not_done: gone.map(|id| (*id, String::new(), reason.to_owned())).collect() }
}

/// Whether links may be copied in this organisation: where there is no mail server, or where it was allowed.
pub fn may_copy_links(portal: &Portal, organisation: &Organisation) -> bool {
    portal.config.smtp_url.is_none() || organisation.allow_copy_link
}

/// The link itself, for handing over by another way than mail. Goes into the access log; an account made from it counts as not
/// proven. The grant rule is asked, because whoever has the link can use it.
///
/// # Errors
/// When it is not allowed here, or the invitation is not pending.
pub async fn copy_link(portal: &Portal, caller: &Caller, scope: Scope, id: InvitationId) -> Result<(String, String)> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::InviteStaff, scope).await?;
    let found = store::find_open(op.tx(), &granted, &[id]).await?;
    let invitation = found.into_iter().next().ok_or(Error::NotFound)?;
    let place = sites::actions::place_of(op.tx(), invitation.scope).await?;
    let refused = |reason: &str| Event {
        action: "invitation.copy_refused",
        subject: id.to_string(),
        scope: Some(invitation.scope),
        outcome: Outcome::Refused,
        detail: json!({ "email": invitation.email.as_str(), "reason": reason }),
    };
    if !may_copy_links(portal, &place.organisation) {
        let reason = "Links cannot be copied here, because a mail server is set up";
        return Err(op.refuse(refused(reason), Error::Conflict(reason.to_owned())).await);
    }
    if invitation.state != State::Pending || invitation.expires_at <= op.now() {
        return Err(Error::Conflict("This link no longer works; resend the invitation first".to_owned()));
    }
    let role =
        access::find_role(op.tx(), invitation.scope.organisation, invitation.role).await?.ok_or(Error::NotFound)?;
    if let Err(refusal) = granted.may_grant(&role, &invitation.scope) {
        return Err(op.refuse(refused(&refusal.to_string()), Error::Forbidden(refusal)).await);
    }
    store::mark_copied(op.tx(), id).await?;
    op.record(Event::done(
        "invitation.link_copied",
        id,
        invitation.scope,
        json!({ "email": invitation.email.as_str() }),
    ));
    op.commit().await?;
    Ok((invitation.email.to_string(), link_of(portal, id, invitation.generation).0))
}
