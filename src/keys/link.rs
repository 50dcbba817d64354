//! Links that are derived, never stored: a prefix and 64 characters that hold an id and a 256-bit code over the link's purpose, that
//! id and a generation. They travel in the address's fragment, which no server, proxy or `Referer` sees.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use super::Keys;
use crate::types::constant_time_eq;

/// One kind of link. No two share a prefix or a purpose, so that none is taken where another is asked for.
pub struct LinkKind {
    /// Lets secret scanners find a leaked link.
    pub prefix: &'static str,
    /// Part of what the code is made over.
    pub purpose: &'static str,
}

/// A link's code as somebody brought it: not yet believed.
#[derive(Clone)]
pub struct LinkCode {
    /// What it speaks of.
    pub id: Uuid,
    mac: [u8; 32],
}

impl LinkKind {
    /// Reads the text of a link, whole or only what follows its `#`. `None` for anything that was never a link of this kind.
    pub fn parse(&self, text: &str) -> Option<LinkCode> {
        let text = text.trim();
        let text = text.rsplit_once('#').map_or(text, |(_, code)| code);
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text.strip_prefix(self.prefix)?).ok()?.try_into().ok()?;
        let (id, mac) = bytes.split_at_checked(16)?;
        Some(LinkCode { id: Uuid::from_slice(id).ok()?, mac: mac.try_into().ok()? })
    }

    /// The code of the link to `id` in its `generation`.
    pub fn write(&self, keys: &Keys, id: Uuid, generation: i64) -> String {
        let mut bytes = id.as_bytes().to_vec();
        bytes.extend(keys.link_code(self.purpose, id, generation));
        format!("{}{}", self.prefix, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether the code was made by this portal for this generation; takes the same time for every wrong one.
    pub fn fits(&self, keys: &Keys, code: &LinkCode, generation: i64) -> bool {
        constant_time_eq(&keys.link_code(self.purpose, code.id, generation), &code.mac)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: LinkKind = LinkKind { prefix: "cpx1_", purpose: "one" };
    const OTHER: LinkKind = LinkKind { prefix: "cpx1_", purpose: "other" };

    fn keys() -> Keys {
        Keys::derive(&[7; 32])
    }

    proptest! {
        #[test]
        fn a_code_comes_back_with_its_id_and_fits_nothing_else(id: u128, generation in 1_i64..50) {
            let id = Uuid::from_u128(id);
            let code = ONE.parse(&ONE.write(&keys(), id, generation)).expect("parses");
            prop_assert_eq!(code.id, id);
            prop_assert!(ONE.fits(&keys(), &code, generation));
            prop_assert!(!ONE.fits(&keys(), &code, generation + 1));
            prop_assert!(!OTHER.fits(&keys(), &code, generation));
            prop_assert!(!ONE.fits(&Keys::derive(&[8; 32]), &code, generation));
        }

        #[test]
        fn a_changed_code_is_never_the_same_code(position in 0_usize..69, other in "[A-Za-z0-9_-]") {
            let good = ONE.write(&keys(), Uuid::from_u128(42), 1);
            let mut bad = good.clone();
            bad.replace_range(position..=position, &other);
            prop_assume!(bad != good);
            if let Some(code) = ONE.parse(&bad) {
                prop_assert!(!ONE.fits(&keys(), &code, 1));
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            let _ = ONE.parse(&text);
        }
    }

    #[test]
    fn shorter_longer_and_foreign_texts_are_no_codes() {
        let good = ONE.write(&keys(), Uuid::from_u128(42), 1);
        for bad in
            [&good[..good.len() - 1], &format!("{good}A"), &good.replace("cpx1_", "cpk_"), &good[5..], "", "cpx1_"]
        {
            assert!(ONE.parse(bad).is_none(), "{bad}");
        }
        assert!(ONE.parse(&format!(" https://portal.example/join#{good}\n")).is_some());
    }
}
