//! Made-up bodies. Each has a usual level for everything that is measured, drifts slowly around it, scatters from one measurement
//! to the next, and now and then something happens: an infection, water that gathers, sugar that runs away. What happens moves
//! several values together and in the direction that it would. None of it is clinical advice, and nobody is meant.

use rand::{Rng, RngExt};

use crate::{
    readings::{Measured, Module, NewReading},
    types::{PatientId, Timestamp},
};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// What a deployment looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// A weak heart: pressure, pulse, weight.
    Heart,
    /// Diabetes: sugar in the morning and the evening.
    Sugar,
    /// A disease of the lungs: oxygen, breaths, peak flow.
    Lungs,
}

impl Condition {
    /// Of the deployment with this number.
    pub(super) const fn of_deployment(n: usize) -> Self {
        match n {
            0 => Self::Heart,
            1 => Self::Sugar,
            _ => Self::Lungs,
        }
    }

    /// What its patients measure: module, hour of the day, and on which share of days.
    const fn plan(self) -> &'static [(&'static str, i64, f64)] {
        match self {
            Self::Heart => &[
                ("blood_pressure", 8, 0.9),
                ("heart_rate", 8, 0.9),
                ("oxygen", 8, 0.6),
                ("weight", 7, 0.8),
                ("steps", 21, 0.5),
            ],
            Self::Sugar => &[
                ("glucose", 7, 0.9),
                ("glucose", 19, 0.7),
                ("blood_pressure", 8, 0.3),
                ("weight", 7, 0.35),
                ("steps", 21, 0.4),
            ],
            Self::Lungs => &[
                ("oxygen", 8, 0.9),
                ("respiratory_rate", 8, 0.7),
                ("peak_flow", 8, 0.8),
                ("heart_rate", 8, 0.6),
                ("temperature", 19, 0.5),
            ],
        }
    }
}

/// Something that happens: it comes within some days, stays, and goes slower than it came.
#[derive(Clone, Copy)]
struct Episode {
    kind: Happening,
    /// Days before today at which it is worst.
    worst: f64,
    comes_within: f64,
    goes_within: f64,
    strength: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Happening {
    Infection,
    Water,
    RunawaySugar,
    Wheeze,
}

impl Episode {
    /// How much of it there is, from 0 to its strength.
    fn at(&self, days_ago: f64) -> f64 {
        let since = self.worst - days_ago;
        let share = if since < 0.0 { 1.0 + since / self.comes_within } else { 1.0 - since / self.goes_within };
        share.clamp(0.0, 1.0) * self.strength
    }
}

/// A made-up body, with its usual levels.
pub(super) struct Body {
    condition: Condition,
    systolic: f64,
    pulse: f64,
    oxygen: f64,
    breaths: f64,
    sugar: f64,
    weight: f64,
    flow: f64,
    steps: f64,
    /// Change of weight in a day.
    trend: f64,
    /// How faithfully it measures.
    faithful: f64,
    /// The last day on which it measured; some stop.
    until: i64,
    episodes: Vec<Episode>,
}

impl Body {
    /// A new one, different from all others.
    pub(super) fn new(rng: &mut impl Rng, condition: Condition, days: i64) -> Self {
        let heart = condition == Condition::Heart;
        let lungs = condition == Condition::Lungs;
        let mut episodes = Vec::new();
        // Something within the last weeks for one in four, right now for one in eight.
        if rng.random_bool(0.25) {
            episodes.push(Self::happening(rng, condition, 12.0, 55.0));
        }
        if rng.random_bool(0.125) {
            episodes.push(Self::happening(rng, condition, -1.0, 1.5));
        }
        let stopped = rng.random_bool(0.06);
        Self {
            condition,
            systolic: rng.random_range(108.0..if heart { 141.0 } else { 130.0 }),
            pulse: rng.random_range(58.0..82.0),
            oxygen: if lungs { rng.random_range(94.6..97.5) } else { rng.random_range(96.0..98.6) },
            breaths: if lungs { rng.random_range(14.5..18.0) } else { rng.random_range(13.0..16.5) },
            sugar: rng.random_range(5.2..8.2),
            weight: rng.random_range(52.0..108.0),
            flow: rng.random_range(345.0..520.0),
            steps: rng.random_range(1_800.0..8_500.0),
            trend: rng.random_range(-0.03..0.02),
            faithful: rng.random_range(0.75..1.0),
            until: if stopped { rng.random_range(4..days.max(5)) } else { 0 },
            episodes,
        }
    }

    fn happening(rng: &mut impl Rng, condition: Condition, from: f64, to: f64) -> Episode {
        let infection = rng.random_bool(0.35);
        let kind = match condition {
            _ if infection => Happening::Infection,
            Condition::Heart => Happening::Water,
            Condition::Sugar => Happening::RunawaySugar,
            Condition::Lungs => Happening::Wheeze,
        };
        Episode {
            kind,
            worst: rng.random_range(from..to),
            comes_within: rng.random_range(2.0..6.0),
            goes_within: rng.random_range(5.0..12.0),
            strength: rng.random_range(0.6..1.2),
        }
    }

    fn much(&self, kind: Happening, days_ago: f64) -> f64 {
        self.episodes.iter().filter(|episode| episode.kind == kind).map(|episode| episode.at(days_ago)).sum()
    }

    /// Everything it measured in these days, oldest first.
    pub(super) fn live(&self, rng: &mut impl Rng, patient: PatientId, days: i64, now: Timestamp) -> Vec<NewReading> {
        let midnight = now.0 - now.0 % DAY;
        let mut drift = Drift::default();
        let mut readings = Vec::new();
        for day in (self.until..=days).rev() {
            drift.pass_a_day(rng);
            for (module, hour, share) in self.condition.plan() {
                let at = midnight - day * DAY + hour * HOUR + rng.random_range(-HOUR..HOUR);
                if !rng.random_bool(share * self.faithful) || at > now.0 {
                    continue;
                }
                let Some(module) = Module::find(module) else { continue };
                let measured = self.measure(rng, module, day as f64, *hour, &drift);
                readings.push(NewReading { patient, module, measured, at: Timestamp(at), identifier: None });
            }
            self.complain(rng, patient, day, midnight, now, &mut readings);
        }
        readings
    }

    fn measure(&self, rng: &mut impl Rng, module: &'static Module, ago: f64, hour: i64, drift: &Drift) -> Measured {
        let (infection, water) = (self.much(Happening::Infection, ago), self.much(Happening::Water, ago));
        let (sugar, wheeze) = (self.much(Happening::RunawaySugar, ago), self.much(Happening::Wheeze, ago));
        let mut second = None;
        let value = match module.key {
            "blood_pressure" => {
                let top = self.systolic + drift.pressure + water * 46.0 - infection * 8.0 + noise(rng, 4.5);
                second = Some((top * 0.6 + noise(rng, 3.5)).round());
                top
            }
            "heart_rate" => {
                self.pulse + drift.pulse + infection * 34.0 + water * 32.0 + wheeze * 28.0 + noise(rng, 3.5)
            }
            "oxygen" => {
                let loss = infection * 4.0 + water * 6.0 + wheeze * 7.5;
                (self.oxygen - loss + noise(rng, 0.5)).min(99.4)
            }
            "respiratory_rate" => self.breaths + infection * 7.0 + water * 6.0 + wheeze * 11.0 + noise(rng, 0.9),
            "temperature" => 36.5 + infection * 2.2 + noise(rng, 0.18),
            "glucose" => {
                let meal = if hour > 12 { 1.6 } else { 0.0 };
                let low = if rng.random_bool(0.004) { -3.6 } else { 0.0 };
                self.sugar + drift.sugar + meal + low + sugar * 9.5 + infection * 3.0 + noise(rng, 0.8)
            }
            "weight" => self.weight - self.trend * ago + water * 3.4 + noise(rng, 0.25),
            "peak_flow" => self.flow * (1.0 - 0.42 * wheeze - 0.12 * infection) + noise(rng, 11.0),
            "steps" => self.steps * (1.0 - 0.6 * (infection + water + wheeze).min(1.0)) + noise(rng, 900.0),
            _ => 0.0,
        };
        let (least, most) = module.plausible;
        let tens = 10_f64.powi(module.decimals);
        Measured { value: Some((value.clamp(least, most) * tens).round() / tens), second, text: String::new() }
    }

    /// Whoever is unwell says so now and then.
    fn complain(
        &self,
        rng: &mut impl Rng,
        patient: PatientId,
        day: i64,
        midnight: i64,
        now: Timestamp,
        readings: &mut Vec<NewReading>,
    ) {
        let worst = self.episodes.iter().map(|one| (one.at(day as f64), one.kind)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((strength, kind)) = worst.filter(|(strength, _)| *strength > 0.5) else { return };
        let at = midnight - day * DAY + 20 * HOUR;
        if !rng.random_bool(0.3) || at > now.0 {
            return;
        }
        let degree = if strength > 0.8 { "severe" } else { "moderate" };
        let what = match kind {
            Happening::Infection => "Cough and shivering",
            Happening::Water => "Swollen ankles, short of breath lying down",
            Happening::RunawaySugar => "Thirst and tiredness",
            Happening::Wheeze => "Wheezing on the stairs",
        };
        let Some(module) = Module::find("symptoms") else { return };
        let measured = Measured { text: format!("{what}, {degree}"), ..Measured::default() };
        readings.push(NewReading { patient, module, measured, at: Timestamp(at), identifier: None });
    }
}

/// How far today is from usual: tomorrow remembers most of it.
#[derive(Default)]
struct Drift {
    pressure: f64,
    pulse: f64,
    sugar: f64,
}

impl Drift {
    fn pass_a_day(&mut self, rng: &mut impl Rng) {
        for (value, spread) in [(&mut self.pressure, 2.4), (&mut self.pulse, 1.8), (&mut self.sugar, 0.35)] {
            *value = *value * 0.8 + noise(rng, spread);
        }
    }
}

/// Near zero, seldom further away than twice the spread.
fn noise(rng: &mut impl Rng, spread: f64) -> f64 {
    (0..4).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 2.0 * spread
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::readings::{Severity, judge};

    #[test]
    fn most_are_well_some_are_not_and_every_value_is_plausible() {
        let mut rng = StdRng::seed_from_u64(7);
        let now = Timestamp(1_790_000_000_000);
        for n in 0..3 {
            let (mut green, mut amber, mut red) = (0, 0, 0);
            for _ in 0..100 {
                let body = Body::new(&mut rng, Condition::of_deployment(n), 60);
                let patient = PatientId::from_uuid(uuid::Uuid::nil());
                for reading in body.live(&mut rng, patient, 60, now) {
                    assert!(reading.at <= now, "nobody measures tomorrow");
                    if let Some(value) = reading.measured.value {
                        reading.module.refuse_implausible(value).unwrap();
                    }
                    match judge(reading.module, &reading.module.sample_bands(), &reading.measured) {
                        Severity::Red => red += 1,
                        Severity::Amber => amber += 1,
                        Severity::Green => green += 1,
                        Severity::None => {}
                    }
                }
            }
            assert!(red > 20 && amber > red && green > 8 * (amber + red), "{n}: {green} {amber} {red}");
        }
    }
}
