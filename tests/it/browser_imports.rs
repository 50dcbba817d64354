//! Importing patients in a real browser: a file at a desk and on a phone, and the whole way without script.

use crate::{
    browser::{ada, complaints},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::Options,
        keys,
    },
};

const ROWS: &str = "Number;Name;E-mail;Date of birth;Sex;Labels;Shoe size\n\
    NF-10;Bela Kiss;bela@patients.example;9.3.1948;m;Diabetic;44\n\
    NF-1;Agnes Vance;;1948-03-09;f;;\n\
    NF-0001;Cora Day;;1960-06-06;;;\n\
    NF-12;Dan Roe;not an address;9/3/1948;sometimes;;\n\
    NF-13;A Name That Is Longer Than Anybody Would Have Thought Before The File Came;;;;;\n";

fn file() -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    std::fs::write(file.path(), ROWS).unwrap();
    file
}

async fn everybody_can_import(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    browser.goto(&format!("{}{}/patients", app.url, app.cardiology.path())).await;
    browser.click_text(Some("summary"), "List menu").await;
    browser.click_text(Some("a"), "Import patients").await;
    look.once("you look at every row first").await;
    browser.click_text(Some("button"), "Look at the rows").await;
    look.once("The rows could not be read").await;
    let file = file();
    browser.upload("#file", file.path()).await;
    browser.click_text(Some("button"), "Look at the rows").await;
    look.once("These columns of the file are not used: Shoe size.").await;
    browser.eval("document.querySelector('[name=confirmed]').scrollIntoView({ block: 'center' })").await;
    browser.press(Some("[name=confirmed]"), keys::SPACE).await;
    browser.click_text(Some("button"), "Add 2 patients and those that are ticked").await;
    look.once("3 patients added").await;
    browser.click_text(Some("a"), "Patient List").await;
    browser.wait_text("Bela Kiss").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patients_are_imported_at_a_desk() {
    everybody_can_import(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patients_are_imported_on_a_phone() {
    everybody_can_import(Options::phone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn patients_are_imported_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let browser = ada(&app, Options { script: false, ..Options::default() }).await;
    browser.goto(&format!("{}{}/patients", app.url, app.cardiology.path())).await;
    browser.click_text(Some("a"), "Import patients").await;
    browser.fill("#text", "Number,Name\nNF-1,Agnes Vance\nNF-1,Bela Kiss\n").await;
    browser.click_text(Some("button"), "Look at the rows").await;
    browser.wait_text("Row 2 has the same number.").await;
    browser.click_text(Some("button"), "Add 1 patient").await;
    browser.wait_text("1 patient added").await;
    browser.wait_text("1 row was not: 1 refused.").await;
    assert_eq!(complaints(&browser).await, [""; 0]);
}
