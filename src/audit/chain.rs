//! The chain: what a seal's hash is made over. Whoever holds an event, its seal and the hash before can make the hash again.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// SHA-256.
pub type Hash = [u8; 32];

/// What comes before the first seal.
pub const BEGINNING: Hash = [0; 32];

/// Which fields are hashed and how; raised when that changes.
const VERSION: u8 = 1;

/// An event as it is hashed, with its place in the chain.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// 1, 2, 3 … without a gap.
    pub seq: i64,
    /// When it was sealed, in milliseconds since 1970.
    pub sealed_at: i64,
    /// The event's id.
    pub id: Uuid,
    /// When it happened, in milliseconds since 1970.
    pub at: i64,
    /// The organisation.
    pub organisation: Option<Uuid>,
    /// The deployment.
    pub deployment: Option<Uuid>,
    /// The account that acted.
    pub actor_id: Option<Uuid>,
    /// By which way, or `visitor` or `portal`; then action, subject, outcome, origin and detail.
    pub texts: [&'a str; 6],
}

impl Sealed<'_> {
    /// The hash of this seal, after the one `before`.
    pub fn hash(&self, before: &Hash) -> Hash {
        let mut sha = Sha256::new();
        sha.update([VERSION]);
        sha.update(before);
        for number in [self.seq, self.sealed_at, self.at] {
            sha.update(number.to_be_bytes());
        }
        sha.update(self.id.as_bytes());
        for id in [self.organisation, self.deployment, self.actor_id] {
            match id {
                Some(id) => {
                    sha.update([1]);
                    sha.update(id.as_bytes());
                }
                None => sha.update([0]),
            }
        }
        for text in self.texts {
            sha.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            sha.update(text.as_bytes());
        }
        sha.finalize().into()
    }
}

/// In hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes from hexadecimal digits; none for anything else.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Sealed<'static> {
        Sealed {
            seq: 7,
            sealed_at: 1_790_000_000_500,
            id: Uuid::from_u128(1),
            at: 1_790_000_000_000,
            organisation: Some(Uuid::from_u128(2)),
            deployment: None,
            actor_id: Some(Uuid::from_u128(3)),
            texts: ["session", "invitation.sent", "inv_1", "done", "10.0.0.1", "{}"],
        }
    }

    /// A chain that was sealed once must be verified for ever: this hash must never change.
    #[test]
    fn the_hash_of_version_1_stays_what_it_is() {
        assert_eq!(hex(&event().hash(&BEGINNING)), "ba58b0949012142bc01d0d884a1aaa767a6365240a5f6f04806f808fb71842c4");
    }

    #[test]
    fn every_field_and_its_place_count() {
        let first = event().hash(&BEGINNING);
        let mut others = vec![event().hash(&first)];
        let mut change = |with: &dyn Fn(&mut Sealed<'static>)| {
            let mut other = event();
            with(&mut other);
            others.push(other.hash(&BEGINNING));
        };
        change(&|e| e.seq = 8);
        change(&|e| e.sealed_at += 1);
        change(&|e| e.at += 1);
        change(&|e| e.id = Uuid::from_u128(9));
        change(&|e| e.organisation = None);
        change(&|e| e.deployment = Some(Uuid::from_u128(2)));
        change(&|e| e.actor_id = None);
        for n in 0..6 {
            change(&|e| e.texts[n] = "");
        }
        change(&|e| e.texts = ["sessioni", "nvitation.sent", "inv_1", "done", "10.0.0.1", "{}"]);
        let different: std::collections::HashSet<_> = others.iter().chain([&first]).collect();
        assert_eq!(different.len(), others.len() + 1);
    }

    #[test]
    fn hexadecimal_comes_back() {
        assert_eq!(from_hex::<3>(&hex(&[0, 17, 255])), Some([0, 17, 255]));
        for bad in ["00", "0011FF", "0011zz", "0011ff00"] {
            assert_eq!(from_hex::<3>(bad), None, "{bad}");
        }
    }
}
