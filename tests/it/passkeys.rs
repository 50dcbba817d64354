//! Passkeys, by a device in software: as second factor, instead of a password, and everything that must be refused. Check AUTH-17.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity::actions,
};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    on_both_by_name,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

pub use crate::support::device::Device;

const ADA: &str = "ada@northfield.example";
const BEN: &str = "ben@northfield.example";
/// What is wrong with a device.
type Twist<'a> = &'a dyn Fn(&mut Device);

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// A challenge: its id and the browser's options.
pub async fn start(person: &Person, purpose: &str) -> (String, Value) {
    let (status, body) = person.json("POST", &format!("/passkeys/{purpose}/start"), Some(json!({}))).await;
    assert_eq!(status, StatusCode::OK, "{purpose}: {body}");
    (body["ceremony"].as_str().unwrap().to_owned(), body["options"].clone())
}

pub async fn finish(person: &Person, purpose: &str, ceremony: &str, credential: &Value) -> (StatusCode, Value) {
    let body = json!({ "ceremony": ceremony, "credential": credential });
    person.json("POST", &format!("/passkeys/{purpose}/finish"), Some(body)).await
}

/// Uses a passkey for a purpose, from the challenge to the answer.
pub async fn give(person: &Person, purpose: &str, device: &mut Device) -> (StatusCode, Value) {
    let (ceremony, options) = start(person, purpose).await;
    finish(person, purpose, &ceremony, &device.get(&options)).await
}

pub async fn send_new(person: &Person, ceremony: &str, credential: &Value, name: &str) -> Response {
    let credential = credential.to_string();
    let form = [("ceremony", ceremony), ("credential", credential.as_str()), ("name", name), ("next", "/profile")];
    person.post("/second-factor/passkey", &form).await
}

/// Adds a passkey, from the challenge to the answer.
pub async fn add(person: &Person, device: &mut Device) -> Response {
    let (ceremony, options) = start(person, "add").await;
    let credential = device.create(&options);
    send_new(person, &ceremony, &credential, "Work laptop").await
}

/// Somebody signed in, with a passkey that they have just added.
pub async fn with_passkey(app: &TestApp, email: &str) -> (Person, Device) {
    let person = app.sign_in(email).await;
    let mut device = Device::at(&app.url);
    let answer = add(&person, &mut device).await;
    assert_eq!((answer.status(), location(&answer).as_str()), (StatusCode::SEE_OTHER, "/profile"));
    (person, device)
}

/// Somebody who has given their password and nothing else.
pub async fn half(app: &TestApp, email: &str) -> Person {
    let person = app.visitor();
    let answer = person.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    assert!(location(&answer).contains("second-factor"), "{email}");
    person
}

/// Whether somebody is signed in wholly.
pub async fn is_in(app: &TestApp, person: &Person) -> bool {
    location(&person.get("/").await) == app.organisation.path()
}

pub async fn forget_factors(app: &TestApp, email: &str) {
    let account = app.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{email}'")).await;
    for table in ["authenticators", "recovery_codes", "passkeys"] {
        app.execute(&format!("DELETE FROM {table} WHERE account_id = {}", app.literal(account))).await;
    }
}

pub async fn passkeys(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM passkeys").await
}

on_both_by_name! {
    async fn a_passkey_is_the_second_factor(app: &TestApp) {
        let before = app.admin().await;
        let (ada, mut device) = with_passkey(app, ADA).await;
        assert!(!is_in(app, &before).await, "adding one ends the sessions elsewhere");
        assert!(is_in(app, &ada).await, "and goes on here");
        let person = half(app, ADA).await;
        let page = person.page("/sign-in/second-factor").await;
        assert!(page.contains("Use a passkey"));
        let (ceremony, options) = start(&person, "second-factor").await;
        assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1, "{options}");
        assert_eq!(options["userVerification"], "required");
        assert!(!is_in(app, &person).await);
        let (status, body) = finish(&person, "second-factor", &ceremony, &device.get(&options)).await;
        assert_eq!((status, &body["next"]), (StatusCode::OK, &json!("/")));
        assert!(is_in(app, &person).await);
        assert_eq!(app.count("SELECT COUNT(*) FROM sessions WHERE means = 'passkey' AND proved_at IS NOT NULL").await, 2);
        assert_eq!(app.count("SELECT COUNT(*) FROM passkeys WHERE used_at IS NOT NULL").await, 1);
    }

    async fn a_passkey_signs_in_without_a_password(app: &TestApp) {
        let (_, mut device) = with_passkey(app, ADA).await;
        let person = app.visitor();
        let (ceremony, options) = start(&person, "sign-in").await;
        assert_eq!(options["allowCredentials"], json!([]), "it asks for nobody");
        let (status, body) = finish(&person, "sign-in", &ceremony, &device.get(&options)).await;
        assert_eq!((status, &body["next"]), (StatusCode::OK, &json!("/")));
        assert!(is_in(app, &person).await, "it is both factors at once");
        // It counts as a fresh proof: another factor may be added.
        assert_eq!(person.get("/second-factor/set-up").await.status(), StatusCode::OK);
        let elsewhere = json!({ "next": "//elsewhere.example/" });
        let (ceremony, options) = start(&person, "sign-in").await;
        let mut body = json!({ "ceremony": ceremony, "credential": device.get(&options) });
        body["next"] = elsewhere["next"].clone();
        let (_, body) = person.json("POST", "/passkeys/sign-in/finish", Some(body)).await;
        assert_eq!(body["next"], "/", "and leads to no other site");
    }

    async fn the_first_passkey_brings_recovery_codes_and_needs_no_other_factor(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        forget_factors(app, BEN).await;
        let person = half(app, BEN).await;
        assert!(person.page("/second-factor/set-up").await.contains("Add a passkey"));
        let mut device = Device::at(&app.url);
        let (_, options) = start(&person, "add").await;
        assert_eq!(options["authenticatorSelection"]["residentKey"], "preferred");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["attestation"], "none");
        let answer = add(&person, &mut device).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.text().await.unwrap().contains("Your recovery codes"));
        let again = half(app, BEN).await;
        assert_eq!(give(&again, "second-factor", &mut device).await.0, StatusCode::OK);
    }

    async fn a_removed_person_signs_in_and_sees_that_they_have_no_access(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (_, mut device) = with_passkey(app, BEN).await;
        app.execute(&format!("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = '{BEN}'")).await;
        let person = app.visitor();
        assert_eq!(give(&person, "sign-in", &mut device).await.0, StatusCode::OK);
        assert!(person.get("/").await.text().await.unwrap().contains("no access"));
    }

    async fn auth_17_wrong_origin_wrong_name_and_missing_verification_are_refused(app: &TestApp) {
        let (ada, device) = with_passkey(app, ADA).await;
        let port = app.url.rsplit(':').next().unwrap().to_owned();
        let twists: [(&str, Twist<'_>); 6] = [
            ("another site", &|d| d.origin = "https://northfield.example.evil.example".to_owned()),
            ("another port", &|d| d.origin = "http://localhost:1".to_owned()),
            ("another scheme", &|d| d.origin = format!("https://localhost:{port}")),
            ("a site below", &|d| d.origin = format!("http://evil.localhost:{port}")),
            ("another name", &|d| d.rp_id = "evil.example".to_owned()),
            ("nobody verified", &|d| d.verifies = false),
        ];
        for (what, twist) in twists {
            let mut bad = device.clone();
            twist(&mut bad);
            let (status, body) = give(&app.visitor(), "sign-in", &mut bad).await;
            assert_eq!((status, &body["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid")), "{what}");
            let person = half(app, ADA).await;
            assert_eq!(give(&person, "second-factor", &mut bad).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
            assert!(!is_in(app, &person).await);
            app.execute("DELETE FROM attempts").await;
            let mut new = Device::at(&app.url);
            twist(&mut new);
            let answer = add(&ada, &mut new).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{what}");
            assert!(answer.text().await.unwrap().contains("could not be set up"), "{what}");
        }
        assert_eq!(passkeys(app).await, 1);
        assert_eq!(app.events("passkey.refused").await, 6);
        assert_eq!(app.events("second_factor.refused").await, 6);
        let mut device = device;
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::OK, "the honest one still works");
    }

    async fn auth_17_a_challenge_is_answered_once_and_within_five_minutes(app: &TestApp) {
        let (_, mut device) = with_passkey(app, ADA).await;
        let visitor = app.visitor();
        let (ceremony, options) = start(&visitor, "sign-in").await;
        let answer = device.get(&options);
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &answer).await.0, StatusCode::OK);
        assert_eq!(finish(&app.visitor(), "sign-in", &ceremony, &answer).await.0, StatusCode::GONE, "replayed");
        // The first answer takes it even where it was wrong.
        let (ceremony, options) = start(&visitor, "sign-in").await;
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &json!({})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &device.get(&options)).await.0, StatusCode::GONE);
        // An answer to one challenge is none to another.
        let (_, before) = start(&visitor, "sign-in").await;
        let (ceremony, _) = start(&visitor, "sign-in").await;
        let old = device.get(&before);
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &old).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        let (ceremony, options) = start(&visitor, "sign-in").await;
        app.advance(Duration::from_secs(5 * 60 - 1));
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &device.get(&options)).await.0, StatusCode::OK);
        let (ceremony, options) = start(&visitor, "sign-in").await;
        app.advance(Duration::from_secs(5 * 60));
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &device.get(&options)).await.0, StatusCode::GONE, "too late");
        for nonsense in ["", "cer_0", "ses_00000000000000000000000000000000", &format!("cer_{}", "0".repeat(32))] {
            assert_eq!(finish(&visitor, "sign-in", nonsense, &json!(null)).await.0, StatusCode::GONE, "{nonsense}");
        }
        actions::forget_old_ceremonies(&app.portal).await.unwrap();
        assert_eq!(app.count("SELECT COUNT(*) FROM ceremonies").await, 0);
    }

    async fn auth_17_a_challenge_serves_one_purpose_and_one_account(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (ben, mut bens) = with_passkey(app, BEN).await;
        let (ada, mut adas) = with_passkey(app, ADA).await;
        let half_ada = half(app, ADA).await;
        let half_ben = half(app, BEN).await;
        let visitor = app.visitor();
        // Each challenge in its own right, answered at every other door.
        for (made_by, made_for) in [(&visitor, "sign-in"), (&half_ada, "second-factor"), (&ada, "prove")] {
            for (at, door) in [(&visitor, "sign-in"), (&half_ada, "second-factor"), (&ada, "prove")] {
                if made_for == door {
                    continue;
                }
                let (ceremony, options) = start(made_by, made_for).await;
                let answer = finish(at, door, &ceremony, &adas.get(&options)).await;
                assert_eq!(answer.0, StatusCode::GONE, "made for {made_for}, answered at {door}");
            }
        }
        let (ceremony, options) = start(&ada, "add").await;
        let made = Device::at(&app.url).create(&options);
        assert_eq!(finish(&visitor, "sign-in", &ceremony, &made).await.0, StatusCode::GONE);
        let (ceremony, options) = start(&visitor, "sign-in").await;
        let used = adas.get(&options);
        let answer = send_new(&ada, &ceremony, &used, "Key").await;
        assert_eq!(answer.status(), StatusCode::GONE);
        // Somebody else's challenge.
        let (ceremony, options) = start(&half_ada, "second-factor").await;
        assert_eq!(finish(&half_ben, "second-factor", &ceremony, &bens.get(&options)).await.0, StatusCode::GONE);
        let (ceremony, options) = start(&ada, "add").await;
        let made = Device::at(&app.url).create(&options);
        assert_eq!(send_new(&ben, &ceremony, &made, "Key").await.status(), StatusCode::GONE);
        assert_eq!(passkeys(app).await, 2);
        assert!(!is_in(app, &half_ada).await && !is_in(app, &half_ben).await);
    }

    async fn auth_17_a_counter_that_does_not_grow_is_refused_and_written_down(app: &TestApp) {
        let (_, mut device) = with_passkey(app, ADA).await;
        let mut copy = device.clone();
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::OK);
        let (status, body) = give(&app.visitor(), "sign-in", &mut copy).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "the same count again: {body}");
        copy.counter = 0;
        let person = half(app, ADA).await;
        assert_eq!(give(&person, "second-factor", &mut copy).await.0, StatusCode::UNPROCESSABLE_ENTITY, "back to nought");
        assert_eq!(app.events("passkey.copy_suspected").await, 2);
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::OK);
        // A passkey that is synchronised does not count at all.
        app.person("ben", STAFF, app.cardiology).await;
        let ben = app.sign_in(BEN).await;
        let mut synchronised = Device { counter: 0, ..Device::at(&app.url) };
        add(&ben, &mut synchronised).await;
        for _ in 0..2 {
            assert_eq!(give(&app.visitor(), "sign-in", &mut synchronised).await.0, StatusCode::OK);
        }
    }

    async fn auth_17_nobody_uses_anybody_elses_passkey(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (ben, mut bens) = with_passkey(app, BEN).await;
        let (_, mut adas) = with_passkey(app, ADA).await;
        let person = half(app, ADA).await;
        let (status, wrong) = give(&person, "second-factor", &mut bens).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let mut unknown = Device { user: adas.user.clone(), ..Device::at(&app.url) };
        assert_eq!(give(&person, "second-factor", &mut unknown).await, (status, wrong), "as one that nobody has");
        // Without a password the passkey itself must say whose it is, and that must be true.
        let answers = [
            give(&app.visitor(), "sign-in", &mut unknown).await,
            give(&app.visitor(), "sign-in", &mut Device { user: adas.user.clone(), ..bens.clone() }).await,
            give(&app.visitor(), "sign-in", &mut Device { user: None, ..adas.clone() }).await,
            give(&app.visitor(), "sign-in", &mut Device { credential: adas.credential.clone(), ..unknown.clone() }).await,
        ];
        assert_eq!(answers[0].0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "known and unknown answer alike: {answers:?}");
        assert!(!is_in(app, &person).await);
        // A credential id belongs to one account.
        let mut stolen = Device { credential: adas.credential.clone(), ..Device::at(&app.url) };
        let answer = add(&ben, &mut stolen).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(give(&app.visitor(), "sign-in", &mut adas).await.0, StatusCode::OK, "it still is Ada's");
    }

    async fn auth_17_of_many_answers_to_one_challenge_one_is_taken(app: &TestApp) {
        let (ada, mut device) = with_passkey(app, ADA).await;
        let visitor = app.visitor();
        let (ceremony, options) = start(&visitor, "sign-in").await;
        let answer = device.get(&options);
        let many = (0..5).map(|_| finish(&visitor, "sign-in", &ceremony, &answer));
        let answers = futures::future::join_all(many).await;
        assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::GONE).count(), 4, "{answers:?}");
        let (ceremony, options) = start(&ada, "add").await;
        let made = Device::at(&app.url).create(&options);
        let answers = futures::future::join_all((0..5).map(|_| send_new(&ada, &ceremony, &made, "Key"))).await;
        assert_eq!(answers.iter().filter(|answer| location(answer) == "/profile").count(), 1);
        assert_eq!(passkeys(app).await, 2);
    }

    async fn wrong_passkeys_make_the_account_wait_as_wrong_codes_do(app: &TestApp) {
        let (_, mut device) = with_passkey(app, ADA).await;
        let person = half(app, ADA).await;
        let mut wrong = Device { verifies: false, ..device.clone() };
        for _ in 0..5 {
            assert_eq!(give(&person, "second-factor", &mut wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let (status, _) = person.json("POST", "/passkeys/second-factor/start", Some(json!({}))).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        let code = app.code_of(ADA).await;
        let answer = person.post("/sign-in/second-factor", &[("code", &code)]).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "codes and passkeys are counted together");
        assert_eq!(give(&app.visitor(), "sign-in", &mut device).await.0, StatusCode::OK, "its owner is not locked out");
        // Without an account it is the address that is counted.
        for _ in 0..50 {
            give(&app.visitor(), "sign-in", &mut wrong).await;
        }
        let (status, _) = app.visitor().json("POST", "/passkeys/sign-in/start", Some(json!({}))).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    }

    async fn a_passkey_proves_anew_who_is_there(app: &TestApp) {
        let (ada, mut device) = with_passkey(app, ADA).await;
        app.advance(Duration::from_secs(600));
        assert_ne!(ada.get("/second-factor/set-up").await.status(), StatusCode::OK);
        let sessions = app.dump("sessions").await;
        assert_eq!(give(&ada, "prove", &mut device).await.0, StatusCode::OK);
        assert_eq!(ada.get("/second-factor/set-up").await.status(), StatusCode::OK);
        assert_ne!(app.dump("sessions").await, sessions, "with a new token");
        for nobody in [app.visitor(), half(app, ADA).await] {
            let (status, _) = nobody.json("POST", "/passkeys/prove/start", Some(json!({}))).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_portal_at_an_ip_address_has_no_passkeys() {
    let app = TestApp::start(Database::Sqlite).await;
    assert!(!app.visitor().page("/sign-in").await.contains("passkey"));
    let (status, _) = app.visitor().json("POST", "/passkeys/sign-in/start", Some(json!({}))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let page = app.admin().await.page("/second-factor/set-up").await;
    assert!(page.contains("reached by an IP address") && !page.contains("Add a passkey"));
}
