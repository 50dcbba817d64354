//! A plan in a real browser: made of a file, decided about, sent with live progress, and undone; also without script, at a desk and
//! on a phone, in light and dark.

use care_portal::{plans::actions, types::InvitationId};

use crate::{
    browser::{ada, prove_oneself},
    browser_pages::Look,
    support::{
        app::{Database, PASSWORD, TestApp},
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
    look.once("Use chi@northfield.example").await;
    browser.press(Some(".take button"), keys::ENTER).await;
    look.once("1 address was corrected").await;
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

/// Around a batch: a first day in every list, windows that count working days, where bounces are reported, and a browser at 400 %.
async fn first_days_and_settings(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.execute("UPDATE organisations SET count_working_days = (1 = 1)").await;
    let admin = app.admin().await;
    let asked = [("access_from", "2026-09-28"), ("access_until", "2027-03-01"), ("send_key", "one")];
    admin.invite(app.cardiology, "ben.okri@northfield.example", "contributor", &asked).await;
    let asked = [("access_from", "2026-09-28"), ("send_key", "two")];
    admin.invite(app.cardiology, "chi@northfield.example, dee@northfield.example", "deployment_staff", &asked).await;
    let id = app.uuid("SELECT id FROM invitations WHERE email_key LIKE 'ben.okri%'").await;
    app.join_as(InvitationId::from_uuid(id), "Ben Okri").await;
    let browser = ada(&app, options.clone()).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    let here = format!("{}{}", app.url, app.cardiology.path());
    browser.goto(&format!("{here}/staff")).await;
    look.once("Begins 28 September 2026").await;
    browser.goto(&format!("{here}/invitations")).await;
    look.once("Access from 28 September 2026").await;
    look.visit(format!("{here}/invitations/new")).await;
    browser.wait_text("1 working day (to the end of").await;
    let batch = app.uuid("SELECT batch_id FROM invitations WHERE email_key LIKE 'chi@%'").await;
    browser.goto(&format!("{here}/invitations/batches/bat_{}", batch.simple())).await;
    browser.click(".after summary").await;
    look.at("a batch with a first day").await;
    let invitation = app.uuid("SELECT id FROM invitations WHERE email_key LIKE 'chi@%'").await;
    browser.goto(&format!("{here}/invitations/inv_{}", invitation.simple())).await;
    look.at("an invitation with a first day").await;
    look.visit(format!("{}{}/settings", app.url, app.organisation.path())).await;
    browser.click_text(Some("button"), "Show the address for bounces").await;
    browser.wait_text("Where bounces are reported").await;
    browser.click("details.more summary").await;
    look.at("where bounces are reported").await;
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
    browser.close().await;

    let browser = Browser::open(options).await;
    prove_oneself(&browser, &app, "ben.okri@northfield.example", PASSWORD).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    look.once("Your access begins later").await;
    look.visit(format!("{}/profile", app.url)).await;
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_day_at_a_desk() {
    first_days_and_settings(Options::default()).await;
}

/// 1280 pixels at 400 % are 320.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_day_at_four_hundred_percent() {
    first_days_and_settings(Options { width: 320, height: 640, ..Options::default() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_at_four_hundred_percent() {
    plan(Options { width: 320, height: 640, ..Options::default() }).await;
}
