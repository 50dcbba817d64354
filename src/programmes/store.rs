//! The rows of what deployments follow and offer.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Followed, Offer, Programme};
use crate::{
    access::Runs,
    db::Tx,
    readings::{MODULES, Module},
    types::DeploymentId,
};

#[derive(FromQueryResult)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
struct Switches {
    labels: bool,
    offboarding: bool,
    messages: bool,
    custom_messages: bool,
    appointments: bool,
    call_link: String,
    revision: i64,
}

#[derive(FromQueryResult)]
struct FollowedRow {
    module: String,
    bands: String,
    samples: bool,
}

/// What a deployment follows and offers; none when there is no such deployment.
pub(super) async fn find(db: &impl ConnectionTrait, id: DeploymentId) -> Result<Option<Programme>, DbErr> {
    let asked = |sql: &str| Statement::from_sql_and_values(db.get_database_backend(), sql, [Value::from(id)]);
    let switches = Switches::find_by_statement(asked(
        "SELECT labels, offboarding, messages, custom_messages, appointments, call_link, revision FROM deployments WHERE id = $1",
    ));
    let Some(switches) = switches.one(db).await? else { return Ok(None) };
    let rows = FollowedRow::find_by_statement(asked(
        "SELECT module, bands, samples FROM followed_modules WHERE deployment_id = $1 ORDER BY position",
    ));
    let rows = rows.all(db).await?;
    let modules = if rows.is_empty() {
        let all = MODULES.iter();
        all.map(|module| Followed { module, bands: module.sample_bands(), samples: true }).collect()
    } else {
        rows.into_iter().filter_map(followed).collect()
    };
    let texts = db
        .query_all_raw(asked("SELECT text FROM predefined_messages WHERE deployment_id = $1 ORDER BY position"))
        .await?;
    let predefined = texts.iter().map(|row| row.try_get("", "text")).collect::<Result<_, _>>()?;
    Ok(Some(Programme {
        modules,
        labels: switches.labels,
        offboarding: switches.offboarding,
        messages: switches.messages,
        custom_messages: switches.custom_messages,
        appointments: switches.appointments,
        call_link: switches.call_link,
        predefined,
        revision: switches.revision,
    }))
}

/// A module that this program does not know any more is left out.
fn followed(row: FollowedRow) -> Option<Followed> {
    let module = Module::find(&row.module)?;
    let bands = serde_json::from_str(&row.bands).unwrap_or_default();
    Some(Followed { module, bands, samples: row.samples })
}

/// Writes what the deployment offers; false when somebody else has changed its programme since `seen`.
pub(super) async fn update_offer(tx: &Tx, proof: &Runs, offer: &Offer, seen: i64) -> Result<bool, DbErr> {
    let sql = "UPDATE deployments SET labels = $3, offboarding = $4, messages = $5, custom_messages = $6, appointments = $7, \
        call_link = $8, revision = revision + 1 WHERE id = $1 AND revision = $2";
    let values: Vec<Value> = vec![
        proof.deployment().into(),
        seen.into(),
        offer.labels.into(),
        offer.offboarding.into(),
        offer.messages.into(),
        offer.custom_messages.into(),
        offer.appointments.into(),
        offer.call_link.trim().to_owned().into(),
    ];
    if run(tx, sql, values).await? == 0 {
        return Ok(false);
    }
    run(tx, "DELETE FROM predefined_messages WHERE deployment_id = $1", vec![proof.deployment().into()]).await?;
    for (position, text) in (0_i64..).zip(offer.ready()) {
        let values = vec![proof.deployment().into(), position.into(), text.into()];
        run(tx, "INSERT INTO predefined_messages (deployment_id, position, text) VALUES ($1, $2, $3)", values).await?;
    }
    Ok(true)
}

/// Writes what the deployment follows; false when somebody else has changed its programme since `seen`.
pub(super) async fn update_modules(tx: &Tx, proof: &Runs, modules: &[Followed], seen: i64) -> Result<bool, DbErr> {
    let sql = "UPDATE deployments SET revision = revision + 1 WHERE id = $1 AND revision = $2";
    if run(tx, sql, vec![proof.deployment().into(), seen.into()]).await? == 0 {
        return Ok(false);
    }
    run(tx, "DELETE FROM followed_modules WHERE deployment_id = $1", vec![proof.deployment().into()]).await?;
    for (position, followed) in (0_i64..).zip(modules) {
        let bands = serde_json::to_string(&followed.bands).map_err(|error| DbErr::Custom(error.to_string()))?;
        let values = vec![
            proof.deployment().into(),
            followed.module.key.into(),
            position.into(),
            bands.into(),
            followed.samples.into(),
        ];
        run(tx, "INSERT INTO followed_modules (deployment_id, module, position, bands, samples) VALUES ($1, $2, $3, $4, $5)", values)
            .await?;
    }
    Ok(true)
}

async fn run(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?.rows_affected())
}
