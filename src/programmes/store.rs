//! The rows of what deployments follow and offer.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use super::{Followed, Programme};
use crate::{
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
