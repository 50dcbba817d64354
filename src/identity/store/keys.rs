//! The rows of API keys.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Set, Statement,
    sea_query::Expr,
};

use crate::{
    access::{PermissionSet, Scope},
    db::Tx,
    identity::ApiKey,
    types::{AccountId, ApiKeyId, DeploymentId, OrganisationId, Timestamp},
};

mod api_key {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, ApiKeyId, DeploymentId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "api_keys")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ApiKeyId,
        pub token_hash: Vec<u8>,
        pub account_id: AccountId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub name: String,
        pub permissions: String,
        pub created_at: Timestamp,
        pub last_used_at: Option<Timestamp>,
        pub revoked_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Revokes the account's keys that work inside `scope`.
pub(in crate::identity) async fn revoke_keys_within(
    tx: &Tx,
    account: AccountId,
    scope: Scope,
    now: Timestamp,
) -> Result<u64, DbErr> {
    let mut keys = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::OrganisationId.eq(scope.organisation))
        .filter(api_key::Column::RevokedAt.is_null());
    if let Some(deployment) = scope.deployment {
        keys = keys.filter(api_key::Column::DeploymentId.eq(deployment));
    }
    Ok(keys.exec(tx).await?.rows_affected)
}

#[expect(clippy::too_many_arguments, reason = "one column each")]
pub(in crate::identity) async fn insert_key(
    tx: &Tx,
    id: ApiKeyId,
    token_hash: Vec<u8>,
    account: AccountId,
    name: &str,
    scope: Scope,
    permissions: PermissionSet,
    now: Timestamp,
) -> Result<(), DbErr> {
    api_key::Entity::insert(api_key::ActiveModel {
        id: Set(id),
        token_hash: Set(token_hash),
        account_id: Set(account),
        organisation_id: Set(scope.organisation),
        deployment_id: Set(scope.deployment),
        name: Set(name.to_owned()),
        permissions: Set(permissions.to_keys()),
        created_at: Set(now),
        last_used_at: Set(None),
        revoked_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// A live key and its owner.
#[derive(FromQueryResult)]
pub(in crate::identity) struct KeyRow {
    pub id: ApiKeyId,
    pub account_id: AccountId,
    pub organisation_id: OrganisationId,
    pub deployment_id: Option<DeploymentId>,
    pub permissions: String,
    pub last_used_at: Option<Timestamp>,
    pub name: String,
    pub email: String,
}

pub(in crate::identity) async fn find_key(
    db: &impl ConnectionTrait,
    token_hash: Vec<u8>,
) -> Result<Option<KeyRow>, DbErr> {
    KeyRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT k.id, k.account_id, k.organisation_id, k.deployment_id, k.permissions, k.last_used_at, a.name, a.email \
         FROM api_keys k JOIN accounts a ON a.id = k.account_id WHERE k.token_hash = $1 AND k.revoked_at IS NULL",
        [token_hash.into()],
    ))
    .one(db)
    .await
}

pub(in crate::identity) async fn touch_key(tx: &Tx, id: ApiKeyId, now: Timestamp) -> Result<(), DbErr> {
    api_key::Entity::update_many()
        .col_expr(api_key::Column::LastUsedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

pub(in crate::identity) async fn keys_of(db: &impl ConnectionTrait, account: AccountId) -> Result<Vec<ApiKey>, DbErr> {
    let rows = api_key::Entity::find()
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::RevokedAt.is_null())
        .order_by_asc(api_key::Column::Id)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| ApiKey {
            id: row.id,
            name: row.name,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            permissions: PermissionSet::from_keys(&row.permissions),
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
        .collect())
}

/// Ends a key of this account; whether there was one.
pub(in crate::identity) async fn revoke_key(
    tx: &Tx,
    account: AccountId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(id))
        .filter(api_key::Column::AccountId.eq(account))
        .filter(api_key::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
