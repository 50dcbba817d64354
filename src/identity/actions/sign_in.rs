//! Signing in by password: the first half of proving who one is.

use serde_json::json;

use super::sessions::{begin_for, begin_session, known_browser};
use crate::{
    access::Origin,
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{NewSession, attempts, attempts::Subject, passwords, store},
    op::{Caller, write_apart},
    portal::Portal,
    types::EmailAddress,
};

/// What becomes of an address for which the last wrong password was typed.
const NO_MORE: &str = "That was one wrong try too many: no password is taken here for this address any more, until a new one is chosen. \
    Use Forgot Password below";

/// Signs in by password. Unknown and wrong answer alike, in words and in time. `browser` is the token by which the browser may be
/// known. The session is half until the second factor is there, where one is asked.
///
/// # Errors
/// [`Error::Invalid`] when the pair does not fit, [`Error::TooMany`] after too many failures.
pub async fn sign_in(
    portal: &Portal,
    origin: &Origin,
    email: &str,
    password: &str,
    browser: Option<&str>,
) -> Result<NewSession> {
    let key = EmailAddress::parse(email).map(|address| address.key().to_owned()).unwrap_or_default();
    let known = known_browser(portal.db.reader(), &key, browser).await?;
    let who = known.map_or_else(|| Subject::account(&key), |browser| Subject::browser(browser.id));
    let subjects = [who, Subject::address(&origin.address)];
    let [who, address] = &subjects;
    attempts::refuse_if_waiting(portal, &subjects).await?;
    let this = attempts::reserve(portal, who).await?;
    let found = store::accounts::find_for_sign_in(portal.db.reader(), &key).await?;
    let (account, stored) = found.map_or((None, None), |(account, hash)| (Some(account), Some(hash)));
    let fits = match passwords::verify(portal, password, stored).await {
        Ok(fits) => fits,
        Err(error) => {
            attempts::take_back(portal, who).await?;
            return Err(error);
        }
    };
    let caller = Caller::Visitor(origin.clone());
    let Some(account) = account.filter(|_| fits) else {
        attempts::count_failure(portal, std::slice::from_ref(address)).await?;
        let event = Event {
            action: "session.refused",
            subject: key,
            scope: None,
            outcome: Outcome::Refused,
            detail: json!({}),
        };
        write_apart(portal, vec![event], &caller).await?;
        return Err(Error::field("password", this.tell("This e-mail and password do not belong together", NO_MORE)));
    };
    let mut op = begin_for(portal, origin, account.id).await?;
    attempts::forget(op.tx(), who).await?;
    let session = begin_session(&mut op, &account, browser).await?;
    op.commit().await?;
    Ok(session)
}
