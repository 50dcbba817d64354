//! Help for the locked-out at the terminal: what it does, whom it refuses, by which exit status, and what the access log keeps.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    types::Clock,
};
use serde_json::{Value, json};

use crate::{
    cli::{portal, text},
    reset::mail_that,
    support::app::{Database, PASSWORD, TestApp, location},
};

const ADA: &str = "ada@northfield.example";
const BEN: &str = "ben@northfield.example";
const CORA: &str = "cora@northfield.example";
const REASON: &str = "Lost the phone; spoke to them on the ward";
const RESET: [&str; 2] = ["staff", "reset-second-factor"];
const LINK: [&str; 2] = ["staff", "send-password-link"];

/// Ben works in Cardiology, Cora decides about access there, and Boss is an Admin there.
async fn ward() -> TestApp {
    let app = TestApp::start(Database::Sqlite).await;
    // The command reads the machine's own clock: what it sends within a minute is due for this portal too.
    let behind = u64::try_from(Clock::System.now().0 - app.portal.now().0).unwrap_or(0);
    app.advance(Duration::from_millis(behind) + Duration::from_secs(60));
    for (word, role) in
        [("ben", DefaultRole::DeploymentStaff), ("cora", DefaultRole::AccessController), ("boss", DefaultRole::Admin)]
    {
        app.person(word, RoleKey::Default(role), app.cardiology).await;
    }
    app
}

/// Runs a command on the portal's own data, in somebody's name: the exit status, what it printed, what it complained of.
async fn run(app: &TestApp, command: [&str; 2], by: &str, arguments: &[&str]) -> (i32, String, String) {
    let data = app.portal.config.data_dir.clone();
    let all: Vec<String> =
        command.iter().chain(&["--as", by]).chain(arguments).map(|word| (*word).to_owned()).collect();
    let output = tokio::task::spawn_blocking(move || {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        portal(&data, &all)
    });
    let output = output.await.unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn detail_of(app: &TestApp, action: &str) -> Value {
    let log = app.dump("events").await;
    let rows: Vec<Value> = serde_json::from_str(&log).unwrap();
    let row = rows.iter().rev().find(|row| row["action"] == action).unwrap_or_else(|| panic!("no {action} in {log}"));
    assert!(row["origin"].as_str().unwrap().contains("terminal"), "{row}");
    serde_json::from_str(row["detail"].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_14_a_second_factor_is_reset_at_the_terminal() {
    let app = ward().await;
    let ben = app.sign_in(BEN).await;
    let (status, told, wrong) = run(&app, RESET, ADA, &["--reason", REASON, BEN]).await;
    assert_eq!((status, told.as_str(), wrong.as_str()), (0, "Reset\tben Example\talso told: nobody else\n", ""));
    assert!(location(&ben.get("/profile").await).starts_with("/sign-in"), "the session is over at its next click");
    let again = app.visitor();
    let answer = again.post("/sign-in", &[("email", BEN), ("password", PASSWORD)]).await;
    assert_eq!(location(&answer), "/second-factor/set-up");
    let detail = detail_of(&app, "second_factor.reset").await;
    assert_eq!((&detail["reason"], &detail["had"]), (&json!(REASON), &json!("Authenticator app")), "{detail}");
    assert!(detail["sessions"].as_i64().unwrap() > 0 && app.count("SELECT COUNT(*) FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE a.email_key = 'ben@northfield.example'").await == 1, "{detail}");
    app.send_mail().await;
    assert!(mail_that(&app, BEN, "Your second factor was reset").contains(REASON));

    // Where there is a second manager, they are told, and so is whoever ran it; JSON for programs.
    app.person("kim", RoleKey::Default(DefaultRole::AccessController), app.organisation).await;
    let (status, told, _) = run(&app, RESET, ADA, &["--reason", REASON, "--json", CORA]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, told), (0, json!({ "name": "cora Example", "also_told": "kim Example" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auth_14_the_terminal_refuses_as_the_page_does() {
    let app = ward().await;
    let boss = "boss@northfield.example";
    for command in [RESET, LINK] {
        let reason: &[&str] = if command == RESET { &["--reason", REASON] } else { &[] };
        let with = |email: &'static str| [reason, &[email]].concat();
        for (by, whom, expected, words) in [
            (CORA, boss, 3, "only an Admin"),
            (CORA, CORA, 3, "nobody changes their own access"),
            (BEN, CORA, 3, "You cannot do this"),
            (ADA, "nobody@northfield.example", 2, "nobody@northfield.example is not staff here"),
            ("nobody@northfield.example", BEN, 2, "There is no account nobody@northfield.example"),
        ] {
            let (status, told, wrong) = run(&app, command, by, &with(whom)).await;
            assert_eq!((status, told.as_str()), (expected, ""), "{command:?} of {whom} by {by}: {wrong}");
            assert!(
                wrong.starts_with("care-portal: ") && wrong.contains(words),
                "{command:?} of {whom} by {by}: {wrong}"
            );
        }
    }
    for (reason, words) in [("", "Write why"), (" \n ", "Write why"), (&"x".repeat(501)[..], "at most 500")] {
        let (status, _, wrong) = run(&app, RESET, ADA, &["--reason", reason, BEN]).await;
        assert!(status == 2 && wrong.contains(words), "{status} {wrong}");
    }
    let (status, _, wrong) = run(&app, RESET, ADA, &[BEN]).await;
    assert!(status == 2 && wrong.contains("--reason"), "{wrong}");
    let detail = detail_of(&app, "second_factor.reset_refused").await;
    assert_eq!(detail["given_reason"], REASON, "what was claimed is kept: {detail}");
    detail_of(&app, "password_reset.send_refused").await;
    assert_eq!(app.events("access.refused").await, 2, "who has no such permission is written down too");
    assert_eq!(app.events("second_factor.reset").await + app.events("password_reset.asked").await, 0);
    let without =
        "SELECT COUNT(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM authenticators f WHERE f.account_id = a.id)";
    assert_eq!((app.count(without).await, app.count("SELECT COUNT(*) FROM password_resets").await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_link_is_sent_at_the_terminal_three_times_a_day_and_never_shown() {
    let app = ward().await;
    let (status, told, wrong) = run(&app, LINK, CORA, &[BEN]).await;
    assert_eq!((status, told.as_str(), wrong.as_str()), (0, "Sent\tben Example\n", ""));
    let (status, told, _) = run(&app, LINK, CORA, &["--json", BEN]).await;
    assert_eq!((status, serde_json::from_str::<Value>(&told).unwrap()), (0, json!({ "name": "ben Example" })));
    assert_eq!(run(&app, LINK, ADA, &["--deployment", "Cardiology", BEN]).await.0, 0);
    let (status, _, wrong) = run(&app, LINK, ADA, &[BEN]).await;
    assert!(status == 2 && wrong.contains("Three links for a new password were mailed"), "{status} {wrong}");
    detail_of(&app, "password_reset.asked").await;
    assert_eq!(app.events("password_reset.asked").await, 3);
    app.send_mail().await;
    let links = app.mails_to(BEN).iter().filter(|mail| mail.contains("cpr1_")).count();
    assert_eq!(links, 3, "to the stored address");
    assert!([ADA, CORA].iter().all(|who| app.mails_to(who).iter().all(|mail| !mail.contains("cpr1_"))));
    assert!(mail_that(&app, BEN, "A new password was asked for").contains("asked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_day_is_brought_forward_at_the_terminal() {
    let app = ward().await;
    let begin = ["staff", "begin-now"];
    let (status, told, _) = run(&app, begin, ADA, &[BEN]).await;
    assert!(status != 0 && told.contains("this access has begun already"), "{told}");
    let later = app.portal.now().0 + 30 * 24 * 3600 * 1000;
    app.execute(&format!("UPDATE memberships SET starts_at = {later} WHERE email_key = '{BEN}'")).await;
    let ben = app.sign_in(BEN).await;
    let patients = format!("{}/patients", app.cardiology.path());
    assert_eq!(ben.get(&patients).await.status(), reqwest::StatusCode::NOT_FOUND);
    let (status, told, wrong) = run(&app, begin, ADA, &[BEN]).await;
    assert_eq!((status, told.contains("Changed\tben Example")), (0, true), "{told}{wrong}");
    assert_eq!(ben.get(&patients).await.status(), reqwest::StatusCode::OK);
    assert!(detail_of(&app, "membership.start_changed").await["starts_at"].is_string());
}
