//! Whole histories: people of two organisations do one random thing after another over HTTP, with their sessions or with API keys.
//! After each step the portal's answer and its lists are those of a plain model. `CARE_PORTAL_HISTORY_STEPS` and
//! `CARE_PORTAL_HISTORY_SEED` make it longer, or another one; a failure tells the seed and every step up to the first difference.

mod invitations;
mod people;
mod roles;
mod seen;

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use care_portal::{
    access::{DefaultRole, Origin, RoleKey, Scope},
    identity,
    op::{Caller, Op},
    sites,
    types::EmailAddress,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Client, redirect};
use serde_json::Value;

use crate::{
    model::{self, Action, Holding, Key, Place, Role},
    support::app::{Database, TestApp},
};

const HOUR: i64 = 3_600_000;
/// The places: an organisation with two deployments, and another one with one.
const PLACES: [Place; 5] = [
    Place { organisation: 1, deployment: None },
    Place { organisation: 1, deployment: Some(1) },
    Place { organisation: 1, deployment: Some(2) },
    Place { organisation: 2, deployment: None },
    Place { organisation: 2, deployment: Some(3) },
];
const PEOPLE: [(&str, DefaultRole, usize); 7] = [
    ("ada@northfield.example", DefaultRole::Admin, 0),
    ("controller@northfield.example", DefaultRole::AccessController, 0),
    ("local@northfield.example", DefaultRole::AccessController, 1),
    ("olive@northfield.example", DefaultRole::DeploymentStaff, 2),
    ("quentin@northfield.example", DefaultRole::Contributor, 2),
    ("rosamund@northfield.example", DefaultRole::OrganisationStaff, 1),
    ("grace@southfield.example", DefaultRole::Admin, 3),
];

struct Member {
    /// `mem_…`, once the portal has told it.
    id: String,
    who: usize,
    place: usize,
    role: Rc<Role>,
    ends: Option<i64>,
    gone: bool,
}

struct Invitation {
    id: String,
    generation: i64,
    to: String,
    place: usize,
    role: Rc<Role>,
    offered: model::Keys,
    by: usize,
    /// `closed` is accepted or deleted.
    state: &'static str,
    window: i64,
    expires: i64,
    until: Option<i64>,
}

/// One of an organisation's own roles. In the model a role's name is its key.
#[derive(Clone)]
struct Own {
    role: Rc<Role>,
    name: String,
    organisation: u8,
    revision: i64,
}

struct ApiKey {
    who: usize,
    key: Key,
    token: String,
    revoked: bool,
}

/// Who acts, and with which key; by a session when there is none.
#[derive(Clone, Copy)]
struct By {
    who: usize,
    key: Option<usize>,
}

struct History<'a> {
    app: &'a TestApp,
    rng: StdRng,
    client: Client,
    scopes: [Scope; 5],
    /// Tokens of sessions, with when they were used last.
    sessions: Vec<Option<(String, i64)>>,
    members: Vec<Member>,
    invitations: Vec<Invitation>,
    own: Vec<Own>,
    keys: Vec<ApiKey>,
    told: Vec<String>,
    /// How often the interesting things happened: a history in which they do not proves nothing.
    met: BTreeMap<&'static str, usize>,
    n: usize,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn covers(wide: Place, narrow: Place) -> bool {
    wide.organisation == narrow.organisation && (wide.deployment.is_none() || wide.deployment == narrow.deployment)
}

impl<'a> History<'a> {
    async fn begin(app: &'a TestApp, seed: u64) -> Self {
        let (southfield, _) = app.second_organisation().await;
        let grace = identity::actions::act_from_terminal(&app.portal, PEOPLE[6].0).await.unwrap();
        let made = sites::actions::create_deployment(&app.portal, &grace, southfield.organisation, "Oncology").await;
        let oncology = Scope::deployment(southfield.organisation, made.unwrap().id);
        let scopes = [app.organisation, app.cardiology, app.diabetes, southfield, oncology];
        let mut members = Vec::new();
        for (who, (email, role, place)) in PEOPLE.into_iter().enumerate() {
            if (1..6).contains(&who) {
                app.person(email.split('@').next().unwrap(), RoleKey::Default(role), scopes[place]).await;
            }
            let role = Rc::new(model::default_role(role));
            members.push(Member { id: String::new(), who, place, role, ends: None, gone: false });
        }
        let clerk = Rc::new(model::own_role(&app.coordinator.to_string(), &["invite_staff"], None));
        let own = vec![Own { role: clerk, name: "Ward Coordinator".to_owned(), organisation: 1, revision: 1 }];
        Self {
            app,
            rng: StdRng::seed_from_u64(seed),
            client: Client::builder().redirect(redirect::Policy::none()).build().unwrap(),
            scopes,
            sessions: vec![None; PEOPLE.len()],
            members,
            invitations: Vec::new(),
            own,
            keys: Vec::new(),
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

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    fn live(&self, member: &Member) -> bool {
        !member.gone && member.ends.is_none_or(|end| end > self.now())
    }

    fn holdings(&self, who: usize) -> Vec<Holding> {
        let own = self.members.iter().filter(|member| member.who == who && self.live(member));
        own.map(|m| Holding { place: PLACES[m.place], role: m.role.clone(), ends: m.ends }).collect()
    }

    fn key(&self, by: By) -> Option<&Key> {
        by.key.map(|n| &self.keys[n].key)
    }

    fn reaches(&self, by: By, place: usize) -> bool {
        self.key(by).is_none_or(|key| covers(key.place, PLACES[place]))
            && self.holdings(by.who).iter().any(|h| covers(h.place, PLACES[place]))
    }

    fn has(&self, by: By, place: usize, permission: &str) -> bool {
        let key_has = self.key(by).is_none_or(|key| key.permissions.contains(permission));
        let able = |h: &Holding| covers(h.place, PLACES[place]) && h.role.permissions.contains(permission);
        key_has && self.reaches(by, place) && self.holdings(by.who).iter().any(able)
    }

    fn may(&self, by: By, action: &Action) -> bool {
        model::may(&self.holdings(by.who), self.key(by), self.now(), action)
    }

    /// What stops somebody at the door: a dead key, a place they may not know of, a permission they lack.
    fn gate(&self, by: By, place: usize, permission: &str) -> Result<(), u16> {
        if by.key.is_some_and(|n| self.keys[n].revoked) {
            Err(401)
        } else if !self.reaches(by, place) {
            Err(404)
        } else if !self.has(by, place, permission) {
            Err(403)
        } else {
            Ok(())
        }
    }

    /// Somebody, mostly one who has the permission there, and sometimes by a key.
    fn somebody(&mut self, place: usize, permission: &str) -> By {
        let able = |who: &usize| self.has(By { who: *who, key: None }, place, permission);
        let able: Vec<usize> = (0..PEOPLE.len()).filter(able).collect();
        let anybody = able.is_empty() || self.pick(4) == 0;
        let who = if anybody { self.pick(PEOPLE.len()) } else { able[self.pick(able.len())] };
        let keys: Vec<usize> = (0..self.keys.len()).filter(|n| self.keys[*n].who == who).collect();
        let key = if keys.is_empty() || self.pick(4) > 0 { None } else { Some(keys[self.pick(keys.len())]) };
        By { who, key }
    }

    fn name(&self, by: By) -> String {
        let name = PEOPLE[by.who].0.split('@').next().unwrap();
        by.key.map_or_else(|| name.to_owned(), |n| format!("{name} by key {n}"))
    }

    /// Any role of any organisation, often one that can do something: or soon nobody could.
    fn any_role(&mut self) -> Rc<Role> {
        let n = if self.pick(3) == 0 { self.pick(2) } else { self.pick(5 + self.own.len()) };
        match n.checked_sub(5) {
            None => Rc::new(model::default_role(DefaultRole::ALL[n])),
            Some(own) => self.own[own].role.clone(),
        }
    }

    /// Whether the organisation of the place has the role.
    fn is_role_of(&self, role: &Role, place: usize) -> bool {
        let other = |own: &Own| own.role.name == role.name && own.organisation != PLACES[place].organisation;
        !self.own.iter().any(other)
    }

    /// A session's token; made without the password, whose hash would take most of the time.
    async fn session(&mut self, who: usize) -> String {
        let now = self.now();
        if self.sessions[who].as_ref().is_none_or(|(_, used)| now - used > HOUR / 2) {
            let portal = &self.app.portal;
            let address = EmailAddress::parse(PEOPLE[who].0).unwrap();
            let account = identity::actions::find_account(portal.db.reader(), &address).await.unwrap().unwrap();
            let mut op = Op::begin(portal, &Caller::Visitor(Origin::default())).await.unwrap();
            let session = identity::actions::begin_session(&mut op, &account, None).await.unwrap();
            op.commit().await.unwrap();
            // And without the second factor, which is proved elsewhere.
            self.app.execute("UPDATE sessions SET state = 'whole', proved_at = 4000000000000").await;
            self.sessions[who] = Some((session.token.expose().clone(), now));
        }
        self.sessions[who].clone().unwrap().0
    }

    async fn ask(&mut self, by: By, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.n += 1;
        let request = self.client.request(method.parse().unwrap(), format!("{}/api/v1{path}", self.app.url));
        let mut request = request.header("sec-fetch-site", "same-origin").header("idempotency-key", self.n.to_string());
        request = match by.key {
            Some(n) => request.bearer_auth(&self.keys[n].token),
            None => request.header("cookie", format!("session={}", self.session(by.who).await)),
        };
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    fn expect(&mut self, what: &str, expected: u16, (status, body): &(u16, Value)) {
        self.told.push(format!("{what}: {status}"));
        assert_eq!(*status, expected, "{body}\n{}", self.told.join("\n"));
    }

    /// Some hours pass, or exactly so long that an invitation expires or that somebody leaves who answers for one.
    fn wait(&mut self) {
        let now = self.now();
        let pending = self.invitations.iter().filter(|one| one.state == "pending");
        let answers = |who: usize| pending.clone().any(|one| one.by == who);
        let leaving = self.members.iter().filter(|m| self.live(m) && answers(m.who)).filter_map(|m| m.ends);
        let mut moments: Vec<i64> = leaving.collect();
        if moments.is_empty() {
            moments = pending.map(|one| one.expires).filter(|end| *end > now).collect();
        }
        let then = if moments.is_empty() || self.pick(3) == 0 {
            now + [1, 1, 1, 4, 4, 12, 12, 30, 30, 24 * 8][self.pick(10)] * HOUR
        } else {
            moments[self.pick(moments.len())]
        };
        self.told.push(format!("{} hours pass", (then - now) / HOUR));
        self.app.advance(Duration::from_millis(u64::try_from(then - now).unwrap()));
    }

    async fn step(&mut self) {
        match self.pick(21) {
            0..=4 => self.invite().await,
            5 | 6 => self.treat().await,
            7 => self.correct().await,
            8..=10 => self.accept().await,
            11 => self.accept_or_decline().await,
            12..=14 => self.change_member().await,
            15 => self.make_role().await,
            16 => self.edit_role().await,
            17 => self.delete_role().await,
            18 => self.make_key().await,
            _ => self.wait(),
        }
        self.compare().await;
    }
}

/// Of the usual history, in which everything of [`MUST_MEET`] happens: others need not be as rich.
const SEED: u64 = 7;
/// What must have happened at least once.
const MUST_MEET: [&str; 9] = [
    "held at once",
    "held when accepting",
    "approved",
    "corrected",
    "joined",
    "declined",
    "moved with its role",
    "done by key",
    "a member of two organisations",
];

/// The model knows no limit of mails: what a day allows is proved elsewhere, and here everything happens within hours.
async fn start(database: Database) -> TestApp {
    TestApp::start_with(database, &[("MAILS_PER_RECIPIENT", "0".to_owned())]).await
}

async fn are_those_of_the_model(app: &TestApp) {
    let seed = number("CARE_PORTAL_HISTORY_SEED", SEED);
    let mut history = History::begin(app, seed).await;
    history.compare().await;
    for _ in 0..number("CARE_PORTAL_HISTORY_STEPS", 800) {
        history.step().await;
    }
    println!("{:?}", history.met);
    for what in MUST_MEET {
        assert!(seed != SEED || history.met.contains_key(what), "{what} did not happen: {:?}", history.met);
    }
}

mod random_histories_are_those_of_the_model {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        are_those_of_the_model(&start(Database::Sqlite).await).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        are_those_of_the_model(&start(Database::Postgres).await).await;
    }
}
