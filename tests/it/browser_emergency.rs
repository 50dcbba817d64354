//! Opening a patient in an emergency, and who has seen a patient, in a real browser: by keyboard, with script and without.

use care_portal::access::{DefaultRole, RoleKey};

use crate::{
    browser::{STAFF, ada},
    browser_pages::Look,
    support::{
        app::{Database, PASSWORD, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

async fn emergency(options: Options) {
    // Without script nothing can be judged but by what is shown.
    let script = options.script;
    let app = TestApp::start(Database::Sqlite).await;
    let patient = app.patient(app.diabetes, "DC-7", "Zebulon Quagmarch").await;
    app.person("nurse", STAFF, app.cardiology).await;
    let browser = Browser::open(options).await;
    browser.goto(&app.url).await;
    browser.fill("#email", "nurse@northfield.example").await;
    browser.fill("#password", PASSWORD).await;
    browser.press(Some("form.stack .primary"), keys::ENTER).await;
    browser.wait_text("One more proof").await;
    browser.fill("#code", &app.code_of("nurse@northfield.example").await).await;
    browser.press(Some("form.stack .primary"), keys::ENTER).await;
    browser.wait_text("No patients yet").await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.press(Some(".bar-end summary"), keys::ENTER).await;
    browser.press(Some(".bar-end .panel a[href$='/emergency']"), keys::ENTER).await;
    browser.wait_text("For a patient of Northfield Hospital").await;
    if script {
        look.at("emergency access").await;
    }
    browser.press(Some("#number"), "DC-9").await;
    browser.press(Some("#reason"), "Collapsed in the corridor").await;
    browser.press(Some("form.stack .danger"), keys::ENTER).await;
    browser.wait_text("No patient of the organisation has this number").await;
    if script {
        look.at("a number that nobody has").await;
    }
    browser.fill("#number", "DC-7").await;
    browser.press(Some("form.stack .danger"), keys::ENTER).await;
    browser.wait_url(&patient.to_string()).await;
    assert_eq!(app.events("emergency.opened").await, 1);
    browser.goto(&format!("{}{}/emergency", app.url, app.cardiology.path())).await;
    browser.wait_text("Patient DC-7").await;
    if script {
        look.at("an open emergency access").await;
    }
    browser.press(Some(".emergency-open button"), keys::ENTER).await;
    browser.wait_text("The emergency access to patient DC-7 has ended").await;
    assert_eq!(app.events("emergency.ended").await, 1);
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_access_by_keyboard_at_a_desk() {
    emergency(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_access_by_keyboard_on_a_phone() {
    emergency(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_access_without_script() {
    emergency(Options { script: false, ..Options::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_seen_a_patient_can_be_read() {
    let app = TestApp::start(Database::Sqlite).await;
    let patient = app.patient(app.diabetes, "DC-7", "Zebulon Quagmarch").await;
    let nurse = app.person("nurse", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let form = [("number", "DC-7"), ("reason", "Collapsed in the corridor of our ward, blood sugar unknown")];
    nurse.post(&format!("{}/emergency", app.cardiology.path()), &form).await;
    let caller = care_portal::identity::actions::act_from_terminal(&app.portal, "nurse@northfield.example").await;
    care_portal::patients::actions::show_patient(&app.portal, &caller.unwrap(), patient, "dashboard").await.unwrap();
    for options in [Options::default(), Options::phone()] {
        let browser = ada(&app, options).await;
        let mut look = Look { browser: &browser, found: Vec::new() };
        look.visit(format!("{}{}/emergencies", app.url, app.organisation.path())).await;
        browser.press(Some("table.list tbody a"), keys::ENTER).await;
        browser.wait_text("Who has seen this patient?").await;
        look.at("who has seen a patient").await;
        look.visit(format!("{}{}/patients/{patient}/seen?since=yesterday", app.url, app.diabetes.path())).await;
        assert!(look.found.is_empty(), "{}", look.found.join("\n"));
    }
}
