//! Writing to a patient, an appointment, and the patient's private page in a real browser: by keyboard, at a desk and on a phone, and
//! without script.

use care_portal::contact::private_link;

use crate::{
    browser::{ada, complaints},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
    telemedicine::{at, code},
};

async fn by_keyboard(options: fn() -> Options) {
    let app = TestApp::start(Database::Sqlite).await;
    let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
    app.execute(&format!(
        "INSERT INTO predefined_messages (deployment_id, position, text) VALUES ({}, 0, 'Please call us today.')",
        app.literal(app.cardiology.id())
    ))
    .await;
    let browser = ada(&app, options()).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    let telemedicine = format!("{}{}", app.url, at(app.cardiology, patient, "telemedicine"));

    look.visit(telemedicine.clone()).await;
    browser.click_text(Some("a"), "Send message").await;
    look.once("They cannot answer there").await;
    browser.press(Some("#text"), "").await;
    browser.click_text(Some("button"), "Send").await;
    look.once("There is a problem").await;
    browser.select("#ready", "Please call us today.").await;
    browser.click_text(Some("button"), "Use this text").await;
    browser.wait_text("Please call us today.").await;
    browser.press(Some("#text"), " Ask for Ben.").await;
    browser.click_text(Some("button"), "Send").await;
    look.once("Sent. The patient gets a mail").await;

    browser.click_text(Some("a"), "Schedule an appointment").await;
    look.once("neither in the mail nor in the calendar").await;
    browser
        .eval("document.querySelector('#day').value = '2026-12-01'; document.querySelector('#time').value = '09:00'")
        .await;
    browser.press(Some("#place"), &format!("Room 3{}", keys::ENTER)).await;
    look.once("Proposed. The patient gets a mail").await;
    browser.click(".entry-foot a.button").await;
    look.once("Or call it off").await;
    browser.goto(&telemedicine).await;
    browser.click_text(Some("button"), "Call patient").await;
    look.once("dials the number").await;

    let sick = Browser::open(options()).await;
    let mut seen = Look { browser: &sick, found: Vec::new() };
    sick.goto(&format!("{}/for-you#{}", app.url, code(&app, "messages").await)).await;
    seen.once("A message from your care team").await;
    assert_eq!(sick.url().await, format!("{}/for-you", app.url), "the code has left the address bar");
    sick.goto(&format!("{}/for-you#{}", app.url, code(&app, "appointments").await)).await;
    seen.once("Your appointment").await;
    sick.press(Some("#text"), keys::ENTER).await;
    seen.once("There is a problem").await;
    sick.press(Some("#text"), &format!("Thursday{}", keys::ENTER)).await;
    seen.once("You have asked for another time").await;
    sick.press(None, keys::TAB).await;
    sick.click_text(Some("button"), "Confirm").await;
    seen.once("You have confirmed it").await;

    browser.goto(&telemedicine).await;
    look.once("Confirmed").await;
    let found: Vec<_> = look.found.into_iter().chain(seen.found).collect();
    assert!(found.is_empty(), "{} findings\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemedicine_by_keyboard_at_a_desk() {
    by_keyboard(Options::default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemedicine_by_keyboard_on_a_phone() {
    by_keyboard(Options::phone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemedicine_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    browser.goto(&format!("{}{}", app.url, at(app.cardiology, patient, "messages/new"))).await;
    browser.fill("#text", "Please call us today.").await;
    browser.click_text(Some("button"), "Send").await;
    browser.wait_text("Sent. The patient gets a mail").await;
    let id = app.uuid("SELECT id FROM messages").await;
    let (page, code) = private_link(&app.portal, id, 1);
    browser.goto(&page).await;
    // The whole link is what people paste.
    browser.fill("#code", &format!("{page}#{code}")).await;
    browser.click_text(Some("button"), "Go on").await;
    browser.wait_text("Please call us today.").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}
