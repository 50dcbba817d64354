//! The rows of the access log: read for sealing, for verifying, and for showing. Nothing here changes an event or a seal.

pub mod list;
pub(super) mod names;
pub(super) mod seal;
pub mod seen;
pub mod sightings;
pub(super) mod walk;

use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use super::chain::Sealed;

/// An event as it stands in the table.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The organisation.
    pub organisation: Option<Uuid>,
    /// The deployment.
    pub deployment: Option<Uuid>,
    /// The account that acted.
    pub actor_id: Option<Uuid>,
    /// By which way, or `visitor` or `portal`.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// From where.
    pub origin: String,
    /// The rest, as JSON.
    pub detail: String,
}

impl Stored {
    /// The columns that [`Stored::read`] expects, of the table that is called `e`, except the id.
    pub(super) const COLUMNS: &str = "e.at, e.organisation_id, e.deployment_id, e.actor_id, e.actor, e.action, e.subject, e.outcome, e.origin, e.detail";

    /// From the columns that begin at `first`. By number, because looking up ten names for each of ten million rows takes longer
    /// than the hash.
    pub(super) fn read(row: &QueryResult, id: Uuid, first: usize) -> Result<Self, DbErr> {
        Ok(Self {
            id,
            at: row.try_get_by_index(first)?,
            organisation: row.try_get_by_index(first + 1)?,
            deployment: row.try_get_by_index(first + 2)?,
            actor_id: row.try_get_by_index(first + 3)?,
            actor: row.try_get_by_index(first + 4)?,
            action: row.try_get_by_index(first + 5)?,
            subject: row.try_get_by_index(first + 6)?,
            outcome: row.try_get_by_index(first + 7)?,
            origin: row.try_get_by_index(first + 8)?,
            detail: row.try_get_by_index(first + 9)?,
        })
    }

    /// As it is hashed at this place of the chain.
    pub fn sealed(&self, seq: i64, sealed_at: i64) -> Sealed<'_> {
        Sealed {
            seq,
            sealed_at,
            id: self.id,
            at: self.at,
            organisation: self.organisation,
            deployment: self.deployment,
            actor_id: self.actor_id,
            texts: [&self.actor, &self.action, &self.subject, &self.outcome, &self.origin, &self.detail],
        }
    }
}
