//! The rows of patients and of the words by which they are found.

mod alike;
mod change;
mod clinicians;
mod label_book;
mod labels;
mod list;
mod search;

pub(super) use alike::{numbered, persons, with_words};
pub(super) use change::{Kept, NewProfile, among, kept, set_monitored, write_profile};
pub(super) use clinicians::{change_clinicians, clinicians_now, clinicians_of};
pub(super) use label_book::{
    all_labels, count_labels, delete_label, find_by_text, insert_label, label_uses, labels_among, labels_now,
    put_labels, rename_label,
};
pub(super) use labels::{labels_of, set_labels};
pub use list::{Part, list_statement};
pub(super) use list::{list, names};
pub use search::PatientSearch;
pub(super) use search::search;

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, Set, Statement,
};

use super::{Flags, Identity, NewPatient, Patient, words_of};
use crate::{
    access::{Granted, OnePatient, Scope},
    db::{CHUNK, Tx},
    readings::actions::NewEntries,
    types::{PatientId, Timestamp},
};

pub(super) mod patient {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, OrganisationId, PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "patients")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: PatientId,
        pub organisation_id: OrganisationId,
        pub deployment_id: DeploymentId,
        pub number: String,
        pub number_key: String,
        pub name: String,
        pub name_key: String,
        pub email: String,
        pub phone: String,
        pub born_on: String,
        pub gender: String,
        pub surgery_on: String,
        pub monitored: i64,
        pub red: i64,
        pub amber: i64,
        pub grey: i64,
        pub last_entry_at: Option<Timestamp>,
        pub offboarded_at: Option<Timestamp>,
        pub offboarding_reason: String,
        pub link_generation: i64,
        pub revision: i64,
        pub created_at: Timestamp,
        pub changed_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod word {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, PatientId};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "patient_words")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub deployment_id: DeploymentId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub identifying: bool,
        #[sea_orm(primary_key, auto_increment = false)]
        pub word: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// Writes patients and the words that find them; labels are set apart.
pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    patients: &[(PatientId, NewPatient)],
    now: Timestamp,
) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    let rows: Vec<_> = patients
        .iter()
        .map(|(id, new)| patient::ActiveModel {
            id: Set(*id),
            organisation_id: Set(granted.scope().organisation),
            deployment_id: Set(deployment),
            number: Set(new.number.clone()),
            number_key: Set(new.number.to_lowercase()),
            name: Set(new.identity.name.clone()),
            name_key: Set(new.identity.name.to_lowercase()),
            email: Set(new.identity.email.clone()),
            phone: Set(new.identity.phone.clone()),
            born_on: Set(new.identity.born_on.clone()),
            gender: Set(new.gender.clone()),
            surgery_on: Set(new.surgery_on.clone()),
            monitored: Set(1),
            red: Set(0),
            amber: Set(0),
            grey: Set(0),
            last_entry_at: Set(None),
            offboarded_at: Set(None),
            offboarding_reason: Set(String::new()),
            link_generation: Set(1),
            revision: Set(1),
            created_at: Set(now),
            changed_at: Set(now),
        })
        .collect();
    for chunk in rows.chunks(CHUNK) {
        patient::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    let mut words = Vec::new();
    for (id, new) in patients {
        for (identifying, text) in [(false, &new.number), (true, &new.identity.name)] {
            words.extend(words_of(text).into_iter().map(|found_by| word::ActiveModel {
                deployment_id: Set(deployment),
                identifying: Set(identifying),
                word: Set(found_by),
                patient_id: Set(*id),
            }));
        }
    }
    for chunk in words.chunks(CHUNK) {
        word::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Which of these numbers are taken in the deployment.
pub(super) async fn taken_numbers(tx: &Tx, granted: &Granted, numbers: &[String]) -> Result<Vec<String>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(Vec::new()) };
    let mut taken = Vec::new();
    for chunk in numbers.chunks(CHUNK) {
        let rows = patient::Entity::find()
            .select_only()
            .column(patient::Column::Number)
            .filter(patient::Column::DeploymentId.eq(deployment))
            .filter(patient::Column::NumberKey.is_in(chunk.iter().map(|number| number.to_lowercase())))
            .into_tuple::<String>()
            .all(tx)
            .await?;
        taken.extend(rows);
    }
    Ok(taken)
}

/// How many of these are patients of the deployment.
pub(super) async fn count_of(tx: &Tx, granted: &Granted, ids: &[PatientId]) -> Result<u64, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(0) };
    let mut found = 0;
    for chunk in ids.chunks(CHUNK) {
        let here = patient::Entity::find().filter(patient::Column::DeploymentId.eq(deployment));
        found += here.filter(patient::Column::Id.is_in(chunk.iter().copied())).count(tx).await?;
    }
    Ok(found)
}

/// The patients of the deployment who have these numbers, by lower-case number.
pub(super) async fn by_numbers(
    tx: &Tx,
    granted: &Granted,
    numbers: &[String],
) -> Result<HashMap<String, PatientId>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(HashMap::new()) };
    let mut found = HashMap::new();
    for chunk in numbers.chunks(CHUNK) {
        let rows = patient::Entity::find()
            .select_only()
            .columns([patient::Column::NumberKey, patient::Column::Id])
            .filter(patient::Column::DeploymentId.eq(deployment))
            .filter(patient::Column::NumberKey.is_in(chunk.iter().map(|number| number.to_lowercase())))
            .into_tuple::<(String, PatientId)>()
            .all(tx)
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// Raises the flags of patients of the deployment by what was entered; gives how many of them are patients there.
pub(super) async fn count_entries(
    tx: &Tx,
    granted: &Granted,
    counts: &BTreeMap<PatientId, NewEntries>,
) -> Result<u64, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(0) };
    let mut found = 0;
    for (patient, count) in counts {
        let done = tx
            .execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                "UPDATE patients SET red = red + $3, amber = amber + $4, grey = grey + $5, \
                    last_entry_at = CASE WHEN last_entry_at > $6 THEN last_entry_at ELSE $6 END \
                 WHERE id = $1 AND deployment_id = $2",
                [
                    (*patient).into(),
                    deployment.into(),
                    count.red.into(),
                    count.amber.into(),
                    count.grey.into(),
                    count.newest.into(),
                ],
            ))
            .await?;
        found += done.rows_affected();
    }
    Ok(found)
}

/// Sets the flags of a patient of the deployment.
pub(super) async fn set_flags(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    left: crate::readings::Unreviewed,
) -> Result<(), DbErr> {
    let values =
        [patient.into(), granted.scope().deployment.into(), left.red.into(), left.amber.into(), left.grey.into()];
    let sql = "UPDATE patients SET red = $3, amber = $4, grey = $5 WHERE id = $1 AND deployment_id = $2";
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// The patient that may be seen; their identifiers only where the proof says so.
pub(super) async fn find(db: &impl ConnectionTrait, one: &OnePatient) -> Result<Option<Patient>, DbErr> {
    use patient::Column as C;
    let mut asked = patient::Entity::find()
        .select_only()
        .columns([C::Number, C::Gender, C::SurgeryOn, C::Monitored, C::Red, C::Amber, C::Grey, C::LastEntryAt])
        .columns([C::OffboardedAt, C::OffboardingReason, C::Revision, C::ChangedAt])
        .filter(C::Id.eq(one.patient()));
    if one.identifiers() {
        asked = asked.columns([C::Name, C::Email, C::Phone, C::BornOn]);
    }
    let Some(row) = asked.into_model::<FoundPatient>().one(db).await? else { return Ok(None) };
    let mut labels = labels_of(db, vec![one.patient()]).await?;
    Ok(Some(row.into_patient(one.patient(), one.scope(), labels.remove(&one.patient()).unwrap_or_default())))
}

#[derive(sea_orm::FromQueryResult)]
struct FoundPatient {
    number: String,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    born_on: Option<String>,
    gender: String,
    surgery_on: String,
    monitored: i64,
    red: i64,
    amber: i64,
    grey: i64,
    last_entry_at: Option<Timestamp>,
    offboarded_at: Option<Timestamp>,
    offboarding_reason: String,
    revision: i64,
    changed_at: Timestamp,
}

impl FoundPatient {
    fn into_patient(self, id: PatientId, scope: Scope, labels: Vec<super::Label>) -> Patient {
        let rest = (self.email.unwrap_or_default(), self.phone.unwrap_or_default(), self.born_on.unwrap_or_default());
        let (email, phone, born_on) = rest;
        Patient {
            id,
            scope,
            number: self.number,
            identity: self.name.map(|name| Identity { name, email, phone, born_on }),
            gender: self.gender,
            surgery_on: self.surgery_on,
            monitored: self.monitored == 1,
            offboarded: self.offboarded_at.map(|at| (at, self.offboarding_reason)),
            flags: Flags { red: unsigned(self.red), amber: unsigned(self.amber), grey: unsigned(self.grey) },
            labels,
            last_entry_at: self.last_entry_at,
            revision: self.revision,
            changed_at: self.changed_at,
        }
    }
}
