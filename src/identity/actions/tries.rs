//! Tries of short codes that belong to invitations, counted by the same rules as passwords.

use crate::{
    db::Tx,
    error::Result,
    identity::attempts::{self, Subject},
    portal::Portal,
    types::{EmailAddress, InvitationId},
};

/// Counts a try of a slip's code before it is judged: for the address, and refused while the network must wait.
///
/// # Errors
/// [`crate::error::Error::TooMany`] while either has to wait.
pub async fn try_slip(portal: &Portal, email: &EmailAddress, network: &str) -> Result<()> {
    attempts::refuse_if_waiting(portal, &[Subject::address(network)]).await?;
    // Slips wait, but never end: which try it is does not matter.
    attempts::reserve(portal, &Subject::slip(email.key())).await.map(drop)
}

/// A slip's code did not fit: the network it came from is remembered too.
///
/// # Errors
/// When the database fails.
pub async fn count_wrong_slip(portal: &Portal, network: &str) -> Result<()> {
    attempts::count_failure(portal, &[Subject::address(network)]).await?;
    Ok(())
}

/// A slip's code fitted.
///
/// # Errors
/// When the database fails.
pub async fn forget_slip(portal: &Portal, email: &EmailAddress) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    attempts::forget(&tx, &Subject::slip(email.key())).await?;
    tx.commit().await?;
    Ok(())
}

/// Counts a try of the code that is told by telephone, before it is judged.
///
/// # Errors
/// [`crate::error::Error::TooMany`] while the invitation has to wait.
pub async fn try_spoken(portal: &Portal, invitation: InvitationId) -> Result<()> {
    attempts::reserve(portal, &Subject::spoken(invitation)).await.map(drop)
}

/// It was the right one; part of the operation that it lets through.
///
/// # Errors
/// When the database fails.
pub async fn forget_spoken(tx: &Tx, invitation: InvitationId) -> Result<()> {
    attempts::forget(tx, &Subject::spoken(invitation)).await
}
