//! Two portals on one PostgreSQL, behind one balancer: what is ended on one has ended on the other at its next request.

use std::net::SocketAddr;

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    passkeys::{Device, give, with_passkey},
    reset::{code_for, code_in, mail_that, open},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const BEN: &str = "ben@northfield.example";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// Another portal on the same database and with the same key; where it listens.
async fn second_node(app: &TestApp) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = app.portal.config.clone();
    config.listen = address;
    let other = app::open(config, app.portal.clock.clone()).await.unwrap();
    let router = app::router(&other).unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    format!("http://{address}")
}

/// Ben's browser, whose requests all come to the second node from now on. Cookies know no ports.
fn there(ben: &Person, node: &str) -> Person {
    Person { client: ben.client.clone(), url: node.to_owned() }
}

async fn is_in(person: &Person) -> bool {
    person.get("/profile").await.status() == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_14_a_second_factor_reset_on_one_node_ends_the_session_on_the_other() {
    let app = TestApp::start(Database::Postgres).await;
    let node = second_node(&app).await;
    let ben = there(&app.person("ben", STAFF, app.cardiology).await, &node);
    let ada = app.admin().await;
    // A browser that the person trusts, as that node knows it.
    let trusted = Person { url: node.clone(), ..app.visitor() };
    trusted.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
    let code = app.code_of(BEN).await;
    trusted.post("/sign-in/second-factor", &[("code", &code), ("remember", "1")]).await;
    assert!(is_in(&ben).await && is_in(&trusted).await);
    let path = format!("/api/v1/scopes/{}/staff/{}/reset-second-factor", app.cardiology, app.member("ben").await);
    let (status, told) = ada.json("POST", &path, Some(json!({ "reason": "Lost the phone; spoke to him" }))).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    for person in [&ben, &trusted] {
        assert!(location(&person.get("/profile").await).starts_with("/sign-in"), "at the very next request");
        let (status, _) = person.json("GET", "/api/v1/me", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let answer = trusted.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
    assert_eq!(location(&answer), "/second-factor/set-up", "and trust is over there too");
    trusted.set_up_authenticator("/second-factor/set-up", app.seconds()).await;
    assert!(is_in(&trusted).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_05_a_new_password_and_not_me_on_one_node_end_the_sessions_on_the_other() {
    let app = TestApp::start(Database::Postgres).await;
    let node = second_node(&app).await;
    let ben = app.person("ben", STAFF, app.cardiology).await;
    let elsewhere = there(&ben, &node);
    assert!(is_in(&elsewhere).await);
    let code = code_for(&app, BEN).await;
    let person = app.visitor();
    let (_, page) = open(&person, "/reset", &code).await;
    let id = page.split("name=\"reset\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    person.post("/reset/password", &[("reset", id), ("password", PASSWORD)]).await;
    assert!(!is_in(&elsewhere).await);
    let again = there(&app.sign_in(BEN).await, &node);
    assert!(is_in(&again).await);
    app.send_mail().await;
    let code = code_in(&mail_that(&app, BEN, "Your password was changed"), "cpn1_");
    let person = app.visitor();
    let (_, page) = open(&person, "/not-me", &code).await;
    let notice = page.split("name=\"notice\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    person.post("/not-me/secure", &[("notice", notice)]).await;
    assert!(!is_in(&again).await);
}

/// What a manager's operation holds while somebody signs in by passkey: the organisation, and then the passkey. Signing in asks for
/// them in the same order, so it waits and is answered; the other way round PostgreSQL would have to end one of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_17_signing_in_by_passkey_waits_for_a_manager_and_ties_no_knot() {
    use sea_orm::ConnectionTrait;
    let app = TestApp::start_by_name(Database::Postgres).await;
    app.person("ben", STAFF, app.cardiology).await;
    let (_, device) = with_passkey(&app, BEN).await;
    for round in 0..3 {
        let manager = app.portal.db.begin_write().await.unwrap();
        care_portal::db::lock_organisation(&manager, app.organisation.organisation).await.unwrap();
        let (visitor, mut device): (Person, Device) = (app.visitor(), device.clone());
        let signing_in = tokio::spawn(async move { give(&visitor, "sign-in", &mut device).await });
        // Until it waits for what the manager holds.
        let waits =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while app.count(waits).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let taken =
            manager.execute_unprepared("SET LOCAL lock_timeout = '500ms'; UPDATE passkeys SET name = name").await;
        assert!(taken.is_ok(), "round {round}: {taken:?}");
        manager.commit().await.unwrap();
        let (status, body) = signing_in.await.unwrap();
        // The device's copy counts on from the same number in every round: the first one fits.
        let expected = if round == 0 { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        assert_eq!(status, expected, "round {round}: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_17_many_sign_in_by_passkey_while_factors_are_reset_and_nothing_breaks() {
    let app = TestApp::start_by_name(Database::Postgres).await;
    app.person("ben", STAFF, app.cardiology).await;
    let ada = app.admin().await;
    let id = app.member("ben").await;
    let path = format!("/api/v1/scopes/{}/staff/{id}/reset-second-factor", app.cardiology);
    for round in 0..6 {
        // Those who come too late count as failures of their network.
        app.execute("DELETE FROM attempts").await;
        let ben = app.visitor();
        let answer = ben.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        // A trusted or fresh way in does not matter here: Ben adds a passkey, and tries it from many new browsers at once.
        match location(&answer).as_str() {
            "/sign-in/second-factor" => {
                let code = app.code_of(BEN).await;
                ben.post("/sign-in/second-factor", &[("code", &code)]).await;
            }
            _ => drop(ben.set_up_authenticator("/second-factor/set-up", app.seconds()).await),
        }
        let mut device = Device { counter: 0, ..Device::at(&app.url) };
        assert!(crate::passkeys::add(&ben, &mut device).await.status().is_redirection(), "round {round}");
        let crowd = (0..12).map(|_| {
            let (visitor, mut device) = (app.visitor(), device.clone());
            async move { give(&visitor, "sign-in", &mut device).await.0 }
        });
        let body = Some(json!({ "reason": "Lost the phone; spoke to him" }));
        let (answers, (status, told)) = tokio::join!(futures::future::join_all(crowd), ada.json("POST", &path, body));
        assert_eq!(status, StatusCode::OK, "round {round}: {told}");
        let known = [StatusCode::OK, StatusCode::UNPROCESSABLE_ENTITY];
        assert!(answers.iter().all(|answer| known.contains(answer)), "round {round}: {answers:?}");
        assert_eq!(app.count("SELECT COUNT(*) FROM passkeys").await, 0);
    }
}
