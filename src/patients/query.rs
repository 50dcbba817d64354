//! Which patients to list, and in which order.

use jiff::civil::Date;

use crate::{
    readings::Module,
    types::{AccountId, Cursor, LabelId, Timestamp},
};

/// Patient type: one of these at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Everybody.
    #[default]
    All,
    /// Those whose clinician the reader is.
    Mine,
    /// Those who sent something in within [`ACTIVE_DAYS`].
    Active,
    /// Those who are no longer monitored.
    Offboarded,
}

/// How recent the newest entry of an active patient is.
pub const ACTIVE_DAYS: i64 = 30;

impl Kind {
    /// Each with its word in addresses and its name on screen.
    pub const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::All, "", "All patients"),
        (Self::Mine, "mine", "My patients"),
        (Self::Active, "active", "Active in the last 30 days"),
        (Self::Offboarded, "offboarded", "Offboarded patients"),
    ];

    /// The value of a word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(kind, ..)| *kind)
    }
}

/// The days from the first to the last, both included; an open end has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Days {
    /// Not before.
    pub first: Option<Date>,
    /// Not after.
    pub last: Option<Date>,
}

impl Days {
    /// Whether they narrow nothing.
    pub const fn is_open(&self) -> bool {
        self.first.is_none() && self.last.is_none()
    }
}

/// Which patients to list. What is empty does not narrow.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words of the number or the name.
    pub search: String,
    /// The patient type.
    pub kind: Kind,
    /// Born then; only for those who may see birth dates.
    pub born: Days,
    /// `female`, `male`, or `other`, which means everything else.
    pub genders: Vec<&'static str>,
    /// With one of these labels.
    pub labels: Vec<LabelId>,
    /// With surgery then.
    pub surgery: Days,
    /// By whose newest value; none for the order of the flags.
    pub sort: Option<&'static Module>,
    /// Whether the greatest value comes first.
    pub descending: bool,
    /// Where the page starts.
    pub from: Option<Cursor>,
}

impl Query {
    /// Whether anything narrows the list, so that fewer than all patients are shown.
    pub fn narrows(&self) -> bool {
        let all = Self::default();
        !self.search.trim().is_empty()
            || self.kind != all.kind
            || self.born != all.born
            || self.surgery != all.surgery
            || !self.genders.is_empty()
            || !self.labels.is_empty()
    }
}

/// Through whose eyes the list is read.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// Whose patients **My patients** are.
    pub account: AccountId,
    /// Whether names are read, names searched, and birth dates compared: never for others.
    pub identifiers: bool,
    /// When.
    pub now: Timestamp,
}

/// Where a page starts, in the order that is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Among those ordered by their flags: monitored, red, amber, grey.
    Flags([i64; 4]),
    /// Among those ordered by a value.
    Value(f64),
}

impl Query {
    /// Where the page starts; none for a place that this order does not have, such as one of another order.
    pub fn start(&self) -> Option<Start> {
        let text = &self.from.as_ref()?.value;
        if let Some(value) = text.strip_prefix('v') {
            let value: f64 = value.parse().ok()?;
            return (self.sort.is_some() && value.is_finite()).then_some(Start::Value(value));
        }
        let counts: Vec<i64> = text.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        counts.try_into().ok().map(Start::Flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PatientId;

    #[test]
    fn a_place_of_another_order_is_none() {
        let at = |text: &str, sort| {
            let from = Cursor::new(text, PatientId::from_uuid(uuid::Uuid::from_u128(1)), false);
            Query { sort, from: Some(from), ..Query::default() }.start()
        };
        let weight = Module::find("weight");
        assert_eq!(at("1.2.3.4", None), Some(Start::Flags([1, 2, 3, 4])));
        assert_eq!(at("1.2.3.4", weight), Some(Start::Flags([1, 2, 3, 4])));
        assert_eq!(at("v72.5", weight), Some(Start::Value(72.5)));
        for bad in ["v72.5", "1.2.3", "1.2.3.4.5", "", "v", "vNaN", "a.b.c.d"] {
            assert_eq!(at(bad, None), None, "{bad}");
        }
        assert_eq!(at("vinf", weight), None);
    }
}
