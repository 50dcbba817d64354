//! The rows of entries, and of the newest entry of each module.

mod one_patient;
mod review;
mod search;

pub(super) use one_patient::{between, followed_once, newest_of_each, page};
pub(super) use review::{count_unreviewed, mark_reviewed, oldest_unreviewed, serious_among, unreviewed_by_module};
pub use search::ReadingSearch;
pub(super) use search::{In, find, patient_of, search};

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set,
    sea_query::{Expr, OnConflict},
};

use super::{Latest, Measured, Module, NewReading, Reading, Severity};
use crate::{
    access::{Granted, Visible},
    db::{CHUNK, Tx},
    types::{AccountId, DeploymentId, PatientId, ReadingId, Timestamp},
};

pub(super) mod reading {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, NoteId, PatientId, ReadingId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "readings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ReadingId,
        pub patient_id: PatientId,
        pub deployment_id: DeploymentId,
        pub module: String,
        pub value: Option<f64>,
        pub second: Option<f64>,
        pub text: String,
        pub severity: String,
        pub at: Timestamp,
        pub entered_at: Timestamp,
        pub entered_by: Option<AccountId>,
        pub identifier: Option<String>,
        pub note_id: Option<NoteId>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod latest {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "latest_readings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub module: String,
        pub deployment_id: DeploymentId,
        pub value: Option<f64>,
        pub second: Option<f64>,
        pub text: String,
        pub severity: String,
        pub at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl reading::Model {
    /// An entry of a module that this program does not know any more is left out.
    fn into_reading(self) -> Option<Reading> {
        Some(Reading {
            id: self.id,
            patient: self.patient_id,
            module: Module::find(&self.module)?,
            measured: Measured { value: self.value, second: self.second, text: self.text },
            severity: Severity::from_key(&self.severity),
            at: self.at,
            entered_at: self.entered_at,
            entered_by: self.entered_by,
            identifier: self.identifier,
            reviewed: self.note_id.is_some(),
        })
    }
}

/// Which of these identifiers of senders are entered already: the entry, and whose it is.
pub(super) async fn known_identifiers(
    tx: &Tx,
    deployment: DeploymentId,
    identifiers: &[String],
) -> Result<HashMap<String, (ReadingId, PatientId)>, DbErr> {
    let mut known = HashMap::new();
    for chunk in identifiers.chunks(CHUNK) {
        let rows = reading::Entity::find()
            .filter(reading::Column::DeploymentId.eq(deployment))
            .filter(reading::Column::Identifier.is_in(chunk))
            .all(tx)
            .await?;
        known.extend(rows.into_iter().filter_map(|row| Some((row.identifier?, (row.id, row.patient_id)))));
    }
    Ok(known)
}

/// Writes entries that were judged, and the newest of each patient and module.
pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    judged: Vec<(ReadingId, NewReading, Severity)>,
    by: Option<AccountId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    let mut newest: BTreeMap<(PatientId, &str), (&NewReading, Severity)> = BTreeMap::new();
    for (_, new, severity) in &judged {
        let place = newest.entry((new.patient, new.module.key)).or_insert((new, *severity));
        if new.at >= place.0.at {
            *place = (new, *severity);
        }
    }
    let latest_rows: Vec<_> = newest
        .into_values()
        .map(|(new, severity)| latest::ActiveModel {
            patient_id: Set(new.patient),
            module: Set(new.module.key.to_owned()),
            deployment_id: Set(deployment),
            value: Set(new.measured.value),
            second: Set(new.measured.second),
            text: Set(new.measured.text.clone()),
            severity: Set(severity.key().to_owned()),
            at: Set(new.at),
        })
        .collect();
    let rows: Vec<_> = judged
        .into_iter()
        .map(|(id, new, severity)| reading::ActiveModel {
            id: Set(id),
            patient_id: Set(new.patient),
            deployment_id: Set(deployment),
            module: Set(new.module.key.to_owned()),
            value: Set(new.measured.value),
            second: Set(new.measured.second),
            text: Set(new.measured.text),
            severity: Set(severity.key().to_owned()),
            at: Set(new.at),
            entered_at: Set(now),
            entered_by: Set(by),
            identifier: Set(new.identifier),
            note_id: Set(None),
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        reading::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    for chunk in latest_rows.chunks(CHUNK) {
        latest::Entity::insert_many(chunk.to_vec()).on_conflict(if_newer()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// An entry that arrives late does not replace a newer one.
fn if_newer() -> OnConflict {
    use latest::Column as L;
    OnConflict::columns([L::PatientId, L::Module])
        .update_columns([L::Value, L::Second, L::Text, L::Severity, L::At])
        .action_and_where(Expr::cust("excluded.at >= latest_readings.at"))
        .to_owned()
}

/// The newest entries of these patients.
pub(super) async fn latest_of(
    db: &impl ConnectionTrait,
    visible: &Visible,
    ids: Vec<PatientId>,
) -> Result<HashMap<PatientId, Vec<Latest>>, DbErr> {
    let Some(deployment) = visible.scope().deployment else { return Ok(HashMap::new()) };
    let rows = latest::Entity::find()
        .filter(latest::Column::DeploymentId.eq(deployment))
        .filter(latest::Column::PatientId.is_in(ids))
        .all(db)
        .await?;
    let mut latest: HashMap<PatientId, Vec<Latest>> = HashMap::new();
    for row in rows {
        let Some(module) = Module::find(&row.module) else { continue };
        let measured = Measured { value: row.value, second: row.second, text: row.text };
        let severity = Severity::from_key(&row.severity);
        latest.entry(row.patient_id).or_default().push(Latest { module, measured, severity, at: row.at });
    }
    Ok(latest)
}
