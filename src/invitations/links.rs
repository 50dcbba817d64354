//! Links that are derived, never stored: `cpi1_` and 64 characters that hold the invitation's id and a 256-bit code over its
//! purpose, id and generation. They travel in the address's fragment, which no server, proxy or `Referer` sees.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::Invitation;
use crate::{
    keys::Keys,
    portal::Portal,
    types::{InvitationId, constant_time_eq},
};

/// The prefix lets secret scanners find a leaked link, and keeps other secrets from being tried here.
const PREFIX: &str = "cpi1_";
const PURPOSE: &str = "invitation";
/// No invitation is replaced more often than this; bounds the search for an old generation.
const MOST_GENERATIONS: i64 = 1000;

/// A link's code as somebody brought it: not yet believed.
#[derive(Clone)]
pub struct Code {
    /// The invitation that it speaks of.
    pub id: InvitationId,
    mac: [u8; 32],
    spoken: String,
}

impl Code {
    /// The same with the code that the inviter has told by telephone, where one is asked.
    #[must_use]
    pub fn with_spoken(self, typed: &str) -> Self {
        Self { spoken: typed.chars().filter(char::is_ascii_digit).take(20).collect(), ..self }
    }

    /// Whether the code told by telephone is the right one for an invitation.
    pub(super) fn has_spoken(&self, keys: &Keys, invitation: &Invitation) -> bool {
        constant_time_eq(spoken_digits(keys, invitation).as_bytes(), self.spoken.as_bytes())
    }

    /// Reads the text of a link. `None` for anything that was never a link of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('#');
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?.try_into().ok()?;
        let (id, mac) = bytes.split_at_checked(16)?;
        Some(Self {
            id: InvitationId::from_uuid(Uuid::from_slice(id).ok()?),
            mac: mac.try_into().ok()?,
            spoken: String::new(),
        })
    }

    /// The generation that this code was made for, of those up to the invitation's current one.
    pub(super) fn generation(&self, keys: &Keys, invitation: &Invitation) -> Option<i64> {
        let newest = invitation.generation;
        let oldest = (newest - MOST_GENERATIONS).max(1);
        (oldest..=newest)
            .rev()
            .find(|generation| constant_time_eq(&keys.link_code(PURPOSE, self.id.uuid(), *generation), &self.mac))
    }
}

/// The code of an invitation's current link.
fn code_of(keys: &Keys, id: InvitationId, generation: i64) -> String {
    let mac = keys.link_code(PURPOSE, id.uuid(), generation);
    let mut bytes = id.uuid().as_bytes().to_vec();
    bytes.extend(mac);
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The page on which a code can be typed, made from the configured public address, never from a request.
pub fn join_url(portal: &Portal) -> String {
    portal.config.url("/join")
}

/// The current link and, for those without script, its bare code.
pub fn link_of(portal: &Portal, id: InvitationId, generation: i64) -> (String, String) {
    let code = code_of(&portal.keys, id, generation);
    (format!("{}#{code}", join_url(portal)), code)
}

/// Letters and digits that are not mistaken for each other when they are read from paper.
const PAPER: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The short code of a printed slip: 40 bits, good for this generation of this invitation and only with the invited address.
pub(super) fn slip_code(keys: &Keys, invitation: &Invitation) -> String {
    let mac = keys.link_code("invitation slip", invitation.id.uuid(), invitation.generation);
    let bits = mac.iter().take(5).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let letter =
        |n: u32| PAPER.get(usize::try_from((bits >> (5 * n)) & 31).unwrap_or(0)).map_or('0', |byte| char::from(*byte));
    let letters: Vec<char> = (0..8).rev().map(letter).collect();
    let (first, second) = letters.split_at(4);
    format!("{}-{}", first.iter().collect::<String>(), second.iter().collect::<String>())
}

/// Whether somebody has typed this slip's code; what is read wrongly from paper counts as what it was.
pub(super) fn is_slip_code(keys: &Keys, invitation: &Invitation, typed: &str) -> bool {
    let read = |letter: char| match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).map(read).take(20).collect();
    constant_time_eq(slip_code(keys, invitation).replace('-', "").as_bytes(), typed.as_bytes())
}

/// The code that the inviter tells by telephone: eight digits, in no mail.
pub(super) fn spoken_code(keys: &Keys, invitation: &Invitation) -> String {
    let digits = spoken_digits(keys, invitation);
    let (first, second) = digits.split_at(4);
    format!("{first} {second}")
}

fn spoken_digits(keys: &Keys, invitation: &Invitation) -> String {
    let mac = keys.link_code("invitation spoken", invitation.id.uuid(), invitation.generation);
    let number = mac.iter().take(8).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    format!("{:08}", number % 100_000_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> Keys {
        Keys::derive(&[7; 32])
    }

    proptest! {
        #[test]
        fn a_code_comes_back_with_its_id(id: u128, generation in 1_i64..50) {
            let id = InvitationId::from_uuid(Uuid::from_u128(id));
            let code = Code::parse(&code_of(&keys(), id, generation)).expect("parses");
            prop_assert_eq!(code.id, id);
            prop_assert!(constant_time_eq(&code.mac, &keys().link_code(PURPOSE, id.uuid(), generation)));
            prop_assert!(!constant_time_eq(&code.mac, &keys().link_code(PURPOSE, id.uuid(), generation + 1)));
            prop_assert!(!constant_time_eq(&code.mac, &keys().link_code("reset", id.uuid(), generation)));
        }

        #[test]
        fn a_changed_code_is_never_the_same_code(position in 0_usize..69, other in "[A-Za-z0-9_-]") {
            let good = code_of(&keys(), InvitationId::from_uuid(Uuid::from_u128(42)), 1);
            let mut bad = good.clone();
            bad.replace_range(position..=position, &other);
            prop_assume!(bad != good);
            if let Some(code) = Code::parse(&bad) {
                prop_assert!(!constant_time_eq(&code.mac, &keys().link_code(PURPOSE, code.id.uuid(), 1)));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            let _ = Code::parse(&text);
        }
    }

    #[test]
    fn shorter_longer_and_foreign_texts_are_no_codes() {
        let good = code_of(&keys(), InvitationId::from_uuid(Uuid::from_u128(42)), 1);
        for bad in
            [&good[..good.len() - 1], &format!("{good}A"), &good.replace("cpi1_", "cpk_"), &good[5..], "", "cpi1_"]
        {
            assert!(Code::parse(bad).is_none(), "{bad}");
        }
        assert!(Code::parse(&format!(" #{good}\n")).is_some());
    }
}
