//! What a deployment follows and offers: its modules with their thresholds, what its staff may do with patients, and the
//! messages that it has ready.

pub mod actions;
pub mod bands;
pub mod pages;
mod store;

use crate::readings::{Band, Module};

/// A module that a deployment follows.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Which.
    pub module: &'static Module,
    /// The thresholds by which its entries are judged.
    pub bands: Vec<Band>,
    /// Whether the thresholds are still the samples that the portal comes with.
    pub samples: bool,
}

/// A deployment's choices.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the settings page")]
pub struct Programme {
    /// What is followed, in the order on screen.
    pub modules: Vec<Followed>,
    /// Whether patients have labels.
    pub labels: bool,
    /// Whether monitoring can be stopped and begun again.
    pub offboarding: bool,
    /// Whether staff may write to patients.
    pub messages: bool,
    /// Whether they may write their own words, and not only predefined ones.
    pub custom_messages: bool,
    /// Whether appointments are made here.
    pub appointments: bool,
    /// What a call opens: `tel:{phone}`, or an address in which `{number}` stands for the patient's number.
    pub call_link: String,
    /// The messages that are ready.
    pub predefined: Vec<String>,
    /// Raised at each change.
    pub revision: i64,
}

impl Programme {
    /// The followed module of a stored word.
    pub fn follows(&self, key: &str) -> Option<&Followed> {
        self.modules.iter().find(|followed| followed.module.key == key)
    }

    /// The thresholds of a module; none where it is not followed.
    pub fn bands_of(&self, module: &Module) -> &[Band] {
        self.follows(module.key).map_or(&[], |followed| &followed.bands)
    }
}

/// What somebody wants to change of a programme.
#[derive(Clone, Debug)]
pub enum Change {
    /// What it offers, beside modules.
    Offer(Offer),
    /// Which modules it follows, in this order. Modules that are new come with sample thresholds.
    Follow(Vec<String>),
    /// The thresholds of a module.
    Thresholds(&'static Module, Vec<bands::TypedBand>),
}

/// The switches, the call and the messages as typed.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the settings page")]
pub struct Offer {
    /// As in [`Programme`].
    pub labels: bool,
    /// As in [`Programme`].
    pub offboarding: bool,
    /// As in [`Programme`].
    pub messages: bool,
    /// As in [`Programme`].
    pub custom_messages: bool,
    /// As in [`Programme`].
    pub appointments: bool,
    /// As in [`Programme`].
    pub call_link: String,
    /// As in [`Programme`]; empty ones are none.
    pub predefined: Vec<String>,
}

/// How many messages can be ready, and how long one is at most.
const MOST_MESSAGES: usize = 30;
const LONGEST_MESSAGE: usize = 1_000;

impl Offer {
    /// What is wrong with it, by field.
    pub fn problems(&self) -> crate::error::Fields {
        let mut bad = crate::error::Fields::new();
        if let Err(why) = read_call_link(&self.call_link) {
            bad.push(("call_link", why));
        }
        let messages = self.ready();
        if messages.len() > MOST_MESSAGES {
            bad.push(("predefined", format!("At most {MOST_MESSAGES} messages can be ready.")));
        }
        if let Some(long) = messages.iter().position(|text| text.chars().count() > LONGEST_MESSAGE) {
            bad.push(("predefined", format!("Message {} is longer than 1,000 characters.", long + 1)));
        }
        bad
    }

    /// The messages that are not empty.
    pub fn ready(&self) -> Vec<String> {
        self.predefined.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
    }
}

/// # Errors
/// A sentence when it is neither a telephone link nor an address of a secure site.
fn read_call_link(text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() || text == "tel:{phone}" {
        return Ok(());
    }
    let filled = text.replace("{number}", "1").replace("{phone}", "1");
    let good = text.len() <= 500
        && !filled.contains(['{', '}'])
        && url::Url::parse(&filled).is_ok_and(|url| url.scheme() == "https" && url.host().is_some());
    if good {
        return Ok(());
    }
    Err("Give tel:{phone}, or an address that begins with https:// and in which {number} stands for the patient's number.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_opens_a_telephone_or_a_secure_site() {
        for good in ["", "tel:{phone}", "https://video.example/room/{number}", " https://video.example/?r={number} "] {
            assert_eq!(read_call_link(good), Ok(()), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "http://video.example/",
            "tel:1",
            "https://",
            "https://x.example/{name}",
            "data:text/html,x",
        ] {
            assert!(read_call_link(bad).is_err(), "{bad}");
        }
    }
}
