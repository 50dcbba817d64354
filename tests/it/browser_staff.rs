//! All staff members and corrected addresses in a real browser: by keyboard, by mouse, without script, at a desk and on a phone.

use care_portal::{
    access::{DefaultRole, RoleKey},
    demo,
};

use crate::{
    browser::{ada, complaints, sign_in},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const ROLE: &str = "select[aria-label='Role of wren Example']";

async fn with_three() -> TestApp {
    let app = TestApp::start(Database::Sqlite).await;
    for word in ["mei", "olu", "wren"] {
        app.person(word, STAFF, app.cardiology).await;
    }
    app
}

fn staff(app: &TestApp) -> String {
    format!("{}{}/staff", app.url, app.cardiology.path())
}

async fn chosen(browser: &Browser) -> String {
    browser.eval(&format!("return document.querySelector(\"{ROLE}\").value")).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_changed_with_the_keyboard_only_when_one_means_it() {
    let app = with_three().await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&format!("{}?sort=email", staff(&app))).await;
    let button = "form[data-choose]:has(select[aria-label='Role of wren Example']) button";
    assert!(ada.eval(&format!("return document.querySelector(\"{button}\").hidden")).await.as_bool().unwrap());
    ada.press(Some(ROLE), keys::DOWN).await;
    ada.wait_for(button).await;
    assert_eq!(chosen(&ada).await, "contributor", "browsing has moved the choice");
    assert_eq!(app.events("membership.role_changed").await, 0, "and changed nothing");
    ada.press(None, keys::ESCAPE).await;
    assert_eq!(chosen(&ada).await, "deployment_staff");
    ada.press(None, keys::DOWN).await;
    ada.press(None, keys::TAB).await;
    assert_eq!(app.events("membership.role_changed").await, 0, "leaving the list saves nothing");
    ada.press(None, keys::ENTER).await;
    ada.wait_text("wren Example is Contributor now.").await;
    assert!(ada.url().await.ends_with("?sort=email"));
    ada.press(Some(".flash button"), keys::ENTER).await;
    // The hands of this portal's clock stand still, so the change of the undoing has the same instant; what counts is the role.
    ada.wait_text("wren Example has the earlier role again.").await;
    assert_eq!(chosen(&ada).await, "deployment_staff");
    ada.press(Some(ROLE), &format!("{}{}", keys::DOWN, keys::ENTER)).await;
    ada.wait_text("wren Example is Contributor now.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_chosen_with_the_mouse_is_changed_at_once() {
    let app = with_three().await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&staff(&app)).await;
    let press = "document.querySelector(\"select[aria-label='Role of wren Example']\").dispatchEvent(new PointerEvent('pointerdown'))";
    ada.eval(press).await;
    ada.select(ROLE, "Access Controller").await;
    ada.wait_text("wren Example is Access Controller now.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_are_changed_and_removed_and_ends_are_set_in_a_window() {
    let app = with_three().await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&staff(&app)).await;
    ada.click("thead .tick .box").await;
    ada.wait_text("3 people selected").await;
    // What is missing is said beside its field, and the selection stays.
    ada.click_text(Some("button"), "Change role").await;
    assert!(ada.eval("return document.querySelector('.bulk select').matches(':invalid')").await.as_bool().unwrap());
    ada.select(".bulk select", "Contributor").await;
    ada.click_text(Some("button"), "Change role").await;
    ada.wait_text("3 people are Contributor now.").await;
    ada.click_text(Some("button"), "Undo").await;
    ada.wait_text("3 people have their earlier roles again.").await;

    ada.click_text(Some("summary"), "Menu for wren Example").await;
    ada.click_text(Some("a"), "Access until…").await;
    ada.wait_for("dialog #until").await;
    ada.eval("document.querySelector('dialog #until').value = '2031-05-01'").await;
    ada.click_text(Some("button"), "Save").await;
    ada.wait_text("wren Example has access until 1 May 2031.").await;
    ada.wait_text("Until 1 May 2031").await;

    ada.click("tbody tr:nth-child(1) .tick .box").await;
    ada.click("tbody tr:nth-child(2) .tick .box").await;
    ada.click(".bulk .danger").await;
    ada.wait_text("Remove 2 people from the team?").await;
    ada.wait_for("dialog .items").await;
    assert!(ada.text("dialog .items").await.contains("olu Example"));
    ada.click("dialog .danger").await;
    ada.wait_text("2 people were removed from the team.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_without_script() {
    let app = with_three().await;
    app.invite(&app.admin_caller().await, app.cardiology, STAFF, "bne@northfield.example").await;
    let ada = ada(&app, Options { script: false, ..Options::default() }).await;
    ada.goto(&staff(&app)).await;
    ada.select(ROLE, "Contributor").await;
    ada.click_text(Some("button"), "Change role of wren Example").await;
    ada.wait_text("wren Example is Contributor now.").await;
    ada.click_text(Some("button"), "Undo").await;
    ada.wait_text("wren Example has the earlier role again.").await;
    ada.click("tbody tr:nth-child(1) .tick .box").await;
    ada.click("tbody tr:nth-child(2) .tick .box").await;
    ada.click(".bulk .danger").await;
    ada.wait_text("Remove 2 people from the team?").await;
    ada.click_text(Some("button"), "Remove from team").await;
    ada.wait_text("2 people were removed from the team.").await;
    ada.goto(&format!("{}{}/invitations", app.url, app.cardiology.path())).await;
    ada.click_text(Some("summary"), "Menu for bne@northfield.example").await;
    ada.click_text(Some("a"), "Correct the address…").await;
    ada.fill("#email", "ben@northfield.example").await;
    ada.click_text(Some("button"), "Send to this address").await;
    ada.wait_text("The invitation goes to ben@northfield.example now").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

async fn everybody_can_read_and_reach(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 3).await.unwrap();
    // Somebody's access ends soon, somebody's later, and one invitation is held.
    let now = app.portal.now().0;
    let day = 24 * 3_600_000_i64;
    for (days, word) in [(5, "aoife"), (200, "ben.a"), (9, "chloe")] {
        app.execute(&format!("UPDATE memberships SET ends_at = {} WHERE email_key LIKE '{word}%'", now + days * day))
            .await;
    }
    let reason = "whoever invited may no longer do so: your role does not include “Invite staff members”";
    let held = "UPDATE invitations SET state = 'held', access_until = 1900000000000, held_reason";
    app.execute(&format!("{held} = '{reason}' WHERE email_key LIKE 'daniela%' OR email_key LIKE 'isla%'")).await;
    let browser = Browser::open(options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    sign_in(&browser, &app, "ada.okafor@northfield.example", demo::PASSWORD).await;
    let organisation = browser.url().await;
    look.visit(format!("{organisation}/staff")).await;
    browser.click("tbody .tick .box").await;
    look.once("1 person selected").await;
    browser.click(".bulk .danger").await;
    look.once("from the team?").await;
    browser.goto(&format!("{organisation}/staff")).await;
    browser.click("tbody tr:nth-child(1) .end summary").await;
    look.at("menu of one's own row").await;
    browser.goto(&format!("{organisation}/staff")).await;
    browser.click("tbody tr:nth-child(4) .end summary").await;
    look.at("menu of a row").await;
    // An open menu covers what lies behind it, for as long as it is open.
    look.found.retain(|finding| !finding.starts_with("menu of a row") || !finding.contains("partially obscured"));
    browser.click("tbody tr:nth-child(4) .panel a").await;
    browser.wait_for("dialog #until").await;
    look.at("window for the end").await;
    browser.eval("document.querySelector('dialog #until').value = ''").await;
    browser.click("dialog .primary").await;
    look.once("Choose the last day of the access").await;
    look.visit(format!("{organisation}/invitations")).await;
    browser.click("thead .tick .box").await;
    look.once("invitations selected").await;
    look.visit(format!("{organisation}/invitations?state=held")).await;
    browser.click("tbody .end summary").await;
    look.once("Approve again").await;
    browser.click("tbody .panel a").await;
    browser.wait_for("dialog #email").await;
    look.at("window for the address").await;
    browser.fill("dialog #email", "nobody").await;
    browser.click("dialog .primary").await;
    look.once("There is no “@”").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_it_at_a_desk() {
    everybody_can_read_and_reach(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_it_on_a_phone() {
    everybody_can_read_and_reach(Options::phone()).await;
}
