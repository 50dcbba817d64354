//! Changing staff, and making keys.

use std::rc::Rc;

use care_portal::{
    access::{Origin, Permission, PermissionSet},
    identity::{self, Presence},
    types::Timestamp,
};
use serde_json::json;

use super::{ApiKey, By, HOUR, History, Member, PEOPLE, PLACES, covers};
use crate::model::{self, Action, Holding, Key};

impl History<'_> {
    pub(super) fn is_lasting_admin(&self, member: &Member) -> bool {
        PLACES[member.place].deployment.is_none()
            && member.role.name == "admin"
            && member.ends.is_none()
            && self.live(member)
    }

    fn person(&self, who: usize, n: usize) -> model::Person {
        let target = &self.members[n];
        let same = |m: &Member| PLACES[m.place].organisation == PLACES[target.place].organisation;
        let others = self.members.iter().enumerate();
        let others = others.filter(|(other, m)| *other != n && same(m) && self.is_lasting_admin(m)).count();
        model::Person {
            place: PLACES[target.place],
            role: target.role.clone(),
            own: target.who == who,
            last_admin: self.is_lasting_admin(target) && others == 0,
        }
    }

    /// A member, often an Admin or one whose invitations are open, and at times one who is not there any more.
    fn some_member(&mut self) -> usize {
        let all: Vec<usize> = (0..self.members.len()).collect();
        let kind = self.pick(10);
        let answers = |who: usize| self.invitations.iter().any(|i| i.state == "pending" && i.by == who);
        let wanted = |m: &Member| match kind {
            0..=2 => self.live(m) && answers(m.who),
            3 | 4 => self.live(m) && m.role.name == "admin",
            5..=8 => self.live(m),
            _ => true,
        };
        let some: Vec<usize> = all.iter().copied().filter(|n| wanted(&self.members[*n])).collect();
        let from = if some.is_empty() { all } else { some };
        from[self.pick(from.len())]
    }

    /// Another role, an end, no end, or removal.
    pub(super) async fn change_member(&mut self) {
        let n = self.some_member();
        let role = self.any_role();
        let by = self.somebody(self.members[n].place, "manage_staff");
        let end = [Some(10), Some(30), None][self.pick(3)].map(|hours: i64| self.now() + hours * HOUR);
        let through = if self.pick(4) == 0 { self.pick(PLACES.len()) } else { self.members[n].place };
        let kind = self.pick(6);
        let mut person = self.person(by.who, n);
        if kind < 3 && role.name == "admin" {
            // Who stays Admin is not missing.
            person.last_admin = false;
        }
        let last = person.last_admin;
        let (action, method, body) = match kind {
            0..=2 => (Action::Change(person, role.clone()), "PATCH", Some(json!({ "role": role.name }))),
            3 | 4 => {
                let text = end.map_or_else(|| "never".to_owned(), |end| Timestamp(end).to_rfc3339());
                (Action::SetEnd(person, end), "PATCH", Some(json!({ "access_until": text })))
            }
            _ => (Action::Remove(person), "DELETE", None),
        };
        // Only what gives the permission in the place of the request counts.
        let holdings: Vec<Holding> =
            self.holdings(by.who).into_iter().filter(|h| covers(h.place, PLACES[through])).collect();
        let target = &self.members[n];
        let expected = match self.gate(by, through, "manage_staff") {
            Err(status) => status,
            Ok(()) if kind < 3 && !self.is_role_of(&role, through) => 422,
            Ok(()) if !self.live(target) || !covers(PLACES[through], PLACES[target.place]) => 404,
            Ok(()) if !model::may(&holdings, self.key(by), self.now(), &action) => 403,
            Ok(()) if method == "DELETE" => 204,
            Ok(()) => 200,
        };
        let path = format!("/scopes/{}/staff/{}", self.scopes[through], target.id);
        let what = format!("{} {method} {} in {}", self.name(by), PEOPLE[target.who].0, target.place);
        let told = format!("{what}, through {through}: {kind} {} {end:?}", role.name);
        let answer = self.ask(by, method, &path, body).await;
        self.expect(&told, expected, &answer);
        if expected == 403 && last && answer.1["detail"].as_str().is_some_and(|text| text.contains("keeps one Admin")) {
            self.meet("the last Admin stays");
        }
        if expected <= 204 {
            self.done_by(by);
            self.changed(n, kind, role, end);
        }
    }

    fn changed(&mut self, n: usize, kind: usize, role: Rc<model::Role>, end: Option<i64>) {
        let (target, place) = (self.members[n].who, PLACES[self.members[n].place]);
        match kind {
            0..=2 if self.members[n].role.name == role.name => return,
            0..=2 => self.members[n].role = role,
            3 | 4 => {
                self.members[n].ends = end;
                return;
            }
            _ => {
                self.members[n].gone = true;
                self.sessions[target] = None;
                let keys = self.keys.iter_mut().filter(|key| key.who == target && covers(place, key.key.place));
                keys.for_each(|key| key.revoked = true);
            }
        }
        self.hold(|invitation| invitation.by == target);
    }

    /// A key of one's own: for a place, and for permissions that one must have there.
    pub(super) async fn make_key(&mut self) {
        let place = self.pick(PLACES.len());
        let who = self.somebody(place, "invite_staff").who;
        let by = By { who, key: None };
        let all: Vec<&'static str> = Permission::all().map(Permission::key).collect();
        let mut keys: Vec<&'static str> = all.iter().copied().filter(|key| self.has(by, place, key)).collect();
        if self.pick(2) == 0 || keys.is_empty() {
            keys = (0..3).map(|_| all[self.pick(all.len())]).collect();
        }
        let permissions = model::closed(&keys);
        let expected = permissions.iter().all(|key| self.has(by, place, key));
        let token = self.session(who).await;
        let portal = &self.app.portal;
        let presence = identity::actions::authenticate_session(portal, &token, Origin::default()).await.unwrap();
        let Presence::Whole(caller) = presence else { panic!("{presence:?}") };
        let set = PermissionSet::from_keys(&keys.join(","));
        let made = identity::actions::make_api_key(portal, &caller, "Key", self.scopes[place], set).await;
        self.told.push(format!("{} makes a key for {place}: {permissions:?}", PEOPLE[who].0));
        assert_eq!(made.is_ok(), expected, "{}", self.told.join("\n"));
        if let Ok(token) = made {
            let key = Key { place: PLACES[place], permissions };
            self.keys.push(ApiKey { who, key, token: token.expose().clone(), revoked: false });
        }
    }
}
