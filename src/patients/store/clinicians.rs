//! Which clinicians patients have.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, Set};

use crate::{
    access::{Granted, OnePatient},
    db::Tx,
    types::{AccountId, PatientId, Timestamp},
};

mod clinician {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "patient_clinicians")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub account_id: AccountId,
        pub deployment_id: DeploymentId,
        pub assigned_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

async fn of(db: &impl ConnectionTrait, patient: PatientId) -> Result<Vec<AccountId>, DbErr> {
    clinician::Entity::find()
        .select_only()
        .column(clinician::Column::AccountId)
        .filter(clinician::Column::PatientId.eq(patient))
        .into_tuple()
        .all(db)
        .await
}

/// The clinicians of a patient who may be seen.
pub(in crate::patients) async fn clinicians_of(
    db: &impl ConnectionTrait,
    one: &OnePatient,
) -> Result<Vec<AccountId>, DbErr> {
    of(db, one.patient()).await
}

/// The same inside an operation.
pub(in crate::patients) async fn clinicians_now(tx: &Tx, patient: PatientId) -> Result<Vec<AccountId>, DbErr> {
    of(tx, patient).await
}

/// Adds and removes clinicians of a patient of the deployment, found before.
pub(in crate::patients) async fn change_clinicians(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    (added, removed): (&[AccountId], &[AccountId]),
    now: Timestamp,
) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    if !removed.is_empty() {
        clinician::Entity::delete_many()
            .filter(clinician::Column::PatientId.eq(patient))
            .filter(clinician::Column::AccountId.is_in(removed.iter().copied()))
            .exec(tx)
            .await?;
    }
    if !added.is_empty() {
        let rows = added.iter().map(|account| clinician::ActiveModel {
            patient_id: Set(patient),
            account_id: Set(*account),
            deployment_id: Set(deployment),
            assigned_at: Set(now),
        });
        clinician::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}
