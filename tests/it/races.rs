//! Many at once, on two portals that share a database: whatever the order, no law is broken.
//!
//! A few rounds in every run; `CARE_PORTAL_RACE_ROUNDS=1000 ./test races` for the long one.

use std::{future::Future, pin::Pin};

use care_portal::{
    access::{DefaultRole, Permission, RoleKey, Scope},
    app,
    error::Result,
    identity::actions::act_from_terminal,
    invitations::{Accepted, Code, actions},
    op::Caller,
    portal::Portal,
    roles::{self, RoleDraft},
    staff,
    types::{InvitationId, MembershipId},
};

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

const ADMIN: RoleKey = RoleKey::Default(DefaultRole::Admin);
const READER: RoleKey = RoleKey::Default(DefaultRole::Contributor);
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
/// How many try the same at once.
const CROWD: usize = 32;

type Try = Pin<Box<dyn Future<Output = Result<bool>> + Send>>;

fn rounds() -> usize {
    std::env::var("CARE_PORTAL_RACE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Two portals on the same database, as two nodes.
async fn nodes(app: &TestApp) -> [Portal; 2] {
    let other = app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap();
    [app.portal.clone(), other]
}

/// What a day allows is proved elsewhere: each round may invite as if nothing had been sent before.
async fn another_day(app: &TestApp) {
    app.execute("DELETE FROM invited_addresses").await;
}

/// Lets all go at once and counts what was done. A refusal is an answer; a fault of ours is not.
async fn all_at_once(tries: Vec<Try>) -> usize {
    let tasks: Vec<_> = tries.into_iter().map(tokio::spawn).collect();
    let mut done = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(true) => done += 1,
            Ok(false) => {}
            // Also when no connection was to be had in time: whoever waits for a lock must not keep others from ending.
            Err(fault) if fault.status() >= 500 => panic!("a fault of ours: {fault:?}"),
            Err(_) => {}
        }
    }
    done
}

async fn membership(app: &TestApp, email: &str, scope: Scope) -> MembershipId {
    let query = staff::actions::Query { search: email.to_owned(), ..Default::default() };
    let found = staff::actions::list_staff(&app.portal, &app.admin_caller().await, scope, &query, 1).await.unwrap();
    found.rows.first().unwrap_or_else(|| panic!("{email} is not staff")).membership
}

/// What can be done to somebody that would leave the organisation without them as a lasting Admin.
fn harm(n: usize, portal: Portal, by: Caller, scope: Scope, id: MembershipId) -> Try {
    Box::pin(async move {
        let end = portal.now().plus(std::time::Duration::from_secs(3600));
        let changes = match n % 3 {
            0 => staff::actions::change_roles(&portal, &by, scope, &[id], READER).await?,
            1 => staff::actions::remove_from_team(&portal, &by, scope, &[id]).await?,
            _ => staff::actions::set_ends(&portal, &by, scope, &[id], Some(end)).await?,
        };
        Ok(!changes.done.is_empty())
    })
}

fn accept(portal: Portal, caller: Caller, code: String) -> Try {
    Box::pin(async move {
        let accepted = actions::accept_invitation(&portal, &caller, Code::parse(&code).as_ref(), "", "").await?;
        Ok(matches!(accepted, Accepted::Joined { .. }))
    })
}

/// A crowd of the invitee's presses, on both nodes.
fn accept_by_crowd(app: &TestApp, nodes: &[Portal; 2], eve: &Caller, id: InvitationId) -> Vec<Try> {
    let code = app.code(id, 1);
    (0..CROWD).map(|n| accept(nodes[n % 2].clone(), eve.clone(), code.clone())).collect()
}

/// Eve works elsewhere, so that she accepts by the account that she has.
async fn eve(app: &TestApp) -> Caller {
    app.person("eve", READER, app.diabetes).await;
    act_from_terminal(&app.portal, "eve@northfield.example").await.unwrap()
}

/// One use of the invitation at most, and what its state says is so.
async fn lawful(app: &TestApp, id: InvitationId, round: usize) -> i64 {
    let uuid = id.uuid().simple().to_string();
    let of = |what: &str| format!("SELECT COUNT(*) FROM {what}");
    let here = app.cardiology.id().simple().to_string();
    let (hex_id, hex_scope) = match app.portal.db.is_sqlite() {
        true => (format!("X'{uuid}'"), format!("X'{here}'")),
        false => (format!("'{uuid}'::uuid"), format!("'{here}'::uuid")),
    };
    let members = of(&format!(
        "memberships WHERE scope_id = {hex_scope} AND email_key = 'eve@northfield.example' AND ended_at IS NULL"
    ));
    let members = app.count(&members).await;
    let accepted = app.count(&of(&format!("invitations WHERE id = {hex_id} AND state = 'accepted'"))).await;
    assert!(members <= 1, "round {round}: {members} memberships");
    assert_eq!(members, accepted, "round {round}: a membership comes of an accepted invitation, and of nothing else");
    app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'eve@northfield.example' AND ended_at IS NULL AND role <> 'admin' AND deployment_id = (SELECT id FROM deployments WHERE name = 'Cardiology')").await;
    app.execute("UPDATE invitations SET state = 'deleted', live_email = NULL, closed_at = 1 WHERE closed_at IS NULL")
        .await;
    accepted
}

on_both! {
    async fn the_last_two_admins_never_both_fall(app: &TestApp) {
        app.person("bea", ADMIN, app.organisation).await;
        let nodes = nodes(app).await;
        let (ada, bea) = (act_from_terminal(&app.portal, "ada@northfield.example").await.unwrap(), act_from_terminal(&app.portal, "bea@northfield.example").await.unwrap());
        let (of_ada, of_bea) = (membership(app, "ada@northfield.example", app.organisation).await, membership(app, "bea@northfield.example", app.organisation).await);
        for round in 0..rounds().max(9) {
            let tries = (0..CROWD).flat_map(|n| [
                harm(round, nodes[n % 2].clone(), ada.clone(), app.organisation, of_bea),
                harm(round / 3, nodes[(n + 1) % 2].clone(), bea.clone(), app.organisation, of_ada),
            ]).collect();
            all_at_once(tries).await;
            let left = app.count("SELECT COUNT(*) FROM memberships WHERE role = 'admin' AND deployment_id IS NULL AND ended_at IS NULL AND ends_at IS NULL").await;
            assert_eq!(left, 1, "round {round}: one falls, never both");
            app.execute("UPDATE memberships SET role = 'admin', ended_at = NULL, ends_at = NULL, live_account = account_id WHERE deployment_id IS NULL").await;
        }
    }

    async fn an_invitation_is_used_once_by_a_crowd(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        for round in 0..rounds() {
            another_day(app).await;
            let id = app.invite(&admin, app.cardiology, READER, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            tries.extend(accept_by_crowd(app, &nodes, &eve, id));
            assert_eq!(all_at_once(tries).await, 1, "round {round}");
            assert_eq!(lawful(app, id, round).await, 1);
        }
    }

    async fn deleting_and_accepting_at_once_is_one_or_the_other(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        for round in 0..rounds() {
            another_day(app).await;
            let id = app.invite(&admin, app.cardiology, READER, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            let (portal, by, scope) = (nodes[1].clone(), admin.clone(), app.cardiology);
            tries.insert(round % CROWD, Box::pin(async move {
                actions::delete_invitations(&portal, &by, scope, &[id]).await.map(|_| false)
            }));
            let joined = all_at_once(tries).await;
            assert_eq!(lawful(app, id, round).await, i64::try_from(joined).unwrap());
        }
    }

    async fn correcting_and_accepting_at_once_is_one_or_the_other(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        for round in 0..rounds() {
            another_day(app).await;
            let id = app.invite(&admin, app.cardiology, READER, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            let (portal, by, scope) = (nodes[1].clone(), admin.clone(), app.cardiology);
            let right = format!("evelyn.{round}@northfield.example");
            tries.insert(round % CROWD, Box::pin(async move {
                actions::correct_invitation(&portal, &by, scope, id, &right).await.map(|_| false)
            }));
            let joined = all_at_once(tries).await;
            let corrected = app.count("SELECT COUNT(*) FROM invitations WHERE email LIKE 'evelyn.%' AND closed_at IS NULL").await;
            assert_eq!(i64::try_from(joined).unwrap() + corrected, 1, "round {round}");
            lawful(app, id, round).await;
        }
    }

    async fn a_role_that_goes_takes_everybody_along(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        for round in 0..rounds() {
            another_day(app).await;
            let draft = RoleDraft { name: format!("Clerk {round}"), permissions: [Permission::ViewStaff].into_iter().collect() };
            let role = roles::actions::create_role(&app.portal, &admin, app.organisation, &draft).await.unwrap();
            let RoleKey::Custom(gone) = role.key else { panic!("a custom role") };
            let id = app.invite(&admin, app.cardiology, role.key, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            let (portal, by, scope) = (nodes[1].clone(), admin.clone(), app.organisation);
            tries.insert(round % CROWD, Box::pin(async move {
                roles::actions::delete_role(&portal, &by, scope, gone, Some(READER), 1).await.map(|_| true)
            }));
            assert!(all_at_once(tries).await >= 1, "round {round}: the role is gone, whoever else was quick");
            for table in ["memberships WHERE ended_at IS NULL AND", "invitations WHERE closed_at IS NULL AND"] {
                assert_eq!(app.count(&format!("SELECT COUNT(*) FROM {table} role = '{}'", role.key)).await, 0, "round {round}: {table}");
            }
            lawful(app, id, round).await;
        }
    }

    async fn a_role_that_gains_holds_or_comes_after(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        for round in 0..rounds() {
            another_day(app).await;
            let draft = RoleDraft { name: format!("Clerk {round}"), permissions: [Permission::ViewStaff].into_iter().collect() };
            let role = roles::actions::create_role(&app.portal, &admin, app.organisation, &draft).await.unwrap();
            let RoleKey::Custom(wider) = role.key else { panic!("a custom role") };
            let id = app.invite(&admin, app.cardiology, role.key, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            let (portal, by, scope) = (nodes[1].clone(), admin.clone(), app.organisation);
            let draft = RoleDraft { permissions: draft.permissions.with(Permission::ExportPatientData), ..draft };
            tries.insert(round % CROWD, Box::pin(async move {
                roles::actions::edit_role(&portal, &by, scope, wider, &draft, 1).await.map(|_| false)
            }));
            let joined = i64::try_from(all_at_once(tries).await).unwrap();
            let held = app.count("SELECT COUNT(*) FROM invitations WHERE state = 'held' AND closed_at IS NULL").await;
            assert_eq!(joined + held, 1, "round {round}: accepted before, or held");
            lawful(app, id, round).await;
        }
    }

    async fn whoever_falls_gives_nothing_any_more(app: &TestApp) {
        let (eve, nodes, admin) = (eve(app).await, nodes(app).await, app.admin_caller().await);
        app.default(DefaultRole::AccessController, app.organisation).await;
        let priya = act_from_terminal(&app.portal, "access_controller@northfield.example").await.unwrap();
        let of_priya = membership(app, "access_controller@northfield.example", app.organisation).await;
        for round in 0..rounds() {
            another_day(app).await;
            let id = app.invite(&priya, app.cardiology, STAFF, "eve@northfield.example").await;
            let mut tries = accept_by_crowd(app, &nodes, &eve, id);
            let fall = harm(round % 2, nodes[1].clone(), admin.clone(), app.organisation, of_priya);
            tries.insert(round % CROWD, Box::pin(async move { fall.await.map(|_| false) }));
            let joined = i64::try_from(all_at_once(tries).await).unwrap();
            let held = app.count("SELECT COUNT(*) FROM invitations WHERE state = 'held' AND closed_at IS NULL").await;
            assert_eq!(joined + held, 1, "round {round}: accepted before, or held");
            lawful(app, id, round).await;
            app.execute("UPDATE memberships SET role = 'access_controller', ended_at = NULL, live_account = account_id WHERE email_key = 'access_controller@northfield.example'").await;
        }
    }
}
