//! The list of roles: the default ones, then the organisation's own.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{people, permissions, reason};
use crate::{
    access::RoleKey,
    identity::door::SignedIn,
    portal::Portal,
    roles::{Locked, actions},
    sites,
    web::{Frame, PageResult, page},
};

/// A role in the list.
pub struct RoleLine {
    key: String,
    name: String,
    sentence: String,
    place: String,
    holders: String,
    permissions: String,
    locked: Option<String>,
}

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    frame: Frame,
    defaults: Vec<RoleLine>,
    own: Vec<RoleLine>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let rows = actions::list_roles(&portal, &caller, place.scope).await?;
    let deployments = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    let (mut defaults, mut own) = (Vec::new(), Vec::new());
    for row in rows {
        let role = row.role;
        let line = RoleLine {
            key: role.key.to_string(),
            sentence: role.sentence(),
            place: sites::level(&deployments, role.deployment),
            holders: people(row.holders),
            permissions: permissions(role.permissions.iter().count()),
            locked: match &row.locked {
                None | Some(Locked::Default) => None,
                Some(locked) => Some(reason(locked, &role)),
            },
            name: role.name,
        };
        if matches!(role.key, RoleKey::Default(_)) { defaults.push(line) } else { own.push(line) }
    }
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, "Edit roles", jar).await?;
    Ok((jar, page(&RolesPage { frame, defaults, own })?).into_response())
}
