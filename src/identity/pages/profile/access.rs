//! "What I may do, and who gave it to me".

use super::Words;
use crate::{
    access::Permission,
    error::Result,
    op::Caller,
    portal::Portal,
    sites, staff,
    web::{When, frame::day},
};

/// One place where the person has access.
pub struct Row {
    pub(super) place: String,
    pub(super) role: String,
    /// Each permission with its sentence.
    pub(super) permissions: Vec<(&'static str, &'static str)>,
    pub(super) given_by: String,
    pub(super) since: Option<When>,
    /// When it begins, if that is still to come.
    pub(super) begins: Option<When>,
    pub(super) until: Option<String>,
    /// The access log's page about this person, for those who may read it.
    pub(super) why: Option<String>,
}

pub(super) async fn rows(portal: &Portal, caller: &Caller, words: &Words) -> Result<Vec<Row>> {
    let actor = caller.actor()?;
    let mut rows = Vec::new();
    for own in staff::actions::own_access(portal, caller).await? {
        let place = sites::actions::place_of(portal.db.reader(), own.scope).await?;
        let zone = place.time_zone();
        let may_read = actor.may(Permission::ViewAudit, &own.scope);
        rows.push(Row {
            place: place.full_name(),
            role: own.role.name,
            permissions: own.role.permissions.iter().map(|p| (p.label(), p.sentence())).collect(),
            given_by: if own.given_by.is_empty() { "The portal's set-up".to_owned() } else { own.given_by },
            since: Some(When::new(own.joined_at, words.now, &zone)),
            begins: None,
            until: own.ends_at.map(|at| day(at, &zone)),
            why: may_read.then(|| format!("{}/access-log/why/{}", own.scope.path(), actor.account)),
        });
    }
    for coming in staff::actions::coming_access(portal, caller).await? {
        let place = sites::actions::place_of(portal.db.reader(), coming.scope).await?;
        rows.push(Row {
            place: place.full_name(),
            permissions: coming.role.permissions.iter().map(|p| (p.label(), p.sentence())).collect(),
            role: coming.role.name,
            given_by: String::new(),
            since: None,
            begins: Some(When::new(coming.starts_at, words.now, &place.time_zone())),
            until: None,
            why: None,
        });
    }
    Ok(rows)
}
