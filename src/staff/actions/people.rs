//! Staff for other systems: people, each once, and the memberships of one person.

use crate::{
    access::{Permission, Scope},
    error::Result,
    op::Caller,
    portal::Portal,
    staff::{Person, StaffMember, store},
    types::{AccountId, Cursor, PageOf},
};

/// One page of the people who are staff of a scope, each once.
///
/// # Errors
/// When the caller may not see who is staff.
pub async fn list_people(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    (ids, name): (Option<&[AccountId]>, Option<&str>),
    (from, size): (Option<&Cursor>, usize),
) -> Result<PageOf<Person>> {
    let visible = caller.scope(portal, Permission::ViewStaff, scope).await?;
    let rows = store::people(portal.db.reader(), &visible, (ids, name), (from, size), portal.now()).await?;
    Ok(PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", row.account, backwards)))
}

/// The memberships of one person in a scope.
///
/// # Errors
/// When the caller may not see who is staff.
pub async fn list_memberships(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    account: AccountId,
) -> Result<Vec<StaffMember>> {
    let visible = caller.scope(portal, Permission::ViewStaff, scope).await?;
    Ok(store::memberships_of(portal.db.reader(), &visible, account, portal.now()).await?)
}
