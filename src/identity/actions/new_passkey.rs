//! Adding a passkey: the challenge, and the passkey that a browser makes of it.

use serde_json::{Value, json};
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential};

use super::{
    ceremonies::{Answer, Challenge, Purpose, internal, keep, take},
    notices::notify,
    passkeys::passkey_name,
    second_factor::{SetUp, Who, go_on, record},
};
use crate::{
    error::{Error, Result},
    identity::{Means, NoticeKind, relying_party::relying_party, store},
    op::Op,
    portal::Portal,
    types::AccountId,
};

/// More are a sign of something else going on.
const MOST_PASSKEYS: i64 = 20;

/// Challenges somebody to add a passkey.
///
/// # Errors
/// [`Error::StepUpRequired`] when the proof is not fresh, [`Error::SecondFactorRequired`] when only the password was given and
/// there is a factor already, [`Error::Conflict`] when there are twenty.
pub async fn start_passkey(portal: &Portal, who: &Who<'_>) -> Result<Challenge> {
    let account = who.account()?;
    let op = who.begin(portal).await?;
    who.may_set_up(&op).await?;
    refuse_too_many(&op, account.id).await?;
    let rows = store::passkeys::of(op.tx(), account.id).await?;
    let known = rows.into_iter().map(|row| row.credential_id).collect();
    let party = relying_party(&portal.config)?;
    let (options, state) = party
        .start_passkey_registration(account.id.uuid(), &account.email, &account.name, Some(known))
        .map_err(internal)?;
    let mut options = serde_json::to_value(options)?;
    // Kept on the device where it can be, so that it signs in without a password.
    if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection").and_then(Value::as_object_mut) {
        selection.insert("residentKey".to_owned(), json!("preferred"));
    }
    let challenge = keep(&op, Purpose::Add, Some(account.id), options, &serde_json::to_string(&state)?).await?;
    op.commit().await?;
    Ok(challenge)
}

async fn refuse_too_many(op: &Op, account: AccountId) -> Result<()> {
    let counts = store::factors::count(op.tx(), account).await?;
    if counts.passkeys < MOST_PASSKEYS {
        return Ok(());
    }
    Err(Error::Conflict(format!(
        "You have {MOST_PASSKEYS} passkeys already. Remove one that you do not use any more first"
    )))
}

/// Adds the passkey that a browser has made. Ends every other session; the first factor brings recovery codes.
///
/// # Errors
/// As [`start_passkey`]; and [`Error::Invalid`] beside `name` or `passkey`, [`Error::Gone`] when the challenge is no more.
pub async fn add_passkey(
    portal: &Portal,
    who: &Who<'_>,
    answer: Answer,
    name: &str,
    browser: Option<&str>,
) -> Result<SetUp> {
    let account = who.account()?;
    let name = passkey_name(name)?;
    let state: PasskeyRegistration = take(portal, Purpose::Add, Some(account.id), answer.ceremony).await?;
    let party = relying_party(&portal.config)?;
    let made = serde_json::from_value::<RegisterPublicKeyCredential>(answer.credential).ok();
    let made = made.and_then(|made| party.finish_passkey_registration(&made, &state).ok());
    let Some(credential) = made else {
        return Err(Error::field("passkey", "The passkey could not be set up. Try again, or use an authenticator app"));
    };
    let mut op = who.begin(portal).await?;
    who.may_set_up(&op).await?;
    refuse_too_many(&op, account.id).await?;
    let text = serde_json::to_string(&credential)?;
    let row = store::passkeys::New {
        id: op.new_id(),
        account: account.id,
        credential_id: credential.cred_id().as_slice(),
        name: name.as_str(),
        credential: &text,
    };
    if !store::passkeys::insert(op.tx(), row, op.now()).await? {
        return Err(Error::field("passkey", "This passkey is set up already. Use another device, or remove it first"));
    }
    record(&mut op, "passkey.added", account.id, json!({ "name": name.as_str() })).await?;
    // As with an authenticator: whoever is joining is told nothing new.
    if store::browsers::any(op.tx(), account.id).await? {
        notify(&mut op, account.id, NoticeKind::PasskeyAdded, json!({ "name": name.as_str() })).await?;
    }
    let set_up = go_on(&mut op, &account, Means::Passkey, browser).await?;
    op.commit().await?;
    Ok(set_up)
}
