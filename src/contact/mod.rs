//! Messages to patients, appointments with them, and calls. What is written stands on the patient's private page alone: the mail
//! holds the link to it and who sent it, and no more about anybody's health than that there is a care team.

pub mod actions;
mod calendar;
pub mod email;
pub mod pages;
mod store;

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::{
    error::Fields,
    keys::link::LinkKind,
    outbox::life::Stage,
    portal::Portal,
    types::{AccountId, AppointmentId, MailId, MessageId, Timestamp},
};

/// Opens a patient's private page.
pub const PRIVATE: LinkKind = LinkKind { prefix: "cpp1_", purpose: "patient page" };

/// For how long such a page can be opened.
const OPEN_FOR: Duration = Duration::from_secs(90 * 24 * 3600);
/// How long a message is at most.
pub const LONGEST_TEXT: usize = 2_000;
/// How long a place, a link, or what a patient writes when asking for another time.
pub const LONGEST_LINE: usize = 300;

/// The page on which a code can be typed, and the code; the link is both with `#` between them.
pub fn private_link(portal: &Portal, about: uuid::Uuid, generation: i64) -> (String, String) {
    (portal.config.url(pages::FOR_YOU), PRIVATE.write(&portal.keys, about, generation))
}

/// A message as staff see it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who sent it, as they were called then.
    pub sender: String,
    /// What it says.
    pub text: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its mail.
    mail: MailId,
    /// How far the mail has come.
    pub stage: Stage,
    /// When the private page was opened first.
    pub opened_at: Option<Timestamp>,
    /// When it was taken back.
    pub withdrawn_at: Option<Timestamp>,
}

/// Where an appointment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The patient has not answered.
    Proposed,
    /// The patient comes.
    Confirmed,
    /// The patient would come at another time.
    Another,
    /// The patient does not come.
    Declined,
    /// The care team has called it off.
    Cancelled,
}

impl State {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Confirmed => "confirmed",
            Self::Another => "another",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of a stored word; what this program does not know waits.
    pub fn from_key(key: &str) -> Self {
        let all = [Self::Confirmed, Self::Another, Self::Declined, Self::Cancelled];
        all.into_iter().find(|state| state.key() == key).unwrap_or(Self::Proposed)
    }

    /// The words on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "Waiting for an answer",
            Self::Confirmed => "Confirmed",
            Self::Another => "Asks for another time",
            Self::Declined => "Declined",
            Self::Cancelled => "Cancelled",
        }
    }

    /// The icon beside them, and what gives them their colour.
    pub const fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Proposed => ("clock", "queued"),
            Self::Confirmed => ("check", "sent"),
            Self::Another => ("resend", "trying"),
            Self::Declined => ("declined", "refused"),
            Self::Cancelled => ("remove", "queued"),
        }
    }
}

/// How people meet.
pub const WAYS: [(&str, &str); 3] = [("video", "Video call"), ("telephone", "Telephone call"), ("visit", "Visit")];

/// The words of a stored way.
pub fn way(key: &str) -> &'static str {
    WAYS.iter().find(|(known, _)| *known == key).map_or("", |(_, words)| words)
}

/// An appointment.
#[derive(Clone, Debug)]
pub struct Appointment {
    /// Its id.
    pub id: AppointmentId,
    /// Whose time it takes.
    pub staff: AccountId,
    /// As they were called when it was made.
    pub staff_name: String,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
    /// One of [`WAYS`].
    pub how: String,
    /// A place or a link, or nothing.
    pub place: String,
    /// Where it stands.
    pub state: State,
    /// What the patient wrote when asking for another time.
    pub answer: String,
    /// When the patient answered.
    pub answered_at: Option<Timestamp>,
    /// How often it was moved or cancelled.
    pub sequence: i64,
    /// The patient's link generation when it was made.
    generation: i64,
    /// The mail that tells of it as it is.
    mail: MailId,
    /// How far that mail has come.
    pub stage: Stage,
    /// When the private page was opened first since.
    pub opened_at: Option<Timestamp>,
    /// Raised at each change.
    pub revision: i64,
    created_at: Timestamp,
    changed_at: Timestamp,
}

impl Appointment {
    /// How long it takes.
    pub const fn minutes(&self) -> i64 {
        (self.ends_at.0 - self.starts_at.0) / 60_000
    }

    /// Whether it can still be moved, cancelled and answered.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state != State::Cancelled && self.starts_at > now
    }
}

/// An appointment as typed.
#[derive(Clone, Debug, Default)]
pub struct TypedAppointment {
    /// A day, `2026-12-01`.
    pub day: String,
    /// A time of the organisation's clock, `09:00`.
    pub time: String,
    /// How many minutes.
    pub minutes: String,
    /// One of [`WAYS`].
    pub how: String,
    /// A place or a link.
    pub place: String,
}

/// An appointment that can be made.
#[derive(Clone, Debug)]
pub struct Wanted {
    starts_at: Timestamp,
    ends_at: Timestamp,
    how: &'static str,
    place: String,
}

const FARTHEST: Duration = Duration::from_secs(2 * 366 * 24 * 3600);

impl TypedAppointment {
    /// Reads it on the organisation's clock.
    ///
    /// # Errors
    /// What is wrong, by field.
    pub fn read(&self, zone: &TimeZone, now: Timestamp) -> Result<Wanted, Fields> {
        let mut bad = Fields::new();
        let day = self.day.trim().parse::<jiff::civil::Date>().ok();
        let time = self.time.trim().parse::<jiff::civil::Time>().ok().filter(|_| self.time.contains(':'));
        if day.is_none() {
            bad.push(("day", "Choose the day.".to_owned()));
        }
        if time.is_none() {
            bad.push(("time", "Give the time, for example 14:30.".to_owned()));
        }
        let starts_at =
            day.zip(time).and_then(|(day, time)| day.to_datetime(time).to_zoned_datetime(zone.clone()).ok());
        let starts_at = starts_at.map(|at| Timestamp(at.timestamp().as_millisecond()));
        match starts_at {
            Some(at) if at <= now => bad.push(("day", "This is in the past. Choose a later day or time.".to_owned())),
            Some(at) if at > now.plus(FARTHEST) => {
                bad.push(("day", "This is more than two years away. Check the year.".to_owned()));
            }
            _ => {}
        }
        let minutes = self.minutes.trim().parse::<u64>().ok().filter(|minutes| (5..=480).contains(minutes));
        if minutes.is_none() {
            bad.push(("minutes", "Give how long it takes: 5 to 480 minutes.".to_owned()));
        }
        let how = WAYS.iter().find(|(key, _)| *key == self.how).map(|(key, _)| *key);
        if how.is_none() {
            bad.push(("how", "Choose how you meet.".to_owned()));
        }
        let place = self.place.trim();
        if place.chars().count() > LONGEST_LINE || place.chars().any(char::is_control) {
            bad.push(("place", format!("Give a place or a link in one line of at most {LONGEST_LINE} characters.")));
        }
        match (starts_at, minutes, how) {
            (Some(starts_at), Some(minutes), Some(how)) if bad.is_empty() => {
                let ends_at = starts_at.plus(Duration::from_secs(minutes * 60));
                Ok(Wanted { starts_at, ends_at, how, place: place.to_owned() })
            }
            _ => Err(bad),
        }
    }
}

/// Reads what somebody wrote to a patient.
///
/// # Errors
/// What is wrong with it.
pub fn read_text(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n").trim().to_owned();
    let length = text.chars().count();
    match length {
        0 => Err("Write the message, or choose one that is ready.".to_owned()),
        _ if length > LONGEST_TEXT => {
            Err(format!("The message is {length} characters long, and 2,000 are the most. Shorten it."))
        }
        _ if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) => {
            Err("The message holds characters that cannot be shown. Type it instead of pasting it.".to_owned())
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(day: &str, time: &str, minutes: &str, how: &str) -> Vec<&'static str> {
        let zone = TimeZone::get("Europe/London").expect("a zone");
        let typed = TypedAppointment {
            day: day.to_owned(),
            time: time.to_owned(),
            minutes: minutes.to_owned(),
            how: how.to_owned(),
            place: String::new(),
        };
        // 21 September 2026.
        let read = typed.read(&zone, Timestamp(1_790_000_000_000));
        read.err().unwrap_or_default().into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn an_appointment_is_read_or_says_what_is_missing() {
        assert_eq!(typed("2026-12-01", "09:00", "30", "video"), [""; 0]);
        assert_eq!(typed("", "", "", ""), ["day", "time", "minutes", "how"]);
        assert_eq!(typed("2026-09-20", "09:00", "30", "visit"), ["day"]);
        assert_eq!(typed("2126-09-20", "09:00", "30", "visit"), ["day"]);
        assert_eq!(typed("2026-12-01", "9 am", "4", "fax"), ["time", "minutes", "how"]);
        assert_eq!(typed("2026-13-01", "25:00", "481", "visit"), ["day", "time", "minutes"]);
    }

    #[test]
    fn a_message_is_text() {
        assert_eq!(read_text(" Hello\r\nthere "), Ok("Hello\nthere".to_owned()));
        for bad in ["", " \n ", "bell\u{7}", &"x".repeat(2_001)] {
            assert!(read_text(bad).is_err());
        }
        assert!(read_text(&"é".repeat(2_000)).is_ok());
    }
}
