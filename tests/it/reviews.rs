//! Access reviews: begin, decide, finish; and who may not.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp},
};

const DAY: u64 = 24 * 3600;

async fn people(who: &Person, scope: care_portal::access::Scope, show: &str) -> Vec<serde_json::Value> {
    let path = format!("/api/v1/scopes/{scope}/review/people?limit=200{show}");
    let (status, body) = who.json("GET", &path, None).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body["people"].as_array().unwrap().clone()
}

fn membership<'a>(people: &'a [serde_json::Value], word: &str) -> &'a str {
    let person = people.iter().find(|person| person["email"].as_str().unwrap().starts_with(word));
    person.unwrap_or_else(|| panic!("{word} is not listed"))["membership"].as_str().unwrap()
}

on_both! {
    async fn everybody_is_decided_and_the_marked_are_removed(app: &TestApp) {
        let leaver = app.person("leaver", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        app.person("stayer", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        let admin = app.admin().await;
        let (scope, path) = (app.cardiology, format!("{}/review", app.cardiology.path()));
        let marks = format!("{path}/marks");
        assert_eq!(admin.json("POST", &format!("/api/v1/scopes/{scope}/review/marks"), Some(json!({ "marks": [] }))).await.0, StatusCode::CONFLICT, "no review yet");
        let page = admin.post(&path, &[("due", "2020-01-01")]).await;
        assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.text().await.unwrap().contains("Choose a day within the next year"));
        assert_eq!(admin.post(&path, &[("due", "2026-10-30")]).await.status(), StatusCode::SEE_OTHER);
        let page = admin.post(&path, &[("due", "2026-10-30")]).await;
        assert!(page.text().await.unwrap().contains("2 of 2 people are not decided yet"), "a second one is not begun");

        let listed = people(&admin, scope, "").await;
        assert_eq!(listed.len(), 2);
        let (leaves, stays) = (membership(&listed, "leaver"), membership(&listed, "stayer"));
        assert_eq!(admin.post(&marks, &[(leaves, "remove"), ("do", "save")]).await.status(), StatusCode::SEE_OTHER);
        assert!(leaver.get("/profile").await.status().is_success(), "nothing happens before the end");
        let page = admin.post(&format!("{path}/finish"), &[]).await;
        assert_eq!(page.status(), StatusCode::SEE_OTHER);
        assert!(admin.page(&path).await.contains("1 person is not decided yet"));
        admin.post(&marks, &[("shown", leaves), (leaves, "remove"), ("shown", stays), ("do", "keep_rest")]).await;
        let page = admin.page(&format!("{path}/finish")).await;
        assert!(page.contains("leaver Example, Deployment Staff, Cardiology") && page.contains("remove 1"), "{page}");
        admin.post(&format!("{path}/finish"), &[]).await;
        assert!(admin.page(&path).await.contains("The review is finished. 1 person was removed."));
        assert!(leaver.get("/profile").await.status().is_redirection(), "the leaver's session is over");
        assert_eq!(people(&admin, scope, "").await.len(), 1);
        for action in ["review.started", "review.finished", "membership.ended"] {
            assert_eq!(app.events(action).await, 1, "{action}");
        }
        assert_eq!(app.events("review.marked").await, 2);
    }

    async fn those_not_seen_stand_out(app: &TestApp) {
        app.person("sleeper", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        app.advance(Duration::from_secs(45 * DAY - 120));
        let admin = app.admin().await;
        assert!(people(&admin, app.cardiology, "&show=dormant").await.is_empty());
        app.advance(Duration::from_secs(180));
        let admin = app.admin().await;
        assert_eq!(people(&admin, app.cardiology, "&show=dormant").await.len(), 1);
        let page = admin.page(&format!("{}/review?show=dormant", app.cardiology.path())).await;
        assert!(page.contains("Dormant") && page.contains("sleeper Example"));
        let (status, _) = admin.json("GET", &format!("/api/v1/scopes/{}/review/people?show=nonsense", app.cardiology), None).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn the_last_admin_stays_and_nobody_removes_themselves(app: &TestApp) {
        let controller = app.default(DefaultRole::AccessController, app.organisation).await;
        let path = format!("/api/v1/scopes/{}/review", app.organisation);
        assert_eq!(controller.json("POST", &path, Some(json!({ "due": "2026-10-30" }))).await.0, StatusCode::CREATED);
        let listed = people(&controller, app.organisation, "").await;
        let marks: Vec<_> = listed.iter().map(|person| json!({ "membership": person["membership"], "mark": "remove" })).collect();
        let (status, body) = controller.json("POST", &format!("{path}/marks"), Some(json!({ "marks": marks }))).await;
        assert_eq!((status, body["decided"].as_u64()), (StatusCode::OK, Some(1)), "one's own removal is passed over");
        let own = membership(&listed, "access_controller");
        let keep = json!({ "marks": [{ "membership": own, "mark": "keep" }] });
        controller.json("POST", &format!("{path}/marks"), Some(keep)).await;
        let (status, body) = controller.json("POST", &format!("{path}/finish"), None).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(body["detail"].as_str().unwrap().contains("Ada Okafor could not be removed: only an Admin"), "{body}");
        assert_eq!(app.count("SELECT COUNT(*) FROM reviews WHERE finished_at IS NULL").await, 1, "the review stays open");
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE ended_at IS NOT NULL").await, 0);
    }

    async fn a_deployment_reviews_itself_alone(app: &TestApp) {
        app.person("elsewhere", RoleKey::Default(DefaultRole::Contributor), app.diabetes).await;
        let here = app.person("here", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let staff = app.person("staff", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        let path = format!("/api/v1/scopes/{}/review", app.cardiology);
        here.json("POST", &path, Some(json!({ "due": "2026-10-30" }))).await;
        let other = people(&app.admin().await, app.diabetes, "").await;
        let forged = json!({ "marks": [{ "membership": membership(&other, "elsewhere"), "mark": "remove" }] });
        let (_, body) = here.json("POST", &format!("{path}/marks"), Some(forged)).await;
        assert_eq!(body["decided"].as_u64(), Some(0));
        assert!(people(&here, app.cardiology, "").await.iter().all(|person| person["scope"] == app.cardiology.to_string()));
        for url in ["review", "review.csv", "review.json", "review/finish"] {
            assert_eq!(here.get(&format!("{}/{url}", app.diabetes.path())).await.status(), StatusCode::NOT_FOUND, "{url}");
            assert_eq!(here.get(&format!("{}/{url}", app.organisation.path())).await.status(), StatusCode::NOT_FOUND, "{url}");
            assert_eq!(staff.get(&format!("{}/{url}", app.cardiology.path())).await.status(), StatusCode::FORBIDDEN, "{url}");
        }
    }

    async fn the_file_is_safe_and_its_export_is_known(app: &TestApp) {
        app.person("odd", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        app.execute("UPDATE accounts SET name = '=cmd|calc' WHERE email_key = 'odd@northfield.example'").await;
        let admin = app.admin().await;
        let answer = admin.get(&format!("{}/review.csv", app.organisation.path())).await;
        assert!(answer.headers()["content-disposition"].to_str().unwrap().contains("access-review-org_"));
        let text = answer.text().await.unwrap();
        assert!(text.contains("\r\n'=cmd|calc,odd@northfield.example,Contributor,Cardiology,"), "{text}");
        assert!(text.contains("Ada Okafor,ada@northfield.example,Admin,Whole organisation,"), "{text}");
        assert_eq!(admin.json("GET", &format!("{}/review.json", app.organisation.path()), None).await.1.as_array().unwrap().len(), 2);
        assert_eq!(app.events("review.exported").await, 2);
    }
}
