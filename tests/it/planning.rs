//! Plans: a list is judged first, decided about, and sent later, once.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    error::Error,
    identity::actions::act_from_terminal,
    plans::{Decision, State, actions, actions::Found},
    types::{PlanId, Timestamp},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const FILE: &str = "Ward,Role,E-mail,Name,Access until,Bleep,Ticket\r\n\
    Cardiology,Contributor,ben@northfield.example,Ben Okri,2027-03-01,12,HR-1\r\n\
    Diabetes Care,Deployment Staff,chi@northfield.example,Chi,,13,\r\n\
    ,,dafydd@northfield.example,,,,\r\n\
    Cardiology,,eilidh@northfeild.example,,,,\r\n\
    Cardiology,Surgeon,fay@northfield.example,,,,\r\n\
    Moon,,gus@northfield.example,,,,\r\n\
    Cardiology,Contributor,BEN@northfield.example,,,,\r\n\
    Cardiology,,olu@elsewhere.example,,,,\r\n\
    Cardiology,,,,,,\r\n";

/// Makes a plan of a file by the page, and gives its address.
async fn upload(who: &Person, scope: &str, file: &str, role: &str) -> reqwest::Response {
    let part = reqwest::multipart::Part::bytes(file.as_bytes().to_vec()).file_name("changeover.csv");
    let form = reqwest::multipart::Form::new().text("key", "one").text("window", "7d").text("role", role.to_owned());
    who.multipart(&format!("{scope}/plans/new"), form.text("note", "HR-77").part("file", part)).await
}

async fn api(who: &Person, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    who.json(method, &format!("/api/v1{path}"), body).await
}

/// How many invitations and mails the plan's people have: they must be the same.
async fn sent(app: &TestApp) -> (i64, i64) {
    let of =
        |table: &str, column: &str| format!("SELECT COUNT(*) FROM {table} WHERE {column} LIKE 'p%@northfield.example'");
    (app.count(&of("invitations", "email_key")).await, app.count(&of("mails", "recipient")).await)
}

fn people(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("p{n}x{n}@northfield.example")).collect()
}

async fn big_plan(app: &TestApp, n: usize) -> PlanId {
    let people = people(n);
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    app.plan(app.cardiology, &people, "contributor").await
}

on_both! {
    async fn every_row_of_a_file_is_judged_for_its_own_role_and_place(app: &TestApp) {
        let admin = app.admin().await;
        let answer = upload(&admin, &app.organisation.path(), FILE, "organisation_staff").await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
        let plan = location(&answer);
        let page = admin.page(&plan).await;
        for expected in [
            "All 9", "Ready 3", "Look again 2", "Refused 4", "These columns of the file were not used: Bleep",
            "There is no role “Surgeon” here", "There is no deployment “Moon” here", "Stands in row 2 already",
            "is one letter off northfield.example", "outside the organisation&#39;s usual domains", "(row 10: no address)",
            "Access until 1 March 2027", "Send 3 invitations", "HR-1", "HR-77",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations").await, 1, "nothing is sent, only Ada's own stands");
        let again = location(&upload(&admin, &app.organisation.path(), FILE, "organisation_staff").await);
        assert_eq!(again, plan, "the same press makes one plan");
        let other = upload(&admin, &app.organisation.path(), &FILE.replace("chi@", "che@"), "organisation_staff").await;
        assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY, "the same key with another list");

        let done = admin.post(&format!("{plan}/send"), &[]).await;
        assert_eq!(location(&done), plan);
        let page = admin.page(&plan).await;
        assert!(page.contains("3 invited") && page.contains("What became of it"), "{page}");
        for (email, role, place) in [("ben", "contributor", "Cardiology"), ("chi", "deployment_staff", "Diabetes Care"), ("dafydd", "organisation_staff", "")] {
            let named = if place.is_empty() { "i.deployment_id IS NULL".to_owned() } else { format!("d.name = '{place}'") };
            let sql = format!("SELECT COUNT(*) FROM invitations i LEFT JOIN deployments d ON d.id = i.deployment_id WHERE i.email_key = '{email}@northfield.example' AND i.role = '{role}' AND {named}");
            assert_eq!(app.count(&sql).await, 1, "{email} as {role} in {place}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE action = 'invitation.sent' AND detail LIKE '%HR-77; HR-1%'").await, 1);
    }

    async fn a_second_press_a_retry_and_another_node_send_one_batch(app: &TestApp) {
        let plan = big_plan(app, 1_200).await;
        let admin = app.admin_caller().await;
        let other = care_portal::app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap();
        let presses = (0..6).map(|n| {
            let (portal, caller, scope) = (if n % 2 == 0 { app.portal.clone() } else { other.clone() }, admin.clone(), app.cardiology);
            tokio::spawn(async move {
                actions::send_plan(&portal, &caller, scope, plan).await.unwrap();
                actions::work_through(&portal, plan, |_| {}).await.unwrap().state
            })
        });
        for press in presses.collect::<Vec<_>>() {
            assert_eq!(press.await.unwrap(), State::Applied);
        }
        assert_eq!(sent(app).await, (1_200, 1_200));
        assert_eq!((app.events("plan.started").await, app.events("plan.applied").await), (1, 1));
        let counts = actions::count_rows(&app.portal, &admin, app.cardiology, plan).await.unwrap();
        assert_eq!((counts.sent, counts.not_done), (1_200, 0));
        assert_eq!(app.count("SELECT done - total FROM plans").await, 0);
    }

    async fn what_changed_since_is_told_and_not_sent_blindly(app: &TestApp) {
        let admin = app.admin_caller().await;
        let emails = ["pat@northfield.example", "peg@northfield.example", "pip@northfield.example"];
        let plan = app.plan(app.cardiology, &emails, "contributor").await;
        app.person("pat", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        app.invite(&admin, app.cardiology, app.coordinator, "peg@northfield.example").await;
        actions::send_plan(&app.portal, &admin, app.cardiology, plan).await.unwrap();
        let found = actions::list_rows(&app.portal, &admin, app.cardiology, plan, &actions::Query::default(), 10).await.unwrap();
        let told: Vec<_> = found.rows.iter().map(|row| (row.outcome.word(), row.outcome_reason.as_str())).collect();
        assert_eq!(told[0], ("Not done", "Is staff here already, as Deployment Staff"));
        assert!(told[1].0 == "Not done" && told[1].1.contains("Invited by Ada Okafor"), "{told:?}");
        assert_eq!(told[2], ("Invited", ""));
    }

    async fn roles_are_changed_and_invitations_resent_only_when_somebody_says_so(app: &TestApp) {
        let admin = app.admin_caller().await;
        app.person("pat", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        app.invite(&admin, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "peg@northfield.example").await;
        let emails = ["pat@northfield.example", "peg@northfield.example"];
        let plan = app.plan(app.cardiology, &emails, "contributor").await;
        let nothing = actions::start_plan(&app.portal, &admin, app.cardiology, plan).await;
        assert!(matches!(nothing, Err(Error::Conflict(_))), "nobody who is here is touched unasked: {nothing:?}");
        let decide = |rows: Vec<i64>, decision| { let admin = admin.clone(); async move {
            actions::decide_rows(&app.portal, &admin, app.cardiology, plan, &Found::Numbers(rows), decision).await.unwrap()
        } };
        assert_eq!(decide(vec![1, 2], Decision::ChangeRole).await, 1, "makes sense for Pat alone");
        assert_eq!(decide(vec![1, 2], Decision::Resend).await, 1, "makes sense for Peg alone");
        assert_eq!(decide(vec![1, 2], Decision::Send).await, 0, "nobody is invited twice");
        actions::send_plan(&app.portal, &admin, app.cardiology, plan).await.unwrap();
        let counts = actions::count_rows(&app.portal, &admin, app.cardiology, plan).await.unwrap();
        assert_eq!((counts.changed, counts.resent, counts.sent, counts.not_done), (1, 1, 0, 0));
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'pat@northfield.example' AND role = 'contributor'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'peg@northfield.example'").await, 2);
    }

    async fn a_plan_never_gives_more_than_its_maker_and_its_sender_may(app: &TestApp) {
        let priya = app.default(DefaultRole::AccessController, app.organisation).await;
        let file = "email,role\nben@northfield.example,Admin\nchi@northfield.example,Deployment Staff\n";
        let plan = location(&upload(&priya, &app.cardiology.path(), file, "").await);
        let page = priya.page(&plan).await;
        assert!(page.contains("only an Admin may give the role Admin") && page.contains("Send 1 invitation"), "{page}");
        assert_eq!(app.events("invitation.refused").await, 1, "the refusal is in the access log");

        // Made by the Admin, sent by somebody who may give less: told row by row.
        let made = app.plan(app.cardiology, &["dee@northfield.example"], "admin").await;
        let sent = priya.post(&format!("{}/plans/{made}/send", app.cardiology.path()), &[]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        let page = priya.page(&format!("{}/plans/{made}?show=not_done", app.cardiology.path())).await;
        assert!(page.contains("only an Admin may give the role Admin"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'dee@northfield.example'").await, 0);
        assert_eq!(app.events("invitation.refused").await, 2);
    }

    async fn strangers_and_those_without_the_permission_are_refused_everywhere(app: &TestApp) {
        let plan = app.plan(app.cardiology, &["ben@northfield.example"], "contributor").await;
        let staff = app.default(DefaultRole::DeploymentStaff, app.cardiology).await;
        let elsewhere = app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
        let path = format!("{}/plans", app.cardiology.path());
        for (who, status) in [(&staff, StatusCode::FORBIDDEN), (&elsewhere, StatusCode::NOT_FOUND)] {
            for page in [path.clone(), format!("{path}/new"), format!("{path}/{plan}"), format!("{path}/{plan}/send"), format!("{path}/{plan}/progress"), format!("{path}/{plan}/delete")] {
                assert_eq!(who.get(&page).await.status(), status, "{page}");
            }
            for page in ["send", "delete", "schedule", "rows"] {
                let form = [("row", "1"), ("do", "skip"), ("at", "2027-01-01T07:00")];
                assert_eq!(who.post(&format!("{path}/{plan}/{page}"), &form).await.status(), status, "{page}");
            }
            let made = upload(who, &app.cardiology.path(), FILE, "contributor").await;
            assert_eq!(made.status(), status);
        }
        // A plan of one deployment cannot be reached through another, nor by its id alone.
        let wrong = format!("{}/plans/{plan}", app.diabetes.path());
        assert_eq!(elsewhere.get(&wrong).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(elsewhere.post(&format!("{wrong}/send"), &[]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM plans WHERE state <> 'draft'").await, 0);
    }

    async fn a_scheduled_plan_is_sent_at_its_moment_in_the_organisations_zone(app: &TestApp) {
        let admin = app.admin().await;
        let plan = app.plan(app.cardiology, &["pat@northfield.example"], "contributor").await;
        let path = format!("{}/plans/{plan}", app.cardiology.path());
        for (at, wrong) in [("", "Choose a day and a time"), ("2020-01-01T07:00", "This moment has passed"), ("2030-01-01T07:00", "Choose a moment within a year")] {
            let answer = admin.post(&format!("{path}/schedule"), &[("at", at)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{at}");
            assert!(answer.text().await.unwrap().contains(wrong), "{at}");
        }
        // 21 September 2026, 14:13 UTC is the tests' now; London is an hour ahead.
        admin.post(&format!("{path}/schedule"), &[("at", "2026-09-23T07:00")]).await;
        let page = admin.page(&path).await;
        assert!(page.contains("Wednesday 23 September 2026, 07:00 BST"), "{page}");
        assert_eq!(app.count("SELECT due_at FROM plans").await, 1_790_143_200_000);
        assert_eq!(app.finish(plan).await, State::Scheduled, "not before its moment");
        admin.post(&format!("{path}/schedule"), &[("do", "cancel")]).await;
        app.advance(Duration::from_secs(3 * 24 * 3600));
        assert_eq!(app.finish(plan).await, State::Draft, "its moment was taken back");
        let admin = app.admin().await;
        admin.post(&format!("{path}/schedule"), &[("at", "2026-09-25T07:00")]).await;
        app.advance(Duration::from_secs(24 * 3600));
        assert_eq!(app.finish(plan).await, State::Applied);
        assert_eq!(sent(app).await, (1, 1));
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE action = 'invitation.sent' AND actor = 'later'").await, 1);
    }

    async fn whoever_lost_the_authority_sends_nothing_and_managers_are_told(app: &TestApp) {
        app.default(DefaultRole::AccessController, app.organisation).await;
        let priya = act_from_terminal(&app.portal, "access_controller@northfield.example").await.unwrap();
        let plan = app.plan(app.cardiology, &["pat@northfield.example"], "contributor").await;
        let due = app.portal.now().plus(Duration::from_secs(3600));
        actions::schedule_plan(&app.portal, &priya, app.cardiology, plan, due).await.unwrap();
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'access_controller@northfield.example'").await;
        app.advance(Duration::from_secs(3600));
        assert_eq!(app.finish(plan).await, State::Stopped);
        assert_eq!(sent(app).await, (0, 0));
        assert_eq!(app.events("plan.stopped").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'plan_stopped' AND recipient = 'ada@northfield.example'").await, 1);
        let admin = app.admin().await;
        let path = format!("{}/plans/{plan}", app.cardiology.path());
        let page = admin.page(&path).await;
        assert!(page.contains("It was stopped, because whoever scheduled it"), "{page}");
        admin.post(&format!("{path}/send"), &[]).await;
        assert_eq!(sent(app).await, (1, 1), "a manager sends it in her own name");
    }

    async fn authority_that_goes_in_the_middle_stops_the_rest(app: &TestApp) {
        app.person("boss", RoleKey::Default(DefaultRole::Admin), app.organisation).await;
        let boss = act_from_terminal(&app.portal, "boss@northfield.example").await.unwrap();
        let plan = big_plan(app, 700).await;
        actions::send_plan(&app.portal, &boss, app.cardiology, plan).await.unwrap();
        assert_eq!(sent(app).await, (500, 500));
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'boss@northfield.example'").await;
        assert_eq!(app.finish(plan).await, State::Stopped);
        assert_eq!(sent(app).await, (500, 500));
        let admin = app.admin_caller().await;
        actions::send_plan(&app.portal, &admin, app.cardiology, plan).await.unwrap();
        assert_eq!(app.finish(plan).await, State::Applied);
        assert_eq!(sent(app).await, (700, 700), "the rest, and nobody twice");
    }

    async fn a_revoked_key_sends_no_more_later(app: &TestApp) {
        let admin = app.admin().await;
        let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data"), ("permissions", "view_patient_identifiers"), ("permissions", "invite_staff")];
        let page = admin.post("/profile/api-keys", &form).await.text().await.unwrap();
        let key = page.split("cpk_").nth(1).map(|rest| format!("cpk_{}", rest.split(['<', '"']).next().unwrap()));
        let key = key.unwrap_or_else(|| panic!("no key in\n{page}"));
        let request = |method: &str, path: &str, body: Value| {
            app.visitor().client.request(method.parse().unwrap(), format!("{}/api/v1{path}", app.url)).bearer_auth(&key).header("idempotency-key", "k").json(&body).send()
        };
        let scope = app.cardiology.to_string();
        let rows: Vec<_> = people(700).into_iter().map(|email| json!({ "email": email })).collect();
        let made: Value = request("POST", &format!("/scopes/{scope}/plans"), json!({ "rows": rows, "role": "deployment_staff" })).await.unwrap().json().await.unwrap();
        assert_eq!(made["counts"]["refused"], 700, "a key hands on no more than it has: {made}");
        let rows: Vec<_> = people(700).into_iter().map(|email| json!({ "email": email })).collect();
        let own = app.coordinator.to_string();
        let second = app.visitor().client.post(format!("{}/api/v1/scopes/{scope}/plans", app.url)).bearer_auth(&key).header("idempotency-key", "k2").json(&json!({ "rows": rows, "role": own }));
        let made: Value = second.send().await.unwrap().json().await.unwrap();
        assert_eq!(made["counts"]["ready"], 700, "{made}");
        let id = made["id"].as_str().unwrap();
        let applied = request("POST", &format!("/scopes/{scope}/plans/{id}/apply"), json!({})).await.unwrap();
        assert_eq!(applied.status(), StatusCode::ACCEPTED);
        assert_eq!(sent(app).await, (500, 500), "the first rows at once");
        app.execute("UPDATE api_keys SET revoked_at = 1").await;
        assert_eq!(app.finish(id.parse().unwrap()).await, State::Stopped);
        assert_eq!(sent(app).await, (500, 500), "a key that was revoked gives nothing, whatever its owner may do");
    }

    async fn programs_make_decide_and_send_a_plan(app: &TestApp) {
        let admin = app.admin().await;
        let scope = app.cardiology.to_string();
        let rows = json!([
            { "email": "pat@northfield.example", "role": "Contributor", "note": "HR-5" },
            { "email": "peg@northfeild.example" },
            { "email": "nobody" },
        ]);
        let body = json!({ "rows": rows, "role": "deployment_staff", "title": "Tuesday", "note": "HR" });
        let (status, made) = api(&admin, "POST", &format!("/scopes/{scope}/plans"), Some(body.clone())).await;
        assert_eq!((status, &made["counts"]["ready"], &made["counts"]["look"], &made["counts"]["refused"]), (StatusCode::OK, &json!(1), &json!(1), &json!(1)), "{made}");
        let (_, again) = api(&admin, "POST", &format!("/scopes/{scope}/plans"), Some(body)).await;
        assert_eq!(again["id"], made["id"]);
        let path = format!("/scopes/{scope}/plans/{}", made["id"].as_str().unwrap());
        let (_, decided) = api(&admin, "POST", &format!("{path}/rows"), Some(json!({ "decision": "send", "state": "look" }))).await;
        assert_eq!(decided["decided"], 1);
        let (status, applied) = api(&admin, "POST", &format!("{path}/apply"), Some(json!({}))).await;
        assert_eq!((status, &applied["state"], &applied["counts"]["sent"]), (StatusCode::ACCEPTED, &json!("applied"), &json!(2)), "{applied}");
        let (_, rows) = api(&admin, "GET", &format!("{path}/rows?limit=2"), None).await;
        assert!(rows["rows"][0]["invitation"].as_str().unwrap().starts_with("inv_"), "{rows}");
        let next = rows["next"].as_str().unwrap();
        let (_, rest) = api(&admin, "GET", &format!("{path}/rows?limit=2&from={next}"), None).await;
        assert_eq!((rest["rows"][0]["outcome"].as_str(), rest["rows"].as_array().unwrap().len()), (Some("left"), 1), "{rest}");
        for (method, path, body) in [("POST", format!("{path}/rows"), json!({ "decision": "skip", "rows": [1] })), ("DELETE", path.clone(), json!({})), ("PUT", format!("{path}/schedule"), json!({ "at": "2027-01-01T07:00" }))] {
            assert_eq!(api(&admin, method, &path, Some(body)).await.0, StatusCode::CONFLICT, "{method} {path}");
        }
        let unknown = json!({ "rows": [], "rolle": "x" });
        assert_eq!(api(&admin, "POST", &format!("/scopes/{scope}/plans"), Some(unknown)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn one_press_takes_a_suggestion_and_the_row_is_judged_anew(app: &TestApp) {
        app.person("fay", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        let admin = app.admin().await;
        let file = "email,role\n\
            ben.okri@northfeild.example,Contributor\n\
            chi.obi@northfeild.example,Contributor\n\
            chi.obi@northfield.example,Contributor\n\
            fay@northfeild.example,Contributor\n\
            gus.lee@northfeild.example,Contributor\n";
        let plan = location(&upload(&admin, &app.cardiology.path(), file, "").await);
        let page = admin.page(&format!("{plan}?show=look")).await;
        assert!(page.contains("Use ben.okri@northfield.example") && page.contains("Use every suggested domain"), "{page}");
        admin.post(&format!("{plan}/rows"), &[("do", "suggestion"), ("row", "2"), ("show", "look")]).await;
        let page = admin.page(&plan).await;
        for expected in ["1 address was corrected", "Ready 2", "Taken in place of ben.okri@northfeild.example", "Send 2 invitations"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        admin.post(&format!("{plan}/rows"), &[("do", "skip"), ("row", "6")]).await;
        admin.post(&format!("{plan}/rows"), &[("do", "suggested_domains"), ("show", "look")]).await;
        let page = admin.page(&plan).await;
        for expected in ["2 addresses were corrected", "Ready 2", "Refused 1", "Already staff 1", "Look again 1", "Stands in row 4 already"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        admin.post(&format!("{plan}/rows"), &[("do", "suggestion"), ("row", "2")]).await;
        assert!(admin.page(&plan).await.contains("No row has such a suggestion"), "once");
        assert_eq!(app.events("plan.corrected").await, 2);
        let id = plan.rsplit('/').next().unwrap();
        let path = format!("/scopes/{}/plans/{id}/suggestions", app.cardiology);
        assert_eq!(api(&admin, "POST", &path, Some(json!({}))).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(api(&admin, "POST", &path, Some(json!({ "rows": [6] }))).await.1["taken"], 1);
        admin.post(&format!("{plan}/send"), &[]).await;
        assert_eq!(api(&admin, "POST", &path, Some(json!({ "rows": [6] }))).await.0, StatusCode::CONFLICT);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key LIKE '%northfeild%'").await, 0);
    }

    async fn a_deleted_plan_is_gone_and_sends_nothing(app: &TestApp) {
        let admin = app.admin().await;
        let plan = app.plan(app.cardiology, &["pat@northfield.example"], "contributor").await;
        let path = format!("{}/plans/{plan}", app.cardiology.path());
        assert!(admin.page(&format!("{path}/delete")).await.contains("Delete plan"));
        admin.post(&format!("{path}/delete"), &[]).await;
        assert_eq!(admin.get(&path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(admin.post(&format!("{path}/send"), &[]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.count("SELECT COUNT(*) FROM plan_rows").await, 0, "nobody's address is kept");
        assert_eq!(sent(app).await, (0, 0));
    }

    async fn what_cannot_be_read_for_certain_is_refused_row_by_row(app: &TestApp) {
        let admin = app.admin().await;
        let file = "email,role,access from,access until\n\
            a1@northfield.example,Contributor,,31.12.2026\n\
            b2@northfield.example,Contributor,,04/05/2027\n\
            c3@northfield.example,Contributor,,2020-01-01\n\
            d4@northfield.example,Contributor,2027-01-01,2026-12-31\n\
            e5@northfield.example,Contributor,2026-09-01,31/12/2026\n";
        let page = admin.page(&location(&upload(&admin, &app.cardiology.path(), file, "").await)).await;
        for expected in ["Ready 2", "Refused 3", "“04/05/2027” is no day that can be read for certain", "would have ended already", "The access would end before it begins", "Access until 31 December 2026"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        for (file, message) in [("email,role,position\na@northfield.example,x,y\n", "Two columns of this file"), ("PK\u{3}\u{4}", "ZIP"), ("", "No addresses")] {
            let answer = upload(&admin, &app.cardiology.path(), file, "").await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains(message), "{message}\n{page}");
        }
    }

    async fn progress_is_told_live_and_ends_with_the_access(app: &TestApp) {
        app.person("boss", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let boss = app.sign_in("boss@northfield.example").await;
        let plan = big_plan(app, 700).await;
        let path = format!("{}/plans/{plan}", app.cardiology.path());
        boss.post(&format!("{path}/send"), &[]).await;
        assert!(boss.page(&path).await.contains("500</span> of 700 rows done"));
        let mut stream = boss.get(&format!("{path}/progress")).await;
        assert_eq!(stream.headers()["content-type"], "text/event-stream");
        let first = stream.chunk().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains("\"done\":500"), "{first:?}");
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'boss@northfield.example'").await;
        let ended = tokio::time::timeout(Duration::from_secs(1), async { while stream.chunk().await.unwrap().is_some() {} });
        ended.await.expect("the stream ends within a second");
        let admin = app.admin().await;
        let mut stream = admin.get(&format!("{path}/progress")).await;
        app.execute("UPDATE memberships SET ended_at = NULL, live_account = account_id WHERE email_key = 'boss@northfield.example'").await;
        assert_eq!(app.finish(plan).await, State::Applied);
        let mut told = String::new();
        while let Some(chunk) = stream.chunk().await.unwrap() {
            told.push_str(&String::from_utf8_lossy(&chunk));
        }
        assert!(told.contains("\"state\":\"applied\"") && told.ends_with("\n\n"), "{told}");
    }
}

#[test]
fn the_tests_now_is_a_monday() {
    assert_eq!(Timestamp(1_790_000_000_000).to_rfc3339(), "2026-09-21T14:13:20Z");
}
