//! The pages of one patient in a real browser: read, entered, reviewed by keyboard, with script and without, at a desk and on a phone.

use care_portal::types::PatientId;

use crate::{
    browser::ada,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

/// Somebody with weeks of readings, some of them bad.
async fn agnes(app: &TestApp) -> PatientId {
    let id = app.patient(app.cardiology, "NF-7", "Agnes Vance-Featherstonehaugh").await;
    let mut values = Vec::new();
    for n in 0..40_i64 {
        let swing = n * 13 % 29;
        let (top, low) = if n < 3 { (168 - n * 11, 98) } else { (112 + swing, 70 + swing / 2) };
        let at = app.minutes_ago(n * 17 * 60 + 30);
        values.push(("blood_pressure", format!("{top}/{low}"), at));
        values.push(("heart_rate", (58 + swing).to_string(), at));
        if n % 5 == 0 {
            values.push(("weight", format!("{}.4", 70 + n % 3), at));
            values.push(("glucose", format!("{}.5", 5 + n % 7), at));
        }
    }
    values.push((
        "symptoms",
        "Short of breath on the stairs, better when sitting; slept badly".to_owned(),
        app.minutes_ago(55),
    ));
    let entries: Vec<_> = values.iter().map(|(module, value, at)| (*module, value.as_str(), *at)).collect();
    app.readings(id, &entries).await;
    id
}

fn url(app: &TestApp, id: PatientId, end: &str) -> String {
    format!("{}{}/patients/{id}{end}", app.url, app.cardiology.path())
}

async fn everybody_can_read_and_reach_a_patient(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    let id = agnes(&app).await;
    let empty = app.patient(app.cardiology, "NF-8", "Bo Lind").await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    look.visit(url(&app, empty, "")).await;
    look.visit(url(&app, empty, "/readings/weight")).await;
    look.visit(url(&app, empty, "/notes")).await;
    look.visit(url(&app, empty, "/flags")).await;
    look.visit(url(&app, id, "")).await;
    look.visit(url(&app, id, "/readings/blood_pressure?range=all&with=heart_rate")).await;
    look.visit(url(&app, id, "/readings/heart_rate")).await;
    look.visit(url(&app, id, "/readings/heart_rate?view=table")).await;
    look.visit(url(&app, id, "/readings/symptoms")).await;
    look.visit(url(&app, id, "/readings/new?module=heart_rate")).await;
    browser.fill("#value_heart_rate", "7").await;
    browser.fill("#value_symptoms", "Better").await;
    browser.press(Some("#value_heart_rate"), keys::ENTER).await;
    look.once("Nothing was entered").await;
    look.visit(url(&app, id, "/flags")).await;
    browser.eval("document.querySelector('form.reviewing').noValidate = true").await;
    browser.click_text(Some("button"), "Submit").await;
    look.once("Nothing was saved yet").await;
    for module in ["blood_pressure", "glucose", "heart_rate"] {
        if browser.exists(&format!("#seen-{module}")).await {
            browser.eval(&format!("document.querySelector('#seen-{module}').click()")).await;
        }
    }
    browser.fill("#note", "Rang her at noon.\nShe rests, and measures again at four.").await;
    browser.click_text(Some("button"), "Submit").await;
    look.once("Note added;").await;
    browser.click_text(Some("a"), "Notes").await;
    browser.click_text(Some("summary"), "Add to this note of Ada Okafor, Monday 21 September 2026, 15:13 BST").await;
    look.once("A note cannot be changed, only added to.").await;
    browser.fill("textarea", "At four 138/82.").await;
    browser.click_text(Some("button"), "Add").await;
    browser.wait_text("Added to the note.").await;
    // Where the page is scrolled to the note, the bar lies over what is above it.
    browser.eval("scrollTo(0, 0)").await;
    look.once("Added to the note.").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_is_there_for_everybody_at_a_desk() {
    everybody_can_read_and_reach_a_patient(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_is_there_for_everybody_on_a_phone() {
    everybody_can_read_and_reach_a_patient(Options::phone()).await;
}

/// What has the focus, by its id or its words.
async fn focus(browser: &Browser) -> String {
    let js = "const it = document.activeElement; return it.id || it.getAttribute('role') || it.innerText";
    browser.eval(js).await.as_str().unwrap_or_default().to_owned()
}

/// Presses Tab until this has the focus.
async fn tab_to(browser: &Browser, wanted: &str) {
    for _ in 0..80 {
        browser.press(None, keys::TAB).await;
        if focus(browser).await.trim() == wanted {
            return;
        }
    }
    panic!("{wanted} cannot be reached by Tab");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_is_read_and_flags_are_resolved_by_keyboard_alone() {
    let app = TestApp::start(Database::Sqlite).await;
    let id = agnes(&app).await;
    let browser = ada(&app, Options::default()).await;
    browser.goto(&url(&app, id, "/readings/blood_pressure?range=all")).await;
    tab_to(&browser, "slider").await;
    let said = async || browser.eval("return document.activeElement.getAttribute('aria-valuetext')").await;
    let last = said().await;
    assert!(last.as_str().unwrap().starts_with("168/98 mmHg, red, "), "the newest first: {last}");
    browser.press(None, keys::LEFT).await;
    assert!(said().await.as_str().unwrap().starts_with("157/98"), "{}", said().await);
    browser.wait_text("157/98 mmHg, amber").await;
    browser.press(None, keys::HOME).await;
    let first = said().await;
    browser.press(None, keys::LEFT).await;
    assert_eq!(said().await, first, "the first is the end");
    browser.press(None, keys::TAB).await;
    assert!(!browser.exists("[data-readout]:not([hidden])").await, "the readout goes with the focus");

    browser.goto(&url(&app, id, "/flags")).await;
    tab_to(&browser, "seen-blood_pressure").await;
    browser.press(None, keys::SPACE).await;
    browser.eval("document.querySelectorAll('[name=seen]').forEach((box) => { if (!box.checked) box.click(); })").await;
    tab_to(&browser, "note").await;
    browser.press(None, "Rang her").await;
    tab_to(&browser, "Submit").await;
    browser.press(None, keys::ENTER).await;
    browser.wait_text("Note added;").await;
    browser.wait_text("Everything that was sent in is reviewed.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_script_nothing_is_missing() {
    let app = TestApp::start(Database::Sqlite).await;
    let id = agnes(&app).await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    browser.goto(&url(&app, id, "")).await;
    browser.click_text(Some("a"), "Enter readings").await;
    browser.fill("#value_weight", "71.2").await;
    browser.click_text(Some("button"), "Enter readings").await;
    browser.wait_text("1 reading is entered.").await;
    browser.click_text(Some("a"), "Blood pressure").await;
    browser.wait_text("Latest 168/98 mmHg, red").await;
    assert!(browser.exists(".chart-wide .dot.red title").await, "each mark has a title");
    browser.click_text(Some("a"), "Table view").await;
    browser.wait_text("Ada Okafor").await;
    browser.click_text(Some("a"), "Add note / Resolve flags").await;
    for module in ["blood_pressure", "glucose"] {
        if browser.exists(&format!("#seen-{module}")).await {
            browser.click(&format!("#seen-{module}")).await;
        }
    }
    browser.fill("#note", "Rang her").await;
    browser.click_text(Some("button"), "Submit").await;
    browser.wait_text("Note added;").await;
    browser.click_text(Some("a"), "Notes").await;
    browser.wait_text("Rang her").await;
}
