//! Patients: for now the Patient List and what the demonstration needs to fill it.

pub mod actions;
pub mod pages;
mod store;

use crate::{
    access::Scope,
    types::{PatientId, Timestamp},
};

/// How a reading stands to the deployment's thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// High.
    Red,
    /// Moderate.
    Amber,
    /// In range.
    Green,
    /// No thresholds.
    None,
}

impl Severity {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
            Self::None => "none",
        }
    }

    fn from_key(key: &str) -> Self {
        match key {
            "red" => Self::Red,
            "amber" => Self::Amber,
            "green" => Self::Green,
            _ => Self::None,
        }
    }
}

/// A kind of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// The stored word.
    pub key: &'static str,
    /// The column's head.
    pub label: &'static str,
    /// The unit shown behind the value.
    pub unit: &'static str,
}

/// The modules of the Patient List's columns.
pub const MODULES: [Module; 5] = [
    Module { key: "blood_pressure", label: "Blood pressure", unit: "mmHg" },
    Module { key: "heart_rate", label: "Heart rate", unit: "bpm" },
    Module { key: "oxygen", label: "Oxygen", unit: "%" },
    Module { key: "temperature", label: "Temperature", unit: "°C" },
    Module { key: "weight", label: "Weight", unit: "kg" },
];

/// One reading.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Which module.
    pub module: String,
    /// As shown.
    pub value: String,
    /// How it stands.
    pub severity: Severity,
    /// When taken.
    pub at: Timestamp,
}

/// A row of the Patient List. The name is there only for those who may see it: it is never even read for others.
#[derive(Clone, Debug)]
pub struct ListedPatient {
    /// The patient.
    pub id: PatientId,
    /// What everybody knows them by.
    pub number: String,
    /// Only with **View patient identifiers**.
    pub name: Option<String>,
    /// Labels.
    pub labels: Vec<String>,
    /// Unreviewed red, amber and grey entries.
    pub flags: (u64, u64, u64),
    /// The latest reading of each module.
    pub latest: Vec<Reading>,
}

/// A patient to be added, with readings.
#[derive(Clone, Debug)]
pub struct NewPatient {
    /// Where.
    pub scope: Scope,
    /// What everybody knows them by.
    pub number: String,
    /// Identifiers.
    pub name: String,
    /// Identifiers.
    pub email: String,
    /// ISO date.
    pub born_on: String,
    /// Labels.
    pub labels: Vec<String>,
    /// Readings, oldest first.
    pub readings: Vec<Reading>,
}
