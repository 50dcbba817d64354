//! Who may do what, a second time: written plainly from the specification, with names instead of bits, and sharing nothing with the
//! product but the table of what the default roles permit. Kept short enough to be checked by reading it once.

use std::{collections::BTreeSet, rc::Rc};

use care_portal::access::DefaultRole;

/// The keys of permissions.
pub type Keys = BTreeSet<&'static str>;

/// An organisation, or a deployment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub organisation: u8,
    pub deployment: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct Role {
    /// `admin` and so on, or a name of the organisation's own.
    pub name: String,
    pub permissions: Keys,
    pub delegates: Keys,
    /// Set when the role exists in one deployment only.
    pub deployment: Option<u8>,
}

/// That the one who acts holds a role somewhere.
#[derive(Clone, Debug)]
pub struct Holding {
    pub place: Place,
    pub role: Rc<Role>,
    pub ends: Option<i64>,
}

/// An API key, which only ever takes away.
#[derive(Clone, Debug)]
pub struct Key {
    pub place: Place,
    pub permissions: Keys,
}

/// Somebody who is to be changed.
#[derive(Clone, Debug)]
pub struct Person {
    pub place: Place,
    pub role: Rc<Role>,
    /// Whether it is the very one who acts.
    pub own: bool,
    /// Whether nobody else is Admin of the whole organisation without an end.
    pub last_admin: bool,
}

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// The role, the place, and the permission by which: for an invitation, a change of role, a new role, ….
    Give(Rc<Role>, Place, &'static str),
    /// The person, and the role to have instead.
    Change(Person, Rc<Role>),
    Remove(Person),
    SetEnd(Person, Option<i64>),
    MakeRole(Rc<Role>, Place),
    /// The role as it was and as it will be.
    EditRole(Rc<Role>, Rc<Role>, Place),
    DeleteRole(Rc<Role>, Place),
}

/// A permission with what comes along: nobody invites or changes people whom they cannot see.
pub fn closed(keys: &[&'static str]) -> Keys {
    let mut closed: Keys = keys.iter().copied().collect();
    if closed.contains("invite_staff") || closed.contains("manage_staff") {
        closed.insert("view_staff");
    }
    closed
}

pub fn default_role(role: DefaultRole) -> Role {
    let keys = |role: DefaultRole| role.permissions().iter().map(|permission| permission.key()).collect::<Keys>();
    let hands_out_everything = matches!(role.key(), "admin" | "access_controller");
    let delegates = if hands_out_everything { keys(DefaultRole::Admin) } else { keys(role) };
    Role { name: role.key().to_owned(), permissions: keys(role), delegates, deployment: None }
}

/// One of the organisation's own. Everybody sees patient data.
pub fn own_role(name: &str, keys: &[&'static str], deployment: Option<u8>) -> Role {
    let mut permissions = closed(keys);
    permissions.insert("view_patient_data");
    Role { name: name.to_owned(), delegates: permissions.clone(), permissions, deployment }
}

fn covers(wide: Place, narrow: Place) -> bool {
    wide.organisation == narrow.organisation && (wide.deployment.is_none() || wide.deployment == narrow.deployment)
}

/// The decision: `holdings` are all that the one who acts ever got and that nobody took away.
pub fn may(holdings: &[Holding], key: Option<&Key>, now: i64, action: &Action) -> bool {
    let live: Vec<&Holding> = holdings.iter().filter(|holding| holding.ends.is_none_or(|end| end > now)).collect();
    let holds = |role: &Role| live.iter().any(|holding| holding.role.name == role.name);
    // What nobody does, whatever they hold.
    let never = match action {
        Action::Give(..) | Action::MakeRole(..) => false,
        Action::Change(person, _) | Action::Remove(person) => person.own || person.last_admin,
        Action::SetEnd(person, end) => person.own || (person.last_admin && end.is_some()),
        Action::EditRole(role, ..) | Action::DeleteRole(role, _) => holds(role),
    };
    !never && live.iter().any(|holding| allows(holding, key, action))
}

/// Whether this one holding is enough: for every role that the action hands out or takes away.
fn allows(holding: &Holding, key: Option<&Key>, action: &Action) -> bool {
    let (roles, at, path) = match action {
        Action::Give(role, at, path) => (vec![role], *at, *path),
        Action::Change(person, to) => (vec![&person.role, to], person.place, "manage_staff"),
        Action::Remove(person) | Action::SetEnd(person, _) => (vec![&person.role], person.place, "manage_staff"),
        Action::MakeRole(role, at) | Action::DeleteRole(role, at) => (vec![role], *at, "edit_roles"),
        Action::EditRole(before, after, at) => (vec![before, after], *at, "edit_roles"),
    };
    roles.iter().all(|role| gives(holding, key, role, at, path))
}

/// The one rule for every grant.
fn gives(holding: &Holding, key: Option<&Key>, role: &Role, at: Place, path: &str) -> bool {
    let key_has = |permission: &str| key.is_none_or(|key| key.permissions.contains(permission));
    let reaches = covers(holding.place, at) && key.is_none_or(|key| covers(key.place, at));
    let holds_path = holding.role.permissions.contains(path) && key_has(path);
    let hands_on = |permission: &str| holding.role.delegates.contains(permission) && key_has(permission);
    let reserved = role.name == "admin" || role.name == "contributor";
    let exists_here = role.deployment.is_none() || role.deployment == at.deployment;
    reaches
        && holds_path
        && role.permissions.iter().all(|permission| hands_on(permission))
        && (!reserved || holding.role.name == "admin")
        && exists_here
}
