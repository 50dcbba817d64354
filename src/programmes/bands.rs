//! Thresholds as people type them: rows of severity, least and greatest value.

use super::Followed;
use crate::readings::{Band, Kind, Module, Part, Severity};

/// How many bands a module may have.
pub const MOST: usize = 16;

/// A row as typed. One without either end is no threshold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypedBand {
    /// `first` or `second`.
    pub part: String,
    /// `red`, `amber` or `green`.
    pub severity: String,
    /// Empty for an open end.
    pub least: String,
    /// Empty for an open end.
    pub most: String,
}

impl TypedBand {
    /// A band as it would be typed.
    pub fn of(band: &Band, module: &Module) -> Self {
        let places = usize::try_from(module.decimals).unwrap_or(0);
        let end = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.places$}"));
        let part = if band.part == Part::Second { "second" } else { "first" };
        Self {
            part: part.to_owned(),
            severity: band.severity.key().to_owned(),
            least: end(band.least),
            most: end(band.most),
        }
    }

    fn read(&self, module: &Module) -> Result<Option<Band>, String> {
        if self.least.trim().is_empty() && self.most.trim().is_empty() {
            return Ok(None);
        }
        let severity = Severity::from_key(&self.severity);
        if severity == Severity::None {
            return Err("choose red, amber or green".to_owned());
        }
        let part = if self.part == "second" && module.kind == Kind::Two { Part::Second } else { Part::First };
        let (least, most) = (end(&self.least, module)?, end(&self.most, module)?);
        if let (Some(least), Some(most)) = (least, most)
            && least > most
        {
            return Err(format!(
                "{} is more than {}; give the lesser value first",
                self.least.trim(),
                self.most.trim()
            ));
        }
        Ok(Some(Band { part, severity, least, most }))
    }
}

fn end(typed: &str, module: &Module) -> Result<Option<f64>, String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    let value: f64 = typed.replace(',', ".").parse().map_err(|_| format!("“{typed}” is no number"))?;
    let tens = 10_f64.powi(module.decimals);
    if (value * tens - (value * tens).round()).abs() > 1e-6 {
        let digits = if module.decimals == 0 { "whole numbers" } else { "one digit behind the point" };
        return Err(format!("{} is measured in {digits}, and “{typed}” is finer", module.label));
    }
    let (lowest, highest) = module.plausible;
    if !(lowest..=highest).contains(&value) {
        return Err(format!(
            "{} is between {lowest} and {highest} {}, and “{typed}” is not",
            module.label, module.unit
        ));
    }
    Ok(Some(value))
}

/// The thresholds in these rows, or what is wrong with each; two that hold the same value are refused.
///
/// # Errors
/// A sentence for each bad row, with its number.
pub fn read_bands(module: &Module, rows: &[TypedBand]) -> Result<Vec<Band>, Vec<String>> {
    let (mut bands, mut wrong) = (Vec::new(), Vec::new());
    for (n, row) in rows.iter().enumerate() {
        match row.read(module) {
            Ok(Some(band)) => bands.push((n + 1, band)),
            Ok(None) => {}
            Err(why) => wrong.push(format!("Row {}: {why}.", n + 1)),
        }
    }
    if !module.takes_thresholds() && !bands.is_empty() {
        wrong.push(format!("{} takes words and can have no thresholds.", module.label));
    }
    if bands.len() > MOST {
        wrong.push(format!("A module has at most {MOST} thresholds."));
    }
    for (at, (n, one)) in bands.iter().enumerate() {
        for (m, other) in bands.iter().skip(at + 1) {
            if one.part == other.part && overlap(one, other) {
                wrong.push(format!("Row {m} overlaps row {n}: the same value would have two colours."));
            }
        }
    }
    if wrong.is_empty() { Ok(bands.into_iter().map(|(_, band)| band).collect()) } else { Err(wrong) }
}

fn overlap(one: &Band, other: &Band) -> bool {
    let below =
        |most: Option<f64>, least: Option<f64>| matches!((most, least), (Some(most), Some(least)) if most < least);
    !below(one.most, other.least) && !below(other.most, one.least)
}

/// The thresholds of a module in words: "red 165 or more, amber 145–164".
pub fn in_words(followed: &Followed) -> String {
    let module = followed.module;
    if followed.bands.is_empty() {
        return "none".to_owned();
    }
    let words = followed.bands.iter().filter(|band| band.severity != Severity::Green).map(|band| {
        let typed = TypedBand::of(band, module);
        let range = match (typed.least.as_str(), typed.most.as_str()) {
            ("", most) => format!("{most} or less"),
            (least, "") => format!("{least} or more"),
            (least, most) if least == most => least.to_owned(),
            (least, most) => format!("{least}–{most}"),
        };
        let of = module.parts.map_or("", |parts| if band.part == Part::Second { parts[1].1 } else { parts[0].1 });
        let of = if of.is_empty() { String::new() } else { format!("{} ", of.to_lowercase()) };
        format!("{} {of}{range}", band.severity.key())
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(severity: &str, least: &str, most: &str) -> TypedBand {
        TypedBand {
            part: "first".to_owned(),
            severity: severity.to_owned(),
            least: least.to_owned(),
            most: most.to_owned(),
        }
    }

    #[test]
    fn the_samples_of_every_module_are_what_people_could_type() {
        for module in crate::readings::MODULES {
            let rows: Vec<_> = module.sample_bands().iter().map(|band| TypedBand::of(band, module)).collect();
            assert_eq!(read_bands(module, &rows), Ok(module.sample_bands()), "{}", module.key);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_its_row() {
        let module = Module::find("heart_rate").expect("a module");
        for (rows, why) in [
            (vec![row("red", "110", ""), row("amber", "100", "115")], "Row 2 overlaps row 1"),
            (vec![row("red", "120", "110")], "the lesser value first"),
            (vec![row("", "1", "2")], "choose red"),
            (vec![row("red", "fast", "")], "no number"),
            (vec![row("red", "110.5", "")], "finer"),
            (vec![row("red", "11000", "")], "between"),
            (vec![row("red", "NaN", "")], "Row 1"),
            (vec![row("red", "inf", "")], "Row 1"),
        ] {
            let wrong = read_bands(module, &rows).expect_err(why).join(" ");
            assert!(wrong.contains(why), "{wrong}");
        }
        assert_eq!(read_bands(module, &[row("red", "", "")]), Ok(Vec::new()), "an empty row is no threshold");
        let journal = Module::find("journal").expect("a module");
        assert!(read_bands(journal, &[row("red", "0", "")]).is_err());
    }
}
