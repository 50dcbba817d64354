//! The rows of labels, and which patient has which.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set, Statement};

use crate::{
    access::Granted,
    db::{CHUNK, Tx, placeholders},
    patients::Label,
    types::{LabelId, PatientId, Timestamp},
};

pub(in crate::patients) mod label {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, LabelId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: LabelId,
        pub deployment_id: DeploymentId,
        pub text: String,
        pub text_key: String,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod patient_label {
    use sea_orm::entity::prelude::*;

    use crate::types::{LabelId, PatientId};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "patient_labels")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub label_id: LabelId,
        pub position: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The labels of these patients, each in the patient's order.
pub(in crate::patients) async fn labels_of(
    db: &impl ConnectionTrait,
    patients: Vec<PatientId>,
) -> Result<HashMap<PatientId, Vec<Label>>, DbErr> {
    if patients.is_empty() {
        return Ok(HashMap::new());
    }
    let marks = placeholders(1, patients.len());
    let sql = format!(
        "SELECT pl.patient_id, l.id, l.text FROM patient_labels pl JOIN labels l ON l.id = pl.label_id \
         WHERE pl.patient_id IN ({marks}) ORDER BY pl.patient_id, pl.position"
    );
    let values = patients.into_iter().map(Into::into).collect::<Vec<_>>();
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let mut labels: HashMap<PatientId, Vec<Label>> = HashMap::new();
    for row in rows {
        let label = Label { id: row.try_get("", "id")?, text: row.try_get("", "text")? };
        labels.entry(row.try_get("", "patient_id")?).or_default().push(label);
    }
    Ok(labels)
}

/// Gives patients of the deployment exactly these labels, in this order. Labels that do not exist yet are made; gives those.
pub(in crate::patients) async fn set_labels(
    tx: &Tx,
    granted: &Granted,
    wanted: &[(PatientId, Vec<String>)],
    mut new_id: impl FnMut() -> LabelId,
    now: Timestamp,
) -> Result<Vec<Label>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(Vec::new()) };
    let existing = label::Entity::find().filter(label::Column::DeploymentId.eq(deployment)).all(tx).await?;
    let mut by_key: BTreeMap<String, LabelId> = existing.into_iter().map(|row| (row.text_key, row.id)).collect();
    let mut made = Vec::new();
    for text in wanted.iter().flat_map(|(_, texts)| texts) {
        by_key.entry(text.to_lowercase()).or_insert_with(|| {
            let id = new_id();
            made.push(Label { id, text: text.clone() });
            id
        });
    }
    let rows = made.iter().map(|label| label::ActiveModel {
        id: Set(label.id),
        deployment_id: Set(deployment),
        text: Set(label.text.clone()),
        text_key: Set(label.text.to_lowercase()),
        created_at: Set(now),
    });
    if !made.is_empty() {
        label::Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    let mut given = Vec::new();
    for (patient, texts) in wanted {
        let ids = texts.iter().filter_map(|text| by_key.get(&text.to_lowercase()));
        for (position, id) in (0..).zip(ids) {
            given.push(patient_label::ActiveModel {
                patient_id: Set(*patient),
                label_id: Set(*id),
                position: Set(position),
            });
        }
    }
    for chunk in wanted.chunks(CHUNK) {
        let patients = chunk.iter().map(|(patient, _)| *patient);
        patient_label::Entity::delete_many().filter(patient_label::Column::PatientId.is_in(patients)).exec(tx).await?;
    }
    for chunk in given.chunks(CHUNK) {
        patient_label::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(made)
}
