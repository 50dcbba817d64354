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

    /// A stored reading of the measure with this key, as the person reads it: number and unit. None where nothing is to be changed.
    pub fn show(&self, measure: &str, stored: &str) -> Option<(String, &'static str)> {
        let measure = MEASURES.iter().find(|known| known.key == measure)?;
        let value: f64 = stored.parse().ok()?;
        match self.of(measure) {
            "°F" => Some((format!("{:.1}", value * 1.8 + 32.0), "°F")),
            "lb" => Some((format!("{:.1}", value * POUNDS_IN_A_KILOGRAM), "lb")),
            "st" => {
                let pounds = (value * POUNDS_IN_A_KILOGRAM).round();
                let stones = (pounds / POUNDS_IN_A_STONE).floor();
                Some((format!("{stones:.0} st {:.0}", pounds - stones * POUNDS_IN_A_STONE), "lb"))
            }
            "mg/dL" => Some((format!("{:.0}", value * 18.016), "mg/dL")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(units.show("glucose", "5.5"), Some(("99".to_owned(), "mg/dL")));
        assert_eq!(Units::parse("lb").show("weight", "70"), Some(("154.3".to_owned(), "lb")));
        assert_eq!(units.show("heart_rate", "70"), None);
        assert_eq!(units.show("weight", "unknown"), None);
        assert_eq!(Units::default().show("weight", "70"), None);
    }
}
