//! What people see and press, in a real browser: the whole way from inviting to working, with script and without, and pages that
//! everybody can read and reach.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use mail_parser::MessageParser;
use serde_json::json;

use crate::support::{
    app::{Database, PASSWORD, TestApp, phone_with},
    browser::{Browser, Options},
    keys,
};

pub const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

pub async fn sign_in(browser: &Browser, app: &TestApp, email: &str, password: &str) {
    prove_oneself(browser, app, email, password).await;
    browser.wait_text("My Deployments").await;
}

/// Password and code; what comes then is for the caller to wait for.
pub async fn prove_oneself(browser: &Browser, app: &TestApp, email: &str, password: &str) {
    browser.goto(&app.url).await;
    browser.fill("#email", email).await;
    browser.fill("#password", password).await;
    browser.click("form.stack .primary").await;
    browser.wait_text("One more proof").await;
    browser.fill("#code", &app.code_of(email).await).await;
    browser.click("form.stack .primary").await;
}

/// Ada, signed in, in a browser of her own.
pub async fn ada(app: &TestApp, options: Options) -> Browser {
    let browser = Browser::open(options).await;
    sign_in(&browser, app, "ada@northfield.example", PASSWORD).await;
    browser
}

async fn go_to_staff_of_cardiology(browser: &Browser) {
    browser.click_text(Some("a"), "Cardiology").await;
    browser.wait_text("No patients yet").await;
    browser.click(".view-filter summary").await;
    browser.click_text(Some("a"), "All staff members").await;
    browser.wait_url("/staff").await;
}

pub async fn wait_texts(browser: &Browser, texts: &[&str]) {
    for text in texts {
        browser.wait_text(text).await;
    }
}

pub async fn open_invite_window(browser: &Browser) {
    browser.click(".title-end summary").await;
    browser.click(".title-end .panel a").await;
    browser.wait_for("dialog #addresses").await;
}

/// Types addresses, each with Enter behind it.
pub async fn type_addresses(browser: &Browser, addresses: &[&str]) {
    let keys = addresses.iter().map(|address| format!("{address}{}", keys::ENTER)).collect::<String>();
    browser.press(Some("dialog #addresses"), &keys).await;
}

/// Waits until the button says so and can be pressed, and presses it.
pub async fn press_send(browser: &Browser, label: &str) {
    browser.wait_for("[data-send][aria-disabled='false']").await;
    assert_eq!(browser.text("[data-send]").await, label);
    browser.click("[data-send]").await;
}

/// Sends what is due and reads the newest mail to this address, as its reader would.
async fn mail_to(app: &TestApp, address: &str) -> String {
    app.send_mail().await;
    let mut files: Vec<_> =
        std::fs::read_dir(app.portal.config.mail_folder()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let mails = files.iter().rev().map(|file| std::fs::read(file).unwrap());
    let found = mails.filter_map(|bytes| {
        let mail = MessageParser::default().parse(&bytes)?;
        let to = mail.to()?.first()?.address()?;
        (to == address).then(|| mail.body_text(0).unwrap().into_owned())
    });
    found.into_iter().next().unwrap_or_else(|| panic!("no mail to {address}"))
}

fn link_in(mail: &str) -> &str {
    mail.split_whitespace().find(|word| word.contains("/join#")).unwrap_or_else(|| panic!("no link in {mail}"))
}

async fn create_account(browser: &Browser, app: &TestApp, name: &str) {
    browser.wait_text("Create your account").await;
    browser.fill("#full_name", name).await;
    browser.fill("#password", PASSWORD).await;
    browser.click("form[action='/join/accept'] .primary").await;
    browser.wait_text("Protect your account").await;
    browser.click_text(Some("summary"), "I cannot scan it").await;
    let phone = phone_with(&browser.text(".key").await);
    browser.fill("#code", &phone.generate(app.seconds()).to_string()).await;
    browser.click_text(Some("button"), "Confirm the code").await;
    browser.wait_text("Your recovery codes").await;
    browser.click_text(Some("a"), "I have kept them: go on").await;
    browser.wait_url("/patients").await;
    wait_texts(browser, &["Cardiology", "All patients", "Welcome. Your access is ready."]).await;
    assert_eq!(browser.title().await, "Patient List – Care Portal");
}

/// What failed, and what the content security policy refused. That a page which says "not found" is sent with 404 is how it should be.
pub async fn complaints(browser: &Browser) -> Vec<String> {
    let mut errors = browser.console_errors().await;
    errors.retain(|error| !error.contains("the server responded with a status of 4"));
    errors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_list_menu_to_the_patient_list() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = ada(&app, Options::default()).await;
    go_to_staff_of_cardiology(&ada).await;
    open_invite_window(&ada).await;

    let typed = ["ben@northfield.example, Olu <olu@northfield.example>", "grainne", "eilidh@northfeild.example"];
    type_addresses(&ada, &typed).await;
    ada.wait_for(".chip.refused").await;
    ada.wait_for(".chip.look").await;
    wait_texts(&ada, &["There is no “@”", "northfeild.example is one letter off northfield.example"]).await;
    assert_eq!(ada.text("[data-send]").await, "Send 2 invites");

    // Back from the empty field to the last chip, to the one before, and away with that.
    ada.press(None, keys::BACKSPACE).await;
    ada.press(None, keys::LEFT).await;
    let focused = async || ada.eval("return document.activeElement.ariaLabel").await;
    assert_eq!(focused().await, "Remove grainne");
    ada.press(None, keys::BACKSPACE).await;
    assert!(!ada.exists(".chip.refused").await);
    assert_eq!(focused().await, "Remove Olu <olu@northfield.example>", "the focus goes on");
    ada.click(".chip-notes button").await;
    ada.wait_for(".chip.ready [title='eilidh@northfield.example']").await;
    ada.wait_text("Choose a role.").await;
    ada.select("#role", "Deployment Staff").await;
    ada.wait_text("looks after patients from day to day").await;
    ada.click_text(Some("label"), "72 hours").await;
    press_send(&ada, "Send 3 invites").await;
    ada.wait_text("3 invites sent").await;
    ada.click_text(Some("a"), "See pending invitations").await;
    ada.wait_url("/invitations").await;
    wait_texts(
        &ada,
        &["ben@northfield.example", "olu@northfield.example", "eilidh@northfield.example", "in 3 days", "Queued"],
    )
    .await;
    assert_eq!(complaints(&ada).await, [""; 0]);

    let mail = mail_to(&app, "ben@northfield.example").await;
    let ben = Browser::open(Options::phone()).await;
    ben.goto(link_in(&mail)).await;
    ben.wait_text("Ada Okafor invites you to Cardiology at Northfield Hospital").await;
    assert_eq!(ben.url().await, format!("{}/join", app.url), "the code has left the address bar");
    assert_eq!(ben.eval("return history.length").await, 2, "and stands in no entry that Back leads to");
    ben.fill("#password", "river").await;
    ben.wait_text("10 more characters needed").await;
    ben.fill("#password", PASSWORD).await;
    ben.wait_text("Strong.").await;
    create_account(&ben, &app, "Ben Achterberg").await;
    assert_eq!(complaints(&ben).await, [""; 0]);

    ada.goto(&format!("{}{}/staff", app.url, app.cardiology.path())).await;
    ada.wait_text("Ben Achterberg").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_is_reviewed_in_the_window() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = ada(&app, Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rota.csv");
    let rows: String = (1..=146).map(|n| format!("person.{n}@northfield.example;Person {n}\n")).collect();
    let odd = "PERSON.1@northfield.example;Again\nnobody;Nobody\nx@gmial.com;X\nada@northfield.example;Ada\n";
    std::fs::write(&file, format!("E-mail;Name\n{rows}{odd}")).unwrap();
    let pending = format!("{}{}/invitations", app.url, app.organisation.path());
    ada.goto(&pending).await;
    open_invite_window(&ada).await;
    ada.upload("dialog #file", &file).await;
    ada.wait_text("150 rows read, 149 addresses added; repeats were merged. Nothing is sent yet.").await;
    wait_texts(&ada, &["All 149", "Ready 146", "Look again 1", "Already staff 1", "Refused 1"]).await;
    ada.click_text(Some("button"), "Look again 1").await;
    ada.wait_text("looks like gmail.com").await;
    assert_eq!(ada.eval("return document.querySelectorAll('.long-list li').length").await, 1, "the counts filter");
    assert_eq!(app.count("SELECT COUNT(*) FROM batches").await, 1, "only Ada's own");
    ada.select("#role", "Contributor").await;
    ada.wait_text("3 will not be sent.").await;
    press_send(&ada, "Send 146 invites").await;
    ada.wait_text("146 invites sent").await;
    ada.click("dialog .window-close button").await;
    ada.wait_text("50 shown").await;
    assert_eq!(ada.url().await, pending, "the list behind the window shows them without being opened anew");
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_story_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let without = || Options { script: false, ..Options::default() };
    let ada = ada(&app, without()).await;
    go_to_staff_of_cardiology(&ada).await;
    ada.click(".title-end summary").await;
    ada.click(".title-end .panel a").await;
    ada.wait_url("/invitations/new").await;
    ada.fill("#addresses", "ben@northfield.example, eilidh@northfeild.example\ngrainne").await;
    ada.select("#role", "Deployment Staff").await;
    ada.click_text(Some("label"), "72 hours").await;
    ada.click(".no-script [value=review]").await;
    ada.wait_text("1 ready · 1 to look at again · 0 already staff · 0 already invited · 1 refused").await;
    ada.click_text(Some("button"), "Use eilidh@northfield.example").await;
    ada.wait_text("2 ready · 0 to look at again").await;
    ada.click_text(Some("button"), "Send invites").await;
    ada.wait_text("2 invites sent").await;
    ada.wait_text("grainne").await;
    ada.click_text(Some("a"), "See pending invitations").await;
    ada.wait_text("eilidh@northfield.example").await;

    let mail = mail_to(&app, "ben@northfield.example").await;
    let code = mail.split_whitespace().find(|word| word.starts_with("cpi1_")).expect("the bare code");
    let ben = Browser::open(without()).await;
    ben.goto(&format!("{}/join", app.url)).await;
    ben.fill("#code", code).await;
    ben.click_text(Some("button"), "Open invitation").await;
    create_account(&ben, &app, "Ben Achterberg").await;

    // Deleting asks on a page of its own.
    ada.click_text(Some("summary"), "Menu for eilidh@northfield.example").await;
    ada.click_text(Some("button"), "Delete invitation").await;
    ada.wait_text("Delete the invitation of eilidh@northfield.example?").await;
    ada.click_text(Some("button"), "Delete").await;
    ada.wait_text("The invitation of eilidh@northfield.example was deleted.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
    assert_eq!(complaints(&ben).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_resent_copied_and_deleted() {
    let app = TestApp::start(Database::Sqlite).await;
    let caller = app.admin_caller().await;
    let id = app.invite(&caller, app.cardiology, STAFF, "ben@northfield.example").await;
    app.invite(&caller, app.cardiology, STAFF, "olu@northfield.example").await;
    app.advance(Duration::from_secs(3 * 24 * 3600));
    let ada = ada(&app, Options::default()).await;
    let rights = json!({ "origin": app.url, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    ada.devtools("Browser.grantPermissions", rights).await;
    ada.goto(&format!("{}{}/invitations", app.url, app.cardiology.path())).await;
    let menu = async |entry: &str| {
        ada.click_text(Some("summary"), "Menu for ben@northfield.example").await;
        ada.click_text(Some("button"), entry).await;
    };
    menu("Resend invitation").await;
    ada.wait_text("The invitation of ben@northfield.example was resent.").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example'").await, 2);

    menu("Copy link").await;
    ada.wait_text("Link for ben@northfield.example copied.").await;
    assert_eq!(
        ada.eval("return navigator.clipboard.readText()").await,
        format!("{}/join#{}", app.url, app.code(id, 1))
    );

    menu("Delete invitation").await;
    ada.wait_text("The link sent to ben@northfield.example stops working at once.").await;
    assert_eq!(ada.eval("return document.activeElement.innerText").await, "Cancel", "the harmless button comes first");
    ada.press(None, keys::ESCAPE).await;
    assert!(!ada.exists("dialog[open]").await);
    menu("Delete invitation").await;
    ada.click("dialog[open] .danger").await;
    ada.wait_text("The invitation of ben@northfield.example was deleted.").await;
    assert!(!ada.text("table").await.contains("ben@northfield.example"));

    // Several at once, from the bar that shows itself when a box is ticked.
    ada.click("thead [data-all]").await;
    ada.wait_text("1 invitation selected").await;
    ada.click(".bulk .danger").await;
    ada.click("dialog[open] .danger").await;
    ada.wait_text("No invitations to show").await;
    assert_eq!(app.events("invitation.deleted").await, 2);
    assert_eq!(complaints(&ada).await, [""; 0]);
}
