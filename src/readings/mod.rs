//! What patients send in: modules, their thresholds, entries, and the flags that entries become.
//!
//! [`MODULES`] is the one table of what can be followed, with the codes by which other systems know it. Which of it a deployment
//! follows, and by which thresholds, is its programme's; every entry, whichever door it comes by, is judged by [`judge`] when it
//! arrives and keeps that severity.

pub mod actions;
mod modules;
pub mod pages;
mod store;

pub use modules::{Kind, MODULES, Measured, Module};

use serde::{Deserialize, Serialize};

use crate::types::{AccountId, PatientId, Timestamp};

/// How an entry stands to the deployment's thresholds; the worst last, so that the greater is the worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Outside every band, or a module without thresholds.
    #[default]
    None,
    /// In range.
    Green,
    /// Moderate.
    Amber,
    /// High.
    Red,
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

    /// The value of a stored word; what this program does not know has no colour.
    pub fn from_key(key: &str) -> Self {
        match key {
            "red" => Self::Red,
            "amber" => Self::Amber,
            "green" => Self::Green,
            _ => Self::None,
        }
    }

    /// The word on screen; colour never speaks alone.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Red => "Red",
            Self::Amber => "Amber",
            Self::Green => "In range",
            Self::None => "No threshold",
        }
    }
}

/// Which of a module's two values a band is for; most modules have only the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The value itself; systolic pressure.
    #[default]
    First,
    /// Diastolic pressure.
    Second,
}

/// One threshold: values from `least` to `most`, both included, have this severity. An open end has none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Of which value.
    pub part: Part,
    /// How bad it is.
    pub severity: Severity,
    /// In the module's own unit.
    pub least: Option<f64>,
    /// In the module's own unit.
    pub most: Option<f64>,
}

impl Band {
    /// Whether a value, rounded as it is shown, lies in the band: between 159 and 160 there is no gap.
    fn holds(&self, value: f64, decimals: i32) -> bool {
        let tenths = 10_f64.powi(decimals);
        let shown = (value * tenths).round() / tenths;
        self.least.is_none_or(|least| shown >= least) && self.most.is_none_or(|most| shown <= most)
    }
}

/// The severity of an entry: the worst of the bands that hold one of its values. Outside every band it has no colour.
pub fn judge(module: &Module, bands: &[Band], measured: &Measured) -> Severity {
    let worst = |part: Part, value: Option<f64>| {
        let value = value?;
        let holding = bands.iter().filter(|band| band.part == part && band.holds(value, module.decimals));
        holding.map(|band| band.severity).max()
    };
    worst(Part::First, measured.value).max(worst(Part::Second, measured.second)).unwrap_or_default()
}

/// An entry that is to be made.
#[derive(Clone, Debug)]
pub struct NewReading {
    /// Whose.
    pub patient: PatientId,
    /// Which module.
    pub module: &'static Module,
    /// What was measured.
    pub measured: Measured,
    /// When it was measured.
    pub at: Timestamp,
    /// `system|value` of the sender; the same one twice is entered once.
    pub identifier: Option<String>,
}

/// An entry as it is stored.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its id.
    pub id: crate::types::ReadingId,
    /// Whose.
    pub patient: PatientId,
    /// Which module.
    pub module: &'static Module,
    /// What was measured.
    pub measured: Measured,
    /// How it stood to the thresholds when it arrived.
    pub severity: Severity,
    /// When it was measured.
    pub at: Timestamp,
    /// When it was entered.
    pub entered_at: Timestamp,
    /// Who entered it; nobody when a device sent it.
    pub entered_by: Option<AccountId>,
    /// `system|value` of the sender.
    pub identifier: Option<String>,
    /// Whether a note has reviewed it.
    pub reviewed: bool,
}

/// From when until before when; an open end has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Within {
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Entries that nobody has reviewed, or that a note reviewed, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unreviewed {
    /// High.
    pub red: i64,
    /// Moderate.
    pub amber: i64,
    /// In range, or without thresholds.
    pub grey: i64,
}

impl Unreviewed {
    /// Adds so many of a severity.
    pub const fn add(&mut self, severity: Severity, count: i64) {
        match severity {
            Severity::Red => self.red += count,
            Severity::Amber => self.amber += count,
            Severity::Green | Severity::None => self.grey += count,
        }
    }

    /// All of them.
    pub const fn all(&self) -> i64 {
        self.red + self.amber + self.grey
    }

    /// Those that must have been seen before they are resolved.
    pub const fn serious(&self) -> i64 {
        self.red + self.amber
    }
}

impl std::ops::AddAssign for Unreviewed {
    fn add_assign(&mut self, other: Self) {
        self.red += other.red;
        self.amber += other.amber;
        self.grey += other.grey;
    }
}

/// The newest entry of a module, for the Patient List.
#[derive(Clone, Debug)]
pub struct Latest {
    /// Which module.
    pub module: &'static Module,
    /// What was measured.
    pub measured: Measured,
    /// How it stands.
    pub severity: Severity,
    /// When it was measured.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure(first: f64, second: f64) -> Severity {
        let module = Module::find("blood_pressure").expect("a module");
        let measured = Measured { value: Some(first), second: Some(second), text: String::new() };
        judge(module, &module.sample_bands(), &measured)
    }

    #[test]
    fn the_worst_of_both_values_counts_and_between_bands_is_no_gap() {
        assert_eq!(pressure(120.0, 75.0), Severity::Green);
        assert_eq!(pressure(120.0, 115.0), Severity::Red, "diastolic alone");
        let module = Module::find("heart_rate").expect("a module");
        let alone = |value| {
            judge(module, &module.sample_bands(), &Measured { value: Some(value), second: None, text: String::new() })
        };
        for tenth in 300_i32..2000 {
            let value = f64::from(tenth) / 10.0;
            assert_ne!(alone(value), Severity::None, "{value}");
        }
    }

    #[test]
    fn outside_every_band_has_no_colour() {
        let module = Module::find("steps").expect("a module");
        let measured = Measured { value: Some(4000.0), second: None, text: String::new() };
        assert_eq!(judge(module, &module.sample_bands(), &measured), Severity::None);
        let bands = [Band { part: Part::First, severity: Severity::Red, least: Some(9000.0), most: None }];
        assert_eq!(judge(module, &bands, &measured), Severity::None);
    }
}
