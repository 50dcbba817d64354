//! Patient data taken out: asked for on a page, made in the background, kept sealed for a day, downloaded by whoever asked.
//!
//! Everything in a file was written to the access log as seen, patient by patient, before it was written. Whoever may not see
//! identifiers gets none; whoever may can leave them out.

pub mod actions;
mod files;
pub mod pages;
mod store;

use serde::{Deserialize, Serialize};

use crate::{
    access::Scope,
    types::{AccountId, ExportId, PatientId, Timestamp},
};

/// How it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Tables.
    #[default]
    Csv,
    /// For programs.
    Json,
    /// FHIR R4 resources, one a line.
    Fhir,
}

impl Format {
    /// Key and label of each.
    pub const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Csv, "csv", "CSV (for a spreadsheet)"),
        (Self::Json, "json", "JSON"),
        (Self::Fhir, "fhir", "FHIR R4 (a Bundle)"),
    ];

    /// The stored word.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(format, ..)| *format == self).map_or("csv", |(_, key, _)| key)
    }

    /// The format of a word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(format, ..)| *format)
    }
}

/// Days as they are stored: `2026-11-24`, or nothing.
mod day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde gives it so")]
    pub fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => serializer.collect_str(day),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

/// What somebody wants to take out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Wanted {
    /// Only these patients; all of the deployment where none.
    pub patients: Option<Vec<PatientId>>,
    /// Without name, contact, birth date and free text.
    pub without_identifiers: bool,
    /// The first day of what was measured.
    #[serde(default, with = "day")]
    pub from: Option<jiff::civil::Date>,
    /// The last day.
    #[serde(default, with = "day")]
    pub until: Option<jiff::civil::Date>,
    /// Only these modules; all where none.
    pub modules: Option<Vec<String>>,
    /// Whether the notes too.
    pub notes: bool,
    /// How.
    pub format: Format,
}

impl Wanted {
    /// Notes are free text that may hold names, and FHIR has no word of ours for them.
    pub fn with_notes(&self) -> bool {
        self.notes && !self.without_identifiers && self.format != Format::Fhir
    }
}

/// Where an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits, or is being made.
    Asked,
    /// Can be downloaded.
    Made,
    /// Will not be made.
    Failed,
    /// Its day is over.
    Wiped,
}

impl State {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Made => "made",
            Self::Failed => "failed",
            Self::Wiped => "wiped",
        }
    }

    /// The state of a stored word; what this program does not know is over.
    pub fn from_key(key: &str) -> Self {
        [Self::Asked, Self::Made, Self::Failed].into_iter().find(|state| state.key() == key).unwrap_or(Self::Wiped)
    }
}

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its id.
    pub id: ExportId,
    /// The deployment.
    pub scope: Scope,
    /// Who asked.
    pub account: AccountId,
    /// By which way.
    pub via: String,
    /// What.
    pub wanted: Wanted,
    /// Where it stands.
    pub state: State,
    /// Why it failed.
    pub reason: String,
    /// How many patients it is about, as soon as that is known.
    pub patients_total: u64,
    /// How many of them are done.
    pub patients_done: u64,
    /// Entries written.
    pub readings_done: u64,
    /// The length of the file.
    pub bytes: u64,
    /// The parts in which it is kept.
    pub parts: i64,
    /// Which claim made it.
    pub fence: i64,
    /// How often it was begun.
    pub tries: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when it can be downloaded.
    pub ends_at: Timestamp,
}
