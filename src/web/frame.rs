//! The pieces that pages share: the frame around them, times, list heads.

use jiff::tz::TimeZone;

use super::assets;
use crate::{config::Config, types::Timestamp};

/// What stands around every page.
#[derive(Clone, Default)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// The prefix of this version's assets.
    pub assets: String,
    /// Who is signed in.
    pub person: Option<String>,
    /// Where the logo leads.
    pub home: String,
    /// The organisation's name.
    pub organisation: String,
    /// The deployment's name.
    pub deployment: Option<String>,
    /// Where else the person has access.
    pub places: Vec<Link>,
    /// The beginning of this scope's addresses.
    pub scope_path: String,
    /// Whether this is the organisation level.
    pub at_organisation: bool,
    /// Whether the staff list is offered.
    pub can_view_staff: bool,
    /// Whether inviting is offered.
    pub can_invite: bool,
    /// Whether editing roles is offered.
    pub can_edit_roles: bool,
    /// Whether the access log is offered.
    pub can_view_audit: bool,
    /// Where a patient elsewhere in the organisation is opened in an emergency, for clinicians who do not reach all of it.
    pub emergency_path: Option<String>,
    /// Where the organisation's settings are, for those who may change them.
    pub settings_path: Option<String>,
    /// Where the deployment's settings are, for those who may change them.
    pub programme_path: Option<String>,
    /// What just happened.
    pub flash: Option<Flash>,
    /// Why mails do not leave at the moment, for those who wait for theirs.
    pub mail_trouble: Option<String>,
    /// Whether this is the demonstration.
    pub demo: bool,
    /// Seconds until the session ends if nothing is done; none where nobody is signed in.
    pub session_left: Option<i64>,
    /// Whose session it is: the account's printed id.
    pub session_of: String,
}

impl Frame {
    /// A frame for somebody of whom nothing is known.
    pub fn plain(config: &Config, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            assets: assets::prefix(),
            home: "/".to_owned(),
            demo: config.demo,
            ..Self::default()
        }
    }
}

/// A link.
#[derive(Clone, Default)]
pub struct Link {
    /// Its words.
    pub label: String,
    /// Its address.
    pub url: String,
    /// Whether one is there already.
    pub current: bool,
}

impl Link {
    /// A link; `current` when it leads where one is.
    pub fn new(label: impl Into<String>, url: impl Into<String>, current: bool) -> Self {
        Self { label: label.into(), url: url.into(), current }
    }
}

/// A message about what just happened.
#[derive(Clone, Default)]
pub struct Flash {
    /// `done` or `problem`.
    pub kind: &'static str,
    /// The sentence.
    pub text: String,
    /// The way back, where there is one.
    pub undo: Option<Undo>,
}

/// A button beside a message that takes back what it tells of.
#[derive(Clone, Default)]
pub struct Undo {
    /// Where it is posted to.
    pub action: String,
    /// The instant of what is to be undone, in milliseconds.
    pub at: i64,
    /// The parameters of the list to come back to.
    pub list: String,
}

/// An instant as people read it.
#[derive(Clone, Default)]
pub struct When {
    /// For programs.
    pub iso: String,
    /// "in 2 days".
    pub relative: String,
    /// With date, time and zone.
    pub exact: String,
}

impl When {
    /// `at` as seen at `now` in `zone`.
    pub fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self { iso: at.to_rfc3339(), relative: relative(at, now), exact: exact(at, zone) }
    }
}

/// "Tuesday 1 December 2026, 09:00 GMT".
pub fn exact(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%A %-d %B %Y, %H:%M %Z").to_string()
}

/// "09:00 GMT".
pub fn time_of_day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%H:%M %Z").to_string()
}

/// "31 December 2026".
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_jiff().to_zoned_datetime(zone.clone()).strftime("%-d %B %Y").to_string()
}

fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = (at.0 - now.0) / 1000;
    let length = seconds.unsigned_abs();
    let (n, unit) = match length {
        0..=59 => return if seconds > 0 { "in a moment".to_owned() } else { "just now".to_owned() },
        60..=3599 => (length / 60, "minute"),
        3600..=86_399 => (length / 3600, "hour"),
        86_400..=5_183_999 => (length / 86_400, "day"),
        5_184_000..=63_071_999 => (length / 2_592_000, "month"),
        _ => (length / 31_536_000, "year"),
    };
    let plural = if n == 1 { "" } else { "s" };
    if seconds > 0 { format!("in {n} {unit}{plural}") } else { format!("{n} {unit}{plural} ago") }
}

/// The way to the pages before and after.
#[derive(Clone, Default)]
pub struct Pager {
    /// The page before.
    pub previous: Option<String>,
    /// The next page.
    pub next: Option<String>,
    /// How much is shown.
    pub shown: String,
}

/// The head of a column.
#[derive(Clone, Default)]
pub struct SortHead {
    /// Its words.
    pub label: &'static str,
    /// Where a click leads; empty when the column does not sort.
    pub url: String,
    /// `ascending`, `descending` or `none`.
    pub direction: &'static str,
}

/// The filter in the title row that switches between lists.
#[derive(Clone, Default)]
pub struct ViewFilter {
    /// `Overview` or `View`.
    pub label: &'static str,
    /// The list that is shown.
    pub current: String,
    /// All lists.
    pub groups: Vec<ViewGroup>,
}

/// A group of lists.
#[derive(Clone, Default)]
pub struct ViewGroup {
    /// Its heading; empty for none.
    pub heading: &'static str,
    /// Its lists.
    pub links: Vec<Link>,
}

/// One of several values to choose from.
#[derive(Clone, Default)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// Its words.
    pub label: String,
    /// Whether it is chosen.
    pub selected: bool,
}

/// A parameter of the list that searching must not lose: becomes a hidden field.
pub type Kept = (String, String);
