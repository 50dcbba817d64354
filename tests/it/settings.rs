//! What an organisation chooses for itself: for its Admins only, each change with what was before and what is after.

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::{
    api::{call, key},
    on_both,
    support::app::{Database, Person, TestApp},
};

fn at(app: &TestApp) -> String {
    format!("{}/settings", app.organisation.path())
}

/// Sends the form as the page has it, with some fields different.
async fn save(app: &TestApp, who: &Person, different: &[(&str, &str)]) -> Response {
    let mut form = vec![
        ("name", "Northfield Hospital"),
        ("time_zone", "Europe/London"),
        ("usual_domains", "northfield.example"),
        ("second_factor", "everybody"),
        ("revision", "1"),
    ];
    for (name, value) in different {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    who.post(&at(app), &form).await
}

async fn stored(app: &TestApp, column: &str, value: &str) -> bool {
    app.count(&format!("SELECT COUNT(*) FROM organisations WHERE {column} = '{value}'")).await == 1
}

on_both! {
    async fn an_admin_of_the_whole_organisation_changes_them_and_each_change_is_one_event(app: &TestApp) {
        let ada = app.admin().await;
        let start = ada.page(&format!("{}/patients", app.cardiology.path())).await;
        assert!(start.contains(&format!("href=\"{}\"", at(app))), "the name menu leads there: {start}");
        let page = ada.page(&at(app)).await;
        for expected in ["Northfield Hospital", "<option value=\"Europe/London\" selected>", ">northfield.example</textarea>", "value=\"everybody\" checked", "name=\"revision\" value=\"1\""] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        let done = save(app, &ada, &[("name", "Northfield  Trust"), ("time_zone", "Europe/Lisbon"), ("usual_domains", "@NHS.example\nnorthfield.example"), ("allow_copy_link", "yes")]).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER);
        let page = ada.page(&at(app)).await;
        for expected in ["Saved: 4 settings.", "Northfield Trust", "<option value=\"Europe/Lisbon\" selected>", ">nhs.example\nnorthfield.example</textarea>", "value=\"yes\" checked", "name=\"revision\" value=\"2\""] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert_eq!(app.events("organisation.setting_changed").await, 4);
        let log = ada.page(&format!("{}/access-log", app.organisation.path())).await;
        assert!(log.contains("changed the setting “Name of the organisation” from “Northfield Hospital” to “Northfield Trust”"), "{log}");
        assert!(log.contains("from “northfield.example” to “nhs.example, northfield.example”"), "{log}");
        // The box that is not ticked is not sent; the same again changes nothing.
        assert_eq!(save(app, &ada, &[("name", "Northfield Trust"), ("time_zone", "Europe/Lisbon"), ("usual_domains", "nhs.example, northfield.example"), ("revision", "2")]).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.events("organisation.setting_changed").await, 5);
        assert_eq!(save(app, &ada, &[("name", "Northfield Trust"), ("time_zone", "Europe/Lisbon"), ("usual_domains", "nhs.example, northfield.example"), ("revision", "3")]).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.events("organisation.setting_changed").await, 5);
    }

    async fn everybody_else_is_refused_and_the_refusal_is_logged(app: &TestApp) {
        let mut refused = 0;
        for (word, role, scope, status) in [
            ("cara", RoleKey::Default(DefaultRole::AccessController), app.organisation, StatusCode::FORBIDDEN),
            ("olu", RoleKey::Default(DefaultRole::OrganisationStaff), app.organisation, StatusCode::FORBIDDEN),
            ("dee", RoleKey::Default(DefaultRole::Admin), app.cardiology, StatusCode::NOT_FOUND),
        ] {
            let person = app.person(word, role, scope).await;
            assert!(!person.page(&format!("{}/staff", app.cardiology.path())).await.contains("/settings"), "{word}");
            assert_eq!(person.get(&at(app)).await.status(), status, "{word}");
            let forged = save(app, &person, &[("second_factor", "nobody"), ("confirmed", "yes")]).await;
            assert_eq!(forged.status(), status, "{word}");
            // An Admin of a deployment learns that there are settings, not what they are.
            let own = format!("{}/settings", app.cardiology.path());
            assert_eq!(person.get(&own).await.status(), StatusCode::FORBIDDEN, "{word}");
            let (status, _) = person.json("PATCH", &format!("/api/v1/scopes/{}/settings", app.cardiology), Some(json!({ "second_factor": "nobody", "confirmed": true }))).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{word}");
            refused += 2 + if word == "dee" { 0 } else { 2 };
        }
        assert_eq!(app.events("access.refused").await, refused);
        assert!(stored(app, "second_factor", "everybody").await);
        let (_, grace) = app.second_organisation().await;
        assert_eq!(grace.get(&at(app)).await.status(), StatusCode::NOT_FOUND);
    }

    async fn asking_fewer_people_for_a_second_factor_must_be_confirmed(app: &TestApp) {
        let ada = app.admin().await;
        for lower in ["managers", "nobody"] {
            let asked = save(app, &ada, &[("second_factor", lower), ("name", "Northfield <Trust>")]).await;
            assert_eq!(asked.status(), StatusCode::OK);
            let page = asked.text().await.unwrap();
            assert!(page.contains("Fewer people will have to give a second factor") && page.contains("name=\"confirmed\" value=\"yes\"") && page.contains("Northfield &#60;Trust&#62;"), "{page}");
        }
        assert!(stored(app, "second_factor", "everybody").await && app.events("organisation.setting_changed").await == 0);
        assert_eq!(save(app, &ada, &[("second_factor", "managers"), ("confirmed", "yes")]).await.status(), StatusCode::SEE_OTHER);
        assert!(stored(app, "second_factor", "managers").await);
        // Asking more people is asked of nobody.
        assert_eq!(save(app, &ada, &[("second_factor", "everybody"), ("revision", "2")]).await.status(), StatusCode::SEE_OTHER);
        assert!(stored(app, "second_factor", "everybody").await);
    }

    async fn what_cannot_be_used_comes_back_with_its_messages(app: &TestApp) {
        let ada = app.admin().await;
        let bad = save(app, &ada, &[("name", " "), ("time_zone", "Mars/Olympus"), ("usual_domains", "nhs.example\ndomain!"), ("second_factor", "some"), ("allow_copy_link", "maybe")]).await;
        assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = bad.text().await.unwrap();
        for expected in ["href=\"#name\"", "Enter the name of the organisation", "Mars/Olympus is no time zone", "“domain!” is no e-mail domain", "nhs.example\ndomain!</textarea>", "Choose everybody, managers, or nobody", "Answer yes or no", "Error: Organisation settings"] {
            assert!(page.contains(expected) || page.contains(&expected.replace('“', "&#8220;")), "{expected}: {page}");
        }
        let long = "x".repeat(100_000);
        assert_eq!(save(app, &ada, &[("name", &long)]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.events("organisation.setting_changed").await, 0);
        // Of two Admins the later one learns of the earlier one's change, and loses nothing typed.
        assert_eq!(save(app, &ada, &[("name", "First")]).await.status(), StatusCode::SEE_OTHER);
        let late = save(app, &ada, &[("name", "Second")]).await;
        assert_eq!(late.status(), StatusCode::CONFLICT);
        let page = late.text().await.unwrap();
        assert!(page.contains("Somebody else has changed the settings meanwhile") && page.contains("value=\"Second\"") && page.contains("name=\"revision\" value=\"2\""), "{page}");
        assert!(stored(app, "name", "First").await);
        assert_eq!(save(app, &ada, &[("name", "Third"), ("revision", "x")]).await.status(), StatusCode::CONFLICT);
    }

    async fn a_program_changes_them_with_a_whole_key_only(app: &TestApp) {
        let ada = app.admin().await;
        let all: Vec<&str> = care_portal::access::Permission::all().map(|permission| permission.key()).collect();
        let whole = key(&ada, &app.organisation.to_string(), &all).await;
        let path = format!("/scopes/{}/settings", app.organisation);
        let (status, settings) = call(app, &whole, "GET", &path, None, "").await;
        assert_eq!((status, &settings["second_factor"], &settings["usual_domains"]), (StatusCode::OK, &json!("everybody"), &json!(["northfield.example"])));
        let (status, settings) = call(app, &whole, "PATCH", &path, Some(json!({ "usual_domains": [], "allow_copy_link": true, "revision": 1 })), "").await;
        assert_eq!((status, &settings["usual_domains"], &settings["allow_copy_link"], &settings["revision"]), (StatusCode::OK, &json!([]), &json!(true), &json!(2)));
        for (body, expected) in [
            (json!({ "name": "Late", "revision": 1 }), StatusCode::CONFLICT),
            (json!({ "second_factor": "nobody" }), StatusCode::CONFLICT),
            (json!({ "second_factor": "all" }), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({ "colour": "red" }), StatusCode::UNPROCESSABLE_ENTITY),
            (json!({ "second_factor": "nobody", "confirmed": true }), StatusCode::OK),
        ] {
            let (status, answer) = call(app, &whole, "PATCH", &path, Some(body.clone()), "").await;
            assert_eq!(status, expected, "{body}: {answer}");
        }
        let less: Vec<&str> = all.iter().copied().filter(|key| *key != "edit_roles").collect();
        let less = key(&ada, &app.organisation.to_string(), &less).await;
        let here = key(&ada, &app.cardiology.to_string(), &all).await;
        for (key, status) in [(&less, StatusCode::FORBIDDEN), (&here, StatusCode::NOT_FOUND)] {
            assert_eq!(call(app, key, "GET", &path, None, "").await.0, status);
            assert_eq!(call(app, key, "PATCH", &path, Some(json!({ "name": "Mine" })), "").await.0, status);
        }
    }
}

#[tokio::test]
async fn settings_from_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set_up =
        crate::cli::portal(at, &["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"]);
    crate::cli::accept_first_admin(at, crate::cli::text(&set_up.stdout).trim()).await;
    let run = |command: &str, more: &[&str]| {
        let all: Vec<&str> =
            ["settings", command, "--as", "ada@elsewhere.example"].iter().chain(more).copied().collect();
        let output = crate::cli::portal(at, &all);
        (
            output.status.code().unwrap(),
            format!("{}{}", crate::cli::text(&output.stdout), crate::cli::text(&output.stderr)),
        )
    };
    let (status, told) = run("list", &[]);
    assert!(status == 0 && told.contains("name\tSt Elsewhere") && told.contains("second_factor\teverybody"), "{told}");
    let (status, told) = run("change", &["name=St. Elsewhere", "usual_domains=a.example,b.example"]);
    assert!(status == 0 && told.contains("Changed\tusual_domains\telsewhere.example\ta.example,b.example"), "{told}");
    let (status, told) = run("change", &["second_factor=nobody"]);
    assert!(status == 4 && told.contains("--yes"), "{told}");
    assert_eq!(run("change", &["second_factor=nobody", "--yes"]).0, 0);
    assert!(run("list", &["--json"]).1.contains("\"second_factor\": \"nobody\""));
    for bad in ["colour=red", "time_zone=Mars", "name"] {
        assert_eq!(run("change", &[bad]).0, 2, "{bad}");
    }
    let plain = crate::cli::portal(at, &["settings"]);
    assert!(crate::cli::text(&plain.stdout).contains("public_url"), "the program's own settings, as before");
}
