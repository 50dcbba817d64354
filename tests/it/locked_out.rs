//! Help for the locked-out (AUTH-14): a manager takes a second factor away, never of somebody stronger, never alone, and chooses nothing.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    staff,
    types::MembershipId,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both,
    reset::{code_for, code_in, mail_that, open},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const ADMIN: RoleKey = RoleKey::Default(DefaultRole::Admin);
const CONTROLLER: RoleKey = RoleKey::Default(DefaultRole::AccessController);
const BEN: &str = "ben@northfield.example";
const REASON: &str = "Lost the phone; spoke to them on the ward";

async fn reset(by: &Person, scope: care_portal::access::Scope, id: &str, reason: &str) -> (StatusCode, Value) {
    let path = format!("/api/v1/scopes/{scope}/staff/{id}/reset-second-factor");
    by.json("POST", &path, Some(json!({ "reason": reason }))).await
}

async fn link(by: &Person, scope: care_portal::access::Scope, id: &str) -> (StatusCode, Value) {
    by.json("POST", &format!("/api/v1/scopes/{scope}/staff/{id}/send-password-link"), None).await
}

/// Makes somebody staff of one more place.
async fn also(
    app: &TestApp,
    email: &str,
    by: &care_portal::op::Caller,
    scope: care_portal::access::Scope,
    role: RoleKey,
) {
    let invitation = app.invite(by, scope, role, email).await;
    let person = app.sign_in(email).await;
    person.post("/join", &[("code", &app.code(invitation, 1))]).await;
    let answer = person.post("/join/accept", &[("invitation", &invitation.to_string())]).await;
    assert!(answer.status().is_redirection());
}

/// Ben's membership in Cardiology, where he has others too.
async fn in_cardiology(app: &TestApp) -> String {
    let scope = app.literal(app.cardiology.id());
    let sql = format!("SELECT id FROM memberships WHERE email_key = '{BEN}' AND scope_id = {scope}");
    MembershipId::from_uuid(app.uuid(&sql).await).to_string()
}

async fn untouched(app: &TestApp) {
    assert_eq!(app.events("second_factor.reset").await, 0);
    assert_eq!(app.count("SELECT COUNT(*) FROM notices WHERE kind = 'second_factor_reset'").await, 0);
    assert_eq!(
        app.count("SELECT COUNT(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM authenticators f WHERE f.account_id = a.id)").await,
        0
    );
}

on_both! {
    async fn auth_14_nobody_resets_whoever_is_stronger(app: &TestApp) {
        let controller = app.person("cora", CONTROLLER, app.cardiology).await;
        app.person("boss", ADMIN, app.cardiology).await;
        let boss = app.member("boss").await;
        let (status, problem) = reset(&controller, app.cardiology, &boss, REASON).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("only an Admin"), "{problem}");
        assert_eq!(link(&controller, app.cardiology, &boss).await.0, StatusCode::FORBIDDEN);
        let path = format!("{}/staff/{boss}", app.cardiology.path());
        for page in ["second-factor", "password-link"] {
            assert_eq!(controller.get(&format!("{path}/{page}")).await.status(), StatusCode::FORBIDDEN);
            assert_eq!(controller.post(&format!("{path}/{page}"), &[("reason", REASON)]).await.status(), StatusCode::FORBIDDEN);
        }
        untouched(app).await;
        assert_eq!(app.events("second_factor.reset_refused").await, 2);
        assert_eq!(app.events("password_reset.send_refused").await, 2);
        assert_eq!(app.count("SELECT COUNT(*) FROM password_resets").await, 0);
    }

    async fn auth_14_nobody_resets_whoever_is_stronger_in_another_deployment(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let controller = app.person("cora", CONTROLLER, app.cardiology).await;
        also(app, BEN, &app.admin_caller().await, app.diabetes, STAFF).await;
        let id = in_cardiology(app).await;
        let (status, problem) = reset(&controller, app.cardiology, &id, REASON).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let told = problem.to_string();
        assert!(told.contains("places where you do not manage staff") && !told.contains("Diabetes"), "{told}");
        untouched(app).await;
        // Ada manages both.
        assert_eq!(reset(&app.admin().await, app.organisation, &id, REASON).await.0, StatusCode::OK);
    }

    async fn auth_14_nobody_resets_whoever_works_in_another_organisation(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (southfield, grace) = app.second_organisation().await;
        let id = app.member("ben").await;
        for (status, _) in [reset(&grace, southfield, &id, REASON).await, reset(&grace, app.cardiology, &id, REASON).await] {
            assert_eq!(status, StatusCode::NOT_FOUND, "of whom nothing is known");
        }
        let by = care_portal::identity::actions::act_from_terminal(&app.portal, "grace@southfield.example").await.unwrap();
        also(app, BEN, &by, southfield, STAFF).await;
        let id = in_cardiology(app).await;
        let ada = app.admin().await;
        let (status, problem) = reset(&ada, app.organisation, &id, REASON).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let page = ada.get(&format!("{}/staff/{id}/second-factor", app.organisation.path())).await;
        assert_eq!(page.status(), StatusCode::FORBIDDEN);
        let told = format!("{problem} {}", page.text().await.unwrap());
        assert!(!told.contains("Southfield") && !told.contains("Grace"), "names no other organisation: {told}");
        untouched(app).await;
        let log = ada.page(&format!("{}/access-log", app.organisation.path())).await;
        assert!(log.contains("tried to reset the second factor of") && !log.contains("Southfield"));
    }

    async fn auth_14_needs_the_permission_a_reason_a_fresh_proof_and_a_person(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let (ada, wren) = (app.admin().await, app.member("wren").await);
        assert_eq!(reset(&ben, app.cardiology, &wren, REASON).await.0, StatusCode::FORBIDDEN, "without the permission");
        assert_eq!(reset(&app.visitor(), app.cardiology, &wren, REASON).await.0, StatusCode::UNAUTHORIZED);
        for reason in ["", "  \n ", &"x".repeat(501)] {
            let (status, problem) = reset(&ada, app.cardiology, &wren, reason).await;
            assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("reason")));
        }
        let path = format!("{}/staff/{wren}/second-factor", app.cardiology.path());
        let answer = ada.post(&path, &[("reason", ""), ("list", "q=wr")]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("reason-error") && page.contains("q=wr"), "{page}");
        let own = app.member("ada").await;
        let (status, problem) = reset(&ada, app.organisation, &own, REASON).await;
        assert!(status == StatusCode::FORBIDDEN && problem.to_string().contains("nobody changes their own access"), "{problem}");
        assert_eq!(link(&ada, app.organisation, &own).await.0, StatusCode::FORBIDDEN);
        let gone = "mem_00000000000000000000000000000000";
        assert_eq!(reset(&ada, app.cardiology, gone, REASON).await.0, StatusCode::NOT_FOUND);

        let form = [("name", "Robot"), ("scope", &app.organisation.to_string()), ("permissions", "manage_staff")];
        let page = ada.post("/profile/api-keys", &form).await.text().await.unwrap();
        let key = page[page.find("cpk_").unwrap()..].split(['"', '<']).next().unwrap();
        for (name, body) in [("reset-second-factor", json!({ "reason": REASON })), ("send-password-link", json!({}))] {
            let url = format!("{}/api/v1/scopes/{}/staff/{wren}/{name}", app.url, app.cardiology);
            let answer = app.visitor().client.post(url).bearer_auth(key).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "a key proves nobody: {name}");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "step_up_required");
        }
        app.advance(Duration::from_secs(10 * 60));
        let (status, problem) = reset(&ada, app.cardiology, &wren, REASON).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("step_up_required")));
        assert_eq!(link(&ada, app.cardiology, &wren).await.0, StatusCode::UNAUTHORIZED);
        assert!(location(&ada.get(&path).await).starts_with("/prove"));
        assert!(location(&ada.post(&path, &[("reason", REASON)]).await).starts_with("/prove"));
        untouched(app).await;
    }

    async fn auth_14_a_reset_ends_all_and_the_person_sets_up_anew(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        app.person("cora", CONTROLLER, app.organisation).await;
        let trusted = app.visitor();
        trusted.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        let code = app.code_of(BEN).await;
        trusted.post("/sign-in/second-factor", &[("code", &code), ("remember", "1")]).await;
        let page = ben.post("/profile/recovery-codes", &[]).await.text().await.unwrap();
        let recovery = page.split("<li><code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
        let page = ben.post("/profile/api-keys", &form).await.text().await.unwrap();
        let key = page[page.find("cpk_").unwrap()..].split(['"', '<']).next().unwrap().to_owned();
        let open_link = code_for(app, BEN).await;
        let (ada, id) = (app.admin().await, app.member("ben").await);
        let path = format!("{}/staff/{id}/second-factor", app.cardiology.path());
        let page = ada.page(&path).await;
        for expected in ["Authenticator app", "So does cora Example", "speak to them"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        let old_code = app.code_of(BEN).await;
        let answer = ada.post(&path, &[("reason", " Lost the phone;\nspoke to them on the ward ")]).await;
        assert_eq!(location(&answer), format!("{}/staff", app.cardiology.path()));
        assert!(ada.page(&location(&answer)).await.contains("They and cora Example are told by mail."));

        for person in [&ben, &trusted] {
            assert!(location(&person.get("/profile").await).starts_with("/sign-in"));
            assert_eq!(person.json("GET", "/api/v1/me", None).await.0, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(open(&app.visitor(), "/reset", &open_link).await.0, StatusCode::GONE);
        let by_key = app.visitor().client.get(format!("{}/api/v1/me", app.url)).bearer_auth(&key).send().await.unwrap();
        assert_eq!(by_key.status(), StatusCode::OK, "keys are no second factor, and stay");
        // The trusted browser is asked too, and neither an old code nor a recovery code is a way in.
        let answer = trusted.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/second-factor/set-up");
        for code in [&old_code, &recovery] {
            trusted.post("/sign-in/second-factor", &[("code", code)]).await;
            assert!(location(&trusted.get("/profile").await).starts_with("/second-factor/set-up"));
        }
        let shown = trusted.set_up_authenticator("/second-factor/set-up", app.seconds()).await;
        assert_eq!(shown.matches("<li><code>").count(), 10, "with recovery codes of its own");
        trusted.page("/profile").await;

        app.send_mail().await;
        let mail = mail_that(app, BEN, "Your second factor was reset");
        assert!(mail.contains(&format!("Ada Okafor reset your second factor. Their reason: {REASON}")), "{mail}");
        let witness = mail_that(app, "cora@northfield.example", "Ada Okafor reset the second factor of ben Example");
        assert!(witness.contains(REASON) && witness.contains(BEN) && !witness.contains("cpn1_"), "{witness}");
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'second_factor_reset'").await, 1);
        let log = ada.page(&format!("{}/access-log", app.organisation.path())).await;
        for expected in ["Ada Okafor reset the second factor of ben Example", REASON, "cora Example"] {
            assert!(log.contains(expected), "{expected}\n{log}");
        }
    }

    async fn auth_14_where_there_is_no_second_manager_it_is_said(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        // Neither one who manages a single deployment, nor one whose access has ended, is a second person.
        app.person("local", CONTROLLER, app.cardiology).await;
        app.person("gone", CONTROLLER, app.organisation).await;
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'gone@northfield.example'").await;
        let (ada, id) = (app.admin().await, app.member("ben").await);
        let path = format!("{}/staff/{id}/second-factor", app.cardiology.path());
        assert!(ada.page(&path).await.contains("Nobody else is told"));
        let (status, done) = reset(&ada, app.cardiology, &id, REASON).await;
        assert_eq!((status, &done["also_told"]), (StatusCode::OK, &Value::Null));
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'second_factor_reset'").await, 0);
        let detail = app.dump("events").await;
        assert!(detail.contains("nobody else manages staff in the whole organisation"));
    }

    async fn auth_14_a_waiting_time_for_wrong_codes_ends_with_the_reset(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let person = app.visitor();
        person.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        for _ in 0..8 {
            person.post("/sign-in/second-factor", &[("code", "000000")]).await;
        }
        let (ada, id) = (app.admin().await, app.member("ben").await);
        assert_eq!(reset(&ada, app.cardiology, &id, REASON).await.0, StatusCode::OK);
        let person = app.visitor();
        let answer = person.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/second-factor/set-up");
        person.set_up_authenticator("/second-factor/set-up", app.seconds()).await;
    }

    async fn a_password_link_goes_to_the_stored_address_and_nobody_sees_it(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (ada, id) = (app.admin().await, app.member("ben").await);
        let path = format!("{}/staff/{id}/password-link", app.cardiology.path());
        let page = ada.page(&path).await;
        assert!(page.contains(BEN) && page.contains("to nobody else"));
        assert_eq!(app.count("SELECT COUNT(*) FROM password_resets").await, 0, "looking sends nothing");
        let answer = ada.post(&path, &[("email", "evil@attacker.example"), ("list", "role=deployment_staff")]).await;
        assert_eq!(location(&answer), format!("{}/staff?role=deployment_staff", app.cardiology.path()));
        let page = ada.page(&location(&answer)).await;
        assert!(page.contains("on its way to ben Example") && !page.contains("cpr1_"));
        app.send_mail().await;
        let mails = app.mails_to(BEN);
        let code = code_in(mails.iter().find(|mail| mail.contains("cpr1_")).unwrap(), "cpr1_");
        assert!(open(&app.visitor(), "/reset", &code).await.1.contains("new-password"));
        assert!(mail_that(app, BEN, "A new password was asked for").contains("Ada Okafor asked"));
        assert!(app.mails_to("ada@northfield.example").iter().all(|mail| !mail.contains("cpr1_")));
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient LIKE '%attacker%'").await, 0);
        for _ in 0..2 {
            assert_eq!(link(&ada, app.cardiology, &id).await.0, StatusCode::NO_CONTENT);
        }
        assert_eq!(link(&ada, app.cardiology, &id).await.0, StatusCode::CONFLICT, "three a day");
        let answer = ada.post(&path, &[]).await;
        assert!(ada.page(&location(&answer)).await.contains("no more are"));
        assert_eq!(app.count("SELECT COUNT(*) FROM password_resets").await, 3);
        // The link alone is no way in: the second factor is asked as ever.
        assert_eq!(app.events("password_reset.asked").await, 3);
    }

    async fn a_review_shows_who_has_which_second_factor(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let ada = app.admin().await;
        let id: MembershipId = app.member("wren").await.parse().unwrap();
        staff::actions::reset_second_factor(&app.portal, &app.admin_caller().await, app.cardiology, id, REASON).await.unwrap();
        let export = ada.page(&format!("{}/review.json", app.cardiology.path())).await;
        let people: Value = serde_json::from_str(&export).unwrap();
        let factor = |word: &str| people.as_array().unwrap().iter().find(|row| row["email"] == format!("{word}@northfield.example")).unwrap()["second_factor"].clone();
        assert_eq!((factor("ben"), factor("wren")), (json!("authenticator app"), json!("none")));
        let (_, listed) = ada.json("GET", &format!("/api/v1/scopes/{}/review/people", app.cardiology), None).await;
        assert!(listed.to_string().contains("\"second_factor\":\"Authenticator app\"") && listed.to_string().contains("\"second_factor\":\"None\""), "{listed}");
    }
}
