//! Memberships as those who change them need them.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, sea_query::Expr,
};

use crate::{
    access::{
        self, DefaultRole, Granted, Role, RoleKey, Scope,
        membership::{Column, Entity, Model, begun, live, live_sql},
    },
    db::{CHUNK, Tx},
    staff::Member,
    types::{AccountId, DeploymentId, MembershipId, OrganisationId, Timestamp},
};

/// The people's names come from `accounts` and the roles from where roles are read, each asked once for all.
async fn members(tx: &Tx, organisation: OrganisationId, rows: Vec<Model>) -> Result<Vec<Member>, DbErr> {
    #[derive(FromQueryResult)]
    struct Name {
        id: AccountId,
        name: String,
    }
    let mut names = HashMap::new();
    for chunk in rows.chunks(CHUNK) {
        let marks = crate::db::placeholders(1, chunk.len());
        let sql = format!("SELECT id, name FROM accounts WHERE id IN ({marks})");
        let ids = chunk.iter().map(|row| row.account_id.into());
        let statement = Statement::from_sql_and_values(tx.get_database_backend(), sql, ids);
        names.extend(Name::find_by_statement(statement).all(tx).await?.into_iter().map(|row| (row.id, row.name)));
    }
    let roles: HashMap<String, Role> =
        access::roles_of(tx, organisation).await?.into_iter().map(|role| (role.key.to_string(), role)).collect();
    let member = |row: Model| {
        Some(Member {
            membership: row.id,
            account: row.account_id,
            name: names.get(&row.account_id).cloned().unwrap_or_default(),
            role: roles.get(&row.role)?.clone(),
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            starts_at: row.starts_at,
            ends_at: row.ends_at,
        })
    };
    Ok(rows.into_iter().filter_map(member).collect())
}

/// The live memberships with these ids that lie in the proof's scope; others are as if they did not exist.
pub(in crate::staff) async fn find_live(
    tx: &Tx,
    granted: &Granted,
    ids: &[MembershipId],
    now: Timestamp,
) -> Result<Vec<Member>, DbErr> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let found = Entity::find()
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::OrganisationId.eq(granted.scope().organisation))
            .filter(live(now))
            .order_by_asc(Column::Id)
            .all(tx)
            .await?;
        rows.extend(found.into_iter().filter(|row| {
            granted.scope().covers(&Scope { organisation: row.organisation_id, deployment: row.deployment_id })
        }));
    }
    members(tx, granted.scope().organisation, rows).await
}

/// The memberships that give a role and were not ended, inside the proof's scope.
pub(in crate::staff) async fn all_with_role(tx: &Tx, granted: &Granted, role: RoleKey) -> Result<Vec<Member>, DbErr> {
    let rows = Entity::find()
        .filter(Column::OrganisationId.eq(granted.scope().organisation))
        .filter(Column::Role.eq(role.to_string()))
        // Also those past their date: no row may name a role that is gone.
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    let covered = rows.into_iter().filter(|row| {
        granted.scope().covers(&Scope { organisation: row.organisation_id, deployment: row.deployment_id })
    });
    members(tx, granted.scope().organisation, covered.collect()).await
}

/// How many Admins of the whole organisation have no end date, and have begun.
pub(in crate::staff) async fn lasting_admins(
    tx: &Tx,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<u64, DbErr> {
    Entity::find()
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::DeploymentId.is_null())
        .filter(Column::Role.eq(DefaultRole::Admin.key()))
        .filter(Column::EndedAt.is_null())
        .filter(Column::EndsAt.is_null())
        .filter(begun(now))
        .count(tx)
        .await
}

/// Gives a membership another role and remembers the one before.
pub(in crate::staff) async fn set_role(
    tx: &Tx,
    _: &Granted,
    id: MembershipId,
    before: &Role,
    to: &Role,
    by: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Role, Expr::value(to.key.to_string()))
        .col_expr(Column::PreviousRole, Expr::value(before.key.to_string()))
        .col_expr(Column::ChangedAt, Expr::value(now))
        .col_expr(Column::ChangedBy, Expr::value(by))
        .filter(Column::Id.eq(id))
        .filter(Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Sets when a membership ends by itself; the person is told anew.
pub(in crate::staff) async fn set_end(
    tx: &Tx,
    _: &Granted,
    id: MembershipId,
    ends_at: Option<Timestamp>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::EndsAt, Expr::value(ends_at))
        .col_expr(Column::WarnedAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Lets a membership begin at this instant.
pub(in crate::staff) async fn set_start(tx: &Tx, _: &Granted, id: MembershipId, at: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::StartsAt, Expr::value(at))
        .filter(Column::Id.eq(id))
        .filter(Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Ends a membership; its row stays, because the access log and the person's notes speak of it.
pub(in crate::staff) async fn mark_ended(tx: &Tx, _: &Granted, id: MembershipId, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(now))
        .col_expr(Column::LiveAccount, Expr::value(Option::<AccountId>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::EndedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// A membership that ended by its date makes room for a new one of the same person in the same scope.
pub(in crate::staff) async fn close_lapsed(
    tx: &Tx,
    scope: Scope,
    account: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::col(Column::EndsAt))
        .col_expr(Column::LiveAccount, Expr::value(Option::<AccountId>::None))
        .filter(Column::ScopeId.eq(scope.id()))
        .filter(Column::LiveAccount.eq(account))
        .filter(Column::EndsAt.lte(now))
        .exec(tx)
        .await?;
    Ok(())
}

/// The memberships whose role the account changed at this very instant.
pub(in crate::staff) async fn changed_at(
    tx: &Tx,
    granted: &Granted,
    by: AccountId,
    at: Timestamp,
) -> Result<Vec<MembershipId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganisationId.eq(granted.scope().organisation))
        .filter(Column::ChangedBy.eq(by))
        .filter(Column::ChangedAt.eq(at))
        .filter(Column::EndedAt.is_null())
        .into_tuple()
        .all(tx)
        .await
}

/// The role that a membership gave before its last change.
pub(in crate::staff) async fn previous_role(tx: &Tx, id: MembershipId) -> Result<Option<RoleKey>, DbErr> {
    let row = Entity::find_by_id(id).one(tx).await?;
    Ok(row.and_then(|row| row.previous_role).and_then(|key| key.parse().ok()))
}

/// The accounts that hold a role somewhere in the organisation.
pub(in crate::staff) async fn accounts_with_role(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    now: Timestamp,
) -> Result<Vec<AccountId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::AccountId)
        .distinct()
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::Role.eq(role.to_string()))
        .filter(live(now).add(begun(now)))
        .into_tuple()
        .all(db)
        .await
}

/// The accounts that hold one of the roles in exactly this scope, those who joined first first; at most `limit`.
pub(in crate::staff) async fn with_roles_at(
    db: &impl ConnectionTrait,
    scope: Scope,
    roles: Vec<RoleKey>,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<AccountId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::AccountId)
        .filter(Column::ScopeId.eq(scope.id()))
        .filter(Column::Role.is_in(roles.iter().map(ToString::to_string)))
        .filter(live(now).add(begun(now)))
        .order_by_asc(Column::JoinedAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await
}

/// How many hold a role in the organisation, with the first names and the places where they hold it.
pub(in crate::staff) async fn holders_of(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    shown: usize,
    now: Timestamp,
) -> Result<(u64, Vec<(String, Option<DeploymentId>)>), DbErr> {
    #[derive(FromQueryResult)]
    struct Holder {
        name: String,
        deployment_id: Option<DeploymentId>,
    }
    let count = Entity::find()
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::Role.eq(role.to_string()))
        .filter(live(now))
        .count(db)
        .await?;
    let live = live_sql("m", "$3");
    let sql = format!(
        "SELECT a.name, m.deployment_id FROM memberships m JOIN accounts a ON a.id = m.account_id \
         WHERE m.organisation_id = $1 AND m.role = $2 AND {live} ORDER BY m.id LIMIT $4"
    );
    let shown = i64::try_from(shown).unwrap_or(i64::MAX);
    let values = [organisation.into(), role.to_string().into(), now.into(), shown.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let holders = Holder::find_by_statement(statement).all(db).await?;
    Ok((count, holders.into_iter().map(|row| (row.name, row.deployment_id)).collect()))
}

/// Access that ends soon and of which nobody was told yet.
pub(in crate::staff) struct Ending {
    pub membership: MembershipId,
    pub account: AccountId,
    pub scope: Scope,
    pub ends_at: Timestamp,
    pub granted_by: Option<AccountId>,
}

pub(in crate::staff) async fn ending_soon(
    tx: &Tx,
    now: Timestamp,
    until: Timestamp,
    most: u64,
) -> Result<Vec<Ending>, DbErr> {
    let rows = Entity::find()
        .filter(Column::EndedAt.is_null())
        .filter(Column::EndsAt.gt(now))
        .filter(Column::EndsAt.lte(until))
        .filter(Column::WarnedAt.is_null())
        .order_by_asc(Column::EndsAt)
        .limit(most)
        .all(tx)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            Some(Ending {
                membership: row.id,
                account: row.account_id,
                scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
                ends_at: row.ends_at?,
                granted_by: row.changed_by.or(row.invited_by),
            })
        })
        .collect())
}

pub(in crate::staff) async fn mark_warned(tx: &Tx, id: MembershipId, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many().col_expr(Column::WarnedAt, Expr::value(now)).filter(Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

/// What the mail about an end date says.
#[derive(FromQueryResult)]
pub(in crate::staff) struct EndingRow {
    pub name: String,
    pub email: String,
    pub organisation_id: OrganisationId,
    pub deployment_id: Option<DeploymentId>,
    pub role: String,
    pub ends_at: Timestamp,
}

/// The live membership that ends at exactly this instant, with its person.
pub(in crate::staff) async fn find_ending(
    db: &impl ConnectionTrait,
    id: MembershipId,
    ends_at: Timestamp,
) -> Result<Option<EndingRow>, DbErr> {
    EndingRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT a.name, a.email, m.organisation_id, m.deployment_id, m.role, m.ends_at FROM memberships m \
         JOIN accounts a ON a.id = m.account_id WHERE m.id = $1 AND m.ends_at = $2 AND m.ended_at IS NULL",
        [id.into(), ends_at.into()],
    ))
    .one(db)
    .await
}

/// When one's own membership began, when it ends, and who gave the role that it gives now.
#[derive(FromQueryResult)]
pub(in crate::staff) struct OwnRow {
    pub id: MembershipId,
    pub joined_at: Timestamp,
    pub ends_at: Option<Timestamp>,
    pub given_by: Option<String>,
}

pub(in crate::staff) async fn own_access(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<OwnRow>, DbErr> {
    let live = live_sql("m", "$2");
    let sql = format!(
        "SELECT m.id, m.joined_at, m.ends_at, g.name AS given_by FROM memberships m \
         LEFT JOIN accounts g ON g.id = COALESCE(m.changed_by, m.invited_by) WHERE m.account_id = $1 AND {live}"
    );
    let values = [account.into(), now.into()];
    OwnRow::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db).await
}

/// Memberships of an account that begin later: where, as what, and when.
pub(in crate::staff) async fn starting(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<(Scope, String, Timestamp)>, DbErr> {
    let rows = Entity::find()
        .filter(Column::AccountId.eq(account))
        .filter(live(now))
        .filter(Column::StartsAt.gt(now))
        .order_by_asc(Column::StartsAt)
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let scope = |row: &Model| Scope { organisation: row.organisation_id, deployment: row.deployment_id };
    Ok(rows.into_iter().filter_map(|row| Some((scope(&row), row.role.clone(), row.starts_at?))).collect())
}
