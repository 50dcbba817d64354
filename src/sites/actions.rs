//! Finding one's place, and setting up an organisation.

mod settings;

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use serde_json::json;

pub use settings::{Asked, Saved, change_settings, show_settings};

use super::{
    Deployment, Organisation, Place, Reminders, SecondFactorFor, Totals, settings::read_domains, settings::read_name,
    settings::read_zone, store,
};
use crate::{
    access::{Actor, Administers, Permission, Scope},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    portal::Portal,
    types::{DeploymentId, OrganisationId, PersonName},
};

/// The place that a scope's printed id names: `org_…` or `dep_…`.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub async fn find_place(db: &impl ConnectionTrait, id: &str) -> Result<Place> {
    if let Ok(organisation) = id.parse::<OrganisationId>() {
        let organisation = store::find_organisation(db, organisation).await?.ok_or(Error::NotFound)?;
        return Ok(Place { scope: Scope::organisation(organisation.id), organisation, deployment: None });
    }
    let id: DeploymentId = id.parse().map_err(|_| Error::NotFound)?;
    let deployment = store::find_deployment(db, id).await?.ok_or(Error::NotFound)?;
    let organisation = store::find_organisation(db, deployment.organisation).await?.ok_or(Error::NotFound)?;
    Ok(Place { scope: Scope::deployment(organisation.id, deployment.id), organisation, deployment: Some(deployment) })
}

/// The place of a scope.
///
/// # Errors
/// [`Error::NotFound`] when it is gone.
pub async fn place_of(db: &impl ConnectionTrait, scope: Scope) -> Result<Place> {
    find_place(db, &scope.to_string()).await
}

/// The place that a scope's printed id names, if the actor has any access there; otherwise as if there were none.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn place_for(portal: &Portal, actor: &Actor, id: &str) -> Result<Place> {
    let place = find_place(portal.db.reader(), id).await?;
    if actor.reaches(&place.scope) { Ok(place) } else { Err(Error::NotFound) }
}

/// The places where the actor has a membership of their own, for the switcher.
///
/// # Errors
/// When the database fails.
pub async fn places_of(portal: &Portal, actor: &Actor) -> Result<Vec<Place>> {
    let mut places = Vec::with_capacity(actor.memberships.len());
    for membership in &actor.memberships {
        places.push(place_of(portal.db.reader(), membership.scope).await?);
    }
    Ok(places)
}

/// The scope that a printed id names, if the caller has any access there; otherwise as if there were none.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn scope_for(portal: &Portal, caller: &Caller, id: &str) -> Result<Scope> {
    Ok(place_for(portal, caller.actor()?, id).await?.scope)
}

/// The names of all deployments of an organisation, for lists; [`super::level`] says one of them.
///
/// # Errors
/// When the database fails.
pub async fn deployment_names(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
) -> Result<HashMap<DeploymentId, String>> {
    let deployments = store::deployments_of(db, organisation).await?;
    Ok(deployments.into_iter().map(|deployment| (deployment.id, deployment.name)).collect())
}

/// The organisations in which those who have not answered are reminded.
///
/// # Errors
/// When the database fails.
pub async fn reminding(db: &impl ConnectionTrait) -> Result<Vec<OrganisationId>> {
    Ok(store::reminding(db).await?)
}

/// The deployments of an organisation with their totals, by name.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_deployments(portal: &Portal, caller: &Caller, scope: Scope) -> Result<Vec<(Deployment, Totals)>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let deployments = store::deployments_of(portal.db.reader(), scope.organisation).await?;
    let mut totals = store::totals(portal.db.reader(), &visible, portal.now()).await?;
    Ok(deployments.into_iter().map(|d| (d.clone(), totals.remove(&d.id).unwrap_or_default())).collect())
}

/// Makes an organisation. Only the machine's own command line can: there is nobody yet who could grant it.
///
/// # Errors
/// [`Error::Invalid`] for a bad name or time zone.
pub async fn create_organisation(
    op: &mut Op,
    name: &str,
    time_zone: &str,
    usual_domains: Vec<String>,
) -> Result<Organisation> {
    let name = read_name(name).map_err(|bad| Error::field("organisation", bad))?;
    let time_zone = read_zone(time_zone).map_err(|bad| Error::field("time-zone", bad))?;
    let usual_domains = read_domains(&usual_domains.join("\n")).map_err(|bad| Error::field("domains", bad))?;
    let organisation = Organisation {
        id: op.new_id(),
        name,
        time_zone,
        usual_domains,
        allow_copy_link: false,
        require_reason: false,
        reminders: Reminders::Off,
        count_working_days: false,
        second_look: false,
        second_factor: SecondFactorFor::Everybody,
        revision: 1,
    };
    store::insert_organisation(op.tx(), &organisation, op.now()).await?;
    let scope = Scope::organisation(organisation.id);
    op.record(Event::done("organisation.created", organisation.id, scope, json!({ "name": organisation.name })));
    Ok(organisation)
}

/// Makes a deployment; for those who may assign staff to the whole organisation.
///
/// # Errors
/// When the caller may not, or the name is bad.
pub async fn create_deployment(
    portal: &Portal,
    caller: &Caller,
    organisation: OrganisationId,
    name: &str,
) -> Result<Deployment> {
    let name = PersonName::parse(name).map_err(|bad| Error::field("name", bad.to_string()))?;
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManageStaff, Scope::organisation(organisation)).await?;
    let deployment = Deployment { id: op.new_id(), organisation, name: name.to_string() };
    store::insert_deployment(op.tx(), &granted, &deployment, op.now()).await?;
    let scope = Scope::deployment(organisation, deployment.id);
    op.record(Event::done("deployment.created", deployment.id, scope, json!({ "name": deployment.name })));
    op.commit().await?;
    Ok(deployment)
}

/// The generation of the address to which an organisation's bounces are reported; none when there is no such organisation.
///
/// # Errors
/// When the database fails.
pub async fn bounce_generation(db: &impl ConnectionTrait, organisation: OrganisationId) -> Result<Option<i64>> {
    Ok(store::bounce_generation(db, organisation).await?)
}

/// Makes that address anew, and gives its generation.
///
/// # Errors
/// When the database fails.
pub async fn raise_bounce_generation(op: &Op, proof: &Administers) -> Result<i64> {
    store::raise_bounce_generation(op.tx(), proof).await?;
    store::bounce_generation(op.tx(), proof.organisation()).await?.ok_or(Error::NotFound)
}
