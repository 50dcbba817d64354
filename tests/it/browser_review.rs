//! An access review in a real browser: by keyboard, without script, on a desk and on a phone, in light and dark.

use care_portal::access::{DefaultRole, RoleKey};
use serde_json::json;

use crate::support::{
    app::{Database, PASSWORD, TestApp},
    axe::serious_violations,
    browser::{Browser, Options, keys},
};

async fn review(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("leaver", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let browser = Browser::open(options).await;
    browser.goto(&app.url).await;
    browser.fill("#email", "ada@northfield.example").await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form.stack .primary").await;
    browser.wait_text("My Deployments").await;
    browser.goto(&format!("{}{}/review", app.url, app.organisation.path())).await;
    browser.wait_text("There was no review here yet").await;
    look(&browser, "before a review").await;

    // A date field takes its parts in the order of the browser's language.
    browser.eval("document.querySelector('#due').value = '2026-10-30'").await;
    browser.press(Some("#due"), keys::ENTER).await;
    browser.wait_text("2 of 2 people are not decided yet").await;
    look(&browser, "a review under way").await;
    let leaver = "tr:has([title='leaver@northfield.example']) [value='remove']";
    browser.press(Some(leaver), " ").await;
    browser.press(Some("[value='keep_rest']"), keys::ENTER).await;
    browser.wait_text("0 of 2 people are not decided yet").await;
    browser.press(Some(".title-end .primary"), keys::ENTER).await;
    browser.wait_text("leaver Example, Deployment Staff, Cardiology").await;
    look(&browser, "what finishing will do").await;
    browser.press(Some("form.actions .danger"), keys::ENTER).await;
    browser.wait_text("1 person was removed").await;
    look(&browser, "after a review").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE ended_at IS NOT NULL").await, 1);
    browser.close().await;
}

async fn look(browser: &Browser, what: &str) {
    for scheme in ["light", "dark"] {
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        let media = json!({ "features": [still, { "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        let violations = serious_violations(browser).await;
        assert!(violations.is_empty(), "{what}, {scheme}: {violations:#?}");
    }
    let hidden =
        browser.eval("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
    assert_eq!(hidden, 0, "{what} scrolls sideways");
    assert_eq!(browser.console_errors().await, [""; 0], "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_by_keyboard_at_a_desk() {
    review(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_by_keyboard_on_a_phone() {
    review(Options::phone()).await;
}
