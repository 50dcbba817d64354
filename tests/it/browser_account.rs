//! The screens around an account that everybody can read and reach: second factors, the question who one is, what waits, settings and
//! help; at a desk, on a phone, and at 400 % zoom, in light and dark.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};

use crate::{
    browser::STAFF,
    browser_pages::Look,
    reset::{code_for, code_in, mail_that},
    support::{
        app::{Database, PASSWORD, TestApp, phone_with},
        browser::{Browser, Options},
        keys,
    },
};

const BEN: &str = "ben@northfield.example";
const ADA: &str = "ada@northfield.example";

/// 1280 pixels at 400 %.
fn zoomed() -> Options {
    Options { width: 320, height: 256, ..Options::phone() }
}

/// Joining: the second factor is set up, with a mistyped code, and the recovery codes are shown.
async fn joins(look: &mut Look<'_>, app: &TestApp) {
    let browser = look.browser;
    let invitation = app.invite(&app.admin_caller().await, app.cardiology, STAFF, BEN).await;
    browser.goto(&format!("{}/join#{}", app.url, app.code(invitation, 1))).await;
    browser.wait_text("Create your account").await;
    browser.fill("#full_name", "Ben Ortiz").await;
    browser.fill("#password", PASSWORD).await;
    browser.press(Some("#password"), keys::ENTER).await;
    look.once("Protect your account").await;
    browser.press(Some("#code"), &format!("000000{}", keys::ENTER)).await;
    browser.wait_text("There is a problem").await;
    browser.eval("document.querySelector('details.more').open = true").await;
    look.at("second factor with a wrong code").await;
    let phone = phone_with(&browser.text(".key").await);
    browser.press(Some("#code"), &format!("{}{}", phone.generate(app.seconds()), keys::ENTER)).await;
    look.once("Your recovery codes").await;
    browser.click_text(Some("a"), "I have kept them: go on").await;
    browser.wait_url("/patients").await;
}

/// Signing in by keyboard, with the code mistyped once.
async fn signs_in(look: &mut Look<'_>, app: &TestApp, email: &str) {
    let browser = look.browser;
    browser.goto(&format!("{}/sign-in", app.url)).await;
    browser.press(Some("#email"), email).await;
    browser.press(Some("#password"), &format!("{PASSWORD}{}", keys::ENTER)).await;
    look.once("One more proof").await;
    browser.press(None, &format!("000000{}", keys::ENTER)).await;
    look.once("You are not signed in yet").await;
    browser.press(Some("#code"), &format!("{}{}", app.code_of(email).await, keys::ENTER)).await;
    browser.wait_for(".bar-end summary").await;
}

async fn proves(look: &mut Look<'_>, app: &TestApp) {
    let browser = look.browser;
    app.advance(Duration::from_secs(11 * 60));
    browser.goto(&format!("{}{}/roles/new", app.url, app.organisation.path())).await;
    browser.press(Some("#name"), "Night Shift").await;
    browser.press(None, keys::ENTER).await;
    browser.wait_text("What you entered is kept").await;
    look.at("prove").await;
    browser.press(None, &format!("not it at all{}", keys::TAB)).await;
    browser.press(Some("#code"), &format!("000000{}", keys::ENTER)).await;
    look.once("This is not your password").await;
    browser.goto(&format!("{}/continue", app.url)).await;
    look.once("Go on where you were").await;
    browser.eval("document.querySelector('details.more').open = true").await;
    look.once("Night Shift").await;
}

async fn everybody_can_read_and_reach_it(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("kim", RoleKey::Default(DefaultRole::AccessController), app.organisation).await;
    let browser = Browser::open(options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    joins(&mut look, &app).await;
    look.visit(format!("{}/profile", app.url)).await;
    browser.devtools("Network.clearBrowserCookies", serde_json::json!({})).await;
    signs_in(&mut look, &app, ADA).await;
    look.visit(format!("{}{}/settings", app.url, app.organisation.path())).await;
    let id = app.member("ben").await;
    for page in ["second-factor", "password-link"] {
        look.visit(format!("{}{}/staff/{id}/{page}", app.url, app.cardiology.path())).await;
    }
    proves(&mut look, &app).await;
    // Sent when the session was over.
    app.advance(Duration::from_secs(61 * 60));
    browser.goto(&format!("{}/sign-in", app.url)).await;
    look.once("nothing that you entered is lost").await;

    look.visit(format!("{}/forgot", app.url)).await;
    let code = code_for(&app, BEN).await;
    browser.goto(&format!("{}/reset#{code}", app.url)).await;
    look.once("Choosing it ends every session").await;
    browser.press(Some("#password"), &format!("{PASSWORD} anew{}", keys::ENTER)).await;
    browser.wait_text("Your password was changed").await;
    app.send_mail().await;
    let code = code_in(&mail_that(&app, BEN, "Your password was changed"), "cpn1_");
    browser.goto(&format!("{}/not-me#{code}", app.url)).await;
    look.once("Was this not you?").await;
    browser.click_text(Some("button"), "It was not me: secure my account").await;
    look.once("Your account is secured").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_kept_by_everybody_at_a_desk() {
    everybody_can_read_and_reach_it(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_kept_by_everybody_on_a_phone() {
    everybody_can_read_and_reach_it(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_kept_by_everybody_at_400_percent() {
    everybody_can_read_and_reach_it(zoomed()).await;
}
