//! The units in which readings are shown to a person. Readings are stored in the first unit of each measure, whoever looks.

/// What is measured, with the units among which one chooses. The first is what whoever never chose sees.
#[derive(Debug)]
pub struct Measure {
    /// The name in forms.
    pub key: &'static str,
    /// The name on screen.
    pub label: &'static str,
    /// Each unit, as it is stored and shown. No two measures share one.
    pub units: &'static [&'static str],
}

/// Everything whose unit can be chosen.
pub const MEASURES: [Measure; 4] = [
    Measure { key: "glucose", label: "Blood glucose", units: &["mmol/L", "mg/dL"] },
    Measure { key: "temperature", label: "Temperature", units: &["°C", "°F"] },
    Measure { key: "height", label: "Height", units: &["cm", "ft"] },
    Measure { key: "weight", label: "Weight", units: &["kg", "lb", "st"] },
];

const POUNDS_IN_A_KILOGRAM: f64 = 2.204_622_621_8;
const POUNDS_IN_A_STONE: f64 = 14.0;
const INCHES_IN_A_FOOT: f64 = 12.0;
const CENTIMETRES_IN_A_FOOT: f64 = 30.48;
const MILLIGRAMS_IN_A_MILLIMOLE: f64 = 18.016;

/// How a unit comes of the stored one: `stored * scale + shift`.
fn scale_and_shift(unit: &str) -> (f64, f64) {
    match unit {
        "°F" => (1.8, 32.0),
        "lb" => (POUNDS_IN_A_KILOGRAM, 0.0),
        "st" => (POUNDS_IN_A_KILOGRAM / POUNDS_IN_A_STONE, 0.0),
        "ft" => (1.0 / CENTIMETRES_IN_A_FOOT, 0.0),
        "mg/dL" => (MILLIGRAMS_IN_A_MILLIMOLE, 0.0),
        _ => (1.0, 0.0),
    }
}

/// The smaller unit that people give beside this one, and how many of it make one.
fn smaller(unit: &str) -> Option<(&'static str, f64)> {
    match unit {
        "st" => Some(("lb", POUNDS_IN_A_STONE)),
        "ft" => Some(("in", INCHES_IN_A_FOOT)),
        _ => None,
    }
}

/// One person's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Units(Vec<&'static str>);

impl Units {
    /// What is stored; what is not understood is as if it had not been chosen.
    pub fn parse(stored: &str) -> Self {
        let known = |word: &str| MEASURES.iter().flat_map(|measure| measure.units).find(|unit| **unit == word).copied();
        Self(stored.split(',').filter_map(known).collect())
    }

    /// As it is stored.
    pub fn to_stored(&self) -> String {
        MEASURES.iter().map(|measure| self.of(measure)).collect::<Vec<_>>().join(",")
    }

    /// The unit of a measure.
    pub fn of(&self, measure: &Measure) -> &'static str {
        let chosen = measure.units.iter().find(|unit| self.0.contains(*unit));
        chosen.or(measure.units.first()).copied().unwrap_or_default()
    }

    /// The unit of the measure with this key, where it is not the stored one.
    pub fn other_than_stored(&self, measure: &str) -> Option<&'static str> {
        let measure = MEASURES.iter().find(|known| known.key == measure)?;
        Some(self.of(measure)).filter(|unit| measure.units.first() != Some(unit))
    }

    /// A stored number of the measure with this key as a number in the person's unit: stones and feet have a fraction.
    pub fn convert(&self, measure: &str, stored: f64) -> f64 {
        let Some(unit) = self.other_than_stored(measure) else { return stored };
        let (scale, shift) = scale_and_shift(unit);
        stored * scale + shift
    }

    /// The way back.
    pub fn convert_back(&self, measure: &str, shown: f64) -> f64 {
        let Some(unit) = self.other_than_stored(measure) else { return shown };
        let (scale, shift) = scale_and_shift(unit);
        (shown - shift) / scale
    }

    /// A stored reading of the measure with this key, as the person reads it: number and unit. None where nothing is to be changed.
    pub fn show(&self, measure: &str, stored: &str) -> Option<(String, &'static str)> {
        let value: f64 = stored.parse().ok()?;
        self.write(measure, self.convert(measure, value))
    }

    /// A number in the person's unit, as it is written. None where the stored unit is the person's.
    pub fn write(&self, measure: &str, shown: f64) -> Option<(String, &'static str)> {
        let unit = self.other_than_stored(measure)?;
        let Some((small, many)) = smaller(unit) else {
            let places = if unit == "mg/dL" { 0 } else { 1 };
            return Some((format!("{shown:.places$}"), unit));
        };
        let all = (shown * many).round();
        let whole = (all / many).floor();
        Some((format!("{whole:.0} {unit} {:.0}", all - whole * many), small))
    }

    /// What somebody typed in their own unit, as the number that is stored. None where the stored unit is the person's.
    pub fn read(&self, measure: &str, typed: &str) -> Option<Result<f64, String>> {
        let unit = self.other_than_stored(measure)?;
        let shown = match smaller(unit) {
            Some((small, many)) => read_two(typed, unit, small, many),
            None => number(typed.strip_suffix(unit).unwrap_or(typed)),
        };
        Some(shown.map(|shown| self.convert_back(measure, shown)))
    }
}

fn number(text: &str) -> Result<f64, String> {
    let text = text.trim();
    text.replace(',', ".").parse().ok().filter(|value: &f64| value.is_finite()).ok_or(format!("“{text}” is no number."))
}

/// Stones and pounds, or feet and inches. `11.4` is refused: it might be eleven stone four, or eleven and four tenths.
fn read_two(typed: &str, unit: &str, small: &str, many: f64) -> Result<f64, String> {
    let how = format!("Write it as 5 {unit} 9, with whole {unit} first and {small} behind.");
    let numbers: Vec<&str> =
        typed.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').filter(|part| !part.is_empty()).collect();
    let (whole, rest) = match numbers.as_slice() {
        [whole] => (*whole, "0"),
        [whole, rest] => (*whole, *rest),
        _ => return Err(how),
    };
    let (Ok(whole), Ok(rest)) = (whole.parse::<u32>(), number(rest)) else { return Err(how) };
    if rest >= many {
        return Err(format!("{many:.0} {small} make one {unit}; the second number must be smaller."));
    }
    Ok(f64::from(whole) + rest / many)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_choice_comes_back_and_nonsense_is_no_choice() {
        for stored in ["mmol/L,°C,cm,kg", "mg/dL,°F,ft,st", "mg/dL,°C,ft,lb"] {
            assert_eq!(Units::parse(stored).to_stored(), stored);
        }
        assert_eq!(Units::parse("stones, °F").to_stored(), Units::default().to_stored());
        assert_eq!(Units::default().to_stored(), "mmol/L,°C,cm,kg");
    }

    #[test]
    fn readings_are_shown_in_the_chosen_unit() {
        let units = Units::parse("mg/dL,°F,ft,st");
        assert_eq!(units.show("temperature", "36.6"), Some(("97.9".to_owned(), "°F")));
        assert_eq!(units.show("weight", "71.5"), Some(("11 st 4".to_owned(), "lb")));
        assert_eq!(units.show("weight", "6.3"), Some(("1 st 0".to_owned(), "lb")), "never fourteen pounds");
        assert_eq!(units.show("height", "180"), Some(("5 ft 11".to_owned(), "in")));
        assert_eq!(units.show("height", "182.8"), Some(("6 ft 0".to_owned(), "in")), "never twelve inches");
        assert_eq!(units.show("glucose", "5.5"), Some(("99".to_owned(), "mg/dL")));
        assert_eq!(Units::parse("lb").show("weight", "70"), Some(("154.3".to_owned(), "lb")));
        assert_eq!(units.show("heart_rate", "70"), None);
        assert_eq!(units.show("weight", "unknown"), None);
        assert_eq!(Units::default().show("weight", "70"), None);
    }

    #[test]
    fn what_is_typed_in_two_numbers_cannot_be_misread() {
        let units = Units::parse("ft,st");
        let kilograms = |typed: &str| units.read("weight", typed).unwrap().map(|value| (value * 10.0).round() / 10.0);
        for typed in ["11 st 4", "11st 4lb", "11 4", " 11 st 4 lb "] {
            assert_eq!(kilograms(typed), Ok(71.7), "{typed}");
        }
        assert_eq!(kilograms("11"), Ok(69.9));
        for typed in ["11.4", "11 st 14", "", "stone", "1 2 3", "-", "99999999999999999999 1"] {
            assert!(kilograms(typed).is_err(), "{typed}");
        }
        for typed in ["5'11\"", "5 ft 11 in", "5 11"] {
            assert_eq!(units.read("height", typed).unwrap().unwrap().round(), 180.0, "{typed}");
        }
        assert!(Units::parse("°F").read("temperature", "98.6 °F").unwrap().is_ok());
        assert!(Units::parse("°F").read("temperature", "warm").unwrap().is_err());
        assert!(units.read("temperature", "37").is_none(), "not another unit than the stored one");
    }

    proptest! {
        /// Through any unit and back: the number itself, and what a person reads, which they may type again.
        #[test]
        fn nothing_is_lost_between_units(stored in 1.0_f64..400.0, choice in 0_usize..3) {
            for measure in &MEASURES {
                let unit = measure.units[choice.min(measure.units.len() - 1)];
                let units = Units::parse(unit);
                let back = units.convert_back(measure.key, units.convert(measure.key, stored));
                prop_assert!((back - stored).abs() < 1e-9, "{stored} by {unit} gives {back}");
                let Some((shown, _)) = units.show(measure.key, &stored.to_string()) else { continue };
                let read = units.read(measure.key, &shown).unwrap();
                let again = units.show(measure.key, &read.unwrap().to_string()).unwrap().0;
                prop_assert_eq!(shown, again);
            }
        }

        #[test]
        fn whatever_is_typed_is_read_or_refused(typed in "\\PC{0,12}") {
            for measure in &MEASURES {
                for unit in measure.units {
                    if let Some(Ok(value)) = Units::parse(unit).read(measure.key, &typed) {
                        prop_assert!(value.is_finite());
                    }
                }
            }
        }
    }
}
