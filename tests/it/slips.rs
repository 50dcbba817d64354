//! Printed slips for people without mail: the same rules as copying a link, and a short code that is no way around them.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey, Scope},
    types::InvitationId,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::{
        app::{Database, PASSWORD, Person, TestApp, location},
        smtp::ScriptedSmtp,
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn print(who: &Person, scope: Scope, ids: &[InvitationId]) -> (StatusCode, String) {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let mut form: Vec<(&str, &str)> = ids.iter().map(|id| ("id", id.as_str())).collect();
    form.push(("do", "slips"));
    let answer = who.post(&format!("{}/invitations/selected", scope.path()), &form).await;
    (answer.status(), answer.text().await.unwrap())
}

/// The short codes on a page of slips, in order.
fn codes(page: &str) -> Vec<String> {
    page.split("<code class=\"key\">").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

async fn open(app: &TestApp, who: &Person, code: &str, email: &str) -> (StatusCode, String) {
    let _ = app;
    let answer = who.post("/join/slip", &[("slip_code", code), ("slip_email", email)]).await;
    let (status, to) = (answer.status(), location(&answer));
    (status, if to.is_empty() { answer.text().await.unwrap() } else { to })
}

on_both! {
    async fn a_slip_opens_the_invitation_for_whoever_types_its_address_too(app: &TestApp) {
        let admin = app.admin_caller().await;
        let ben = app.invite(&admin, app.cardiology, STAFF, "Ben Achterberg <ben@northfield.example>").await;
        let chidi = app.invite(&admin, app.cardiology, STAFF, "chidi@northfield.example").await;
        let (status, page) = print(&app.admin().await, app.cardiology, &[ben, chidi]).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        assert!(page.contains("Ben Achterberg") && page.contains("<svg") && page.contains("Deployment Staff") && page.contains("Cardiology"), "{page}");
        assert_eq!((page.matches("class=\"slip\"").count(), app.events("invitation.slip_printed").await), (2, 2));
        let codes = codes(&page);
        let [for_ben, for_chidi] = codes.as_slice() else { panic!("{codes:?}") };
        assert!(for_ben != for_chidi && for_ben.len() == 9);
        assert!(!app.dump("invitations").await.contains(&for_ben.replace('-', "")), "no code is stored");
        for (code, email) in [(for_chidi.as_str(), "ben@northfield.example"), ("0000-0000", "ben@northfield.example"), ("", "ben@northfield.example"), (for_ben, "nobody@northfield.example")] {
            let (status, told) = open(app, &app.visitor(), code, email).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("do not belong together"), "{code} {email}: {told}");
            assert!(told.contains(&format!("value=\"{email}\"")), "nothing that was typed is lost");
        }
        assert_eq!(open(app, &app.visitor(), for_ben, "ben").await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let visitor = app.visitor();
        let typed = for_ben.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l");
        assert_eq!(open(app, &visitor, &typed, "BEN@northfield.example").await, (StatusCode::SEE_OTHER, "/join".to_owned()));
        assert!(visitor.page("/join").await.contains("Create your account"));
        let form = [("invitation", ben.to_string()), ("full_name", "Ben Achterberg".to_owned()), ("password", PASSWORD.to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert!(visitor.post("/join/accept", &form).await.status().is_redirection());
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE email_key = 'ben@northfield.example' AND NOT address_proven").await, 1, "not proven");
    }

    async fn a_slip_dies_with_its_link(app: &TestApp) {
        let admin = app.admin_caller().await;
        let ada = app.admin().await;
        let wrong = app.invite(&admin, app.cardiology, STAFF, "wrong@northfield.example").await;
        let gone = app.invite(&admin, app.cardiology, STAFF, "gone@northfield.example").await;
        let old = app.invite(&admin, app.cardiology, STAFF, "old@northfield.example").await;
        let page = print(&ada, app.cardiology, &[wrong, gone, old]).await.1;
        let codes = codes(&page);
        let of = |email: &str| {
            let at = page.find(&format!("Slip for {email}")).unwrap();
            codes.iter().find(|code| page[at..].find(code.as_str()).is_some_and(|found| found < page[at..].find("</section>").unwrap())).unwrap().clone()
        };
        ada.post(&format!("{}/invitations/{wrong}/correct", app.cardiology.path()), &[("email", "right@northfield.example")]).await;
        ada.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &gone.to_string()), ("do", "delete")]).await;
        for (email, code) in [("wrong@northfield.example", of("wrong@northfield.example")), ("right@northfield.example", of("wrong@northfield.example")), ("gone@northfield.example", of("gone@northfield.example"))] {
            assert_eq!(open(app, &app.visitor(), &code, email).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{email}");
        }
        app.advance(Duration::from_secs(8 * 24 * 3600));
        let visitor = app.visitor();
        open(app, &visitor, &of("old@northfield.example"), "old@northfield.example").await;
        assert!(visitor.get("/join").await.text().await.unwrap().contains("has expired"));
        let ada = app.admin().await;
        let (_, page) = print(&ada, app.cardiology, &[old]).await;
        assert!(page.contains("does not work at the moment") && !page.contains("class=\"slip\""), "no slip for a dead link: {page}");
    }

    async fn tries_are_few(app: &TestApp) {
        let ben = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let code = codes(&print(&app.admin().await, app.cardiology, &[ben]).await.1).remove(0);
        for _ in 0..5 {
            open(app, &app.visitor(), "AAAA-AAAA", "ben@northfield.example").await;
        }
        let (status, _) = open(app, &app.visitor(), &code, "ben@northfield.example").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "even the right one waits");
        app.advance(Duration::from_secs(3600));
        assert_eq!(open(app, &app.visitor(), &code, "ben@northfield.example").await.0, StatusCode::SEE_OTHER);
        assert_eq!(open(app, &app.visitor(), "AAAA-AAAA", "ben@northfield.example").await.0, StatusCode::UNPROCESSABLE_ENTITY, "who was right begins anew");
    }

    async fn slips_ask_what_copying_a_link_asks(app: &TestApp) {
        let admin = app.admin_caller().await;
        let contributor = app.invite(&admin, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "lucy@northfield.example").await;
        let there = app.invite(&admin, app.diabetes, STAFF, "chidi@northfield.example").await;
        let ben = app.invite(&admin, app.cardiology, STAFF, "ben@northfield.example").await;
        let samuel = app.person("samuel", RoleKey::Default(DefaultRole::AccessController), app.cardiology).await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let (_, page) = print(&samuel, app.cardiology, &[contributor, there, ben]).await;
        assert!(page.contains("only an Admin may give the role Contributor") && page.matches("class=\"slip\"").count() == 1 && !page.contains("chidi@"), "{page}");
        assert_eq!(print(&nurse, app.cardiology, &[ben]).await.0, StatusCode::FORBIDDEN);
        assert_eq!(app.events("invitation.slip_refused").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_slips_beside_a_mail_server_unless_the_organisation_wants_them() {
    let server = ScriptedSmtp::start().await;
    let app = TestApp::start_with(Database::Sqlite, &[("SMTP_URL", server.url())]).await;
    let ben = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
    let ada = app.admin().await;
    let list = format!("{}/invitations", app.cardiology.path());
    assert!(!ada.page(&list).await.contains("Print slip"));
    let (status, page) = print(&ada, app.cardiology, &[ben]).await;
    assert!(status == StatusCode::CONFLICT && page.contains("cannot be printed here"), "{page}");
    app.execute("UPDATE organisations SET allow_copy_link = 1").await;
    assert!(ada.page(&list).await.contains("Print slip"));
    assert_eq!(print(&ada, app.cardiology, &[ben]).await.0, StatusCode::OK);
}
