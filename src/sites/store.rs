//! The rows of organisations and deployments.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Statement,
};

use super::{Deployment, Organisation, Reminders, SecondFactorFor, Totals};
use crate::{
    access::{Administers, Granted, Visible, membership},
    db::Tx,
    types::{DeploymentId, OrganisationId, Timestamp},
};

mod organisation {
    use sea_orm::entity::prelude::*;

    use crate::types::{OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "organisations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: OrganisationId,
        pub name: String,
        pub time_zone: String,
        pub usual_domains: String,
        pub allow_copy_link: bool,
        pub require_reason: bool,
        pub reminders: String,
        pub count_working_days: bool,
        pub second_look: bool,
        pub second_factor: String,
        pub settings_revision: i64,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod deployment {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "deployments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: DeploymentId,
        pub organisation_id: OrganisationId,
        pub name: String,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

impl From<organisation::Model> for Organisation {
    fn from(row: organisation::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            time_zone: row.time_zone,
            usual_domains: row.usual_domains.split(',').filter(|d| !d.is_empty()).map(str::to_owned).collect(),
            allow_copy_link: row.allow_copy_link,
            require_reason: row.require_reason,
            reminders: Reminders::from_key(&row.reminders),
            count_working_days: row.count_working_days,
            second_look: row.second_look,
            second_factor: SecondFactorFor::from_key(&row.second_factor),
            revision: row.settings_revision,
        }
    }
}

impl From<deployment::Model> for Deployment {
    fn from(row: deployment::Model) -> Self {
        Self { id: row.id, organisation: row.organisation_id, name: row.name }
    }
}

pub(super) async fn find_organisation(
    db: &impl ConnectionTrait,
    id: OrganisationId,
) -> Result<Option<Organisation>, DbErr> {
    Ok(organisation::Entity::find_by_id(id).one(db).await?.map(Into::into))
}

/// The organisations that want reminders.
pub(super) async fn reminding(db: &impl ConnectionTrait) -> Result<Vec<OrganisationId>, DbErr> {
    organisation::Entity::find()
        .select_only()
        .column(organisation::Column::Id)
        .filter(organisation::Column::Reminders.ne(Reminders::Off.key()))
        .order_by_asc(organisation::Column::Id)
        .into_tuple()
        .all(db)
        .await
}

pub(super) async fn find_deployment(db: &impl ConnectionTrait, id: DeploymentId) -> Result<Option<Deployment>, DbErr> {
    Ok(deployment::Entity::find_by_id(id).one(db).await?.map(Into::into))
}

pub(super) async fn deployments_of(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
) -> Result<Vec<Deployment>, DbErr> {
    let rows = deployment::Entity::find()
        .filter(deployment::Column::OrganisationId.eq(organisation))
        .order_by_asc(deployment::Column::Name)
        .order_by_asc(deployment::Column::Id)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub(super) async fn insert_organisation(tx: &Tx, new: &Organisation, now: Timestamp) -> Result<(), DbErr> {
    organisation::Entity::insert(organisation::ActiveModel {
        id: Set(new.id),
        name: Set(new.name.clone()),
        time_zone: Set(new.time_zone.clone()),
        usual_domains: Set(new.usual_domains.join(",")),
        allow_copy_link: Set(new.allow_copy_link),
        require_reason: Set(new.require_reason),
        reminders: Set(new.reminders.key().to_owned()),
        count_working_days: Set(new.count_working_days),
        second_look: Set(new.second_look),
        second_factor: Set(new.second_factor.key().to_owned()),
        settings_revision: Set(new.revision),
        created_at: Set(now),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Writes what an organisation has chosen, unless it was changed since it was read; whether it was written.
pub(super) async fn update_settings(tx: &Tx, proof: &Administers, new: &Organisation) -> Result<bool, DbErr> {
    let row = organisation::ActiveModel {
        name: Set(new.name.clone()),
        time_zone: Set(new.time_zone.clone()),
        usual_domains: Set(new.usual_domains.join(",")),
        allow_copy_link: Set(new.allow_copy_link),
        require_reason: Set(new.require_reason),
        second_factor: Set(new.second_factor.key().to_owned()),
        reminders: Set(new.reminders.key().to_owned()),
        count_working_days: Set(new.count_working_days),
        second_look: Set(new.second_look),
        settings_revision: Set(new.revision + 1),
        ..Default::default()
    };
    let done = organisation::Entity::update_many()
        .set(row)
        .filter(organisation::Column::Id.eq(proof.organisation()))
        .filter(organisation::Column::Id.eq(new.id))
        .filter(organisation::Column::SettingsRevision.eq(new.revision))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

pub(super) async fn insert_deployment(tx: &Tx, _: &Granted, new: &Deployment, now: Timestamp) -> Result<(), DbErr> {
    deployment::Entity::insert(deployment::ActiveModel {
        id: Set(new.id),
        organisation_id: Set(new.organisation),
        name: Set(new.name.clone()),
        created_at: Set(now),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Count {
    deployment_id: DeploymentId,
    total: i64,
    red: i64,
    amber: i64,
}

/// Totals of each deployment that may be seen.
pub(super) async fn totals(
    db: &impl ConnectionTrait,
    visible: &Visible,
    now: Timestamp,
) -> Result<HashMap<DeploymentId, Totals>, DbErr> {
    let organisation = || vec![visible.scope().organisation.into()];
    let mut totals: HashMap<DeploymentId, Totals> = HashMap::new();
    let patients = "SELECT deployment_id, COUNT(*) AS total, SUM(CASE WHEN red > 0 THEN 1 ELSE 0 END) AS red, \
        SUM(CASE WHEN red = 0 AND amber > 0 THEN 1 ELSE 0 END) AS amber FROM patients WHERE deployment_id IN \
        (SELECT id FROM deployments WHERE organisation_id = $1) GROUP BY deployment_id";
    for count in counts(db, patients, organisation()).await? {
        let entry = totals.entry(count.deployment_id).or_default();
        (entry.patients, entry.red, entry.amber) = (unsigned(count.total), unsigned(count.red), unsigned(count.amber));
    }
    let staff = format!(
        "SELECT deployment_id, COUNT(*) AS total, COUNT(*) AS red, COUNT(*) AS amber FROM memberships m WHERE scope_id IN \
         (SELECT id FROM deployments WHERE organisation_id = $1) AND {} GROUP BY deployment_id",
        membership::live_sql("m", "$2")
    );
    for count in counts(db, &staff, vec![visible.scope().organisation.into(), now.into()]).await? {
        totals.entry(count.deployment_id).or_default().staff = unsigned(count.total);
    }
    let pending = "SELECT deployment_id, COUNT(*) AS total, COUNT(*) AS red, COUNT(*) AS amber FROM invitations WHERE scope_id IN \
        (SELECT id FROM deployments WHERE organisation_id = $1) AND closed_at IS NULL GROUP BY deployment_id";
    for count in counts(db, pending, organisation()).await? {
        totals.entry(count.deployment_id).or_default().pending = unsigned(count.total);
    }
    Ok(totals)
}

async fn counts(db: &impl ConnectionTrait, sql: &str, values: Vec<sea_orm::Value>) -> Result<Vec<Count>, DbErr> {
    Count::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db).await
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// The generation of the address to which an organisation's bounces are reported; none when there is no such organisation.
pub(super) async fn bounce_generation(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
) -> Result<Option<i64>, DbErr> {
    let sql = "SELECT bounce_generation FROM organisations WHERE id = $1";
    let row =
        db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, [organisation.into()])).await?;
    row.map(|row| row.try_get("", "bounce_generation")).transpose()
}

/// Another generation: the address before is dead.
pub(super) async fn raise_bounce_generation(tx: &Tx, proof: &Administers) -> Result<(), DbErr> {
    let sql = "UPDATE organisations SET bounce_generation = bounce_generation + 1 WHERE id = $1";
    let values = [proof.organisation().into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}
