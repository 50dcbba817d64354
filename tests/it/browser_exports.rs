//! Exporting patient data in a real browser: asking, watching it being made, and downloading, with script and without.

use std::time::Duration;

use care_portal::exports;

use crate::{
    browser::{ada, complaints},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

async fn ward(app: &TestApp) {
    for n in 1..=12 {
        let id = app.patient(app.cardiology, &format!("NF-{n}"), &format!("Agnes Vance the {n}th")).await;
        app.reading(id, "heart_rate", "71", app.minutes_ago(n)).await;
    }
}

/// Makes the export whose page the browser shows.
async fn make(app: &TestApp, browser: &Browser) {
    let url = browser.url().await;
    exports::actions::make_one(&app.portal, url.rsplit('/').next().unwrap().parse().unwrap()).await.unwrap();
}

async fn everybody_can_export(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    ward(&app).await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.goto(&format!("{}{}/patients", app.url, app.cardiology.path())).await;
    browser.click_text(Some("summary"), "List menu").await;
    browser.click_text(Some("a"), "Export data").await;
    look.once("Export patient data").await;
    browser.click_text(Some("label"), "Only these").await;
    browser.click_text(Some("button"), "Export ZIP file").await;
    look.once("Nothing was exported yet").await;
    browser.fill("#q", "nf-3").await;
    browser.press(Some("#q"), keys::ENTER).await;
    browser.wait_for("[name=patient]").await;
    look.at("patients were found").await;
    browser.press(Some("[name=patient]"), keys::SPACE).await;
    browser.click_text(Some("button"), "Export ZIP file").await;
    look.once("You can leave this page").await;
    make(&app, &browser).await;
    // The page learns it by itself.
    look.once("The file is ready: 1 patient, 1 entry").await;
    browser.click_text(Some("button"), "Download ZIP file").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    look.at("the file was asked for").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_there_for_everybody_at_a_desk() {
    everybody_can_export(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_is_there_for_everybody_on_a_phone() {
    everybody_can_export(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_without_script_is_followed_by_asking() {
    let app = TestApp::start(Database::Sqlite).await;
    ward(&app).await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    browser.goto(&format!("{}{}/patients/export", app.url, app.cardiology.path())).await;
    browser.click_text(Some("button"), "Export ZIP file").await;
    browser.wait_text("You can leave this page").await;
    make(&app, &browser).await;
    browser.click_text(Some("a"), "Show how far it is now").await;
    browser.wait_text("The file is ready: 12 patients, 12 entries").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}
