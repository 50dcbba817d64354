//! The end of a session in a real browser (A11Y-03): said in time, put off by one press, covered at the end, and nothing that was typed
//! is lost. And what the Back button shows after signing out: nothing.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use serde_json::{Value, json};

use crate::{
    browser::{complaints, sign_in},
    browser_pages::Look,
    support::{
        app::{Database, PASSWORD, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

const ADA: &str = "ada@northfield.example";
const WREN: &str = "wren@northfield.example";
const TYPED: &str = "Night Shift";
/// A page waits a hundredth of what it means to wait: a session lives five minutes at least, and the portal's own clock is turned by
/// the test.
const HURRY: &str = "const real = window.setTimeout;
    window.setTimeout = (task, wait, ...rest) => real(task, wait > 2000 ? wait / 100 : wait, ...rest);";

async fn with_five_minutes() -> TestApp {
    TestApp::start_with(Database::Sqlite, &[("SESSION_IDLE_MINUTES", "5".to_owned())]).await
}

fn new_role(app: &TestApp) -> String {
    format!("{}{}/roles/new", app.url, app.organisation.path())
}

/// Ada, who has begun to write down a new role.
async fn ada_typing(app: &TestApp, options: Options) -> Browser {
    let browser = Browser::open(options).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HURRY })).await;
    sign_in(&browser, app, ADA, PASSWORD).await;
    browser.goto(&new_role(app)).await;
    browser.fill("#name", TYPED).await;
    browser
}

async fn typed(browser: &Browser) -> Value {
    browser.eval("return document.getElementById('name').value").await
}

/// How many seconds the portal says are left; asked as the page itself asks.
async fn left(browser: &Browser) -> i64 {
    let answer = browser.eval("return fetch('/session').then((answer) => answer.json())").await;
    answer["seconds_left"].as_i64().unwrap()
}

/// Whether anything of the page can be seen or read out.
async fn is_covered(browser: &Browser) -> bool {
    let seen = "const seen = (it) => it.checkVisibility({ visibilityProperty: true });
        return [...document.querySelectorAll('body > :not(.session), body > :not(.session) *')].some(seen)";
    browser.eval(seen).await == false
}

async fn dialog_is_gone(browser: &Browser) {
    let gone = "return new Promise((done) => { const look = () => document.querySelector('.session') ? requestAnimationFrame(look) : done(true); look(); })";
    assert_eq!(browser.eval(gone).await, true);
}

async fn roles(app: &TestApp) -> i64 {
    app.count(&format!("SELECT COUNT(*) FROM custom_roles WHERE name = '{TYPED}'")).await
}

/// Signs in as somebody in the tab that is open, which shows the sign-in page.
async fn give_proofs(browser: &Browser, app: &TestApp, email: &str) {
    browser.fill("#email", email).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form.stack .primary").await;
    browser.wait_text("One more proof").await;
    browser.fill("#code", &app.code_of(email).await).await;
    browser.click("form.stack .primary").await;
}

/// Follows the dialog's link, signs in in the tab that it opens, closes that and comes back.
async fn sign_in_in_new_tab(browser: &Browser, app: &TestApp, email: &str) {
    let first = browser.command("GET", "/window", Value::Null).await.unwrap();
    browser.click_text(Some("a"), "Sign in (new tab)").await;
    let handles = browser.command("GET", "/window/handles", Value::Null).await.unwrap();
    let second = handles.as_array().unwrap().iter().find(|handle| **handle != first).unwrap().clone();
    browser.command("POST", "/window", json!({ "handle": second })).await.unwrap();
    give_proofs(browser, app, email).await;
    browser.wait_text(if email == ADA { "My Deployments" } else { "Patient List" }).await;
    browser.command("DELETE", "/window", json!({})).await.unwrap();
    browser.command("POST", "/window", json!({ "handle": first })).await.unwrap();
}

async fn is_said_and_put_off(options: Options) {
    let app = with_five_minutes().await;
    let browser = ada_typing(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    app.advance(Duration::from_secs(225));
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!browser.exists(".session").await, "75 seconds before the end nobody is disturbed");
    app.advance(Duration::from_secs(5));
    browser.wait_for(".session").await;
    assert!(left(&browser).await >= 60, "a full minute is left");
    look.once("You will be signed out in one minute").await;
    let spoken = "const it = document.querySelector('.session');
        const text = (name) => document.getElementById(it.getAttribute(name)).textContent;
        return [it.getAttribute('role'), text('aria-labelledby'), text('aria-describedby').length > 40, it.matches(':modal'), document.activeElement.textContent]";
    let expected = json!(["alertdialog", "You will be signed out in one minute", true, true, "Stay signed in"]);
    assert_eq!(browser.eval(spoken).await, expected);
    for _ in 0..2 {
        browser.press(None, keys::ESCAPE).await;
    }
    assert!(browser.exists(".session").await, "Escape alone decides nothing");
    browser.press(None, keys::ENTER).await;
    dialog_is_gone(&browser).await;
    assert_eq!(left(&browser).await, 300, "one press, and all of it begins anew");
    assert_eq!(browser.eval("return document.activeElement.id").await, "name", "the focus is where it was");
    assert_eq!(typed(&browser).await, TYPED);

    // Somebody who has gone away does not press.
    app.advance(Duration::from_secs(230));
    browser.wait_for(".session").await;
    app.advance(Duration::from_secs(71));
    look.once("You have been signed out").await;
    assert!(is_covered(&browser).await, "nothing private can be seen");
    assert_eq!(browser.eval("return document.querySelector('.session').role").await, "alertdialog");
    browser.click_text(Some("button"), "I have signed in: go on").await;
    look.once("You are not signed in yet.").await;
    assert!(is_covered(&browser).await);
    sign_in_in_new_tab(&browser, &app, ADA).await;
    browser.click_text(Some("button"), "I have signed in: go on").await;
    dialog_is_gone(&browser).await;
    assert!(!is_covered(&browser).await);
    assert_eq!(typed(&browser).await, TYPED, "what was typed is still there");
    browser.click_text(Some("button"), "Add role").await;
    browser.wait_text(TYPED).await;
    assert_eq!(roles(&app).await, 1);
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_the_end_is_said_and_put_off_at_a_desk() {
    is_said_and_put_off(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_the_end_is_said_and_put_off_on_a_phone() {
    is_said_and_put_off(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_what_is_covered_is_not_uncovered_for_somebody_else() {
    let app = with_five_minutes().await;
    app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let browser = ada_typing(&app, Options::default()).await;
    // An open window is private too.
    browser.goto(&format!("{}{}/staff", app.url, app.organisation.path())).await;
    browser.click(".title-end summary").await;
    browser.click(".title-end .panel a").await;
    browser.wait_for("dialog #addresses").await;
    app.advance(Duration::from_secs(301));
    browser.wait_text("You have been signed out").await;
    assert!(is_covered(&browser).await, "and so is the window");
    sign_in_in_new_tab(&browser, &app, WREN).await;
    browser.click_text(Some("button"), "I have signed in: go on").await;
    browser.wait_url("/patients").await;
    browser.wait_text("wren Example").await;
    assert!(!browser.eval("return document.body.innerText").await.as_str().unwrap().contains("Ada Okafor"));
    assert_eq!(complaints(&browser).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_nobody_stays_signed_in_beyond_the_working_day_and_is_told_so() {
    let app = TestApp::start_with(Database::Sqlite, &[("SESSION_HOURS", "1".to_owned())]).await;
    let browser = ada_typing(&app, Options::default()).await;
    app.advance(Duration::from_secs(3600 - 65));
    // As when somebody comes back to the tab, or the computer wakes: the page asks at once, and does not wait for its own timer.
    browser.eval("document.dispatchEvent(new Event('visibilitychange'))").await;
    browser.wait_for(".session").await;
    browser.click_text(Some("button"), "Stay signed in").await;
    browser.wait_text("A session lasts one working day and no longer").await;
    browser.click_text(Some("button"), "Go on").await;
    dialog_is_gone(&browser).await;
    app.advance(Duration::from_secs(66));
    browser.wait_text("You have been signed out").await;
    assert_eq!(typed(&browser).await, TYPED);
}

/// A form that is sent when the session is over, with script or without.
async fn sent_too_late(script: bool) {
    let app = with_five_minutes().await;
    let browser = Browser::open(Options { script, ..Options::default() }).await;
    sign_in(&browser, &app, ADA, PASSWORD).await;
    browser.goto(&new_role(&app)).await;
    browser.fill("#name", TYPED).await;
    browser.click("input[value='view_staff']").await;
    app.advance(Duration::from_secs(301));
    browser.click_text(Some("button"), "Add role").await;
    browser.wait_url("/sign-in").await;
    browser.wait_text("nothing that you entered is lost").await;
    assert_eq!(roles(&app).await, 0);
    give_proofs(&browser, &app, ADA).await;
    if !script {
        browser.wait_text("Go on where you were").await;
        browser.click_text(Some("summary"), "What you had entered").await;
        browser.wait_text(TYPED).await;
        browser.click_text(Some("button"), "Send it now").await;
    }
    browser.wait_url("/roles").await;
    browser.wait_text(TYPED).await;
    assert_eq!(roles(&app).await, 1, "done once");
    assert_eq!(complaints(&browser).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_a_form_sent_too_late_goes_on_after_signing_in() {
    sent_too_late(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a11y_03_a_form_sent_too_late_goes_on_after_signing_in_without_script() {
    sent_too_late(false).await;
}

/// Presses Back until there is nothing before, and sees nothing that only Ada may see.
async fn back_shows_nothing(browser: &Browser, private: &str) {
    for _ in 0..3 {
        browser.command("POST", "/back", json!({})).await.unwrap();
        browser.wait_text("Sign in").await;
        let text = browser.eval("return document.documentElement.innerText").await;
        assert!(!text.as_str().unwrap().contains(private), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_06_after_signing_out_the_back_button_shows_nothing() {
    for script in [true, false] {
        let app = TestApp::start(Database::Sqlite).await;
        let browser = Browser::open(Options { script, ..Options::default() }).await;
        sign_in(&browser, &app, ADA, PASSWORD).await;
        let staff = format!("{}{}/staff", app.url, app.organisation.path());
        for path in ["?sort=email", "?q=ada"] {
            browser.goto(&format!("{staff}{path}")).await;
            browser.wait_text("Ada Okafor").await;
        }
        browser.click(".bar-end summary").await;
        browser.click_text(Some("button"), "Sign out").await;
        browser.wait_url("/sign-in").await;
        back_shows_nothing(&browser, "Ada Okafor").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_06_once_a_session_was_ended_elsewhere_the_back_button_shows_nothing() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = Browser::open(Options::default()).await;
    sign_in(&browser, &app, ADA, PASSWORD).await;
    let staff = format!("{}{}/staff", app.url, app.organisation.path());
    for path in ["?sort=email", "?q=ada", "?q=okafor"] {
        browser.goto(&format!("{staff}{path}")).await;
        browser.wait_text("Ada Okafor").await;
    }
    app.execute("DELETE FROM sessions").await;
    browser.goto(&format!("{}/sign-in", app.url)).await;
    back_shows_nothing(&browser, "Ada Okafor").await;
}
