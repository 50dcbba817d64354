//! Patients from a file: read, looked at row by row, and added by one press.
//!
//! What is kept of an import afterwards is the number of each row, what became of it and why: no name, no birth date.

pub mod actions;
pub mod pages;
mod sheet;
mod store;

pub use sheet::{MOST_BYTES, MOST_ROWS, Sheet, read_sheet, read_text};

use sheet::TOO_LARGE;

use serde::{Deserialize, Serialize};

use crate::{patients::NewPatient, types::PatientImportId};

/// A cell that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// The column's name on screen.
    pub column: &'static str,
    /// What stands there, for those who look at the rows; it is kept nowhere.
    pub typed: String,
    /// The sentence, which never repeats what stands in the cell.
    pub reason: String,
}

/// A row of the file as it was read.
#[derive(Clone, Debug)]
pub struct Row {
    /// As the spreadsheet shows it.
    pub line: usize,
    /// What would be added.
    pub new: NewPatient,
    /// What cannot be used.
    pub bad: Vec<BadCell>,
}

/// How a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Would be added.
    Ready,
    /// Would be added after a second look: may be somebody who is there already.
    Look(String),
    /// The number is a patient's already; nothing is done.
    There,
    /// Cannot be added.
    Refused(Vec<BadCell>),
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The patient is there now.
    Added,
    /// Needed a second look and was not ticked.
    Look,
    /// Was there before.
    There,
    /// Could not be added.
    Refused,
}

/// What became of a row, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// As the spreadsheet shows it.
    pub line: usize,
    /// What everybody knows the patient by; empty when it could not be read.
    pub number: String,
    /// What became of it.
    pub fate: Fate,
    /// Why it was not added; else empty.
    pub reason: String,
}

/// An import that was done.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its id.
    pub id: PatientImportId,
    /// What became of each row.
    pub outcomes: Vec<Outcome>,
}

impl Import {
    /// How many rows ended so.
    pub fn count(&self, fate: Fate) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.fate == fate).count()
    }
}
