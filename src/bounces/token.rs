//! The secret in a webhook's address: derived from the organisation and the root key, never stored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    keys::Keys,
    types::{OrganisationId, constant_time_eq},
};

/// Lets secret scanners find a leaked one, and keeps other secrets from being tried here.
const PREFIX: &str = "cpb1_";
const PURPOSE: &str = "bounces";

/// What an address says: an organisation, and a secret that shows that the portal made it.
pub struct Token {
    /// For which organisation.
    pub organisation: OrganisationId,
    secret: [u8; 32],
}

impl Token {
    /// The token of an organisation; another generation is another token.
    pub fn of(keys: &Keys, organisation: OrganisationId, generation: i64) -> String {
        let mut bytes = organisation.uuid().as_bytes().to_vec();
        bytes.extend(keys.link_code(PURPOSE, organisation.uuid(), generation));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What has the shape of a token; whether it is one, [`Token::fits`] tells.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?.try_into().ok()?;
        let (id, secret) = bytes.split_at_checked(16)?;
        let organisation = OrganisationId::from_uuid(Uuid::from_slice(id).ok()?);
        Some(Self { organisation, secret: secret.try_into().ok()? })
    }

    /// Whether it is the organisation's token of this generation.
    pub fn fits(&self, keys: &Keys, generation: i64) -> bool {
        constant_time_eq(&keys.link_code(PURPOSE, self.organisation.uuid(), generation), &self.secret)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_is_read_back_and_a_changed_one_is_not(id: u128, at in 0_usize..69, other in "[A-Za-z0-9_-]") {
            let keys = Keys::derive(&[7; 32]);
            let organisation = OrganisationId::from_uuid(Uuid::from_u128(id));
            let good = Token::of(&keys, organisation, 1);
            let read = |text: &str| Token::parse(text).filter(|token| token.fits(&keys, 1)).map(|token| token.organisation);
            prop_assert_eq!(read(&good), Some(organisation));
            prop_assert!(!Token::parse(&good).is_some_and(|token| token.fits(&keys, 2)), "another generation");
            let mut bad = good.clone();
            bad.replace_range(at..=at, &other);
            prop_assume!(bad != good);
            prop_assert_eq!(read(&bad), None);
        }

        #[test]
        fn nothing_else_is_a_token(text in ".*") {
            prop_assert!(!Token::parse(&text).is_some_and(|token| token.fits(&Keys::derive(&[7; 32]), 1)));
        }
    }
}
