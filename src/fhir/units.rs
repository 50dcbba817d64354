//! Units by their UCUM codes, converted into the one in which a module is stored.

use crate::readings::Module;

/// Milligrams a decilitre in one millimole a litre: glucose weighs 180.16 g/mol.
const GLUCOSE: f64 = 18.016;
/// Millimetres of mercury in a kilopascal.
const KILOPASCAL: f64 = 7.500_62;

/// A value in the module's own unit, or none for a unit that cannot be meant.
pub fn to_own(module: &Module, code: &str, value: f64) -> Option<f64> {
    if code == module.ucum {
        return Some(value);
    }
    let converted = match (module.ucum, code) {
        ("/min", "1/min" | "{beats}/min" | "{Beats}/min" | "{breaths}/min" | "{Breaths}/min" | "min-1") => value,
        ("{score}", "1" | "{0-10}" | "{score}/10") => value,
        ("{steps}/d", "{steps}" | "/d" | "1/d" | "1/(24.h)" | "{steps}/(24.h)" | "1") => value,
        ("kg/m2", "kg.m-2") => value,
        ("mm[Hg]", "kPa") => value * KILOPASCAL,
        ("Cel", "[degF]") => (value - 32.0) * 5.0 / 9.0,
        ("Cel", "K") => value - 273.15,
        ("mmol/L", "mg/dL") => value / GLUCOSE,
        ("mmol/L", "mg/L") => value / (GLUCOSE * 10.0),
        ("kg", "[lb_av]") => value * 0.453_592_37,
        ("kg", "[stone_av]") => value * 6.350_293_18,
        ("kg", "g") => value / 1000.0,
        ("cm", "[in_i]") => value * 2.54,
        ("cm", "[ft_i]") => value * 30.48,
        ("cm", "m") => value * 100.0,
        ("cm", "mm") => value / 10.0,
        ("L/min", "L/s") => value * 60.0,
        _ => return None,
    };
    // Two digits more than are shown: enough to come back to the same, and no tail of a division.
    let scale = 10_f64.powi(module.decimals + 2);
    Some((converted * scale).round() / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sensible_is_converted_and_nothing_else() {
        let own = |module: &str, code: &str, value: f64| to_own(Module::find(module).unwrap(), code, value);
        assert_eq!(own("glucose", "mg/dL", 90.08), Some(5.0));
        assert_eq!(own("temperature", "[degF]", 98.6), Some(37.0));
        assert_eq!(own("weight", "[lb_av]", 176.4), Some(80.014));
        assert_eq!(own("height", "[in_i]", 70.0), Some(177.8));
        assert_eq!(own("heart_rate", "{beats}/min", 71.0), Some(71.0));
        assert_eq!(own("weight", "cm", 80.0), None);
        assert_eq!(own("glucose", "mg/dl", 90.0), None, "UCUM codes are case-sensitive");
    }
}
