//! The rows of imports that were done.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::Import;
use crate::{
    access::{Granted, Visible},
    db::Tx,
    types::{AccountId, DeploymentId, PatientImportId, Timestamp},
};

#[derive(FromQueryResult)]
struct Row {
    id: PatientImportId,
    outcomes: String,
}

/// The import that this request key of the account has done already, and where.
pub(super) async fn by_key(
    tx: &Tx,
    account: AccountId,
    key: &str,
) -> Result<Option<(PatientImportId, DeploymentId)>, DbErr> {
    let sql = "SELECT id, deployment_id FROM patient_imports WHERE account_id = $1 AND request_key = $2";
    let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, [account.into(), key.into()]);
    let row = tx.query_one_raw(statement).await?;
    row.map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).transpose()
}

/// An import that this account has done in a deployment that it may see.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    visible: &Visible,
    account: AccountId,
    id: PatientImportId,
) -> Result<Option<Import>, DbErr> {
    let sql = "SELECT id, outcomes FROM patient_imports WHERE id = $1 AND account_id = $2 AND deployment_id = $3";
    let values: Vec<Value> = vec![id.into(), account.into(), visible.scope().deployment.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let Some(row) = Row::find_by_statement(statement).one(db).await? else { return Ok(None) };
    let outcomes = serde_json::from_str(&row.outcomes).map_err(|error| DbErr::Custom(error.to_string()))?;
    Ok(Some(Import { id: row.id, outcomes }))
}

/// Keeps what became of each row.
pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    import: &Import,
    (account, key, now): (AccountId, &str, Timestamp),
) -> Result<(), DbErr> {
    let outcomes = serde_json::to_string(&import.outcomes).map_err(|error| DbErr::Custom(error.to_string()))?;
    let sql = "INSERT INTO patient_imports (id, organisation_id, deployment_id, account_id, request_key, outcomes, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: Vec<Value> = vec![
        import.id.into(),
        granted.scope().organisation.into(),
        granted.scope().deployment.into(),
        account.into(),
        key.into(),
        outcomes.into(),
        now.into(),
    ];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
