//! Pending staff invitations and All staff members: listing, searching, paging, resending, deleting, copying the link.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    invitations::{NewBatch, Window, actions},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn invite_many(app: &TestApp, n: usize) {
    let texts = (0..n).map(|n| format!("person.{n:04}@northfield.example")).collect();
    let batch = NewBatch {
        scope: app.cardiology,
        role: STAFF,
        window: Window::Day,
        access_from: None,
        access_until: None,
        texts,
        confirmed: Vec::new(),
        note: String::new(),
        request_key: "many".to_owned(),
    };
    let answer = actions::invite_staff(&app.portal, &app.admin_caller().await, batch).await.unwrap();
    assert_eq!(answer.sent.len(), n);
}

/// The addresses on a page, in order.
fn addresses(page: &str) -> Vec<String> {
    page.split("scope=\"row\"")
        .skip(1)
        .filter_map(|row| row.split("title=\"").nth(1)?.split('"').next().map(str::to_owned))
        .collect()
}

fn next(page: &str) -> Option<String> {
    let link = page.split("rel=\"next\" href=\"").nth(1)?.split('"').next()?;
    Some(link.replace("&#38;", "&").replace("&amp;", "&"))
}

on_both! {
    async fn every_row_comes_once_however_it_is_sorted(app: &TestApp) {
        invite_many(app, 120).await;
        let admin = app.admin().await;
        for order in ["", "?sort=email", "?sort=email&order=desc", "?sort=expires", "?sort=sent&order=asc"] {
            let mut path = format!("{}/invitations{order}", app.cardiology.path());
            let mut seen = Vec::new();
            loop {
                let page = admin.page(&path).await;
                seen.extend(addresses(&page));
                match next(&page) {
                    Some(more) => path = more,
                    None => break,
                }
            }
            assert_eq!(seen.len(), 120, "{order}");
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 120, "{order}");
            if order == "?sort=email" {
                assert_eq!(seen, sorted);
            }
        }
    }

    async fn search_and_filter_narrow_the_list(app: &TestApp) {
        invite_many(app, 30).await;
        let admin = app.admin().await;
        let list = format!("{}/invitations", app.cardiology.path());
        assert_eq!(addresses(&admin.page(&format!("{list}?q=PERSON.0007")).await), ["person.0007@northfield.example"]);
        for pattern in ["%25", "_____", "%5C", "%27%3B--"] {
            assert!(admin.page(&format!("{list}?q={pattern}")).await.contains("No invitation fits"), "{pattern} is no wildcard");
        }
        assert!(addresses(&admin.page(&format!("{list}?state=expired")).await).is_empty());
        app.advance(Duration::from_secs(24 * 3600));
        let admin = app.admin().await;
        assert_eq!(addresses(&admin.page(&format!("{list}?state=expired")).await).len(), 30);
        assert!(addresses(&admin.page(&format!("{list}?state=pending")).await).is_empty());
        for forged in ["?from=zzzz", "?sort=password_hash", "?state=x&order=y"] {
            assert_eq!(addresses(&admin.page(&format!("{list}{forged}")).await).len(), 30, "{forged}");
        }
    }

    async fn resending_restarts_the_window_and_keeps_the_link(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.advance(Duration::from_secs(8 * 24 * 3600));
        let admin = app.admin().await;
        let list = format!("{}/invitations", app.cardiology.path());
        assert!(admin.page(&list).await.contains("Expired"));
        let answer = admin.post(&format!("{list}/selected"), &[("id", &id.to_string()), ("do", "resend")]).await;
        assert_eq!(location(&answer), list);
        let page = admin.page(&list).await;
        assert!(page.contains("The invitation of ben@northfield.example was resent.") && page.contains("Expires in 7 days"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example' AND state = 'queued'").await, 1, "the older mail is taken back");
        let ben = app.visitor();
        ben.post("/join", &[("code", &app.code(id, 1))]).await;
        assert!(ben.page("/join").await.contains("Create account"));
    }

    async fn deleting_asks_first_and_takes_the_mail_back(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let admin = app.admin().await;
        let selected = format!("{}/invitations/selected", app.cardiology.path());
        let asked = admin.post(&selected, &[("id", &id.to_string()), ("do", "ask_delete")]).await.text().await.unwrap();
        assert!(asked.contains("Delete the invitation of ben@northfield.example?"));
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'deleted'").await, 0);
        admin.post(&selected, &[("id", &id.to_string()), ("do", "delete")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'deleted'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example' AND state = 'withdrawn'").await, 1);
        let again = admin.post(&selected, &[("id", &id.to_string()), ("do", "resend")]).await;
        assert_eq!(again.status(), StatusCode::SEE_OTHER);
        assert!(admin.page(&format!("{}/invitations", app.cardiology.path())).await.contains("no longer pending"));
    }

    async fn rows_of_another_scope_are_out_of_reach(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.diabetes, STAFF, "ben@northfield.example").await;
        let eilidh = app.person("eilidh", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        eilidh.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &id.to_string()), ("do", "delete")]).await;
        let answer = eilidh.post(&format!("{}/invitations/{id}/link", app.cardiology.path()), &[]).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'pending' AND email_key = 'ben@northfield.example'").await, 1);
        assert!(!eilidh.page(&format!("{}/invitations", app.cardiology.path())).await.contains("ben@northfield.example"));
    }

    async fn resending_asks_the_grant_rule(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, RoleKey::Default(DefaultRole::Admin), "ben@northfield.example").await;
        let priya = app.default(DefaultRole::AccessController, app.organisation).await;
        let list = format!("{}/invitations", app.cardiology.path());
        priya.post(&format!("{list}/selected"), &[("id", &id.to_string()), ("do", "resend")]).await;
        assert!(priya.page(&list).await.contains("only an Admin may give the role Admin"));
        let copied = priya.post(&format!("{list}/{id}/link"), &[]).await;
        assert_eq!(copied.status(), StatusCode::FORBIDDEN, "whoever has the link could use it");
        assert_eq!(app.events("invitation.resend_refused").await, 1);
    }

    async fn a_copied_link_leaves_the_address_unproven(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let admin = app.admin().await;
        let page = admin.post(&format!("{}/invitations/{id}/link", app.cardiology.path()), &[]).await.text().await.unwrap();
        assert!(page.contains(&app.code(id, 1)));
        assert_eq!(app.events("invitation.link_copied").await, 1);
        let ben = app.visitor();
        ben.post("/join", &[("code", &app.code(id, 1))]).await;
        ben.post("/join/accept", &[("invitation", &id.to_string()), ("full_name", "Ben"), ("password", crate::support::app::PASSWORD)]).await;
        assert!(admin.page(&format!("{}/staff", app.cardiology.path())).await.contains("Address not proven"));
    }

    async fn staff_are_listed_searched_and_filtered(app: &TestApp) {
        for word in ["wren", "olu", "mei"] {
            app.person(word, STAFF, app.cardiology).await;
        }
        let admin = app.admin().await;
        let list = format!("{}/staff", app.organisation.path());
        assert_eq!(addresses(&admin.page(&list).await), ["Ada Okafor", "mei Example", "olu Example", "wren Example"]);
        assert_eq!(addresses(&admin.page(&format!("{list}?q=WREN")).await), ["wren Example"]);
        assert_eq!(addresses(&admin.page(&format!("{list}?role=admin")).await), ["Ada Okafor"]);
        assert_eq!(addresses(&admin.page(&format!("{list}?sort=email&order=desc")).await)[0], "wren Example");
        assert!(admin.page(&format!("{list}?q=nobody")).await.contains("contains “nobody”"));
        let page = admin.page(&format!("{}/staff", app.cardiology.path())).await;
        assert!(!page.contains("Ada Okafor</span>") || addresses(&page).len() == 3);
    }

    async fn what_would_give_nothing_any_more_is_neither_resent_nor_corrected(app: &TestApp) {
        let end = app.portal.now().plus(Duration::from_secs(3600));
        let batch = NewBatch {
            scope: app.cardiology,
            role: STAFF,
            window: Window::Week,
            access_from: None,
            access_until: Some(end),
            texts: vec!["ben@northfield.example".to_owned()],
            confirmed: Vec::new(),
            note: String::new(),
            request_key: "short".to_owned(),
        };
        let sent = actions::invite_staff(&app.portal, &app.admin_caller().await, batch).await.unwrap().sent;
        app.advance(Duration::from_secs(3600));
        let admin = app.admin().await;
        let path = format!("/api/v1/invitations/{}", sent[0].invitation);
        let right = serde_json::json!({ "email": "benedict@northfield.example" });
        for (what, body) in [("resend", None), ("correct", Some(right))] {
            let (status, problem) = admin.json("POST", &format!("{path}/{what}"), body).await;
            assert_eq!(status, StatusCode::CONFLICT, "{what}: {problem}");
            assert!(problem["detail"].as_str().unwrap().contains("has ended already"), "{what}: {problem}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'benedict@northfield.example'").await, 0);
    }
}

#[tokio::test]
async fn links_cannot_be_copied_where_a_mail_server_is_set_up() {
    let app = TestApp::start_with(Database::Sqlite, &[("SMTP_URL", "smtp://127.0.0.1:9".to_owned())]).await;
    let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
    let admin = app.admin().await;
    let list = format!("{}/invitations", app.cardiology.path());
    assert!(!admin.page(&list).await.contains("Copy link"));
    let answer = admin.post(&format!("{list}/{id}/link"), &[]).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert_eq!(app.events("invitation.copy_refused").await, 1);
}
