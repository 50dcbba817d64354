//! The edges of the limits: what a new password forgets and what not, that the last try is told, that being sent away loses nothing
//! that was typed, and links guessed from one network.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity::{RESET, attempts, attempts::Subject},
    types::{AccountId, BrowserId, PasswordResetId},
};
use reqwest::{Response, StatusCode};

use crate::{
    limits::{behind_proxy, fill_hashers},
    on_both,
    reset::{code_for, open},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const ADA: &str = "ada@northfield.example";
const BEN: &str = "ben@northfield.example";
const NEW: &str = "violet anchor morning gravel";
const WRONG: &str = "wrong wrong wrong";
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const LAST: &str = "That was one wrong try too many";

async fn account_of(app: &TestApp, email: &str) -> AccountId {
    AccountId::from_uuid(app.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{email}'")).await)
}

async fn give_password(person: &Person, email: &str, password: &str) -> Response {
    person.post("/sign-in", &[("email", email), ("password", password)]).await
}

async fn give_code(person: &Person, code: &str) -> Response {
    person.post("/sign-in/second-factor", &[("code", code)]).await
}

/// Chooses a password by a link that was asked for.
async fn reset_password(app: &TestApp, email: &str, password: &str) -> Response {
    let code = code_for(app, email).await;
    let person = app.visitor();
    open(&person, "/reset", &code).await;
    let id = PasswordResetId::from_uuid(RESET.parse(&code).unwrap().id).to_string();
    person.post("/reset/password", &[("reset", &id), ("password", password)]).await
}

/// Failures that somebody has had already, long enough ago that no wait is left of them.
async fn failed_before(app: &TestApp, subject: &Subject, times: usize) {
    for _ in 0..times {
        attempts::count_failure(&app.portal, std::slice::from_ref(subject)).await.unwrap();
    }
    app.advance(Duration::from_secs(3601));
}

on_both! {
    async fn rl_01_a_new_password_forgets_the_tries_from_the_persons_own_browser(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        for _ in 0..9 {
            give_password(&ben, BEN, WRONG).await;
        }
        assert_eq!(give_password(&ben, BEN, PASSWORD).await.status(), StatusCode::TOO_MANY_REQUESTS, "in their usual browser");
        assert_eq!(location(&reset_password(app, BEN, NEW).await), "/sign-in");
        assert_eq!(location(&give_password(&ben, BEN, NEW).await), "/sign-in/second-factor", "the new one is tried for the first time");
        let browser = BrowserId::from_uuid(app.uuid("SELECT b.id FROM browsers b JOIN accounts a ON a.id = b.account_id WHERE a.email_key = 'ben@northfield.example' LIMIT 1").await);
        failed_before(app, &Subject::browser(browser), 50).await;
        assert_eq!(give_password(&ben, BEN, NEW).await.status(), StatusCode::TOO_MANY_REQUESTS, "disabled in that browser");
        assert_eq!(location(&reset_password(app, BEN, "another violet anchor gravel").await), "/sign-in");
        assert_eq!(location(&give_password(&ben, BEN, "another violet anchor gravel").await), "/sign-in/second-factor");
    }

    async fn rl_01_a_new_password_brings_no_new_tries_of_codes(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let person = app.visitor();
        give_password(&person, BEN, PASSWORD).await;
        for _ in 0..5 {
            give_code(&person, "000000").await;
        }
        assert_eq!(location(&reset_password(app, BEN, NEW).await), "/sign-in");
        let person = app.visitor();
        assert_eq!(location(&give_password(&person, BEN, NEW).await), "/sign-in/second-factor");
        let code = app.code_of(BEN).await;
        assert_eq!(give_code(&person, &code).await.status(), StatusCode::TOO_MANY_REQUESTS, "who reads the mail guesses no more for it");
        app.advance(Duration::from_secs(31));
        let code = app.code_of(BEN).await;
        assert_eq!(location(&give_code(&person, &code).await), "/", "the owner waits half a minute");
    }

    async fn rl_01_the_last_wrong_password_is_told_whether_there_is_an_account_or_not(app: &TestApp) {
        let mut told = Vec::new();
        for email in [ADA, "nobody@northfield.example"] {
            failed_before(app, &Subject::account(email), 49).await;
            let visitor = app.visitor();
            let answer = give_password(&visitor, email, WRONG).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains(LAST) && page.contains("Use Forgot Password below"), "{page}");
            told.push(page.replace(email, "EMAIL"));
            let later = give_password(&visitor, email, PASSWORD).await;
            assert_eq!(later.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(!later.text().await.unwrap().contains(LAST), "and answered like any wait from then on");
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(location(&reset_password(app, ADA, NEW).await), "/sign-in");
        assert_eq!(location(&give_password(&app.visitor(), ADA, NEW).await), "/sign-in/second-factor", "the way that it names works");
    }

    async fn rl_01_the_last_wrong_code_is_told_wherever_it_is_typed(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let codes = Subject::codes(account_of(app, BEN).await);
        let ask = async |answer: Response, what: &str| {
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{what}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(LAST) && page.contains("reset your second factor"), "{what}: {page}");
        };
        failed_before(app, &codes, 49).await;
        let person = app.visitor();
        give_password(&person, BEN, PASSWORD).await;
        ask(give_code(&person, "000000").await, "signing in").await;
        let code = app.code_of(BEN).await;
        assert_eq!(give_code(&person, &code).await.status(), StatusCode::TOO_MANY_REQUESTS);
        for (path, form) in [
            ("/prove", [("password", WRONG), ("code", ""), ("again", "")]),
            ("/prove", [("password", PASSWORD), ("code", "000000"), ("again", "")]),
            ("/profile/password", [("current", WRONG), ("password", NEW), ("again", NEW)]),
            ("/second-factor/authenticator", [("seed", "00000000000000000000000000000000"), ("code", "000000"), ("again", "")]),
        ] {
            app.execute("DELETE FROM attempts").await;
            let ben = app.sign_in(BEN).await;
            for _ in 0..49 {
                attempts::count_failure(&app.portal, std::slice::from_ref(&codes)).await.unwrap();
            }
            app.execute("UPDATE attempts SET blocked_until = 0").await;
            ask(ben.post(path, &form).await, path).await;
        }
    }
}

async fn guessed_from_one_network(database: Database) {
    let app = &behind_proxy(database).await;
    app.person("ben", STAFF, app.cardiology).await;
    let right = code_for(app, BEN).await;
    let mut wrong = right.clone();
    wrong.replace_range(60..=60, if &wrong[60..=60] == "A" { "B" } else { "A" });
    let ask = async |address: String, code: &str| {
        let request = app.visitor().client.get(format!("{}/reset", app.url)).header("x-forwarded-for", address);
        request.header("cookie", format!("reset={code}")).send().await.unwrap()
    };
    // Whoever has a /64 has more addresses than anybody can count.
    for n in 0..50 {
        let answer = ask(format!("2001:db8:0:7:{n:x}::{n:x}"), &wrong).await;
        assert_eq!(answer.status(), StatusCode::GONE, "{n}");
    }
    for n in 50..53 {
        let answer = ask(format!("2001:db8:0:7:ffff::{n:x}"), &wrong).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{n}");
        assert_eq!(answer.headers()["retry-after"], "30");
        assert!(answer.text().await.unwrap().contains("Too many tries; wait"));
    }
    for elsewhere in ["2001:db8:0:8::1", "2001:db8:1:7::1", "198.51.100.7"] {
        assert_eq!(ask(elsewhere.to_owned(), &wrong).await.status(), StatusCode::GONE, "{elsewhere}");
    }
    let answer = ask("2001:db8:0:7::1".to_owned(), &right).await;
    assert_eq!(answer.status(), StatusCode::OK, "a link that is right opens from there all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_04_resets_are_guessed_from_one_network_and_others_go_on() {
    guessed_from_one_network(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_04_resets_are_guessed_from_one_network_and_others_go_on_on_postgres() {
    guessed_from_one_network(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_06_being_sent_away_loses_no_form_and_counts_no_try() {
    let app = TestApp::start(Database::Sqlite).await;
    let (ada, visitor, resetting) = (app.admin().await, app.visitor(), app.visitor());
    let code = code_for(&app, ADA).await;
    open(&resetting, "/reset", &code).await;
    let id = PasswordResetId::from_uuid(RESET.parse(&code).unwrap().id).to_string();
    let totp = app.code_of(ADA).await;
    let let_go = fill_hashers(&app.portal).await;
    let answers = [
        (give_password(&visitor, ADA, PASSWORD).await, format!("value=\"{ADA}\"")),
        (
            ada.post("/prove", &[("password", PASSWORD), ("code", &totp), ("next", "/profile")]).await,
            "name=\"next\" value=\"/profile\"".to_owned(),
        ),
        (
            ada.post("/profile/password", &[("current", PASSWORD), ("password", NEW), ("again", NEW)]).await,
            "name=\"again\"".to_owned(),
        ),
        (
            resetting.post("/reset/password", &[("reset", &id), ("password", NEW)]).await,
            format!("name=\"reset\" value=\"{id}\""),
        ),
    ];
    for (answer, kept) in answers {
        let path = answer.url().path().to_owned();
        assert_eq!(
            (answer.status(), &answer.headers()["retry-after"]),
            (StatusCode::SERVICE_UNAVAILABLE, &reqwest::header::HeaderValue::from_static("5")),
            "{path}"
        );
        let page = answer.text().await.unwrap();
        assert!(
            page.contains("Very many people are signing in at this moment") && page.contains(&kept),
            "{path}: {page}"
        );
    }
    assert_eq!(
        app.count("SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM attempts WHERE subject NOT LIKE 'reset%'")
            .await,
        0
    );
    drop(let_go);
    while app.portal.hashers.run(|_| ()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let answer = resetting.post("/reset/password", &[("reset", &id), ("password", NEW)]).await;
    assert_eq!(location(&answer), "/sign-in", "the link was not used up");
}
