//! What the address of the Patient List asks for: read into a query, with a sentence for each value that cannot be used, and written
//! again as addresses of the same list with one thing less or another order.

use jiff::{ToSpan as _, civil::Date};
use serde::Deserialize;

use crate::{
    patients::{
        Label,
        query::{Days, Kind, Query},
    },
    programmes::Programme,
    sites::Place,
    types::{Cursor, LabelId, Timestamp},
    web::{Link, lists::ListAddress},
};

/// The parameters of the list, as its address holds them and as forms carry them along.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub q: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub born_from: String,
    pub born_to: String,
    pub gender: Vec<String>,
    pub label: Vec<String>,
    pub surgery: String,
    pub surgery_from: String,
    pub surgery_to: String,
    pub sort: String,
    pub order: String,
    pub from: String,
}

/// The choices for the gender of the filter; the last means everything else.
pub const GENDERS: [(&str, &str); 3] = [("female", "Female"), ("male", "Male"), ("other", "Other")];

/// The quick choices for the day of surgery.
pub const QUICK: [(&str, &str); 5] = [
    ("today", "Today"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("month", "This month"),
    ("year", "This year"),
];

/// What an address is judged by.
pub struct Ground<'a> {
    pub place: &'a Place,
    pub programme: &'a Programme,
    /// The deployment's labels.
    pub labels: &'a [Label],
    /// Whether the reader may see birth dates.
    pub identifiers: bool,
    pub now: Timestamp,
}

impl Ground<'_> {
    fn today(&self) -> Date {
        self.now.to_jiff().to_zoned_datetime(self.place.time_zone()).date()
    }
}

/// What was typed, short enough to be said again.
fn said(text: &str) -> String {
    text.chars().take(40).collect()
}

fn read_day(text: &str) -> Result<Option<Date>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<Date>() {
        Ok(day) if (1880..=2200).contains(&day.year()) => Ok(Some(day)),
        _ => Err(format!("“{}” is no day; write it as year, month and day, such as 1948-03-09", said(text))),
    }
}

/// The days between two fields, or why they cannot be.
fn read_days(what: &str, first: &str, last: &str) -> Result<Days, String> {
    let days = read_day(first).and_then(|first| Ok(Days { first, last: read_day(last)? }));
    let days = days.map_err(|why| format!("{why}. The list is not narrowed by {what}."))?;
    match days {
        Days { first: Some(first), last: Some(last) } if first > last => {
            Err(format!("The first {what} lies after the last one. The list is not narrowed by them."))
        }
        days => Ok(days),
    }
}

impl Asked {
    /// What a form carried along. Only the list's own parameters are read: nothing else can get into an address this way.
    pub fn carried(text: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "q" => asked.q = value,
                "type" => asked.kind = value,
                "born_from" => asked.born_from = value,
                "born_to" => asked.born_to = value,
                "gender" => asked.gender.push(value),
                "label" => asked.label.push(value),
                "surgery" => asked.surgery = value,
                "surgery_from" => asked.surgery_from = value,
                "surgery_to" => asked.surgery_to = value,
                "sort" => asked.sort = value,
                "order" => asked.order = value,
                "from" => asked.from = value,
                _ => {}
            }
        }
        asked
    }

    /// What is searched for.
    pub fn search(&self) -> String {
        self.q.trim().chars().take(100).collect()
    }

    /// The list with its filters and its order, on its first page.
    pub fn address(&self, place: &Place) -> ListAddress {
        let mut address = ListAddress::new(format!("{}/patients", place.scope.path()));
        // Days of one's own count only where no other choice is made.
        let own = matches!(self.surgery.as_str(), "" | "own");
        let days = |text: &String| if own { text.clone() } else { String::new() };
        let surgery = if matches!(self.surgery.as_str(), "any" | "own") { String::new() } else { self.surgery.clone() };
        for (name, value) in [
            ("q", &self.search()),
            ("type", &self.kind),
            ("born_from", &self.born_from),
            ("born_to", &self.born_to),
            ("surgery", &surgery),
            ("surgery_from", &days(&self.surgery_from)),
            ("surgery_to", &days(&self.surgery_to)),
            ("sort", &self.sort),
            ("order", &self.order),
        ] {
            address = address.with(name, value.chars().take(100).collect::<String>());
        }
        for (name, values) in [("gender", &self.gender), ("label", &self.label)] {
            for value in values.iter().filter(|value| value.len() <= 40).take(200) {
                address = address.also(name, value);
            }
        }
        address
    }

    /// The very page of the list.
    pub fn url(&self, place: &Place) -> String {
        let address = self.address(place);
        if Cursor::decode(&self.from).is_some() { address.with("from", &self.from).url() } else { address.url() }
    }

    /// What a form carries along to come back to this page.
    pub fn to_carry(&self, place: &Place) -> String {
        self.url(place).split_once('?').map_or_else(String::new, |(_, query)| query.to_owned())
    }

    /// The same for a window, which may also be opened over something else than a list: never empty.
    pub fn to_window(&self, place: &Place) -> String {
        let carry = self.to_carry(place);
        if carry.is_empty() { "all".to_owned() } else { carry }
    }

    /// The list in the same order with nothing narrowed.
    pub fn cleared(&self) -> Self {
        Self { sort: self.sort.clone(), order: self.order.clone(), ..Self::default() }
    }

    /// The query, and a sentence for each value that cannot be used; what cannot be used narrows nothing.
    pub fn read(&self, ground: &Ground<'_>) -> (Query, Vec<String>) {
        let mut problems = Vec::new();
        let mut keep = |read: Result<Days, String>| {
            read.unwrap_or_else(|problem| {
                problems.push(problem);
                Days::default()
            })
        };
        let born = keep(self.born(ground));
        let surgery = keep(self.surgery_days(ground));
        let kind = Kind::from_key(&self.kind).unwrap_or_else(|| {
            problems.push(format!("There is no patient type “{}”. All patients are listed.", said(&self.kind)));
            Kind::All
        });
        let genders = self.genders(&mut problems);
        let labels = self.labels(ground, &mut problems);
        let sort = ground.programme.follows(&self.sort).map(|followed| followed.module);
        if sort.is_none() && !self.sort.is_empty() {
            problems
                .push(format!("The list cannot be sorted by “{}”. The most red flags come first.", said(&self.sort)));
        }
        let query = Query {
            search: self.search(),
            kind,
            born,
            genders,
            labels,
            surgery,
            sort: sort.filter(|module| module.takes_thresholds()),
            descending: self.order == "desc",
            from: Cursor::decode(&self.from),
        };
        (query, problems)
    }

    /// Whoever may not see birth dates is told so, and learns nothing of them.
    fn born(&self, ground: &Ground<'_>) -> Result<Days, String> {
        if ground.identifiers {
            return read_days("date of birth", &self.born_from, &self.born_to);
        }
        if self.born_from.is_empty() && self.born_to.is_empty() {
            Ok(Days::default())
        } else {
            Err("Your role does not show dates of birth, so the list is not narrowed by them.".to_owned())
        }
    }

    fn surgery_days(&self, ground: &Ground<'_>) -> Result<Days, String> {
        if self.surgery.is_empty() || self.surgery == "own" {
            return read_days("surgery date", &self.surgery_from, &self.surgery_to);
        }
        let today = ground.today();
        let back = |days: i64| today.checked_sub(days.days()).unwrap_or(today);
        let (first, last) = match self.surgery.as_str() {
            "any" => return Ok(Days::default()),
            "today" => (today, today),
            "7d" => (back(6), today),
            "30d" => (back(29), today),
            "month" => (today.first_of_month(), today.last_of_month()),
            "year" => (today.first_of_year(), today.last_of_year()),
            other => {
                return Err(format!(
                    "“{}” is no choice for the surgery date. The list is not narrowed by it.",
                    said(other)
                ));
            }
        };
        Ok(Days { first: Some(first), last: Some(last) })
    }

    fn genders(&self, problems: &mut Vec<String>) -> Vec<&'static str> {
        let mut chosen = Vec::new();
        for asked in &self.gender {
            match GENDERS.iter().find(|(key, _)| key == asked) {
                Some((key, _)) if !chosen.contains(key) => chosen.push(*key),
                Some(_) => {}
                None => problems.push(format!("There is no gender “{}” to narrow the list by.", said(asked))),
            }
        }
        // All of them narrow nothing.
        if chosen.len() == GENDERS.len() { Vec::new() } else { chosen }
    }

    fn labels(&self, ground: &Ground<'_>, problems: &mut Vec<String>) -> Vec<LabelId> {
        if self.label.is_empty() {
            return Vec::new();
        }
        if !ground.programme.labels {
            problems
                .push("Labels are switched off in this deployment, so the list is not narrowed by them.".to_owned());
            return Vec::new();
        }
        let there = |text: &String| ground.labels.iter().find(|label| label.id.to_string() == *text);
        let known: Vec<_> = self.label.iter().filter_map(there).map(|label| label.id).collect();
        if known.len() < self.label.len() {
            problems.push("A label to narrow the list by is no longer there.".to_owned());
        }
        known
    }

    /// What the list is narrowed by, each with the address of the list without it.
    pub fn chips(&self, ground: &Ground<'_>, query: &Query) -> Vec<Link> {
        let mut chips = Vec::new();
        let mut chip = |label: String, without: Self| {
            chips.push(Link::new(label, without.address(ground.place).url(), false));
        };
        if !query.search.is_empty() {
            chip(format!("“{}”", query.search), Self { q: String::new(), ..self.clone() });
        }
        if query.kind != Kind::All {
            let label = Kind::ALL.iter().find(|(kind, ..)| *kind == query.kind).map_or("", |(.., label)| label);
            chip(label.to_owned(), Self { kind: String::new(), ..self.clone() });
        }
        if !query.born.is_open() {
            let without = Self { born_from: String::new(), born_to: String::new(), ..self.clone() };
            chip(format!("Born {}", days_in_words(query.born)), without);
        }
        for key in &query.genders {
            let label = GENDERS.iter().find(|(known, _)| known == key).map_or("", |(_, label)| label);
            let gender = self.gender.iter().filter(|other| other != key).cloned().collect();
            chip(format!("Gender: {label}"), Self { gender, ..self.clone() });
        }
        for id in &query.labels {
            let text = ground.labels.iter().find(|label| label.id == *id).map_or("", |label| &label.text);
            let label = self.label.iter().filter(|other| **other != id.to_string()).cloned().collect();
            chip(format!("Label: {text}"), Self { label, ..self.clone() });
        }
        if !query.surgery.is_open() {
            let quick = QUICK.iter().find(|(key, _)| *key == self.surgery).map(|(_, label)| label.to_lowercase());
            let words = quick.unwrap_or_else(|| days_in_words(query.surgery));
            let (surgery, surgery_from, surgery_to) = Default::default();
            chip(format!("Surgery: {words}"), Self { surgery, surgery_from, surgery_to, ..self.clone() });
        }
        chips
    }
}

/// "1 May 1948", "1 May 1948 to 2 June 1950", "from …", "until …".
fn days_in_words(days: Days) -> String {
    let words = |day: Date| day.strftime("%-d %B %Y").to_string();
    match (days.first, days.last) {
        (Some(first), Some(last)) if first == last => words(first),
        (Some(first), Some(last)) => format!("{} to {}", words(first), words(last)),
        (Some(first), None) => format!("from {}", words(first)),
        (None, Some(last)) => format!("until {}", words(last)),
        (None, None) => String::new(),
    }
}
