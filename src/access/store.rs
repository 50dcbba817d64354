//! The rows behind access: who holds which role where, and the organisation's own roles.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, Statement};

use super::{CustomRole, DefaultRole, Membership, PermissionSet, Role, RoleKey, Scope, SecondFactorFor, Whereabouts};
use crate::types::{AccountId, OrganisationId, PatientId, Timestamp};

pub(crate) mod custom_role {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, OrganisationId, RoleId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "custom_roles")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: RoleId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub name: String,
        pub name_key: String,
        pub permissions: String,
        pub revision: i64,
        pub created_at: Timestamp,
        pub deleted_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod membership {
    use sea_orm::{Condition, entity::prelude::*};

    use crate::types::{AccountId, DeploymentId, MembershipId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "memberships")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: MembershipId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub scope_id: Uuid,
        pub account_id: AccountId,
        pub live_account: Option<AccountId>,
        pub role: String,
        pub name_key: String,
        pub email_key: String,
        pub invited_by: Option<AccountId>,
        pub joined_at: Timestamp,
        pub starts_at: Option<Timestamp>,
        pub ends_at: Option<Timestamp>,
        pub ended_at: Option<Timestamp>,
        pub previous_role: Option<String>,
        pub changed_at: Option<Timestamp>,
        pub changed_by: Option<AccountId>,
        pub warned_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}

    /// What makes a membership live: nobody has ended it, and its own end has not come. One that has not begun yet is live too:
    /// it stands in lists and can be changed. Said here and nowhere else, for both ways of asking.
    pub fn live(now: Timestamp) -> Condition {
        let open = Condition::any().add(Column::EndsAt.is_null()).add(Column::EndsAt.gt(now));
        Condition::all().add(Column::EndedAt.is_null()).add(open)
    }

    /// What makes a live membership give authority: its first day, if it has one, has come.
    pub fn begun(now: Timestamp) -> Condition {
        Condition::any().add(Column::StartsAt.is_null()).add(Column::StartsAt.lte(now))
    }

    /// [`live`] as SQL, for a table of this `alias`; `now` is the mark at which the instant is bound.
    pub fn live_sql(alias: &str, now: &str) -> String {
        format!("{alias}.ended_at IS NULL AND ({alias}.ends_at IS NULL OR {alias}.ends_at > {now})")
    }
}

impl From<custom_role::Model> for CustomRole {
    fn from(row: custom_role::Model) -> Self {
        Self {
            id: row.id,
            deployment: row.deployment_id,
            name: row.name,
            permissions: PermissionSet::from_keys(&row.permissions),
        }
    }
}

/// Whether any of these memberships belongs to an organisation that asks its holder for a second factor.
///
/// # Errors
/// When the database fails.
pub async fn asked_for_second_factor(db: &impl ConnectionTrait, memberships: &[Membership]) -> Result<bool, DbErr> {
    for membership in memberships {
        let row = db
            .query_one_raw(Statement::from_sql_and_values(
                db.get_database_backend(),
                "SELECT second_factor FROM organisations WHERE id = $1",
                [membership.scope.organisation.into()],
            ))
            .await?;
        let setting: String = row.map_or(Ok(String::new()), |row| row.try_get("", "second_factor"))?;
        if SecondFactorFor::from_key(&setting).asks(&membership.role) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The memberships that hold at `now`. Read on every request: a change is in force at the next one.
///
/// # Errors
/// When the database fails.
pub async fn memberships_of(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<Membership>, DbErr> {
    let holding = membership::live(now).add(membership::begun(now));
    read_memberships(db, account, holding).await
}

/// The memberships that hold at `now`, and those that will: for questions about the account itself, such as who may help its owner
/// or which second factor it needs. They prove no authority.
///
/// # Errors
/// When the database fails.
pub async fn memberships_to_come(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<Membership>, DbErr> {
    read_memberships(db, account, membership::live(now)).await
}

async fn read_memberships(
    db: &impl ConnectionTrait,
    account: AccountId,
    which: sea_orm::Condition,
) -> Result<Vec<Membership>, DbErr> {
    let rows = membership::Entity::find()
        .filter(membership::Column::AccountId.eq(account))
        .filter(which)
        .order_by_asc(membership::Column::Id)
        .all(db)
        .await?;
    let mut memberships = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok(key) = row.role.parse() else { continue };
        let Some(role) = find_role(db, row.organisation_id, key).await? else { continue };
        let scope = Scope { organisation: row.organisation_id, deployment: row.deployment_id };
        memberships.push(Membership { id: row.id, scope, role });
    }
    Ok(memberships)
}

/// The role, if this organisation has it.
///
/// # Errors
/// When the database fails.
pub async fn find_role(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    key: RoleKey,
) -> Result<Option<Role>, DbErr> {
    match key {
        RoleKey::Default(role) => Ok(Some(role.into())),
        RoleKey::Custom(id) => Ok(custom_role::Entity::find()
            .filter(custom_role::Column::Id.eq(id))
            .filter(custom_role::Column::OrganisationId.eq(organisation))
            .filter(custom_role::Column::DeletedAt.is_null())
            .one(db)
            .await?
            .map(|row| CustomRole::from(row).into())),
    }
}

/// Every role of the organisation: the five default ones, then its own by name.
///
/// # Errors
/// When the database fails.
pub async fn roles_of(db: &impl ConnectionTrait, organisation: OrganisationId) -> Result<Vec<Role>, DbErr> {
    let custom = custom_role::Entity::find()
        .filter(custom_role::Column::OrganisationId.eq(organisation))
        .filter(custom_role::Column::DeletedAt.is_null())
        .order_by_asc(custom_role::Column::Name)
        .all(db)
        .await?;
    let own = custom.into_iter().map(|row| CustomRole::from(row).into());
    Ok(DefaultRole::ALL.into_iter().map(Role::from).chain(own).collect())
}

/// The names of roles by their stored key, for lists.
///
/// # Errors
/// When the database fails.
pub async fn role_names(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
) -> Result<HashMap<String, String>, DbErr> {
    Ok(roles_of(db, organisation).await?.into_iter().map(|role| (role.key.to_string(), role.name)).collect())
}

/// The roles that the account holds at `now`, wherever it holds them.
///
/// # Errors
/// When the database fails.
pub async fn role_keys_of(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<RoleKey>, DbErr> {
    Ok(memberships_of(db, account, now).await?.into_iter().map(|membership| membership.role.key).collect())
}

/// An organisation in which the account has access, or had it last. None for an account that never had any.
///
/// # Errors
/// When the database fails.
pub async fn organisation_of(
    db: &impl ConnectionTrait,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<OrganisationId>, DbErr> {
    let all = || membership::Entity::find().filter(membership::Column::AccountId.eq(account));
    let found = match all().filter(membership::live(now)).order_by_asc(membership::Column::Id).one(db).await? {
        Some(live) => Some(live),
        None => all().order_by_desc(membership::Column::EndedAt).one(db).await?,
    };
    Ok(found.map(|row| row.organisation_id))
}

/// Where a patient is, and the emergency access to them that this account has at `now`; none when there is no such patient.
///
/// # Errors
/// When the database fails.
pub async fn whereabouts(
    db: &impl ConnectionTrait,
    patient: PatientId,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<Whereabouts>, DbErr> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT p.organisation_id, p.deployment_id, \
                (SELECT e.id FROM emergency_accesses e WHERE e.account_id = $2 AND e.patient_id = p.id AND e.ends_at > $3 \
                    AND e.ended_at IS NULL ORDER BY e.ends_at DESC LIMIT 1) AS emergency, \
                (SELECT MAX(e.ends_at) FROM emergency_accesses e WHERE e.account_id = $2 AND e.patient_id = p.id AND e.ends_at > $3 \
                    AND e.ended_at IS NULL) AS emergency_ends_at \
             FROM patients p WHERE p.id = $1",
            [patient.into(), account.into(), now.into()],
        ))
        .await?;
    let Some(row) = row else { return Ok(None) };
    let scope = Scope::deployment(row.try_get("", "organisation_id")?, row.try_get("", "deployment_id")?);
    let (emergency, emergency_ends_at) = (row.try_get("", "emergency")?, row.try_get("", "emergency_ends_at")?);
    Ok(Some(Whereabouts { scope, emergency, emergency_ends_at }))
}
