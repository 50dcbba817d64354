//! Joining and listing staff.

use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{
    access::{Permission, Scope, Visible},
    audit::Event,
    error::{Error, Result},
    identity::Account,
    op::{Caller, Op},
    portal::Portal,
    staff::{Joining, Sort, StaffMember, store, store::Query},
    types::{AccountId, Cursor, EmailAddress, MembershipId, OrganisationId, PageOf, PersonName, Timestamp},
};

/// Colleagues whose addresses are compared for slips of one letter. More would cost more than the hint is worth.
const MOST_COLLEAGUES: u64 = 20_000;

/// Gives an account a role in a scope, inside the operation that accepts its invitation.
///
/// # Errors
/// When the person is a member there already or the database fails.
pub async fn join(op: &mut Op, account: &Account, joining: Joining) -> Result<()> {
    let id = op.new_id();
    let name_key =
        PersonName::parse(&account.name).map_or_else(|_| account.name.to_lowercase(), |name| name.sort_key());
    let email_key = EmailAddress::parse(&account.email)
        .map_or_else(|_| account.email.to_lowercase(), |email| email.key().to_owned());
    let new =
        store::NewMembership { id, account: account.id, name_key: &name_key, email_key: &email_key, joining: &joining };
    store::close_lapsed(op.tx(), joining.scope, account.id, op.now()).await?;
    store::insert(op.tx(), new, op.now()).await?;
    op.record(Event::done(
        "membership.begun",
        account.id,
        joining.scope,
        json!({
            "membership": id, "role": joining.role.key.to_string(), "role_name": joining.role.name,
            "granted_by": joining.granted_by, "invitation": joining.invitation,
            "starts_at": joining.starts_at, "ends_at": joining.ends_at,
        }),
    ));
    Ok(())
}

/// Whether the account is staff of exactly this scope.
///
/// # Errors
/// When the database fails.
pub async fn is_member(db: &impl ConnectionTrait, scope: Scope, account: AccountId, now: Timestamp) -> Result<bool> {
    Ok(store::is_member(db, scope, account, now).await?)
}

/// Which of these addresses (compare form) are staff of exactly this scope, with their membership and its role's key.
///
/// # Errors
/// When the database fails.
pub async fn members_by_email(
    db: &impl ConnectionTrait,
    scope: Scope,
    keys: &[String],
    now: Timestamp,
) -> Result<HashMap<String, (MembershipId, String)>> {
    Ok(store::members_by_email(db, scope, keys, now).await?.into_iter().collect())
}

/// Addresses of colleagues, for pointing out slips of one letter.
///
/// # Errors
/// When the database fails.
pub async fn colleagues(db: &impl ConnectionTrait, organisation: OrganisationId) -> Result<HashSet<String>> {
    Ok(store::addresses(db, organisation, MOST_COLLEAGUES).await?)
}

/// How many hold each role (by stored key) in exactly the visible scope; with `below`, in its deployments too.
///
/// # Errors
/// When the database fails.
pub async fn holders(portal: &Portal, visible: &Visible, below: bool) -> Result<HashMap<String, u64>> {
    let counts = store::holders(portal.db.reader(), visible, below, portal.now()).await?;
    Ok(counts.into_iter().map(|(role, n)| (role, u64::try_from(n).unwrap_or(0))).collect())
}

/// One page of the staff of a scope.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_staff(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    query: &Query,
    size: usize,
) -> Result<PageOf<StaffMember>> {
    let visible = caller.scope(portal, Permission::ViewStaff, scope).await?;
    let rows = store::list(portal.db.reader(), &visible, query, size, portal.now()).await?;
    Ok(PageOf::cut(rows, size, query.from.as_ref(), |row, backwards| {
        let value = match query.sort {
            Sort::Name => row.name_key.clone(),
            Sort::Email => row.email_key.clone(),
            Sort::Joined => row.joined_at.0.to_string(),
        };
        Cursor::new(value, row.membership, backwards)
    }))
}

/// One staff member of a scope.
///
/// # Errors
/// [`Error::NotFound`] when there is none there, or the caller may not see who is staff.
pub async fn show_member(portal: &Portal, caller: &Caller, scope: Scope, id: MembershipId) -> Result<StaffMember> {
    let visible = caller.scope(portal, Permission::ViewStaff, scope).await?;
    store::find(portal.db.reader(), &visible, id, portal.now()).await?.ok_or(Error::NotFound)
}
