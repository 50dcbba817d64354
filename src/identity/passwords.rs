//! Passwords: what is accepted (NIST SP 800-63B-4 3.1.1.2, ASVS 6.2), and how they are stored (Argon2id over a keyed hash).

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use unicode_normalization::UnicodeNormalization;

use crate::{
    error::{Error, Result},
    hashers::Memory,
    portal::Portal,
    types::constant_time_eq,
};

const SHORTEST: usize = 15;
const LONGEST: usize = 128;
/// Words that everybody here would try first.
const LOCAL_WORDS: [&str; 6] = ["care", "portal", "careportal", "hospital", "patient", "password"];

/// How good a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    /// 0 to 4.
    pub score: u8,
    /// Whether it is accepted.
    pub enough: bool,
    /// What to do about it, or that it is fine.
    pub sentence: String,
}

/// Judges a password for a person whose name and address are `about`. Any character is fine, nothing is cut off; what counts
/// is length and that nobody would guess it.
pub fn judge(password: &str, about: &[&str]) -> Strength {
    let length = password.chars().count();
    let weak = |score, sentence: String| Strength { score, enough: false, sentence };
    match length {
        0 => return weak(0, format!("Use {SHORTEST} characters or more. Several words in a row work well.")),
        n if n < SHORTEST => {
            let missing = SHORTEST - n;
            let unit = if missing == 1 { "character" } else { "characters" };
            return weak(u8::from(n > 7), format!("{missing} more {unit} needed."));
        }
        n if n > LONGEST => return weak(0, format!("Use at most {LONGEST} characters.")),
        _ => {}
    }
    let parts: Vec<&str> = about
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|part| part.len() > 2)
        .collect();
    let known: Vec<&str> = parts.iter().copied().chain(LOCAL_WORDS).collect();
    if without(password, &known).chars().count() < 8 {
        return weak(
            1,
            "It is made of words about you or this place. Add words that do not belong together.".to_owned(),
        );
    }
    let entropy = zxcvbn::zxcvbn(password, &known);
    let score = u8::from(entropy.score());
    if score < 3 {
        let reason = entropy
            .feedback()
            .and_then(zxcvbn::feedback::Feedback::warning)
            .map_or_else(|| "It is easy to guess.".to_owned(), |warning| warning.to_string());
        return weak(score, format!("{reason} Try several words that do not belong together."));
    }
    Strength { score, enough: true, sentence: if score == 3 { "Good." } else { "Strong." }.to_owned() }
}

/// What is left of a password when the words that everybody here would try are taken out.
fn without(password: &str, words: &[&str]) -> String {
    let lower = password.to_lowercase();
    words.iter().fold(lower, |left, word| left.replace(&word.to_lowercase(), ""))
}

/// 19 MiB, two passes, one lane: the OWASP minimum that a small machine can bear.
fn cost() -> Params {
    Params::default()
}

/// Argon2id in the thread's own memory.
fn argon2id(secret: &[u8], salt: &[u8], cost: Params, memory: &mut Memory) -> argon2::Result<[u8; 32]> {
    let mut hash = [0; 32];
    memory.resize(cost.block_count().max(memory.len()), Block::default());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost)
        .hash_password_into_with_memory(secret, salt, &mut hash, memory)?;
    Ok(hash)
}

/// As it is stored: the usual text form of password hashes (PHC).
fn stored_form(salt: &[u8], hash: &[u8], cost: &Params) -> String {
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={},t={},p={}${salt}${hash}", cost.m_cost(), cost.t_cost(), cost.p_cost())
}

fn fits(secret: &[u8], stored: &str, memory: &mut Memory) -> bool {
    let Ok(known) = PasswordHash::new(stored) else { return false };
    let (Some(salt), Some(hash), Ok(cost)) = (known.salt, known.hash, Params::try_from(&known)) else { return false };
    argon2id(secret, &salt, cost, memory).is_ok_and(|found| constant_time_eq(&found, hash.as_bytes()))
}

/// What is hashed: the composed (NFC) password under the pepper, so that a stolen database cannot be searched without the key.
fn peppered(portal: &Portal, password: &str) -> [u8; 32] {
    portal.keys.pepper(&password.nfc().collect::<String>())
}

/// Hashes a password on one of the threads that do nothing else.
///
/// # Errors
/// When the machine has no memory left.
pub(in crate::identity) async fn hash(portal: &Portal, password: &str) -> Result<String> {
    let secret = peppered(portal, password);
    let salt = portal.rng.bytes::<16>();
    let hashed = portal.hashers.run(move |memory| {
        let hash = argon2id(&secret, &salt, cost(), memory)?;
        Ok(stored_form(&salt, &hash, &cost()))
    });
    hashed.await?.map_err(|error: argon2::Error| Error::Internal(anyhow::anyhow!("hashing a password: {error}")))
}

/// Whether `password` is the one behind `stored`. Without a stored hash the same work is done for nothing, so that the time
/// does not tell whether there is an account.
///
/// # Errors
/// When the hashing thread fails.
pub(in crate::identity) async fn verify(portal: &Portal, password: &str, stored: Option<String>) -> Result<bool> {
    let secret = peppered(portal, password);
    let check = move |memory: &mut Memory| match stored {
        Some(stored) => fits(&secret, &stored, memory),
        None => argon2id(&secret, b"nobody's salt 16", cost(), memory).is_ok_and(|_| false),
    };
    portal.hashers.run(check).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_and_common_passwords_are_refused() {
        for bad in ["", "short", "passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "123456789012345", "AdaOkafor1234567"] {
            assert!(!judge(bad, &["Ada Okafor", "ada.okafor@northfield.example"]).enough, "{bad}");
        }
        for good in ["quiet maple river lantern", "žluťoučký kůň úpěl", "correct-horse-battery-staple-x"] {
            assert!(judge(good, &["Ada Okafor"]).enough, "{good}: {:?}", judge(good, &["Ada Okafor"]));
        }
    }
}
