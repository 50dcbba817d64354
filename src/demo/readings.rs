//! Made-up readings: each patient has a usual level, days scatter around it, and now and then something happens. The
//! thresholds are samples and no clinical advice.

use rand::{Rng, RngExt, rngs::StdRng};

use crate::{
    patients::{Reading, Severity},
    types::Timestamp,
};

const DAY: i64 = 86_400_000;

/// A patient's two weeks, oldest first.
pub(super) fn two_weeks(rng: &mut StdRng, now: Timestamp) -> Vec<Reading> {
    let systolic = rng.random_range(112.0..142.0);
    let pulse = rng.random_range(58.0..84.0);
    let oxygen = rng.random_range(94.5..98.5);
    let weight = rng.random_range(52.0..104.0);
    let unwell = rng.random_bool(0.12);
    let mut readings = Vec::new();
    for day in (0..14).rev() {
        let at = Timestamp(now.0 - day * DAY - rng.random_range(0..DAY / 2));
        // Whoever is unwell gets worse towards today.
        let strain = if unwell { f64::from(u32::try_from(14 - day).unwrap_or(0)) / 14.0 } else { 0.0 };
        let mut add = |module: &str, value: String, severity| {
            readings.push(Reading { module: module.to_owned(), value, severity, at })
        };
        let top = systolic + strain * 34.0 + noise(rng, 6.0);
        let bottom = top * 0.62 + noise(rng, 4.0);
        add("blood_pressure", format!("{top:.0}/{bottom:.0}"), band(top, 150.0, 165.0));
        let beats = pulse + strain * 26.0 + noise(rng, 5.0);
        add("heart_rate", format!("{beats:.0}"), band(beats, 95.0, 110.0));
        let saturation = (oxygen - strain * 5.0 + noise(rng, 0.6)).min(100.0);
        add("oxygen", format!("{saturation:.0}"), band(100.0 - saturation, 6.5, 9.0));
        if rng.random_bool(0.8) {
            let warmth = 36.6 + strain * 1.4 + noise(rng, 0.2);
            add("temperature", format!("{warmth:.1}"), band(warmth, 37.6, 38.4));
        }
        if day % 3 == 0 {
            add("weight", format!("{:.1}", weight + noise(rng, 0.5)), Severity::None);
        }
    }
    readings
}

fn band(value: f64, amber: f64, red: f64) -> Severity {
    if value >= red {
        Severity::Red
    } else if value >= amber {
        Severity::Amber
    } else {
        Severity::Green
    }
}

/// Near zero, seldom further away than twice the spread.
fn noise(rng: &mut impl Rng, spread: f64) -> f64 {
    (0..4).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 2.0 * spread
}
