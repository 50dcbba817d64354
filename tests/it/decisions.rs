//! Random decisions about who may do what, each made twice: as [`crate::model`] and as the product have it.

use std::rc::Rc;

use care_portal::{
    access::{
        Actor, CustomRole, DefaultRole, Membership, Permission, PermissionSet, Refusal, Role, Scope, Target, Via,
        policy,
    },
    types::{DeploymentId, Id, OrganisationId},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use uuid::Uuid;

use crate::model::{self, Action, Holding, Key, Person, Place};

pub fn organisation(n: u8) -> OrganisationId {
    Id::from_uuid(Uuid::from_u128(u128::from(n)))
}

pub fn deployment(n: u8) -> DeploymentId {
    Id::from_uuid(Uuid::from_u128(100 + u128::from(n)))
}

/// How many random decisions each law is asked of.
pub const LAW: usize = 25_000;
/// The instant of every decision.
pub const NOW: i64 = 1_790_000_000_000;

pub const PLACES: [Place; 6] = [
    Place { organisation: 0, deployment: None },
    Place { organisation: 0, deployment: Some(0) },
    Place { organisation: 0, deployment: Some(0) },
    Place { organisation: 0, deployment: Some(1) },
    Place { organisation: 1, deployment: None },
    Place { organisation: 1, deployment: Some(2) },
];

pub fn scope(place: Place) -> Scope {
    Scope { organisation: organisation(place.organisation), deployment: place.deployment.map(deployment) }
}

/// The same thing twice: as the model and as the product have it.
#[derive(Clone)]
pub struct Twin<M, P>(pub M, pub P);

pub type TwinRole = Twin<Rc<model::Role>, Role>;

pub fn default_role(role: DefaultRole) -> TwinRole {
    Twin(Rc::new(model::default_role(role)), role.into())
}

pub fn own_role(n: usize, keys: &[&'static str], only_in: Option<u8>) -> TwinRole {
    let name = format!("own {n}");
    let product = CustomRole {
        id: Id::from_uuid(Uuid::from_u128(1000 + n as u128)),
        deployment: only_in.map(deployment),
        name: name.clone(),
        permissions: PermissionSet::from_keys(&keys.join(",")),
    };
    Twin(Rc::new(model::own_role(&name, keys, only_in)), product.into())
}

/// Some keys: mostly those of a default role, a few changed, so that one set often contains another.
pub fn keys(rng: &mut StdRng) -> Vec<&'static str> {
    let all: Vec<&str> = Permission::all().map(Permission::key).collect();
    let like = DefaultRole::ALL.choose(rng).unwrap().permissions();
    let mut keys: Vec<&str> = like.iter().map(Permission::key).filter(|_| rng.random_bool(0.8)).collect();
    keys.extend((0..rng.random_range(0..3)).map(|_| *all.choose(rng).unwrap()));
    keys
}

/// Roles of which actors and decisions are made.
pub fn some_roles(rng: &mut StdRng) -> Vec<TwinRole> {
    let own = (0..12).map(|n| {
        let only_in = if rng.random_bool(0.3) { Some(rng.random_range(0..3)) } else { None };
        own_role(n, &keys(rng), only_in)
    });
    let own: Vec<TwinRole> = own.collect();
    // Each default role twice: most staff hold one.
    DefaultRole::ALL.into_iter().chain(DefaultRole::ALL).map(default_role).chain(own).collect()
}

/// By which way the product is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Rule,
    Session,
    ApiKey,
}

/// One question: who, by which way, wants to do what.
#[derive(Clone)]
pub struct Case {
    pub holdings: Vec<Twin<Holding, Membership>>,
    pub way: Way,
    pub key: Option<Twin<Key, Via>>,
    pub action: Action,
    /// The action's roles as the product has them, in the order in which the action names them.
    pub roles: Vec<Role>,
}

impl Case {
    pub fn random(rng: &mut StdRng, roles: &[TwinRole]) -> Self {
        let (one, two) = (roles.choose(rng).unwrap(), roles.choose(rng).unwrap());
        // Edited are the organisation's own roles only, which stand at the end.
        let (own, other) = (roles[10..].choose(rng).unwrap(), roles[10..].choose(rng).unwrap());
        let mut place = *PLACES.choose(rng).unwrap();
        if rng.random_bool(0.02) {
            place.deployment = Some(rng.random_range(0..3));
        }
        let person = |own: bool, last_admin: bool| Person { place, role: one.0.clone(), own, last_admin };
        let (is_own, last_admin) = (rng.random_bool(0.1), rng.random_bool(0.1));
        let (action, roles_of_it): (Action, Vec<&TwinRole>) = match rng.random_range(0..7) {
            0 => {
                let path = *["invite_staff", "manage_staff", "edit_roles"].choose(rng).unwrap();
                (Action::Give(one.0.clone(), place, path), vec![one])
            }
            1 => (Action::Change(person(is_own, last_admin), two.0.clone()), vec![one, two]),
            2 => (Action::Remove(person(is_own, last_admin)), vec![one]),
            3 => {
                let end = if rng.random_bool(0.5) { Some(NOW + rng.random_range(0..3)) } else { None };
                (Action::SetEnd(person(is_own, last_admin), end), vec![one])
            }
            4 => (Action::MakeRole(own.0.clone(), place), vec![own]),
            5 => {
                let action = Action::EditRole(own.0.clone(), other.0.clone(), place);
                (action, vec![own, other])
            }
            _ => (Action::DeleteRole(own.0.clone(), place), vec![own]),
        };
        let roles_of_it = roles_of_it.into_iter().map(|role| role.1.clone()).collect();
        let holdings = (0..rng.random_range(0..4)).map(|n| holding(rng, n, roles, place)).collect();
        let way = *[Way::Rule, Way::Session, Way::ApiKey].choose(rng).unwrap();
        let key = (way == Way::ApiKey).then(|| api_key(rng, place));
        Self { holdings, way, key, action, roles: roles_of_it }
    }

    pub fn model(&self) -> bool {
        let holdings: Vec<Holding> = self.holdings.iter().map(|twin| twin.0.clone()).collect();
        model::may(&holdings, self.key.as_ref().map(|key| &key.0), NOW, &self.action)
    }

    /// The memberships that hold now, as the portal's statement picks them.
    pub fn live(&self) -> Vec<Membership> {
        let live = self.holdings.iter().filter(|twin| twin.0.ends.is_none_or(|end| end > NOW));
        live.map(|twin| twin.1.clone()).collect()
    }

    pub fn product(&self) -> bool {
        let live = self.live();
        let held = live.iter().any(|membership| membership.role.key == self.roles[0].key);
        let (needs, at) = match &self.action {
            Action::Give(_, at, path) => (Permission::from_key(path).unwrap(), scope(*at)),
            Action::Change(person, _) | Action::Remove(person) | Action::SetEnd(person, _) => {
                (Permission::ManageStaff, scope(person.place))
            }
            Action::MakeRole(_, at) | Action::EditRole(_, _, at) | Action::DeleteRole(_, at) => {
                (Permission::EditRoles, scope(*at))
            }
        };
        let target = match &self.action {
            Action::Change(person, _) | Action::Remove(person) => Some((person.own, person.last_admin)),
            Action::SetEnd(person, end) => Some((person.own, person.last_admin && end.is_some())),
            _ => None,
        };
        let target = target.map(|(own, last_admin)| Target { own, role: &self.roles[0], at: &at, last_admin });
        let (before, after) = match &self.action {
            Action::MakeRole(..) => (None, self.roles.first()),
            Action::DeleteRole(..) => (self.roles.first(), None),
            _ => (self.roles.first(), self.roles.get(1)),
        };
        let via = match (self.way, &self.key) {
            (Way::Rule, _) => {
                return live.iter().any(|by| {
                    let judged = match (&self.action, &target) {
                        (Action::Give(..), _) => policy::may_grant(by, needs, &self.roles[0], &at),
                        (_, Some(target)) => policy::may_change(by, target, self.roles.get(1)),
                        (_, None) => policy::may_edit_role(by, before, after, held, &at),
                    };
                    judged.is_ok()
                });
            }
            (_, Some(key)) => key.1,
            (_, None) => Via::Session(Id::from_uuid(Uuid::nil())),
        };
        let judged: Result<(), Refusal> =
            actor(via, live).grant(needs, at).and_then(|proof| match (&self.action, &target) {
                (Action::Give(..), _) => proof.may_grant(&self.roles[0], &at),
                (_, Some(target)) => proof.may_change(target, self.roles.get(1)),
                (_, None) => proof.may_edit_role(before, after, held, &at),
            });
        judged.is_ok()
    }

    /// The question in words.
    pub fn tell(&self) -> String {
        let mut text = String::new();
        for Twin(holding, _) in &self.holdings {
            text.push_str(&format!("  holds {holding:?}\n"));
        }
        let key = self.key.as_ref().map(|key| &key.0);
        text + &format!("  asks by {:?}, key {key:?}, at the instant {NOW}\n  wants {:?}\n", self.way, self.action)
    }
}

pub fn actor(via: Via, memberships: Vec<Membership>) -> Actor {
    Actor::new(Id::from_uuid(Uuid::nil()), "Somebody".to_owned(), "some@body.example".to_owned(), via, memberships)
}

/// Mostly at the place in question or above it, and mostly without an end.
pub fn holding(rng: &mut StdRng, n: u128, roles: &[TwinRole], near: Place) -> Twin<Holding, Membership> {
    let role = roles.choose(rng).unwrap();
    let place = somewhere(rng, near);
    let ends = if rng.random_bool(0.3) { Some(NOW + rng.random_range(-2..3)) } else { None };
    let membership = Membership { id: Id::from_uuid(Uuid::from_u128(n)), scope: scope(place), role: role.1.clone() };
    Twin(Holding { place, role: role.0.clone(), ends }, membership)
}

pub fn api_key(rng: &mut StdRng, near: Place) -> Twin<Key, Via> {
    let keys = if rng.random_bool(0.2) { Permission::all().map(Permission::key).collect() } else { keys(rng) };
    let place = somewhere(rng, near);
    let permissions = PermissionSet::from_keys(&keys.join(","));
    let via = Via::ApiKey { id: Id::from_uuid(Uuid::nil()), permissions, scope: scope(place) };
    Twin(Key { place, permissions: model::closed(&keys) }, via)
}

pub fn somewhere(rng: &mut StdRng, near: Place) -> Place {
    match rng.random_range(0..4) {
        0 => near,
        1 | 2 => Place { deployment: None, ..near },
        _ => *PLACES.choose(rng).unwrap(),
    }
}

/// Asks `judge` of random cases; a seed that is told by a failure is repeated with `CARE_PORTAL_TEST_SEED`.
pub fn cases(part: u64, count: usize, mut judge: impl FnMut(&mut StdRng, &[TwinRole], &Case) -> Result<(), String>) {
    let seed = match std::env::var("CARE_PORTAL_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random::<u64>(),
    };
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(part));
    let mut roles = Vec::new();
    for n in 0..count {
        if n % 500 == 0 {
            roles = some_roles(&mut rng);
        }
        let case = Case::random(&mut rng, &roles);
        if let Err(text) = judge(&mut rng, &roles, &case) {
            panic!("{text}\n{}repeat with CARE_PORTAL_TEST_SEED={seed}", case.tell());
        }
    }
}
