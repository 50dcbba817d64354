//! A plan in a real browser: made of a file, decided about, sent with live progress, and undone; also without script, at a desk and
//! on a phone, in light and dark.

use care_portal::plans::actions;

use crate::{
    browser::ada,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

const FILE: &str = "E-mail;Role;Name;Bleep\n\
    ben@northfield.example;Contributor;Ben Okri;1\n\
    chi@northfeild.example;Contributor;Chi Jones;2\n\
    dee@northfield.example;Surgeon;Dee;3\n\
    ada@northfield.example;Contributor;Ada Okafor;4\n\
    a.very.long.name.of.somebody.who.works.far.away@northfield.example;Deployment Staff;Somebody With A Very Long Name Indeed;5\n";

async fn make(app: &TestApp, browser: &Browser) {
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    std::fs::write(file.path(), FILE).unwrap();
    browser.goto(&format!("{}{}/plans/new", app.url, app.organisation.path())).await;
    browser.upload("#file", file.path()).await;
    browser.press(Some("#note"), &format!("HR-77{}", keys::ENTER)).await;
    browser.wait_text("These columns of the file were not used: Bleep").await;
}

async fn plan(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    let here = format!("{}{}", app.url, app.organisation.path());
    look.visit(format!("{here}/plans")).await;
    look.visit(format!("{here}/plans/new")).await;
    browser.press(Some("#title"), keys::ENTER).await;
    look.once("No plan was made yet").await;
    make(&app, &browser).await;
    look.at("a plan").await;
    browser.click("a[href*='show=look']").await;
    look.once("Did you mean chi@northfield.example?").await;
    browser.press(Some(".row-presses [value='send']"), keys::ENTER).await;
    browser.wait_text("1 row was decided").await;
    browser.click("a[href$='show=staff'], a[href*='show=staff']").await;
    browser.wait_text("Is staff here already, as Admin").await;
    look.at("already staff").await;
    browser.click(".schedule summary").await;
    look.at("scheduling").await;
    browser.click(".title-end .primary").await;
    look.once("Send 3 invitations now.").await;
    browser.press(Some("form .primary"), keys::ENTER).await;
    browser.wait_text("3 invited").await;
    look.at("a sent plan").await;
    browser.click_text(Some("a"), "What became of it").await;
    browser.wait_text("3 invites sent").await;
    browser.click(".after summary").await;
    look.at("after sending").await;
    browser.click_text(Some("a"), "Undo the batch").await;
    look.once("Delete 3 invitations").await;
    browser.press(Some("form .danger"), keys::ENTER).await;
    browser.wait_text("3 invitations were deleted").await;
    look.at("undone").await;
    look.visit(format!("{here}/plans")).await;
    assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'deleted'").await, 3);
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_at_a_desk() {
    plan(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_on_a_phone() {
    plan(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    make(&app, &browser).await;
    browser.click_text(Some("a"), "Send 2 invitations").await;
    browser.wait_text("Each row is judged once more").await;
    browser.click("form .primary").await;
    browser.wait_text("2 invited").await;
    browser.click_text(Some("a"), "What became of it").await;
    browser.click(".after summary").await;
    browser.click_text(Some("a"), "Undo the batch").await;
    browser.click("form .danger").await;
    browser.wait_text("2 invitations were deleted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_moves_without_reloading() {
    let app = TestApp::start(Database::Sqlite).await;
    let people: Vec<String> = (0..1_100).map(|n| format!("p{n}x{n}@northfield.example")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let plan = app.plan(app.cardiology, &people, "contributor").await;
    let admin = app.admin_caller().await;
    actions::send_plan(&app.portal, &admin, app.cardiology, plan).await.unwrap();
    let browser = ada(&app, Options::default()).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.goto(&format!("{}{}/plans/{plan}", app.url, app.cardiology.path())).await;
    browser.wait_text("500 of 1100 rows done").await;
    look.at("a plan that is being sent").await;
    browser.eval("window.untouched = true").await;
    actions::apply_chunk(&app.portal, plan, std::time::Duration::ZERO).await.unwrap();
    browser.wait_text("1000 of 1100 rows done").await;
    assert_eq!(browser.eval("return window.untouched").await, true, "the page was not loaded again");
    app.finish(plan).await;
    browser.wait_text("1100 invited").await;
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}
