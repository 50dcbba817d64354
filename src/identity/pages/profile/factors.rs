//! Second factors: the authenticator app, passkeys, recovery codes.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{Again, Words, done, render};
use crate::{
    error::{Error, Result},
    identity::{actions, door::SignedIn},
    op::Caller,
    portal::Portal,
    types::PasskeyId,
    web::{PageResult, When},
};

/// What second factors the person has.
pub struct Section {
    pub(super) authenticator: Option<Used>,
    pub(super) passkeys: Vec<PasskeyRow>,
    /// How many recovery codes are left, and when they were made.
    pub(super) codes: Option<(u32, When)>,
}

/// When something was added and last used.
pub struct Used {
    pub(super) added: When,
    pub(super) used: Option<When>,
}

/// A passkey.
pub struct PasskeyRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) when: Used,
    /// Whether it signs in without a password.
    pub(super) stands_alone: bool,
}

impl Section {
    pub(super) async fn read(portal: &Portal, caller: &Caller, words: &Words) -> Result<Self> {
        let own = actions::own_factors(portal, caller).await?;
        let used = |added, used: Option<_>| Used { added: words.when(added), used: used.map(|at| words.when(at)) };
        let passkeys = own.passkeys.into_iter().map(|key| PasskeyRow {
            id: key.id.to_string(),
            name: key.name,
            when: used(key.added_at, key.used_at),
            stands_alone: key.stands_alone,
        });
        Ok(Self {
            authenticator: own.authenticator.map(|(added, last)| used(added, last)),
            passkeys: passkeys.collect(),
            codes: own.recovery_codes.map(|(left, made)| (left, words.when(made))),
        })
    }

    /// Whether there is any.
    pub(super) const fn any(&self) -> bool {
        self.authenticator.is_some() || !self.passkeys.is_empty()
    }

    /// Whether one of the passkeys is from before "This was not me".
    pub(super) fn any_doubted(&self) -> bool {
        self.passkeys.iter().any(|key| !key.stands_alone)
    }
}

/// Back to the section, or the page again with why not.
async fn answer(portal: &Portal, caller: &Caller, jar: CookieJar, outcome: Result<()>, text: &str) -> PageResult {
    let (status, problem) = match outcome {
        Ok(()) => return Ok(done(portal, jar, "factors", text)),
        Err(Error::Conflict(why)) => (StatusCode::CONFLICT, why),
        Err(error @ Error::Invalid(_)) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        Err(other) => return Err(other.into()),
    };
    let again = Again { problem: Some(("factors".to_owned(), problem)), ..Again::default() };
    render(portal, caller, jar, status, again).await
}

pub(super) async fn submit_remove_authenticator(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    jar: CookieJar,
) -> PageResult {
    let outcome = actions::remove_authenticator(&portal, &caller).await;
    answer(&portal, &caller, jar, outcome, "The authenticator app was removed.").await
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct NameForm {
    name: String,
}

pub(super) async fn submit_rename(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
    Form(form): Form<NameForm>,
) -> PageResult {
    let id: PasskeyId = id.parse().map_err(|_| Error::NotFound)?;
    let outcome = actions::rename_passkey(&portal, &caller, id, &form.name).await;
    answer(&portal, &caller, jar, outcome, "The passkey has its new name.").await
}

pub(super) async fn submit_remove_passkey(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let id: PasskeyId = id.parse().map_err(|_| Error::NotFound)?;
    let outcome = actions::remove_passkey(&portal, &caller, id).await;
    answer(&portal, &caller, jar, outcome, "The passkey was removed.").await
}
