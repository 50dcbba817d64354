//! Signing in by password.

use serde_json::json;

use super::begin_session;
use crate::{
    access::Origin,
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{NewSession, attempts, attempts::Subject, passwords, store},
    op::{Caller, Op, write_apart},
    portal::Portal,
    types::EmailAddress,
};

/// Signs in by password. Unknown and wrong answer alike, in words and in time. The account's second factor, where it must have
/// one, is asked between this and [`begin_session`].
///
/// # Errors
/// [`Error::Invalid`] when the pair does not fit, [`Error::TooMany`] after too many failures.
pub async fn sign_in(portal: &Portal, origin: &Origin, email: &str, password: &str) -> Result<NewSession> {
    let key = EmailAddress::parse(email).map(|address| address.key().to_owned()).unwrap_or_default();
    let subjects = [Subject::account(&key), Subject::address(&origin.address)];
    attempts::refuse_if_waiting(portal, &subjects).await?;
    let found = store::accounts::find_for_sign_in(portal.db.reader(), &key).await?;
    let (account, stored) = found.map_or((None, None), |(account, hash)| (Some(account), Some(hash)));
    let fits = passwords::verify(portal, password, stored).await?;
    let caller = Caller::Visitor(origin.clone());
    let Some(account) = account.filter(|_| fits) else {
        attempts::count_failure(portal, &subjects).await?;
        let event = Event {
            action: "session.refused",
            subject: key,
            scope: None,
            outcome: Outcome::Refused,
            detail: json!({}),
        };
        write_apart(portal, vec![event], &caller).await?;
        return Err(Error::field("password", "This e-mail and password do not belong together"));
    };
    let mut op = Op::begin(portal, &caller).await?;
    let [by_account, _] = &subjects;
    attempts::forget(op.tx(), by_account).await?;
    let session = begin_session(&mut op, &account).await?;
    op.commit().await?;
    Ok(session)
}
