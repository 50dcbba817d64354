//! What a deployment follows and offers: its modules with their thresholds, what its staff may do with patients, and the
//! messages that it has ready.

pub mod actions;
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
