//! For how long a link works, when it ends, and when somebody is reminded of it. Weekends are no working days; holidays are not known.

use std::time::Duration;

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};

use super::LONGEST_WINDOW;
use crate::{
    sites::{Organisation, Reminders},
    types::Timestamp,
};

/// From when on people are reminded on a working day.
const MORNING: i8 = 9;
/// How many working days the fixed windows are, in their order.
const WORKING_DAYS: [u32; 3] = [1, 3, 5];
const DAY: Duration = Duration::from_secs(24 * 3600);

/// For how long the link works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// 24 hours.
    Day,
    /// 72 hours.
    ThreeDays,
    /// 7 days; the default.
    Week,
    /// Until a date of one's own, up to 30 days away.
    Until(Timestamp),
}

impl Window {
    /// The fixed ones, with their key and label.
    pub const FIXED: [(Self, &'static str, &'static str); 3] =
        [(Self::Day, "24h", "24 hours"), (Self::ThreeDays, "72h", "72 hours"), (Self::Week, "7d", "7 days")];

    /// The fixed window with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::FIXED.iter().find(|(_, known, _)| *known == key).map(|(window, ..)| *window)
    }

    /// The stored word: a key, or an instant in milliseconds.
    pub fn to_text(self) -> String {
        let key = Self::FIXED.iter().find(|(window, ..)| *window == self).map(|(_, key, _)| (*key).to_owned());
        match self {
            Self::Until(end) => end.0.to_string(),
            _ => key.unwrap_or_default(),
        }
    }

    /// The window that [`Window::to_text`] wrote.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::from_key(text).or_else(|| text.parse().ok().map(|end| Self::Until(Timestamp(end))))
    }

    /// How long it is from `now`; `None` when a date of one's own has passed or is more than 30 days away.
    pub fn length(self, now: Timestamp) -> Option<Duration> {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        match self {
            Self::Day => Some(hours(24)),
            Self::ThreeDays => Some(hours(72)),
            Self::Week => Some(hours(7 * 24)),
            Self::Until(end) => {
                let length = Duration::from_millis(u64::try_from(end.0 - now.0).ok()?);
                // A date is chosen without a time of day: the thirtieth day counts whole.
                (!length.is_zero() && length <= LONGEST_WINDOW + hours(24)).then_some(length)
            }
        }
    }
}

/// When a link that is sent now ends. Where the organisation counts working days, 24 hours are the next one, 72 hours three and
/// 7 days five, and each ends with the last of them.
pub fn expiry(organisation: &Organisation, window: Duration, now: Timestamp) -> Timestamp {
    let plain = now.plus(window);
    let days = Window::FIXED.iter().zip(WORKING_DAYS).find(|((fixed, ..), _)| fixed.length(now) == Some(window));
    let Some((_, days)) = days.filter(|_| organisation.count_working_days) else { return plain };
    end_of_working_day(now, days, &zone(organisation)).unwrap_or(plain)
}

/// The fixed windows as somebody chooses one now, each with its key. Where working days count, the label says how many they are and
/// when a link that is sent now would end.
pub fn choices(organisation: &Organisation, now: Timestamp) -> Vec<(&'static str, String)> {
    let choice = |(window, key, label): &(Window, &'static str, &'static str)| {
        let words = match window.length(now).filter(|_| organisation.count_working_days) {
            Some(length) => {
                let end = expiry(organisation, length, now).to_jiff().to_zoned_datetime(zone(organisation));
                format!(
                    "{} (to the end of {})",
                    word(organisation, *window).unwrap_or_default(),
                    end.strftime("%a %-d %b")
                )
            }
            None => (*label).to_owned(),
        };
        (*key, words)
    };
    Window::FIXED.iter().map(choice).collect()
}

/// A fixed window in words, as the organisation counts it; none for a date of one's own.
pub fn word(organisation: &Organisation, window: Window) -> Option<String> {
    let (at, (.., label)) = Window::FIXED.iter().enumerate().find(|(_, (known, ..))| *known == window)?;
    let days = WORKING_DAYS.get(at).filter(|_| organisation.count_working_days);
    Some(match days {
        Some(1) => "1 working day".to_owned(),
        Some(days) => format!("{days} working days"),
        None => (*label).to_owned(),
    })
}

fn zone(organisation: &Organisation) -> TimeZone {
    TimeZone::get(&organisation.time_zone).unwrap_or(TimeZone::UTC)
}

fn is_working_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The last second of the `n`th working day after today.
fn end_of_working_day(now: Timestamp, n: u32, zone: &TimeZone) -> Option<Timestamp> {
    let mut day = now.to_jiff().to_zoned_datetime(zone.clone()).date();
    let mut left = n;
    while left > 0 {
        day = day.tomorrow().ok()?;
        left -= u32::from(is_working_day(day));
    }
    let midnight = zone.to_timestamp(day.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?;
    Some(Timestamp(midnight.as_millisecond() - 1000))
}

/// From when on somebody is reminded whose link ends at `expires`; none where nobody is.
pub fn reminder_due(organisation: &Organisation, expires: Timestamp) -> Option<Timestamp> {
    match organisation.reminders {
        Reminders::Off => None,
        Reminders::DayBefore => Some(expires.minus(DAY)),
        Reminders::WorkingDays => {
            let zone = zone(organisation);
            let mut day = expires.to_jiff().to_zoned_datetime(zone.clone()).date().yesterday().ok()?;
            while !is_working_day(day) {
                day = day.yesterday().ok()?;
            }
            Some(Timestamp(zone.to_timestamp(day.at(MORNING, 0, 0, 0)).ok()?.as_millisecond()))
        }
    }
}

/// Whether reminders leave at this moment: on working days only, where the organisation wants it so.
pub fn may_remind(organisation: &Organisation, now: Timestamp) -> bool {
    organisation.reminders != Reminders::WorkingDays
        || is_working_day(now.to_jiff().to_zoned_datetime(zone(organisation)).date())
}

/// The end of the reminders' day in which `now` falls: five in the afternoon, when the inviter is told of all of them.
pub fn end_of_round(organisation: &Organisation, now: Timestamp) -> Timestamp {
    let zone = zone(organisation);
    let local = now.to_jiff().to_zoned_datetime(zone.clone());
    let day = if local.hour() < 17 { Some(local.date()) } else { local.date().checked_add(1.day()).ok() };
    let end = day.and_then(|day| zone.to_timestamp(day.at(17, 0, 0, 0)).ok());
    end.map_or(now.plus(DAY), |end| Timestamp(end.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::OrganisationId;

    fn organisation(reminders: Reminders, count_working_days: bool) -> Organisation {
        Organisation {
            id: OrganisationId::from_uuid(uuid::Uuid::from_u128(1)),
            name: "Northfield".to_owned(),
            time_zone: "Europe/London".to_owned(),
            usual_domains: Vec::new(),
            allow_copy_link: false,
            require_reason: false,
            second_factor: crate::sites::SecondFactorFor::Everybody,
            revision: 1,
            reminders,
            count_working_days,
            second_look: false,
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::ZonedDateTime>().expect("an instant").timestamp().as_millisecond())
    }

    #[test]
    fn windows_count_working_days_and_end_with_one() {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        for (sent, window, ends) in [
            ("2026-11-26T15:00[Europe/London]", 24, "2026-11-27T23:59:59[Europe/London]"),
            ("2026-11-27T15:00[Europe/London]", 24, "2026-11-30T23:59:59[Europe/London]"),
            ("2026-11-28T09:00[Europe/London]", 24, "2026-11-30T23:59:59[Europe/London]"),
            ("2026-11-26T15:00[Europe/London]", 72, "2026-12-01T23:59:59[Europe/London]"),
            ("2026-11-26T15:00[Europe/London]", 168, "2026-12-03T23:59:59[Europe/London]"),
            // The clocks go back on the Sunday between.
            ("2026-10-23T12:00[Europe/London]", 24, "2026-10-26T23:59:59[Europe/London]"),
        ] {
            let counted = expiry(&organisation(Reminders::Off, true), hours(window), at(sent));
            assert_eq!(counted, at(ends), "{sent} {window}");
            let plain = expiry(&organisation(Reminders::Off, false), hours(window), at(sent));
            assert_eq!(plain, at(sent).plus(hours(window)));
        }
        let odd = Duration::from_secs(100_000);
        let sent = at("2026-11-26T15:00[Europe/London]");
        assert_eq!(expiry(&organisation(Reminders::Off, true), odd, sent), sent.plus(odd), "a date of one's own stays");
    }

    #[test]
    fn labels_say_how_an_organisation_counts() {
        let friday = at("2026-11-27T15:00[Europe/London]");
        let labels =
            |counts| choices(&organisation(Reminders::Off, counts), friday).into_iter().map(|(_, label)| label);
        assert!(labels(false).eq(["24 hours", "72 hours", "7 days"]));
        assert!(labels(true).eq([
            "1 working day (to the end of Mon 30 Nov)",
            "3 working days (to the end of Wed 2 Dec)",
            "5 working days (to the end of Fri 4 Dec)",
        ]));
        assert_eq!(word(&organisation(Reminders::Off, true), Window::Until(friday)), None);
    }

    #[test]
    fn reminders_come_a_day_before_or_on_a_working_day() {
        let monday = at("2026-11-30T16:00[Europe/London]");
        assert_eq!(reminder_due(&organisation(Reminders::Off, false), monday), None);
        assert_eq!(reminder_due(&organisation(Reminders::DayBefore, false), monday), Some(monday.minus(DAY)));
        let working = organisation(Reminders::WorkingDays, false);
        assert_eq!(reminder_due(&working, monday), Some(at("2026-11-27T09:00[Europe/London]")));
        assert!(!may_remind(&working, at("2026-11-29T12:00[Europe/London]")));
        assert!(may_remind(&working, at("2026-11-30T12:00[Europe/London]")));
        assert!(may_remind(&organisation(Reminders::DayBefore, false), at("2026-11-29T12:00[Europe/London]")));
        let round = |text| end_of_round(&working, at(text));
        assert_eq!(round("2026-11-30T12:00[Europe/London]"), at("2026-11-30T17:00[Europe/London]"));
        assert_eq!(round("2026-11-30T17:00[Europe/London]"), at("2026-12-01T17:00[Europe/London]"));
    }
}
