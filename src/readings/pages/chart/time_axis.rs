//! The axis of time: ticks at midnights, first days of months or of years in the organisation's zone.

use std::ops::Range;

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// From an instant to another, in milliseconds since 1970.
#[derive(Clone)]
pub(super) struct TimeAxis {
    from: i64,
    to: i64,
    ticks: Vec<(i64, String)>,
}

/// How far ticks lie apart.
#[derive(Clone, Copy)]
enum Step {
    Hours(i64),
    Days(i64),
    Months(i64),
    Years(i64),
}

const STEPS: [Step; 15] = [
    Step::Hours(3),
    Step::Hours(6),
    Step::Hours(12),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(2),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(5),
    Step::Years(20),
    Step::Years(100),
];

impl TimeAxis {
    pub(super) fn new(from: i64, to: i64, zone: &TimeZone, most: usize) -> Self {
        let to = to.max(from + 1);
        let ticks = STEPS.iter().map(|step| ticks(*step, (from, to), zone, most));
        let ticks = ticks.flatten().next().unwrap_or_default();
        Self { from, to, ticks }
    }
}

/// The ticks of this step; none when there would be more than `most`.
fn ticks(step: Step, (from, to): (i64, i64), zone: &TimeZone, most: usize) -> Option<Vec<(i64, String)>> {
    let begin = jiff::Timestamp::from_millisecond(from).ok()?.to_zoned_datetime(zone.clone());
    let day = begin.date();
    let (mut at, span, format) = match step {
        Step::Hours(n) => (day.at(0, 0, 0, 0), n.hours(), "%H:%M"),
        Step::Days(n) => (day.at(0, 0, 0, 0), n.days(), "%-d %b"),
        Step::Months(n) => (day.first_of_month().at(0, 0, 0, 0), n.months(), "%b %Y"),
        Step::Years(n) => (Date::new(day.year(), 1, 1).ok()?.at(0, 0, 0, 0), n.years(), "%Y"),
    };
    let mut ticks = Vec::new();
    loop {
        let zoned = at.to_zoned_datetime(zone.clone()).ok()?;
        let instant = zoned.timestamp().as_millisecond();
        if instant > to {
            return Some(ticks);
        }
        if instant >= from {
            if ticks.len() == most {
                return None;
            }
            ticks.push((instant, zoned.strftime(format).to_string()));
        }
        at = at.checked_add(span).ok()?;
    }
}

impl Ranged for TimeAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "pixels of a screen")]
    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let share = (value - self.from) as f64 / (self.to - self.from) as f64;
        limit.0 + (f64::from(limit.1 - limit.0) * share).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<i64> {
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<i64> {
        self.from..self.to
    }
}

impl ValueFormatter<i64> for TimeAxis {
    fn format_ext(&self, value: &i64) -> String {
        self.ticks.iter().find(|(at, _)| at == value).map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn ticks_are_few_and_at_midnight_also_when_clocks_change() {
        let zone = TimeZone::get("Europe/London").unwrap();
        // A week from 20 October 2026, over the end of summer time.
        let from = 1_792_450_800_000;
        let week = TimeAxis::new(from, from + 9 * DAY, &zone, 9);
        assert!(week.ticks.iter().all(|(at, _)| {
            let local = jiff::Timestamp::from_millisecond(*at).unwrap().to_zoned_datetime(zone.clone());
            local.hour() == 0
        }));
        for days in [1, 2, 7, 30, 90, 365, 3650, 36_500] {
            for most in [4, 9] {
                let axis = TimeAxis::new(from, from + days * DAY, &zone, most);
                assert!((1..=most).contains(&axis.ticks.len()), "{days} days: {:?}", axis.ticks);
            }
        }
    }
}
