//! What an access manager can do for somebody who has lost their second factor: take it away, so that a new one is set up at the next
//! sign-in. Who may do that to whom is decided where staff is changed.

use super::reset::end_what_is_open;
use crate::{
    error::Result,
    identity::{Account, Factors, attempts, attempts::Subject, store},
    op::Op,
    types::AccountId,
};

/// What was ended with the second factors.
#[derive(Clone, Copy, Debug)]
pub struct TakenAway {
    /// What second factors there were.
    pub factors: Factors,
    /// How many sessions.
    pub sessions: u64,
    /// How many trusted browsers.
    pub browsers: u64,
}

/// What second factors an account has.
///
/// # Errors
/// When the database fails.
pub async fn factors_in(db: &impl sea_orm::ConnectionTrait, account: AccountId) -> Result<Factors> {
    let counts = store::factors::count(db, account).await?;
    Ok(Factors { authenticator: counts.authenticators > 0, passkeys: counts.passkeys })
}

/// Takes every second factor away, with the recovery codes, and ends the sessions, the trust in browsers and the open links for a new
/// password. Neither the password nor the API keys: they are no second factor. Codes that were mistyped are forgotten.
///
/// # Errors
/// When the database fails.
pub async fn take_factors_away(op: &mut Op, account: &Account) -> Result<TakenAway> {
    let factors = factors_in(op.tx(), account.id).await?;
    store::factors::delete_all(op.tx(), account.id).await?;
    let (sessions, browsers) = end_what_is_open(op, account, None).await?;
    attempts::forget(op.tx(), &Subject::codes(account.id)).await?;
    Ok(TakenAway { factors, sessions, browsers })
}
