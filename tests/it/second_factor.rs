//! The second factor: setting it up, giving it, losing it; and that nothing goes past it. Checks AUTH-01, 02, 07, 08 and 09.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const ADA: &str = "ada@northfield.example";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// Somebody who has given Ada's password and nothing else.
async fn half(app: &TestApp) -> Person {
    let person = app.visitor();
    let answer = person.post("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await;
    assert_eq!(location(&answer), "/sign-in/second-factor");
    person
}

async fn give(person: &Person, code: &str) -> StatusCode {
    person.post("/sign-in/second-factor", &[("code", code)]).await.status()
}

/// Ada's recovery codes: made anew by her, with password and code given a moment ago.
async fn recovery_codes(app: &TestApp) -> Vec<String> {
    let ada = app.admin().await;
    let answer = ada.post("/profile/recovery-codes", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.unwrap();
    let codes = page.split("<li><code>").skip(1).filter_map(|part| part.split('<').next()).map(str::to_owned);
    codes.collect()
}

on_both! {
    async fn auth_01_each_step_has_a_session_of_its_own(app: &TestApp) {
        let person = app.visitor();
        let answer = person.post("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await;
        let first = session_in(&answer).unwrap();
        let code = app.code_of(ADA).await;
        let answer = person.post("/sign-in/second-factor", &[("code", &code)]).await;
        let second = session_in(&answer).unwrap();
        assert_ne!(first, second, "the token is a new one");
        let copied = app.visitor();
        let answer = copied.client.get(format!("{}/", app.url)).header("cookie", first).send().await.unwrap();
        assert_eq!(location(&answer), "/sign-in", "the one before is dead");
        let answer = copied.client.get(format!("{}/", app.url)).header("cookie", second).send().await.unwrap();
        assert_eq!(location(&answer), app.organisation.path());
    }

    async fn auth_02_half_signed_in_reaches_nothing_but_the_question(app: &TestApp) {
        let person = half(app).await;
        let staff = format!("{}/staff", app.organisation.path());
        assert!(location(&person.get(&staff).await).starts_with("/sign-in/second-factor?next="));
        assert_eq!(location(&person.get("/profile").await), "/sign-in/second-factor?next=%2Fprofile");
        let (status, problem) = person.json("GET", &format!("/api/v1/scopes/{}/staff", app.organisation), None).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("second_factor_required")));
        let answer = person.post(&format!("{}/staff/selected", app.organisation.path()), &[("do", "remove")]).await;
        assert_eq!(location(&answer), "/sign-in/second-factor");
        // Neither can the password alone put another factor in the place of the one that guards the account.
        assert_eq!(location(&person.get("/second-factor/set-up").await), "/sign-in/second-factor");
        let form = [("seed", "00000000000000000000000000000000"), ("code", "123456")];
        assert_eq!(location(&person.post("/second-factor/authenticator", &form).await), "/sign-in/second-factor");
        app.advance(Duration::from_secs(15 * 60));
        assert_eq!(location(&person.get("/sign-in/second-factor").await), "/sign-in", "it waits a quarter of an hour");
    }

    async fn auth_07_a_code_counts_once_and_drifts_one_step(app: &TestApp) {
        app.execute("UPDATE authenticators SET last_step = 0").await;
        let phone = app.phone_of(ADA).await;
        let now = app.seconds();
        let at = |steps: i64| phone.generate(now.checked_add_signed(steps * 30).unwrap()).to_string();
        assert_eq!(give(&half(app).await, &at(-2)).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(give(&half(app).await, &at(2)).await, StatusCode::UNPROCESSABLE_ENTITY);
        for (steps, expected) in [(-1, StatusCode::SEE_OTHER), (0, StatusCode::SEE_OTHER), (0, StatusCode::UNPROCESSABLE_ENTITY), (-1, StatusCode::UNPROCESSABLE_ENTITY), (1, StatusCode::SEE_OTHER)] {
            assert_eq!(give(&half(app).await, &at(steps)).await, expected, "{steps} steps away");
        }
    }

    async fn auth_07_of_many_at_once_with_one_code_one_comes_in(app: &TestApp) {
        let code = app.code_of(ADA).await;
        let mut people = Vec::new();
        for _ in 0..5 {
            people.push(half(app).await);
        }
        let answers = futures::future::join_all(people.iter().map(|person| give(person, &code))).await;
        assert_eq!(answers.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1, "{answers:?}");
    }

    async fn auth_08_wrong_codes_make_the_account_wait_on_every_path(app: &TestApp) {
        let person = half(app).await;
        let answers = futures::future::join_all((0..20).map(|_| give(&person, "000000"))).await;
        let judged = answers.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count();
        assert!(judged <= 5, "of twenty at once five are judged: {answers:?}");
        let code = app.code_of(ADA).await;
        let answer = person.post("/sign-in/second-factor", &[("code", &code)]).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers().contains_key("retry-after"));
        assert_eq!(give(&half(app).await, &code).await, StatusCode::TOO_MANY_REQUESTS, "a new session does not help");
        app.advance(Duration::from_secs(3600));
        app.sign_in(ADA).await;
    }

    async fn auth_09_recovery_codes_work_once_each(app: &TestApp) {
        let codes = recovery_codes(app).await;
        assert_eq!(codes.len(), 10);
        assert!(codes.iter().all(|code| code.len() == 19), "80 bits in 16 letters: {codes:?}");
        let sloppy = codes[0].to_lowercase().replace('-', " ");
        assert_eq!(give(&half(app).await, &sloppy).await, StatusCode::SEE_OTHER);
        assert_eq!(give(&half(app).await, &codes[0]).await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(app.events("second_factor.recovery_code_used").await, 1);
        let newer = recovery_codes(app).await;
        assert_eq!(give(&half(app).await, &codes[1]).await, StatusCode::UNPROCESSABLE_ENTITY, "the set before is dead");
        assert_eq!(give(&half(app).await, &newer[9]).await, StatusCode::SEE_OTHER);
        let ben = app.person("ben", STAFF, app.cardiology).await;
        drop(ben);
        let person = app.visitor();
        person.post("/sign-in", &[("email", "ben@northfield.example"), ("password", PASSWORD)]).await;
        assert_eq!(give(&person, &newer[0]).await, StatusCode::UNPROCESSABLE_ENTITY, "and nobody else's");
    }

    async fn a_trusted_browser_is_asked_again_after_two_weeks(app: &TestApp) {
        let person = half(app).await;
        let code = app.code_of(ADA).await;
        person.post("/sign-in/second-factor", &[("code", &code), ("remember", "1")]).await;
        person.post("/sign-out", &[]).await;
        let sign_in = async || location(&person.post("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await);
        assert_eq!(sign_in().await, "/", "no second factor in this browser");
        person.post("/sign-out", &[]).await;
        // Trust is the person's own: another who shares the browser is asked.
        app.person("ben", STAFF, app.cardiology).await;
        let answer = person.post("/sign-in", &[("email", "ben@northfield.example"), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/sign-in/second-factor");
        person.post("/sign-out", &[]).await;
        app.advance(Duration::from_secs(14 * 24 * 3600 - 1));
        assert_eq!(sign_in().await, "/", "until the last second");
        person.post("/sign-out", &[]).await;
        app.advance(Duration::from_secs(1));
        assert_eq!(sign_in().await, "/sign-in/second-factor");
    }

    async fn an_organisation_that_asks_for_it_later_asks_at_the_next_request(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.execute("UPDATE organisations SET second_factor = 'managers'").await;
        app.execute("DELETE FROM authenticators WHERE account_id IN (SELECT account_id FROM memberships WHERE email_key = 'ben@northfield.example')").await;
        app.execute("DELETE FROM recovery_codes").await;
        let ben = app.visitor();
        let answer = ben.post("/sign-in", &[("email", "ben@northfield.example"), ("password", PASSWORD)]).await;
        assert_eq!(location(&answer), "/", "nobody asks whoever manages nothing");
        let patients = format!("{}/patients", app.cardiology.path());
        ben.page(&patients).await;
        app.execute("UPDATE organisations SET second_factor = 'everybody'").await;
        let set_up = location(&ben.get(&patients).await);
        assert!(set_up.starts_with("/second-factor/set-up?next="), "{set_up}");
        ben.set_up_authenticator(&set_up, app.seconds()).await;
        ben.page(&patients).await;
        // Whoever has the password alone could have set it up: its owner is told. Whoever is joining is not.
        assert_eq!(app.count("SELECT COUNT(*) FROM notices WHERE kind = 'authenticator_added'").await, 1);
    }

    async fn nothing_of_a_second_factor_is_stored_readable(app: &TestApp) {
        let codes = recovery_codes(app).await;
        let ada = app.uuid("SELECT id FROM accounts").await;
        let seed = app.bytes("SELECT seed FROM authenticators").await;
        let secret = app.portal.keys.authenticator_secret(ada, &seed);
        assert_ne!(&seed[..], &secret[..16]);
        for table in ["authenticators", "recovery_codes", "sessions", "browsers", "events", "accounts"] {
            let text = app.dump(table).await;
            assert!(codes.iter().all(|code| !text.contains(code.as_str()) && !text.contains(&code.replace('-', ""))), "{table}");
            let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.to_lowercase().contains(&secret), "{table}");
        }
    }
}

/// The session's cookie of an answer, as a browser sends it back.
fn session_in(answer: &reqwest::Response) -> Option<String> {
    let cookies = answer.headers().get_all("set-cookie").iter().filter_map(|cookie| cookie.to_str().ok());
    cookies
        .filter(|cookie| cookie.starts_with("session="))
        .find_map(|cookie| cookie.split(';').next())
        .map(str::to_owned)
}
