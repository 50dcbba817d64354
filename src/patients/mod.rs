//! Patients: who they are, how they are found and listed, their labels, their clinicians, and whether they are monitored.
//!
//! A name, an address, a telephone number and a birth date are *identifiers*: they are read from the database only for those who
//! may see them, so nothing that is written afterwards can leak them. What is measured is the room `readings`'.

pub mod actions;
pub mod pages;
pub mod query;
mod store;

pub use store::{Part, list_statement};

use crate::{
    access::Scope,
    readings::Latest,
    types::{LabelId, PatientId, Timestamp},
};

/// Unreviewed entries by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flags {
    /// High.
    pub red: u64,
    /// Moderate.
    pub amber: u64,
    /// In range, or without thresholds.
    pub grey: u64,
}

impl Flags {
    /// Whether there is nothing to look at.
    pub const fn none(&self) -> bool {
        self.red == 0 && self.amber == 0 && self.grey == 0
    }
}

/// What says who somebody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Full name; empty where the patient is known by number only.
    pub name: String,
    /// Empty when there is none.
    pub email: String,
    /// Empty when there is none.
    pub phone: String,
    /// A day, `1948-03-09`, or empty.
    pub born_on: String,
}

/// FHIR's administrative gender; unknown is its absence.
pub const GENDERS: [(&str, &str); 3] = [("female", "Female"), ("male", "Male"), ("other", "Other")];

/// A word that a deployment gives to patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its id.
    pub id: LabelId,
    /// The word.
    pub text: String,
}

/// A patient.
#[derive(Clone, Debug)]
pub struct Patient {
    /// Their id.
    pub id: PatientId,
    /// Their deployment.
    pub scope: Scope,
    /// What everybody knows them by.
    pub number: String,
    /// Only with **View patient identifiers**.
    pub identity: Option<Identity>,
    /// `female`, `male`, `other`, or empty.
    pub gender: String,
    /// A day, or empty.
    pub surgery_on: String,
    /// Whether they are still monitored.
    pub monitored: bool,
    /// When monitoring stopped, and why.
    pub offboarded: Option<(Timestamp, String)>,
    /// Unreviewed entries.
    pub flags: Flags,
    /// In their order.
    pub labels: Vec<Label>,
    /// When the newest entry was measured.
    pub last_entry_at: Option<Timestamp>,
    /// Raised at each change of what is kept of them; a change names the one that it has seen.
    pub revision: i64,
    /// When they were last changed.
    pub changed_at: Timestamp,
}

impl Patient {
    /// What they are called by whoever looks: the name with identifiers, the number without.
    pub fn called(&self) -> &str {
        self.identity.as_ref().map(|identity| &identity.name).filter(|name| !name.is_empty()).unwrap_or(&self.number)
    }
}

/// A row of the Patient List. The name is there only for those who may see it: it is never even read for others.
#[derive(Clone, Debug)]
pub struct ListedPatient {
    /// The patient.
    pub id: PatientId,
    /// What everybody knows them by.
    pub number: String,
    /// Only with **View patient identifiers**, and where there is one.
    pub name: Option<String>,
    /// In their order.
    pub labels: Vec<Label>,
    /// Whether they are still monitored.
    pub monitored: bool,
    /// Unreviewed entries.
    pub flags: Flags,
    /// The newest entry of each module.
    pub latest: Vec<Latest>,
}

/// A patient to be added.
#[derive(Clone, Debug, Default)]
pub struct NewPatient {
    /// What everybody will know them by; unique in the deployment, without regard to case.
    pub number: String,
    /// Identifiers.
    pub identity: Identity,
    /// `female`, `male`, `other`, or empty.
    pub gender: String,
    /// A day, or empty.
    pub surgery_on: String,
    /// Texts of labels; those that do not exist yet are made.
    pub labels: Vec<String>,
}

/// The words by which a search finds a text: lower case, split where no letter or digit stands, and the whole of it.
pub fn words_of(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let mut words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.len() > 1 && !text.contains(char::is_whitespace) {
        words.push(text);
    }
    words.sort();
    words.dedup();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_by_their_parts() {
        assert_eq!(words_of("Agnes O'Neill-Vance"), ["agnes", "neill", "o", "vance"]);
        assert_eq!(words_of("NF-101013"), ["101013", "nf", "nf-101013"]);
        assert_eq!(words_of("  "), Vec::<String>::new());
    }
}
