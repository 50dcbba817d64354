//! The codes that prove a second factor: six digits of an authenticator app (RFC 6238), and recovery codes. Both are derived from
//! the root key and a seed, so the database holds nothing that could be used.

use totp_rs::{Builder, Secret as TotpSecret, Totp};

use crate::{
    keys::Keys,
    types::{AccountId, Timestamp, constant_time_eq},
};

/// How many recovery codes a set has.
pub const RECOVERY_CODES: u8 = 10;
/// A step of the clock before and after counts too (RFC 6238, section 5.2): clocks differ, and people type slowly.
const DRIFT: u16 = 1;
/// Without the letters that are taken for digits or for each other (Crockford's base 32).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The authenticator that belongs to an account and a seed.
///
/// # Errors
/// When the address cannot stand in an authenticator's label.
pub fn authenticator(keys: &Keys, account: AccountId, email: &str, seed: &[u8]) -> anyhow::Result<Totp> {
    let secret = keys.authenticator_secret(account.uuid(), seed);
    // A colon would split the label.
    let label = email.replace(':', "");
    Builder::new()
        .with_secret(TotpSecret::new_stack(secret))
        .with_skew(DRIFT)
        .with_account_name(label)
        .with_issuer(Some("Care Portal"))
        .build()
        .map_err(|error| anyhow::anyhow!("an authenticator: {error}"))
}

/// Seconds since 1970, as authenticators count.
pub fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1000).unwrap_or(0)
}

/// What somebody typed as the proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Six digits.
    Authenticator(String),
    /// The 80 bits of a recovery code.
    Recovery([u8; 10]),
}

impl Typed {
    /// Reads it as people type: with or without spaces and hyphens, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(40).collect();
        if plain.len() == 6 && plain.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::Authenticator(plain));
        }
        decode(&plain).map(Self::Recovery)
    }
}

/// A recovery code as it is shown: `XXXX-XXXX-XXXX-XXXX`.
pub fn recovery_code(keys: &Keys, account: AccountId, seed: &[u8], n: u8) -> String {
    encode(&keys.recovery_code(account.uuid(), seed, n))
}

/// Which of the account's recovery codes this is.
pub fn which_recovery_code(keys: &Keys, account: AccountId, seed: &[u8], typed: &[u8; 10]) -> Option<u8> {
    // All are compared, so that the time does not tell which one was near.
    (0..RECOVERY_CODES).fold(None, |found, n| {
        let same = constant_time_eq(&keys.recovery_code(account.uuid(), seed, n), typed);
        if same { Some(n) } else { found }
    })
}

fn encode(bytes: &[u8; 10]) -> String {
    let bits = bytes.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let mut text = String::with_capacity(19);
    for n in 0..16 {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        let five = usize::try_from(bits >> (75 - 5 * n) & 31).unwrap_or(0);
        text.push(LETTERS.get(five).copied().map_or('0', char::from));
    }
    text
}

fn decode(plain: &str) -> Option<[u8; 10]> {
    if plain.len() != 16 {
        return None;
    }
    let mut bits = 0_u128;
    for letter in plain.bytes() {
        let letter = match letter.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        };
        let five = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 5 | u128::try_from(five).ok()?;
    }
    bits.to_be_bytes().get(6..)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_recovery_code_comes_back_however_it_is_typed(bytes: [u8; 10]) {
            let shown = encode(&bytes);
            prop_assert_eq!(Typed::parse(&shown), Some(Typed::Recovery(bytes)));
            let sloppy = shown.replace('-', " ").replace('0', "o").replace('1', "l").to_lowercase();
            prop_assert_eq!(Typed::parse(&sloppy), Some(Typed::Recovery(bytes)));
        }

        #[test]
        fn nothing_typed_makes_it_panic(text in ".*") {
            let _ = Typed::parse(&text);
        }
    }

    #[test]
    fn six_digits_are_an_authenticators() {
        assert_eq!(Typed::parse(" 123 456 "), Some(Typed::Authenticator("123456".to_owned())));
        for nothing in ["", "12345", "1234567", "12345x", "UUUU-UUUU-UUUU-UUUU", "１２３４５６"] {
            assert_eq!(Typed::parse(nothing), None, "{nothing}");
        }
    }
}
