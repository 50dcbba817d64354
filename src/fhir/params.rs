//! The parameters of a search, read as FHIR says: unknown ones are passed over, or refused with `Prefer: handling=strict`; a
//! modifier that is not known is always refused, because passing it over would find something else.

use axum::http::HeaderMap;
use jiff::civil::{Date, DateTime};

use super::outcome::{FhirResult, Outcome};
use crate::types::{Cursor, Timestamp};

/// Rows of a page where nobody says how many.
const PAGE: usize = 50;
/// Rows of the longest page.
const LONGEST_PAGE: usize = 200;

/// What was asked, taken out one by one.
pub struct Params {
    left: Vec<(String, String)>,
    used: Vec<(String, String)>,
    strict: bool,
}

impl Params {
    /// Reads a query string; `known` are the parameters that the resource has.
    pub fn read(query: &str, headers: &HeaderMap, known: &[&str]) -> FhirResult<Self> {
        let mut left = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // The type of a reference that can have only one.
            let name = if name == "subject:Patient" { "subject".into() } else { name };
            if let Some((plain, modifier)) = name.split_once([':', '.'])
                && known.contains(&plain)
            {
                let text = format!("“:{modifier}” is not known for the parameter {plain}");
                return Err(Outcome::bad_request("not-supported", text));
            }
            left.push((name.into_owned(), value.into_owned()));
        }
        let strict = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let strict = strict.flat_map(|value| value.split([',', ';'])).any(|part| part.trim() == "handling=strict");
        Ok(Self { left, used: Vec::new(), strict })
    }

    /// All values of a parameter that may be given several times; empty ones say nothing.
    pub fn all(&mut self, name: &str) -> Vec<String> {
        let (mine, left) = std::mem::take(&mut self.left).into_iter().partition(|(known, _)| known == name);
        self.left = left;
        let mine: Vec<(String, String)> = mine;
        self.used.extend(mine.iter().filter(|(_, value)| !value.is_empty()).cloned());
        mine.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter that can be given once.
    pub fn one(&mut self, name: &str) -> FhirResult<Option<String>> {
        let mut all = self.all(name);
        if all.len() > 1 {
            return Err(Outcome::bad_request("not-supported", format!("The parameter {name} can be given once")));
        }
        Ok(all.pop())
    }

    /// The alternatives of a parameter: `a,b`.
    pub fn any_of(&mut self, name: &str) -> FhirResult<Option<Vec<String>>> {
        Ok(self.one(name)?.map(|value| value.split(',').map(|one| one.trim().to_owned()).collect()))
    }

    /// How many rows, and where the page starts.
    pub fn page(&mut self) -> FhirResult<(usize, Option<Cursor>)> {
        let count = match self.one("_count")? {
            None => PAGE,
            Some(text) => match text.parse::<usize>() {
                Ok(n) if n > 0 => n.min(LONGEST_PAGE),
                _ => return Err(Outcome::bad_request("value", "_count is a whole number of 1 or more")),
            },
        };
        let wrong = || Outcome::bad_request("value", "_cursor is what a link of an earlier answer says");
        let from = self.one("_cursor")?.map(|text| Cursor::decode(&text).ok_or_else(wrong)).transpose()?;
        self.used.retain(|(name, _)| name != "_cursor");
        Ok((count, from))
    }

    /// What was used of what was asked, for the links of the answer.
    pub fn finish(mut self) -> FhirResult<Vec<(String, String)>> {
        if let Some(format) = self.one("_format")?
            && !format.contains("json")
        {
            return Err(super::only_json());
        }
        self.one("_pretty")?;
        match self.left.first().filter(|_| self.strict) {
            Some((name, _)) => {
                Err(Outcome::bad_request("not-supported", format!("The parameter {name} is not known here")))
            }
            None => Ok(self.used),
        }
    }
}

/// How a moment or a day that was asked for bounds what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Within it.
    Equal,
    /// After its end.
    Greater,
    /// Before its beginning.
    Less,
    /// At or after its beginning.
    GreaterOrEqual,
    /// Up to its end.
    LessOrEqual,
}

/// `ge2026-11-24` taken apart.
pub fn prefixed(name: &str, text: &str) -> FhirResult<(Prefix, String)> {
    let (prefix, rest) = match text.get(..2) {
        Some("eq") => (Prefix::Equal, text.get(2..)),
        Some("gt" | "sa") => (Prefix::Greater, text.get(2..)),
        Some("lt" | "eb") => (Prefix::Less, text.get(2..)),
        Some("ge") => (Prefix::GreaterOrEqual, text.get(2..)),
        Some("le") => (Prefix::LessOrEqual, text.get(2..)),
        Some(word @ ("ne" | "ap")) => {
            return Err(Outcome::bad_request("not-supported", format!("The prefix {word} is not known for {name}")));
        }
        _ => (Prefix::Equal, Some(text)),
    };
    Ok((prefix, rest.unwrap_or_default().to_owned()))
}

/// The first and the last day of `2026`, `2026-11` or `2026-11-24`.
pub fn days(text: &str) -> Option<(Date, Date)> {
    let mut parts = text.split('-');
    let year: i16 = parts.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let two = |part: &str| part.parse::<i8>().ok().filter(|_| part.len() == 2);
    let month = parts.next().map(two);
    let day = parts.next().map(two);
    if parts.next().is_some() {
        return None;
    }
    match (month, day) {
        (None, _) => Some((Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?)),
        (Some(month), None) => {
            let first = Date::new(year, month?, 1).ok()?;
            Some((first, first.last_of_month()))
        }
        (Some(month), Some(day)) => Date::new(year, month?, day?).ok().map(|day| (day, day)),
    }
}

/// The moment at which a time that was asked for begins, and the one at which it is over. Without a zone it is the organisation's.
pub fn moments(text: &str, zone: &jiff::tz::TimeZone) -> Option<(Timestamp, Timestamp)> {
    let at = |moment: jiff::Timestamp| Timestamp(moment.as_millisecond());
    if let Some((first, last)) = days(text) {
        let first = first.to_zoned_datetime(zone.clone()).ok()?;
        let beyond = last.tomorrow().ok()?.to_zoned_datetime(zone.clone()).ok()?;
        return Some((at(first.timestamp()), at(beyond.timestamp())));
    }
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned_datetime(zone.clone()).ok()?.timestamp(),
    };
    // A second means all of it, a thousandth itself.
    let length = if text.contains('.') { 1 } else { 1000 };
    Some((at(moment), Timestamp(at(moment).0 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_dates_are_whole_spans() {
        let zone = jiff::tz::TimeZone::UTC;
        let span = |text: &str| moments(text, &zone).map(|(from, beyond)| (from.to_rfc3339(), beyond.to_rfc3339()));
        let pair = |one: &str, other: &str| Some((one.to_owned(), other.to_owned()));
        assert_eq!(span("2026"), pair("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"));
        assert_eq!(span("2026-02"), pair("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"));
        assert_eq!(span("2026-02-28"), pair("2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"));
        assert_eq!(span("2026-02-28T10:00:00+01:00"), pair("2026-02-28T09:00:00Z", "2026-02-28T09:00:01Z"));
        for bad in ["", "26", "2026-13", "2026-02-30", "2026-2-3", "yesterday", "2026-01-01-01"] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }
}
