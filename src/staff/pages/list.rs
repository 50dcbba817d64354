//! The list itself.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{ListQuery, actions, tomorrow};
use crate::{
    access::{self, Actor, Permission, Role},
    identity::door::SignedIn,
    portal::Portal,
    sites::{self, Place},
    staff::{Sort, StaffMember},
    types::{Cursor, DeploymentId, Timestamp},
    web::{
        Choice, Frame, Kept, Link, PageResult, Pager, SortHead, ViewFilter, When,
        frame::{day, exact},
        lists::ListAddress,
        page,
    },
};

const TITLE: &str = "All staff members";
const PAGE: usize = 50;
/// From when on an end of access is pointed out: a week ahead, as the mail does.
const SOON_MS: i64 = 7 * 24 * 3600 * 1000;

/// A person in the list.
pub struct StaffRow {
    membership: String,
    account: String,
    name: String,
    email: String,
    role: String,
    /// The roles that may be given instead, with the present one; empty when nothing may be changed.
    choices: Vec<Choice>,
    /// Why nothing may be changed; none for people who manage nobody here.
    locked: Option<String>,
    level: String,
    joined: When,
    last_seen: Option<When>,
    /// In words, if it is still to come.
    begins: Option<String>,
    ends: Option<Ends>,
    you: bool,
    address_proven: bool,
    /// Whether the row leads to the access log's page about this person.
    can_ask_why: bool,
}

/// The end of somebody's access.
pub struct Ends {
    words: String,
    exact: String,
    soon: bool,
}

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage {
    frame: Frame,
    view: ViewFilter,
    place: String,
    list_menu: bool,
    can_manage: bool,
    /// What forms carry along to come back to this very page.
    carry: String,
    carry_encoded: String,
    bulk_roles: Vec<Choice>,
    min_date: String,
    search: String,
    keep: Vec<Kept>,
    role_filter: Vec<Link>,
    heads: Vec<SortHead>,
    staff: Vec<StaffRow>,
    pager: Pager,
    empty: Option<String>,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let query = actions::Query {
        search: asked.search(),
        role: asked.role.parse().ok(),
        sort: Sort::from_key(&asked.sort).unwrap_or_default(),
        descending: asked.order == "desc",
        from: Cursor::decode(&asked.from),
    };
    let found = actions::list_staff(&portal, &caller, place.scope, &query, PAGE).await?;
    let address = asked.address(&place);
    let pager = address.pager(&found);
    let words = Words::read(&portal, actor, &place).await?;
    let carry = asked.to_carry(&place);
    let staff: Vec<_> = found.rows.into_iter().map(|row| words.row(row)).collect();
    let empty = match (query.search.as_str(), query.role) {
        ("", None) => None,
        ("", Some(_)) => Some("Nobody here has this role.".to_owned()),
        (search, None) => Some(format!("Nobody's name or e-mail contains “{search}”.")),
        (search, Some(_)) => Some(format!("Nobody with this role has a name or e-mail that contains “{search}”.")),
    };
    let view = sites::pages::view_filter(actor, &place, TITLE);
    let (jar, mut frame) = sites::pages::frame_with_flash(&portal, actor, &place, TITLE, jar).await?;
    if let Some(undo) = frame.flash.as_mut().and_then(|flash| flash.undo.as_mut()) {
        undo.list.clone_from(&carry);
    }
    let page = page(&StaffPage {
        list_menu: frame.can_invite || frame.can_edit_roles,
        frame,
        view,
        place: place.full_name(),
        can_manage: words.can_manage,
        carry_encoded: url::form_urlencoded::byte_serialize(carry.as_bytes()).collect(),
        carry,
        bulk_roles: words.bulk_roles(&staff),
        min_date: tomorrow(&place, portal.now()),
        keep: address.kept("q"),
        role_filter: role_filter(&address, &words.roles, &asked.role),
        heads: heads(&address, query.sort, query.descending),
        search: query.search,
        staff,
        pager,
        empty,
    })?;
    Ok((jar, page).into_response())
}

fn role_filter(address: &ListAddress, roles: &[Role], current: &str) -> Vec<Link> {
    let all = std::iter::once(address.link("All roles", "role", "", current.is_empty()));
    let one = roles.iter().map(|role| {
        let key = role.key.to_string();
        address.link(&role.name, "role", &key, current == key)
    });
    all.chain(one).collect()
}

fn heads(address: &ListAddress, sort: Sort, descending: bool) -> Vec<SortHead> {
    let sort = Sort::ALL.iter().find(|(known, ..)| *known == sort).map_or("", |(_, key, _)| key);
    let head = |label, key| address.head(label, key, sort, descending);
    let fixed = |label| SortHead { label, ..SortHead::default() };
    vec![
        head("Name", "name"),
        head("E-mail", "email"),
        fixed("Role"),
        fixed("Level"),
        head("Joined", "joined"),
        fixed("Last seen"),
    ]
}

/// What turns rows into words.
struct Words<'a> {
    actor: &'a Actor,
    place: &'a Place,
    now: Timestamp,
    zone: jiff::tz::TimeZone,
    roles: Vec<Role>,
    deployments: std::collections::HashMap<DeploymentId, String>,
    can_manage: bool,
}

impl<'a> Words<'a> {
    async fn read(portal: &Portal, actor: &'a Actor, place: &'a Place) -> crate::error::Result<Self> {
        Ok(Self {
            actor,
            place,
            now: portal.now(),
            zone: place.time_zone(),
            roles: access::roles_of(portal.db.reader(), place.scope.organisation).await?,
            deployments: sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?,
            can_manage: actor.may(Permission::ManageStaff, &place.scope),
        })
    }

    fn row(&self, row: StaffMember) -> StaffRow {
        let (choices, locked) = self.choices(&row);
        StaffRow {
            membership: row.membership.to_string(),
            account: row.account.to_string(),
            you: row.account == self.actor.account,
            role: self.role_name(&row.role),
            choices,
            locked,
            level: sites::level(&self.deployments, row.scope.deployment),
            joined: When::new(row.joined_at, self.now, &self.zone),
            last_seen: row.last_seen_at.map(|at| When::new(at, self.now, &self.zone)),
            begins: row.starts_at.filter(|at| *at > self.now).map(|at| format!("Begins {}", day(at, &self.zone))),
            ends: row.ends_at.map(|at| self.ends(at)),
            name: row.name,
            email: row.email,
            address_proven: row.address_proven,
            can_ask_why: self.actor.may(Permission::ViewAudit, &row.scope),
        }
    }

    fn role_name(&self, key: &str) -> String {
        self.roles.iter().find(|role| role.key.to_string() == key).map_or_else(|| key.to_owned(), |r| r.name.clone())
    }

    fn ends(&self, at: Timestamp) -> Ends {
        let soon = at.0 - self.now.0 <= SOON_MS;
        let words = if soon {
            format!("Ends {}", When::new(at, self.now, &self.zone).relative)
        } else {
            format!("Until {}", day(at, &self.zone))
        };
        Ends { words, exact: exact(at, &self.zone), soon }
    }

    /// Exactly the roles that this person may give to that colleague, or why none.
    fn choices(&self, row: &StaffMember) -> (Vec<Choice>, Option<String>) {
        if !self.can_manage {
            return (Vec::new(), None);
        }
        match actions::roles_for(self.actor, self.place.scope, row, &self.roles) {
            Ok(roles) => (roles.into_iter().map(|role| self.choice(role, &row.role)).collect(), None),
            Err(refusal) => (Vec::new(), Some(refusal.to_string())),
        }
    }

    fn choice(&self, role: &Role, current: &str) -> Choice {
        let value = role.key.to_string();
        Choice { selected: value == current, label: role.name.clone(), value }
    }

    /// The roles that somebody of this page may be given, for several at once.
    fn bulk_roles(&self, staff: &[StaffRow]) -> Vec<Choice> {
        let offered = |key: &str| staff.iter().any(|row| row.choices.iter().any(|choice| choice.value == key));
        let roles = self.roles.iter().filter(|role| offered(&role.key.to_string()));
        roles
            .map(|role| {
                let mut choice = self.choice(role, "");
                // Two deployments may each have a role of this name.
                let only_in = role.deployment.filter(|id| self.place.scope.deployment != Some(*id));
                if let Some(name) = only_in.and_then(|id| self.deployments.get(&id)) {
                    choice.label = format!("{} ({name})", role.name);
                }
                choice
            })
            .collect()
    }
}
