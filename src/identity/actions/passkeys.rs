//! The passkeys that somebody has: seeing, naming and removing them; and removing the authenticator app, which follows the same
//! rules.

use serde_json::json;

use super::{notices::notify, second_factor::record};
use crate::{
    access::{self, Via},
    error::{Error, Result},
    identity::{NoticeKind, Passkey, store},
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, PasskeyId, PersonName},
};

/// An account's passkeys, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list_passkeys(portal: &Portal, account: AccountId) -> Result<Vec<Passkey>> {
    Ok(store::passkeys::list(portal.db.reader(), account).await?)
}

/// What somebody calls a passkey.
pub(super) fn passkey_name(text: &str) -> Result<PersonName> {
    PersonName::parse(text)
        .map_err(|_| Error::field("name", "Give the passkey a name of 1 to 100 characters, such as “Work laptop”"))
}

/// Renames one of the caller's passkeys.
///
/// # Errors
/// [`Error::Invalid`] when the name cannot be used, [`Error::NotFound`] when the caller has no such passkey.
pub async fn rename_passkey(portal: &Portal, caller: &Caller, id: PasskeyId, name: &str) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    let account = op.actor()?.account;
    let name = passkey_name(name)?;
    if !store::passkeys::rename(op.tx(), account, id, name.as_str()).await? {
        return Err(Error::NotFound);
    }
    record(&mut op, "passkey.renamed", account, json!({ "name": name.as_str() })).await?;
    op.commit().await
}

/// Removes one of the caller's passkeys, and ends the sessions elsewhere: one of them may be where the passkey was lost.
///
/// # Errors
/// [`Error::StepUpRequired`] when the proof is not fresh, [`Error::NotFound`] when the caller has no such passkey,
/// [`Error::Conflict`] when it is the last second factor where one is asked.
pub async fn remove_passkey(portal: &Portal, caller: &Caller, id: PasskeyId) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    op.require_fresh_proof()?;
    let account = op.actor()?.account;
    let Some(name) = store::passkeys::delete(op.tx(), account, id).await? else { return Err(Error::NotFound) };
    record(&mut op, "passkey.removed", account, json!({ "name": name })).await?;
    notify(&mut op, account, NoticeKind::PasskeyRemoved, json!({ "name": name })).await?;
    let last = "This is your only second factor, and where you work everybody needs one. Add another passkey or an authenticator app first";
    after_removal(&mut op, account, last).await?;
    op.commit().await
}

/// Removes the caller's authenticator app, and ends the sessions elsewhere.
///
/// # Errors
/// [`Error::StepUpRequired`] when the proof is not fresh, [`Error::NotFound`] when there is none, [`Error::Conflict`] when it is
/// the last second factor where one is asked.
pub async fn remove_authenticator(portal: &Portal, caller: &Caller) -> Result<()> {
    let mut op = Op::begin(portal, caller).await?;
    op.require_fresh_proof()?;
    let account = op.actor()?.account;
    if !store::factors::delete_authenticator(op.tx(), account).await? {
        return Err(Error::NotFound);
    }
    record(&mut op, "second_factor.authenticator_removed", account, json!({})).await?;
    notify(&mut op, account, NoticeKind::AuthenticatorRemoved, json!({})).await?;
    let last =
        "The authenticator app is your only second factor, and where you work everybody needs one. Add a passkey first";
    after_removal(&mut op, account, last).await?;
    op.commit().await
}

/// A factor is gone: refused with `last` where it was the only one and one is asked. Recovery codes stand in for a factor, so they
/// go with the last; the next first factor brings new ones.
async fn after_removal(op: &mut Op, account: AccountId, last: &str) -> Result<()> {
    let actor = op.actor()?;
    let counts = store::factors::count(op.tx(), account).await?;
    if counts.authenticators + counts.passkeys == 0 {
        if access::asked_for_second_factor(op.tx(), &actor.memberships).await? {
            return Err(Error::Conflict(last.to_owned()));
        }
        store::factors::delete_all(op.tx(), account).await?;
        store::browsers::distrust_all(op.tx(), account).await?;
    }
    let Via::Session(kept) = actor.via else { return Ok(()) };
    store::resets::delete_sessions_but(op.tx(), account, Some(kept)).await?;
    Ok(())
}
