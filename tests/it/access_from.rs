//! A first day of access that lies after accepting: until then the account gives nothing, and everybody can see why.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    error::Error,
    identity::actions::act_from_terminal,
    plans::{State, actions},
    staff,
    types::{InvitationId, MembershipId},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The tests' clock stands on the 21st.
const FIRST_DAY: &str = "2026-09-28";

async fn api(who: &Person, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    who.json(method, &format!("/api/v1{path}"), body).await
}

/// Somebody invited by the page, who has accepted.
async fn join_later(app: &TestApp, word: &str, role: &str) -> MembershipId {
    let admin = app.admin().await;
    let email = format!("{word}@northfield.example");
    let sent = admin.invite(app.cardiology, &email, role, &[("access_from", FIRST_DAY), ("send_key", word)]).await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER, "{}", sent.text().await.unwrap());
    let id = app.uuid(&format!("SELECT id FROM invitations WHERE email_key = '{email}'")).await;
    app.join_as(InvitationId::from_uuid(id), "Ben Okri").await;
    MembershipId::from_uuid(app.uuid(&format!("SELECT id FROM memberships WHERE email_key = '{email}'")).await)
}

on_both! {
    async fn nothing_opens_before_the_first_day_and_everything_on_it(app: &TestApp) {
        join_later(app, "ben", "access_controller").await;
        let ben = app.sign_in("ben@northfield.example").await;
        let home = ben.page("/").await;
        assert!(home.contains("Your access begins later") && home.contains("Cardiology") && home.contains("28 September 2026"), "{home}");
        assert!(ben.page("/profile").await.contains("Begins"));
        let scope = app.cardiology;
        for path in ["patients", "staff", "invitations", "access-log", "plans"] {
            assert_eq!(ben.get(&format!("{}/{path}", scope.path())).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let sent = ben.invite(scope, "chi@northfield.example", "organisation_staff", &[]).await;
        assert_eq!(sent.status(), StatusCode::NOT_FOUND);
        assert_eq!(api(&ben, "GET", &format!("/scopes/{scope}/staff"), None).await.0, StatusCode::NOT_FOUND);
        let (_, me) = api(&ben, "GET", "/me", None).await;
        assert_eq!((me["memberships"].as_array().unwrap().len(), me["coming"][0]["access_from"].as_str()), (0, Some("2026-09-27T23:00:00Z")), "{me}");
        let terminal = act_from_terminal(&app.portal, "ben@northfield.example").await.unwrap();
        let listed = staff::actions::list_staff(&app.portal, &terminal, scope, &staff::actions::Query::default(), 10).await;
        assert!(matches!(listed, Err(Error::NotFound | Error::Forbidden(_))));

        let admin = app.admin().await;
        let list = admin.page(&format!("{}/staff", scope.path())).await;
        assert!(list.contains("Begins 28 September 2026"), "{list}");
        let (_, rows) = api(&admin, "GET", &format!("/scopes/{scope}/staff?q=ben"), None).await;
        assert_eq!(rows["staff"][0]["access_from"], "2026-09-27T23:00:00Z", "{rows}");
        let again = admin.invite(scope, "ben@northfield.example", "contributor", &[("send_key", "again")]).await.text().await.unwrap();
        assert!(again.contains("Already staff") || again.contains("None of these"), "{again}");
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE action = 'membership.begun' AND detail LIKE '%\"starts_at\":\"2026-09-27T23:00:00Z\"%'").await, 1);
        let account = app.uuid("SELECT id FROM accounts WHERE email = 'ben@northfield.example'").await;
        let why = admin.page(&format!("{}/access-log/why/acc_{}", scope.path(), account.simple())).await;
        assert!(why.contains("will be Access Controller") && why.contains("Begins by itself"), "{why}");

        app.advance(DAY * 6);
        let ben = app.sign_in("ben@northfield.example").await;
        assert_eq!(ben.get(&format!("{}/staff", scope.path())).await.status(), StatusCode::NOT_FOUND);
        app.advance(DAY);
        let ben = app.sign_in("ben@northfield.example").await;
        assert_eq!(ben.get(&format!("{}/staff", scope.path())).await.status(), StatusCode::OK);
        let list = app.admin().await.page(&format!("{}/staff", scope.path())).await;
        assert!(!list.contains("Begins 28"), "{list}");
    }

    async fn an_open_session_works_from_the_first_moment_on(app: &TestApp) {
        join_later(app, "ben", "deployment_staff").await;
        app.advance(Duration::from_millis(u64::try_from(1_790_549_990_000 - app.portal.now().0).unwrap()));
        let ben = app.sign_in("ben@northfield.example").await;
        assert_eq!(ben.get(&format!("{}/patients", app.cardiology.path())).await.status(), StatusCode::NOT_FOUND, "ten seconds before");
        app.advance(Duration::from_secs(10));
        assert_eq!(ben.get(&format!("{}/patients", app.cardiology.path())).await.status(), StatusCode::OK);
    }

    async fn another_role_or_end_keeps_the_first_day(app: &TestApp) {
        let id = join_later(app, "ben", "contributor").await;
        let caller = app.admin_caller().await;
        let role = RoleKey::Default(DefaultRole::DeploymentStaff);
        let changed = staff::actions::change_roles(&app.portal, &caller, app.cardiology, &[id], role).await.unwrap();
        assert_eq!(changed.done.len(), 1);
        let starts = format!("SELECT COUNT(*) FROM memberships WHERE id = {} AND role = 'deployment_staff' AND starts_at = 1790550000000", app.literal(id.uuid()));
        assert_eq!(app.count(&starts).await, 1);
        let end = Some(app.portal.now().plus(DAY));
        let refused = staff::actions::set_ends(&app.portal, &caller, app.cardiology, &[id], end).await.unwrap();
        assert!(refused.done.is_empty() && refused.not_done[0].reason().contains("would end before it begins"));
        let end = Some(app.portal.now().plus(DAY * 30));
        assert_eq!(staff::actions::set_ends(&app.portal, &caller, app.cardiology, &[id], end).await.unwrap().done.len(), 1);
        assert_eq!(app.count(&starts).await, 1);
        let ben = app.sign_in("ben@northfield.example").await;
        assert_eq!(ben.get(&format!("{}/patients", app.cardiology.path())).await.status(), StatusCode::NOT_FOUND);
    }

    async fn a_first_day_is_brought_forward_by_those_who_could_give_the_access(app: &TestApp) {
        let id = join_later(app, "ben", "admin").await;
        let path = format!("{}/staff/{id}/until", app.cardiology.path());
        let begin = [("do", "begin")];
        let staff_of_it = app.default(DefaultRole::OrganisationStaff, app.cardiology).await;
        assert_eq!(staff_of_it.post(&path, &begin).await.status(), StatusCode::FORBIDDEN);
        let next_door = app.person("nextdoor", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
        assert_eq!(next_door.post(&path, &begin).await.status(), StatusCode::NOT_FOUND);
        // Whoever could not have given the role.
        let peer = app.person("peer", RoleKey::Default(DefaultRole::AccessController), app.cardiology).await;
        assert_eq!(peer.post(&path, &begin).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.events("membership.start_change_refused").await, 1);
        let admin = app.admin().await;
        assert!(admin.page(&path).await.contains("Begin access now"));
        app.advance(Duration::from_secs(11 * 60));
        assert!(location(&admin.post(&path, &begin).await).starts_with("/prove"), "an old proof is none");
        let ben = app.sign_in("ben@northfield.example").await;
        assert_eq!(ben.get(&format!("{}/staff", app.cardiology.path())).await.status(), StatusCode::NOT_FOUND, "nothing happened yet");
        let admin = app.admin().await;
        assert_eq!(admin.post(&path, &begin).await.status(), StatusCode::SEE_OTHER);
        assert!(admin.page(&format!("{}/staff", app.cardiology.path())).await.contains("has access from now on."));
        assert_eq!(app.events("membership.start_changed").await, 1);
        assert_eq!(ben.get(&format!("{}/staff", app.cardiology.path())).await.status(), StatusCode::OK);
        assert!(!admin.page(&path).await.contains("Begin access now"));
        admin.post(&path, &begin).await;
        assert!(admin.page(&format!("{}/staff", app.cardiology.path())).await.contains("this access has begun already"));
        // By a program.
        let other = join_later(app, "chi", "contributor").await;
        let url = format!("/scopes/{}/staff/{other}", app.cardiology);
        assert_eq!(api(&admin, "PATCH", &url, Some(json!({ "access_from": "tomorrow" }))).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(api(&admin, "PATCH", &url, Some(json!({ "access_from": "now", "access_until": "never" }))).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, row) = api(&admin, "PATCH", &url, Some(json!({ "access_from": "now" }))).await;
        assert_eq!((status, row["access_from"].as_str()), (StatusCode::OK, Some(app.portal.now().to_rfc3339().as_str())), "{row}");
        assert_eq!(app.events("membership.start_changed").await, 2);
        let account = app.uuid("SELECT id FROM accounts WHERE email = 'ben@northfield.example'").await;
        let why = admin.page(&format!("{}/access-log/why/acc_{}", app.cardiology.path(), account.simple())).await;
        assert!(why.contains("is Admin") && why.contains("Was let begin before its first day"), "{why}");
    }

    async fn an_admin_to_come_is_not_the_one_that_an_organisation_keeps(app: &TestApp) {
        let admin = app.admin().await;
        let asked = [("access_from", FIRST_DAY)];
        admin.invite(app.organisation, "dora@northfield.example", "admin", &asked).await;
        let id = app.uuid("SELECT id FROM invitations WHERE email_key = 'dora@northfield.example'").await;
        app.join_as(InvitationId::from_uuid(id), "Dora").await;
        app.person("boss", RoleKey::Default(DefaultRole::Admin), app.organisation).await;
        let of = async |email: &str| MembershipId::from_uuid(app.uuid(&format!("SELECT id FROM memberships WHERE email_key = '{email}@northfield.example'")).await);
        let (ada, boss) = (of("ada").await, of("boss").await);
        let end = Some(app.portal.now().plus(DAY * 60));
        let caller = app.admin_caller().await;
        staff::actions::set_ends(&app.portal, &caller, app.organisation, &[boss], end).await.unwrap();
        let boss = act_from_terminal(&app.portal, "boss@northfield.example").await.unwrap();
        let removed = staff::actions::remove_from_team(&app.portal, &boss, app.organisation, &[ada]).await.unwrap();
        assert!(removed.done.is_empty(), "Dora's access has not begun");
        app.advance(DAY * 8);
        let boss = act_from_terminal(&app.portal, "boss@northfield.example").await.unwrap();
        let removed = staff::actions::remove_from_team(&app.portal, &boss, app.organisation, &[ada]).await.unwrap();
        assert_eq!(removed.done.len(), 1, "{removed:?}");
    }

    async fn whoever_will_be_more_is_not_helped_by_less(app: &TestApp) {
        let admin = app.admin().await;
        let id = join_later(app, "ben", "contributor").await;
        admin.invite(app.organisation, "ben@northfield.example", "admin", &[("access_from", FIRST_DAY), ("send_key", "more")]).await;
        let invitation = app.uuid("SELECT id FROM invitations WHERE email_key = 'ben@northfield.example' AND role = 'admin'").await;
        let ben = app.sign_in("ben@northfield.example").await;
        ben.post("/join", &[("code", &app.code(InvitationId::from_uuid(invitation), 1))]).await;
        let joined = ben.post("/join/accept", &[("invitation", &format!("inv_{}", invitation.simple()))]).await;
        assert_eq!(location(&joined), "/", "there is nothing to see there yet");
        app.person("priya", RoleKey::Default(DefaultRole::AccessController), app.cardiology).await;
        let priya = act_from_terminal(&app.portal, "priya@northfield.example").await.unwrap();
        let reset = staff::actions::reset_second_factor(&app.portal, &priya, app.cardiology, id, "Lost the phone").await;
        assert!(matches!(reset, Err(Error::Forbidden(_))), "{reset:?}");
    }

    async fn a_wrong_first_day_is_told_beside_its_field(app: &TestApp) {
        let admin = app.admin().await;
        for (from, until, expected) in [
            ("2026-09-20", "", "This day has passed"),
            ("2028-01-01", "", "Choose a first day within a year"),
            ("2026-10-10", "2026-10-09", "The access would end before it begins"),
            ("soon", "", "Choose the first day of the access"),
        ] {
            let asked = [("access_from", from), ("access_until", until), ("note", "HR-5")];
            let answer = admin.invite(app.cardiology, "ben@northfield.example", "contributor", &asked).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{from}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(expected) && page.contains("id=\"access_from-error\"") && page.contains("HR-5"), "{from}: {expected}\n{page}");
            assert!(page.contains(&format!("name=\"access_from\" value=\"{from}\"")), "what was typed stays\n{page}");
        }
        let body = json!({ "addresses": ["ben@northfield.example"], "role": "contributor", "access_from": "soon" });
        let asked = admin.client.post(format!("{}/api/v1/scopes/{}/invitations", app.url, app.cardiology)).header("sec-fetch-site", "same-origin").header("idempotency-key", "k");
        let answer = asked.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
        admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[("access_from", "2026-09-21")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example' AND access_from IS NULL").await, 1, "today is now");
    }

    async fn the_invitation_says_when_access_begins(app: &TestApp) {
        let admin = app.admin().await;
        admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[("access_from", FIRST_DAY)]).await;
        app.send_mail().await;
        let mail = app.mails_to("ben@northfield.example").join("\n");
        assert!(mail.contains("Your access begins on"), "{mail}");
        let list = admin.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(list.contains("Access from 28 September 2026"), "{list}");
        let id = app.uuid("SELECT id FROM invitations WHERE email_key = 'ben@northfield.example'").await;
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(InvitationId::from_uuid(id), 1))]).await;
        let page = visitor.page("/join").await;
        assert!(page.contains("Access begins") && page.contains("You can create your account now"), "{page}");
    }

    async fn rows_of_a_plan_may_have_a_first_day(app: &TestApp) {
        app.person("eve", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        let admin = app.admin().await;
        let scope = app.cardiology;
        let rows = json!({ "role": "deployment_staff", "rows": [
            { "email": "ben@northfield.example", "access_from": "2026-09-28" },
            { "email": "chi@northfield.example", "access_from": "28.09.2026", "access_until": "2026-09-27" },
            { "email": "eve@northfield.example", "access_from": "2026-09-28" },
            { "email": "fay@northfield.example", "access_from": "2020-01-01" },
        ]});
        let asked = admin.client.post(format!("{}/api/v1/scopes/{scope}/plans", app.url)).header("sec-fetch-site", "same-origin").header("idempotency-key", "k");
        let made: Value = asked.json(&rows).send().await.unwrap().json().await.unwrap();
        let path = format!("/scopes/{scope}/plans/{}", made["id"].as_str().unwrap());
        assert_eq!((made["counts"]["ready"].as_u64(), made["counts"]["refused"].as_u64(), made["counts"]["staff"].as_u64()), (Some(2), Some(1), Some(1)), "{made}");
        let (_, listed) = api(&admin, "GET", &format!("{path}/rows"), None).await;
        assert_eq!(listed["rows"][0]["access_from"], "2026-09-27T23:00:00Z", "{listed}");
        assert!(listed["rows"][1]["reason"].as_str().unwrap().contains("would end before it begins"), "{listed}");
        assert!(listed["rows"][2]["reason"].as_str().unwrap().contains("no first day of its own"), "{listed}");
        let (_, decided) = api(&admin, "POST", &format!("{path}/rows"), Some(json!({ "decision": "change_role", "rows": [3] }))).await;
        assert_eq!(decided["decided"], 0, "nobody's role is changed before the day");
        let page = admin.page(&format!("{}/plans/{}", scope.path(), made["id"].as_str().unwrap())).await;
        assert!(page.contains("Access from 28 September 2026"), "{page}");
        let plan = made["id"].as_str().unwrap().parse().unwrap();
        actions::start_plan(&app.portal, &app.admin_caller().await, scope, plan).await.unwrap();
        assert_eq!(app.finish(plan).await, State::Applied);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example' AND access_from = 1790550000000").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'fay@northfield.example' AND access_from IS NULL").await, 1);
    }
}
