//! Who was shown which patients. Every answer that shows something of a patient waits until this is durable; many such answers
//! share one commit (`gather.rs`), so that reading stays fast.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, Set};
use serde_json::json;

use crate::{
    access::{Origin, Scope},
    audit::{By, Event, insert_rows, row_of},
    db::CHUNK,
    types::{EmergencyId, EventId, PatientId, Timestamp},
};

mod seen_row {
    use sea_orm::entity::prelude::*;

    use crate::types::{EventId, PatientId};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "seen_patients")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub event_id: EventId,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Above this, an event tells how many patients were shown and not which; `seen_patients` holds all of them.
const NAMED: usize = 100;

/// Somebody was shown something of patients.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The event's id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: By,
    /// From where.
    pub origin: Origin,
    /// Where the patients are.
    pub scope: Scope,
    /// What kind of thing: `list`, `dashboard`, `notes`, `export`, …
    pub what: &'static str,
    /// Whose.
    pub patients: Vec<PatientId>,
    /// The emergency access by which it was seen.
    pub emergency: Option<EmergencyId>,
}

impl Sighting {
    /// One patient is the event's subject; of several, the place where they are.
    fn event(&self) -> Event {
        let several = self.patients.len() > 1;
        let named = several && self.patients.len() <= NAMED;
        let of = named.then(|| self.patients.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut detail = json!({
            "what": self.what, "patients": self.patients.len(), "of": of,
            "emergency": self.emergency.map(|emergency| emergency.to_string()),
        });
        if let Some(entries) = detail.as_object_mut() {
            entries.retain(|_, value| !value.is_null());
        }
        match self.patients.as_slice() {
            [one] => Event::done("patient.seen", one, self.scope, detail),
            _ => Event::done("patients.seen", self.scope, self.scope, detail),
        }
    }
}

/// Appends what was seen, by whomever, all in the caller's transaction.
///
/// # Errors
/// When the database fails; what was to be shown must not be shown then.
pub async fn append_sightings(db: &impl ConnectionTrait, sightings: Vec<Sighting>) -> Result<(), DbErr> {
    let seen = sightings.iter().flat_map(|sighting| {
        let event = sighting.id;
        sighting
            .patients
            .iter()
            .map(move |patient| seen_row::ActiveModel { patient_id: Set(*patient), event_id: Set(event) })
    });
    let seen: Vec<_> = seen.collect();
    let rows = sightings.iter().map(|one| row_of(one.id, one.event(), &one.by, &one.origin, one.at)).collect();
    insert_rows(db, rows).await?;
    for chunk in seen.chunks(CHUNK) {
        seen_row::Entity::insert_many(chunk.to_vec()).exec_without_returning(db).await?;
    }
    Ok(())
}
