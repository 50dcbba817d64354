//! **Edit roles** in a real browser: with the keyboard alone, with script and without, inside the invite window, and readable by
//! everybody.

use care_portal::{
    access::{DefaultRole, Permission, PermissionSet, RoleKey, Scope},
    roles::{self, RoleDraft},
};

use crate::{
    browser::{ada, complaints, open_invite_window, press_send, type_addresses, wait_texts},
    browser_pages::Look,
    support::{
        app::{Database, TestApp},
        browser::{Browser, Options},
        keys,
    },
};

async fn role(app: &TestApp, scope: Scope, name: &str, permissions: &[Permission]) -> RoleKey {
    let permissions: PermissionSet = permissions.iter().copied().collect();
    let draft = RoleDraft { name: name.to_owned(), permissions };
    roles::actions::create_role(&app.portal, &app.admin_caller().await, scope, &draft).await.unwrap().key
}

/// Presses Tab until this is focused; a page on which it cannot be reached fails.
async fn tab_to(browser: &Browser, what: &str) {
    for _ in 0..60 {
        if browser.eval(&format!("return document.activeElement.matches({what:?})")).await == true {
            return;
        }
        browser.press(None, keys::TAB).await;
    }
    panic!("Tab does not reach {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_made_and_changed_with_the_keyboard_alone() {
    let app = TestApp::start(Database::Sqlite).await;
    app.person("lucy", app.coordinator, app.cardiology).await;
    let ada = ada(&app, Options::default()).await;
    ada.goto(&format!("{}{}/staff", app.url, app.organisation.path())).await;
    tab_to(&ada, ".title-end summary").await;
    ada.press(None, keys::ENTER).await;
    tab_to(&ada, ".title-end a[href$='/roles']").await;
    ada.press(None, keys::ENTER).await;
    ada.wait_url("/roles").await;
    tab_to(&ada, ".title-end a[href$='/roles/new']").await;
    ada.press(None, keys::ENTER).await;
    ada.wait_text("Add a new role").await;
    tab_to(&ada, "#name").await;
    ada.press(None, "Ward Nurse").await;
    tab_to(&ada, "[value=invite_staff]").await;
    ada.press(None, keys::SPACE).await;
    let view = async || {
        ada.eval("const it = document.querySelector('[value=view_staff]'); return [it.checked, it.disabled]").await
    };
    assert_eq!(view().await, serde_json::json!([true, true]), "what comes along is ticked and locked");
    ada.press(None, keys::SPACE).await;
    assert_eq!(view().await, serde_json::json!([false, false]), "and is as it was when that goes");
    ada.press(None, keys::SPACE).await;
    ada.press(None, keys::ENTER).await;
    ada.wait_text("The role “Ward Nurse” was made.").await;

    tab_to(&ada, &format!("a.role-link[href$='{}']", app.coordinator)).await;
    ada.press(None, keys::ENTER).await;
    ada.wait_text("Rename").await;
    tab_to(&ada, "[value=contact_patient]").await;
    ada.press(None, keys::SPACE).await;
    tab_to(&ada, "[value=review]").await;
    ada.press(None, keys::ENTER).await;
    wait_texts(&ada, &["1 person is affected.", "lucy Example, Cardiology", "Added", "Contact patient"]).await;
    tab_to(&ada, "[value=save]").await;
    ada.press(None, keys::ENTER).await;
    ada.wait_text("The role “Ward Coordinator” was saved").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_made_inside_the_invite_window() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = ada(&app, Options::default()).await;
    let list = format!("{}{}/staff", app.url, app.cardiology.path());
    ada.goto(&list).await;
    open_invite_window(&ada).await;
    type_addresses(&ada, &["ben@northfield.example", "eve@northfeild.example"]).await;
    ada.click_text(Some("button"), "Send all the same to eve@northfeild.example").await;
    ada.click_text(Some("label"), "72 hours").await;
    ada.eval("document.querySelector('dialog #access_until').value = '2026-12-24'").await;
    ada.click("dialog [value=add_role]").await;
    ada.wait_for("dialog #name").await;
    // Cancel leads back, and everything is there.
    ada.click("dialog [value=back]").await;
    ada.wait_for("dialog .chip [title='ben@northfield.example']").await;
    ada.click("dialog [value=add_role]").await;
    ada.fill("dialog #name", "Admin").await;
    ada.press(Some("dialog #name"), keys::ENTER).await;
    ada.wait_text("“Admin” is a default role").await;
    ada.fill("dialog #name", "Ward Nurse").await;
    ada.click("dialog [value=contact_patient]").await;
    // Escape asks, since the addresses would be lost.
    ada.press(None, keys::ESCAPE).await;
    ada.wait_text("What you typed will be lost.").await;
    ada.click_text(Some("button"), "Keep editing").await;
    ada.click_text(Some("button"), "Add role and go on inviting").await;
    ada.wait_text("The role “Ward Nurse” was made and is chosen.").await;
    assert_eq!(ada.eval("return document.activeElement.id").await, "role");
    assert_eq!(ada.eval("return document.querySelector('dialog [name=window]:checked').value").await, "72h");
    assert_eq!(ada.eval("return document.querySelector('dialog #access_until').value").await, "2026-12-24");
    press_send(&ada, "Send 2 invites").await;
    wait_texts(&ada, &["2 invites sent", "Ward Nurse", "Access until"]).await;
    assert_eq!(ada.url().await, list, "all of it in the window");
    assert_eq!(complaints(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_without_script() {
    let app = TestApp::start(Database::Sqlite).await;
    let spare = role(&app, app.organisation, "Spare", &[Permission::ViewStaff]).await;
    app.person("lucy", spare, app.cardiology).await;
    let ada = ada(&app, Options { script: false, ..Options::default() }).await;
    ada.goto(&format!("{}{}/invitations/new", app.url, app.cardiology.path())).await;
    ada.fill("#addresses", "ben@northfield.example").await;
    ada.click("[value=add_role]").await;
    ada.fill("#name", "Ward Nurse").await;
    ada.click("[value=contact_patient]").await;
    ada.click_text(Some("button"), "Add role and go on inviting").await;
    ada.wait_text("The role “Ward Nurse” was made and is chosen.").await;
    ada.click_text(Some("button"), "Send invites").await;
    wait_texts(&ada, &["1 invite sent", "Ward Nurse"]).await;

    let roles = format!("{}{}/roles", app.url, app.organisation.path());
    ada.goto(&roles).await;
    ada.click_text(Some("a"), "Spare").await;
    ada.fill("#name", "Spare Nurse").await;
    ada.click_text(Some("button"), "Review the change").await;
    ada.wait_text("“Spare” becomes “Spare Nurse”").await;
    ada.click_text(Some("button"), "Submit").await;
    ada.click_text(Some("a"), "Spare Nurse").await;
    ada.click_text(Some("a"), "Delete role").await;
    ada.select("#replacement", "Deployment Staff").await;
    assert_eq!(app.events("role.deleted").await, 0);
    ada.click_text(Some("button"), "Continue").await;
    wait_texts(&ada, &["They get the role Deployment Staff", "lucy Example"]).await;
    ada.click_text(Some("button"), "Delete role").await;
    ada.wait_text("The role “Spare Nurse” was deleted").await;
    assert_eq!(complaints(&ada).await, [""; 0]);
}

async fn everybody_can_edit_roles(options: Options) {
    let app = TestApp::start(Database::Sqlite).await;
    let all: Vec<Permission> = Permission::all().collect();
    let long = role(&app, app.cardiology, "Donaudampfschifffahrtsgesellschaftskapitaensnurse1", &all).await;
    for n in 0..3 {
        app.person(&format!("person{n}"), long, app.cardiology).await;
    }
    app.invite(&app.admin_caller().await, app.cardiology, long, "ben@northfield.example").await;
    app.person("lucy", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let browser = ada(&app, options).await;
    let mut look = Look { browser: &browser, found: Vec::new() };
    let at = |scope: Scope, rest: &str| format!("{}{}/roles{rest}", app.url, scope.path());
    for path in ["", "/new", "/new?from=admin", "/admin", &format!("/{long}"), &format!("/{long}/delete")] {
        look.visit(at(app.cardiology, path)).await;
    }
    browser.click_text(Some("button"), "Continue").await;
    look.once("choose the role that they get instead").await;
    browser.select("#replacement", "Deployment Staff").await;
    browser.click_text(Some("button"), "Continue").await;
    look.once("They get the role").await;
    browser.goto(&at(app.cardiology, &format!("/{long}"))).await;
    browser.click("[value=contact_patient]").await;
    browser.fill("#name", "Admin").await;
    browser.click("[value=review]").await;
    look.once("Nothing was saved yet").await;
    browser.fill("#name", "Nurse").await;
    browser.click("[value=review]").await;
    look.once("Taken away").await;
    browser.goto(&format!("{}{}/staff", app.url, app.cardiology.path())).await;
    open_invite_window(&browser).await;
    browser.click("dialog [value=add_role]").await;
    look.once("Then you go on inviting").await;
    assert!(look.found.is_empty(), "{} findings\n{}", look.found.len(), look.found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_edit_roles_at_a_desk() {
    everybody_can_edit_roles(Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_edit_roles_on_a_phone() {
    everybody_can_edit_roles(Options::phone()).await;
}
