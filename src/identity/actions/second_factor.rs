//! Second factors: setting up an authenticator app, giving a code, recovery codes, and proving anew that it is still the same
//! person.

use qrcode::{QrCode, render::svg};
use serde_json::json;

use super::{
    notices::notify,
    sessions::{begin_for, begin_whole, complete},
};
use crate::{
    access::{self, Via},
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{
        Account, HalfSignedIn, Means, Needs, NewSession, NoticeKind, attempts,
        attempts::{NO_MORE_CODES, Subject, Try},
        codes::{self, RECOVERY_CODES, Typed},
        passwords, store,
    },
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, Timestamp},
};

/// What a person needs to put the portal into an authenticator app.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Says which secret it is, without giving it away: comes back with the first code.
    pub seed: String,
    /// The secret for typing, in groups of four.
    pub key: String,
    /// The same for the app on this very device (`otpauth://…`).
    pub url: String,
    /// The same as a picture: an SVG element.
    pub picture: String,
    /// What the app would show now; in the demonstration only, for people without a phone at hand.
    pub code: Option<String>,
}

/// A second factor that has just been set up.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The session that goes on; every other one has ended.
    pub session: NewSession,
    /// The recovery codes, shown this once; none where the person has some already.
    pub recovery_codes: Vec<String>,
}

/// Offers an authenticator. Nothing is stored: the secret follows from the account and the seed. `seed` is one that was offered
/// before, after a mistyped code.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn offer_authenticator(portal: &Portal, account: &Account, seed: Option<&str>) -> Result<Offer> {
    let seed = seed.and_then(from_hex).unwrap_or_else(|| portal.rng.bytes::<16>());
    let authenticator = codes::authenticator(&portal.keys, account.id, &account.email, &seed)?;
    let url = authenticator.to_url().map_err(|error| anyhow::anyhow!("an authenticator's address: {error}"))?;
    let picture = QrCode::new(&url).map_err(|error| anyhow::anyhow!("a QR code: {error}"))?;
    let picture = picture.render::<svg::Color<'_>>().min_dimensions(220, 220).quiet_zone(true).build();
    let picture = picture.find("<svg").and_then(|at| picture.get(at..)).unwrap_or_default().to_owned();
    let key = url::Url::parse(&url)
        .ok()
        .and_then(|url| url.query_pairs().find(|(name, _)| name == "secret").map(|(_, value)| value.into_owned()))
        .unwrap_or_default();
    let code = portal.config.demo.then(|| authenticator.generate(codes::seconds(portal.now())).to_string());
    Ok(Offer { seed: to_hex(&seed), key: grouped(&key), url, picture, code })
}

fn grouped(key: &str) -> String {
    let mut text = String::new();
    for (n, letter) in key.chars().enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    let number = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32 && text.is_ascii())?;
    Some(number.to_be_bytes())
}

/// Who sets up a second factor.
pub enum Who<'a> {
    /// Somebody who has given the right password and has no second factor yet.
    Half(&'a HalfSignedIn),
    /// Somebody signed in.
    Whole(&'a Caller),
}

impl Who<'_> {
    /// The account.
    ///
    /// # Errors
    /// [`Error::SignInRequired`] when it is nobody.
    pub fn account(&self) -> Result<Account> {
        match self {
            Self::Half(half) => Ok(half.account.clone()),
            Self::Whole(caller) => {
                let actor = caller.actor()?;
                Ok(Account { id: actor.account, name: actor.name.clone(), email: actor.email.clone() })
            }
        }
    }

    pub(super) async fn begin(&self, portal: &Portal) -> Result<Op> {
        match self {
            Self::Half(half) => begin_for(portal, &half.origin, half.account.id).await,
            Self::Whole(caller) => Op::begin(portal, caller).await,
        }
    }

    /// A half session may set up the first factor and no other: its password alone must not replace what guards the account. A
    /// whole one must have been proved anew.
    pub(super) async fn may_set_up(&self, op: &Op) -> Result<()> {
        match self {
            Self::Half(half) => {
                // Of two half sessions at once, one sets up the first factor.
                store::accounts::lock(op.tx(), half.account.id).await?;
                let counts = store::factors::count(op.tx(), half.account.id).await?;
                let none = counts.authenticators + counts.passkeys == 0 && half.needs == Needs::SetUp;
                if none { Ok(()) } else { Err(Error::SecondFactorRequired) }
            }
            Self::Whole(_) => op.require_fresh_proof(),
        }
    }
}

/// Sets up the authenticator app whose first code was typed; it takes the place of the one before. Ends every other session.
///
/// # Errors
/// [`Error::Invalid`] when the code is not of that authenticator, [`Error::StepUpRequired`] when the proof is not fresh.
pub async fn add_authenticator(
    portal: &Portal,
    who: &Who<'_>,
    seed: &str,
    code: &str,
    browser: Option<&str>,
) -> Result<SetUp> {
    let account = who.account()?;
    let subject = Subject::codes(account.id);
    let this = attempts::reserve(portal, &subject).await?;
    let mut op = who.begin(portal).await?;
    who.may_set_up(&op).await?;
    let wrong = || {
        let text = "This is not the code that the app shows for this key now. Check the clock of your phone, and type the newest code";
        Error::field("code", this.tell(text, NO_MORE_CODES))
    };
    let Some(seed) = from_hex(seed) else { return Err(wrong()) };
    let authenticator = codes::authenticator(&portal.keys, account.id, &account.email, &seed)?;
    let Some(Typed::Authenticator(digits)) = Typed::parse(code) else { return Err(wrong()) };
    let Some(step) = authenticator.check(&digits, codes::seconds(op.now())) else { return Err(wrong()) };
    attempts::forget(op.tx(), &subject).await?;
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    store::factors::put_authenticator(op.tx(), account.id, &seed, step, op.now()).await?;
    record(&mut op, "second_factor.authenticator_added", account.id, json!({})).await?;
    // Whoever is joining is doing it at this moment, and is told nothing new. Later it may be somebody who has the password alone.
    if store::browsers::any(op.tx(), account.id).await? {
        notify(&mut op, account.id, NoticeKind::AuthenticatorAdded, json!({})).await?;
    }
    let set_up = go_on(&mut op, &account, Means::Authenticator, browser).await?;
    op.commit().await?;
    Ok(set_up)
}

/// After a new factor: every session of before has ended, no browser is trusted, and one whole session goes on. The first factor
/// brings recovery codes.
pub(super) async fn go_on(op: &mut Op, account: &Account, means: Means, browser: Option<&str>) -> Result<SetUp> {
    store::sessions::delete_sessions_of(op.tx(), account.id).await?;
    store::browsers::distrust_all(op.tx(), account.id).await?;
    let now = op.now();
    let session = begin_whole(op, account, means, Some(now), browser).await?;
    let has_codes = store::factors::recovery_codes_of(op.tx(), account.id).await?.is_some();
    let recovery_codes = if has_codes { Vec::new() } else { new_recovery_codes(op, account.id).await? };
    Ok(SetUp { session, recovery_codes })
}

async fn new_recovery_codes(op: &mut Op, account: AccountId) -> Result<Vec<String>> {
    let seed = op.portal().rng.bytes::<16>();
    store::factors::put_recovery_codes(op.tx(), account, &seed, op.now()).await?;
    record(op, "second_factor.recovery_codes_made", account, json!({ "codes": RECOVERY_CODES })).await?;
    let keys = &op.portal().keys;
    Ok((0..RECOVERY_CODES).map(|n| codes::recovery_code(keys, account, &seed, n)).collect())
}

/// Makes ten new recovery codes; those before are worth nothing from now on.
///
/// # Errors
/// [`Error::StepUpRequired`] when the proof is not fresh.
pub async fn make_recovery_codes(portal: &Portal, caller: &Caller) -> Result<Vec<String>> {
    let mut op = Op::begin(portal, caller).await?;
    op.require_fresh_proof()?;
    let account = op.actor()?.account;
    let made = new_recovery_codes(&mut op, account).await?;
    notify(&mut op, account, NoticeKind::RecoveryCodesMade, json!({})).await?;
    op.commit().await?;
    Ok(made)
}

/// The second half of signing in: a code of the authenticator app, or a recovery code. `remember` trusts this browser for two
/// weeks.
///
/// # Errors
/// [`Error::Invalid`] when the code is wrong or was used, [`Error::TooMany`] after too many wrong ones.
pub async fn give_code(
    portal: &Portal,
    half: &HalfSignedIn,
    code: &str,
    browser: Option<&str>,
    remember: bool,
) -> Result<NewSession> {
    let subject = Subject::codes(half.account.id);
    let this = attempts::reserve(portal, &subject).await?;
    let mut op = begin_for(portal, &half.origin, half.account.id).await?;
    let Some(means) = use_code(&op, half.account.id, &half.account.email, code).await? else {
        return Err(refuse_code(op, half.account.id, this).await);
    };
    attempts::forget(op.tx(), &subject).await?;
    if means == Means::RecoveryCode {
        tell_of_recovery_code(&mut op, half.account.id).await?;
    }
    let session = complete(&mut op, half, means, browser, remember).await?;
    op.commit().await?;
    Ok(session)
}

async fn tell_of_recovery_code(op: &mut Op, account: AccountId) -> Result<()> {
    let row = store::factors::recovery_codes_of(op.tx(), account).await?;
    let left = row.map_or(0, |row| u32::from(RECOVERY_CODES).saturating_sub(row.used.count_ones()));
    record(op, "second_factor.recovery_code_used", account, json!({ "left": left })).await?;
    notify(op, account, NoticeKind::RecoveryCodeUsed, json!({ "left": left })).await
}

async fn refuse_code(op: Op, account: AccountId, this: Try) -> Error {
    let scope =
        access::memberships_to_come(op.tx(), account, op.now()).await.ok().and_then(|all| all.first().map(|m| m.scope));
    let event = Event {
        action: "second_factor.refused",
        subject: account.to_string(),
        scope,
        outcome: Outcome::Refused,
        detail: json!({}),
    };
    let text = "This code is wrong or was used already. Type the newest code of your app, or a recovery code that you have not used";
    op.refuse(event, Error::field("code", this.tell(text, NO_MORE_CODES))).await
}

/// Takes a code for used, if it is one that this account may use now. Of two at once with the same code, one is right.
async fn use_code(op: &Op, account: AccountId, email: &str, code: &str) -> Result<Option<Means>> {
    let keys = &op.portal().keys;
    match Typed::parse(code) {
        Some(Typed::Authenticator(digits)) => {
            let Some(row) = store::factors::authenticator_of(op.tx(), account).await? else { return Ok(None) };
            let authenticator = codes::authenticator(keys, account, email, &row.seed)?;
            let Some(step) = authenticator.check(&digits, codes::seconds(op.now())) else { return Ok(None) };
            let step = i64::try_from(step).unwrap_or(i64::MAX);
            let unused = store::factors::use_step(op.tx(), account, step, op.now()).await?;
            Ok(unused.then_some(Means::Authenticator))
        }
        Some(Typed::Recovery(bytes)) => {
            let Some(row) = store::factors::recovery_codes_of(op.tx(), account).await? else { return Ok(None) };
            let Some(n) = codes::which_recovery_code(keys, account, &row.seed, &bytes) else { return Ok(None) };
            let unused = store::factors::use_recovery_code(op.tx(), account, &row.seed, n).await?;
            Ok(unused.then_some(Means::RecoveryCode))
        }
        None => Ok(None),
    }
}

/// Proves anew, within a session, that it is still the same person: the password, and a code where the account has a second
/// factor. The session gets a new token.
///
/// # Errors
/// [`Error::Invalid`] beside the field that is wrong, [`Error::TooMany`] after too many failures.
pub async fn prove_again(
    portal: &Portal,
    caller: &Caller,
    password: &str,
    code: &str,
    browser: Option<&str>,
) -> Result<NewSession> {
    let actor = caller.actor()?;
    let Via::Session(session) = actor.via else { return Err(Error::SignInRequired) };
    let account = Account { id: actor.account, name: actor.name.clone(), email: actor.email.clone() };
    let subject = Subject::codes(account.id);
    let this = attempts::reserve(portal, &subject).await?;
    let stored = store::accounts::password_of(portal.db.reader(), account.id).await?;
    let fits = match passwords::verify(portal, password, stored).await {
        Ok(fits) => fits,
        Err(error) => {
            attempts::take_back(portal, &subject).await?;
            return Err(error);
        }
    };
    if !fits {
        let op = Op::begin(portal, caller).await?;
        let event = Event::refused("second_factor.refused", account.id, None, json!({ "wrong": "password" }));
        let error = Error::field("password", this.tell("This is not your password", NO_MORE_CODES));
        return Err(op.refuse(event, error).await);
    }
    let mut op = Op::begin(portal, caller).await?;
    let counts = store::factors::count(op.tx(), account.id).await?;
    let means = if counts.authenticators + counts.passkeys == 0 {
        Means::Password
    } else {
        match use_code(&op, account.id, &account.email, code).await? {
            Some(means) => means,
            None => return Err(refuse_code(op, account.id, this).await),
        }
    };
    attempts::forget(op.tx(), &subject).await?;
    if means == Means::RecoveryCode {
        tell_of_recovery_code(&mut op, account.id).await?;
    }
    if !store::sessions::delete_session(op.tx(), session).await? {
        return Err(Error::SignInRequired);
    }
    let now = op.now();
    let session = begin_whole(&mut op, &account, means, Some(now), browser).await?;
    op.commit().await?;
    Ok(session)
}

/// Whether the account has an authenticator app, and how many passkeys.
///
/// # Errors
/// When the database fails.
pub async fn factors_of(portal: &Portal, account: AccountId) -> Result<(bool, i64)> {
    let counts = store::factors::count(portal.db.reader(), account).await?;
    Ok((counts.authenticators > 0, counts.passkeys))
}

/// Everybody's code as their authenticator shows it now. For the demonstration's page of codes; no other portal has it.
///
/// # Errors
/// [`Error::NotFound`] in every portal that is not the demonstration.
pub async fn codes_in_demonstration(portal: &Portal) -> Result<Vec<(Account, String)>> {
    if !portal.config.demo {
        return Err(Error::NotFound);
    }
    let mut codes = Vec::new();
    for account in store::accounts::by_name(portal.db.reader()).await? {
        if let Some(code) = code_of(portal, &account, portal.now()).await? {
            codes.push((account, code));
        }
    }
    Ok(codes)
}

async fn code_of(portal: &Portal, account: &Account, now: Timestamp) -> Result<Option<String>> {
    let Some(row) = store::factors::authenticator_of(portal.db.reader(), account.id).await? else { return Ok(None) };
    let authenticator = codes::authenticator(&portal.keys, account.id, &account.email, &row.seed)?;
    // The next one where the current one was used a moment ago: both count.
    let step = codes::seconds(now) / 30;
    let used = u64::try_from(row.last_step).unwrap_or(0) >= step;
    Ok(Some(authenticator.generate((step + u64::from(used)) * 30).to_string()))
}

/// Remembers something that happened to an account, in the first place where the person works.
pub(super) async fn record(
    op: &mut Op,
    action: &'static str,
    account: AccountId,
    detail: serde_json::Value,
) -> Result<()> {
    let memberships = access::memberships_to_come(op.tx(), account, op.now()).await?;
    let scope = memberships.first().map(|m| m.scope);
    op.record(Event { action, subject: account.to_string(), scope, outcome: Outcome::Done, detail });
    Ok(())
}
