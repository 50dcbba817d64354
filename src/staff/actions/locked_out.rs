//! Help for the locked-out: resetting somebody's second factor, and mailing them a link to choose a new password. An account is one,
//! wherever it has access; so whoever helps must be able to change every access that the person has.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use super::access_managers;
use crate::{
    access::{self, Actor, Permission, Refusal, Scope, Target, Via},
    audit::Event,
    error::{Error, Result},
    identity::{
        self, Account, Factors, NoticeKind,
        actions::notices::{notify, notify_with_witness},
    },
    op::{Caller, Op},
    portal::Portal,
    staff::{Member, actions},
    types::{AccountId, MembershipId, OrganisationId, Timestamp},
};

/// The longest reason.
pub const LONGEST_REASON: usize = 500;

/// Somebody who may be helped, as the pages ask about them.
#[derive(Clone, Debug)]
pub struct LockedOut {
    /// Name.
    pub name: String,
    /// Address: where mail goes to.
    pub email: String,
    /// What second factors they have now.
    pub factors: Factors,
    /// Who else is told when the second factor is reset; none where there is nobody else.
    pub witness: Option<String>,
}

/// Looks at somebody before helping them: the same rule is asked as when it is done.
///
/// # Errors
/// [`Error::Forbidden`] when this person cannot be helped by the caller, [`Error::NotFound`] when there is no such person there,
/// [`Error::StepUpRequired`] when the proof is not fresh.
pub async fn look_at_locked_out(portal: &Portal, caller: &Caller, scope: Scope, id: MembershipId) -> Result<LockedOut> {
    caller.scope(portal, Permission::ManageStaff, scope).await?;
    let (db, now, actor) = (portal.db.reader(), portal.now(), caller.actor()?);
    let member = actions::show_member(portal, caller, scope, id).await?;
    judge(db, actor, member.account, now).await??;
    caller.require_fresh_proof(now)?;
    let witness = witness(db, scope.organisation, actor.account, member.account, now).await?;
    Ok(LockedOut {
        factors: identity::actions::factors_in(db, member.account).await?,
        witness: match witness {
            Some(id) => Some(identity::actions::name_of(db, id).await?),
            None => None,
        },
        name: member.name,
        email: member.email,
    })
}

/// Whether the actor may change every access that the account has at present. Where else it has some is not said.
async fn judge(
    db: &impl ConnectionTrait,
    actor: &Actor,
    account: AccountId,
    now: Timestamp,
) -> Result<Result<(), Refusal>> {
    if account == actor.account {
        return Ok(Err(Refusal::Own));
    }
    for membership in access::memberships_to_come(db, account, now).await? {
        let Ok(granted) = actor.grant(Permission::ManageStaff, membership.scope) else {
            return Ok(Err(Refusal::Elsewhere));
        };
        let target = Target { own: false, role: &membership.role, at: &membership.scope, last_admin: false };
        if let Err(refusal) = granted.may_change(&target, None) {
            return Ok(Err(refusal));
        }
    }
    Ok(Ok(()))
}

/// Only a person can help: a key can prove nobody, and is refused before anything is told.
const fn require_person(actor: &Actor) -> Result<()> {
    match actor.via {
        Via::ApiKey { .. } => Err(Error::StepUpRequired),
        Via::Session(_) | Via::Terminal | Via::Later => Ok(()),
    }
}

/// Another person who manages access in the whole organisation, and is neither of the two.
async fn witness(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    by: AccountId,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<AccountId>> {
    // Both may be among the first.
    let found = access_managers(db, organisation, now, 8).await?;
    Ok(found.into_iter().find(|manager| *manager != by && *manager != account))
}

/// An operation that may help this very person.
async fn begin(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: MembershipId,
    refused: &'static str,
    reason: Option<&str>,
) -> Result<(Op, Member, Account)> {
    let op = Op::begin(portal, caller).await?;
    let (op, granted) = op.require(Permission::ManageStaff, scope).await?;
    require_person(op.actor()?)?;
    let member = actions::members(&op, &granted, &[id]).await?.pop().ok_or(Error::NotFound)?;
    if let Err(refusal) = judge(op.tx(), op.actor()?, member.account, op.now()).await? {
        let mut detail = json!({ "membership": member.membership, "reason": refusal.to_string() });
        if let (Some(detail), Some(given)) = (detail.as_object_mut(), reason) {
            detail.insert("given_reason".to_owned(), json!(given));
        }
        let event = Event::refused(refused, member.account, Some(member.scope), detail);
        return Err(op.refuse(event, Error::Forbidden(refusal)).await);
    }
    op.require_fresh_proof()?;
    let account = identity::actions::account_of(op.tx(), member.account).await?;
    Ok((op, member, account))
}

/// The reason as it is kept: one line.
fn parse_reason(text: &str) -> Result<String> {
    let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let invisible = reason.chars().any(char::is_control);
    match reason.chars().count() {
        0 => Err(Error::field("reason", "Write why, and how you made sure that it is this person who asks")),
        n if n > LONGEST_REASON => Err(Error::field("reason", format!("Use at most {LONGEST_REASON} characters"))),
        _ if invisible => Err(Error::field("reason", "The reason contains a character that cannot be seen")),
        _ => Ok(reason),
    }
}

/// What became of a reset.
#[derive(Clone, Debug)]
pub struct ResetDone {
    /// Whose second factor.
    pub name: String,
    /// Who else was told; none where there is nobody else.
    pub witness: Option<String>,
}

/// Resets somebody's second factor: it is taken away with its recovery codes, their sessions end, and no browser of theirs is trusted.
/// They set up a new one with their password at the next sign-in. They are told by mail who did it and why, and so is a second person
/// who manages access.
///
/// # Errors
/// [`Error::Invalid`] without a reason, [`Error::Forbidden`] for oneself and for whoever has any access that the caller may not change,
/// [`Error::StepUpRequired`] when the proof is not fresh, or for a key.
pub async fn reset_second_factor(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    id: MembershipId,
    reason: &str,
) -> Result<ResetDone> {
    let refused = "second_factor.reset_refused";
    let reason = parse_reason(reason)?;
    let (mut op, member, account) = begin(portal, caller, scope, id, refused, Some(&reason)).await?;
    let by = op.actor()?.clone();
    let taken = identity::actions::take_factors_away(&mut op, &account).await?;
    let witness = witness(op.tx(), scope.organisation, by.account, account.id, op.now()).await?;
    let told = match witness {
        Some(id) => Some(identity::actions::name_of(op.tx(), id).await?),
        None => None,
    };
    let detail = json!({
        "reason": reason, "had": taken.factors.to_string(), "sessions": taken.sessions, "browsers": taken.browsers,
        "also_told": told.clone().unwrap_or_else(|| "nobody: nobody else manages staff in the whole organisation".to_owned()),
    });
    record_everywhere(&mut op, &member, "second_factor.reset", &detail).await?;
    let told_detail = json!({ "by": by.name, "reason": reason, "organisation": scope.organisation });
    notify_with_witness(&mut op, account.id, NoticeKind::SecondFactorReset, told_detail, witness).await?;
    op.commit().await?;
    Ok(ResetDone { name: account.name, witness: told })
}

/// Writes the event to the log of the place where it was done, and to that of every other organisation which the account reaches.
async fn record_everywhere(op: &mut Op, member: &Member, action: &'static str, detail: &Value) -> Result<()> {
    op.record(Event::done(action, member.account, member.scope, detail.clone()));
    let live = access::memberships_to_come(op.tx(), member.account, op.now()).await?;
    let mut others: Vec<_> = live.iter().map(|membership| membership.scope.organisation).collect();
    others.sort();
    others.dedup();
    for organisation in others.into_iter().filter(|other| *other != member.scope.organisation) {
        op.record(Event::done(action, member.account, Scope::organisation(organisation), detail.clone()));
    }
    Ok(())
}

/// Mails somebody a link to choose a new password, to their own address. Nobody else sees it, and nobody sets another's password. The
/// name of the person.
///
/// # Errors
/// As for [`reset_second_factor`]; [`Error::TooMany`] when as many links were mailed to them today as are mailed in a day.
pub async fn send_reset_link(portal: &Portal, caller: &Caller, scope: Scope, id: MembershipId) -> Result<String> {
    let refused = "password_reset.send_refused";
    let (mut op, member, account) = begin(portal, caller, scope, id, refused, None).await?;
    identity::actions::mail_reset_for(&mut op, &account, member.scope).await?;
    let by = op.actor()?.name.clone();
    let detail = json!({ "by": by, "organisation": scope.organisation });
    notify(&mut op, account.id, NoticeKind::ResetAskedFor, detail).await?;
    op.commit().await?;
    Ok(account.name)
}
