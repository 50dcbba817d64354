//! The rows of memberships, as the staff list needs them.

mod carers;
mod members;
mod people;

use std::collections::HashSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect, Set, Statement,
};

pub(super) use carers::{carers, find_carers};
pub(super) use members::{
    accounts_with_role, all_with_role, changed_at, close_lapsed, ending_soon, find_ending, find_live, holders_of,
    lasting_admins, mark_ended, mark_warned, own_access, previous_role, set_end, set_role, set_start, starting,
    with_roles_at,
};

pub(super) use people::{memberships_of, people};

use super::{Joining, Sort, StaffMember};
use crate::{
    access::{RoleKey, Scope, Visible, membership},
    db::{
        NAMED, Tx,
        list::{ListSql, pairs},
    },
    types::{AccountId, Cursor, DeploymentId, MembershipId, OrganisationId, Timestamp},
};

/// A new membership.
pub(super) struct NewMembership<'a> {
    pub id: MembershipId,
    pub account: AccountId,
    pub name_key: &'a str,
    pub email_key: &'a str,
    pub joining: &'a Joining,
}

pub(super) async fn insert(tx: &Tx, new: NewMembership<'_>, now: Timestamp) -> Result<(), DbErr> {
    membership::Entity::insert(membership::ActiveModel {
        id: Set(new.id),
        organisation_id: Set(new.joining.scope.organisation),
        deployment_id: Set(new.joining.scope.deployment),
        scope_id: Set(new.joining.scope.id()),
        account_id: Set(new.account),
        live_account: Set(Some(new.account)),
        role: Set(new.joining.role.key.to_string()),
        name_key: Set(new.name_key.to_owned()),
        email_key: Set(new.email_key.to_owned()),
        invited_by: Set(new.joining.granted_by),
        joined_at: Set(now),
        starts_at: Set(new.joining.starts_at),
        ends_at: Set(new.joining.ends_at),
        ended_at: Set(None),
        previous_role: Set(None),
        changed_at: Set(None),
        changed_by: Set(None),
        warned_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

pub(super) async fn is_member(
    db: &impl ConnectionTrait,
    scope: Scope,
    account: AccountId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let found = membership::Entity::find()
        .filter(membership::Column::ScopeId.eq(scope.id()))
        .filter(membership::Column::LiveAccount.eq(account))
        .filter(membership::live(now))
        .one(db)
        .await?;
    Ok(found.is_some())
}

/// Which of these addresses (compare form) are staff of exactly this scope, with the membership and its role's key.
pub(super) async fn members_by_email(
    db: &impl ConnectionTrait,
    scope: Scope,
    keys: &[String],
    now: Timestamp,
) -> Result<Vec<(String, (MembershipId, String))>, DbErr> {
    #[derive(FromQueryResult)]
    struct Row {
        email_key: String,
        id: MembershipId,
        role: String,
    }
    let mut found = Vec::new();
    for chunk in keys.chunks(NAMED) {
        let marks = pairs(chunk.len());
        let at = chunk.len() + 2;
        let sql = format!(
            "SELECT email_key, id, role FROM memberships WHERE (scope_id, email_key) IN (VALUES {marks}) \
             AND {}",
            membership::live_sql("memberships", &format!("${at}"))
        );
        let keys = chunk.iter().map(|key| key.as_str().into());
        let values = std::iter::once(scope.id().into()).chain(keys).chain([now.into()]);
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        let rows = Row::find_by_statement(statement).all(db).await?;
        found.extend(rows.into_iter().map(|row| (row.email_key, (row.id, row.role))));
    }
    Ok(found)
}

/// The addresses of the organisation's staff, at most `limit`.
pub(super) async fn addresses(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    limit: u64,
) -> Result<HashSet<String>, DbErr> {
    let rows: Vec<String> = membership::Entity::find()
        .select_only()
        .column(membership::Column::EmailKey)
        .filter(membership::Column::OrganisationId.eq(organisation))
        .filter(membership::Column::EndedAt.is_null())
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// How many hold each role in exactly this scope; with `below`, where the scope is an organisation, in its deployments too.
pub(super) async fn holders(
    db: &impl ConnectionTrait,
    visible: &Visible,
    below: bool,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, DbErr> {
    let scope = visible.scope();
    let within = if below && scope.deployment.is_none() {
        membership::Column::OrganisationId.eq(scope.organisation)
    } else {
        membership::Column::ScopeId.eq(scope.id())
    };
    membership::Entity::find()
        .select_only()
        .column(membership::Column::Role)
        .column_as(membership::Column::Id.count(), "n")
        .filter(within)
        .filter(membership::live(now))
        .group_by(membership::Column::Role)
        .into_tuple()
        .all(db)
        .await
}

#[derive(FromQueryResult)]
struct Listed {
    id: MembershipId,
    account_id: AccountId,
    organisation_id: OrganisationId,
    deployment_id: Option<DeploymentId>,
    role: String,
    name_key: String,
    email_key: String,
    joined_at: Timestamp,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    name: String,
    email: String,
    last_seen_at: Option<Timestamp>,
    address_proven: bool,
}

/// What to list and in which order.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// A part of the name or address.
    pub search: String,
    /// Only this role's holders.
    pub role: Option<RoleKey>,
    /// By what.
    pub sort: Sort,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Where the page starts.
    pub from: Option<Cursor>,
}

/// One page of the staff that may be seen, in the order of an index, with one row more than `size`.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    query: &Query,
    size: usize,
    now: Timestamp,
) -> Result<Vec<StaffMember>, DbErr> {
    let (sql, values) = list_statement(visible, query, size, now);
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
        .all(db)
        .await?;
    Ok(rows.into_iter().map(StaffMember::from).collect())
}

impl From<Listed> for StaffMember {
    fn from(row: Listed) -> Self {
        Self {
            membership: row.id,
            account: row.account_id,
            name: row.name,
            email: row.email,
            role: row.role,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            joined_at: row.joined_at,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            last_seen_at: row.last_seen_at,
            address_proven: row.address_proven,
            name_key: row.name_key,
            email_key: row.email_key,
        }
    }
}

/// The statement behind `list`; a test looks at its plan on both databases.
#[must_use]
pub fn list_statement(visible: &Visible, query: &Query, size: usize, now: Timestamp) -> (String, Vec<sea_orm::Value>) {
    let (column, id) = visible.filter();
    let mut sql = ListSql::within(&format!("m.{column}"), id);
    let at = sql.bind(now);
    sql.only(membership::live_sql("m", &at));
    if let Some(role) = query.role {
        let role = sql.bind(role.to_string());
        sql.only(format!("m.role = {role}"));
    }
    sql.containing(&["m.name_key", "m.email_key"], &query.search);
    let column = match query.sort {
        Sort::Name => "m.name_key",
        Sort::Email => "m.email_key",
        Sort::Joined => "m.joined_at",
    };
    let descending = query.descending != query.from.as_ref().is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = &query.from {
        let value = match query.sort {
            Sort::Joined => cursor.timestamp().unwrap_or_default().into(),
            Sort::Name | Sort::Email => cursor.value.clone().into(),
        };
        sql.beyond(&format!("{column}, m.id"), vec![value, cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&[column, "m.id"], descending, size);
    (format!("{LISTED} {end}"), values)
}

const LISTED: &str = "SELECT m.id, m.account_id, m.organisation_id, m.deployment_id, m.role, m.name_key, m.email_key, m.joined_at, \
    m.starts_at, m.ends_at, a.name, a.email, a.last_seen_at, a.address_proven FROM memberships m JOIN accounts a ON a.id = m.account_id";

/// One live staff member of those that may be seen.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    visible: &Visible,
    id: MembershipId,
    now: Timestamp,
) -> Result<Option<StaffMember>, DbErr> {
    let (column, scope) = visible.filter();
    let sql = format!("{LISTED} WHERE m.id = $1 AND m.{column} = $2 AND {}", membership::live_sql("m", "$3"));
    let values = [id.into(), scope.into(), now.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Ok(Listed::find_by_statement(statement).one(db).await?.map(StaffMember::from))
}
