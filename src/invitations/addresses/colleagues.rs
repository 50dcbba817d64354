//! Finds the colleague whose address is one slip away, among a hundred thousand, without comparing with each.
//!
//! Two words one slip apart become equal when the right letter is left out of one or of both. So the index holds each
//! address's name part with every letter left out in turn, as 32-bit hashes in order: 8 bytes an entry. What a hash
//! finds is then compared letter by letter.

use super::slips::slips;
use crate::types::email_address::EmailAddress;

/// Names shorter than this are one letter off too many others ("ann", "anna") for a hint to help.
const SHORTEST_NAME: usize = 4;
/// No real name part has more neighbours; this bounds the work for one address.
const MOST_COMPARED: usize = 256;

/// The addresses of the people who are here already.
#[derive(Debug, Default)]
pub struct ColleagueIndex {
    addresses: Vec<String>,
    /// Hash of a variant, and which address it comes from; in order.
    variants: Vec<(u32, u32)>,
}

impl ColleagueIndex {
    /// Takes addresses, or their keys.
    pub fn new<I: IntoIterator<Item: Into<String>>>(addresses: I) -> ColleagueIndex {
        let addresses: Vec<String> = addresses.into_iter().map(|a| a.into().to_ascii_lowercase()).collect();
        let mut variants = Vec::with_capacity(addresses.len().saturating_mul(16));
        for (number, address) in (0u32..).zip(&addresses) {
            variants.extend(hashes(address).into_iter().map(|hash| (hash, number)));
        }
        variants.sort_unstable();
        ColleagueIndex { addresses, variants }
    }

    /// The colleague at the same domain whose address is one slip away from this one. None when the address is a
    /// colleague's own.
    pub(super) fn one_slip_from(&self, address: &EmailAddress) -> Option<&str> {
        let mut found = None;
        for hash in hashes(address.key()) {
            let from = self.variants.partition_point(|(other, _)| *other < hash);
            let same = self.variants.iter().skip(from).take_while(|(other, _)| *other == hash);
            for (_, number) in same.take(MOST_COMPARED) {
                let colleague = self.addresses.get(usize::try_from(*number).ok()?)?;
                if colleague == address.key() {
                    return None;
                }
                if is_slip(address.key(), colleague) {
                    found = found.or(Some(colleague.as_str()));
                }
            }
        }
        found
    }
}

fn is_slip(typed: &str, colleague: &str) -> bool {
    let (Some((a, at)), Some((b, there))) = (typed.rsplit_once('@'), colleague.rsplit_once('@')) else {
        return false;
    };
    at == there && a.len().min(b.len()) >= SHORTEST_NAME && slips(a, b, 1) == Some(1) && !are_namesakes(a, b)
}

/// Whether the difference is one that keeps two people apart on purpose: `j.smith2` beside `j.smith1`, and
/// `k.smith` beside `j.smith`.
fn are_namesakes(a: &str, b: &str) -> bool {
    let letters = |name: &str| -> String { name.chars().filter(|c| !c.is_ascii_digit()).collect() };
    if letters(a) == letters(b) {
        return true;
    }
    let parts = |name: &str| -> Vec<String> { name.split(['.', '_', '-']).map(str::to_owned).collect() };
    let (a, b) = (parts(a), parts(b));
    a.len() == b.len() && a.len() > 1 && a.iter().zip(&b).all(|(x, y)| x == y || (x.len() == 1 && y.len() == 1))
}

/// The name part as it is, and with each letter left out in turn, each together with the domain.
fn hashes(address: &str) -> Vec<u32> {
    let Some((name, domain)) = address.rsplit_once('@') else {
        return Vec::new();
    };
    let start = domain.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let left_out = (0..name.len()).map(|out| {
        let kept = name.bytes().enumerate().filter(|(position, _)| *position != out);
        fold_to_32(kept.fold(start, |hash, (_, byte)| fnv(hash, byte)))
    });
    let mut all: Vec<u32> = std::iter::once(fold_to_32(name.bytes().fold(start, fnv))).chain(left_out).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// One step of FNV-1a: small, and good enough where a wrong hit costs one comparison.
fn fnv(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn fold_to_32(hash: u64) -> u32 {
    let folded = (hash ^ (hash >> 32)) & u64::from(u32::MAX);
    u32::try_from(folded).unwrap_or_default()
}
