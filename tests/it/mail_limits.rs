//! How many invitation mails may go in a day: to one recipient over all organisations, from one inviter, from one organisation.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
    invitations::actions,
    plans,
    types::InvitationId,
};
use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::{
    api::{call, key},
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const HOUR: Duration = Duration::from_secs(3600);
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn mails_to(app: &TestApp, email: &str) -> i64 {
    app.count(&format!("SELECT COUNT(*) FROM mails WHERE recipient = '{email}' AND kind = 'invitation'")).await
}

async fn resend(app: &TestApp, who: &Person, id: InvitationId) -> Response {
    let list = format!("{}/invitations", app.cardiology.path());
    who.post(&format!("{list}/selected"), &[("id", &id.to_string()), ("do", "resend")]).await
}

on_both! {
    async fn rl_03_one_recipient_gets_three_mails_in_a_day_whoever_invites_and_resends(app: &TestApp) {
        let ada = app.admin().await;
        let (elsewhere, grace) = app.second_organisation().await;
        let olu = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "olu@northfield.example").await;
        app.advance(HOUR / 2);
        let sent = grace.invite(elsewhere, "Olu@northfield.example, other@southfield.example", "contributor", &[("confirmed", "olu@northfield.example")]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        assert!(resend(app, &ada, olu).await.status().is_redirection());
        assert_eq!(mails_to(app, "olu@northfield.example").await, 2);
        assert_eq!(mails_to(app, "Olu@northfield.example").await, 1, "however it is written");
        for _ in 0..20 {
            assert!(resend(app, &ada, olu).await.status().is_redirection());
        }
        let told = ada.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(told.contains("This address has had as many invitation mails as anybody gets in 24 hours; the next can go on Tuesday 22 September, 15:13"), "{told}");
        // In a list the one row is refused and the others go, from the page, by the API, and whichever place invites.
        let page = ada.invite(app.diabetes, "olu@northfield.example\nben@northfield.example", "deployment_staff", &[]).await;
        assert_eq!(page.status(), StatusCode::SEE_OTHER);
        let batch = ada.page(&location(&page)).await;
        assert!(batch.contains("the next can go on Tuesday 22 September") && batch.contains("ben@northfield.example"), "{batch}");
        let all: Vec<&str> = care_portal::access::Permission::all().map(|permission| permission.key()).collect();
        let key = key(&app.admin().await, &app.organisation.to_string(), &all).await;
        let body = json!({ "addresses": ["olu@northfield.example", "cy@northfield.example"], "role": "deployment_staff" });
        let (status, answer) = call(app, &key, "POST", &format!("/scopes/{}/invitations", app.diabetes), Some(body), "a").await;
        assert_eq!((status, &answer["not_sent"][0]["state"], &answer["sent"][0]["email"]), (StatusCode::OK, &json!("refused"), &json!("cy@northfield.example")), "{answer}");
        let (_, checked) = call(app, &key, "POST", &format!("/scopes/{}/invitations/check", app.diabetes), Some(json!({ "addresses": ["olu@northfield.example"] })), "").await;
        assert!(checked["rows"][0]["reason"].as_str().unwrap().contains("the next can go on"), "{checked}");
        // Deleting and inviting anew is no way round it.
        ada.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &olu.to_string()), ("do", "delete")]).await;
        let anew = ada.invite(app.cardiology, "olu@northfield.example", "deployment_staff", &[("send_key", "anew")]).await;
        assert_eq!(anew.status(), StatusCode::UNPROCESSABLE_ENTITY);
        // Nor is correcting another invitation to that address, and nothing typed is lost.
        let ben = app.uuid("SELECT id FROM invitations WHERE email_key = 'ben@northfield.example'").await;
        let path = format!("{}/invitations/{}/correct", app.diabetes.path(), InvitationId::from_uuid(ben));
        let corrected = ada.post(&path, &[("email", "olu@northfield.example")]).await;
        assert_eq!(corrected.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = corrected.text().await.unwrap();
        assert!(page.contains("value=\"olu@northfield.example\"") && page.contains("the next can go on"), "{page}");
        assert_eq!(mails_to(app, "olu@northfield.example").await + mails_to(app, "Olu@northfield.example").await, 3);
        // A day after the first of the three one more may go, and no second.
        app.advance(24 * HOUR - HOUR / 2);
        let ada = app.admin().await;
        for (key, status) in [("b", StatusCode::SEE_OTHER), ("c", StatusCode::UNPROCESSABLE_ENTITY)] {
            let scope = if key == "b" { app.cardiology } else { app.diabetes };
            let answer = ada.invite(scope, "olu@northfield.example", "deployment_staff", &[("send_key", key)]).await;
            assert_eq!(answer.status(), status, "{key}");
        }
        assert_eq!(mails_to(app, "olu@northfield.example").await, 3);
        actions::forget_old_counts(&app.portal).await.unwrap();
        assert_eq!(app.count("SELECT COUNT(*) FROM invited_addresses WHERE email_key = 'olu@northfield.example'").await, 1);
        app.advance(25 * HOUR);
        actions::forget_old_counts(&app.portal).await.unwrap();
        assert_eq!(app.count("SELECT (SELECT COUNT(*) FROM invited_addresses) + (SELECT COUNT(*) FROM sent_by_hour)").await, 0);
    }

    async fn rl_03_of_many_at_once_on_two_portals_only_three_mails_go(app: &TestApp) {
        let (elsewhere, _) = app.second_organisation().await;
        let olu = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "olu@northfield.example").await;
        let other = app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap();
        let ada = app.admin_caller().await;
        let grace = care_portal::identity::actions::act_from_terminal(&app.portal, "grace@southfield.example").await.unwrap();
        let mut tries = Vec::new();
        for n in 0..12 {
            let portal = if n % 2 == 0 { app.portal.clone() } else { other.clone() };
            let (by, scope) = if n % 3 == 0 { (grace.clone(), elsewhere) } else { (ada.clone(), app.cardiology) };
            tries.push(tokio::spawn(async move {
                if n % 3 == 0 {
                    let batch = care_portal::invitations::NewBatch {
                        scope,
                        role: RoleKey::Default(DefaultRole::Contributor),
                        window: care_portal::invitations::Window::Week,
                        access_from: None,
            access_until: None,
                        texts: vec!["olu@northfield.example".to_owned()],
                        confirmed: vec!["olu@northfield.example".to_owned()],
                        note: String::new(),
                        request_key: n.to_string(),
                    };
                    actions::invite_staff(&portal, &by, batch).await.unwrap().sent.len()
                } else {
                    actions::resend_invitations(&portal, &by, scope, &[olu]).await.unwrap().done.len()
                }
            }));
        }
        let mut went = 1;
        for attempt in tries {
            went += attempt.await.unwrap();
        }
        assert_eq!(went, 3);
        assert_eq!(mails_to(app, "olu@northfield.example").await, 3);
    }

    async fn rl_03_what_a_role_change_would_mail_beyond_that_is_held(app: &TestApp) {
        let ada = app.admin().await;
        app.invite(&app.admin_caller().await, app.cardiology, app.coordinator, "olu@northfield.example").await;
        app.execute("UPDATE invited_addresses SET second_at = last_at, third_at = last_at").await;
        let path = format!("{}/roles/{}/delete", app.organisation.path(), app.coordinator);
        let done = ada.post(&path, &[("do", "delete"), ("revision", "1"), ("replacement", "deployment_staff")]).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER);
        let pending = ada.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(pending.contains("Held") && pending.contains("as many invitation mails as anybody gets"), "{pending}");
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'olu@northfield.example' AND state = 'sent'").await, 0);
    }
}

async fn limited(database: Database, inviter: &str, organisation: &str) -> TestApp {
    let settings = [("MAILS_PER_INVITER", inviter.to_owned()), ("MAILS_PER_ORGANISATION", organisation.to_owned())];
    TestApp::start_with(database, &settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_03_more_than_an_inviter_may_send_in_a_day_is_refused_as_a_whole_and_nothing_typed_is_lost() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = limited(database, "6", "0").await;
        app.person("cara", RoleKey::Default(DefaultRole::AccessController), app.cardiology).await;
        let ada = app.admin().await;
        let four: Vec<String> = (1..=4).map(|n| format!("person.{n}.{n}{n}{n}@northfield.example")).collect();
        assert_eq!(
            ada.invite(app.cardiology, &four.join("\n"), "contributor", &[]).await.status(),
            StatusCode::SEE_OTHER
        );
        app.advance(2 * HOUR);
        let ada = app.admin().await;
        let more = "quentin@northfield.example\nxanthippe@northfield.example";
        let over = ada.invite(app.cardiology, more, "contributor", &[("send_key", "two"), ("window", "72h")]).await;
        assert_eq!(over.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = over.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(wait > 21 * 3600 && wait <= 22 * 3600, "{wait}");
        let page = over.text().await.unwrap();
        for kept in [
            "quentin@northfield.example",
            "xanthippe@northfield.example",
            "value=\"72h\" checked",
            "value=\"two\"",
            "You may send 6 invitation mails in 24 hours, and 1 of these 2 are left. Nothing was sent; try again in 22 hours",
        ] {
            assert!(page.contains(kept), "{kept}: {page}");
        }
        assert_eq!(mails_to(&app, "quentin@northfield.example").await, 0);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM events WHERE action = 'invitation.refused'").await,
            1,
            "and written down"
        );
        // What was refused does not count; resends do, and so does another place.
        let first = app.uuid("SELECT id FROM invitations WHERE email_key = 'person.1.111@northfield.example'").await;
        let first = InvitationId::from_uuid(first);
        let one = ada.invite(app.diabetes, "y@northfield.example", "contributor", &[("send_key", "three")]).await;
        assert_eq!(one.status(), StatusCode::SEE_OTHER);
        let again = resend(&app, &ada, first).await;
        assert_eq!(again.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(again.headers().contains_key("retry-after"));
        assert_eq!(mails_to(&app, "person.1.111@northfield.example").await, 1);
        // By program: the same as a problem document.
        let all: Vec<&str> = care_portal::access::Permission::all().map(|permission| permission.key()).collect();
        let key = key(&ada, &app.organisation.to_string(), &all).await;
        let (status, problem) =
            call(&app, &key, "POST", &format!("/invitations/{first}/resend"), Some(json!({})), "").await;
        assert_eq!((status, &problem["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("too_many")), "{problem}");
        // A colleague is not held up, and a restart forgets nothing.
        let cara = app.sign_in("cara@northfield.example").await;
        assert_eq!(
            cara.invite(app.cardiology, "z@northfield.example", "organisation_staff", &[]).await.status(),
            StatusCode::SEE_OTHER
        );
        let restarted = app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap();
        let by = app.admin_caller().await;
        assert!(actions::resend_invitations(&restarted, &by, app.cardiology, &[first]).await.is_err());
        let all = ada
            .invite(
                app.cardiology,
                &(0..7).map(|n| format!("q{n}@northfield.example\n")).collect::<String>(),
                "contributor",
                &[("send_key", "six")],
            )
            .await;
        assert!(all.text().await.unwrap().contains("and these are 7. Nothing was sent; send fewer at a time"));
        app.advance(23 * HOUR);
        let ada = app.admin().await;
        assert_eq!(
            ada.invite(app.cardiology, more, "contributor", &[("send_key", "two")]).await.status(),
            StatusCode::SEE_OTHER
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_03_inviters_of_one_organisation_share_its_limit_and_another_organisation_has_its_own() {
    let app = limited(Database::Sqlite, "0", "4").await;
    let cara = app.person("cara", RoleKey::Default(DefaultRole::AccessController), app.cardiology).await;
    let ada = app.admin().await;
    let send = |who: &'static str| format!("{who}.one@northfield.example {who}.second@northfield.example");
    assert_eq!(ada.invite(app.cardiology, &send("a"), "contributor", &[]).await.status(), StatusCode::SEE_OTHER);
    let over = cara.invite(app.cardiology, &send("b"), "organisation_staff", &[]).await;
    assert_eq!(over.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(
        over.text()
            .await
            .unwrap()
            .contains("Your organisation may send 4 invitation mails in 24 hours, and 1 of these 2")
    );
    let (elsewhere, grace) = app.second_organisation().await;
    assert_eq!(
        grace.invite(elsewhere, "a@southfield.example b@southfield.example", "contributor", &[]).await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_meets_the_limit_says_so_and_goes_on_the_next_day_once() {
    for database in [Database::Sqlite, Database::Postgres] {
        let app = limited(database, "5", "0").await;
        let people: Vec<String> = (0..8).map(|n| format!("p{n}.{n}{n}{n}@northfield.example")).collect();
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let plan = app.plan(app.cardiology, &people, "contributor").await;
        let ada = app.admin().await;
        let path = format!("{}/plans/{plan}", app.cardiology.path());
        ada.post(&format!("{path}/send"), &[]).await;
        assert_eq!(app.finish(plan).await, plans::State::Applying, "it waits");
        let sent = "SELECT COUNT(*) FROM invitations WHERE email_key LIKE 'p%'";
        assert_eq!(app.count(sent).await, 5);
        let page = ada.page(&path).await;
        for truth in [
            "It waits, and goes on by itself on",
            "You may send 5 invitation mails in 24 hours",
            "5 of 8 rows are done",
            "Being sent",
        ] {
            assert!(page.contains(truth), "{truth}\n{page}");
        }
        assert!(!page.contains("Nothing was sent") && !page.contains("try again"), "{page}");
        let (_, body) = ada.json("GET", &format!("/api/v1/scopes/{}/plans/{plan}", app.cardiology), None).await;
        assert_eq!((body["state"].as_str(), body["done"].as_u64()), (Some("applying"), Some(5)), "{body}");
        let until: jiff::Timestamp = body["waits_until"].as_str().unwrap().parse().unwrap();
        assert!(until.as_millisecond() > app.portal.now().0, "{body}");
        app.advance(HOUR);
        app.finish(plan).await;
        assert_eq!(app.count(sent).await, 5, "an hour changes nothing");
        app.advance(24 * HOUR);
        assert_eq!(app.finish(plan).await, plans::State::Applied);
        app.finish(plan).await;
        assert_eq!(app.count(sent).await, 8);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM mails WHERE recipient LIKE 'p%' AND kind = 'invitation'").await,
            8,
            "once each"
        );
        let page = app.admin().await.page(&path).await;
        assert!(page.contains("8 invited") && !page.contains("It waits"), "{page}");
    }
}
