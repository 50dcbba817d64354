//! Proving anew before what would hurt most (AUTH-13), what was typed when the session was over, and the end of a session.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const ADA: &str = "ada@northfield.example";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn prove(app: &TestApp, person: &Person) -> String {
    let code = app.code_of(ADA).await;
    location(&person.post("/prove", &[("password", PASSWORD), ("code", &code)]).await)
}

/// The role of somebody in Cardiology.
async fn role_of(app: &TestApp, word: &str) -> i64 {
    app.count(&format!(
        "SELECT COUNT(*) FROM memberships WHERE email_key = '{word}@northfield.example' AND role = 'contributor'"
    ))
    .await
}

on_both! {
    async fn auth_13_an_old_proof_does_not_change_a_role(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let ada = app.admin().await;
        app.advance(Duration::from_secs(10 * 60));
        let wren = app.member("wren").await;
        let form = [("do", "role"), ("role", "contributor"), ("id", wren.as_str())];
        let answer = ada.post(&format!("{}/staff/selected", app.cardiology.path()), &form).await;
        assert!(location(&answer).starts_with("/prove?next="), "{}", location(&answer));
        assert_eq!(role_of(app, "wren").await, 0);
        let (status, problem) = ada.json("PATCH", &format!("/api/v1/scopes/{}/staff/{wren}", app.cardiology), Some(json!({ "role": "contributor" }))).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("step_up_required")));
        assert_eq!(role_of(app, "wren").await, 0);
        // The form was kept: after the proof it goes on by one press.
        assert_eq!(prove(app, &ada).await, "/continue");
        assert!(ada.page("/continue").await.contains("contributor"));
        let answer = ada.post("/continue", &[]).await;
        assert!(answer.status().is_redirection(), "{}", answer.status());
        assert_eq!(role_of(app, "wren").await, 1);
        assert_eq!(location(&ada.post("/continue", &[]).await), "/", "once");
    }

    async fn auth_13_what_else_asks_for_a_fresh_proof(app: &TestApp) {
        let ada = app.admin().await;
        app.advance(Duration::from_secs(10 * 60));
        let (org, path) = (app.organisation, app.organisation.path());
        for export in ["access-log.csv", "access-log.json", "review.csv", "review.json"] {
            let answer = ada.get(&format!("{path}/{export}")).await;
            assert_eq!(location(&answer), format!("/prove?next=%2F{org}%2F{export}"));
        }
        assert!(location(&ada.get("/second-factor/set-up").await).starts_with("/prove?next=%2Fsecond-factor"));
        let key = [("name", "Key"), ("scope", &org.to_string()[..]), ("permissions", "view_staff")];
        assert!(location(&ada.post("/profile/api-keys", &key).await).starts_with("/prove"));
        let role = json!({ "name": "Night Shift", "permissions": ["view_staff"] });
        let (status, problem) = ada.json("POST", &format!("/api/v1/scopes/{org}/roles"), Some(role)).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("step_up_required")));
        assert_eq!(app.count("SELECT COUNT(*) FROM custom_roles WHERE name = 'Night Shift'").await, 0);
        let many: Vec<String> = (0..51).map(|n| format!("p{n}@northfield.example")).collect();
        let answer = ada.invite(app.cardiology, &many.join("\n"), "contributor", &[]).await;
        assert!(location(&answer).starts_with("/prove"), "{}", answer.status());
        let answer = ada.invite(app.cardiology, &many[..50].join("\n"), "contributor", &[("send_key", "few")]).await;
        assert!(!location(&answer).starts_with("/prove"), "fifty do not ask");
        // The kept list, with its file's encoding and all, goes on as it was.
        assert_eq!(prove(app, &ada).await, "/continue");
        ada.post("/continue", &[]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'p50@northfield.example'").await, 1);
    }

    async fn auth_13_the_proof_must_be_right(app: &TestApp) {
        let ada = app.admin().await;
        app.advance(Duration::from_secs(10 * 60));
        let code = app.code_of(ADA).await;
        for (password, code) in [("wrong wrong wrong", code.as_str()), (PASSWORD, "000000"), (PASSWORD, ""), ("", &code)] {
            let answer = ada.post("/prove", &[("password", password), ("code", code)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
        let answer = ada.get(&format!("{}/review.csv", app.organisation.path())).await;
        assert!(location(&answer).starts_with("/prove"));
        prove(app, &ada).await;
        assert_eq!(ada.get(&format!("{}/review.csv", app.organisation.path())).await.status(), StatusCode::OK);
    }

    async fn what_was_typed_survives_signing_in_again(app: &TestApp) {
        let ada = app.admin().await;
        app.advance(Duration::from_secs(61 * 60));
        let answer = ada.invite(app.cardiology, "ben@northfield.example", "contributor", &[]).await;
        assert_eq!(location(&answer), "/sign-in");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
        ada.post("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await;
        let code = app.code_of(ADA).await;
        let answer = ada.post("/sign-in/second-factor", &[("code", &code), ("next", "/continue")]).await;
        assert_eq!(location(&answer), "/continue");
        assert!(ada.page("/continue").await.contains("Send it now"));
        ada.post("/continue", &[]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 1);
    }

    async fn what_somebody_typed_is_nobody_elses(app: &TestApp) {
        app.person("wren", RoleKey::Default(DefaultRole::Admin), app.organisation).await;
        let ada = app.admin().await;
        app.advance(Duration::from_secs(61 * 60));
        ada.invite(app.cardiology, "ben@northfield.example", "contributor", &[]).await;
        // Another Admin takes over the browser.
        ada.post("/sign-in", &[("email", "wren@northfield.example"), ("password", PASSWORD)]).await;
        let code = app.code_of("wren@northfield.example").await;
        ada.post("/sign-in/second-factor", &[("code", &code)]).await;
        assert_eq!(location(&ada.get("/continue").await), "/");
        assert_eq!(location(&ada.post("/continue", &[]).await), "/");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
        let text = app.dump("interrupted").await;
        assert!(!text.contains("ben@northfield"), "and stored sealed");
    }

    async fn a_page_may_ask_how_long_without_prolonging(app: &TestApp) {
        let ada = app.admin().await;
        app.advance(Duration::from_secs(30 * 60));
        let (_, left) = ada.json("GET", "/session", None).await;
        assert_eq!(left["seconds_left"], 30 * 60);
        let (_, left) = ada.json("GET", "/session", None).await;
        assert_eq!(left["seconds_left"], 30 * 60);
        let (_, left) = ada.json("POST", "/session", None).await;
        assert_eq!(left["seconds_left"], 60 * 60);
        app.advance(Duration::from_secs(60 * 60));
        for method in ["GET", "POST"] {
            let (_, left) = ada.json(method, "/session", None).await;
            assert_eq!(left["seconds_left"], 0, "what is over is over");
        }
        assert_eq!(location(&ada.get("/").await), "/sign-in");
    }
}
