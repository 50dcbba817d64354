//! Changing a patient of the deployment: what is kept of them, and whether they are monitored.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, QuerySelect, Set, Statement,
    sea_query::Expr,
};

use super::{patient, word};
use crate::{
    access::Granted,
    db::{CHUNK, Tx},
    patients::{Identity, words_of},
    types::{PatientId, Timestamp},
};

/// Of these, the patients of the deployment, each with its number.
pub(in crate::patients) async fn among(
    tx: &Tx,
    granted: &Granted,
    ids: &[PatientId],
) -> Result<Vec<(PatientId, String)>, DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(Vec::new()) };
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows = patient::Entity::find()
            .select_only()
            .columns([patient::Column::Id, patient::Column::Number])
            .filter(patient::Column::DeploymentId.eq(deployment))
            .filter(patient::Column::Id.is_in(chunk.iter().copied()))
            .into_tuple::<(PatientId, String)>()
            .all(tx)
            .await?;
        found.extend(rows);
    }
    Ok(found)
}

/// What a change of the profile is judged against.
#[derive(sea_orm::FromQueryResult)]
pub(in crate::patients) struct Kept {
    pub number: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    pub born_on: String,
    pub gender: String,
    pub surgery_on: String,
    pub revision: i64,
}

/// A patient of the deployment as they are kept. Identifiers too: only what is compared, never what is shown, is made of them.
pub(in crate::patients) async fn kept(tx: &Tx, granted: &Granted, id: PatientId) -> Result<Option<Kept>, DbErr> {
    patient::Entity::find()
        .filter(patient::Column::Id.eq(id))
        .filter(patient::Column::DeploymentId.eq(granted.scope().id()))
        .into_model::<Kept>()
        .one(tx)
        .await
}

/// What is written of a patient's profile; without an identity the identifiers stay as they are.
pub(in crate::patients) struct NewProfile<'a> {
    pub number: &'a str,
    pub identity: Option<&'a Identity>,
    pub gender: &'a str,
    pub surgery_on: &'a str,
}

/// Writes the profile of a patient, if it is still the revision that was seen; gives whether it was.
pub(in crate::patients) async fn write_profile(
    tx: &Tx,
    granted: &Granted,
    (id, revision): (PatientId, i64),
    new: &NewProfile<'_>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    use patient::Column as C;
    let mut update = patient::Entity::update_many()
        .col_expr(C::Number, Expr::value(new.number))
        .col_expr(C::NumberKey, Expr::value(new.number.to_lowercase()))
        .col_expr(C::Gender, Expr::value(new.gender))
        .col_expr(C::SurgeryOn, Expr::value(new.surgery_on));
    if let Some(identity) = new.identity {
        update = update
            .col_expr(C::Name, Expr::value(identity.name.as_str()))
            .col_expr(C::NameKey, Expr::value(identity.name.to_lowercase()))
            .col_expr(C::Email, Expr::value(identity.email.as_str()))
            .col_expr(C::Phone, Expr::value(identity.phone.as_str()))
            .col_expr(C::BornOn, Expr::value(identity.born_on.as_str()));
    }
    let done = update
        .col_expr(C::Revision, Expr::col(C::Revision).add(1))
        .col_expr(C::ChangedAt, Expr::value(now))
        .filter(C::Id.eq(id))
        .filter(C::DeploymentId.eq(granted.scope().id()))
        .filter(C::Revision.eq(revision))
        .exec(tx)
        .await?;
    if done.rows_affected == 0 {
        return Ok(false);
    }
    find_by(tx, granted, id, false, new.number).await?;
    if let Some(identity) = new.identity {
        find_by(tx, granted, id, true, &identity.name).await?;
    }
    Ok(true)
}

/// Renews the words by which a search finds a patient: those of the number, or the identifying ones of the name.
async fn find_by(tx: &Tx, granted: &Granted, id: PatientId, identifying: bool, text: &str) -> Result<(), DbErr> {
    let Some(deployment) = granted.scope().deployment else { return Ok(()) };
    word::Entity::delete_many()
        .filter(word::Column::PatientId.eq(id))
        .filter(word::Column::Identifying.eq(identifying))
        .exec(tx)
        .await?;
    let words: Vec<_> = words_of(text)
        .into_iter()
        .map(|found_by| word::ActiveModel {
            deployment_id: Set(deployment),
            identifying: Set(identifying),
            word: Set(found_by),
            patient_id: Set(id),
        })
        .collect();
    if !words.is_empty() {
        word::Entity::insert_many(words).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Stops the monitoring of a patient, for a reason, or begins it again; gives whether it was otherwise before. Stopping kills the
/// links that the patient has.
pub(in crate::patients) async fn set_monitored(
    tx: &Tx,
    granted: &Granted,
    id: PatientId,
    stopped: Option<&str>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let monitored = i64::from(stopped.is_none());
    let at = stopped.map(|_| now);
    let done = tx
        .execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "UPDATE patients SET monitored = $3, offboarded_at = $4, offboarding_reason = $5, changed_at = $6, \
                revision = revision + 1, link_generation = link_generation + $7 \
             WHERE id = $1 AND deployment_id = $2 AND monitored <> $3",
            [
                id.into(),
                granted.scope().id().into(),
                monitored.into(),
                at.into(),
                stopped.unwrap_or_default().into(),
                now.into(),
                i64::from(stopped.is_some()).into(),
            ],
        ))
        .await?;
    Ok(done.rows_affected() == 1)
}
