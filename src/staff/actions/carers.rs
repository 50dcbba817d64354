//! Who can see the patients of a deployment: every role lets its holder do that, so it is everybody with access there.

use sea_orm::ConnectionTrait;

use crate::{
    access::{Permission, Scope},
    error::Result,
    op::Caller,
    portal::Portal,
    staff::{Carer, store},
    types::{AccountId, Timestamp},
};

/// Of these accounts, those who can see the patients of a deployment now, by name.
///
/// # Errors
/// When the database fails.
pub async fn carers(
    db: &impl ConnectionTrait,
    scope: Scope,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<Vec<Carer>> {
    Ok(store::carers(db, scope, accounts, now).await?)
}

/// Those who can see the patients of a deployment and whose name or address contains `search`, at most `most`, for those who assign
/// patients to them.
///
/// # Errors
/// When the caller may not.
pub async fn find_carers(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    search: &str,
    most: usize,
) -> Result<Vec<Carer>> {
    caller.scope(portal, Permission::ManagePatientData, scope).await?;
    Ok(store::find_carers(portal.db.reader(), scope, search, most, portal.now()).await?)
}
