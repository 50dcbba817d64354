//! The invitee's side: nothing is used up by opening, dead links tell the truth, accepting asks again.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    invitations::actions,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// Opens a link as its page's script does.
async fn open(person: &Person, code: &str) -> (StatusCode, String) {
    let answer = person.post("/join", &[("code", code)]).await;
    if answer.status() != StatusCode::SEE_OTHER {
        return (answer.status(), answer.text().await.unwrap());
    }
    let page = person.get("/join").await;
    (page.status(), page.text().await.unwrap())
}

async fn accept(person: &Person, invitation: &str, password: &str) -> reqwest::Response {
    person
        .post("/join/accept", &[("invitation", invitation), ("full_name", "Ben Achterberg"), ("password", password)])
        .await
}

on_both! {
    async fn from_the_link_to_the_first_page(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        let (status, page) = open(&ben, &app.code(id, 1)).await;
        assert_eq!(status, StatusCode::OK);
        for expected in ["Ada Okafor", "Northfield Hospital", "Cardiology", "Deployment Staff", "ben@northfield.example"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        let answer = accept(&ben, &id.to_string(), PASSWORD).await;
        let set_up = location(&answer);
        assert!(set_up.starts_with("/second-factor/set-up?next="), "{set_up}");
        let patients = format!("{}/patients", app.cardiology.path());
        assert!(location(&ben.get(&patients).await).starts_with("/second-factor/set-up?next="), "a password alone opens nothing");
        let page = ben.set_up_authenticator(&set_up, app.seconds()).await;
        assert!(page.contains("Your recovery codes") && page.contains(&format!("href=\"{}\"", app.cardiology.path())), "{page}");
        assert!(ben.page(&format!("{}/patients", app.cardiology.path())).await.contains("Ben Achterberg"));
        assert_eq!(app.events("invitation.accepted").await, 2);
        app.sign_in("ben@northfield.example").await;
    }

    async fn opening_uses_nothing_up(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        for _ in 0..20 {
            let scanner = app.visitor();
            let (_, page) = open(&scanner, &app.code(id, 1)).await;
            assert!(page.contains("/join/accept"), "still open");
            assert!(scanner.get("/").await.status().is_redirection(), "nobody is signed in by it");
        }
        assert_eq!(app.events("invitation.opened").await, 1, "the first opening is recorded");
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        assert!(accept(&ben, &id.to_string(), PASSWORD).await.status().is_redirection());
    }

    async fn it_works_once(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let (one, two) = (app.visitor(), app.visitor());
        open(&one, &app.code(id, 1)).await;
        open(&two, &app.code(id, 1)).await;
        let id = id.to_string();
        let (first, second) = tokio::join!(accept(&one, &id, PASSWORD), accept(&two, &id, PASSWORD));
        let joined = [&first, &second].iter().filter(|answer| location(answer).starts_with("/second-factor/set-up")).count();
        assert_eq!(joined, 1, "{} {}", first.status(), second.status());
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE email_key = 'ben@northfield.example'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'ben@northfield.example'").await, 1);
        let (status, page) = open(&app.visitor(), &app.code(id.parse().unwrap(), 1)).await;
        assert_eq!(status, StatusCode::GONE);
        assert!(page.contains("was used already"));
    }

    async fn expiry_is_judged_at_the_last_step(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        app.advance(Duration::from_secs(7 * 24 * 3600));
        let answer = accept(&ben, &id.to_string(), PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::GONE);
        assert!(answer.text().await.unwrap().contains("has expired"));
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE email_key = 'ben@northfield.example'").await, 0);
    }

    async fn one_second_before_the_end_it_works(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.advance(Duration::from_secs(7 * 24 * 3600 - 1));
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        assert!(accept(&ben, &id.to_string(), PASSWORD).await.status().is_redirection());
    }

    async fn a_deleted_link_is_dead_at_once_and_says_so(app: &TestApp) {
        let admin = app.admin_caller().await;
        let id = app.invite(&admin, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        actions::delete_invitations(&app.portal, &admin, app.cardiology, &[id]).await.unwrap();
        let answer = accept(&ben, &id.to_string(), PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::GONE);
        assert!(answer.text().await.unwrap().contains("was withdrawn"));
        // Even the code of the generation that the deletion made must not work.
        let (status, _) = open(&app.visitor(), &app.code(id, 2)).await;
        assert_eq!(status, StatusCode::GONE);
    }

    async fn a_guesser_learns_nothing(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let forged = care_portal::invitations::link_of(&app.portal, app.portal.new_id(), 1).1;
        let mut wrong = app.code(id, 1);
        wrong.replace_range(30..31, if wrong[30..31] == *"A" { "B" } else { "A" });
        for guess in [forged, wrong, app.code(id, 7)] {
            let (status, page) = open(&app.visitor(), &guess).await;
            assert_eq!(status, StatusCode::NOT_FOUND);
            assert!(page.contains("This link is not valid") && !page.contains("Northfield"), "{page}");
        }
        let (status, page) = open(&app.visitor(), "hello").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("not the code of an invitation"));
    }

    async fn extra_fields_change_nothing(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        let form = [
            ("invitation", id.to_string()), ("full_name", "Ben".to_owned()), ("password", PASSWORD.to_owned()), ("email", "eve@northfield.example".to_owned()),
            ("role", "admin".to_owned()), ("scope", app.organisation.to_string()), ("permissions", "invite_staff".to_owned()), ("address_proven", "true".to_owned()),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        ben.post("/join/accept", &form).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'ben@northfield.example' AND role = 'deployment_staff'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE email_key = 'eve@northfield.example'").await, 0);
    }

    async fn an_existing_account_signs_in_instead(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let id = app.invite(&app.admin_caller().await, app.diabetes, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        let (_, page) = open(&ben, &app.code(id, 1)).await;
        assert!(page.contains("Sign in to accept") && !page.contains("new-password"), "{page}");
        let answer = accept(&ben, &id.to_string(), "another long password, of an attacker").await;
        assert_eq!(location(&answer), "/join", "the link never sets its password");
        let answer = ben.post("/sign-in", &[("email", "ben@northfield.example"), ("password", PASSWORD), ("next", "/join")]).await;
        assert_eq!(location(&answer), "/sign-in/second-factor?next=%2Fjoin");
        let code = app.code_of("ben@northfield.example").await;
        let answer = ben.post("/sign-in/second-factor", &[("code", &code), ("next", "/join")]).await;
        assert_eq!(location(&answer), "/join");
        assert!(ben.page("/join").await.contains("Accept invitation"));
        let answer = ben.post("/join/accept", &[("invitation", &id.to_string())]).await;
        assert_eq!(location(&answer), app.diabetes.path());
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'ben@northfield.example'").await, 2);
    }

    async fn signed_in_as_somebody_else_joins_nothing(app: &TestApp) {
        let chidi = app.person("chidi", STAFF, app.cardiology).await;
        let id = app.invite(&app.admin_caller().await, app.diabetes, STAFF, "ben@northfield.example").await;
        let (_, page) = open(&chidi, &app.code(id, 1)).await;
        assert!(page.contains("Switch account"));
        let answer = accept(&chidi, &id.to_string(), PASSWORD).await;
        assert_eq!(location(&answer), "/join");
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key IN ('ben@northfield.example', 'chidi@northfield.example')").await, 1);
        let switched = chidi.post("/sign-out", &[("next", "/join")]).await;
        assert_eq!(location(&switched), "/join");
        assert!(chidi.page("/join").await.contains("new-password"), "the code has stayed");
    }

    async fn the_page_of_one_invitation_never_accepts_another(app: &TestApp) {
        let admin = app.admin_caller().await;
        let first = app.invite(&admin, app.cardiology, STAFF, "ben@northfield.example").await;
        let second = app.invite(&admin, app.diabetes, STAFF, "chidi@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(first, 1)).await;
        open(&ben, &app.code(second, 1)).await;
        for path in ["/join/accept", "/join/decline"] {
            let form = [("invitation", first.to_string()), ("full_name", "Ben".to_owned()), ("password", PASSWORD.to_owned())];
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(ben.post(path, &form).await.status(), StatusCode::CONFLICT, "{path}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'pending'").await, 2);
    }

    async fn declining_makes_no_account_and_tells_the_inviter(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let somebody = app.visitor();
        open(&somebody, &app.code(id, 1)).await;
        let answer = somebody.post("/join/decline", &[("invitation", &id.to_string())]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitation_declined' AND recipient = 'ada@northfield.example'").await, 1);
        let (status, page) = open(&app.visitor(), &app.code(id, 1)).await;
        assert_eq!(status, StatusCode::GONE);
        assert!(page.contains("was declined"));
        // The person can be invited anew, and then is listed once.
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example' AND closed_at IS NULL").await, 1);
    }

    async fn an_inviter_who_has_left_holds_the_invitation(app: &TestApp) {
        app.default(DefaultRole::AccessController, app.organisation).await;
        let priya = care_portal::identity::actions::act_from_terminal(&app.portal, "access_controller@northfield.example").await.unwrap();
        let id = app.invite(&priya, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'access_controller@northfield.example'").await;
        let answer = accept(&ben, &id.to_string(), PASSWORD).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(answer.text().await.unwrap().contains("must be approved again"));
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'held'").await, 1);
        assert_eq!(app.events("invitation.held").await, 1);
        let list = app.admin().await.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(list.contains("Held") && list.contains("has left"), "{list}");
        let done = actions::resend_invitations(&app.portal, &app.admin_caller().await, app.cardiology, &[id]).await.unwrap();
        assert_eq!((done.done.len(), done.not_done.len()), (1, 0), "somebody else answers for it: {done:?}");
        assert_eq!(app.events("invitation.approved").await, 1);
        assert!(accept(&ben, &id.to_string(), PASSWORD).await.status().is_redirection(), "the same link works again");
    }

    async fn a_role_that_has_gained_holds_the_invitation_and_a_narrowed_one_applies(app: &TestApp) {
        let admin = app.admin_caller().await;
        let wider = app.invite(&admin, app.cardiology, app.coordinator, "ben@northfield.example").await;
        app.execute("UPDATE custom_roles SET permissions = 'view_patient_data,view_staff,invite_staff,export_patient_data'").await;
        let ben = app.visitor();
        open(&ben, &app.code(wider, 1)).await;
        let answer = accept(&ben, &wider.to_string(), PASSWORD).await;
        assert!(answer.text().await.unwrap().contains("must be approved again"));
        app.execute("UPDATE custom_roles SET permissions = 'view_patient_data'").await;
        let narrower = app.invite(&admin, app.cardiology, app.coordinator, "chidi@northfield.example").await;
        let chidi = app.visitor();
        open(&chidi, &app.code(narrower, 1)).await;
        assert!(accept(&chidi, &narrower.to_string(), PASSWORD).await.status().is_redirection());
    }

    async fn weak_passwords_and_bad_names_are_refused_beside_their_fields(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let ben = app.visitor();
        open(&ben, &app.code(id, 1)).await;
        for (name, password, message) in [
            ("Ben Achterberg", "short", "more characters needed"),
            ("Ben Achterberg", "passwordpassword", "made of words about you or this place"),
            ("", PASSWORD, "Enter your full name"),
            ("see https://evil.example", PASSWORD, "cannot contain a web address"),
        ] {
            let answer = ben.post("/join/accept", &[("invitation", &id.to_string()), ("full_name", name), ("password", password)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{message}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(message), "{message}\n{page}");
            assert!(!page.contains(password) || password == PASSWORD, "a password never comes back");
        }
    }
}
