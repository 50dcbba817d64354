//! The names behind the ids of what is shown already, and the people that a typed name may mean.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use uuid::Uuid;

use crate::{
    access::Scope,
    db::{CHUNK, placeholders},
    types::{AccountId, InvitationId, OrganisationId},
};

/// Name and address of each account.
pub async fn accounts(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<HashMap<Uuid, (String, String)>, DbErr> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let sql = format!("SELECT id, name, email FROM accounts WHERE id IN ({})", placeholders(1, chunk.len()));
        for row in ask(db, sql, chunk.iter().map(|id| (*id).into()).collect()).await? {
            found.insert(row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?));
        }
    }
    Ok(found)
}

/// The address of each invitation of the organisation.
pub async fn invitations(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, DbErr> {
    texts(db, "SELECT id, email FROM invitations", organisation, ids).await
}

/// The number of each patient of the organisation.
pub async fn patients(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, DbErr> {
    texts(db, "SELECT id, number FROM patients", organisation, ids).await
}

/// The text that `select` gives beside each of these ids of the organisation.
async fn texts(
    db: &impl ConnectionTrait,
    select: &str,
    organisation: OrganisationId,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, DbErr> {
    let mut found = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let marks = placeholders(2, chunk.len());
        let sql = format!("{select} WHERE organisation_id = $1 AND id IN ({marks})");
        let values = std::iter::once(organisation.into()).chain(chunk.iter().map(|id| (*id).into())).collect();
        for row in ask(db, sql, values).await? {
            found.insert(row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        }
    }
    Ok(found)
}

/// Accounts that are or were staff of the organisation and whose name or address contains `text`, at most `limit`.
pub async fn people(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    text: &str,
    limit: usize,
) -> Result<Vec<AccountId>, DbErr> {
    let literal = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let sql = "SELECT DISTINCT account_id FROM memberships WHERE organisation_id = $1 \
        AND (name_key LIKE $2 ESCAPE '\\' OR email_key LIKE $2 ESCAPE '\\') LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = ask(db, sql.to_owned(), vec![organisation.into(), format!("%{literal}%").into(), limit.into()]).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The newest invitations of the organisation to one of these addresses (compare form), at most `limit`.
pub async fn invitations_to(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    emails: &[String],
    limit: i64,
) -> Result<Vec<InvitationId>, DbErr> {
    let sql = format!(
        "SELECT id FROM invitations WHERE organisation_id = $1 AND email_key IN ({}) ORDER BY id DESC LIMIT $2",
        placeholders(3, emails.len())
    );
    let mut values: Vec<Value> = vec![organisation.into(), limit.into()];
    values.extend(emails.iter().map(|email| email.as_str().into()));
    ask(db, sql, values).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Whether the account is or was staff where `scope` reaches: of it, of a part of it, or of all that it is a part of.
pub async fn is_known_in(db: &impl ConnectionTrait, scope: Scope, account: AccountId) -> Result<bool, DbErr> {
    let mut sql = "SELECT 1 FROM memberships WHERE account_id = $1 AND organisation_id = $2".to_owned();
    let mut values: Vec<Value> = vec![account.into(), scope.organisation.into()];
    if let Some(deployment) = scope.deployment {
        sql.push_str(" AND (deployment_id = $3 OR deployment_id IS NULL)");
        values.push(deployment.into());
    }
    Ok(!ask(db, sql, values).await?.is_empty())
}

async fn ask(db: &impl ConnectionTrait, sql: String, values: Vec<Value>) -> Result<Vec<sea_orm::QueryResult>, DbErr> {
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await
}
