//! The access log in a real browser: filtering by hand, opening a row, and pages that everybody can read.

use care_portal::access::{DefaultRole, RoleKey};

use crate::support::{
    app::{Database, PASSWORD, TestApp},
    axe::serious_violations,
    browser::{Browser, Options},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_log_can_be_read_narrowed_and_followed() {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("pat", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    for options in [Options::default(), Options::phone()] {
        let browser = Browser::open(options).await;
        browser.goto(&app.url).await;
        browser.fill("#email", "ada@northfield.example").await;
        browser.fill("#password", PASSWORD).await;
        browser.click("form.stack .primary").await;
        browser.wait_text("My Deployments").await;
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
        let broken = serious_violations(&browser).await;
        assert!(broken.is_empty(), "{broken:?}");
        let wide = browser.eval("return document.documentElement.scrollWidth > innerWidth").await;
        assert_eq!(wide, serde_json::json!(false), "nothing is wider than the window");
        browser.click(".event-more a").await;
        browser.wait_text("The portal's own set-up at the terminal").await;
        let broken = serious_violations(&browser).await;
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!(browser.console_errors().await, Vec::<String>::new());
        browser.close().await;
    }
}
