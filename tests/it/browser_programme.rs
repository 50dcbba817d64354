//! **Deployment settings** in a real browser: read by everybody, changed by keyboard, and without script.

use crate::{
    browser::{ada, complaints},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::Options,
        keys,
    },
};

async fn everybody_can_set(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    let settings = format!("{}{}/programme", app.url, app.cardiology.path());
    look.visit(settings.clone()).await;
    browser.fill("#call_link", "javascript:alert(1)").await;
    browser.press(Some("#call_link"), keys::ENTER).await;
    look.once("Nothing was saved yet").await;
    look.visit(format!("{settings}/modules/blood_pressure")).await;
    browser.fill("[aria-label='From, row 1']", "much").await;
    browser.press(Some("[aria-label='From, row 1']"), keys::ENTER).await;
    look.once("Nothing was saved yet").await;
    browser.fill("[aria-label='From, row 1']", "181").await;
    browser.press(Some("[aria-label='From, row 1']"), keys::ENTER).await;
    browser.wait_for(".programme").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployment_settings_are_there_for_everybody_at_a_desk() {
    everybody_can_set(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployment_settings_are_there_for_everybody_on_a_phone() {
    everybody_can_set(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployment_settings_are_changed_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    let settings = format!("{}{}/programme", app.url, app.cardiology.path());
    browser.goto(&settings).await;
    browser.click("[name=switches][value=labels]").await;
    browser.click_text(Some("button"), "Save what is offered").await;
    browser.wait_for(".programme").await;
    assert!(!browser.exists("[name=switches][value=labels]:checked").await);
    assert_eq!(app.count("SELECT COUNT(*) FROM deployments WHERE NOT labels AND name = 'Cardiology'").await, 1);
    browser.click("[name=followed][value=weight]").await;
    browser.click_text(Some("button"), "Save modules").await;
    browser.wait_text("not followed").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}
