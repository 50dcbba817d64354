//! Invitations that are held when what they stand on changes, approved again, and corrected.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey, Scope},
    types::InvitationId,
};
use reqwest::{Response, StatusCode};

use crate::{
    on_both,
    staff::{ADMIN, CONTROLLER, STAFF, change, flash, id, select, undo},
    support::app::{Database, Person, TestApp, location},
};

async fn pending_state(app: &TestApp, id: InvitationId) -> String {
    let (_, body) = app.admin().await.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
    body["state"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

async fn correct(who: &Person, scope: Scope, id: InvitationId, email: &str) -> Response {
    who.post(&format!("{}/invitations/{id}/correct", scope.path()), &[("email", email)]).await
}

on_both! {
    async fn invitations_of_somebody_demoted_are_held_and_released_by_undo(app: &TestApp) {
        let priya = app.person("priya", CONTROLLER, app.organisation).await;
        let caller = care_portal::identity::actions::act_from_terminal(&app.portal, "priya@northfield.example").await.unwrap();
        let ben = app.invite(&caller, app.cardiology, STAFF, "ben@northfield.example").await;
        let ada = app.admin().await;
        let priya_id = id(app, app.organisation, "priya").await;
        let told = change(&ada, app.organisation, &priya_id, "organisation_staff").await;
        assert_eq!(pending_state(app, ben).await, "held");
        let pending = format!("{}/invitations", app.cardiology.path());
        let page = ada.page(&pending).await;
        assert!(page.contains("Approve again") && page.contains("whoever invited may no longer do so"), "{page}");
        assert!(!page.contains("Resend invitation</button></form>"), "in place of Resend");
        assert_eq!(priya.get(&pending).await.status(), StatusCode::FORBIDDEN);
        let link = app.visitor();
        link.post("/join", &[("code", &app.code(ben, 1))]).await;
        assert!(link.get("/join").await.text().await.unwrap().contains("must be approved again"));
        app.advance(Duration::from_secs(60));
        undo(&ada, &told).await;
        assert_eq!(pending_state(app, ben).await, "pending");
        assert!(link.page("/join").await.contains("Create account"));
    }

    async fn a_held_invitation_is_approved_by_somebody_who_may(app: &TestApp) {
        app.person("tomasz", ADMIN, app.organisation).await;
        let priya = app.person("priya", CONTROLLER, app.organisation).await;
        let caller = care_portal::identity::actions::act_from_terminal(&app.portal, "tomasz@northfield.example").await.unwrap();
        let lucy = app.invite(&caller, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "lucy@northfield.example").await;
        let tomasz = id(app, app.organisation, "tomasz").await;
        let ada = app.admin().await;
        select(&ada, app.organisation, &[&tomasz], &[("do", "remove")]).await;
        assert_eq!(pending_state(app, lucy).await, "held");
        let selected = format!("{}/invitations/selected", app.cardiology.path());
        let form = [("id", lucy.to_string()), ("do", "approve".to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = priya.post(&selected, &form).await;
        assert!(flash(&priya, &location(&answer)).await.contains("was not approved: only an Admin may give the role Contributor"));
        assert_eq!(pending_state(app, lucy).await, "held");
        let answer = ada.post(&selected, &form).await;
        assert!(flash(&ada, &location(&answer)).await.contains("The invitation of lucy@northfield.example was approved."));
        assert_eq!((pending_state(app, lucy).await.as_str(), app.events("invitation.approved").await), ("pending", 1));
    }

    async fn an_address_is_corrected_and_the_wrong_one_loses_its_link(app: &TestApp) {
        let ben = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "bne@northfield.example").await;
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "taken@northfield.example").await;
        let ada = app.admin().await;
        let page = ada.page(&format!("{}/invitations/{ben}/correct", app.cardiology.path())).await;
        assert!(page.contains("value=\"bne@northfield.example\"") && page.contains("stops working at once"), "{page}");
        for (email, message) in [
            ("", "There is no address here"),
            ("nobody", "There is no"),
            ("bne@northfield.example", "already"),
            ("taken@northfield.example", ""),
            ("a@northfield.example, b@northfield.example", ""),
        ] {
            let answer = correct(&ada, app.cardiology, ben, email).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{email}");
            let page = answer.text().await.unwrap();
            assert!(page.contains("email-error") && page.contains(message) && page.contains(&format!("value=\"{email}\"")), "{page}");
        }
        let answer = correct(&ada, app.cardiology, ben, "ben@northfield.example").await;
        let told = flash(&ada, &location(&answer)).await;
        assert!(told.contains("goes to ben@northfield.example now") && told.contains("bne@northfield.example no longer works"), "{told}");
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'bne@northfield.example' AND state = 'withdrawn'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example' AND state = 'queued'").await, 1);
        let old = app.visitor();
        old.post("/join", &[("code", &app.code(ben, 1))]).await;
        let dead = old.get("/join").await.text().await.unwrap();
        assert!(dead.contains("This invitation was replaced") && !dead.contains("ben@"), "{dead}");
        let new = app.visitor();
        new.post("/join", &[("code", &app.code(ben, 2))]).await;
        assert!(new.page("/join").await.contains("Create account"));
        assert_eq!(app.events("invitation.corrected").await, 1);
    }

    async fn correcting_asks_the_rule_and_reaches_no_other_place(app: &TestApp) {
        let admin = app.admin_caller().await;
        let lucy = app.invite(&admin, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "lucy@northfield.example").await;
        let chidi = app.invite(&admin, app.diabetes, STAFF, "chidi@northfield.example").await;
        let samuel = app.person("samuel", CONTROLLER, app.cardiology).await;
        assert_eq!(correct(&samuel, app.cardiology, lucy, "me@northfield.example").await.status(), StatusCode::FORBIDDEN);
        assert_eq!(correct(&samuel, app.cardiology, chidi, "me@northfield.example").await.status(), StatusCode::NOT_FOUND);
        let ada = app.admin().await;
        assert_eq!(correct(&ada, app.cardiology, chidi, "me@northfield.example").await.status(), StatusCode::NOT_FOUND, "of another place");
        // A held one is corrected by somebody who may give its role, and answers for it from then on.
        app.execute("UPDATE invitations SET state = 'held', held_reason = 'because' WHERE email_key = 'lucy@northfield.example'").await;
        assert!(correct(&ada, app.cardiology, lucy, "lucy.hartley@northfield.example").await.status().is_redirection());
        assert_eq!(pending_state(app, lucy).await, "pending");
    }
}
