//! What happens to whoever tries too often: waits that are counted in the database, by account, browser and network; and that
//! nobody else is held up by it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
    error::Error,
    identity::attempts::{self, Subject},
    op::Op,
    portal::Portal,
    types::{AccountId, kind},
};
use futures::FutureExt;
use reqwest::{Response, StatusCode};

use crate::{
    on_both,
    support::app::{Database, PASSWORD, TestApp},
};

const ADA: &str = "ada@northfield.example";
const WRONG: &str = "wrong wrong wrong";
const HOUR: Duration = Duration::from_secs(3600);

async fn try_from(app: &TestApp, headers: &[(&str, String)], email: &str, password: &str) -> Response {
    let mut request = app.visitor().client.post(format!("{}/sign-in", app.url)).header("sec-fetch-site", "same-origin");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.form(&[("email", email), ("password", password)]).send().await.unwrap()
}

async fn try_sign_in(app: &TestApp, email: &str, password: &str) -> Response {
    try_from(app, &[], email, password).await
}

fn wait_of(answer: &Response) -> u64 {
    answer.headers()["retry-after"].to_str().unwrap().parse().unwrap()
}

/// Another portal on the same database, as after a restart or behind the same proxy.
async fn another(app: &TestApp) -> Portal {
    app::open(app.portal.config.clone(), app.portal.clock.clone()).await.unwrap()
}

async fn waits(portal: &Portal, subject: &Subject) -> Option<Duration> {
    match attempts::refuse_if_waiting(portal, std::slice::from_ref(subject)).await {
        Ok(()) => None,
        Err(Error::TooMany { retry_after }) => Some(retry_after),
        Err(other) => panic!("{other}"),
    }
}

/// The same portal, but behind a proxy on this machine, so that a test can come from anywhere.
pub async fn behind_proxy(database: Database) -> TestApp {
    TestApp::start_with(database, &[("TRUSTED_PROXIES", "127.0.0.0/8".to_owned())]).await
}

on_both! {
    async fn rl_01_an_account_waits_longer_after_each_failure_and_others_do_not(app: &TestApp) {
        app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        for _ in 0..4 {
            assert_eq!(try_sign_in(app, ADA, WRONG).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
        let mut waited = Vec::new();
        for _ in 0..9 {
            assert_eq!(try_sign_in(app, ADA, WRONG).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let refused = try_sign_in(app, ADA, PASSWORD).await;
            assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
            waited.push(wait_of(&refused));
            let page = refused.text().await.unwrap();
            assert!(page.contains("Too many tries; wait") && page.contains(&format!("value=\"{ADA}\"")), "{page}");
            app.advance(Duration::from_secs(waited.last().unwrap() + 1));
        }
        assert_eq!(waited, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        // While she waits a colleague signs in, and once she has waited she does, and all is forgotten.
        try_sign_in(app, ADA, WRONG).await;
        app.sign_in("wren@northfield.example").await;
        app.advance(HOUR + Duration::from_secs(1));
        app.sign_in(ADA).await;
        assert_eq!(try_sign_in(app, ADA, WRONG).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        app.sign_in(ADA).await;
    }

    async fn rl_01_fifty_failures_in_a_row_however_slowly_disable_the_password(app: &TestApp) {
        let account = Subject::account(ADA);
        for n in 1..50 {
            assert!(!attempts::count_failure(&app.portal, std::slice::from_ref(&account)).await.unwrap(), "{n}");
            app.advance(Duration::from_secs(26 * 3600));
        }
        assert_eq!(try_sign_in(app, ADA, WRONG).await.status(), StatusCode::UNPROCESSABLE_ENTITY, "the fiftieth");
        for days in [0, 1, 30, 400] {
            app.advance(Duration::from_secs(days * 24 * 3600));
            let refused = try_sign_in(app, ADA, PASSWORD).await;
            assert_eq!((refused.status(), wait_of(&refused)), (StatusCode::TOO_MANY_REQUESTS, 3600), "answered like any wait");
            assert!(refused.text().await.unwrap().contains("Too many tries; wait 60 minutes and try again"));
        }
        // A reset forgets it.
        let op = Op::begin(&app.portal, &app.admin_caller().await).await.unwrap();
        attempts::forget(op.tx(), &account).await.unwrap();
        op.commit().await.unwrap();
        app.sign_in(ADA).await;
    }

    async fn rl_01_a_success_starts_the_fifty_anew(app: &TestApp) {
        for _ in 0..49 {
            attempts::count_failure(&app.portal, &[Subject::account(ADA)]).await.unwrap();
        }
        app.advance(HOUR + Duration::from_secs(1));
        app.sign_in(ADA).await;
        assert_eq!(try_sign_in(app, ADA, WRONG).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
        app.sign_in(ADA).await;
    }

    async fn rl_01_a_known_browser_and_the_codes_have_counts_of_their_own(app: &TestApp) {
        let id: AccountId = app.portal.new_id::<kind::Account>();
        let (here, there, codes) = (Subject::browser(app.portal.new_id()), Subject::browser(app.portal.new_id()), Subject::codes(id));
        for _ in 0..60 {
            attempts::count_failure(&app.portal, &[Subject::account(ADA), there.clone()]).await.unwrap();
        }
        assert!(waits(&app.portal, &there).await.is_some() && waits(&app.portal, &Subject::account(ADA)).await.is_some());
        assert_eq!((waits(&app.portal, &here).await, waits(&app.portal, &codes).await), (None, None));
        for n in 1..=50 {
            let disabled = attempts::count_failure(&app.portal, std::slice::from_ref(&codes)).await.unwrap();
            assert_eq!(waits(&app.portal, &codes).await.is_some(), n >= 5, "{n}: five are free");
            assert_eq!(disabled, n == 50);
            app.advance(2 * HOUR);
        }
        app.advance(Duration::from_secs(365 * 24 * 3600));
        assert_eq!(waits(&app.portal, &codes).await, Some(HOUR), "disabled for good");
    }

    async fn rl_01_failures_on_two_portals_at_once_are_all_counted(app: &TestApp) {
        let other = another(app).await;
        let mut failures = Vec::new();
        for n in 0..40 {
            let portal = if n % 2 == 0 { app.portal.clone() } else { other.clone() };
            let subjects = [Subject::account("olu@northfield.example"), Subject::address("192.0.2.9")];
            failures.push(tokio::spawn(async move { attempts::count_failure(&portal, &subjects).await.unwrap() }));
        }
        for failure in failures {
            failure.await.unwrap();
        }
        assert_eq!(app.count("SELECT CAST(SUM(failures) AS BIGINT) FROM attempts WHERE subject IN ('account olu@northfield.example', 'address 192.0.2.9')").await, 80);
        let account = Subject::account("olu@northfield.example");
        assert_eq!(waits(&another(app).await, &account).await, Some(HOUR), "and a restart forgets none");
    }

    async fn rl_04_link_guesses_make_their_network_wait_and_real_links_open(app: &TestApp) {
        let admin = app.admin_caller().await;
        let real = app.invite(&admin, app.cardiology, RoleKey::Default(DefaultRole::DeploymentStaff), "olu@northfield.example").await;
        let code = app.code(real, 1);
        let wrong = |n: usize| {
            let (head, tail) = code.split_at(code.len() - 6);
            format!("{head}{n:06}{}", &tail[6..])
        };
        let mut refused = 0;
        let visitor = app.visitor();
        for n in 0..80 {
            let posted = visitor.post("/join", &[("code", &wrong(n))]).await;
            assert_eq!(posted.status(), StatusCode::SEE_OTHER);
            let answer = visitor.get("/join").await;
            match answer.status() {
                StatusCode::NOT_FOUND => assert_eq!(refused, 0, "{n}"),
                StatusCode::TOO_MANY_REQUESTS => {
                    assert!(wait_of(&answer) >= 29 && n >= 50, "{n}");
                    assert!(answer.text().await.unwrap().contains("Too many tries; wait"));
                    refused += 1;
                }
                other => panic!("{n}: {other}"),
            }
        }
        assert_eq!(refused, 30);
        for path in ["/join/accept", "/join/decline"] {
            let id = real.to_string();
            let answer = visitor.post(path, &[("invitation", id.as_str()), ("full_name", "X Y"), ("password", PASSWORD)]).await;
            assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        }
        // The real link, from that very network: nobody is locked out by somebody who guesses beside them.
        let invitee = app.visitor();
        invitee.post("/join", &[("code", code.as_str())]).await;
        assert!(invitee.page("/join").await.contains("Create your account"));
        app.advance(HOUR + Duration::from_secs(1));
        visitor.post("/join", &[("code", &wrong(99))]).await;
        assert_eq!(visitor.get("/join").await.status(), StatusCode::NOT_FOUND, "after the wait");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_01_one_network_waits_after_fifty_failures_and_others_sign_in() {
    let app = behind_proxy(Database::Sqlite).await;
    let from = |address: &str| vec![("x-forwarded-for", address.to_owned())];
    for _ in 0..49 {
        attempts::count_failure(&app.portal, &[Subject::address("198.51.100.7")]).await.unwrap();
    }
    let fiftieth = try_from(&app, &from("198.51.100.7"), "nobody@northfield.example", WRONG).await;
    assert_eq!(fiftieth.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = try_from(&app, &from("198.51.100.7"), ADA, PASSWORD).await;
    assert_eq!((refused.status(), wait_of(&refused)), (StatusCode::TOO_MANY_REQUESTS, 30));
    assert!(try_from(&app, &from("198.51.100.8"), ADA, PASSWORD).await.status().is_redirection());
    // A network is never disabled: others use it too.
    for _ in 0..100 {
        attempts::count_failure(&app.portal, &[Subject::address("198.51.100.7")]).await.unwrap();
    }
    app.advance(HOUR + Duration::from_secs(1));
    assert!(try_from(&app, &from("198.51.100.7"), ADA, PASSWORD).await.status().is_redirection());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_02_headers_from_anybody_but_a_configured_proxy_change_nothing() {
    let app = TestApp::start(Database::Sqlite).await;
    for n in 0..8_u8 {
        let spoofed = Ipv4Addr::new(203, 0, 113, n).to_string();
        let headers = [
            ("x-forwarded-for", spoofed.clone()),
            ("forwarded", format!("for={spoofed}")),
            ("x-real-ip", spoofed.clone()),
            ("cf-connecting-ip", spoofed.clone()),
            ("true-client-ip", spoofed),
        ];
        try_from(&app, &headers, &format!("nobody{n}@northfield.example"), WRONG).await;
    }
    assert_eq!(app.count("SELECT failures FROM attempts WHERE subject = 'address 127.0.0.1'").await, 8);
    assert_eq!(app.count("SELECT COUNT(*) FROM attempts WHERE subject LIKE 'address 203%'").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_02_behind_a_proxy_a_client_is_counted_by_what_the_proxy_heard() {
    let app = behind_proxy(Database::Postgres).await;
    let mut n = 0;
    let mut expect = Vec::new();
    // (what the client sends in, as the proxy forwards it), and as whom it must be counted.
    let cases: Vec<(Vec<(&str, String)>, &str)> = (0..6)
        .flat_map(|k: u16| {
            let v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 7, k, k, k, k));
            [
                (vec![("x-forwarded-for", format!("203.0.113.{k}, 198.51.100.7"))], "198.51.100.7"),
                (
                    vec![
                        ("x-forwarded-for", "::ffff:198.51.100.7".to_owned()),
                        ("x-real-ip", format!("203.0.113.{k}")),
                    ],
                    "198.51.100.7",
                ),
                (vec![("x-forwarded-for", v6.to_string())], "2001:db8:0:7"),
                (vec![("forwarded", format!("for=203.0.113.{k}"))], "127.0.0.1"),
                (vec![("x-forwarded-for", format!("203.0.113.{k}, garbage"))], "127.0.0.1"),
            ]
        })
        .collect();
    for (headers, counted) in cases {
        n += 1;
        try_from(&app, &headers, &format!("nobody{n}@northfield.example"), WRONG).await;
        expect.push(counted);
    }
    for subject in ["198.51.100.7", "2001:db8:0:7", "127.0.0.1"] {
        let wanted = expect.iter().filter(|counted| **counted == subject).count();
        let failures = app.count(&format!("SELECT failures FROM attempts WHERE subject = 'address {subject}'")).await;
        assert_eq!(failures, i64::try_from(wanted).unwrap(), "{subject}");
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM attempts WHERE subject LIKE 'address %'").await, 3);
    // The log has the same address.
    assert!(
        app.count("SELECT COUNT(*) FROM events WHERE action = 'session.refused' AND origin LIKE '%198.51.100.7%'")
            .await
            >= 12
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_04_guesses_from_many_networks_lock_no_real_link() {
    let app = behind_proxy(Database::Sqlite).await;
    let admin = app.admin_caller().await;
    let real = app
        .invite(&admin, app.cardiology, RoleKey::Default(DefaultRole::DeploymentStaff), "olu@northfield.example")
        .await;
    let code = app.code(real, 1);
    let guess = format!("{}{}", &code[..code.len() - 3], "AAA");
    for n in 0..300_u16 {
        let client = app.visitor().client;
        let address = format!("198.51.{}.{}", n / 250, n % 250);
        let answer = client
            .get(format!("{}/join", app.url))
            .header("x-forwarded-for", address)
            .header("cookie", format!("join={guess}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    let invitee = app.visitor();
    invitee.post("/join", &[("code", code.as_str())]).await;
    assert!(invitee.page("/join").await.contains("Create your account"));
}

/// Fills both threads and the line before them; the answer is what lets them go.
pub async fn fill_hashers(portal: &Portal) -> std::sync::mpsc::Sender<()> {
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let held = Arc::new(AtomicUsize::new(0));
    for _ in 0..200 {
        let (portal, wait, held) = (portal.clone(), wait.clone(), held.clone());
        tokio::spawn(async move {
            let hold = move |_: &mut Vec<argon2::Block>| {
                held.fetch_add(1, Ordering::SeqCst);
                let _ = wait.lock().unwrap().recv();
            };
            let _ = portal.hashers.run(hold).await;
        });
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    while held.load(Ordering::SeqCst) < threads {
        tokio::task::yield_now().await;
    }
    // Until all of the line is taken as well.
    while !matches!(portal.hashers.run(|_| ()).now_or_never(), Some(Err(Error::Unavailable(_)))) {
        tokio::task::yield_now().await;
    }
    let_go
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_06_who_comes_when_the_line_is_full_is_told_at_once_and_other_pages_answer() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let invited = app
        .invite(
            &app.admin_caller().await,
            app.cardiology,
            RoleKey::Default(DefaultRole::DeploymentStaff),
            "olu@northfield.example",
        )
        .await;
    let invitee = app.visitor();
    invitee.post("/join", &[("code", app.code(invited, 1).as_str())]).await;
    let let_go = fill_hashers(&app.portal).await;
    let refused = try_sign_in(&app, ADA, PASSWORD).await;
    assert_eq!((refused.status(), wait_of(&refused)), (StatusCode::SERVICE_UNAVAILABLE, 5));
    let page = refused.text().await.unwrap();
    assert!(page.contains("Very many people are signing in at this moment") && page.contains("<h1>"), "{page}");
    let id = invited.to_string();
    let form = [("invitation", id.as_str()), ("full_name", "Olu Example"), ("password", PASSWORD)];
    let refused = invitee.post("/join/accept", &form).await;
    assert_eq!((refused.status(), wait_of(&refused)), (StatusCode::SERVICE_UNAVAILABLE, 5));
    assert!(refused.text().await.unwrap().contains("value=\"Olu Example\""), "what was typed is not lost");
    assert!(ada.page(&format!("{}/staff", app.cardiology.path())).await.contains("Ada Okafor"));
    assert_eq!(app.visitor().get("/health").await.status(), StatusCode::OK);
    assert_eq!(
        app.count("SELECT CAST(COALESCE(SUM(failures), 0) AS BIGINT) FROM attempts").await,
        0,
        "being told to wait is no failure"
    );
    drop(let_go);
    while app.portal.hashers.run(|_| ()).await.is_err() {
        tokio::task::yield_now().await;
    }
    app.sign_in(ADA).await;
    assert_eq!(invitee.post("/join/accept", &form).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rl_06_five_hundred_at_once_are_all_answered() {
    let app = behind_proxy(Database::Sqlite).await;
    let client = app.visitor().client;
    let mut tries = Vec::new();
    for n in 0..500_u16 {
        let request = client
            .post(format!("{}/sign-in", app.url))
            .header("sec-fetch-site", "same-origin")
            .header("x-forwarded-for", format!("198.51.{}.{}", n / 250, n % 250))
            .form(&[("email", format!("nobody{n}@northfield.example")), ("password", WRONG.to_owned())]);
        tries.push(tokio::spawn(async move { request.send().await.unwrap().status() }));
    }
    let mut refused = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            StatusCode::UNPROCESSABLE_ENTITY => {}
            StatusCode::SERVICE_UNAVAILABLE => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!(
        i64::from(refused) + app.events("session.refused").await,
        500,
        "each is either counted or told to come back"
    );
    app.sign_in(ADA).await;
}
