//! What holds of the grant rule whatever the roles are.

use care_portal::{
    access::{CustomRole, DefaultRole, Membership, Permission, PermissionSet, Role, Scope, Via, policy},
    types::Id,
};
use proptest::prelude::*;
use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use uuid::Uuid;

use crate::{
    decisions::*,
    model::{self, Action, Holding, Place},
};

fn scopes() -> impl Strategy<Value = Scope> {
    (0_u8..2, proptest::option::of(0_u8..3))
        .prop_map(|(o, d)| Scope { organisation: organisation(o), deployment: d.map(deployment) })
}

fn permissions() -> impl Strategy<Value = PermissionSet> {
    proptest::collection::vec(0_usize..13, 0..13)
        .prop_map(|picks| picks.into_iter().filter_map(|n| Permission::all().nth(n)).collect())
}

fn roles() -> impl Strategy<Value = Role> {
    let own = (permissions(), proptest::option::of(0_u8..3)).prop_map(|(permissions, d)| {
        CustomRole {
            id: Id::from_uuid(Uuid::from_u128(9)),
            deployment: d.map(deployment),
            name: "Own".to_owned(),
            permissions,
        }
        .into()
    });
    prop_oneof![(0_usize..5).prop_map(|n| Role::from(DefaultRole::ALL[n])), own]
}

fn needs() -> impl Strategy<Value = Permission> {
    prop_oneof![Just(Permission::InviteStaff), Just(Permission::ManageStaff), Just(Permission::EditRoles)]
}

fn decision() -> impl Strategy<Value = (Membership, Permission, Role, Scope)> {
    (scopes(), roles(), needs(), roles(), scopes()).prop_map(|(scope, role, needs, given, at)| {
        (Membership { id: Id::from_uuid(Uuid::nil()), scope, role }, needs, given, at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

    #[test]
    fn another_tenant_never_matters((mut by, needs, role, at) in decision()) {
        by.scope.organisation = organisation(7);
        prop_assert!(policy::may_grant(&by, needs, &role, &at).is_err());
    }

    #[test]
    fn a_permission_more_to_give_never_allows_more((by, needs, role, at) in decision(), extra in 0_usize..13) {
        let mut wider = role.clone();
        wider.permissions = wider.permissions.with(Permission::all().nth(extra).unwrap());
        if policy::may_grant(&by, needs, &wider, &at).is_ok() {
            prop_assert!(policy::may_grant(&by, needs, &role, &at).is_ok());
        }
    }

    #[test]
    fn nobody_gives_what_their_delegates_lack((by, needs, role, at) in decision()) {
        if policy::may_grant(&by, needs, &role, &at).is_ok() {
            prop_assert!(role.permissions.is_subset(by.role.delegates));
        }
    }
}

fn law(holds: bool, text: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("broken: {text}")) }
}

#[test]
fn who_holds_nothing_may_do_nothing() {
    cases(11, LAW, |_, _, case| {
        let nobody = Case { holdings: Vec::new(), ..case.clone() };
        law(!nobody.product() && !nobody.model(), "deny by default")
    });
    for place in PLACES {
        let nobody = actor(Via::Session(Id::from_uuid(Uuid::nil())), Vec::new());
        assert!(!nobody.reaches(&scope(place)) && Permission::all().all(|any| !nobody.may(any, &scope(place))));
    }
}

#[test]
fn a_permission_more_never_takes_away_and_one_less_never_gives() {
    cases(12, LAW, |rng, _, case| {
        let permission = Permission::all().nth(rng.random_range(0..13)).unwrap();
        let (mut more, mut less) = (case.clone(), case.clone());
        let own = |membership: &&mut Membership| !DefaultRole::ALL.into_iter().any(|role| membership.role.is(role));
        for membership in more.holdings.iter_mut().map(|twin| &mut twin.1).filter(own) {
            membership.role.permissions = membership.role.permissions.with(permission);
            membership.role.delegates = membership.role.permissions;
        }
        for membership in less.holdings.iter_mut().map(|twin| &mut twin.1).filter(own) {
            let left = membership.role.permissions.iter().filter(|one| *one != permission);
            membership.role.permissions = left.collect();
            membership.role.delegates = membership.role.permissions;
        }
        let now = case.product();
        law(more.product() || !now, &format!("with {permission:?} as well it would be refused"))?;
        law(!less.product() || now, &format!("without {permission:?} it would be allowed"))?;
        let mut wider = case.clone();
        for role in &mut wider.roles {
            role.permissions = role.permissions.with(permission);
        }
        law(!wider.product() || now, &format!("were {permission:?} in the roles concerned, it would be allowed"))
    });
}

#[test]
fn what_somebody_holds_in_another_organisation_never_matters() {
    cases(13, LAW, |rng, _, case| {
        let elsewhere: Vec<_> = (0..3)
            .map(|n| {
                let role = default_role(*DefaultRole::ALL.choose(rng).unwrap());
                let deployment = if rng.random_bool(0.5) { Some(rng.random_range(0..3)) } else { None };
                let place = Place { organisation: 7, deployment };
                let membership =
                    Membership { id: Id::from_uuid(Uuid::from_u128(70 + n)), scope: scope(place), role: role.1 };
                Twin(Holding { place, role: role.0, ends: None }, membership)
            })
            .collect();
        let only = Case { holdings: elsewhere.clone(), ..case.clone() };
        law(!only.product(), "another organisation's staff is allowed")?;
        let mut both = case.clone();
        both.holdings.extend(elsewhere);
        law(both.product() == case.product(), "holding something elsewhere changes the decision")
    });
}

#[test]
fn nobody_hands_out_what_their_delegates_lack_in_any_way() {
    cases(14, LAW, |_, _, case| {
        let key = match case.key.as_ref().map(|key| key.1) {
            Some(Via::ApiKey { permissions, .. }) => permissions,
            _ => PermissionSet::all(),
        };
        let able = |role: &Role| {
            case.live()
                .iter()
                .any(|by| role.permissions.is_subset(by.role.delegates) && role.permissions.is_subset(key))
        };
        law(!case.product() || case.roles.iter().all(able), "a role goes beyond the delegates")
    });
}

#[test]
fn the_order_of_memberships_is_irrelevant() {
    cases(15, LAW, |rng, _, case| {
        let mut other = case.clone();
        other.holdings.shuffle(rng);
        law(other.product() == case.product(), "another order decides otherwise")
    });
}

#[test]
fn what_permissions_imply_is_complete_at_once() {
    let mut rng = StdRng::seed_from_u64(1);
    for _ in 0..LAW {
        let keys = keys(&mut rng);
        let set = PermissionSet::from_keys(&keys.join(","));
        assert_eq!(set, set.iter().collect(), "{keys:?}");
        assert_eq!(set, PermissionSet::from_keys(&set.to_keys()), "{keys:?}");
        assert!(
            set.iter()
                .map(Permission::key)
                .eq(Permission::all().map(Permission::key).filter(|key| { model::closed(&keys).contains(key) }))
        );
    }
}

#[test]
fn nobody_changes_their_own_access_or_role() {
    cases(16, LAW, |rng, _, case| {
        let mut own = case.clone();
        match &mut own.action {
            Action::Give(..) | Action::MakeRole(..) => return Ok(()),
            Action::Change(person, _) | Action::Remove(person) | Action::SetEnd(person, _) => person.own = true,
            Action::EditRole(role, _, at) | Action::DeleteRole(role, at) => {
                let mut held = holding(rng, 9, &[Twin(role.clone(), own.roles[0].clone())], *at);
                held.0.ends = None;
                own.holdings.push(held);
            }
        }
        law(!own.product(), "somebody changes their own")
    });
}

/// A proof for the whole organisation rests on what holds there only.
#[test]
fn a_proof_never_reaches_beyond_its_place() {
    cases(17, LAW, |_, _, case| {
        let Action::Give(_, at, path) = &case.action else { return Ok(()) };
        let needs = Permission::from_key(path).unwrap();
        let who = actor(Via::Session(Id::from_uuid(Uuid::nil())), case.live());
        for place in PLACES {
            let Ok(proof) = who.grant(needs, scope(place)) else { continue };
            let allowed = proof.may_grant(&case.roles[0], &scope(*at)).is_ok();
            law(!allowed || scope(place).covers(&scope(*at)), "the proof is used elsewhere")?;
            let directly =
                case.live().iter().any(|by| policy::may_grant(by, needs, &case.roles[0], &scope(*at)).is_ok());
            law(!allowed || directly, "the proof allows more than the rule")?;
        }
        Ok(())
    });
}
