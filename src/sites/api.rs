//! An organisation's settings for programs: the same actions as the page.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Organisation,
    actions::{self, Asked, Saved},
};
use crate::{
    error::Error,
    identity::door::ApiCaller,
    portal::Portal,
    web::{ApiJson, ApiResult, ProblemBody},
};

/// The routes of this room, with their description.
pub fn routes() -> OpenApiRouter<Portal> {
    OpenApiRouter::new().routes(routes!(show, change))
}

/// The settings.
#[derive(Serialize, ToSchema)]
struct SettingsOut {
    /// `org_…`.
    organisation: String,
    /// Its name.
    name: String,
    /// The IANA time zone of its pages and mails.
    time_zone: String,
    /// Domains that its staff's addresses usually have.
    usual_domains: Vec<String>,
    /// Whether links may be copied although a mail server is set up.
    allow_copy_link: bool,
    /// Whether inviting asks for a reason or a ticket.
    require_reason: bool,
    /// Who must have a second factor: `everybody`, `managers` or `nobody`.
    second_factor: &'static str,
    /// Whether and when those who have not answered are reminded: `off`, `day_before` or `working_days`.
    reminders: &'static str,
    /// Whether the window of a link counts working days and ends with one.
    count_working_days: bool,
    /// Whether invitations to roles that manage access wait for a second manager.
    second_look: bool,
    /// Send it back with a change, so that you change only what you have seen.
    revision: i64,
}

impl From<Organisation> for SettingsOut {
    fn from(of: Organisation) -> Self {
        Self {
            organisation: of.id.to_string(),
            name: of.name,
            time_zone: of.time_zone,
            usual_domains: of.usual_domains,
            allow_copy_link: of.allow_copy_link,
            require_reason: of.require_reason,
            second_factor: of.second_factor.key(),
            reminders: of.reminders.key(),
            count_working_days: of.count_working_days,
            second_look: of.second_look,
            revision: of.revision,
        }
    }
}

/// Show the settings of a scope's organisation.
#[utoipa::path(get, path = "/scopes/{scope}/settings", tag = "Settings", params(("scope" = String, Path, description = "`org_…`, or a deployment of it")),
    responses((status = 200, body = SettingsOut), (status = 403, body = ProblemBody, description = "Only for Admins of the whole organisation"), (status = 404, body = ProblemBody)))]
async fn show(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
) -> ApiResult<Json<SettingsOut>> {
    let scope = actions::scope_for(&portal, &caller, &scope).await?;
    Ok(Json(actions::show_settings(&portal, &caller, scope).await?.into()))
}

/// What to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SettingsIn {
    /// Its name.
    name: Option<String>,
    /// The IANA time zone of its pages and mails.
    time_zone: Option<String>,
    /// Domains that its staff's addresses usually have.
    usual_domains: Option<Vec<String>>,
    /// Whether links may be copied although a mail server is set up.
    allow_copy_link: Option<bool>,
    /// Whether inviting asks for a reason or a ticket.
    require_reason: Option<bool>,
    /// Who must have a second factor: `everybody`, `managers` or `nobody`.
    second_factor: Option<String>,
    /// Whether and when those who have not answered are reminded: `off`, `day_before` or `working_days`.
    reminders: Option<String>,
    /// Whether the window of a link counts working days and ends with one.
    count_working_days: Option<bool>,
    /// Whether invitations to roles that manage access wait for a second manager.
    second_look: Option<bool>,
    /// The revision that you have seen.
    revision: Option<i64>,
    /// `true` where a change asks first: when fewer people will have to give a second factor.
    #[serde(default)]
    confirmed: bool,
}

impl SettingsIn {
    fn asked(self) -> Asked {
        let switch = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let values = [
            ("name", self.name),
            ("time_zone", self.time_zone),
            ("usual_domains", self.usual_domains.map(|domains| domains.join("\n"))),
            ("allow_copy_link", self.allow_copy_link.map(switch)),
            ("require_reason", self.require_reason.map(switch)),
            ("second_factor", self.second_factor),
            ("reminders", self.reminders),
            ("count_working_days", self.count_working_days.map(switch)),
            ("second_look", self.second_look.map(switch)),
        ];
        let values = values.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Asked { values: values.collect(), revision: self.revision, confirmed: self.confirmed }
    }
}

/// Change settings of a scope's organisation.
#[utoipa::path(patch, path = "/scopes/{scope}/settings", tag = "Settings", params(("scope" = String, Path, description = "`org_…`, or a deployment of it")),
    request_body = SettingsIn, responses((status = 200, body = SettingsOut), (status = 403, body = ProblemBody, description = "Only for Admins of the whole organisation"), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody, description = "Changed by somebody else meanwhile, or it must be confirmed"), (status = 422, body = ProblemBody)))]
async fn change(
    State(portal): State<Portal>,
    ApiCaller(caller): ApiCaller,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<SettingsIn>,
) -> ApiResult<Json<SettingsOut>> {
    let scope = actions::scope_for(&portal, &caller, &scope).await?;
    match actions::change_settings(&portal, &caller, scope, &asked.asked()).await? {
        Saved::Done(organisation, _) => Ok(Json(organisation.into())),
        Saved::Asks(questions) => {
            Err(Error::Conflict(format!("{} Send “confirmed”: true to do it", questions.join(" "))).into())
        }
    }
}
