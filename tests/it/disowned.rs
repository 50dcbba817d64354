//! Passkeys after "This was not me": whoever came in may have added one, so none from before signs in alone any more; and the owner is
//! told of each that is added.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both_by_name,
    passkeys::{Device, add, give, half, is_in, start, with_passkey},
    reset::{code_in, mail_that, open},
    support::app::{Database, PASSWORD, TestApp, location},
};

const BEN: &str = "ben@northfield.example";
const NEW: &str = "violet anchor morning gravel";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// Ben presses the button of the mail that begins so.
async fn disown(app: &TestApp, begins: &str) {
    app.send_mail().await;
    let code = code_in(&mail_that(app, BEN, begins), "cpn1_");
    let person = app.visitor();
    let (_, page) = open(&person, "/not-me", &code).await;
    assert!(page.contains("passkeys no longer sign in without one"), "{page}");
    let notice = page.split("name=\"notice\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(location(&person.post("/not-me/secure", &[("notice", notice)]).await), "/not-me");
    let done = person.page("/not-me").await;
    assert!(done.contains("sign in only together with the new password"), "{done}");
}

/// Chooses a new password by the link that was mailed then.
async fn choose_password(app: &TestApp) {
    app.send_mail().await;
    let mail = app.mails_to(BEN).into_iter().find(|mail| mail.contains("nobody can sign in with the old one")).unwrap();
    let person = app.visitor();
    let (_, page) = open(&person, "/reset", &code_in(&mail, "cpr1_")).await;
    let id = page.split("name=\"reset\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(location(&person.post("/reset/password", &[("reset", id), ("password", NEW)]).await), "/sign-in");
}

on_both_by_name! {
    async fn a_passkey_that_an_intruder_added_is_no_way_in_any_more(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (_, mut bens) = with_passkey(app, BEN).await;
        app.advance(Duration::from_secs(60));
        // Somebody at Ben's open session.
        let (_, mut intruders) = with_passkey(app, BEN).await;
        assert_eq!(give(&app.visitor(), "sign-in", &mut intruders).await.0, StatusCode::OK);
        app.advance(Duration::from_secs(60));
        disown(app, "A passkey was added").await;

        let stranger = give(&app.visitor(), "sign-in", &mut Device { user: bens.user.clone(), ..Device::at(&app.url) }).await;
        for device in [&mut intruders, &mut bens] {
            let answer = give(&app.visitor(), "sign-in", device).await;
            assert_eq!(answer, stranger, "answered like one that nobody has");
        }
        assert_eq!(app.events("passkey.disowned_refused").await, 2);
        choose_password(app).await;
        assert_eq!(give(&app.visitor(), "sign-in", &mut intruders).await, stranger, "not after the new password either");

        // Whoever knows the new password goes on with their passkey as second factor: mail alone is still no way in.
        let owner = app.visitor();
        let answer = owner.post("/sign-in", &[("email", BEN), ("password", NEW)]).await;
        assert_eq!(location(&answer), "/sign-in/second-factor", "no factor was taken away");
        let (status, body) = give(&owner, "second-factor", &mut bens).await;
        assert_eq!((status, &body["next"]), (StatusCode::OK, &json!("/")));
        let page = owner.page("/profile").await;
        assert_eq!(page.matches("Only with your password").count(), 2, "{page}");
        assert!(page.contains("Remove every passkey that you do not know"));

        // What is added from now on signs in alone again.
        app.advance(Duration::from_secs(1));
        let mut anew = Device::at(&app.url);
        assert_eq!(location(&add(&owner, &mut anew).await), "/profile");
        assert_eq!(give(&app.visitor(), "sign-in", &mut anew).await.0, StatusCode::OK);
        assert_eq!(give(&app.visitor(), "sign-in", &mut intruders).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let log = app.admin().await.page(&format!("{}/access-log", app.organisation.path())).await;
        assert!(log.contains("Disowned passkey refused") || log.contains("from before they said"), "{log}");
    }

    async fn nobody_elses_passkey_is_doubted(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.person("wren", STAFF, app.cardiology).await;
        let (_, mut wrens) = with_passkey(app, "wren@northfield.example").await;
        with_passkey(app, BEN).await;
        app.advance(Duration::from_secs(60));
        disown(app, "A passkey was added").await;
        assert_eq!(give(&app.visitor(), "sign-in", &mut wrens).await.0, StatusCode::OK);
    }

    async fn a_half_session_of_before_is_over_too(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (_, mut device) = with_passkey(app, BEN).await;
        let intruder = half(app, BEN).await;
        let (ceremony, options) = start(&intruder, "second-factor").await;
        app.advance(Duration::from_secs(60));
        disown(app, "A passkey was added").await;
        let (status, _) = crate::passkeys::finish(&intruder, "second-factor", &ceremony, &device.get(&options)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(!is_in(app, &intruder).await);
        let answer = intruder.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "and the password is worth nothing");
    }

    async fn a_passkey_added_later_than_at_joining_is_told_to_its_owner(app: &TestApp) {
        // Whoever is joining does it at this moment, and is told nothing new.
        app.person("ben", STAFF, app.cardiology).await;
        let told = "SELECT COUNT(*) FROM notices WHERE kind = 'passkey_added'";
        assert_eq!(app.count(told).await, 0);
        let joining = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "new@northfield.example").await;
        let newcomer = app.visitor();
        newcomer.post("/join", &[("code", &app.code(joining, 1))]).await;
        let form = [("invitation", &joining.to_string()[..]), ("full_name", "New Comer"), ("password", PASSWORD)];
        newcomer.post("/join/accept", &form).await;
        assert_eq!(add(&newcomer, &mut Device::at(&app.url)).await.status(), StatusCode::OK, "with recovery codes");
        assert_eq!(app.count(told).await, 0, "at joining");
        with_passkey(app, BEN).await;
        assert_eq!(app.count(told).await, 1, "later");
        app.send_mail().await;
        let mail = mail_that(app, BEN, "A passkey was added");
        assert!(mail.contains("The passkey “Work laptop” can now be used to sign in as you.") && mail.contains("cpn1_"), "{mail}");
        // Whoever has only the password sets the first factor up: the owner is told too.
        app.execute("DELETE FROM passkeys").await;
        app.execute("DELETE FROM authenticators").await;
        let thief = app.visitor();
        let answer = thief.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/second-factor/set-up");
        let mut device = Device::at(&app.url);
        let answer = add(&thief, &mut device).await;
        assert!(answer.status() == StatusCode::OK || location(&answer) == "/profile");
        assert_eq!(app.count(told).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubted_passkey_still_proves_anew_within_a_session_that_the_password_began() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    app.person("ben", STAFF, app.cardiology).await;
    let (_, mut device) = with_passkey(&app, BEN).await;
    app.advance(Duration::from_secs(60));
    disown(&app, "A passkey was added").await;
    choose_password(&app).await;
    let owner = app.visitor();
    owner.post("/sign-in", &[("email", BEN), ("password", NEW)]).await;
    let (status, _): (StatusCode, Value) = give(&owner, "second-factor", &mut device).await;
    assert_eq!(status, StatusCode::OK);
    app.advance(Duration::from_secs(11 * 60));
    assert_eq!(give(&owner, "prove", &mut device).await.0, StatusCode::OK);
}
