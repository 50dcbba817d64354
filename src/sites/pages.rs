//! The frame around every page of somebody who is signed in, the start page, and the list of deployments.

mod settings;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use axum_extra::extract::CookieJar;

use super::{Place, actions};
use crate::{
    access::{Actor, Permission, Scope},
    error::Result,
    identity::door::SignedIn,
    outbox::{
        self,
        life::{self, Stage},
    },
    portal::Portal,
    web::{Frame, Link, PageResult, ViewFilter, ViewGroup, When, cookies, page, see_other},
};

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/", get(home))
        .route("/{scope}", get(show))
        .route("/{scope}/settings", get(settings::show).post(settings::submit))
}

/// The frame of a page in `place`, with only what the person may do there.
///
/// # Errors
/// When the database fails.
pub async fn frame(portal: &Portal, actor: &Actor, place: &Place, title: &str) -> Result<Frame> {
    let mut places = Vec::new();
    if actor.memberships.len() > 1 {
        for other in actions::places_of(portal, actor).await? {
            places.push(Link::new(other.full_name(), other.scope.path(), other.scope == place.scope));
        }
    }
    Ok(Frame {
        person: Some(actor.name.clone()),
        home: actor
            .memberships
            .iter()
            .find(|m| m.scope.covers(&place.scope))
            .map_or_else(|| "/".to_owned(), |m| m.scope.path()),
        organisation: place.organisation.name.clone(),
        deployment: place.deployment.as_ref().map(|deployment| deployment.name.clone()),
        places,
        scope_path: place.scope.path(),
        at_organisation: place.deployment.is_none(),
        can_view_staff: actor.may(Permission::ViewStaff, &place.scope),
        can_invite: actor.may(Permission::InviteStaff, &place.scope),
        can_view_audit: actor.may(Permission::ViewAudit, &place.scope),
        settings_path: actor
            .administers(place.scope.organisation)
            .ok()
            .map(|proof| format!("{}/settings", Scope::organisation(proof.organisation()).path())),
        emergency_path: emergency_path(actor, place.scope),
        programme_path: actor.runs(place.scope).ok().map(|_| format!("{}/programme", place.scope.path())),
        can_edit_roles: actor.may(Permission::EditRoles, &place.scope),
        session_left: actor.session_ends_at.map(|at| (at.0 - portal.now().0) / 1000),
        session_of: actor.account.to_string(),
        ..Frame::plain(&portal.config, title)
    })
}

/// Where somebody asks for an emergency access: at their own place, because they do not reach the patient's. Whoever reaches the
/// whole organisation needs none.
fn emergency_path(actor: &Actor, scope: Scope) -> Option<String> {
    let everywhere = actor.may(Permission::ViewPatientData, &Scope::organisation(scope.organisation));
    let own = actor.clinician_at(scope).filter(|_| !everywhere)?;
    Some(format!("{}/emergency", own.path()))
}

/// The lists between which the title row's filter switches, at either level.
pub fn view_filter(actor: &Actor, place: &Place, current: &str) -> ViewFilter {
    let path = place.scope.path();
    let mut staff = Vec::new();
    if actor.may(Permission::ViewStaff, &place.scope) {
        staff.push(Link::new("All staff members", format!("{path}/staff"), current == "All staff members"));
    }
    if actor.may(Permission::InviteStaff, &place.scope) {
        staff.push(Link::new(
            "Pending staff invitations",
            format!("{path}/invitations"),
            current == "Pending staff invitations",
        ));
        staff.push(Link::new("Plans", format!("{path}/plans"), current == "Plans"));
    }
    if actor.may(Permission::ManageStaff, &place.scope) {
        staff.push(Link::new("Access review", format!("{path}/review"), current == "Access review"));
    }
    let log = [("Access log", "access-log"), ("Emergency accesses", "emergencies")];
    let log = log.map(|(name, end)| Link::new(name, format!("{path}/{end}"), current == name));
    let log = log.into_iter().filter(|_| actor.may(Permission::ViewAudit, &place.scope));
    let (label, groups) = if place.deployment.is_some() {
        let patients = vec![Link::new("All patients", format!("{path}/patients"), current == "All patients")];
        (
            "Overview",
            vec![
                ViewGroup { heading: "Patients", links: patients },
                ViewGroup { heading: "Staff members", links: staff },
                ViewGroup { heading: "Access", links: log.collect() },
            ],
        )
    } else {
        let mut links = vec![Link::new("My Deployments", path, current == "My Deployments")];
        links.append(&mut staff);
        links.extend(log);
        ("View", vec![ViewGroup { heading: "", links }])
    };
    let groups = groups.into_iter().filter(|group| !group.links.is_empty()).collect();
    ViewFilter { label, current: current.to_owned(), groups }
}

/// The frame with the message that the page before left, and the cookies without it.
///
/// # Errors
/// When the database fails.
pub async fn frame_with_flash(
    portal: &Portal,
    actor: &Actor,
    place: &Place,
    title: &str,
    jar: CookieJar,
) -> Result<(CookieJar, Frame)> {
    let mut frame = frame(portal, actor, place, title).await?;
    let (jar, flash) = cookies::take_flash(&portal.config, jar);
    frame.flash = flash;
    if frame.can_invite {
        frame.mail_trouble = mail_trouble(portal, place).await?;
    }
    Ok((jar, frame))
}

/// Said to those who may invite while their mails only fail; it goes by itself with the first that leaves.
async fn mail_trouble(portal: &Portal, place: &Place) -> Result<Option<String>> {
    let now = portal.now();
    let blocked = outbox::blocked(portal.db.reader(), place.organisation.id, now).await?;
    Ok(blocked.map(|blocked| {
        let since = When::new(blocked.since, now, &place.time_zone());
        let mails = if blocked.waiting == 1 {
            "1 mail waits and will leave by itself".to_owned()
        } else {
            format!("{} mails wait and will leave by themselves", blocked.waiting)
        };
        let why = life::reason(Stage::TryingAgain, &blocked.answer).map_or("", |reason| reason.sentence);
        format!(
            "Mail is not flowing since {} ({}). {mails}; there is no need to invite anybody again. {why}: “{}”",
            since.exact, since.relative, blocked.answer
        )
    }))
}

#[derive(Template)]
#[template(path = "no_access.html")]
struct NoAccessPage {
    frame: Frame,
    /// Where access begins later, as what, and when.
    coming: Vec<Coming>,
}

/// Access that begins later.
pub struct Coming {
    place: String,
    role: String,
    begins: When,
}

async fn coming(portal: &Portal, caller: &crate::op::Caller) -> Result<Vec<Coming>> {
    let mut coming = Vec::new();
    for access in crate::staff::actions::coming_access(portal, caller).await? {
        let place = actions::place_of(portal.db.reader(), access.scope).await?;
        let begins = When::new(access.starts_at, portal.now(), &place.time_zone());
        coming.push(Coming { place: place.full_name(), role: access.role.name, begins });
    }
    Ok(coming)
}

/// Leads to the place where the person works.
async fn home(State(portal): State<Portal>, SignedIn(caller): SignedIn) -> PageResult {
    let actor = caller.actor()?;
    match actor.memberships.first() {
        Some(membership) => Ok(see_other(&membership.scope.path())),
        None => {
            let coming = coming(&portal, &caller).await?;
            let title = if coming.is_empty() { "No access" } else { "Your access begins later" };
            let frame = Frame { person: Some(actor.name.clone()), ..Frame::plain(&portal.config, title) };
            page(&NoAccessPage { frame, coming })
        }
    }
}

/// A total over all deployments.
pub struct Total {
    label: &'static str,
    value: String,
}

/// A deployment in the list.
pub struct DeploymentRow {
    name: String,
    url: String,
    patients: u64,
    staff: u64,
    pending: u64,
    red: u64,
    amber: u64,
}

#[derive(Template)]
#[template(path = "deployments.html")]
struct DeploymentsPage {
    frame: Frame,
    view: ViewFilter,
    totals: Vec<Total>,
    deployments: Vec<DeploymentRow>,
}

/// A scope's own start page: the deployments of an organisation, or the patients of a deployment.
async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = actions::place_for(&portal, actor, &scope).await?;
    if place.deployment.is_some() {
        return Ok(see_other(&format!("{}/patients", place.scope.path())));
    }
    let listed = actions::list_deployments(&portal, &caller, place.scope).await?;
    let sum =
        |count: fn(&super::Totals) -> u64| listed.iter().map(|(_, totals)| count(totals)).sum::<u64>().to_string();
    let totals = vec![
        Total { label: "Deployments", value: listed.len().to_string() },
        Total { label: "Patients", value: sum(|totals| totals.patients) },
    ];
    let deployments = listed
        .into_iter()
        .map(|(deployment, totals)| DeploymentRow {
            url: format!("/{}", deployment.id),
            name: deployment.name,
            patients: totals.patients,
            staff: totals.staff,
            pending: totals.pending,
            red: totals.red,
            amber: totals.amber,
        })
        .collect();
    let view = view_filter(actor, &place, "My Deployments");
    let (jar, frame) = frame_with_flash(&portal, actor, &place, "My Deployments", jar).await?;
    let response: Response = page(&DeploymentsPage { frame, view, totals, deployments })?;
    Ok((jar, response).into_response())
}
