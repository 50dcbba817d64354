//! Made-up readings: each patient has a usual level, days scatter around it, and now and then something happens. The
//! thresholds are samples and no clinical advice.

use rand::{Rng, RngExt, rngs::StdRng};

use crate::{
    readings::{Measured, Module, NewReading},
    types::{PatientId, Timestamp},
};

const DAY: i64 = 86_400_000;

/// A patient's two weeks, oldest first.
pub(super) fn two_weeks(rng: &mut StdRng, patient: PatientId, now: Timestamp) -> Vec<NewReading> {
    let systolic = rng.random_range(112.0..134.0);
    let pulse = rng.random_range(58.0..82.0);
    let oxygen = rng.random_range(95.5..98.5);
    let weight = rng.random_range(52.0..104.0);
    let unwell = rng.random_bool(0.12);
    let mut readings = Vec::new();
    for day in (0..14).rev() {
        let at = Timestamp(now.0 - day * DAY - rng.random_range(0..DAY / 2));
        // Whoever is unwell gets worse towards today.
        let strain = if unwell { f64::from(u32::try_from(14 - day).unwrap_or(0)) / 14.0 } else { 0.0 };
        let mut add = |module: &str, value: f64, second: Option<f64>| {
            let Some(module) = Module::find(module) else { return };
            let measured = Measured { value: Some(value), second, text: String::new() };
            readings.push(NewReading { patient, module, measured, at, identifier: None });
        };
        let top = systolic + strain * 34.0 + noise(rng, 6.0);
        add("blood_pressure", top.round(), Some((top * 0.62 + noise(rng, 4.0)).round()));
        add("heart_rate", (pulse + strain * 26.0 + noise(rng, 5.0)).round(), None);
        add("oxygen", (oxygen - strain * 5.0 + noise(rng, 0.6)).min(100.0).round(), None);
        if rng.random_bool(0.8) {
            add("temperature", tenths(36.6 + strain * 1.4 + noise(rng, 0.2)), None);
        }
        if day % 3 == 0 {
            add("weight", tenths(weight + noise(rng, 0.5)), None);
        }
    }
    readings
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Near zero, seldom further away than twice the spread.
fn noise(rng: &mut impl Rng, spread: f64) -> f64 {
    (0..4).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 2.0 * spread
}
