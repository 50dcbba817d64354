//! Making, changing and deleting an organisation's own roles.

use std::rc::Rc;

use care_portal::access::Permission;
use serde_json::json;

use super::{By, History, Own, PLACES};
use crate::model::{self, Action, Role};

impl History<'_> {
    fn some_keys(&mut self) -> Vec<&'static str> {
        let all: Vec<&str> = Permission::all().map(Permission::key).collect();
        (0..1 + self.pick(4)).map(|_| all[self.pick(all.len())]).collect()
    }

    fn is_taken(&self, name: &str, place: usize) -> bool {
        self.own.iter().any(|own| own.name == name && own.organisation == PLACES[place].organisation)
    }

    pub(super) async fn make_role(&mut self) {
        let (place, keys) = (self.pick(PLACES.len()), self.some_keys());
        let by = self.somebody(place, "edit_roles");
        let other = if self.own.is_empty() { 0 } else { self.pick(self.own.len() * 4) };
        let fresh = || format!("Role number {}", self.n);
        let name = self.own.get(other).map_or_else(fresh, |own| own.name.clone());
        let role = model::own_role("new", &keys, PLACES[place].deployment);
        let expected = match self.gate(by, place, "edit_roles") {
            Err(status) => status,
            Ok(()) if !self.may(by, &Action::MakeRole(Rc::new(role.clone()), PLACES[place])) => 403,
            Ok(()) if self.is_taken(&name, place) => 422,
            Ok(()) => 201,
        };
        let path = format!("/scopes/{}/roles", self.scopes[place]);
        let answer = self.ask(by, "POST", &path, Some(json!({ "name": name, "permissions": keys }))).await;
        self.expect(&format!("{} makes {name} with {keys:?} in {place}", self.name(by)), expected, &answer);
        if expected == 201 {
            self.done_by(by);
            let role = Rc::new(Role { name: answer.1["key"].as_str().unwrap().to_owned(), ..role });
            self.own.push(Own { role, name, organisation: PLACES[place].organisation, revision: 1 });
        }
    }

    /// A role, where it exists, a place through which it is asked for, and a revision that is mostly right.
    fn some_role(&mut self) -> Option<(usize, usize, usize, i64)> {
        if self.own.is_empty() {
            return None;
        }
        let n = self.pick(self.own.len());
        let own = self.own[n].clone();
        let is_home =
            |place: &model::Place| place.organisation == own.organisation && place.deployment == own.role.deployment;
        let home = PLACES.iter().position(is_home).unwrap();
        let through = if self.pick(4) == 0 { self.pick(PLACES.len()) } else { home };
        let stale = i64::from(self.pick(8) == 0);
        Some((n, home, through, own.revision - stale))
    }

    /// Whether somebody gets as far as to change the role.
    fn reach_role(&self, by: By, n: usize, home: usize, through: usize) -> Result<(), u16> {
        self.gate(by, through, "edit_roles")?;
        let own = &self.own[n];
        let at = PLACES[through];
        let exists = own.role.deployment.is_none() || at.deployment.is_none() || own.role.deployment == at.deployment;
        if own.organisation != at.organisation || !exists {
            return Err(404);
        }
        self.gate(by, home, "edit_roles")
    }

    pub(super) async fn edit_role(&mut self) {
        let Some((n, home, through, revision)) = self.some_role() else { return };
        let by = self.somebody(home, "edit_roles");
        let keys = self.some_keys();
        let own = self.own[n].clone();
        let before = own.role.clone();
        let after = Rc::new(model::own_role(&before.name, &keys, before.deployment));
        let action = Action::EditRole(before.clone(), after.clone(), PLACES[home]);
        let expected = match self.reach_role(by, n, home, through) {
            Err(status) => status,
            Ok(()) if !self.may(by, &action) => 403,
            Ok(()) if revision != own.revision => 409,
            Ok(()) => 200,
        };
        let path = format!("/scopes/{}/roles/{}", self.scopes[through], before.name);
        let body = json!({ "name": own.name, "permissions": keys, "revision": revision });
        let answer = self.ask(by, "PUT", &path, Some(body)).await;
        let told = format!("{} edits {} through {through} to {keys:?}", self.name(by), own.name);
        self.expect(&told, expected, &answer);
        if expected != 200 {
            return;
        }
        self.done_by(by);
        self.own[n] = Own { role: after.clone(), revision: revision + 1, ..own };
        self.members.iter_mut().filter(|m| m.role.name == after.name).for_each(|m| m.role = after.clone());
        self.invitations.iter_mut().filter(|i| i.role.name == after.name).for_each(|i| i.role = after.clone());
        if !after.permissions.is_subset(&before.permissions) {
            self.hold(|invitation| invitation.role.name == after.name);
        }
        if !before.permissions.is_subset(&after.permissions) {
            self.hold_what_holders_sent(&after, home);
        }
    }

    fn hold_what_holders_sent(&mut self, role: &Role, home: usize) {
        let here = PLACES[home].organisation;
        let holders: Vec<usize> = self
            .members
            .iter()
            .filter(|m| self.live(m) && m.role.name == role.name && PLACES[m.place].organisation == here)
            .map(|m| m.who)
            .collect();
        self.hold(|invitation| holders.contains(&invitation.by));
    }

    pub(super) async fn delete_role(&mut self) {
        let Some((n, home, through, revision)) = self.some_role() else { return };
        let by = self.somebody(home, "edit_roles");
        let own = self.own[n].clone();
        let gone = own.role.clone();
        let chosen = Some(self.any_role()).filter(|_| self.pick(4) > 0);
        let instead = chosen.clone().filter(|role| role.name != gone.name && self.is_role_of(role, home));
        let open = |state: &str| matches!(state, "pending" | "held");
        let used = self.members.iter().any(|m| self.live(m) && m.role.name == gone.name)
            || self.invitations.iter().any(|i| open(i.state) && i.role.name == gone.name);
        let may_give = |role: &Rc<Role>| self.may(by, &Action::Give(role.clone(), PLACES[home], "edit_roles"));
        let expected = match self.reach_role(by, n, home, through) {
            Err(status) => status,
            Ok(()) if !self.may(by, &Action::DeleteRole(gone.clone(), PLACES[home])) => 403,
            Ok(()) if revision != own.revision => 409,
            Ok(()) if instead.as_ref().is_some_and(|role| !may_give(role)) => 403,
            Ok(()) if instead.is_none() && used => 422,
            Ok(()) => 204,
        };
        let replacement = chosen.as_ref().map(|role| format!("replacement={}&", role.name)).unwrap_or_default();
        let path = format!("/scopes/{}/roles/{}?{replacement}revision={revision}", self.scopes[through], gone.name);
        let answer = self.ask(by, "DELETE", &path, None).await;
        let told = format!("{} deletes {} through {through} ({replacement})", self.name(by), own.name);
        self.expect(&told, expected, &answer);
        if expected != 204 {
            return;
        }
        self.done_by(by);
        self.own.remove(n);
        let Some(instead) = instead else { return };
        let moved: Vec<usize> = (0..self.invitations.len())
            .filter(|i| open(self.invitations[*i].state) && self.invitations[*i].role.name == gone.name)
            .collect();
        self.members.iter_mut().filter(|m| !m.gone && m.role.name == gone.name).for_each(|m| m.role = instead.clone());
        self.hold_what_holders_sent(&instead, home);
        for i in moved {
            self.meet("moved with its role");
            let one = &mut self.invitations[i];
            (one.role, one.offered) = (instead.clone(), instead.permissions.clone());
            one.generation += 1;
            self.hold_if_unsupported(i);
        }
    }
}
