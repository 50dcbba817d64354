//! Links to choose a password: they work once, die of much, and a new password ends what the old one had opened. Who is sent one is
//! in `forgot.rs`.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity::{self, RESET, actions::Change},
    op::Op,
    staff,
    types::PasswordResetId,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const NEW: &str = "violet anchor morning gravel";

pub async fn ask(app: &TestApp, email: &str) {
    assert_eq!(location(&app.visitor().post("/forgot", &[("email", email)]).await), "/forgot/asked");
}

/// Asks, and gives the code that the newest mail holds.
pub async fn code_for(app: &TestApp, email: &str) -> String {
    let before = app.mails_to(email);
    ask(app, email).await;
    app.send_mail().await;
    let new = app.mails_to(email).into_iter().find(|mail| mail.contains("cpr1_") && !before.contains(mail));
    code_in(&new.unwrap_or_else(|| panic!("no link for {email}")), "cpr1_")
}

/// A mail to this address that begins so.
pub fn mail_that(app: &TestApp, email: &str, begins: &str) -> String {
    let mut mails = app.mails_to(email).into_iter();
    mails.find(|mail| mail.starts_with(begins)).unwrap_or_else(|| panic!("no “{begins}” to {email}"))
}

pub fn code_in(mail: &str, prefix: &str) -> String {
    let word = mail.split_whitespace().find(|word| word.starts_with(prefix));
    word.unwrap_or_else(|| panic!("no code in {mail}")).to_owned()
}

/// Opens a link as its page's script does; what the page behind it shows.
pub async fn open(person: &Person, path: &str, code: &str) -> (StatusCode, String) {
    let answer = person.post(path, &[("code", code)]).await;
    assert_eq!(location(&answer), path, "{}", answer.status());
    let page = person.get(path).await;
    (page.status(), page.text().await.unwrap())
}

fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let mark = format!("name=\"{name}\" value=\"");
    page.split(&mark).nth(1).unwrap_or_else(|| panic!("no {name} in {page}")).split('"').next().unwrap()
}

/// Chooses a password by the code; the answer of the last step.
async fn choose(app: &TestApp, code: &str, password: &str) -> reqwest::Response {
    let person = app.visitor();
    let id = PasswordResetId::from_uuid(RESET.parse(code).unwrap().id).to_string();
    person.post("/reset", &[("code", code)]).await;
    person.post("/reset/password", &[("reset", &id), ("password", password)]).await
}

pub async fn resets(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM password_resets").await
}

pub async fn mails(app: &TestApp, kind: &str) -> i64 {
    app.count(&format!("SELECT COUNT(*) FROM mails WHERE kind = '{kind}'")).await
}

async fn signs_in(app: &TestApp, email: &str, password: &str) -> bool {
    let answer = app.visitor().post("/sign-in", &[("email", email), ("password", password)]).await;
    answer.status() == StatusCode::SEE_OTHER
}

on_both! {
    async fn auth_10_a_link_works_once_and_signs_nobody_in(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        let person = app.visitor();
        let (status, page) = open(&person, "/reset", &code).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("value=\"ben@northfield.example\"") && page.contains("new-password") && !page.contains(&code[10..40]));
        let id = hidden(&page, "reset").to_owned();
        let answer = person.post("/reset/password", &[("reset", &id), ("password", NEW)]).await;
        assert_eq!(location(&answer), "/sign-in");
        assert_eq!(location(&person.get("/").await), "/sign-in", "nobody is signed in by it");
        assert!(person.page("/sign-in").await.contains("Your password was changed"));
        assert!(!signs_in(app, "ben@northfield.example", PASSWORD).await);
        assert!(signs_in(app, "ben@northfield.example", NEW).await);
        for password in [NEW, "another violet anchor gravel"] {
            let again = choose(app, &code, password).await;
            assert_eq!(again.status(), StatusCode::GONE);
        }
        assert!(signs_in(app, "ben@northfield.example", NEW).await);
        assert_eq!(app.events("password.reset").await, 1);
        app.send_mail().await;
        let mail = mail_that(app, "ben@northfield.example", "Your password was changed");
        assert!(mail.contains("cpn1_") && mail.contains("127.0.0.1"), "{mail}");
    }

    async fn auth_10_a_link_lives_an_hour_to_the_second(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        // Nothing but the clock runs in these tests: no job ends a link.
        let early = code_for(app, "ben@northfield.example").await;
        app.advance(Duration::from_secs(3599));
        assert_eq!(location(&choose(app, &early, NEW).await), "/sign-in");
        let late = code_for(app, "ben@northfield.example").await;
        app.advance(Duration::from_secs(3600));
        assert_eq!(choose(app, &late, PASSWORD).await.status(), StatusCode::GONE);
        assert!(signs_in(app, "ben@northfield.example", NEW).await);
    }

    async fn auth_10_one_link_used_the_others_are_dead(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let first = code_for(app, "ben@northfield.example").await;
        let second = code_for(app, "ben@northfield.example").await;
        assert_ne!(first, second);
        assert!(open(&app.visitor(), "/reset", &first).await.1.contains("new-password"), "asking again kills nothing: mail comes in any order");
        assert_eq!(location(&choose(app, &second, NEW).await), "/sign-in");
        assert_eq!(choose(app, &first, PASSWORD).await.status(), StatusCode::GONE);
    }

    async fn auth_10_a_change_of_the_password_kills_every_link(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        app.advance(Duration::from_secs(1));
        let ben = identity::actions::act_from_terminal(&app.portal, "ben@northfield.example").await.unwrap();
        let account = identity::actions::account_of(app.portal.db.reader(), ben.actor().unwrap().account).await.unwrap();
        let hashed = identity::actions::hash_password(&app.portal, NEW, &[]).await.unwrap();
        let mut op = Op::begin(&app.portal, &ben).await.unwrap();
        let kept = app.portal.new_id();
        identity::actions::change_password(&mut op, &account, hashed, Change::InProfile(kept)).await.unwrap();
        op.commit().await.unwrap();
        assert_eq!(choose(app, &code, PASSWORD).await.status(), StatusCode::GONE);
        // Even a link that nobody has ended is dead once the password is newer than it is.
        app.execute("UPDATE password_resets SET expires_at = expires_at + 99999999, used_at = NULL").await;
        assert_eq!(choose(app, &code, PASSWORD).await.status(), StatusCode::GONE);
        assert!(signs_in(app, "ben@northfield.example", NEW).await);
        assert_eq!(app.events("password.changed").await, 1);
    }

    async fn auth_10_many_at_once_use_a_link_once(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let codes = [code_for(app, "ben@northfield.example").await, code_for(app, "ben@northfield.example").await];
        let tries: Vec<_> = (0..32).map(|n| {
            let (portal, code) = (app.portal.clone(), RESET.parse(&codes[n % 2]).unwrap());
            tokio::spawn(async move {
                let origin = care_portal::access::Origin::default();
                identity::actions::reset_password(&portal, &origin, Some(&code), &format!("{NEW} number {n}")).await.unwrap()
            })
        }).collect();
        let mut done = 0;
        for one in tries {
            done += i32::from(one.await.unwrap());
        }
        assert_eq!(done, 1);
        assert_eq!(app.events("password.reset").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM password_resets WHERE used_at IS NOT NULL").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM notices").await, 1);
    }

    async fn auth_05_a_new_password_ends_sessions_and_trust_but_no_keys(app: &TestApp) {
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let patients = format!("{}/patients", app.cardiology.path());
        let form = [("name", "Roster"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
        ben.post("/profile/api-keys", &form).await;
        let account = app.uuid("SELECT id FROM accounts WHERE email_key = 'ben@northfield.example'").await;
        let id = app.literal(account);
        let bytes = if app.portal.db.is_sqlite() { "x'01'" } else { "'\\x01'" };
        app.execute(&format!(
            "INSERT INTO browsers (id, account_id, token_hash, address, agent, created_at, seen_at, trusted_until) VALUES ({id}, {id}, {bytes}, '', '', 1, 1, 9999999999999)"
        )).await;
        for _ in 0..5 {
            signs_in(app, "ben@northfield.example", "wrong wrong wrong").await;
        }
        let ada = app.admin().await;
        let code = code_for(app, "ben@northfield.example").await;
        choose(app, &code, NEW).await;
        assert!(location(&ben.get(&patients).await).starts_with("/sign-in"), "the old session is dead");
        assert_eq!(ada.get("/profile").await.status(), StatusCode::OK, "others stay");
        assert_eq!(app.count("SELECT COUNT(*) FROM browsers WHERE trusted_until IS NOT NULL").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL").await, 1);
        assert!(signs_in(app, "ben@northfield.example", NEW).await, "the failed tries are forgotten");
    }

    async fn a_weak_password_comes_back_beside_its_field_and_uses_nothing_up(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        for (password, message) in [("short", "more characters needed"), ("passwordpassword", "made of words about you or this place"), ("ben.northfield.example", "words about you")] {
            let answer = choose(app, &code, password).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains(message) && page.contains("password-error") && !page.contains(&format!("\"{password}\"")), "{page}");
        }
        let person = app.visitor();
        open(&person, "/reset", &code).await;
        let (status, judged) = person.json("POST", "/reset/password-strength", Some(serde_json::json!({ "password": NEW }))).await;
        assert_eq!((status, judged["enough"].as_bool()), (StatusCode::OK, Some(true)));
        assert_eq!(app.visitor().json("POST", "/reset/password-strength", Some(serde_json::json!({ "password": NEW }))).await.0, StatusCode::NOT_FOUND);
        assert_eq!(location(&choose(app, &code, NEW).await), "/sign-in");
    }

    async fn dead_links_look_alike_and_guesses_are_counted(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let used = code_for(app, "ben@northfield.example").await;
        choose(app, &used, NEW).await;
        let expired = code_for(app, "ben@northfield.example").await;
        let mut guessed = expired.clone();
        guessed.replace_range(60..=60, if &guessed[60..=60] == "A" { "B" } else { "A" });
        app.advance(Duration::from_secs(3600));
        let mut pages = Vec::new();
        for code in [&used, &expired, &guessed] {
            let (status, page) = open(&app.visitor(), "/reset", code).await;
            assert_eq!(status, StatusCode::GONE);
            assert!(!page.contains("northfield.example") && page.contains("does not work"));
            pages.push(page);
        }
        assert!(pages.iter().all(|page| *page == pages[0]));
        for _ in 0..49 {
            open(&app.visitor(), "/reset", &guessed).await;
        }
        let person = app.visitor();
        person.post("/reset", &[("code", &guessed)]).await;
        let answer = person.get("/reset").await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(answer.headers().contains_key("retry-after"));
        app.advance(Duration::from_secs(31));
        let code = code_for(app, "ben@northfield.example").await;
        assert_eq!(open(&app.visitor(), "/reset", &code).await.0, StatusCode::OK);
    }

    async fn inv_15_no_link_is_taken_where_another_is_asked_for(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let invitation = app.invite(&app.admin_caller().await, app.diabetes, STAFF, "chidi@northfield.example").await;
        let reset = code_for(app, "ben@northfield.example").await;
        choose(app, &reset, NEW).await;
        let reset = code_for(app, "ben@northfield.example").await;
        let notice = code_in(&mail_that(app, "ben@northfield.example", "Your password was changed"), "cpn1_");
        let invitation = app.code(invitation, 1);
        let doors = [("/join", "cpi1_", &invitation), ("/reset", "cpr1_", &reset), ("/not-me", "cpn1_", &notice)];
        for (path, prefix, own) in doors {
            for (_, _, other) in doors.iter().filter(|(other, ..)| *other != path) {
                let answer = app.visitor().post(path, &[("code", other)]).await;
                assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{other} at {path}");
                // With the right prefix in front of it, it is a guess like any other.
                let (status, _) = open(&app.visitor(), path, &format!("{prefix}{}", &other[5..])).await;
                assert!([StatusCode::GONE, StatusCode::NOT_FOUND].contains(&status), "{other} at {path}: {status}");
            }
            assert_eq!(open(&app.visitor(), path, own).await.0, StatusCode::OK, "{path}");
        }
    }

    async fn inv_02_no_link_is_readable_in_the_database(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        choose(app, &code, NEW).await;
        app.send_mail().await;
        let notice = code_in(&mail_that(app, "ben@northfield.example", "Your password was changed"), "cpn1_");
        for table in ["password_resets", "notices", "mails", "events", "attempts"] {
            let text = app.dump(table).await;
            assert!(!text.contains(&code[30..60]) && !text.contains(&notice[30..60]) && !text.contains(NEW), "{table}");
        }
    }

    async fn auth_06_removal_kills_links_that_are_open_or_queued(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        ask(app, "ben@northfield.example").await;
        identity::actions::answer_reset_requests(&app.portal).await.unwrap();
        let admin = app.admin_caller().await;
        let membership = app.uuid("SELECT id FROM memberships WHERE email_key = 'ben@northfield.example'").await;
        let ids = [care_portal::types::MembershipId::from_uuid(membership)];
        staff::actions::remove_from_team(&app.portal, &admin, app.cardiology, &ids).await.unwrap();
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'password_reset' AND state = 'withdrawn'").await, 1);
        assert_eq!(choose(app, &code, NEW).await.status(), StatusCode::GONE);
        // Invited anew, the same person needs a password to accept with, and can get one.
        app.invite(&admin, app.diabetes, STAFF, "ben@northfield.example").await;
        let code = code_for(app, "ben@northfield.example").await;
        assert_eq!(location(&choose(app, &code, NEW).await), "/sign-in");
        assert!(signs_in(app, "ben@northfield.example", NEW).await);
    }

    async fn web_05_looking_changes_nothing(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let code = code_for(app, "ben@northfield.example").await;
        for _ in 0..20 {
            let scanner = app.visitor();
            let (_, page) = open(&scanner, "/reset", &code).await;
            assert!(page.contains("/reset/password"));
            assert_eq!(scanner.get("/reset/password").await.status(), StatusCode::METHOD_NOT_ALLOWED);
        }
        let foreign = app.visitor().client.post(format!("{}/reset/password", app.url)).header("sec-fetch-site", "cross-site").form(&[("password", NEW)]);
        assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(location(&choose(app, &code, NEW).await), "/sign-in");
    }

    async fn the_page_of_one_link_never_changes_another_password(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        let (first, second) = (code_for(app, "ben@northfield.example").await, code_for(app, "ada@northfield.example").await);
        let person = app.visitor();
        let (_, page) = open(&person, "/reset", &first).await;
        open(&person, "/reset", &second).await;
        let answer = person.post("/reset/password", &[("reset", hidden(&page, "reset")), ("password", NEW)]).await;
        assert_eq!(answer.status(), StatusCode::CONFLICT);
        assert!(signs_in(app, "ada@northfield.example", PASSWORD).await);
    }
}
