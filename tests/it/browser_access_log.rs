//! The access log in a real browser: filtering by hand, opening a row, and pages that everybody can read.

use care_portal::access::{DefaultRole, RoleKey};

use crate::{
    browser::ada,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::Options,
    },
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_log_can_be_read_narrowed_and_followed() {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("pat", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    for options in [Options::default(), Options::phone()] {
        let browser = ada(&app, options).await;
        let mut look = Look { browser: &browser, found: Vec::new() };
        browser.click(".view-filter summary").await;
        browser.click_text(Some("a"), "Access log").await;
        browser.wait_url("/access-log").await;
        browser.fill("#person", "pat").await;
        browser.select("#action", "All of: Staff members").await;
        browser.click(".log-filter > .button").await;
        browser.wait_text("Person: pat").await;
        browser.wait_text("pat Example became Deployment Staff").await;
        browser.click(".event > summary").await;
        browser.wait_text("How did pat Example get access?").await;
        look.at("an open event").await;
        browser.click(".event-more a").await;
        browser.wait_text("The portal's own set-up at the terminal").await;
        look.at("how a right came about").await;
        assert!(look.found.is_empty(), "{}", look.found.join("\n"));
    }
}
