//! The profile and help for the locked-out in a real browser, at a desk and on a phone, in light and dark.

use care_portal::{
    access::{DefaultRole, RoleKey},
    demo,
};

use crate::{
    browser::sign_in,
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
    },
};

const ADA: &str = "ada.okafor@northfield.example";

/// Draws what is shown, in both themes, where somebody wants to look at it.
async fn draw(browser: &Browser, name: &str) {
    let Some(folder) = std::env::var_os("CARE_PORTAL_PROFILE_PICTURES") else { return };
    for scheme in ["light", "dark"] {
        let still = serde_json::json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        let colours = serde_json::json!({ "name": "prefers-color-scheme", "value": scheme });
        let media = serde_json::json!({ "features": [still, colours] });
        browser.devtools("Emulation.setEmulatedMedia", media).await;
        browser.screenshot(std::path::Path::new(&folder).join(format!("{name}-{scheme}.png"))).await;
    }
}

async fn everybody_can_read_and_reach_it(options: Options, width: &str) {
    let app = TestApp::start(Database::Sqlite).await;
    demo::fill(&app.portal, 10).await.unwrap();
    let wren = app.person("wren", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    drop(wren);
    let url = |path: &str| format!("{}{path}", app.url);
    let browser = Browser::open(options).await;
    sign_in(&browser, &app, ADA, demo::PASSWORD).await;
    let account = app.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{ADA}'")).await;
    let owner = app.literal(account);
    app.execute("UPDATE browsers SET trusted_until = 9999999999999").await;
    let columns = "id, account_id, credential_id, name, credential, added_at";
    app.execute(&format!(
        "INSERT INTO passkeys ({columns}) VALUES ({owner}, {owner}, x'01', 'Work laptop', '', 1790000000000)"
    ))
    .await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    look.visit(url("/profile")).await;
    draw(&browser, &format!("profile-{width}")).await;
    for summary in ["Change personal details", "Change units", "Make a new key"] {
        browser.click_text(Some("summary"), summary).await;
    }
    // What stands under the bar at the top cannot be clicked; a person scrolls.
    browser.eval("document.querySelector('#passkeys ~ table .menu summary').scrollIntoView({ block: 'center' })").await;
    browser.click("#passkeys ~ table .menu summary").await;
    look.once("Save details").await;
    draw(&browser, &format!("profile-open-{width}")).await;
    // Script would not let an empty name go.
    browser.eval("const form = document.querySelector('[action=\"/profile/details\"]'); form.elements.name.value = ''; form.elements.phone.value = 'call me'; HTMLFormElement.prototype.submit.call(form)").await;
    look.once("Enter your full name").await;
    draw(&browser, &format!("profile-error-{width}")).await;
    browser.fill("#name", "Ada Okafor-Lindqvist").await;
    browser.fill("#phone", "+44 7700 900123").await;
    browser.click_text(Some("button"), "Save details").await;
    look.once("Your personal details are saved").await;
    look.visit(url("/profile/password")).await;
    browser.fill("#password", "river").await;
    look.once("10 more characters needed").await;
    draw(&browser, &format!("password-{width}")).await;
    browser.eval("document.querySelector('form.stack').noValidate = true").await;
    browser.fill("#current", "not it at all").await;
    browser.click_text(Some("button"), "Change password").await;
    look.once("Your password was not changed").await;

    let place = app.uuid("SELECT deployment_id FROM memberships m JOIN accounts a ON a.id = m.account_id WHERE a.email_key LIKE '%@northfield.example' AND m.role = 'deployment_staff' AND a.email_key <> 'wren@northfield.example' LIMIT 1").await;
    let member = app
        .uuid(&format!(
            "SELECT id FROM memberships WHERE deployment_id = {} AND role = 'deployment_staff' LIMIT 1",
            app.literal(place)
        ))
        .await;
    let scope = care_portal::types::DeploymentId::from_uuid(place);
    let member = care_portal::types::MembershipId::from_uuid(member);
    look.visit(url(&format!("/{scope}/staff/{member}/password-link"))).await;
    look.visit(url(&format!("/{scope}/staff/{member}/second-factor"))).await;
    browser.wait_text("speak to them").await;
    browser
        .eval("const form = document.querySelector('form.stack'); HTMLFormElement.prototype.submit.call(form)")
        .await;
    look.once("Nothing was changed").await;
    draw(&browser, &format!("reset-{width}")).await;
    browser.fill("#reason", "Lost the phone; spoke to her on the ward").await;
    browser.click_text(Some("button"), "Reset second factor").await;
    look.once("was reset. They sign in with their password").await;
    browser.click("tbody .end summary").await;
    draw(&browser, &format!("staff-{width}")).await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_profile_is_there_for_everybody_at_a_desk() {
    everybody_can_read_and_reach_it(Options::default(), "desk").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_profile_is_there_for_everybody_on_a_phone() {
    everybody_can_read_and_reach_it(Options::phone(), "phone").await;
}
