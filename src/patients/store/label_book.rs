//! The labels of a deployment, and giving them to patients by their ids.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, Set, Statement,
    sea_query::Expr,
};

use super::labels::{label, labels_of, patient_label};
use crate::{
    access::Granted,
    db::{CHUNK, Tx},
    patients::Label,
    types::{DeploymentId, LabelId, PatientId, Timestamp},
};

fn to_label(row: label::Model) -> Label {
    Label { id: row.id, text: row.text }
}

/// Every label of a deployment, by its text.
pub(in crate::patients) async fn all_labels(
    db: &impl ConnectionTrait,
    deployment: DeploymentId,
) -> Result<Vec<Label>, DbErr> {
    let rows = label::Entity::find()
        .filter(label::Column::DeploymentId.eq(deployment))
        .order_by_asc(label::Column::TextKey)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(to_label).collect())
}

/// How many patients have each label of a deployment.
pub(in crate::patients) async fn label_uses(
    db: &impl ConnectionTrait,
    deployment: DeploymentId,
) -> Result<HashMap<LabelId, u64>, DbErr> {
    let rows = db
        .query_all_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT l.id, (SELECT COUNT(*) FROM patient_labels pl WHERE pl.label_id = l.id) AS uses FROM labels l \
             WHERE l.deployment_id = $1",
            [deployment.into()],
        ))
        .await?;
    rows.iter().map(|row| Ok((row.try_get("", "id")?, super::unsigned(row.try_get("", "uses")?)))).collect()
}

/// The label of the deployment with this text, whatever its case.
pub(in crate::patients) async fn find_by_text(tx: &Tx, granted: &Granted, text: &str) -> Result<Option<Label>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(None) };
    let found = label::Entity::find()
        .filter(label::Column::DeploymentId.eq(deployment))
        .filter(label::Column::TextKey.eq(text.to_lowercase()))
        .one(tx)
        .await?;
    Ok(found.map(to_label))
}

/// Those of these labels that the deployment has.
pub(in crate::patients) async fn labels_among(
    tx: &Tx,
    granted: &Granted,
    ids: &[LabelId],
) -> Result<Vec<Label>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(Vec::new()) };
    let rows = label::Entity::find()
        .filter(label::Column::DeploymentId.eq(deployment))
        .filter(label::Column::Id.is_in(ids.iter().copied()))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(to_label).collect())
}

/// How many labels a deployment has.
pub(in crate::patients) async fn count_labels(tx: &Tx, granted: &Granted) -> Result<u64, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(0) };
    label::Entity::find().filter(label::Column::DeploymentId.eq(deployment)).count(tx).await
}

/// Makes a label.
pub(in crate::patients) async fn insert_label(
    tx: &Tx,
    granted: &Granted,
    new: &Label,
    now: Timestamp,
) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    let row = label::ActiveModel {
        id: Set(new.id),
        deployment_id: Set(deployment),
        text: Set(new.text.clone()),
        text_key: Set(new.text.to_lowercase()),
        created_at: Set(now),
    };
    label::Entity::insert(row).exec_without_returning(tx).await?;
    Ok(())
}

/// Gives a label another text, for every patient who has it.
pub(in crate::patients) async fn rename_label(
    tx: &Tx,
    granted: &Granted,
    id: LabelId,
    text: &str,
) -> Result<(), DbErr> {
    label::Entity::update_many()
        .col_expr(label::Column::Text, Expr::value(text))
        .col_expr(label::Column::TextKey, Expr::value(text.to_lowercase()))
        .filter(label::Column::Id.eq(id))
        .filter(label::Column::DeploymentId.eq(granted.scope().id()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Deletes a label of the deployment, found before; whoever had it gets `instead`, if there is one and they do not have it already.
/// Gives how many had it.
pub(in crate::patients) async fn delete_label(
    tx: &Tx,
    _: &Granted,
    id: LabelId,
    instead: Option<LabelId>,
) -> Result<u64, DbErr> {
    let mut had = 0;
    if let Some(instead) = instead {
        let moved = tx
            .execute_raw(Statement::from_sql_and_values(
                tx.get_database_backend(),
                "UPDATE patient_labels SET label_id = $2 WHERE label_id = $1 \
                 AND NOT EXISTS (SELECT 1 FROM patient_labels o WHERE o.patient_id = patient_labels.patient_id AND o.label_id = $2)",
                [id.into(), instead.into()],
            ))
            .await?;
        had += moved.rows_affected();
    }
    let gone = patient_label::Entity::delete_many().filter(patient_label::Column::LabelId.eq(id)).exec(tx).await?;
    had += gone.rows_affected;
    label::Entity::delete_by_id(id).exec(tx).await?;
    Ok(had)
}

/// Gives patients, found before, exactly these labels in this order.
pub(in crate::patients) async fn put_labels(
    tx: &Tx,
    _: &Granted,
    wanted: &[(PatientId, Vec<LabelId>)],
) -> Result<(), DbErr> {
    let mut rows = Vec::new();
    for (patient, labels) in wanted {
        rows.extend((0..).zip(labels).map(|(position, label)| patient_label::ActiveModel {
            patient_id: Set(*patient),
            label_id: Set(*label),
            position: Set(position),
        }));
    }
    for chunk in wanted.chunks(CHUNK) {
        let patients = chunk.iter().map(|(patient, _)| *patient);
        patient_label::Entity::delete_many().filter(patient_label::Column::PatientId.is_in(patients)).exec(tx).await?;
    }
    for chunk in rows.chunks(CHUNK) {
        patient_label::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// The labels of patients, inside an operation.
pub(in crate::patients) async fn labels_now(
    tx: &Tx,
    patients: &[PatientId],
) -> Result<HashMap<PatientId, Vec<Label>>, DbErr> {
    labels_of(tx, patients.to_vec()).await
}
