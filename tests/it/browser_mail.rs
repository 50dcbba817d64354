//! The pages of mail's life, of slips and of second looks in a real browser, for everybody, at a desk and on a phone.

use std::path::Path;

use care_portal::access::{DefaultRole, RoleKey};

use crate::{
    browser::ada,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        smtp::{Behaviour, ScriptedSmtp},
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// For whoever wants to look: pictures in light and dark, where a folder is named.
async fn picture(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("CARE_PORTAL_TEST_PICTURES") else { return };
    for scheme in ["light", "dark"] {
        let features = serde_json::json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.devtools("Emulation.setEmulatedMedia", serde_json::json!({ "features": features })).await;
        browser.screenshot(&Path::new(&folder).join(format!("{name}-{scheme}.png"))).await;
    }
}

async fn everybody_can_read_what_became_of_a_mail(options: Options, width: &str) {
    let server = ScriptedSmtp::start().await;
    let app = TestApp::start_with(Database::Sqlite, &[("SMTP_URL", server.url())]).await;
    app.send_mail().await;
    app.execute("UPDATE organisations SET allow_copy_link = 1, second_look = 1").await;
    server.answer_rcpt(|address, attempt| match (address.split('@').next().unwrap_or_default(), attempt) {
        ("gone", _) => {
            Behaviour::Permanent(550, "5.1.1 The email account that you tried to reach does not exist".to_owned())
        }
        ("slow", _) => Behaviour::Temporary(451, "4.7.1 greylisted, please come again in five minutes".to_owned()),
        _ => Behaviour::Accept,
    });
    let admin = app.admin_caller().await;
    let ben = app.invite(&admin, app.cardiology, STAFF, "Ben Achterberg <ben@northfield.example>").await;
    let gone = app.invite(&admin, app.cardiology, STAFF, "gone@northfield.example").await;
    let slow = app.invite(&admin, app.cardiology, STAFF, "slow@northfield.example").await;
    let controller = RoleKey::Default(DefaultRole::AccessController);
    let priya = app.invite(&admin, app.cardiology, controller, "priya@northfield.example").await;
    for _ in 0..5 {
        app.send_mail().await;
        app.advance(std::time::Duration::from_secs(240));
    }
    let browser = ada(&app, options).await;
    let list = format!("{}{}/invitations", app.url, app.cardiology.path());
    let mut look = Look { browser: &browser, found: Vec::new() };
    look.visit(list.clone()).await;
    picture(&browser, &format!("list-{width}")).await;
    for (id, name) in [(ben, "handed-over"), (gone, "refused"), (slow, "trying"), (priya, "second-look")] {
        look.visit(format!("{list}/{id}")).await;
        picture(&browser, &format!("{name}-{width}")).await;
    }
    browser.wait_text("Code to tell by telephone").await;
    browser.goto(&format!("{list}/{gone}")).await;
    browser.click("details.more summary").await;
    look.once("does not exist").await;
    browser.goto(&format!("{list}/{ben}")).await;
    browser.click_text(Some("button"), "Print slip").await;
    look.once("Slips to hand over").await;
    picture(&browser, &format!("slip-{width}")).await;
    look.visit(format!("{}{}/settings", app.url, app.organisation.path())).await;

    browser.devtools("Network.clearBrowserCookies", serde_json::json!({})).await;
    browser.goto(&format!("{}/join", app.url)).await;
    browser.click("details.more summary").await;
    browser.fill("#slip_code", "AAAA-AAAA").await;
    browser.fill("#slip_email", "ben@northfield.example").await;
    browser.click("#slip_email ~ button, form[action='/join/slip'] button").await;
    look.once("do not belong together").await;
    picture(&browser, &format!("slip-wrong-{width}")).await;
    app.execute(
        "UPDATE invitations SET state = 'pending', second_look = 'given' WHERE live_email = 'priya@northfield.example'",
    )
    .await;
    browser.goto(&format!("{}/join#{}", app.url, app.code(priya, 1))).await;
    look.once("Code told by telephone").await;
    picture(&browser, &format!("join-{width}")).await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_what_became_of_a_mail_at_a_desk() {
    everybody_can_read_what_became_of_a_mail(Options::default(), "1280").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_read_what_became_of_a_mail_on_a_phone() {
    everybody_can_read_what_became_of_a_mail(Options::phone(), "390").await;
}
