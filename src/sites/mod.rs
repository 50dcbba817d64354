//! Organisations and their deployments.

pub mod actions;
pub mod api;
pub mod pages;
pub mod settings;
mod store;

use std::collections::HashMap;

use crate::{
    access::Scope,
    types::{DeploymentId, OrganisationId, Timestamp},
};

pub use settings::SecondFactorFor;

/// The tenant, with what it has chosen for itself.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// Its name.
    pub name: String,
    /// The IANA time zone in which mails and pages give times.
    pub time_zone: String,
    /// Domains that its staff's addresses usually have; lower-case ASCII.
    pub usual_domains: Vec<String>,
    /// Whether **Copy link** stays although a mail server is configured.
    pub allow_copy_link: bool,
    /// Whether inviting asks for a reason or a ticket.
    pub require_reason: bool,
    /// Whether and when those who have not answered are reminded.
    pub reminders: Reminders,
    /// Whether the window of a link counts working days and ends with one.
    pub count_working_days: bool,
    /// Whether invitations to roles that manage access wait for a second manager.
    pub second_look: bool,
    /// Who must have a second factor.
    pub second_factor: SecondFactorFor,
    /// Raised at each change of what it has chosen.
    pub revision: i64,
}

/// Whether and when invited people who have not answered are reminded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reminders {
    /// Nobody is.
    #[default]
    Off,
    /// A day before the link ends.
    DayBefore,
    /// On the last working day before the link ends, from nine in the morning.
    WorkingDays,
}

impl Reminders {
    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::DayBefore => "day_before",
            Self::WorkingDays => "working_days",
        }
    }

    /// The value of a stored word; what this program does not know reminds nobody.
    pub fn from_key(key: &str) -> Self {
        match key {
            "day_before" => Self::DayBefore,
            "working_days" => Self::WorkingDays,
            _ => Self::Off,
        }
    }
}

/// One patient programme inside an organisation.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its id.
    pub id: DeploymentId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// Its name.
    pub name: String,
}

/// A scope with the names that people know it by.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where.
    pub scope: Scope,
    /// The organisation.
    pub organisation: Organisation,
    /// The deployment, if the scope is one.
    pub deployment: Option<Deployment>,
}

impl Place {
    /// The narrowest name: the deployment's, or the organisation's.
    pub fn name(&self) -> &str {
        self.deployment.as_ref().map_or(&self.organisation.name, |deployment| &deployment.name)
    }

    /// "Cardiology, Northfield Hospital", or the organisation alone.
    pub fn full_name(&self) -> String {
        match &self.deployment {
            Some(deployment) => format!("{}, {}", deployment.name, self.organisation.name),
            None => self.organisation.name.clone(),
        }
    }

    /// The organisation's time zone; UTC when its name is not known here.
    pub fn time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.organisation.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The last second of a day (`2026-12-31`) in the organisation's zone: whoever says "until the 31st" means all of it.
    pub fn last_moment_of(&self, day: &str) -> Option<Timestamp> {
        let day: jiff::civil::Date = day.trim().parse().ok()?;
        let next = day.tomorrow().ok()?.to_zoned_datetime(self.time_zone()).ok()?;
        Some(Timestamp(next.timestamp().as_millisecond() - 1000))
    }

    /// The first moment of a day (`2026-12-31`) of the organisation's own calendar.
    pub fn first_moment_of(&self, day: &str) -> Option<Timestamp> {
        let day: jiff::civil::Date = day.trim().parse().ok()?;
        Some(Timestamp(day.to_zoned_datetime(self.time_zone()).ok()?.timestamp().as_millisecond()))
    }

    /// A beginning as programs write it: an instant (RFC 3339), or a day from its first moment on.
    pub fn parse_start(&self, text: &str) -> Option<Timestamp> {
        let instant: Option<jiff::Timestamp> = text.trim().parse().ok();
        instant.map(|at| Timestamp(at.as_millisecond())).or_else(|| self.first_moment_of(text))
    }

    /// A moment as programs write it: an instant (RFC 3339), or a day and time of the organisation's own clock.
    pub fn parse_moment(&self, text: &str) -> Option<Timestamp> {
        if let Ok(instant) = text.trim().parse::<jiff::Timestamp>() {
            return Some(Timestamp(instant.as_millisecond()));
        }
        let local: jiff::civil::DateTime = text.trim().parse().ok().filter(|_| text.contains(['T', ' ']))?;
        let at = local.to_zoned_datetime(self.time_zone()).ok()?;
        Some(Timestamp(at.timestamp().as_millisecond()))
    }

    /// An end as programs write it: an instant (RFC 3339), or a day that counts whole.
    pub fn parse_end(&self, text: &str) -> Option<Timestamp> {
        let instant: Option<jiff::Timestamp> = text.trim().parse().ok();
        instant.map(|at| Timestamp(at.as_millisecond())).or_else(|| self.last_moment_of(text))
    }
}

/// Where somebody works or is invited to, in a word for lists: a deployment's name, or the whole organisation.
pub fn level(names: &HashMap<DeploymentId, String>, deployment: Option<DeploymentId>) -> String {
    let Some(id) = deployment else { return "Whole organisation".to_owned() };
    names.get(&id).cloned().unwrap_or_default()
}

/// A deployment with its totals, for the list at organisation level.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Monitored patients.
    pub patients: u64,
    /// Live memberships of the deployment.
    pub staff: u64,
    /// Open invitations to it.
    pub pending: u64,
    /// Patients with a red flag.
    pub red: u64,
    /// Patients with an amber flag and no red one.
    pub amber: u64,
}
