//! A forgotten password and "This was not me" in a real browser: by keyboard alone, at a desk and on a phone, and without script.

use crate::{
    browser::{STAFF, complaints},
    browser_pages::Look,
    reset::{code_for, mail_that},
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

const BEN: &str = "ben@northfield.example";
const NEW: &str = "violet anchor morning gravel";

/// Goes on from one thing to the next until the one that says this has the focus.
async fn walk_to(browser: &Browser, text: &str) {
    for _ in 0..20 {
        browser.press(None, keys::TAB).await;
        let focused = "const it = document.activeElement; return it.labels?.[0]?.innerText ?? it.innerText";
        if browser.eval(focused).await.as_str().is_some_and(|it| it.trim().starts_with(text)) {
            return;
        }
    }
    panic!("no way by keyboard to {text}");
}

fn link_in(mail: &str, path: &str) -> String {
    let mark = format!("{path}#");
    mail.split_whitespace().find(|word| word.contains(&mark)).unwrap_or_else(|| panic!("no link in {mail}")).to_owned()
}

async fn by_keyboard(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("ben", STAFF, app.cardiology).await;
    let browser = Browser::open(options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };

    browser.goto(&format!("{}/sign-in", app.url)).await;
    walk_to(&browser, "Forgot Password").await;
    browser.press(None, keys::ENTER).await;
    look.once("Type the e-mail address of your account").await;
    browser.press(None, &format!("{BEN}{}", keys::ENTER)).await;
    look.once("Look into your mailbox").await;

    app.send_mail().await;
    let link = link_in(&mail_that(&app, BEN, "Choose a new password"), "/reset");
    browser.goto(&link).await;
    look.once("Choosing it ends every session").await;
    assert_eq!(browser.url().await, format!("{}/reset", app.url), "the code has left the address bar");
    walk_to(&browser, "New password").await;
    browser.press(None, "passwordpassword").await;
    look.once("made of words about you").await;
    browser.press(None, keys::ENTER).await;
    look.once("There is a problem").await;
    let focused = browser.eval("return document.activeElement.innerText").await;
    assert!(focused.as_str().unwrap().contains("There is a problem"), "the summary has the focus");
    walk_to(&browser, "New password").await;
    browser.press(None, &format!("{NEW}{}", keys::ENTER)).await;
    look.once("Your password was changed, and every session was ended.").await;
    assert!(browser.url().await.ends_with("/sign-in"));
    browser.goto(&link).await;
    look.once("This link does not work").await;

    app.send_mail().await;
    browser.goto(&link_in(&mail_that(&app, BEN, "Your password was changed"), "/not-me")).await;
    look.once("Was this not you?").await;
    walk_to(&browser, "It was not me").await;
    browser.press(None, keys::ENTER).await;
    look.once("Your account is secured").await;
    for path in ["/reset", "/not-me"] {
        browser.devtools("Network.clearBrowserCookies", serde_json::json!({})).await;
        look.visit(format!("{}{path}", app.url)).await;
        browser.press(Some("#code"), &format!("cpi1_{}", keys::ENTER)).await;
        look.once("This is not a code for this page").await;
    }
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_by_keyboard_at_a_desk() {
    by_keyboard(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_by_keyboard_on_a_phone() {
    by_keyboard(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_password_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("ben", STAFF, app.cardiology).await;
    let browser = Browser::open(Options { script: false, ..Options::default() }).await;
    let code = code_for(&app, BEN).await;
    browser.goto(&format!("{}/reset", app.url)).await;
    browser.fill("#code", &code).await;
    browser.click_text(Some("button"), "Go on").await;
    browser.wait_text("Choosing it ends every session").await;
    browser.fill("#password", NEW).await;
    browser.click_text(Some("button"), "Save the new password").await;
    browser.wait_text("Your password was changed").await;

    app.send_mail().await;
    let mail = mail_that(&app, BEN, "Your password was changed");
    browser.goto(&format!("{}/not-me", app.url)).await;
    // The whole link is what people paste.
    browser.fill("#code", &link_in(&mail, "/not-me")).await;
    browser.click_text(Some("button"), "Go on").await;
    browser.click_text(Some("button"), "It was not me: secure my account").await;
    browser.wait_text("Your account is secured").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}
