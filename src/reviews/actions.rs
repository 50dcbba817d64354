//! Beginning a review, deciding about people, and finishing it.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{Filter, LONGEST, Mark, Progress, Review, ReviewRow, store};
use crate::{
    access::{Permission, Scope, Visible},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op, write_apart},
    portal::Portal,
    staff::{self, Changes},
    types::{Cursor, MembershipId, PageOf, ReviewId, Timestamp},
};

/// How many of the newest reviews are looked at for the open one and the last finished one.
const NEWEST: i64 = 10;
/// How many rows an export reads at a time.
const EXPORT_PAGE: usize = 500;

/// Where the reviews of a scope stand.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The one that is under way, with its progress.
    pub open: Option<(Review, Progress)>,
    /// The last one that was finished.
    pub last: Option<Review>,
}

/// Where the reviews of a scope stand.
///
/// # Errors
/// When the caller may not manage staff there.
pub async fn show_review(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Standing> {
    let visible = caller.scope(portal, Permission::ManageStaff, scope).await?;
    let db = portal.db.reader();
    let newest = store::newest(db, scope, NEWEST).await?;
    let open = match newest.iter().find(|review| review.finished_at.is_none()) {
        Some(review) => Some((review.clone(), store::progress(db, &visible, review.id, portal.now()).await?)),
        None => None,
    };
    Ok(Standing { open, last: newest.into_iter().find(|review| review.finished_at.is_some()) })
}

/// One page of everybody with access to the scope, with what was decided in the open review.
///
/// # Errors
/// When the caller may not manage staff there.
pub async fn list_access(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    filter: Filter,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<ReviewRow>> {
    let visible = caller.scope(portal, Permission::ManageStaff, scope).await?;
    let db = portal.db.reader();
    let open = open_of(db, scope).await?.map(|review| review.id);
    let rows = store::list(db, &visible, open, filter, from, size, portal.now()).await?;
    Ok(cut(rows, size, from))
}

/// Everybody with access to the scope, for a file; written to the access log.
///
/// # Errors
/// When the caller may not manage staff there.
pub async fn export_access(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<ReviewRow>> {
    let visible = caller.scope(portal, Permission::ManageStaff, scope).await?;
    caller.require_fresh_proof(portal.now())?;
    let db = portal.db.reader();
    let open = open_of(db, scope).await?;
    let rows = everybody(db, &visible, open.as_ref(), Filter::All, portal.now()).await?;
    let event = Event::done("review.exported", scope, scope, json!({ "people": rows.len() }));
    write_apart(portal, vec![event], caller).await?;
    Ok(rows)
}

/// The review of exactly this scope that is under way.
async fn open_of(db: &impl ConnectionTrait, scope: Scope) -> Result<Option<Review>> {
    Ok(store::newest(db, scope, NEWEST).await?.into_iter().find(|review| review.finished_at.is_none()))
}

/// All that fit, read page by page.
async fn everybody(
    db: &impl ConnectionTrait,
    visible: &Visible,
    review: Option<&Review>,
    filter: Filter,
    now: Timestamp,
) -> Result<Vec<ReviewRow>> {
    let (mut all, mut from) = (Vec::new(), None);
    loop {
        let review = review.map(|review| review.id);
        let rows = store::list(db, visible, review, filter, from.as_ref(), EXPORT_PAGE, now).await?;
        let page = cut(rows, EXPORT_PAGE, from.as_ref());
        all.extend(page.rows);
        from = page.next;
        if from.is_none() {
            return Ok(all);
        }
    }
}

fn cut(rows: Vec<ReviewRow>, size: usize, from: Option<&Cursor>) -> PageOf<ReviewRow> {
    PageOf::cut(rows, size, from, |row, backwards| Cursor::new(row.name_key.clone(), row.membership, backwards))
}

/// Begins a review that should be done by `due_at`.
///
/// # Errors
/// [`Error::Invalid`] beside `due`, [`Error::Conflict`] when one is under way.
pub async fn start_review(portal: &Portal, caller: &Caller, scope: Scope, due_at: Timestamp) -> Result<ReviewId> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    if due_at <= op.now() || due_at > op.now().plus(LONGEST) {
        return Err(Error::field("due", "Choose a day within the next year by which the review should be done"));
    }
    if open_of(op.tx(), scope).await?.is_some() {
        return Err(Error::Conflict("A review is under way here already".to_owned()));
    }
    let id = op.new_id();
    let by = op.actor()?.account;
    store::insert(op.tx(), &granted, id, by, due_at, op.now()).await?;
    op.record(Event::done("review.started", id, scope, json!({ "due": due_at })));
    op.commit().await?;
    Ok(id)
}

/// Decides about people. Nothing happens to them before the review is finished. People who have no access here any more, and
/// one's own access marked to be removed, are passed over, and so is what was decided so already; the answer says how many were
/// decided.
///
/// # Errors
/// [`Error::Conflict`] when no review is under way.
pub async fn mark_access(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    marks: &[(MembershipId, Mark)],
) -> Result<usize> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    let review = open_of(op.tx(), scope).await?.ok_or_else(none_open)?;
    let ids: Vec<_> = marks.iter().map(|(id, _)| *id).collect();
    let members = staff::actions::members(&op, &granted, &ids).await?;
    let own = op.actor()?.account;
    let known = store::marks(op.tx(), review.id).await?;
    let mut decided = Vec::with_capacity(marks.len());
    for (id, mark) in marks {
        let Some(member) = members.iter().find(|member| member.membership == *id) else { continue };
        // A page sends what it shows, decided before or not; only what is new is a decision.
        if member.account == own && *mark == Mark::Remove || known.get(id) == Some(mark) {
            continue;
        }
        let detail = json!({ "review": review.id, "membership": id, "mark": mark.key(), "role": member.role.name });
        op.record(Event::done("review.marked", member.account, member.scope, detail));
        decided.push((*id, *mark));
    }
    store::set_marks(op.tx(), &granted, review.id, &decided, own, op.now()).await?;
    op.commit().await?;
    Ok(decided.len())
}

fn none_open() -> Error {
    Error::Conflict("No review is under way here; begin one first".to_owned())
}

/// Finishes the review, in one step with the removal of everybody who was marked so, by the same rule as from the staff list. If
/// somebody could not be removed, the others are, the review stays open, and the answer says why.
///
/// # Errors
/// [`Error::Conflict`] while somebody is not decided, or when no review is under way.
pub async fn finish_review(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Changes> {
    let visible = caller.scope(portal, Permission::ManageStaff, scope).await?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, scope).await?;
    let review = open_of(op.tx(), scope).await?.ok_or_else(none_open)?;
    let progress = store::progress(op.tx(), &visible, review.id, op.now()).await?;
    match progress.open() {
        0 => {}
        1 => return Err(Error::Conflict("1 person is not decided yet".to_owned())),
        n => return Err(Error::Conflict(format!("{n} people are not decided yet"))),
    }
    let leaving = everybody(op.tx(), &visible, Some(&review), Filter::Remove, op.now()).await?;
    let ids: Vec<_> = leaving.iter().map(|row| row.membership).collect();
    let changes = staff::actions::remove_members(&mut op, &granted, &ids).await?;
    if changes.not_done.is_empty() {
        let by = op.actor()?.account;
        store::mark_finished(op.tx(), &granted, review.id, by, op.now()).await?;
        let detail = json!({ "kept": progress.keep, "removed": changes.done.len(), "due": review.due_at });
        op.record(Event::done("review.finished", review.id, scope, detail));
    }
    op.commit().await?;
    Ok(changes)
}

/// Everybody who will be removed when the review is finished.
///
/// # Errors
/// When the caller may not manage staff there.
pub async fn to_be_removed(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<ReviewRow>> {
    let visible = caller.scope(portal, Permission::ManageStaff, scope).await?;
    let db = portal.db.reader();
    let open = open_of(db, scope).await?;
    everybody(db, &visible, open.as_ref(), Filter::Remove, portal.now()).await
}
