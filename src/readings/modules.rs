//! What can be followed: each module once, with its unit, the codes of LOINC and UCUM, and sample thresholds.
//!
//! The thresholds are samples that show how the portal works, and no clinical advice; a deployment sets its own.

use super::{Band, Part, Severity};

/// What kind of value a module takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One number.
    One,
    /// Two numbers: systolic and diastolic.
    Two,
    /// Words.
    Text,
}

/// What was measured, in the module's own unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// The number; none for words.
    pub value: Option<f64>,
    /// The second number of modules that have two.
    pub second: Option<f64>,
    /// The words of modules that take words.
    pub text: String,
}

/// Something that can be followed.
#[derive(Debug)]
pub struct Module {
    /// The stored word.
    pub key: &'static str,
    /// The name on screen.
    pub label: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// The unit in which values are stored, as people write it.
    pub unit: &'static str,
    /// The same as UCUM writes it.
    pub ucum: &'static str,
    /// LOINC codes; the first is written, all are read.
    pub loinc: &'static [&'static str],
    /// LOINC codes and names of the two values.
    pub parts: Option<[(&'static str, &'static str); 2]>,
    /// Which choice of unit changes how it is shown (`identity::units`).
    pub measure: Option<&'static str>,
    /// Digits behind the point.
    pub decimals: i32,
    /// What is plausible; anything else is refused as a slip of the finger or of the unit.
    pub plausible: (f64, f64),
    bands: &'static [(Part, Severity, Option<f64>, Option<f64>)],
}

impl PartialEq for Module {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl Eq for Module {}

impl Module {
    /// The module of a stored word.
    pub fn find(key: &str) -> Option<&'static Self> {
        MODULES.iter().find(|module| module.key == key)
    }

    /// The module that a LOINC code speaks of.
    pub fn of_loinc(code: &str) -> Option<&'static Self> {
        MODULES.iter().find(|module| module.loinc.contains(&code))
    }

    /// The thresholds that the portal comes with: samples, no clinical advice.
    pub fn sample_bands(&self) -> Vec<Band> {
        self.bands.iter().map(|&(part, severity, least, most)| Band { part, severity, least, most }).collect()
    }

    /// Whether it can have thresholds.
    pub fn takes_thresholds(&self) -> bool {
        self.kind != Kind::Text
    }

    /// A value as it is written, without its unit.
    pub fn write(&self, measured: &Measured) -> String {
        let places = usize::try_from(self.decimals).unwrap_or(0);
        match (self.kind, measured.value, measured.second) {
            (Kind::Text, ..) | (_, None, _) => measured.text.clone(),
            (Kind::Two, Some(first), Some(second)) => format!("{first:.places$}/{second:.places$}"),
            (_, Some(value), _) => format!("{value:.places$}"),
        }
    }

    /// What somebody typed, or why it cannot be.
    ///
    /// # Errors
    /// A sentence for the person.
    pub fn read(&self, typed: &str) -> Result<Measured, String> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Err(format!("Give a value for {}.", self.label));
        }
        let number = |text: &str| {
            let value: f64 = text.trim().replace(',', ".").parse().map_err(|_| format!("“{text}” is no number."))?;
            self.refuse_implausible(value).map(|()| value)
        };
        match self.kind {
            Kind::Text if typed.chars().count() > 2000 => Err("Write at most 2,000 characters.".to_owned()),
            Kind::Text => Ok(Measured { text: typed.to_owned(), ..Measured::default() }),
            Kind::One => Ok(Measured { value: Some(number(typed)?), ..Measured::default() }),
            Kind::Two => {
                let (first, second) = typed.split_once('/').ok_or("Write both values, as in 120/80.")?;
                let (first, second) = (number(first)?, number(second)?);
                if second >= first {
                    return Err("The first value must be the greater one, as in 120/80.".to_owned());
                }
                Ok(Measured { value: Some(first), second: Some(second), text: String::new() })
            }
        }
    }

    /// # Errors
    /// A sentence when the value cannot be meant.
    pub fn refuse_implausible(&self, value: f64) -> Result<(), String> {
        let (least, most) = self.plausible;
        if value.is_finite() && (least..=most).contains(&value) {
            return Ok(());
        }
        Err(format!("{} is between {least} and {most} {}; check value and unit.", self.label, self.unit))
    }
}

use Part::{First, Second};
use Severity::{Amber, Green, Red};

/// Everything that can be followed, in the order on screen.
pub const MODULES: &[Module] = &[
    Module {
        key: "blood_pressure",
        label: "Blood pressure",
        kind: Kind::Two,
        unit: "mmHg",
        ucum: "mm[Hg]",
        loinc: &["85354-9", "55284-4"],
        parts: Some([("8480-6", "Systolic"), ("8462-4", "Diastolic")]),
        measure: None,
        decimals: 0,
        plausible: (20.0, 300.0),
        bands: &[
            (First, Red, None, Some(84.0)),
            (First, Amber, Some(85.0), Some(94.0)),
            (First, Green, Some(95.0), Some(144.0)),
            (First, Amber, Some(145.0), Some(164.0)),
            (First, Red, Some(165.0), None),
            (Second, Green, Some(50.0), Some(94.0)),
            (Second, Amber, Some(95.0), Some(104.0)),
            (Second, Red, Some(105.0), None),
        ],
    },
    Module {
        key: "heart_rate",
        label: "Heart rate",
        kind: Kind::One,
        unit: "bpm",
        ucum: "/min",
        loinc: &["8867-4"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (20.0, 260.0),
        bands: &[
            (First, Red, None, Some(39.0)),
            (First, Amber, Some(40.0), Some(49.0)),
            (First, Green, Some(50.0), Some(94.0)),
            (First, Amber, Some(95.0), Some(109.0)),
            (First, Red, Some(110.0), None),
        ],
    },
    Module {
        key: "oxygen",
        label: "Oxygen saturation",
        kind: Kind::One,
        unit: "%",
        ucum: "%",
        loinc: &["2708-6", "59408-5"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (40.0, 100.0),
        bands: &[
            (First, Red, None, Some(90.0)),
            (First, Amber, Some(91.0), Some(93.0)),
            (First, Green, Some(94.0), Some(100.0)),
        ],
    },
    Module {
        key: "respiratory_rate",
        label: "Respiratory rate",
        kind: Kind::One,
        unit: "breaths/min",
        ucum: "/min",
        loinc: &["9279-1"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (3.0, 80.0),
        bands: &[
            (First, Red, None, Some(8.0)),
            (First, Amber, Some(9.0), Some(11.0)),
            (First, Green, Some(12.0), Some(20.0)),
            (First, Amber, Some(21.0), Some(24.0)),
            (First, Red, Some(25.0), None),
        ],
    },
    Module {
        key: "temperature",
        label: "Temperature",
        kind: Kind::One,
        unit: "°C",
        ucum: "Cel",
        loinc: &["8310-5"],
        parts: None,
        measure: Some("temperature"),
        decimals: 1,
        plausible: (30.0, 44.0),
        bands: &[
            (First, Red, None, Some(35.0)),
            (First, Amber, Some(35.1), Some(35.7)),
            (First, Green, Some(35.8), Some(37.5)),
            (First, Amber, Some(37.6), Some(38.3)),
            (First, Red, Some(38.4), None),
        ],
    },
    Module {
        key: "glucose",
        label: "Blood glucose",
        kind: Kind::One,
        unit: "mmol/L",
        ucum: "mmol/L",
        loinc: &["15074-8", "2339-0", "14749-6"],
        parts: None,
        measure: Some("glucose"),
        decimals: 1,
        plausible: (0.5, 60.0),
        bands: &[
            (First, Red, None, Some(3.4)),
            (First, Amber, Some(3.5), Some(3.9)),
            (First, Green, Some(4.0), Some(10.0)),
            (First, Amber, Some(10.1), Some(13.9)),
            (First, Red, Some(14.0), None),
        ],
    },
    Module {
        key: "weight",
        label: "Weight",
        kind: Kind::One,
        unit: "kg",
        ucum: "kg",
        loinc: &["29463-7", "3141-9"],
        parts: None,
        measure: Some("weight"),
        decimals: 1,
        plausible: (1.0, 400.0),
        bands: &[],
    },
    Module {
        key: "height",
        label: "Height",
        kind: Kind::One,
        unit: "cm",
        ucum: "cm",
        loinc: &["8302-2"],
        parts: None,
        measure: Some("height"),
        decimals: 0,
        plausible: (30.0, 260.0),
        bands: &[],
    },
    Module {
        key: "bmi",
        label: "BMI",
        kind: Kind::One,
        unit: "kg/m²",
        ucum: "kg/m2",
        loinc: &["39156-5"],
        parts: None,
        measure: None,
        decimals: 1,
        plausible: (8.0, 100.0),
        bands: &[
            (First, Red, None, Some(15.9)),
            (First, Amber, Some(16.0), Some(18.4)),
            (First, Green, Some(18.5), Some(29.9)),
            (First, Amber, Some(30.0), Some(39.9)),
            (First, Red, Some(40.0), None),
        ],
    },
    Module {
        key: "peak_flow",
        label: "Peak flow",
        kind: Kind::One,
        unit: "L/min",
        ucum: "L/min",
        loinc: &["33452-4"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (30.0, 900.0),
        bands: &[
            (First, Red, None, Some(199.0)),
            (First, Amber, Some(200.0), Some(319.0)),
            (First, Green, Some(320.0), None),
        ],
    },
    Module {
        key: "pain",
        label: "Pain",
        kind: Kind::One,
        unit: "of 10",
        ucum: "{score}",
        loinc: &["72514-3"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (0.0, 10.0),
        bands: &[
            (First, Green, Some(0.0), Some(3.0)),
            (First, Amber, Some(4.0), Some(6.0)),
            (First, Red, Some(7.0), Some(10.0)),
        ],
    },
    Module {
        key: "steps",
        label: "Steps",
        kind: Kind::One,
        unit: "a day",
        ucum: "{steps}/d",
        loinc: &["41950-7", "55423-8"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (0.0, 200_000.0),
        bands: &[],
    },
    Module {
        key: "symptoms",
        label: "Symptoms",
        kind: Kind::Text,
        unit: "",
        ucum: "",
        loinc: &["75325-1"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (0.0, 0.0),
        bands: &[],
    },
    Module {
        key: "journal",
        label: "Journal",
        kind: Kind::Text,
        unit: "",
        ucum: "",
        loinc: &["51855-5"],
        parts: None,
        measure: None,
        decimals: 0,
        plausible: (0.0, 0.0),
        bands: &[],
    },
];
