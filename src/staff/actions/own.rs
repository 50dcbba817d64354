//! "What I may do, and who gave it to me": one's own access, place by place.

use crate::{
    access::{self, Role, Scope},
    error::Result,
    op::Caller,
    portal::Portal,
    staff::store,
    types::{MembershipId, Timestamp},
};

/// One of somebody's own memberships.
#[derive(Clone, Debug)]
pub struct OwnAccess {
    /// The membership.
    pub membership: MembershipId,
    /// Where it holds.
    pub scope: Scope,
    /// What it gives.
    pub role: Role,
    /// Who gave the role that one has now; empty for the portal's own set-up.
    pub given_by: String,
    /// Since when one has access there.
    pub joined_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Option<Timestamp>,
}

/// The caller's own live memberships, in the order in which they began. A key's owner sees what the key leaves of them.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn own_access(portal: &Portal, caller: &Caller) -> Result<Vec<OwnAccess>> {
    let actor = caller.actor()?;
    let rows = store::own_access(portal.db.reader(), actor.account, portal.now()).await?;
    let own = actor.memberships.iter().filter_map(|membership| {
        let row = rows.iter().find(|row| row.id == membership.id)?;
        Some(OwnAccess {
            membership: membership.id,
            scope: membership.scope,
            role: membership.role.clone(),
            given_by: row.given_by.clone().unwrap_or_default(),
            joined_at: row.joined_at,
            ends_at: row.ends_at,
        })
    });
    Ok(own.collect())
}

/// Access that somebody has been given and that begins later.
#[derive(Clone, Debug)]
pub struct ComingAccess {
    /// Where it will hold.
    pub scope: Scope,
    /// What it will give.
    pub role: Role,
    /// When it begins.
    pub starts_at: Timestamp,
}

/// The caller's own memberships that have not begun, the next first.
///
/// # Errors
/// When nobody is signed in or the database fails.
pub async fn coming_access(portal: &Portal, caller: &Caller) -> Result<Vec<ComingAccess>> {
    let db = portal.db.reader();
    let mut coming = Vec::new();
    for (scope, role, starts_at) in store::starting(db, caller.actor()?.account, portal.now()).await? {
        let Ok(key) = role.parse() else { continue };
        let Some(role) = access::find_role(db, scope.organisation, key).await? else { continue };
        coming.push(ComingAccess { scope, role, starts_at });
    }
    Ok(coming)
}
