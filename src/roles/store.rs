//! The rows of custom roles.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter, Set, SqlErr, sea_query::Expr};

use super::RoleName;
use crate::{
    access::{
        CustomRole, Granted,
        custom_role::{self, Column, Entity},
    },
    db::Tx,
    types::{OrganisationId, RoleId, Timestamp},
};

/// The role and its revision, if the organisation has it.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    id: RoleId,
) -> Result<Option<(CustomRole, i64)>, DbErr> {
    let row = Entity::find_by_id(id)
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::DeletedAt.is_null())
        .one(db)
        .await?;
    Ok(row.map(|row| {
        let revision = row.revision;
        (CustomRole::from(row), revision)
    }))
}

/// The name under which a role with the same key exists in the organisation.
pub(super) async fn same_name(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    key: &str,
    but: Option<RoleId>,
) -> Result<Option<String>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::NameKey.eq(key))
        .filter(Column::DeletedAt.is_null());
    if let Some(id) = but {
        query = query.filter(Column::Id.ne(id));
    }
    Ok(query.one(db).await?.map(|row| row.name))
}

/// Writes a new role; false when its name was taken at this very moment.
pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    role: &CustomRole,
    name: &RoleName,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let written = Entity::insert(custom_role::ActiveModel {
        id: Set(role.id),
        organisation_id: Set(granted.scope().organisation),
        deployment_id: Set(role.deployment),
        name: Set(name.as_str().to_owned()),
        name_key: Set(name.key()),
        permissions: Set(role.permissions.to_keys()),
        revision: Set(1),
        created_at: Set(now),
        deleted_at: Set(None),
    })
    .exec_without_returning(tx)
    .await;
    taken(written.map(|_| true))
}

/// Changes a role that is still at this revision; false when it is not, or the new name was taken at this very moment.
pub(super) async fn update(
    tx: &Tx,
    granted: &Granted,
    role: &CustomRole,
    name: &RoleName,
    revision: i64,
) -> Result<bool, DbErr> {
    let changed = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name.as_str()))
        .col_expr(Column::NameKey, Expr::value(name.key()))
        .col_expr(Column::Permissions, Expr::value(role.permissions.to_keys()))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Id.eq(role.id))
        .filter(Column::OrganisationId.eq(granted.scope().organisation))
        .filter(Column::Revision.eq(revision))
        .filter(Column::DeletedAt.is_null())
        .exec(tx)
        .await;
    taken(changed.map(|done| done.rows_affected == 1))
}

/// Takes a role away that is still at this revision; whether it was.
pub(super) async fn mark_deleted(
    tx: &Tx,
    granted: &Granted,
    id: RoleId,
    revision: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::DeletedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::OrganisationId.eq(granted.scope().organisation))
        .filter(Column::Revision.eq(revision))
        .filter(Column::DeletedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

fn taken(written: Result<bool, DbErr>) -> Result<bool, DbErr> {
    match written {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
        other => other,
    }
}
