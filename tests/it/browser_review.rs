//! An access review in a real browser: by keyboard, without script, on a desk and on a phone, in light and dark.

use care_portal::access::{DefaultRole, RoleKey};

use crate::{
    browser::ada,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::Options,
        keys,
    },
};

async fn review(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("leaver", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.goto(&format!("{}{}/review", app.url, app.organisation.path())).await;
    browser.wait_text("There was no review here yet").await;
    look.at("before a review").await;

    // A date field takes its parts in the order of the browser's language.
    browser.eval("document.querySelector('#due').value = '2026-10-30'").await;
    browser.press(Some("#due"), keys::ENTER).await;
    browser.wait_text("2 of 2 people are not decided yet").await;
    look.at("a review under way").await;
    let leaver = "tr:has([title='leaver@northfield.example']) [value='remove']";
    browser.press(Some(leaver), " ").await;
    browser.press(Some("[value='keep_rest']"), keys::ENTER).await;
    browser.wait_text("0 of 2 people are not decided yet").await;
    browser.press(Some(".title-end .primary"), keys::ENTER).await;
    browser.wait_text("leaver Example, Deployment Staff, Cardiology").await;
    look.at("what finishing will do").await;
    browser.press(Some("form.actions .danger"), keys::ENTER).await;
    browser.wait_text("1 person was removed").await;
    look.at("after a review").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE ended_at IS NOT NULL").await, 1);
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_by_keyboard_at_a_desk() {
    review(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_by_keyboard_on_a_phone() {
    review(Options::phone()).await;
}
