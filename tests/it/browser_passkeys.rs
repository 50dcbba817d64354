//! Passkeys in a real browser, with a device of Chromium's own making: as a person meets them, by keyboard too.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    browser::{STAFF, complaints},
    support::{
        app::{Database, PASSWORD, TestApp},
        axe::serious_violations,
        browser::{Browser, Options},
        keys,
    },
};

/// A device that is part of the browser, as a laptop's fingerprint reader is. Answers its id.
async fn plug_in(browser: &Browser) -> String {
    let device = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
        "isUserConsenting": true, "isUserVerified": true,
    });
    let id = browser.command("POST", "/webauthn/authenticator", device).await.expect("a device");
    id.as_str().unwrap().to_owned()
}

/// Whether the device knows its user's finger from now on.
async fn recognise(browser: &Browser, device: &str, does: bool) {
    let path = format!("/webauthn/authenticator/{device}/uv");
    browser.command("POST", &path, json!({ "isUserVerified": does })).await.expect("the device obeys");
}

/// Goes by Tab to what has this text, and presses it with Enter.
async fn press_by_keyboard(browser: &Browser, text: &str) {
    for _ in 0..30 {
        browser.press(None, keys::TAB).await;
        if browser.eval("return document.activeElement.textContent.trim()").await == text {
            browser.press(None, keys::ENTER).await;
            return;
        }
    }
    panic!("no Tab leads to {text:?}");
}

async fn said(browser: &Browser) -> Value {
    browser.eval("return document.querySelector('[data-said]').textContent").await
}

async fn sign_out(browser: &Browser, app: &TestApp) {
    browser.goto(&format!("{}/profile", app.url)).await;
    browser.eval("document.querySelector(\"form[action='/sign-out']\").submit()").await;
    browser.wait_url("/sign-in").await;
}

/// Ben, who has just made his account and set up a passkey and nothing else.
async fn ben_with_passkey(app: &TestApp, browser: &Browser) {
    let invitation = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
    browser.goto(&format!("{}/join#{}", app.url, app.code(invitation, 1))).await;
    browser.wait_text("Create your account").await;
    browser.fill("#full_name", "Ben Ortiz").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form[action='/join/accept'] .primary").await;
    browser.wait_text("Protect your account").await;
    browser.wait_for("[data-passkey-add]").await;
    assert!(serious_violations(browser).await.is_empty());
    browser.fill("#name", "Ward laptop").await;
    press_by_keyboard(browser, "Add a passkey").await;
    browser.wait_text("Your recovery codes").await;
    browser.click_text(Some("a"), "I have kept them: go on").await;
    browser.wait_url("/patients").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_set_up_with_the_account_and_is_the_second_factor() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    for (options, others) in [(Options::default(), "first"), (Options { dark: true, ..Options::phone() }, "second")] {
        let browser = Browser::open(options).await;
        let device = plug_in(&browser).await;
        if others == "second" {
            for table in ["sessions", "browsers", "passkeys", "recovery_codes"] {
                app.execute(&format!("DELETE FROM {table} WHERE account_id = (SELECT id FROM accounts WHERE email_key = 'ben@northfield.example')")).await;
            }
            browser.goto(&format!("{}/sign-in", app.url)).await;
            browser.fill("#email", "ben@northfield.example").await;
            browser.fill("#password", PASSWORD).await;
            browser.click("form.stack .primary").await;
            browser.wait_text("Protect your account").await;
            press_by_keyboard(&browser, "Add a passkey").await;
            browser.wait_text("Your recovery codes").await;
        } else {
            ben_with_passkey(&app, &browser).await;
        }
        // Chromium's device takes up every offer by itself, as long as it knows the finger.
        recognise(&browser, &device, false).await;
        sign_out(&browser, &app).await;
        browser.fill("#email", "ben@northfield.example").await;
        browser.fill("#password", PASSWORD).await;
        browser.click("form.stack .primary").await;
        browser.wait_text("One more proof").await;
        recognise(&browser, &device, true).await;
        browser.wait_for("[data-passkey] button").await;
        assert!(serious_violations(&browser).await.is_empty());
        press_by_keyboard(&browser, "Use a passkey").await;
        browser.wait_text("Cardiology").await;
        assert_eq!(complaints(&browser).await, Vec::<String>::new());
        browser.close().await;
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM passkeys").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_signs_in_alone_by_its_button() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    let browser = Browser::open(Options::default()).await;
    let device = plug_in(&browser).await;
    ben_with_passkey(&app, &browser).await;
    // A finger that the device does not know, so that nothing signs in by itself.
    recognise(&browser, &device, false).await;
    sign_out(&browser, &app).await;
    browser.wait_for("[data-passkey='sign-in'] button").await;
    assert!(serious_violations(&browser).await.is_empty());
    browser.fill("#email", "ben@northfield.example").await;
    press_by_keyboard(&browser, "Sign in with a passkey").await;
    browser.wait_text("No passkey was used. Nothing is lost").await;
    assert_eq!(browser.eval("return document.getElementById('email').value").await, "ben@northfield.example");
    recognise(&browser, &device, true).await;
    browser.click_text(Some("button"), "Sign in with a passkey").await;
    browser.wait_text("Cardiology").await;
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
    assert!(app.count("SELECT COUNT(*) FROM sessions WHERE means = 'passkey' AND state = 'whole'").await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_offered_where_the_address_is_typed() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    let browser = Browser::open(Options::default()).await;
    plug_in(&browser).await;
    ben_with_passkey(&app, &browser).await;
    sign_out(&browser, &app).await;
    let autocomplete = browser.eval("return document.getElementById('email')?.autocomplete ?? ''").await;
    assert_eq!(autocomplete, "username webauthn");
    // Chromium's made-up device is chosen from the list by itself.
    browser.wait_text("Cardiology").await;
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_proves_anew_by_its_button_and_what_was_typed_goes_on() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    let browser = Browser::open(Options::default()).await;
    plug_in(&browser).await;
    ben_with_passkey(&app, &browser).await;
    app.advance(Duration::from_secs(11 * 60));
    browser.goto(&format!("{}/second-factor/set-up", app.url)).await;
    browser.wait_text("Confirm that it is you").await;
    browser.wait_for("[data-passkey='prove'] button").await;
    assert!(serious_violations(&browser).await.is_empty());
    press_by_keyboard(&browser, "Use a passkey").await;
    browser.wait_text("Add a second factor").await;
    // A form that was stopped by the question is sent after it, as after a password.
    app.advance(Duration::from_secs(11 * 60));
    browser.goto(&format!("{}/profile", app.url)).await;
    browser.click_text(Some("summary"), "Make a new key").await;
    browser.fill("details[open] [name='name']", "Roster").await;
    browser.click("details[open] [name='permissions']").await;
    browser.click_text(Some("button"), "Make key").await;
    browser.wait_text("Confirm that it is you").await;
    browser.click_text(Some("button"), "Use a passkey").await;
    browser.wait_for("#new-key").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM api_keys WHERE name = 'Roster'").await, 1);
    assert_eq!(complaints(&browser).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_no_longer_known_is_a_calm_sentence() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    let browser = Browser::open(Options::default()).await;
    plug_in(&browser).await;
    ben_with_passkey(&app, &browser).await;
    app.execute("DELETE FROM passkeys").await;
    browser.goto(&format!("{}/profile", app.url)).await;
    app.execute("DELETE FROM sessions").await;
    browser.goto(&format!("{}/sign-in", app.url)).await;
    browser.wait_text("This passkey signs nobody in here").await;
    assert_eq!(said(&browser).await, "This passkey signs nobody in here. Use another one, or your password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_script_or_without_a_device_everything_else_works() {
    let app = TestApp::start_by_name(Database::Sqlite).await;
    let browser = Browser::open(Options { script: false, ..Options::default() }).await;
    browser.goto(&format!("{}/sign-in", app.url)).await;
    assert!(!browser.eval("return document.body.innerText.includes('passkey')").await.as_bool().unwrap());
    browser.fill("#email", "ada@northfield.example").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form.stack .primary").await;
    browser.fill("#code", &app.code_of("ada@northfield.example").await).await;
    browser.click("form.stack .primary").await;
    browser.wait_text("My Deployments").await;
    browser.goto(&format!("{}/second-factor/set-up", app.url)).await;
    browser.wait_text("With an authenticator app").await;
    assert!(!browser.eval("return document.querySelector('#with-passkey').checkVisibility()").await.as_bool().unwrap());
}
