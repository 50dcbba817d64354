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

/// The organisation for which somebody may report bounces, once the token fitted.
pub struct Token;

impl Token {
    /// The token of an organisation.
    pub fn of(keys: &Keys, organisation: OrganisationId) -> String {
        let mut bytes = organisation.uuid().as_bytes().to_vec();
        bytes.extend(keys.link_code(PURPOSE, organisation.uuid(), 1));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The organisation whose token this is; none for everything else.
    pub fn read(keys: &Keys, text: &str) -> Option<OrganisationId> {
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?.try_into().ok()?;
        let (id, mac) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        constant_time_eq(&keys.link_code(PURPOSE, id, 1), mac).then(|| OrganisationId::from_uuid(id))
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
            let good = Token::of(&keys, organisation);
            prop_assert_eq!(Token::read(&keys, &good), Some(organisation));
            let mut bad = good.clone();
            bad.replace_range(at..=at, &other);
            prop_assume!(bad != good);
            prop_assert_eq!(Token::read(&keys, &bad), None);
        }

        #[test]
        fn nothing_else_is_a_token(text in ".*") {
            prop_assert_eq!(Token::read(&Keys::derive(&[7; 32]), &text), None);
        }
    }
}
