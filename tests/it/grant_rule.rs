//! The grant rule against a reference model that is written plainly and apart from it.

use care_portal::{
    access::{CustomRole, DefaultRole, Membership, Permission, PermissionSet, Role, Scope, policy},
    types::{DeploymentId, Id, OrganisationId},
};
use proptest::prelude::*;
use uuid::Uuid;

fn organisation(n: u8) -> OrganisationId {
    Id::from_uuid(Uuid::from_u128(u128::from(n)))
}

fn deployment(n: u8) -> DeploymentId {
    Id::from_uuid(Uuid::from_u128(100 + u128::from(n)))
}

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

/// The rule as `may_grant` must decide it, with sets of names and nothing shared with the product but the table of roles.
fn model(by: &Membership, needs: Permission, role: &Role, at: &Scope) -> bool {
    let names = |set: PermissionSet| set.iter().map(Permission::key).collect::<Vec<_>>();
    let same_house = by.scope.organisation == at.organisation;
    let covers = match by.scope.deployment {
        None => same_house,
        Some(own) => same_house && at.deployment == Some(own),
    };
    let holds = names(by.role.permissions).contains(&needs.key());
    let manager = by.role.is(DefaultRole::Admin) || by.role.is(DefaultRole::AccessController);
    let delegates: Vec<&str> =
        if manager { Permission::all().map(Permission::key).collect() } else { names(by.role.permissions) };
    let contained = names(role.permissions).iter().all(|name| delegates.contains(name));
    let reserved = role.is(DefaultRole::Admin) || role.is(DefaultRole::Contributor);
    let exists_here = role.deployment.is_none() || role.deployment == at.deployment;
    covers && holds && contained && (!reserved || by.role.is(DefaultRole::Admin)) && exists_here
}

fn decision() -> impl Strategy<Value = (Membership, Permission, Role, Scope)> {
    (scopes(), roles(), needs(), roles(), scopes()).prop_map(|(scope, role, needs, given, at)| {
        (Membership { id: Id::from_uuid(Uuid::nil()), scope, role }, needs, given, at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rule_is_the_model((by, needs, role, at) in decision()) {
        prop_assert_eq!(policy::may_grant(&by, needs, &role, &at).is_ok(), model(&by, needs, &role, &at));
    }

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

#[test]
fn the_default_roles_are_the_published_reading() {
    let table: Vec<String> = Permission::all()
        .map(|permission| {
            let marks: Vec<&str> = DefaultRole::ALL
                .iter()
                .map(|role| if role.permissions().has(permission) { "x" } else { "-" })
                .collect();
            format!("{:<26}{}", permission.key(), marks.join(" "))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}
