//! A form that was sent when the session had ended, or was no longer proved freshly enough, is not lost: it waits, sealed, until
//! the same person has proved themselves, and is then sent once.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead, KeyInit},
};
use serde::{Deserialize, Serialize};

use super::sessions::token_hash;
use crate::{
    error::{Error, Result},
    identity::store,
    portal::Portal,
    types::{AccountId, InterruptedId, Secret, sha256},
};

/// How long a form waits.
const WAITS: Duration = Duration::from_secs(30 * 60);
const PURPOSE: &str = "interrupted form v1";

/// A form as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Form {
    /// Where to.
    pub path: String,
    /// How its body is written.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Keeps a form for the person whose session this was, dead or alive. The secret that is returned opens it; only the browser has
/// it. None when the session was never anybody's.
///
/// # Errors
/// When the database fails.
pub async fn keep_form(portal: &Portal, session: &str, form: &Form) -> Result<Option<Secret<String>>> {
    let Some(account) = store::sessions::owner_of(portal.db.reader(), token_hash(session)).await? else {
        return Ok(None);
    };
    let id: InterruptedId = portal.new_id();
    let secret = portal.rng.bytes::<32>();
    // The key is used for this one text, so the nonce may be fixed.
    let sealed = cipher(&secret)
        .and_then(|cipher| cipher.encrypt(&Nonce::default(), serde_json::to_vec(form).ok()?.as_slice()).ok())
        .ok_or_else(|| Error::internal("sealing a form"))?;
    let tx = portal.db.begin_write().await?;
    store::interrupted::insert(&tx, id, account, sealed, portal.now().plus(WAITS)).await?;
    tx.commit().await?;
    let mut text = id.uuid().as_bytes().to_vec();
    text.extend(secret);
    Ok(Some(Secret::new(URL_SAFE_NO_PAD.encode(text))))
}

/// The form that waits for this person in this browser.
///
/// # Errors
/// When the database fails.
pub async fn waiting_form(portal: &Portal, account: AccountId, secret: &str) -> Result<Option<Form>> {
    let Some((id, key)) = parse(secret) else { return Ok(None) };
    let found = store::interrupted::find(portal.db.reader(), id, account, portal.now()).await?;
    Ok(found.and_then(|sealed| open(&key, &sealed)))
}

/// The same, taken away: whoever takes it sends it.
///
/// # Errors
/// When the database fails.
pub async fn take_form(portal: &Portal, account: AccountId, secret: &str) -> Result<Option<Form>> {
    let Some((id, _)) = parse(secret) else { return Ok(None) };
    let form = waiting_form(portal, account, secret).await?;
    let tx = portal.db.begin_write().await?;
    let taken = store::interrupted::take(&tx, id, account, portal.now()).await?;
    tx.commit().await?;
    Ok(form.filter(|_| taken))
}

fn cipher(secret: &[u8; 32]) -> Option<ChaCha20Poly1305> {
    ChaCha20Poly1305::new_from_slice(&sha256(PURPOSE, secret)).ok()
}

fn open(key: &[u8; 32], sealed: &[u8]) -> Option<Form> {
    let plain = cipher(key)?.decrypt(&Nonce::default(), sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

fn parse(secret: &str) -> Option<(InterruptedId, [u8; 32])> {
    let bytes = URL_SAFE_NO_PAD.decode(secret).ok()?;
    let (id, key) = bytes.split_at_checked(16)?;
    Some((InterruptedId::from_uuid(uuid::Uuid::from_slice(id).ok()?), key.try_into().ok()?))
}
