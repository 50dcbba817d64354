//! All staff members: changing roles, undoing, ending access, one or many, and above all what is refused.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey, Scope};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

pub const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
pub const ADMIN: RoleKey = RoleKey::Default(DefaultRole::Admin);
pub const CONTROLLER: RoleKey = RoleKey::Default(DefaultRole::AccessController);
pub const HOUR: u64 = 3600;

/// Everything that the API tells of somebody in a scope.
pub async fn member(app: &TestApp, scope: Scope, word: &str) -> Option<Value> {
    let ada = app.admin().await;
    let (_, list) = ada.json("GET", &format!("/api/v1/scopes/{scope}/staff?q={word}%40&limit=200"), None).await;
    let rows = list["staff"].as_array().unwrap().clone();
    rows.into_iter().find(|row| row["scope"] == scope.to_string())
}

pub async fn id(app: &TestApp, scope: Scope, word: &str) -> String {
    member(app, scope, word).await.unwrap()["membership"].as_str().unwrap().to_owned()
}

pub async fn role(app: &TestApp, scope: Scope, word: &str) -> String {
    member(app, scope, word).await.unwrap()["role"].as_str().unwrap().to_owned()
}

pub fn staff(scope: Scope) -> String {
    format!("{}/staff", scope.path())
}

/// Does something with rows and reads the message on the list.
pub async fn select(who: &Person, scope: Scope, ids: &[&str], what: &[(&str, &str)]) -> String {
    let mut form: Vec<_> = ids.iter().map(|id| ("id", *id)).collect();
    form.extend(what);
    let answer = who.post(&format!("{}/selected", staff(scope)), &form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    flash(who, &location(&answer)).await
}

/// The message on the page at `path`, with its undo button.
pub async fn flash(who: &Person, path: &str) -> String {
    let page = who.page(path).await;
    let Some((_, rest)) = page.split_once("class=\"flash ") else { panic!("no message: {page}") };
    rest.split("</div>").next().unwrap().replace("&#39;", "'")
}

pub fn undo_of(flash: &str) -> (String, String) {
    let part = |before: &str| flash.split(before).nth(1).unwrap().split('"').next().unwrap().to_owned();
    (part("action=\""), part("name=\"at\" value=\""))
}

pub async fn change(who: &Person, scope: Scope, id: &str, to: &str) -> String {
    select(who, scope, &[id], &[("do", "role"), ("role", to)]).await
}

/// Presses the undo button of a message.
pub async fn undo(who: &Person, message: &str) -> String {
    let (action, at) = undo_of(message);
    let answer = who.post(&action, &[("at", &at)]).await;
    flash(who, &location(&answer)).await
}

pub async fn patch(who: &Person, scope: Scope, id: &str, body: Value) -> StatusCode {
    who.json("PATCH", &format!("/api/v1/scopes/{scope}/staff/{id}"), Some(body)).await.0
}

on_both! {
    async fn a_change_is_in_force_at_the_next_request_and_can_be_undone(app: &TestApp) {
        let wren = app.person("wren", STAFF, app.cardiology).await;
        let wren_id = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let list = staff(app.cardiology);
        assert!(ada.page(&list).await.contains("aria-label=\"Role of wren Example\""));
        assert!(wren.get(&list).await.status().is_success());
        let answer = ada
            .post(&format!("{list}/selected"), &[("id", &wren_id), ("do", "role"), ("role", "contributor"), ("list", "q=wren&sort=email&evil=1")])
            .await;
        assert_eq!(location(&answer), format!("{list}?q=wren&sort=email"), "the same list again, and nothing else");
        let told = flash(&ada, &location(&answer)).await;
        assert!(told.contains("wren Example is Contributor now.") && told.contains("Undo"), "{told}");
        assert_eq!(wren.get(&list).await.status(), StatusCode::FORBIDDEN, "the same session, another role");
        app.advance(Duration::from_secs(60));
        let told = undo(&ada, &told).await;
        assert!(told.contains("wren Example has the earlier role again.") && !told.contains("Undo"), "{told}");
        assert!(wren.get(&list).await.status().is_success());
        assert_eq!(app.events("membership.role_changed").await, 2);
    }

    async fn several_are_changed_and_undone_together_and_one_refusal_spoils_nothing(app: &TestApp) {
        for word in ["wren", "olu", "mei"] {
            app.person(word, STAFF, app.cardiology).await;
        }
        app.person("eilidh", ADMIN, app.cardiology).await;
        let priya = app.person("priya", CONTROLLER, app.organisation).await;
        let mut ids = Vec::new();
        for word in ["wren", "olu", "mei", "eilidh"] {
            ids.push(id(app, app.cardiology, word).await);
        }
        let own = id(app, app.organisation, "priya").await;
        let all: Vec<_> = ids.iter().chain([&own, &ids[0]]).map(String::as_str).collect();
        let told = select(&priya, app.organisation, &all, &[("do", "role"), ("role", "organisation_staff")]).await;
        for part in [
            "3 people are Organisation Staff now.",
            "2 were not changed:",
            "eilidh Example (only an Admin may change or remove somebody who is Admin)",
            "priya Example (nobody changes their own access",
        ] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(app.events("membership.change_refused").await, 2);
        app.advance(Duration::from_secs(60));
        let ada = app.admin().await;
        let (action, at) = undo_of(&told);
        let answer = ada.post(&action, &[("at", &at)]).await;
        assert!(flash(&ada, &location(&answer)).await.contains("can no longer be undone"), "a colleague's change is not one's own");
        let told = undo(&priya, &told).await;
        assert!(told.contains("3 people have their earlier roles again."), "{told}");
        assert_eq!(role(app, app.cardiology, "olu").await, "deployment_staff");
        app.advance(Duration::from_secs(60));
        let answer = priya.post(&action, &[("at", &at)]).await;
        assert!(flash(&priya, &location(&answer)).await.contains("can no longer be undone"), "once is all");
    }

    async fn a_change_cannot_be_undone_too_late_or_after_another(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let wren = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let first = change(&ada, app.cardiology, &wren, "contributor").await;
        app.advance(Duration::from_secs(60));
        let second = change(&ada, app.cardiology, &wren, "organisation_staff").await;
        assert!(undo(&ada, &first).await.contains("can no longer be undone"));
        assert_eq!(role(app, app.cardiology, "wren").await, "organisation_staff");
        app.advance(Duration::from_millis(30 * 60 * 1000 + 1));
        // Undoing changes a role, and asks for a fresh proof too.
        let ada = app.admin().await;
        assert!(undo(&ada, &second).await.contains("can no longer be undone"));
        assert_eq!(role(app, app.cardiology, "wren").await, "organisation_staff");
    }

    async fn undoing_tells_when_the_earlier_role_is_gone(app: &TestApp) {
        app.person("wren", app.coordinator, app.cardiology).await;
        let wren = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let told = change(&ada, app.cardiology, &wren, "contributor").await;
        app.execute("UPDATE custom_roles SET deleted_at = 1").await;
        let told = undo(&ada, &told).await;
        assert!(told.contains("wren Example was not changed back: the earlier role no longer exists."), "{told}");
        assert_eq!(role(app, app.cardiology, "wren").await, "contributor");
    }

    async fn nobody_changes_themselves_or_somebody_stronger_or_beyond_their_own(app: &TestApp) {
        let samuel = app.person("samuel", CONTROLLER, app.cardiology).await;
        app.person("eilidh", ADMIN, app.cardiology).await;
        app.person("lucy", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let page = samuel.page(&staff(app.cardiology)).await;
        assert!(page.contains("Role of wren Example"));
        for word in ["samuel", "eilidh", "lucy"] {
            assert!(!page.contains(&format!("Role of {word} Example")), "{word} has no dead list");
            assert!(!page.contains(&format!("Select {word} Example")), "{word}");
        }
        assert!(page.contains("only an Admin may change or remove somebody who is Contributor"), "the reason is there to read");
        assert!(!page.contains("value=\"admin\""), "no role that would be refused");
        for (word, to, status) in [
            ("samuel", "organisation_staff", StatusCode::FORBIDDEN),
            ("eilidh", "organisation_staff", StatusCode::FORBIDDEN),
            ("wren", "admin", StatusCode::FORBIDDEN),
            ("wren", "contributor", StatusCode::FORBIDDEN),
            ("wren", "rol_nonsense", StatusCode::UNPROCESSABLE_ENTITY),
        ] {
            let person = id(app, app.cardiology, word).await;
            assert_eq!(patch(&samuel, app.cardiology, &person, json!({ "role": to })).await, status, "{word} {to}");
            let told = change(&samuel, app.cardiology, &person, to).await;
            assert!(told.contains("problem") && !told.contains("Undo"), "{word} {to}: {told}");
        }
        for word in ["samuel", "eilidh"] {
            let person = id(app, app.cardiology, word).await;
            assert!(select(&samuel, app.cardiology, &[&person], &[("do", "remove")]).await.contains("was not removed"));
            assert!(select(&samuel, app.cardiology, &[&person], &[("do", "until"), ("until", "2030-01-01")]).await.contains("was not changed"));
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE ended_at IS NOT NULL OR ends_at IS NOT NULL OR changed_at IS NOT NULL").await, 0);
    }

    async fn who_may_only_see_staff_is_offered_nothing(app: &TestApp) {
        let wren = app.person("wren", STAFF, app.cardiology).await;
        app.person("olu", STAFF, app.cardiology).await;
        let olu = id(app, app.cardiology, "olu").await;
        let page = wren.page(&staff(app.cardiology)).await;
        assert!(page.contains("olu Example") && !page.contains("Role of") && !page.contains("Menu for") && !page.contains("type=\"checkbox\""));
        for what in [[("do", "role"), ("role", "contributor")], [("do", "remove"), ("x", "y")], [("do", "until"), ("until", "2030-01-01")]] {
            let mut form = vec![("id", olu.as_str())];
            form.extend(what);
            assert_eq!(wren.post(&format!("{}/selected", staff(app.cardiology)), &form).await.status(), StatusCode::FORBIDDEN);
        }
        assert_eq!(wren.post(&format!("{}/undo", staff(app.cardiology)), &[("at", "1")]).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(wren.get(&format!("{}/{olu}/until", staff(app.cardiology))).await.status(), StatusCode::FORBIDDEN);
    }

    async fn the_last_admin_stays(app: &TestApp) {
        let tomasz = app.person("tomasz", ADMIN, app.organisation).await;
        let (ada_id, tomasz_id) = (id(app, app.organisation, "ada").await, id(app, app.organisation, "tomasz").await);
        let ada = app.admin().await;
        // An Admin with an end date does not count: they will be gone one day.
        let told = select(&ada, app.organisation, &[&tomasz_id], &[("do", "until"), ("until", "2030-01-01")]).await;
        assert!(told.contains("tomasz Example has access until 1 January 2030."), "{told}");
        for what in [[("do", "role"), ("role", "contributor")], [("do", "remove"), ("x", "y")], [("do", "until"), ("until", "2030-01-01")]] {
            let told = select(&tomasz, app.organisation, &[&ada_id], &what).await;
            assert!(told.contains("always keeps one Admin"), "{told}");
        }
        assert_eq!(tomasz.json("DELETE", &format!("/api/v1/scopes/{}/staff/{ada_id}", app.organisation), None).await.0, StatusCode::FORBIDDEN);
        // Without the end date there are two, and one may go.
        let path = format!("{}/{tomasz_id}/until", staff(app.organisation));
        assert!(ada.page(&path).await.contains("Until 1 January 2030"));
        let answer = ada.post(&path, &[("do", "never")]).await;
        assert!(flash(&ada, &location(&answer)).await.contains("without an end date"));
        assert!(change(&tomasz, app.organisation, &ada_id, "organisation_staff").await.contains("Ada Okafor is Organisation Staff now."));
    }

    async fn another_place_is_out_of_reach(app: &TestApp) {
        let eilidh = app.person("eilidh", ADMIN, app.cardiology).await;
        app.person("chidi", STAFF, app.diabetes).await;
        let chidi = id(app, app.diabetes, "chidi").await;
        for scope in [app.diabetes, app.organisation] {
            assert_eq!(eilidh.get(&staff(scope)).await.status(), StatusCode::NOT_FOUND);
            for (path, form) in [("selected", vec![("id", chidi.as_str()), ("do", "remove")]), ("undo", vec![("at", "1")])] {
                assert_eq!(eilidh.post(&format!("{}/{path}", staff(scope)), &form).await.status(), StatusCode::NOT_FOUND);
            }
        }
        // Through one's own place, too, the other's people are as if they did not exist.
        assert_eq!(eilidh.get(&format!("{}/{chidi}/until", staff(app.cardiology))).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(patch(&eilidh, app.cardiology, &chidi, json!({ "role": "contributor" })).await, StatusCode::NOT_FOUND);
        let told = select(&eilidh, app.cardiology, &[&chidi], &[("do", "remove")]).await;
        assert!(told.contains("One person was not removed") && !told.contains("chidi"), "{told}");
        assert_eq!(role(app, app.diabetes, "chidi").await, "deployment_staff");
    }

    async fn forged_fields_change_nothing(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let wren = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let path = format!("{}/selected", staff(app.cardiology));
        assert_eq!(ada.post(&path, &[("id", &wren), ("do", "promote")]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        for form in [
            vec![("do", "remove")],
            vec![("id", "mem_nonsense"), ("do", "remove")],
            vec![("id", wren.as_str()), ("do", "role")],
            vec![("id", wren.as_str()), ("do", "role"), ("role", "root")],
            vec![("id", wren.as_str()), ("do", "until"), ("until", "tomorrow")],
            vec![("id", wren.as_str()), ("do", "until"), ("until", "2020-01-01")],
            vec![("id", wren.as_str()), ("do", "until"), ("until", "")],
        ] {
            let answer = ada.post(&path, &form).await;
            assert!(flash(&ada, &location(&answer)).await.starts_with("flash-problem"), "{form:?}");
        }
        let answer = ada.post(&path, &[("id", &wren), ("do", "role"), ("role", "contributor"), ("list", "//elsewhere.example/?q=%0d%0ax")]).await;
        assert!(location(&answer).starts_with(&staff(app.cardiology)), "{}", location(&answer));
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE ended_at IS NOT NULL OR ends_at IS NOT NULL").await, 0);
    }
}
