//! Whole histories: several people do one random thing after another over HTTP, and after each step the portal's answer and its
//! lists are those of a plain model. `CARE_PORTAL_HISTORY_STEPS` and `CARE_PORTAL_HISTORY_SEED` make it longer, or another one.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use care_portal::access::{DefaultRole, Permission, RoleKey, Scope};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    model::{self, Action, Holding, Place, Role},
    on_both,
    support::app::{Database, Person, TestApp},
};

const HOUR: u64 = 3600;
const PEOPLE: [(&str, DefaultRole, usize); 6] = [
    ("ada", DefaultRole::Admin, 0),
    ("controller", DefaultRole::AccessController, 0),
    ("local", DefaultRole::AccessController, 1),
    ("olive", DefaultRole::DeploymentStaff, 2),
    ("quentin", DefaultRole::Contributor, 2),
    ("rosamund", DefaultRole::OrganisationStaff, 1),
];

struct Member {
    who: usize,
    place: usize,
    role: Rc<Role>,
    ends: Option<i64>,
    gone: bool,
}

struct Invitation {
    id: String,
    generation: i64,
    to: usize,
    place: usize,
    role: Rc<Role>,
    offered: model::Keys,
    by: usize,
    state: &'static str,
    expires: i64,
}

struct History<'a> {
    app: &'a TestApp,
    rng: StdRng,
    places: [(Scope, Place); 3],
    sessions: Vec<(Person, i64)>,
    members: Vec<Member>,
    invitations: Vec<Invitation>,
    /// The organisation's own roles with their key and revision.
    own: Vec<(Rc<Role>, String, i64)>,
    told: Vec<String>,
    /// How often the interesting things happened: a history in which they do not proves nothing.
    met: BTreeMap<&'static str, usize>,
    n: usize,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

impl<'a> History<'a> {
    async fn begin(app: &'a TestApp, seed: u64) -> Self {
        let places = [(app.organisation, None), (app.cardiology, Some(1)), (app.diabetes, Some(2))]
            .map(|(scope, deployment)| (scope, Place { organisation: 1, deployment }));
        let (mut members, mut sessions) = (Vec::new(), Vec::new());
        for (who, (name, role, place)) in PEOPLE.into_iter().enumerate() {
            let person = match who {
                0 => app.admin().await,
                _ => app.person(name, RoleKey::Default(role), places[place].0).await,
            };
            sessions.push((person, app.portal.now().0));
            members.push(Member { who, place, role: Rc::new(model::default_role(role)), ends: None, gone: false });
        }
        let clerk = Rc::new(model::own_role("Ward Coordinator", &["invite_staff"], None));
        let own = vec![(clerk, app.coordinator.to_string(), 1)];
        let rng = StdRng::seed_from_u64(seed);
        Self {
            app,
            rng,
            places,
            sessions,
            members,
            invitations: Vec::new(),
            own,
            told: vec![format!("seed {seed}")],
            met: BTreeMap::new(),
            n: 0,
        }
    }

    fn now(&self) -> i64 {
        self.app.portal.now().0
    }

    fn pick(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    fn live(&self, member: &Member) -> bool {
        !member.gone && member.ends.is_none_or(|end| end > self.now())
    }

    fn holdings(&self, who: usize) -> Vec<Holding> {
        let own = self.members.iter().filter(|member| member.who == who && self.live(member));
        own.map(|m| Holding { place: self.places[m.place].1, role: m.role.clone(), ends: m.ends }).collect()
    }

    fn reaches(&self, who: usize, place: usize) -> bool {
        let at = self.places[place].1.deployment;
        self.holdings(who).iter().any(|h| h.place.deployment.is_none() || h.place.deployment == at)
    }

    fn has(&self, who: usize, place: usize, permission: &str) -> bool {
        let at = self.places[place].1.deployment;
        let covers = |h: &Holding| h.place.deployment.is_none() || h.place.deployment == at;
        self.holdings(who).iter().any(|h| covers(h) && h.role.permissions.contains(permission))
    }

    fn may(&self, who: usize, action: &Action) -> bool {
        model::may(&self.holdings(who), None, self.now(), action)
    }

    /// 404, 403, or whatever comes when one may go on.
    fn gate(&self, who: usize, place: usize, permission: &str, allowed: bool, then: u16) -> u16 {
        match (self.reaches(who, place), self.has(who, place, permission) && allowed) {
            (false, _) => 404,
            (true, false) => 403,
            (true, true) => then,
        }
    }

    fn any_role(&mut self) -> (Rc<Role>, String) {
        // Often one that may do something, or soon nobody could.
        let n = if self.pick(3) == 0 { 1 } else { self.pick(5 + self.own.len()) };
        match n.checked_sub(5) {
            None => (Rc::new(model::default_role(DefaultRole::ALL[n])), DefaultRole::ALL[n].key().to_owned()),
            Some(own) => (self.own[own].0.clone(), self.own[own].1.clone()),
        }
    }

    /// Whether the invitation could still be sent by whoever answers for it.
    fn supported(&self, invitation: &Invitation) -> bool {
        let give = Action::Give(invitation.role.clone(), self.places[invitation.place].1, "invite_staff");
        invitation.role.permissions.is_subset(&invitation.offered) && self.may(invitation.by, &give)
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    fn hold(&mut self, concerns: impl Fn(&Invitation) -> bool) {
        for n in 0..self.invitations.len() {
            let one = &self.invitations[n];
            if one.state == "pending" && concerns(one) && !self.supported(one) {
                self.invitations[n].state = "held";
                self.meet("held at once");
            }
        }
    }

    async fn ask(&mut self, who: usize, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let now = self.now();
        if now - self.sessions[who].1 > 50 * 60_000 {
            self.sessions[who].0 = self.app.sign_in(&format!("{}@northfield.example", PEOPLE[who].0)).await;
        }
        self.sessions[who].1 = now;
        let person = &self.sessions[who].0;
        self.n += 1;
        let mut request = person.client.request(method.parse().unwrap(), format!("{}/api/v1{path}", self.app.url));
        request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", self.n.to_string());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    fn expect(&mut self, what: String, expected: u16, (status, body): &(u16, Value)) {
        self.told.push(format!("{what}: {status}"));
        assert_eq!(*status, expected, "{body}\n{}", self.told.join("\n"));
    }

    async fn step(&mut self) {
        // Those who may do something come more often.
        let who = [0, 0, 1, 1, 1, 2, 2, 3, 4, 5][self.pick(10)];
        match self.pick(12) {
            0..=2 => self.invite(who).await,
            3 => self.treat(who).await,
            4 => self.accept().await,
            5..=7 => self.change_member(who).await,
            8 => self.make_role(who).await,
            9 => self.edit_role(who).await,
            10 => self.delete_role(who).await,
            _ => {
                let hours = [1, 1, 4, 4, 12, 30, 24 * 8][self.pick(7)];
                self.told.push(format!("{hours} hours pass"));
                self.app.advance(Duration::from_secs(hours * HOUR));
            }
        }
        self.compare().await;
    }

    async fn invite(&mut self, who: usize) {
        let (place, to) = (self.pick(3), 1 + self.pick(PEOPLE.len() - 1));
        let (mut role, mut key) = self.any_role();
        let mut give = Action::Give(role.clone(), self.places[place].1, "invite_staff");
        if !self.may(who, &give) {
            // A second choice, so that more is sent than refused.
            (role, key) = self.any_role();
            give = Action::Give(role.clone(), self.places[place].1, "invite_staff");
        }
        let expected = self.gate(who, place, "invite_staff", self.may(who, &give), 200);
        let email = format!("{}@northfield.example", PEOPLE[to].0);
        let body = json!({ "addresses": [email], "role": key, "confirmed": [email] });
        let path = format!("/scopes/{}/invitations", self.places[place].0);
        let answer = self.ask(who, "POST", &path, Some(body)).await;
        self.expect(
            format!("{} invites {} to {place} as {}", PEOPLE[who].0, PEOPLE[to].0, role.name),
            expected,
            &answer,
        );
        let member = self.members.iter().any(|m| m.who == to && m.place == place && self.live(m));
        let open = self.invitations.iter().any(|i| i.to == to && i.place == place && i.state != "closed");
        let sent = answer.1["sent"][0]["invitation"].as_str();
        assert_eq!(sent.is_some(), expected == 200 && !member && !open, "{}\n{}", answer.1, self.told.join("\n"));
        if let Some(id) = sent {
            let (id, offered) = (id.to_owned(), role.permissions.clone());
            let expires = self.now() + 7 * 24 * 3_600_000;
            self.invitations.push(Invitation {
                id,
                generation: 1,
                to,
                place,
                role,
                offered,
                by: who,
                state: "pending",
                expires,
            });
        }
    }

    /// An invitation, mostly an open one.
    fn some_invitation(&mut self) -> Option<usize> {
        let open = (0..self.invitations.len()).filter(|n| self.invitations[*n].state != "closed").collect::<Vec<_>>();
        match self.invitations.len() {
            0 => None,
            all if open.is_empty() || self.pick(4) == 0 => Some(self.pick(all)),
            _ => Some(open[self.pick(open.len())]),
        }
    }

    /// Resends (which approves what is held) or deletes an invitation.
    async fn treat(&mut self, who: usize) {
        let Some(n) = self.some_invitation() else { return };
        let delete = self.pick(3) == 0;
        let one = &self.invitations[n];
        let (place, open, id) = (one.place, one.state != "closed", one.id.clone());
        let give = Action::Give(one.role.clone(), self.places[place].1, "invite_staff");
        let good = open && (delete || self.may(who, &give));
        let done = if delete { 204 } else { 200 };
        let expected = self.gate(who, place, "invite_staff", true, if good { done } else { 409 });
        let (method, path) = if delete {
            ("DELETE", format!("/invitations/{id}"))
        } else {
            ("POST", format!("/invitations/{id}/resend"))
        };
        let answer = self.ask(who, method, &path, None).await;
        self.expect(format!("{} {method} {n}", PEOPLE[who].0), expected, &answer);
        let expires = self.now() + 7 * 24 * 3_600_000;
        if expected == 200 && self.invitations[n].state == "held" {
            self.meet("approved");
        }
        let one = &mut self.invitations[n];
        match expected {
            204 => one.state = "closed",
            200 => {
                (one.state, one.by, one.expires) = ("pending", who, expires);
                one.offered = one.role.permissions.clone();
            }
            _ => {}
        }
    }

    async fn accept(&mut self) {
        let Some(n) = self.some_invitation() else { return };
        let (to, place, expires, state) = {
            let one = &self.invitations[n];
            (one.to, one.place, one.expires, one.state)
        };
        let code = self.app.code(self.invitations[n].id.parse().unwrap(), self.invitations[n].generation);
        let id = self.invitations[n].id.clone();
        // Signs in anew if need be.
        self.ask(to, "GET", "/scopes/org_0/staff", None).await;
        let person = &self.sessions[to].0;
        let opened = person.post("/join", &[("code", &code)]).await.status().as_u16();
        let accepted = person.post("/join/accept", &[("invitation", &id)]).await.status().as_u16();
        self.told.push(format!("{} accepts {n}: {opened} {accepted}", PEOPLE[to].0));
        assert!(opened < 500 && accepted < 500, "{}", self.told.join("\n"));
        if state != "pending" || expires <= self.now() {
            return;
        }
        if !self.supported(&self.invitations[n]) {
            self.invitations[n].state = "held";
            self.meet("held when accepting");
        } else if !self.members.iter().any(|m| m.who == to && m.place == place && self.live(m)) {
            self.invitations[n].state = "closed";
            let role = self.invitations[n].role.clone();
            self.members.push(Member { who: to, place, role, ends: None, gone: false });
            self.meet("joined");
        }
    }

    fn person(&self, who: usize, n: usize) -> model::Person {
        let lasting = |m: &Member| self.live(m) && m.place == 0 && m.role.name == "admin" && m.ends.is_none();
        let target = &self.members[n];
        let others = self.members.iter().enumerate().any(|(other, m)| other != n && lasting(m));
        let (place, role) = (self.places[target.place].1, target.role.clone());
        model::Person { place, role, own: target.who == who, last_admin: lasting(target) && !others }
    }

    /// Another role, an end, no end, or removal.
    async fn change_member(&mut self, who: usize) {
        let living: Vec<usize> = (0..self.members.len()).filter(|n| self.live(&self.members[*n])).collect();
        // Half of the time somebody whose invitations are open.
        let answers = |who: usize| self.invitations.iter().any(|i| i.state == "pending" && i.by == who);
        let busy: Vec<usize> = living.iter().copied().filter(|n| answers(self.members[*n].who)).collect();
        let from = if busy.is_empty() || self.pick(2) == 0 { living } else { busy };
        let n = from[self.pick(from.len())];
        // Ada watches to the end.
        if self.members[n].who == 0 {
            return;
        }
        let place = self.members[n].place;
        let (role, key) = self.any_role();
        let end = self.now() + i64::try_from(10 * HOUR * 1000).unwrap();
        let kind = self.pick(5);
        let person = self.person(who, n);
        let (action, method, body) = match kind {
            0..=2 => (Action::Change(person, role.clone()), "PATCH", Some(json!({ "role": key }))),
            3 => (
                Action::SetEnd(person, Some(end)),
                "PATCH",
                Some(json!({ "access_until": care_portal::types::Timestamp(end).to_rfc3339() })),
            ),
            _ => (Action::Remove(person), "DELETE", None),
        };
        let expected = self.gate(who, place, "manage_staff", self.may(who, &action), if kind == 4 { 204 } else { 200 });
        let membership = self.membership(n).await;
        let path = format!("/scopes/{}/staff/{membership}", self.places[place].0);
        let answer = self.ask(who, method, &path, body).await;
        self.expect(
            format!("{} {method} {} in {place} ({kind}, {})", PEOPLE[who].0, PEOPLE[self.members[n].who].0, role.name),
            expected,
            &answer,
        );
        if expected > 204 {
            return;
        }
        let target = self.members[n].who;
        match kind {
            0..=2 if self.members[n].role.name == role.name => return,
            0..=2 => self.members[n].role = role,
            3 => {
                // The portal writes ends to the second.
                self.members[n].ends = Some(end / 1000 * 1000);
                return;
            }
            _ => {
                self.members[n].gone = true;
                self.sessions[target].1 = 0;
            }
        }
        self.hold(|invitation| invitation.by == target);
    }

    async fn membership(&mut self, n: usize) -> String {
        let (who, scope) = (self.members[n].who, self.places[self.members[n].place].0);
        let path = format!("/scopes/{scope}/staff?limit=200&q={}@", PEOPLE[who].0);
        let (_, body) = self.ask(0, "GET", &path, None).await;
        let rows = body["staff"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["scope"] == scope.to_string())
            .unwrap_or_else(|| panic!("{body}\n{}", self.told.join("\n")));
        row["membership"].as_str().unwrap().to_owned()
    }

    fn some_keys(&mut self) -> Vec<&'static str> {
        let all: Vec<&str> = Permission::all().map(Permission::key).collect();
        (0..1 + self.pick(4)).map(|_| all[self.pick(all.len())]).collect()
    }

    async fn make_role(&mut self, who: usize) {
        let (place, keys) = (self.pick(2), self.some_keys());
        let name = format!("Role number {}", self.n);
        let role = Rc::new(model::own_role(&name, &keys, self.places[place].1.deployment));
        let action = Action::MakeRole(role.clone(), self.places[place].1);
        let expected = self.gate(who, place, "edit_roles", self.may(who, &action), 201);
        let path = format!("/scopes/{}/roles", self.places[place].0);
        let answer = self.ask(who, "POST", &path, Some(json!({ "name": name, "permissions": keys }))).await;
        self.expect(format!("{} makes {name} with {keys:?} in {place}", PEOPLE[who].0), expected, &answer);
        if expected == 201 {
            self.own.push((role, answer.1["key"].as_str().unwrap().to_owned(), 1));
        }
    }

    fn home(&self, role: &Role) -> usize {
        usize::from(role.deployment.unwrap_or(0))
    }

    async fn edit_role(&mut self, who: usize) {
        if self.own.is_empty() {
            return;
        }
        let n = self.pick(self.own.len());
        let keys = self.some_keys();
        let (before, key, revision) = self.own[n].clone();
        let after = Rc::new(model::own_role(&before.name, &keys, before.deployment));
        let place = self.home(&before);
        let action = Action::EditRole(before.clone(), after.clone(), self.places[place].1);
        let expected = self.gate(who, place, "edit_roles", self.may(who, &action), 200);
        let path = format!("/scopes/{}/roles/{key}", self.places[place].0);
        let body = json!({ "name": before.name, "permissions": keys, "revision": revision });
        let answer = self.ask(who, "PUT", &path, Some(body)).await;
        self.expect(format!("{} edits {} to {keys:?}", PEOPLE[who].0, before.name), expected, &answer);
        if expected != 200 {
            return;
        }
        self.own[n] = (after.clone(), key, revision + 1);
        self.replace(&before, &after);
        if !after.permissions.is_subset(&before.permissions) {
            let name = after.name.clone();
            self.hold(|invitation| invitation.role.name == name);
        }
        if !before.permissions.is_subset(&after.permissions) {
            self.hold_what_holders_sent(&after);
        }
    }

    fn replace(&mut self, before: &Role, after: &Rc<Role>) {
        self.members.iter_mut().filter(|m| !m.gone && m.role.name == before.name).for_each(|m| m.role = after.clone());
        let open = self.invitations.iter_mut().filter(|i| i.state != "closed" && i.role.name == before.name);
        open.for_each(|i| i.role = after.clone());
    }

    fn hold_what_holders_sent(&mut self, role: &Role) {
        let holders: Vec<usize> =
            self.members.iter().filter(|m| self.live(m) && m.role.name == role.name).map(|m| m.who).collect();
        self.hold(|invitation| holders.contains(&invitation.by));
    }

    async fn delete_role(&mut self, who: usize) {
        if self.own.is_empty() {
            return;
        }
        let n = self.pick(self.own.len());
        let (gone, key, revision) = self.own[n].clone();
        let (instead, instead_key) = self.any_role();
        if instead.name == gone.name {
            return;
        }
        let place = self.home(&gone);
        let at = self.places[place].1;
        let allowed = self.may(who, &Action::DeleteRole(gone.clone(), at))
            && self.may(who, &Action::Give(instead.clone(), at, "edit_roles"));
        let expected = self.gate(who, place, "edit_roles", allowed, 204);
        let path =
            format!("/scopes/{}/roles/{key}?replacement={instead_key}&revision={revision}", self.places[place].0);
        let answer = self.ask(who, "DELETE", &path, None).await;
        self.expect(format!("{} deletes {} for {}", PEOPLE[who].0, gone.name, instead.name), expected, &answer);
        if expected != 204 {
            return;
        }
        self.own.remove(n);
        let moved: Vec<usize> = (0..self.invitations.len())
            .filter(|i| self.invitations[*i].state != "closed" && self.invitations[*i].role.name == gone.name)
            .collect();
        self.members.iter_mut().filter(|m| !m.gone && m.role.name == gone.name).for_each(|m| m.role = instead.clone());
        self.hold_what_holders_sent(&instead);
        for i in moved {
            self.meet("moved with its role");
            let one = &mut self.invitations[i];
            (one.role, one.offered) = (instead.clone(), instead.permissions.clone());
            one.generation += 1;
            if one.state == "pending" && !self.supported(&self.invitations[i]) {
                self.invitations[i].state = "held";
            }
        }
    }

    /// What Ada reads is what the model says.
    async fn compare(&mut self) {
        let org = self.places[0].0;
        let expected: BTreeSet<String> = self
            .members
            .iter()
            .filter(|m| self.live(m))
            .map(|m| format!("{} {} {} {}", PEOPLE[m.who].0, self.places[m.place].0, m.role.name, m.ends.is_some()))
            .collect();
        let open: BTreeSet<String> = self
            .invitations
            .iter()
            .filter(|i| i.state != "closed")
            .map(|i| {
                let state = if i.state == "pending" && i.expires <= self.now() { "expired" } else { i.state };
                format!("{} {} {} {state}", PEOPLE[i.to].0, self.places[i.place].0, i.role.name)
            })
            .collect();
        let word = |row: &Value| row["email"].as_str().unwrap().split('@').next().unwrap().to_owned();
        let own = self.own.clone();
        let (_, staff) = self.ask(0, "GET", &format!("/scopes/{org}/staff?limit=200"), None).await;
        let (_, pending) = self.ask(0, "GET", &format!("/scopes/{org}/invitations?limit=200"), None).await;
        let (_, roles) = self.ask(0, "GET", &format!("/scopes/{org}/roles"), None).await;
        let name_of = |key: &Value| {
            own.iter()
                .find(|(_, known, _)| key == known)
                .map_or_else(|| key.as_str().unwrap().to_owned(), |(role, ..)| role.name.clone())
        };
        let seen: BTreeSet<String> = staff["staff"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {}",
                    word(row),
                    row["scope"].as_str().unwrap(),
                    name_of(&row["role"]),
                    !row["access_until"].is_null()
                )
            })
            .collect();
        assert_eq!(seen, expected, "staff\n{}", self.told.join("\n"));
        let seen: BTreeSet<String> = pending["invitations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                format!(
                    "{} {} {} {}",
                    word(row),
                    row["scope"].as_str().unwrap(),
                    name_of(&row["role"]),
                    row["state"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(seen, open, "open invitations\n{}", self.told.join("\n"));
        let seen: BTreeSet<String> = roles
            .as_array()
            .unwrap()
            .iter()
            .skip(5)
            .map(|row| format!("{} {}", row["name"], row["permissions"]))
            .collect();
        let known: BTreeSet<String> = own
            .iter()
            .map(|(role, ..)| {
                let keys: Vec<&str> =
                    Permission::all().map(Permission::key).filter(|key| role.permissions.contains(key)).collect();
                format!("{} {}", json!(role.name), json!(keys))
            })
            .collect();
        assert_eq!(seen, known, "roles\n{}", self.told.join("\n"));
    }
}

on_both! {
    async fn random_histories_are_those_of_the_model(app: &TestApp) {
        let mut history = History::begin(app, number("CARE_PORTAL_HISTORY_SEED", 2)).await;
        for _ in 0..number("CARE_PORTAL_HISTORY_STEPS", 400) {
            history.step().await;
        }
        println!("{:?}", history.met);
        for what in ["held at once", "held when accepting", "approved", "joined", "moved with its role"] {
            assert!(history.met.contains_key(what), "{what} did not happen: {:?}", history.met);
        }
    }
}
