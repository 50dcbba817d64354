//! Sessions and trusted browsers.

use axum::extract::{Path, State};
use axum_extra::extract::CookieJar;

use super::{Words, done};
use crate::{
    error::{Error, Result},
    identity::{Means, actions, door::SignedIn},
    op::Caller,
    portal::Portal,
    types::{BrowserId, SessionId},
    web::{PageResult, When},
};

/// Where the person is signed in, and where without a second factor.
pub struct Section {
    pub(super) sessions: Vec<SessionRow>,
    pub(super) browsers: Vec<BrowserRow>,
}

/// A session.
pub struct SessionRow {
    pub(super) id: String,
    pub(super) browser: String,
    pub(super) address: String,
    pub(super) means: &'static str,
    pub(super) began: When,
    pub(super) seen: When,
    pub(super) this: bool,
}

/// A trusted browser.
pub struct BrowserRow {
    pub(super) id: String,
    pub(super) browser: String,
    pub(super) address: String,
    pub(super) seen: When,
    pub(super) until: When,
}

impl Section {
    pub(super) async fn read(portal: &Portal, caller: &Caller, words: &Words) -> Result<Self> {
        let sessions = actions::list_sessions(portal, caller).await?.into_iter().map(|session| SessionRow {
            id: session.id.to_string(),
            browser: session.browser,
            address: session.address,
            means: session.means.map_or("Password only; the second factor was not given yet", Means::label),
            began: words.when(session.began_at),
            seen: words.when(session.seen_at),
            this: session.this,
        });
        let browsers = actions::list_trusted_browsers(portal, caller).await?.into_iter().map(|browser| BrowserRow {
            id: browser.id.to_string(),
            browser: browser.browser,
            address: browser.address,
            seen: words.when(browser.seen_at),
            until: words.when(browser.until),
        });
        Ok(Self { sessions: sessions.collect(), browsers: browsers.collect() })
    }
}

pub(super) async fn submit_end(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let id: SessionId = id.parse().map_err(|_| Error::NotFound)?;
    actions::end_session(&portal, &caller, id).await?;
    Ok(done(&portal, jar, "sessions", "The session was ended."))
}

pub(super) async fn submit_end_others(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
) -> PageResult {
    let text = match actions::end_other_sessions(&portal, &caller).await? {
        0 => "There was no other session.".to_owned(),
        1 => "The other session was ended.".to_owned(),
        n => format!("{n} other sessions were ended."),
    };
    Ok(done(&portal, jar, "sessions", &text))
}

pub(super) async fn submit_distrust(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let id: BrowserId = id.parse().map_err(|_| Error::NotFound)?;
    actions::stop_trusting(&portal, &caller, id).await?;
    let text = "The browser is trusted no more; your second factor is asked there at the next sign-in.";
    Ok(done(&portal, jar, "browsers", text))
}

pub(super) async fn submit_distrust_all(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
) -> PageResult {
    actions::stop_trusting_all(&portal, &caller).await?;
    Ok(done(&portal, jar, "browsers", "No browser is trusted any more."))
}
