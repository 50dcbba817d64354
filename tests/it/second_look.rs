//! Roles that manage access: a second manager must agree, and whoever accepts gives a code that was told by telephone.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    types::InvitationId,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    staff::flash,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const ADMIN: RoleKey = RoleKey::Default(DefaultRole::Admin);
const CONTROLLER: RoleKey = RoleKey::Default(DefaultRole::AccessController);

async fn wants_it(app: &TestApp) {
    let yes = if app.portal.db.is_sqlite() { "1" } else { "true" };
    app.execute(&format!("UPDATE organisations SET second_look = {yes}")).await;
}

async fn shown(app: &TestApp, id: InvitationId) -> (String, String) {
    let (_, body) = app.admin().await.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
    (body["state"].as_str().unwrap().to_owned(), body["second_look"].as_str().unwrap().to_owned())
}

async fn press(app: &TestApp, who: &Person, id: InvitationId, what: &str) -> String {
    let answer = who
        .post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &id.to_string()), ("do", what)])
        .await;
    flash(who, &location(&answer)).await
}

/// The code on the page of the invitation, for whoever sees one.
async fn code_for(app: &TestApp, who: &Person, id: InvitationId) -> Option<String> {
    let page = who.page(&format!("{}/invitations/{id}", app.cardiology.path())).await;
    page.split("<code class=\"key\">").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned())
}

async fn accept(who: &Person, id: InvitationId, spoken: &str) -> (StatusCode, String) {
    let id = id.to_string();
    let form = [("invitation", id.as_str()), ("full_name", "Priya Nair"), ("password", PASSWORD), ("spoken", spoken)];
    let answer = who.post("/join/accept", &form).await;
    (answer.status(), answer.text().await.unwrap())
}

on_both! {
    async fn another_manager_agrees_and_the_code_is_told_by_telephone(app: &TestApp) {
        wants_it(app).await;
        let tomasz = app.person("tomasz", STAFF, app.cardiology).await;
        app.execute("UPDATE memberships SET role = 'admin' WHERE email_key = 'tomasz@northfield.example'").await;
        let ada = app.admin().await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, CONTROLLER, "priya@northfield.example").await;
        assert_eq!(shown(app, id).await, ("held".to_owned(), "waiting".to_owned()));
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'priya@northfield.example' AND state = 'withdrawn'").await, 1, "nothing leaves yet");
        let page = ada.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(page.contains("waits for a second look"), "{page}");
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(id, 1))]).await;
        assert_eq!(visitor.get("/join").await.status(), StatusCode::CONFLICT, "nor does the link work");
        for what in ["approve", "resend"] {
            let told = press(app, &ada, id, what).await;
            assert!(told.contains("nobody gives that to an invitation of their own"), "{told}");
        }
        assert_eq!(shown(app, id).await, ("held".to_owned(), "waiting".to_owned()));
        assert!(press(app, &tomasz, id, "approve").await.contains("was approved"));
        assert_eq!(shown(app, id).await, ("pending".to_owned(), "given".to_owned()));
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'priya@northfield.example' AND state = 'sent'").await, 1);
        let code = code_for(app, &ada, id).await.expect("the inviter sees the code");
        assert_eq!(code_for(app, &tomasz, id).await, None, "and nobody else does");
        let mail = std::fs::read_dir(app.portal.config.mail_folder()).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).find(|mail| mail.contains("priya@") && mail.contains("telephone")).unwrap();
        assert!(!mail.contains(&code) && !mail.contains(&code.replace(' ', "")), "it is in no mail");
        assert!(visitor.page("/join").await.contains("Code told by telephone"));
        for wrong in ["", "0000 0000", "12345678", &code[..8]] {
            let (status, told) = accept(&visitor, id, wrong).await;
            if wrong.replace(' ', "") != code.replace(' ', "") {
                assert!(status == StatusCode::UNPROCESSABLE_ENTITY && told.contains("spoken-error"), "{wrong}: {status} {told}");
            }
        }
        assert_eq!(accept(&visitor, id, &code).await.0, StatusCode::SEE_OTHER);
        assert_eq!(app.events("invitation.approved").await, 1);
    }

    async fn tries_of_the_code_are_few_and_outlive_what_they_undo(app: &TestApp) {
        wants_it(app).await;
        let tomasz = app.person("tomasz", STAFF, app.cardiology).await;
        app.execute("UPDATE memberships SET role = 'admin' WHERE email_key = 'tomasz@northfield.example'").await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, CONTROLLER, "priya@northfield.example").await;
        press(app, &tomasz, id, "approve").await;
        let code = code_for(app, &app.admin().await, id).await.unwrap();
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(id, 1))]).await;
        for _ in 0..5 {
            assert_eq!(accept(&visitor, id, "00000001").await.0, StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(accept(&visitor, id, &code).await.0, StatusCode::TOO_MANY_REQUESTS);
        app.advance(Duration::from_secs(3600));
        assert_eq!(accept(&visitor, id, &code).await.0, StatusCode::SEE_OTHER);
    }

    async fn somebody_who_may_not_give_the_role_cannot_agree_to_it(app: &TestApp) {
        wants_it(app).await;
        let controller = app.person("controller", STAFF, app.cardiology).await;
        app.execute("UPDATE memberships SET role = 'access_controller' WHERE email_key = 'controller@northfield.example'").await;
        let coordinator = app.person("coordinator", app.coordinator, app.cardiology).await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, ADMIN, "priya@northfield.example").await;
        assert!(press(app, &controller, id, "approve").await.contains("only an Admin may give the role Admin"));
        assert!(press(app, &coordinator, id, "approve").await.contains("was not approved"));
        let (status, _) = controller.json("POST", &format!("/api/v1/invitations/{id}/approve"), None).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(shown(app, id).await.0, "held");
    }

    async fn a_corrected_address_is_looked_at_again(app: &TestApp) {
        wants_it(app).await;
        let tomasz = app.person("tomasz", STAFF, app.cardiology).await;
        app.execute("UPDATE memberships SET role = 'admin' WHERE email_key = 'tomasz@northfield.example'").await;
        let ada = app.admin().await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, ADMIN, "pryia@northfield.example").await;
        press(app, &tomasz, id, "approve").await;
        let old = code_for(app, &ada, id).await.unwrap();
        ada.post(&format!("{}/invitations/{id}/correct", app.cardiology.path()), &[("email", "priya@northfield.example")]).await;
        assert_eq!(shown(app, id).await, ("held".to_owned(), "waiting".to_owned()));
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'priya@northfield.example' AND state = 'sent'").await, 0);
        assert!(press(app, &ada, id, "approve").await.contains("of their own"));
        assert_ne!(code_for(app, &ada, id).await.unwrap(), old, "the old code dies with the old link");
        press(app, &tomasz, id, "approve").await;
        assert_eq!(shown(app, id).await, ("pending".to_owned(), "given".to_owned()));
    }

    async fn other_roles_and_other_organisations_wait_for_nobody(app: &TestApp) {
        let off = app.invite(&app.admin_caller().await, app.cardiology, ADMIN, "off@northfield.example").await;
        assert_eq!(shown(app, off).await, ("pending".to_owned(), String::new()));
        wants_it(app).await;
        let staff = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        assert_eq!(shown(app, staff).await, ("pending".to_owned(), String::new()));
        assert_eq!(code_for(app, &app.admin().await, staff).await, None);
        // A role of the organisation's own that manages access is no way around it.
        let (status, role) = app.admin().await.json("POST", &format!("/api/v1/scopes/{}/roles", app.cardiology), Some(json!({ "name": "Deputy", "permissions": ["manage_staff", "view_staff", "view_patient_data"] }))).await;
        assert!(status.is_success(), "{role}");
        let key: RoleKey = role["key"].as_str().or_else(|| role["id"].as_str()).unwrap().parse().unwrap();
        let deputy = app.invite(&app.admin_caller().await, app.cardiology, key, "deputy@northfield.example").await;
        assert_eq!(shown(app, deputy).await.1, "waiting");
    }
}
