//! Passkeys at work: a challenge is made, a browser has it signed, and the answer is judged. For four purposes: adding a passkey
//! (`new_passkey.rs`), giving the second factor, signing in without a password, and proving anew that it is still the same person.
//!
//! A challenge is good for one purpose, one account, five minutes and one answer, right or wrong.

use serde::Deserialize;
use serde_json::{Value, json};
use webauthn_rs::prelude::{DiscoverableAuthentication, Passkey as Credential, PublicKeyCredential, WebauthnError};

use super::sessions::{begin_for, begin_whole, complete};
use crate::{
    access::{self, Origin, Via},
    audit::{Event, Outcome},
    error::{Error, Result},
    identity::{
        Account, HalfSignedIn, Means, NewSession, attempts,
        attempts::{NO_MORE_CODES, Subject},
        relying_party::relying_party,
        store::{self, passkeys::PasskeyRow},
    },
    op::{Caller, Op},
    portal::Portal,
    types::{AccountId, CeremonyId},
};

/// For what a challenge was made.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Add,
    SecondFactor,
    SignIn,
    Prove,
}

impl Purpose {
    /// As it is stored.
    const fn key(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::SecondFactor => "second factor",
            Self::SignIn => "sign in",
            Self::Prove => "prove",
        }
    }
}

/// A challenge for the browser.
#[derive(Debug)]
pub struct Challenge {
    /// Its id, which comes back with the answer.
    pub ceremony: CeremonyId,
    /// The options as browsers understand them (`PublicKeyCredentialCreationOptionsJSON` or `…RequestOptionsJSON`).
    pub options: Value,
}

/// A browser's answer.
#[derive(Debug)]
pub struct Answer {
    /// Of which challenge; none where it names no challenge at all.
    pub ceremony: Option<CeremonyId>,
    /// What the browser made (`PublicKeyCredential.toJSON()`). Anything at all may stand here.
    pub credential: Value,
}

/// Challenges somebody who has given the right password to use one of their passkeys.
///
/// # Errors
/// [`Error::TooMany`] after too many wrong proofs.
pub async fn start_second_factor(portal: &Portal, half: &HalfSignedIn) -> Result<Challenge> {
    attempts::refuse_if_waiting(portal, &[Subject::codes(half.account.id)]).await?;
    let op = Op::begin(portal, &Caller::Visitor(half.origin.clone())).await?;
    let challenge = challenge_account(&op, Purpose::SecondFactor, half.account.id).await?;
    op.commit().await?;
    Ok(challenge)
}

/// The second half of signing in, by passkey. `remember` trusts this browser for two weeks.
///
/// # Errors
/// [`Error::Invalid`] when it is not one of the account's, [`Error::Gone`] when the challenge is no more, [`Error::TooMany`] after
/// too many wrong proofs.
pub async fn give_passkey(
    portal: &Portal,
    half: &HalfSignedIn,
    answer: Answer,
    browser: Option<&str>,
    remember: bool,
) -> Result<NewSession> {
    let caller = Caller::Visitor(half.origin.clone());
    let mut op = use_passkey(portal, &caller, Purpose::SecondFactor, half.account.id, answer).await?;
    let session = complete(&mut op, half, Means::Passkey, browser, remember).await?;
    op.commit().await?;
    Ok(session)
}

/// Challenges somebody signed in to prove anew, by passkey, that it is still them.
///
/// # Errors
/// [`Error::TooMany`] after too many wrong proofs.
pub async fn start_proof(portal: &Portal, caller: &Caller) -> Result<Challenge> {
    let account = caller.actor()?.account;
    attempts::refuse_if_waiting(portal, &[Subject::codes(account)]).await?;
    let op = Op::begin(portal, caller).await?;
    let challenge = challenge_account(&op, Purpose::Prove, account).await?;
    op.commit().await?;
    Ok(challenge)
}

/// Proves anew, by passkey and within a session, that it is still the same person. The session gets a new token.
///
/// # Errors
/// As [`give_passkey`].
pub async fn prove_by_passkey(
    portal: &Portal,
    caller: &Caller,
    answer: Answer,
    browser: Option<&str>,
) -> Result<NewSession> {
    let actor = caller.actor()?;
    let Via::Session(session) = actor.via else { return Err(Error::SignInRequired) };
    let account = Account { id: actor.account, name: actor.name.clone(), email: actor.email.clone() };
    let mut op = use_passkey(portal, caller, Purpose::Prove, account.id, answer).await?;
    if !store::sessions::delete_session(op.tx(), session).await? {
        return Err(Error::SignInRequired);
    }
    let now = op.now();
    let session = begin_whole(&mut op, &account, Means::Passkey, Some(now), browser).await?;
    op.commit().await?;
    Ok(session)
}

/// The operation in which this account has used one of its passkeys. Wrong ones count as wrong codes do.
async fn use_passkey(
    portal: &Portal,
    caller: &Caller,
    purpose: Purpose,
    account: AccountId,
    answer: Answer,
) -> Result<Op> {
    let subject = Subject::codes(account);
    attempts::refuse_if_waiting(portal, std::slice::from_ref(&subject)).await?;
    // What came too late is no try.
    let state = take(portal, purpose, Some(account), answer.ceremony).await?;
    let this = attempts::reserve(portal, &subject).await?;
    let op = match caller {
        Caller::Visitor(origin) => begin_for(portal, origin, account).await?,
        Caller::Person(..) | Caller::Portal(_) => Op::begin(portal, caller).await?,
    };
    match judge(&op, &state, answer.credential, Some(account)).await? {
        Verdict::Right(_) => {
            attempts::forget(op.tx(), &subject).await?;
            Ok(op)
        }
        other => {
            let text = this.tell("This passkey did not fit. Try again, or use another proof", NO_MORE_CODES);
            let error = Error::field("passkey", text);
            let event = refusal(&op, "second_factor.refused", &other, Some(account)).await?;
            Err(op.refuse(event, error).await)
        }
    }
}

/// Challenges whoever is there to sign in with a passkey. Asks and tells nothing about any account.
///
/// # Errors
/// [`Error::TooMany`] after too many failures from this address.
pub async fn start_sign_in(portal: &Portal, origin: &Origin) -> Result<Challenge> {
    attempts::refuse_if_waiting(portal, &[Subject::address(&origin.address)]).await?;
    let (options, state) = relying_party(&portal.config)?.start_discoverable_authentication().map_err(internal)?;
    let op = Op::begin(portal, &Caller::Visitor(origin.clone())).await?;
    let options = serde_json::to_value(options)?;
    let challenge = keep(&op, Purpose::SignIn, None, options, &serde_json::to_string(&state)?).await?;
    op.commit().await?;
    Ok(challenge)
}

/// Signs in with a passkey alone: it is two factors in one, so the session is whole at once. A passkey that nobody has answers like
/// one that does not fit, and so does one from before "This was not me": whoever came in may have added it.
///
/// # Errors
/// [`Error::Invalid`] when it signs nobody in, [`Error::Gone`] when the challenge is no more, [`Error::TooMany`] after too many
/// failures from this address.
pub async fn sign_in_by_passkey(
    portal: &Portal,
    origin: &Origin,
    answer: Answer,
    browser: Option<&str>,
) -> Result<NewSession> {
    let address = Subject::address(&origin.address);
    attempts::refuse_if_waiting(portal, std::slice::from_ref(&address)).await?;
    let state = take(portal, Purpose::SignIn, None, answer.ceremony).await?;
    // Whose it would be is looked up first: their organisations are locked before the passkey, as everywhere else.
    let owner = owner_of(portal, &answer.credential).await?;
    let mut op = match owner {
        Some(owner) => begin_for(portal, origin, owner).await?,
        None => Op::begin(portal, &Caller::Visitor(origin.clone())).await?,
    };
    let verdict = judge(&op, &state, answer.credential, None).await?;
    if let Verdict::Right(account) = verdict
        && Some(account) == owner
        && let Some(account) = store::accounts::find_by_id(op.tx(), account).await?
    {
        let now = op.now();
        let session = begin_whole(&mut op, &account, Means::Passkey, Some(now), browser).await?;
        op.commit().await?;
        return Ok(session);
    }
    let event = refusal(&op, "passkey.refused", &verdict, None).await?;
    let error = Error::field("passkey", "This passkey signs nobody in here. Use another one, or your password");
    let error = op.refuse(event, error).await;
    attempts::count_failure(portal, std::slice::from_ref(&address)).await?;
    Err(error)
}

/// Whose passkey an answer speaks of. It may be anybody's word: nothing is proved by it.
async fn owner_of(portal: &Portal, answer: &Value) -> Result<Option<AccountId>> {
    let Ok(answer) = PublicKeyCredential::deserialize(answer) else { return Ok(None) };
    let row = store::passkeys::find(portal.db.reader(), answer.get_credential_id()).await?;
    Ok(row.map(|row| row.account_id))
}

/// A challenge that only this account's passkeys can answer.
async fn challenge_account(op: &Op, purpose: Purpose, account: AccountId) -> Result<Challenge> {
    let rows = store::passkeys::of(op.tx(), account).await?;
    if rows.is_empty() {
        return Err(Error::Conflict("You have no passkey. Use another proof".to_owned()));
    }
    let party = relying_party(&op.portal().config)?;
    let (options, state) = party.start_discoverable_authentication().map_err(internal)?;
    let mut options = serde_json::to_value(options)?;
    let allowed: Vec<Value> = rows.iter().map(PasskeyRow::descriptor).collect();
    if let Some(request) = options.pointer_mut("/publicKey").and_then(Value::as_object_mut) {
        request.insert("allowCredentials".to_owned(), json!(allowed));
    }
    keep(op, purpose, Some(account), options, &serde_json::to_string(&state)?).await
}

/// Keeps a challenge. The browser gets the inner options; whether they are asked for by a button or offered beside a field is the
/// page's choice.
pub(super) async fn keep(
    op: &Op,
    purpose: Purpose,
    account: Option<AccountId>,
    mut options: Value,
    state: &str,
) -> Result<Challenge> {
    let ceremony: CeremonyId = op.new_id();
    // Challenges cost whoever asks for them nothing; so the table never holds more than those of five minutes.
    store::ceremonies::delete_expired(op.tx(), op.now()).await?;
    store::ceremonies::insert(op.tx(), ceremony, purpose.key(), account, state, op.now()).await?;
    let options = options.get_mut("publicKey").map(Value::take).unwrap_or_default();
    Ok(Challenge { ceremony, options })
}

/// Takes a challenge for good, in a transaction of its own: whatever comes of the answer, there is no second one.
pub(super) async fn take<T: serde::de::DeserializeOwned>(
    portal: &Portal,
    purpose: Purpose,
    account: Option<AccountId>,
    ceremony: Option<CeremonyId>,
) -> Result<T> {
    let gone = || Error::Gone("This took too long, or was answered already. Start again".to_owned());
    let id = ceremony.ok_or_else(gone)?;
    let tx = portal.db.begin_write().await?;
    let state = store::ceremonies::take(&tx, id, purpose.key(), account, portal.now()).await?;
    tx.commit().await?;
    Ok(serde_json::from_str(&state.ok_or_else(gone)?)?)
}

/// What an answer proves.
enum Verdict {
    /// The holder of this account's passkey is there.
    Right(AccountId),
    /// Nothing; of this account's passkey, if it is known at all.
    Wrong(Option<AccountId>),
    /// The signature is right, but the passkey has counted backwards: it, or a copy, was used elsewhere.
    Copied(AccountId),
    /// It fits, but it may not sign in alone any more: its owner has said "This was not me" since it was added.
    Disowned(AccountId),
}

/// Judges an answer by the passkey as it is stored now, and writes its use down.
async fn judge(
    op: &Op,
    state: &DiscoverableAuthentication,
    answer: Value,
    expected: Option<AccountId>,
) -> Result<Verdict> {
    let Ok(answer) = serde_json::from_value::<PublicKeyCredential>(answer) else { return Ok(Verdict::Wrong(None)) };
    let Some(row) = store::passkeys::find(op.tx(), answer.get_credential_id()).await? else {
        return Ok(Verdict::Wrong(None));
    };
    let owner = row.account_id;
    // A passkey that is asked for by name need not say whose it is; one that comes unasked must.
    let says = answer.get_user_unique_id().map(|bytes| bytes == owner.uuid().as_bytes().as_slice());
    let fits = match expected {
        Some(expected) => owner == expected && says != Some(false),
        None => says == Some(true),
    };
    if !fits {
        return Ok(Verdict::Wrong(Some(owner)));
    }
    let alone = expected.is_none();
    let mut credential: Credential = serde_json::from_str(&row.credential)?;
    let party = relying_party(&op.portal().config)?;
    let result = match party.finish_discoverable_authentication_v2(&answer, state.clone(), &credential) {
        Ok(result) => result,
        Err(WebauthnError::CredentialPossibleCompromise) => return Ok(Verdict::Copied(owner)),
        Err(_) => return Ok(Verdict::Wrong(Some(owner))),
    };
    credential.update_credential(&result);
    let after = serde_json::to_string(&credential)?;
    // Of two that show the same count at once, one has it.
    let used = store::passkeys::mark_used(op.tx(), row.id, &row.credential, &after, op.now()).await?;
    Ok(match used {
        true if alone && !store::passkeys::stands_alone(op.tx(), row.id).await? => Verdict::Disowned(owner),
        true => Verdict::Right(owner),
        false => Verdict::Copied(owner),
    })
}

/// What is written down about a passkey that proved nothing.
async fn refusal(op: &Op, action: &'static str, verdict: &Verdict, asked: Option<AccountId>) -> Result<Event> {
    let (action, account) = match verdict {
        Verdict::Copied(owner) => ("passkey.copy_suspected", Some(*owner)),
        Verdict::Disowned(owner) => ("passkey.disowned_refused", Some(*owner)),
        Verdict::Wrong(owner) => (action, asked.or(*owner)),
        Verdict::Right(owner) => (action, Some(*owner)),
    };
    let scope = match account {
        Some(account) => access::memberships_of(op.tx(), account, op.now()).await?.first().map(|m| m.scope),
        None => None,
    };
    let subject = account.map_or_else(|| "passkey".to_owned(), |account| account.to_string());
    Ok(Event { action, subject, scope, outcome: Outcome::Refused, detail: json!({ "wrong": "passkey" }) })
}

pub(super) fn internal(error: WebauthnError) -> Error {
    Error::Internal(error.into())
}

/// Deletes challenges that nobody may answer any more.
///
/// # Errors
/// When the database fails.
pub async fn forget_old_ceremonies(portal: &Portal) -> Result<u64> {
    let tx = portal.db.begin_write().await?;
    let deleted = store::ceremonies::delete_expired(&tx, portal.now()).await?;
    tx.commit().await?;
    Ok(deleted)
}
