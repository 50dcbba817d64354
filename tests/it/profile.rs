//! The profile: what people change about themselves, what that ends, and that nobody else can. Checks AUTH-05 and AUTH-06.

use std::{net::SocketAddr, time::Duration};

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
};
use reqwest::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    on_both,
    reset::{code_for, mail_that, open},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const BEN: &str = "ben@northfield.example";
const NEW: &str = "violet anchor morning gravel";

/// A second portal on the same database, as a second node; its address.
async fn second_node(app: &TestApp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = app.portal.config.clone();
    config.listen = address;
    let portal = app::open(config, app.portal.clock.clone()).await.unwrap();
    let router = app::router(&portal).unwrap();
    tokio::spawn(async move {
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
    });
    format!("http://{address}")
}

/// The same browser at another node: cookies of 127.0.0.1 go to every port.
fn at(person: &Person, url: &str) -> Person {
    Person { client: person.client.clone(), url: url.to_owned() }
}

/// Whether a session is alive on every node, for pages and programs alike.
async fn lives(person: &Person, nodes: &[&str]) -> bool {
    let mut answers = Vec::new();
    for node in nodes {
        let there = at(person, node);
        answers.push(there.get("/profile").await.status() == StatusCode::OK);
        answers.push(there.json("GET", "/api/v1/me", None).await.0 == StatusCode::OK);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "every node says the same: {answers:?}");
    answers[0]
}

async fn change_password(person: &Person, current: &str, new: &str, again: &str) -> reqwest::Response {
    person.post("/profile/password", &[("current", current), ("password", new), ("again", again)]).await
}

async fn make_key(app: &TestApp, person: &Person) -> String {
    let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
    let page = person.post("/profile/api-keys", &form).await.text().await.unwrap();
    let start = page.find("cpk_").unwrap();
    page[start..].split(['"', '<']).next().unwrap().to_owned()
}

async fn by_key(app: &TestApp, key: &str, method: &str, path: &str) -> StatusCode {
    let url = format!("{}{path}", app.url);
    app.visitor().client.request(method.parse().unwrap(), url).bearer_auth(key).send().await.unwrap().status()
}

/// Signs in and trusts the browser.
async fn trusting(app: &TestApp, email: &str) -> Person {
    let person = app.visitor();
    person.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
    let code = app.code_of(email).await;
    let answer = person.post("/sign-in/second-factor", &[("code", &code), ("remember", "1")]).await;
    assert_eq!(location(&answer), "/");
    person
}

/// What the browser is asked after the password.
async fn asked_after(person: &Person, password: &str) -> String {
    person.post("/sign-out", &[]).await;
    location(&person.post("/sign-in", &[("email", BEN), ("password", password)]).await)
}

fn ids<'a>(page: &'a str, path: &str) -> Vec<&'a str> {
    page.split(path).skip(1).filter_map(|rest| rest.split('/').next()).collect()
}

on_both! {
    async fn auth_05_a_password_changes_only_with_a_fresh_proof_and_the_present_one(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        for (current, new, again, why) in [
            ("wrong wrong wrong", NEW, NEW, "This is not your present password"),
            (PASSWORD, "short", "short", "10 more characters needed"),
            (PASSWORD, NEW, "violet anchor morning gravels", "The two new passwords differ"),
            (PASSWORD, PASSWORD, PASSWORD, "the password that you have already"),
            ("", "", "", "This is not your present password"),
        ] {
            let answer = change_password(&ben, current, new, again).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{why}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(why) && !page.contains("gravel"), "{why}: nothing typed comes back\n{page}");
        }
        assert_eq!(app.events("password.changed").await, 0);
        assert_eq!(app.events("password.change_refused").await, 2);
        app.advance(Duration::from_secs(10 * 60));
        assert_eq!(location(&ben.get("/profile/password").await), "/prove?next=%2Fprofile%2Fpassword");
        assert!(location(&change_password(&ben, PASSWORD, NEW, NEW).await).starts_with("/prove"));
        assert_eq!(app.count("SELECT COUNT(*) FROM interrupted").await, 0, "passwords never wait");
        assert_eq!(app.events("password.changed").await, 0);
        assert!(app.visitor().post("/sign-in", &[("email", BEN), ("password", NEW)]).await.status().is_client_error());
    }

    async fn auth_08_a_stolen_session_cannot_try_passwords_for_ever(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let mut judged = 0;
        for _ in 0..20 {
            let answer = change_password(&ben, "wrong wrong wrong", NEW, NEW).await;
            judged += i32::from(answer.status() == StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert!(judged <= 5, "{judged}");
        let answer = change_password(&ben, PASSWORD, NEW, NEW).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers().contains_key("retry-after"));
    }

    async fn auth_05_a_new_password_ends_the_others_on_every_node_at_once(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let trusted = trusting(app, BEN).await;
        let thief = app.sign_in(BEN).await;
        let link = code_for(app, BEN).await;
        let key = make_key(app, &ben).await;
        let node = second_node(app).await;
        let nodes = [app.url.as_str(), &node];
        for person in [&ben, &trusted, &thief] {
            assert!(lives(person, &nodes).await);
        }
        let answer = change_password(&at(&ben, &node), PASSWORD, NEW, NEW).await;
        assert_eq!(location(&answer), "/profile#password");
        assert!(lives(&ben, &nodes).await, "this one goes on");
        for person in [&trusted, &thief] {
            assert!(!lives(person, &nodes).await);
        }
        assert_eq!(open(&app.visitor(), "/reset", &link).await.0, StatusCode::GONE);
        assert_eq!(asked_after(&trusted, NEW).await, "/sign-in/second-factor", "no browser is trusted");
        assert_eq!(by_key(app, &key, "GET", "/api/v1/me").await, StatusCode::OK, "a key is a secret of its own");
        app.send_mail().await;
        assert!(mail_that(app, BEN, "Your password was changed").contains("in your profile"));
        assert_eq!(app.events("password.changed").await, 1);
        // Of two at once with the same present password one is done.
        let twice = futures::future::join_all([NEW, NEW].map(|now| change_password(&ben, now, PASSWORD, PASSWORD))).await;
        assert_eq!(twice.iter().filter(|answer| location(answer) == "/profile#password").count(), 1);
    }

    async fn auth_05_signing_out_ends_a_copied_cookie_on_every_node(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let copied = at(&ben, &second_node(app).await);
        let other = app.sign_in(BEN).await;
        // The copy keeps the cookie that signing out takes from the browser.
        let cookie = session_cookie(app).await;
        ben.post("/sign-out", &[]).await;
        let answer = app.visitor().client.get(format!("{}/profile", copied.url)).header("cookie", cookie).send().await.unwrap();
        assert!(location(&answer).starts_with("/sign-in"), "{}", answer.status());
        assert!(lives(&other, &[&app.url]).await, "the others stay");
    }

    async fn auth_05_sessions_are_ended_one_by_one_and_all_at_once(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        // Joining began one too.
        app.execute("DELETE FROM sessions WHERE address = ''").await;
        app.advance(Duration::from_secs(1));
        let phone = app.sign_in(BEN).await;
        let tablet = app.sign_in(BEN).await;
        let ada = app.admin().await;
        let node = second_node(app).await;
        let nodes = [app.url.as_str(), &node];
        let (_, listed) = ben.json("GET", "/api/v1/me/sessions", None).await;
        let sessions = listed["sessions"].as_array().unwrap().clone();
        assert_eq!(sessions.len(), 3, "{listed}");
        assert_eq!(sessions.iter().filter(|session| session["this"] == true).count(), 1);
        assert!(sessions.iter().all(|session| session["address"] == "127.0.0.1" && session["means"] == "authenticator"));
        let page = ben.page("/profile").await;
        assert_eq!(ids(&page, "/profile/sessions/ses_").len(), 2, "this one is not ended here");
        assert!(page.contains("This one") && page.contains("Password and authenticator app"));

        // Nobody ends another's, and learns nothing by trying.
        let own = sessions.iter().find(|session| session["this"] == false).unwrap()["id"].as_str().unwrap();
        assert_eq!(ada.json("DELETE", &format!("/api/v1/me/sessions/{own}"), None).await.0, StatusCode::NOT_FOUND);
        assert_eq!(ada.json("DELETE", "/api/v1/me/sessions/ses_00000000000000000000000000000000", None).await.0, StatusCode::NOT_FOUND);
        ada.post(&format!("/profile/sessions/{own}/end"), &[]).await;
        assert_eq!(ben.json("GET", "/api/v1/me/sessions", None).await.1["sessions"].as_array().unwrap().len(), 3);
        // A key looks, and ends nothing.
        let key = make_key(app, &ben).await;
        assert_eq!(by_key(app, &key, "GET", "/api/v1/me/sessions").await, StatusCode::OK);
        assert_eq!(by_key(app, &key, "DELETE", "/api/v1/me/sessions").await, StatusCode::UNAUTHORIZED);
        assert_eq!(by_key(app, &key, "DELETE", &format!("/api/v1/me/sessions/{own}")).await, StatusCode::UNAUTHORIZED);

        assert_eq!(location(&ben.post(&format!("/profile/sessions/{own}/end"), &[]).await), "/profile#sessions");
        let left = [lives(&phone, &nodes).await, lives(&tablet, &nodes).await];
        assert_eq!(left.iter().filter(|lives| **lives).count(), 1, "one of them, and no other");
        app.sign_in(BEN).await;
        assert_eq!(location(&ben.post("/profile/sessions/end-others", &[]).await), "/profile#sessions");
        assert!(ben.page("/profile").await.contains("2 other sessions were ended"));
        assert!(!lives(&phone, &nodes).await && !lives(&tablet, &nodes).await);
        assert!(lives(&ben, &nodes).await && lives(&ada, &nodes).await);
        assert_eq!(app.events("session.ended_elsewhere").await, 2);
    }

    async fn sessions_that_have_ended_by_themselves_are_not_listed(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        app.sign_in(BEN).await;
        let half = app.visitor();
        half.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        assert!(ben.page("/profile").await.contains("the second factor was not given yet"));
        app.advance(Duration::from_secs(30 * 60));
        ben.page("/profile").await;
        app.advance(Duration::from_secs(40 * 60));
        assert_eq!(ben.json("GET", "/api/v1/me/sessions", None).await.1["sessions"].as_array().unwrap().len(), 1);
    }

    async fn a_browser_is_trusted_no_more_at_once(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let home = trusting(app, BEN).await;
        let work = trusting(app, BEN).await;
        let page = ben.page("/profile").await;
        let browsers: Vec<_> = ids(&page, "/profile/browsers/bro_").into_iter().map(|id| format!("/profile/browsers/bro_{id}/distrust")).collect();
        assert_eq!(browsers.len(), 2);
        let ada = app.admin().await;
        ada.post(&browsers[0], &[]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM browsers WHERE trusted_until IS NOT NULL").await, 2, "nobody else can");
        assert_eq!(location(&ben.post(&browsers[0], &[]).await), "/profile#browsers");
        let asked = [asked_after(&home, PASSWORD).await, asked_after(&work, PASSWORD).await];
        assert!(asked.contains(&"/".to_owned()) && asked.contains(&"/sign-in/second-factor".to_owned()), "{asked:?}");
        assert_eq!(location(&ben.post("/profile/browsers/distrust-all", &[]).await), "/profile#browsers");
        for browser in [&home, &work] {
            assert_eq!(asked_after(browser, PASSWORD).await, "/sign-in/second-factor");
        }
        assert_eq!(app.events("browser.distrusted").await, 2);
    }

    async fn the_last_second_factor_stays_where_one_is_asked(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let other = app.sign_in(BEN).await;
        let answer = ben.post("/profile/authenticator/remove", &[]).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(answer.text().await.unwrap().contains("your only second factor"));
        assert!(lives(&other, &[&app.url]).await, "nothing was changed");
        assert_eq!(app.events("second_factor.authenticator_removed").await, 0);
        app.execute("UPDATE organisations SET second_factor = 'managers'").await;
        app.advance(Duration::from_secs(10 * 60));
        assert!(location(&ben.post("/profile/authenticator/remove", &[]).await).starts_with("/prove"));
        let ben = app.sign_in(BEN).await;
        assert_eq!(location(&ben.post("/profile/authenticator/remove", &[]).await), "/profile#factors");
        assert!(!lives(&other, &[&app.url]).await, "a changed factor ends the others");
        assert!(ben.page("/profile").await.contains("None is set up"));
        app.send_mail().await;
        mail_that(app, BEN, "An authenticator app was removed");
    }

    async fn recovery_codes_are_counted_and_made_anew_with_a_fresh_proof(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        assert!(ben.page("/profile").await.contains("10 codes are left"));
        let page = ben.post("/profile/recovery-codes", &[]).await.text().await.unwrap();
        let code = page.split("<li><code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let person = app.visitor();
        person.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
        person.post("/sign-in/second-factor", &[("code", &code)]).await;
        let page = person.page("/profile").await;
        assert!(page.contains("9 codes are left") && page.contains("Password and recovery code"), "{page}");
        app.send_mail().await;
        mail_that(app, BEN, "New recovery codes were made");
        app.advance(Duration::from_secs(10 * 60));
        assert!(location(&ben.post("/profile/recovery-codes", &[]).await).starts_with("/prove"));
    }

    async fn details_change_everywhere_and_nothing_typed_is_lost(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let admin = app.admin_caller().await;
        let also = app.invite(&admin, app.diabetes, STAFF, BEN).await;
        ben.post("/join", &[("code", &app.code(also, 1))]).await;
        ben.post("/join/accept", &[("invitation", &also.to_string())]).await;
        for (name, phone, why) in [
            ("", "+44 7700 900123", "Enter your full name"),
            ("Ben\r\nBcc: x", "", "cannot be seen"),
            ("www.evil.example", "", "web address"),
            ("Ben Achterberg", "call me maybe", "country code"),
            ("<b>Ben</b>", "12", "country code"),
        ] {
            let answer = ben.post("/profile/details", &[("name", name), ("phone", phone)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name} {phone}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(why) && page.contains("aria-invalid") && !page.contains("<b>Ben"), "{why}");
            assert!(phone.is_empty() || page.contains(&format!("value=\"{phone}\"")), "{phone} is kept");
        }
        assert_eq!(app.events("profile.changed").await, 0);
        // An address that is sent along is not read.
        let form = [("name", "Zoë  van Dijk"), ("phone", "+31 6 1234 5678"), ("email", "evil@attacker.example")];
        assert_eq!(location(&ben.post("/profile/details", &form).await), "/profile#details");
        let page = ben.page("/profile").await;
        assert!(page.contains("Zoë van Dijk") && page.contains("+31 6 1234 5678") && page.contains(BEN));
        let names = "SELECT COUNT(*) FROM memberships WHERE name_key = 'zoë van dijk' AND email_key = 'ben@northfield.example'";
        assert_eq!(app.count(names).await, 2, "lists sort by it in every place");
        let list = app.admin().await.page(&format!("{}/staff?sort=name&order=desc", app.organisation.path())).await;
        assert!(list.contains("Zoë van Dijk") && !list.contains("ben Example"));
        ben.post("/profile/details", &form).await;
        assert_eq!(app.events("profile.changed").await, 1, "the same again changes nothing");
        let log = app.dump("events").await;
        assert!(!log.contains("1234 5678"), "the number is nobody's but the person's");
    }

    async fn units_are_ones_own_and_only_those_that_there_are(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let answer = ben.post("/profile/units", &[("weight", "stone"), ("temperature", "°F")]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ben.post("/profile/units", &[("weight", "°F")]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(location(&ben.post("/profile/units", &[("weight", "st"), ("glucose", "mg/dL")]).await), "/profile#units");
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE units = 'mg/dL,°C,cm,st'").await, 1);
        ben.post("/profile/units", &[("temperature", "°F")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE units = 'mg/dL,°F,cm,st'").await, 1, "the others stay");
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts WHERE units = ''").await, 1, "and Ada's are her own");
        assert_eq!(app.events("profile.units_changed").await, 2);
    }

    async fn own_access_says_what_and_by_whom(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let page = ben.page("/profile").await;
        for expected in ["Cardiology, Northfield Hospital", "Deployment Staff", "Ada Okafor", "What Deployment Staff may do"] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("/access-log/why/"), "not for those who may not read the log");
        let ada = app.admin().await;
        let page = ada.page("/profile").await;
        assert!(page.contains("The portal&#39;s set-up") || page.contains("The portal's set-up"), "{page}");
        let why = page.split('"').find(|text| text.contains("/access-log/why/")).unwrap();
        assert!(ada.page(why).await.contains("Ada Okafor"));
        let (_, me) = ben.json("GET", "/api/v1/me", None).await;
        assert_eq!((&me["email"], &me["memberships"][0]["role"], &me["memberships"][0]["given_by"]), (&json!(BEN), &json!("deployment_staff"), &json!("Ada Okafor")));
        let key = make_key(app, &ben).await;
        let answer = app.visitor().client.get(format!("{}/api/v1/me", app.url)).bearer_auth(&key).send().await.unwrap();
        let by_key: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(by_key["memberships"][0]["permissions"], json!(["view_patient_data"]), "what the key leaves");
    }

    async fn auth_06_removal_ends_everything_on_every_node(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let trusted = trusting(app, BEN).await;
        let key = make_key(app, &ben).await;
        let link = code_for(app, BEN).await;
        let node = second_node(app).await;
        let id = app.member("ben").await;
        let ada = app.admin().await;
        let (status, _) = ada.json("DELETE", &format!("/api/v1/scopes/{}/staff/{id}", app.cardiology), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        for person in [&ben, &trusted] {
            assert!(!lives(person, &[&app.url, &node]).await);
        }
        let url = format!("{node}/api/v1/me");
        let answer = app.visitor().client.get(url).bearer_auth(&key).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(open(&app.visitor(), "/reset", &link).await.0, StatusCode::GONE);
    }
}

/// The newest session's cookie cannot be read back from a store of hashes, so a session of its own is begun for it.
async fn session_cookie(app: &TestApp) -> String {
    let person = app.visitor();
    person.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
    let code = app.code_of(BEN).await;
    let answer = person.post("/sign-in/second-factor", &[("code", &code)]).await;
    let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    let cookie = cookies.filter(|cookie| cookie.starts_with("session=")).find_map(|cookie| cookie.split(';').next());
    let cookie = cookie.unwrap().to_owned();
    person.post("/sign-out", &[]).await;
    cookie
}
