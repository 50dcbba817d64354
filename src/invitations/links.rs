//! The links of invitations: derived, never stored. A higher generation of the invitation kills every earlier one.

use super::Invitation;
use crate::{
    keys::{
        Keys,
        link::{LinkCode, LinkKind},
    },
    portal::Portal,
    types::{InvitationId, constant_time_eq},
};

const LINK: LinkKind = LinkKind { prefix: "cpi1_", purpose: "invitation" };
/// No invitation is replaced more often than this; bounds the search for an old generation.
const MOST_GENERATIONS: i64 = 1000;

/// A link's code as somebody brought it: not yet believed.
#[derive(Clone)]
pub struct Code {
    /// The invitation that it speaks of.
    pub id: InvitationId,
    code: LinkCode,
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
        let code = LINK.parse(text)?;
        Some(Self { id: InvitationId::from_uuid(code.id), code, spoken: String::new() })
    }

    /// The generation that this code was made for, of those up to the invitation's current one.
    pub(super) fn generation(&self, keys: &Keys, invitation: &Invitation) -> Option<i64> {
        let newest = invitation.generation;
        let oldest = (newest - MOST_GENERATIONS).max(1);
        (oldest..=newest).rev().find(|generation| LINK.fits(keys, &self.code, *generation))
    }
}

/// The page on which a code can be typed, made from the configured public address, never from a request.
pub fn join_url(portal: &Portal) -> String {
    portal.config.url("/join")
}

/// The current link and, for those without script, its bare code.
pub fn link_of(portal: &Portal, id: InvitationId, generation: i64) -> (String, String) {
    let code = LINK.write(&portal.keys, id.uuid(), generation);
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
