//! The Patient List in a real browser: filters, columns, labels and the row's menu by keyboard, with and without script, at a desk and on
//! a phone.

use care_portal::{
    demo,
    types::{DeploymentId, PatientId},
};

use crate::{
    browser::{ada, complaints, sign_in},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        axe::serious_violations,
        browser::{Browser, Options},
        keys,
    },
};

async fn with_patients() -> (TestApp, [PatientId; 3]) {
    let app = TestApp::start(Database::Sqlite).await;
    let mut ids = Vec::new();
    for (number, name) in [("NF-1", "Agnes Moore"), ("NF-2", "Bashir Ali"), ("NF-3", "Chidi Obi")] {
        ids.push(app.patient(app.cardiology, number, name).await);
    }
    let at = app.minutes_ago(30);
    app.readings(ids[0], &[("heart_rate", "180", at), ("weight", "81.5", at)]).await;
    app.readings(ids[1], &[("weight", "64", at), ("temperature", "36.6", at)]).await;
    (app, [ids[0], ids[1], ids[2]])
}

fn list(app: &TestApp) -> String {
    format!("{}{}/patients", app.url, app.cardiology.path())
}

/// The names in the list, in order.
async fn names(browser: &Browser) -> String {
    let js = "return [...document.querySelectorAll('tbody .lead .strong')].map((name) => name.textContent).join(', ')";
    browser.eval(js).await.as_str().unwrap().to_owned()
}

/// What axe finds; an open menu covers what lies behind it, for as long as it is open.
async fn violations(browser: &Browser) -> Vec<String> {
    let found = serious_violations(browser).await;
    found.iter().map(|one| format!("{one:#?}")).filter(|text| !text.contains("partially obscured")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_sorted_filtered_and_arranged_with_the_keyboard() {
    let (app, _) = with_patients().await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&list(&app)).await;
    assert_eq!(names(&ada).await, "Agnes Moore, Bashir Ali, Chidi Obi");
    ada.press(Some("thead a[href*='sort=weight']"), keys::ENTER).await;
    ada.wait_for("th[aria-sort='ascending']").await;
    assert_eq!(names(&ada).await, "Bashir Ali, Agnes Moore, Chidi Obi");
    ada.press(Some("thead a[href*='sort=weight']"), keys::ENTER).await;
    ada.wait_for("th[aria-sort='descending']").await;
    assert_eq!(names(&ada).await, "Agnes Moore, Bashir Ali, Chidi Obi");

    // Columns: opened, ticked and closed without the mouse.
    ada.press(Some(".columns-menu summary"), keys::ENTER).await;
    ada.press(Some(".columns-menu [value='temperature']"), keys::SPACE).await;
    assert_eq!(violations(&ada).await, [""; 0], "the columns");
    ada.press(Some(".columns-menu button"), keys::ENTER).await;
    ada.wait_text("1 column is hidden from your list.").await;
    assert!(!ada.exists("td[data-label='Temperature']").await);
    assert!(ada.url().await.contains("sort=weight"), "the order stays");

    // Filters: a window that takes the focus and gives it back.
    ada.press(Some(".tools-end > a"), keys::ENTER).await;
    ada.wait_for("dialog .filters").await;
    assert_eq!(violations(&ada).await, [""; 0], "the filters");
    ada.press(None, keys::ESCAPE).await;
    let focused = "return document.activeElement.textContent.trim()";
    assert_eq!(ada.eval(focused).await, "Filters");
    ada.press(None, keys::ENTER).await;
    ada.wait_for("dialog .filters").await;
    ada.press(Some("dialog [value='active']"), keys::SPACE).await;
    ada.press(Some("dialog .filters .primary"), keys::ENTER).await;
    ada.wait_for(".active-filters .chip").await;
    assert_eq!(names(&ada).await, "Agnes Moore, Bashir Ali");
    ada.press(Some("#q"), &format!("bashir{}", keys::ENTER)).await;
    ada.wait_url("q=bashir").await;
    assert_eq!(names(&ada).await, "Bashir Ali");
    ada.press(Some(".active-filters li:first-child a"), keys::ENTER).await;
    ada.wait_text("Agnes Moore").await;
    ada.click_text(Some("a"), "Clear result").await;
    ada.wait_text("Chidi Obi").await;
    assert!(ada.url().await.contains("sort=weight") && !ada.url().await.contains("type="));
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_clinicians_and_monitoring_are_done_in_windows_over_the_list() {
    let (app, _) = with_patients().await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&list(&app)).await;
    ada.press(Some("tbody tr:first-child summary"), keys::ENTER).await;
    ada.click_text(Some("a"), "Update labels").await;
    ada.wait_for("dialog #text").await;
    assert_eq!(ada.eval("return document.activeElement.id").await, "text", "ready to type");
    ada.press(None, &format!("Frail{}", keys::ENTER)).await;
    ada.wait_text("There is no label “Frail” yet.").await;
    assert_eq!(violations(&ada).await, [""; 0], "the labels");
    ada.press(None, keys::ENTER).await;
    ada.wait_text("The label was added.").await;
    ada.press(Some("dialog [data-close]"), keys::ENTER).await;
    ada.wait_for("tbody tr:first-child td[data-label='Labels'] .tag").await;

    // Several at once.
    ada.click("tbody tr:nth-child(2) .tick .box").await;
    ada.click("tbody tr:nth-child(3) .tick .box").await;
    ada.wait_text("2 patients selected").await;
    ada.click_text(Some("button"), "Edit labels").await;
    ada.wait_text("Labels of 2 patients").await;
    ada.click_text(Some("label"), "Frail").await;
    ada.click_text(Some("button"), "Add labels").await;
    ada.wait_text("The labels were added to 2 patients.").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM patient_labels").await, 3);

    ada.click_text(Some("summary"), "Menu for Bashir Ali").await;
    ada.click_text(Some("a"), "Assign clinicians").await;
    ada.wait_for("dialog #search").await;
    ada.fill("dialog #search", "okafor").await;
    ada.press(None, keys::ENTER).await;
    ada.wait_for("dialog .people input:not(:checked)").await;
    ada.press(Some("dialog .people input"), keys::SPACE).await;
    assert_eq!(violations(&ada).await, [""; 0], "the clinicians");
    ada.click_text(Some("button"), "Assign Clinicians").await;
    ada.wait_text("1 clinician is assigned to patient NF-2 now.").await;

    ada.click_text(Some("summary"), "Menu for Bashir Ali").await;
    ada.click_text(Some("a"), "Stop monitoring patient").await;
    ada.wait_text("Stop monitoring Bashir Ali?").await;
    ada.select("dialog #reason", "Other reason").await;
    ada.wait_for("dialog #words").await;
    assert_eq!(violations(&ada).await, [""; 0], "the reason");
    ada.click_text(Some("button"), "Stop monitoring patient").await;
    ada.wait_text("Say in a few words why monitoring stops.").await;
    ada.fill("dialog #words", "Moved away").await;
    ada.click_text(Some("button"), "Stop monitoring patient").await;
    ada.wait_text("Patient NF-2 is no longer monitored.").await;
    assert_eq!(names(&ada).await, "Agnes Moore, Chidi Obi, Bashir Ali", "last, and greyed");
    ada.click_text(Some("summary"), "Menu for Bashir Ali").await;
    ada.click_text(Some("a"), "Reactivate patient").await;
    ada.wait_text("Moved away").await;
    ada.click_text(Some("button"), "Reactivate patient").await;
    ada.wait_text("Patient NF-2 is monitored again.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_it_works_without_script() {
    let (app, _) = with_patients().await;
    let ada = ada(&app, Options { script: false, ..Options::default() }).await;
    ada.goto(&list(&app)).await;
    ada.click(".columns-menu summary").await;
    ada.click(".columns-menu [value='temperature']").await;
    ada.click(".columns-menu button").await;
    ada.wait_text("1 column is hidden from your list.").await;
    ada.click_text(Some("a"), "Filters").await;
    ada.click_text(Some("label"), "Active in the last 30 days").await;
    ada.click(".filters .primary").await;
    ada.wait_for(".active-filters .chip").await;
    ada.click_text(Some("summary"), "Menu for Bashir Ali").await;
    ada.click_text(Some("a"), "Update labels").await;
    ada.fill("#text", "Frail").await;
    ada.click_text(Some("button"), "Add").await;
    ada.click_text(Some("button"), "Create “Frail”").await;
    ada.wait_text("The label was added.").await;
    ada.click_text(Some("a"), "Done").await;
    ada.wait_url("type=active").await;
    ada.click("tbody tr:nth-child(1) .tick .box").await;
    ada.click_text(Some("button"), "Edit labels").await;
    ada.click_text(Some("label"), "Frail").await;
    ada.click_text(Some("button"), "Add labels").await;
    ada.wait_text("The labels were added to 1 patient.").await;
    ada.click_text(Some("summary"), "Menu for Bashir Ali").await;
    ada.click_text(Some("a"), "Stop monitoring patient").await;
    ada.select("#reason", "The programme is finished").await;
    ada.click_text(Some("button"), "Stop monitoring patient").await;
    ada.wait_text("Patient NF-2 is no longer monitored.").await;
    ada.goto(&format!("{}/new", list(&app))).await;
    ada.fill("#number", "NF-4").await;
    ada.fill("#name", "Dara Quinn").await;
    ada.click_text(Some("button"), "Add patient").await;
    ada.wait_text("The patient was added.").await;
    ada.click_text(Some("summary"), "Edit profile").await;
    ada.fill("#name", "Dara Quinn-Hale").await;
    ada.click_text(Some("button"), "Save profile").await;
    ada.wait_text("Saved: name.").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

async fn everybody_can_read_and_reach(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 24).await.unwrap();
    let scope =
        DeploymentId::from_uuid(app.uuid("SELECT deployment_id FROM patients ORDER BY red DESC, id LIMIT 1").await);
    let patient = PatientId::from_uuid(app.uuid("SELECT id FROM patients ORDER BY red DESC, id LIMIT 1").await);
    let browser = Browser::open(options).await;
    sign_in(&browser, &app, "ada.okafor@northfield.example", demo::PASSWORD).await;
    let list = format!("{}/{scope}/patients", app.url);
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.goto(&format!("{list}/{patient}/monitoring?list=all")).await;
    browser.select("#reason", "The programme is finished").await;
    browser.click_text(Some("button"), "Stop monitoring patient").await;
    browser.wait_text("is no longer monitored").await;
    for path in
        ["", "?sort=heart_rate&order=desc", "?q=nobody-at-all", "?type=active&born_from=soon", "/filters", "/new"]
    {
        look.visit(format!("{list}{path}")).await;
    }
    for page in ["profile", "labels", "clinicians", "monitoring"] {
        look.visit(format!("{list}/{patient}/{page}")).await;
    }
    look.visit(format!("{}/{scope}/labels", app.url)).await;
    browser.goto(&list).await;
    browser.click(".columns-menu summary").await;
    look.at("the columns are open").await;
    browser.goto(&list).await;
    browser.click("tbody tr:last-child .end summary").await;
    look.at("a row's menu is open").await;
    // An open menu covers what lies behind it, for as long as it is open.
    look.found.retain(|finding| !finding.contains("is open") || !finding.contains("partially obscured"));
    assert!(look.found.is_empty(), "{}", look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_it_at_a_desk() {
    everybody_can_read_and_reach(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_it_on_a_phone() {
    everybody_can_read_and_reach(Options { width: 390, height: 844, ..Options::default() }).await;
}
