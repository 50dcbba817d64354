//! The rows of patients and readings.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Set, Statement};

use super::{ListedPatient, NewPatient, Reading, Severity};
use crate::{
    access::{Granted, Visible},
    db::{CHUNK, Tx, list::ListSql},
    types::{Cursor, Id, PatientId, Timestamp},
};

mod patient {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, OrganisationId, PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "patients")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: PatientId,
        pub organisation_id: OrganisationId,
        pub deployment_id: DeploymentId,
        pub number: String,
        pub name: String,
        pub name_key: String,
        pub email: String,
        pub born_on: String,
        pub labels: String,
        pub red: i64,
        pub amber: i64,
        pub grey: i64,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod latest {
    use sea_orm::entity::prelude::*;

    use crate::types::{PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "latest_readings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub patient_id: PatientId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub module: String,
        pub value: String,
        pub severity: String,
        pub at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod reading {
    use sea_orm::entity::prelude::*;

    use crate::types::{PatientId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "readings")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub patient_id: PatientId,
        pub module: String,
        pub value: String,
        pub severity: String,
        pub at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Writes patients with their readings; flags count the last three days' unreviewed entries.
pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    patients: Vec<NewPatient>,
    mut new_id: impl FnMut() -> uuid::Uuid,
    now: Timestamp,
) -> Result<(), DbErr> {
    let (mut people, mut latest_rows, mut readings) = (Vec::new(), Vec::new(), Vec::new());
    for new in patients {
        let Some(deployment_id) = new.scope.deployment else { continue };
        let id: PatientId = Id::from_uuid(new_id());
        let mut latest: HashMap<String, &Reading> = HashMap::new();
        for reading in &new.readings {
            latest.insert(reading.module.clone(), reading);
        }
        let count = |severity: &[Severity]| latest.values().filter(|r| severity.contains(&r.severity)).count() as i64;
        people.push(patient::ActiveModel {
            id: Set(id),
            organisation_id: Set(granted.scope().organisation),
            deployment_id: Set(deployment_id),
            number: Set(new.number),
            name_key: Set(new.name.to_lowercase()),
            name: Set(new.name),
            email: Set(new.email),
            born_on: Set(new.born_on),
            labels: Set(new.labels.join("\n")),
            red: Set(count(&[Severity::Red])),
            amber: Set(count(&[Severity::Amber])),
            grey: Set(count(&[Severity::Green, Severity::None])),
            created_at: Set(now),
        });
        for reading in latest.values() {
            latest_rows.push(latest::ActiveModel {
                patient_id: Set(id),
                module: Set(reading.module.clone()),
                value: Set(reading.value.clone()),
                severity: Set(reading.severity.key().to_owned()),
                at: Set(reading.at),
            });
        }
        for reading in &new.readings {
            readings.push(reading::ActiveModel {
                id: Set(new_id()),
                patient_id: Set(id),
                module: Set(reading.module.clone()),
                value: Set(reading.value.clone()),
                severity: Set(reading.severity.key().to_owned()),
                at: Set(reading.at),
            });
        }
    }
    for chunk in people.chunks(CHUNK) {
        patient::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    for chunk in latest_rows.chunks(CHUNK) {
        latest::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    for chunk in readings.chunks(CHUNK) {
        reading::Entity::insert_many(chunk.to_vec()).exec_without_returning(tx).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Listed {
    id: PatientId,
    number: String,
    name: Option<String>,
    labels: String,
    red: i64,
    amber: i64,
    grey: i64,
}

/// One page of the patients that may be seen, worst first, with one row more than `size`. Names are read only for those who
/// may see them, and searched only then.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    with_names: bool,
    search: &str,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<ListedPatient>, DbErr> {
    let mut sql = ListSql::within("deployment_id", visible.scope().id());
    sql.containing(if with_names { &["LOWER(number)", "name_key"] } else { &["LOWER(number)"] }, search);
    // Worst first, unless the page before is asked for.
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        let counts = cursor.value.split('.').map(|part| part.parse::<i64>().unwrap_or(0));
        let mut place: Vec<sea_orm::Value> = counts.chain([0, 0, 0]).take(3).map(Into::into).collect();
        place.push(cursor.id.into());
        sql.beyond("red, amber, grey, id", place, descending);
    }
    let (end, values) = sql.finish(&["red", "amber", "grey", "id"], descending, size);
    let name = if with_names { "name" } else { "NULL AS name" };
    let sql = format!("SELECT id, number, {name}, labels, red, amber, grey FROM patients {end}");
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values))
        .all(db)
        .await?;
    let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(rows
        .into_iter()
        .map(|row| ListedPatient {
            id: row.id,
            number: row.number,
            name: row.name,
            labels: row.labels.lines().map(str::to_owned).collect(),
            flags: (unsigned(row.red), unsigned(row.amber), unsigned(row.grey)),
            latest: Vec::new(),
        })
        .collect())
}

/// The latest readings of these patients.
pub(super) async fn latest_of(
    db: &impl ConnectionTrait,
    _: &Visible,
    ids: Vec<PatientId>,
) -> Result<HashMap<PatientId, Vec<Reading>>, DbErr> {
    let rows = latest::Entity::find().filter(latest::Column::PatientId.is_in(ids)).all(db).await?;
    let mut latest: HashMap<PatientId, Vec<Reading>> = HashMap::new();
    for row in rows {
        let reading =
            Reading { module: row.module, value: row.value, severity: Severity::from_key(&row.severity), at: row.at };
        latest.entry(row.patient_id).or_default().push(reading);
    }
    Ok(latest)
}
