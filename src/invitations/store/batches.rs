//! The rows of batches: what was asked together, and the answer that was given.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, Set};

use crate::{
    access::{RoleKey, Scope, Visible},
    db::Tx,
    invitations::{Batch, BatchAnswer, NewBatch},
    types::{AccountId, BatchId, Timestamp},
};

mod batch {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, BatchId, DeploymentId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "batches")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: BatchId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub inviter_id: Option<AccountId>,
        pub request_key: String,
        pub request_hash: Vec<u8>,
        pub role: String,
        pub expires_at: Timestamp,
        pub answer: String,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes a batch and its answer.
pub(in crate::invitations) async fn insert_batch(
    tx: &Tx,
    inviter: Option<AccountId>,
    new: &NewBatch,
    hash: Vec<u8>,
    expires_at: Timestamp,
    answer: &BatchAnswer,
    now: Timestamp,
) -> Result<(), DbErr> {
    let answer_text = serde_json::to_string(answer).map_err(|error| DbErr::Custom(error.to_string()))?;
    batch::Entity::insert(batch::ActiveModel {
        id: Set(answer.batch),
        organisation_id: Set(new.scope.organisation),
        deployment_id: Set(new.scope.deployment),
        inviter_id: Set(inviter),
        request_key: Set(new.request_key.clone()),
        request_hash: Set(hash),
        role: Set(new.role.to_string()),
        expires_at: Set(expires_at),
        answer: Set(answer_text),
        created_at: Set(now),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Writes a batch that a plan fills: its invitations are counted by their own rows, and its role is each row's own.
pub(in crate::invitations) async fn insert_growing_batch(
    tx: &Tx,
    id: BatchId,
    inviter: AccountId,
    scope: Scope,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbErr> {
    let nothing = BatchAnswer { batch: id, sent: Vec::new(), not_sent: Vec::new() };
    let answer = serde_json::to_string(&nothing).map_err(|error| DbErr::Custom(error.to_string()))?;
    batch::Entity::insert(batch::ActiveModel {
        id: Set(id),
        organisation_id: Set(scope.organisation),
        deployment_id: Set(scope.deployment),
        inviter_id: Set(Some(inviter)),
        request_key: Set(format!("plan {id}")),
        request_hash: Set(Vec::new()),
        role: Set(String::new()),
        expires_at: Set(expires_at),
        answer: Set(answer),
        created_at: Set(now),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// The answer that was given to this key before, with the hash of what was asked.
pub(in crate::invitations) async fn find_answer(
    db: &impl ConnectionTrait,
    inviter: AccountId,
    key: &str,
) -> Result<Option<(Vec<u8>, BatchAnswer)>, DbErr> {
    let row = batch::Entity::find()
        .filter(batch::Column::InviterId.eq(inviter))
        .filter(batch::Column::RequestKey.eq(key))
        .one(db)
        .await?;
    row.map(|row| Ok((row.request_hash, parse_answer(&row.answer)?))).transpose()
}

/// A batch, if it lies in what may be seen.
pub(in crate::invitations) async fn find_batch(
    db: &impl ConnectionTrait,
    visible: &Visible,
    id: BatchId,
) -> Result<Option<Batch>, DbErr> {
    let row = batch::Entity::find()
        .filter(batch::Column::Id.eq(id))
        .filter(batch::Column::OrganisationId.eq(visible.scope().organisation))
        .one(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let scope = Scope { organisation: row.organisation_id, deployment: row.deployment_id };
    let role = row.role.parse::<RoleKey>().ok();
    let of_plan = row.request_key.starts_with("plan ");
    let batch = Batch { scope, role, of_plan, expires_at: row.expires_at, answer: parse_answer(&row.answer)? };
    Ok(Some(batch).filter(|batch| visible.scope().covers(&batch.scope)))
}

fn parse_answer(text: &str) -> Result<BatchAnswer, DbErr> {
    serde_json::from_str(text).map_err(|error| DbErr::Custom(error.to_string()))
}
