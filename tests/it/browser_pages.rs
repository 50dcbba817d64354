//! Pages that everybody can read and reach: every one of them, at a desk and on a phone, in light and dark.

use std::path::Path;

use care_portal::demo;
use serde_json::json;

use crate::{
    browser::{STAFF, complaints, open_invite_window, press_send, sign_in, type_addresses},
    support::{
        app::{Database, PASSWORD, TestApp},
        axe::serious_violations,
        browser::{Browser, Options},
        keys,
    },
};

/// Looks at one width, in light and dark, at what the browser shows.
pub struct Look<'a> {
    pub browser: &'a Browser,
    pub found: Vec<String>,
}

impl Look<'_> {
    pub async fn at(&mut self, what: &str) {
        for scheme in ["light", "dark"] {
            // Without motion no colour is caught halfway on its way to another.
            let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
            let media = json!({ "features": [still, { "name": "prefers-color-scheme", "value": scheme }] });
            self.browser.devtools("Emulation.setEmulatedMedia", media).await;
            let violations = serious_violations(self.browser).await;
            self.found.extend(violations.iter().map(|violation| format!("{what}, {scheme}: {violation:#?}")));
        }
        let page = "document.documentElement";
        let hidden = self.browser.eval(&format!("return {page}.scrollWidth - {page}.clientWidth")).await;
        if hidden != 0 {
            self.found.push(format!("{what}: scrolls sideways by {hidden}"));
        }
        self.found.extend(complaints(self.browser).await.iter().map(|error| format!("{what}: {error}")));
    }

    pub async fn visit(&mut self, url: String) {
        self.browser.goto(&url).await;
        self.at(&url).await;
    }

    /// Looks as soon as the page shows this text.
    pub async fn once(&mut self, text: &str) {
        self.browser.wait_text(text).await;
        self.at(text).await;
    }
}

async fn everybody_can_read_and_reach(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    // The demonstration's hospital has a row of every kind.
    demo::fill(&app.portal, 30).await.unwrap();
    let open = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
    let url = |path: &str| format!("{}{path}", app.url);
    let empty = |path: &str| format!("{}{}{path}", app.url, app.diabetes.path());
    let browser = Browser::open(options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };

    look.visit(url("/sign-in")).await;
    browser.fill("#email", "ada@northfield.example").await;
    browser.press(Some("#password"), &format!("not it{}", keys::ENTER)).await;
    look.once("You are not signed in").await;
    look.visit(url("/join")).await;
    browser.press(Some("#code"), &format!("cpi1_{}", keys::ENTER)).await;
    look.once("There is a problem").await;
    // Nobody was ever sent a seventh link.
    browser.goto(&url(&format!("/join#{}", app.code(open, 7)))).await;
    look.once("This link is not valid").await;
    browser.goto(&url(&format!("/join#{}", app.code(open, 1)))).await;
    browser.wait_text("Create your account").await;
    browser.fill("#password", "river").await;
    browser.click("details.more summary").await;
    look.once("10 more characters needed").await;

    sign_in(&browser, &app, "ada.okafor@northfield.example", demo::PASSWORD).await;
    look.at("deployments").await;
    let organisation = browser.url().await;
    browser.click(".view-filter summary").await;
    look.at("view filter").await;
    look.visit(format!("{organisation}/staff")).await;
    look.visit(format!("{organisation}/staff?q=nobody")).await;
    look.visit(format!("{organisation}/invitations")).await;
    browser.click("tbody .end summary").await;
    look.at("menu of a row").await;
    browser.click("tbody .end .danger").await;
    look.once("Delete this invitation?").await;
    browser.press(None, keys::ESCAPE).await;
    browser.click("tbody .tick .box").await;
    look.once("1 invitation selected").await;
    look.visit(format!("{organisation}/invitations?q=nobody")).await;
    open_invite_window(&browser).await;
    type_addresses(&browser, &["a@gmial.com", "nobody", "ada.okafor@northfield.example", "b@northfield.example"]).await;
    browser.select("#role", "Contributor").await;
    look.once("There is no “@”").await;
    press_send(&browser, "Send 1 invite").await;
    look.once("1 invite sent").await;
    browser.goto(&organisation).await;
    browser.click_text(Some("a"), "Cardiology").await;
    look.once("All patients").await;
    look.visit(format!("{}?q=nobody", browser.url().await)).await;
    look.visit(url("/profile")).await;
    browser.click_text(Some("summary"), "Make a new key").await;
    look.once("Make key").await;
    for path in ["/join", "/no-such-page", "/api/v1/reference"] {
        look.visit(url(path)).await;
    }

    browser.devtools("Network.clearBrowserCookies", json!({})).await;
    sign_in(&browser, &app, "ada@northfield.example", PASSWORD).await;
    for path in ["/patients", "/invitations", "/invitations/new"] {
        look.visit(empty(path)).await;
    }
    // Script would not let an empty list go; a page without it is answered with what is missing.
    let send = "const send = Object.assign(document.createElement('input'), { name: 'do', value: 'send' });
        document.querySelector('[data-invite]').append(send);
        send.form.submit();";
    browser.eval(send).await;
    look.once("Nothing was sent yet").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_every_page_at_a_desk() {
    everybody_can_read_and_reach(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_and_reach_every_page_on_a_phone() {
    everybody_can_read_and_reach(Options::phone()).await;
}

/// Draws the picture of the documentation: `docs/make-screenshot`. Nothing is drawn unless a file is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screenshot_for_the_documentation() {
    let Some(file) = std::env::var_os("CARE_PORTAL_SCREENSHOT") else { return };
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 30).await.unwrap();
    let browser = Browser::open(Options::default()).await;
    sign_in(&browser, &app, "ada.okafor@northfield.example", demo::PASSWORD).await;
    browser.click_text(Some("a"), "Cardiology").await;
    browser.wait_url("/patients").await;
    browser.goto(&browser.url().await.replace("/patients", "/invitations")).await;
    open_invite_window(&browser).await;
    let names = ["tom.reyes", "rosalind.byrne"].map(|name| format!("{name}@northfield.example"));
    type_addresses(&browser, &[&names[0], &names[1], "eva.lind@northfeild.example"]).await;
    browser.wait_for(".chip.look").await;
    browser.select("#role", "Deployment Staff").await;
    browser.wait_text("Send 2 invites").await;
    browser.eval("document.activeElement.blur()").await;
    browser.screenshot(Path::new(&file)).await;
}
