//! Values as one person reads and types them: in the units of their choice.

use crate::{
    identity::Units,
    readings::{Band, Kind, Measured, Module, Part},
};

/// A module in one person's units.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    module: &'static Module,
    units: &'a Units,
}

impl<'a> Shown<'a> {
    /// This module for somebody who chose these units.
    pub const fn new(module: &'static Module, units: &'a Units) -> Self {
        Self { module, units }
    }

    /// The unit that stands behind the field.
    pub fn unit(self) -> &'static str {
        self.module.measure.and_then(|measure| self.units.other_than_stored(measure)).unwrap_or(self.module.unit)
    }

    /// Number and unit.
    pub fn value(self, measured: &Measured) -> (String, &'static str) {
        let written = self.module.write(measured);
        // Converted from the number itself, not from what it was rounded to.
        let other = self
            .module
            .measure
            .zip(measured.value)
            .and_then(|(measure, value)| self.units.write(measure, self.units.convert(measure, value)));
        other.unwrap_or((written, self.module.unit))
    }

    /// Both in one text: `152/94 mmHg`.
    pub fn text(self, measured: &Measured) -> String {
        let (value, unit) = self.value(measured);
        if unit.is_empty() { value } else { format!("{value} {unit}") }
    }

    /// A stored number in the person's unit, for the axis of a chart.
    pub fn number(self, stored: f64) -> f64 {
        self.module.measure.map_or(stored, |measure| self.units.convert(measure, stored))
    }

    /// A number in the person's unit as the axis writes it.
    pub fn axis(self, shown: f64) -> String {
        let other = self.module.measure.and_then(|measure| self.units.write(measure, shown));
        other.map_or_else(
            || {
                let whole = (shown - shown.round()).abs() < 1e-9;
                let places = if whole { 0 } else { usize::try_from(self.module.decimals.max(1)).unwrap_or(1) };
                format!("{shown:.places$}")
            },
            |(value, _)| value,
        )
    }

    /// A threshold in words: `145 to 164`.
    pub fn band(self, band: &Band) -> String {
        let one = |value: f64| self.value(&Measured { value: Some(value), second: None, text: String::new() }).0;
        match (band.least, band.most) {
            (Some(least), Some(most)) => format!("{} to {}", one(least), one(most)),
            (Some(least), None) => format!("{} and above", one(least)),
            (None, Some(most)) => format!("{} and below", one(most)),
            (None, None) => "every value".to_owned(),
        }
    }

    /// What a band is of: `Systolic`, or nothing where there is one value only.
    pub fn part(self, part: Part) -> &'static str {
        match (self.module.parts, part) {
            (Some([(_, first), _]), Part::First) => first,
            (Some([_, (_, second)]), Part::Second) => second,
            (None, _) => "",
        }
    }

    /// What the person typed, as it is stored, or a sentence that says what is wrong in the person's own unit.
    ///
    /// # Errors
    /// That sentence.
    pub fn read(self, typed: &str) -> Result<Measured, String> {
        let typed = typed.trim();
        let other = self.module.measure.filter(|_| self.module.kind == Kind::One && !typed.is_empty());
        let Some(stored) = other.and_then(|measure| self.units.read(measure, typed)) else {
            return self.module.read(typed);
        };
        let stored = stored?;
        let (least, most) = self.module.plausible;
        if self.module.refuse_implausible(stored).is_err() {
            let of = |value| self.value(&Measured { value: Some(value), second: None, text: String::new() });
            let ((least, _), (most, unit)) = (of(least), of(most));
            return Err(format!("{} is between {least} and {most} {unit}; check value and unit.", self.module.label));
        }
        Ok(Measured { value: Some(stored), ..Measured::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_and_typed_in_the_persons_units() {
        let units = Units::parse("mg/dL,°F,ft,st");
        let glucose = Shown::new(Module::find("glucose").unwrap(), &units);
        let measured = glucose.read("99").unwrap();
        assert_eq!(glucose.text(&measured), "99 mg/dL");
        let why = glucose.read("5.5").unwrap_err();
        assert!(why.contains("mg/dL"), "mmol/L typed as mg/dL is caught: {why}");
        let weight = Shown::new(Module::find("weight").unwrap(), &units);
        assert_eq!(weight.text(&weight.read("11 st 4").unwrap()), "11 st 4 lb");
        let pressure = Shown::new(Module::find("blood_pressure").unwrap(), &units);
        assert_eq!(pressure.text(&pressure.read("152/94").unwrap()), "152/94 mmHg");
        assert_eq!(pressure.axis(120.0), "120");
        let bands = Module::find("temperature").unwrap().sample_bands();
        let temperature = Shown::new(Module::find("temperature").unwrap(), &units);
        assert_eq!(temperature.band(&bands[2]), "96.4 to 99.5");
        assert_eq!(temperature.band(&bands[0]), "95.0 and below");
    }
}
