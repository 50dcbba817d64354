//! Pages of what one patient has sent in: the Patient Dashboard, a module with its chart and table, and entering by hand.

mod chart;
mod dashboard;
mod enter;
mod module;
pub mod shown;

use std::collections::{HashMap, hash_map::Entry};

use axum::{Router, routing::get};
use jiff::tz::TimeZone;

use self::shown::Shown;
use super::{Reading, Severity};
use crate::{
    error::Result,
    identity::{self, Units},
    portal::Portal,
    types::{AccountId, Timestamp},
    web::When,
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/patients/{patient}", get(dashboard::show))
        .route("/{scope}/patients/{patient}/readings/new", get(enter::show).post(enter::submit))
        .route("/{scope}/patients/{patient}/readings/{module}", get(module::show))
}

/// An entry as a template shows it: `ui::measure` in `patients/_pieces.html`.
pub struct Line {
    /// Without its unit.
    pub value: String,
    /// In the person's choice.
    pub unit: &'static str,
    /// Which icon and colour.
    pub severity: &'static str,
    /// The word beside them.
    pub word: &'static str,
    /// When it was measured.
    pub when: When,
    /// Whether a note has reviewed it.
    pub reviewed: bool,
    /// Who entered it.
    pub by: String,
}

/// What lines are made with: who looks, when and where.
pub struct Eyes {
    /// The person's units.
    pub units: Units,
    /// This moment.
    pub now: Timestamp,
    /// The organisation's zone.
    pub zone: TimeZone,
    /// Names of those who entered something.
    pub names: HashMap<AccountId, String>,
}

impl Eyes {
    /// The eyes of this account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(portal: &Portal, account: AccountId, zone: TimeZone) -> Result<Self> {
        let units = identity::actions::units_of(portal, account).await?;
        Ok(Self { units, now: portal.now(), zone, names: HashMap::new() })
    }

    /// Looks up the names of those who entered these.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn learn_names(&mut self, portal: &Portal, readings: &[Reading]) -> Result<()> {
        for account in readings.iter().filter_map(|reading| reading.entered_by) {
            if let Entry::Vacant(place) = self.names.entry(account) {
                place.insert(identity::actions::name_of(portal.db.reader(), account).await?);
            }
        }
        Ok(())
    }

    /// An entry in the person's units.
    pub fn line(&self, reading: &Reading) -> Line {
        let (value, unit) = Shown::new(reading.module, &self.units).value(&reading.measured);
        let by = reading.entered_by.map_or("Sent in", |by| self.names.get(&by).map_or("Staff", String::as_str));
        Line {
            value,
            unit,
            severity: reading.severity.key(),
            word: reading.severity.label(),
            when: When::new(reading.at, self.now, &self.zone),
            reviewed: reading.reviewed,
            by: by.to_owned(),
        }
    }
}

/// A severity inside a sentence.
const fn spoken(severity: Severity) -> &'static str {
    match severity {
        Severity::Red => "red",
        Severity::Amber => "amber",
        Severity::Green => "in range",
        Severity::None => "without threshold",
    }
}
