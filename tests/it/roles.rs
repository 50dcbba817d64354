//! **Edit roles**: what can be made, changed and deleted, by whom, and what becomes of those concerned.

use care_portal::{
    access::{DefaultRole, Permission, PermissionSet, RoleKey, Scope},
    roles::{self, RoleDraft},
};
use reqwest::{Response, StatusCode, multipart::Form};
use serde_json::json;

use crate::{
    api::{call, key},
    on_both,
    support::app::{Database, Person, TestApp},
};

/// Makes a role by the action itself, as the Admin.
async fn role(app: &TestApp, scope: Scope, name: &str, permissions: &[Permission]) -> RoleKey {
    let permissions: PermissionSet = permissions.iter().copied().collect();
    let draft = RoleDraft { name: name.to_owned(), permissions };
    roles::actions::create_role(&app.portal, &app.admin_caller().await, scope, &draft).await.unwrap().key
}

/// Somebody whose own role edits roles and sees staff, and no more.
async fn editor(app: &TestApp, scope: Scope) -> Person {
    let own = role(app, app.organisation, "Role Editor", &[Permission::EditRoles, Permission::ViewStaff]).await;
    app.person("eva", own, scope).await
}

fn at(scope: Scope, rest: &str) -> String {
    format!("{}/roles{rest}", scope.path())
}

/// Sends the form of a role.
async fn send(person: &Person, path: &str, button: &str, name: &str, permissions: &[&str], revision: &str) -> Response {
    let mut form = vec![("do", button), ("name", name), ("revision", revision)];
    form.extend(permissions.iter().map(|permission| ("permissions", *permission)));
    person.post(path, &form).await
}

async fn text(answer: Response, status: StatusCode) -> String {
    let found = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    text
}

async fn has(app: &TestApp, name: &str, permissions: &str) -> bool {
    let sql = format!(
        "SELECT COUNT(*) FROM custom_roles WHERE name = '{name}' AND permissions = '{permissions}' AND deleted_at IS NULL"
    );
    app.count(&sql).await == 1
}

on_both! {
    async fn a_role_is_made_copied_renamed_changed_and_deleted(app: &TestApp) {
        let ada = app.admin().await;
        let answer = ada.post(&at(app.organisation, ""), &[("name", " Ward   Nurse "), ("permissions", "invite_staff")]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let list = ada.page(&at(app.organisation, "")).await;
        assert!(list.contains("The role “Ward Nurse” was made") && list.contains("Default roles") && list.contains("Locked"), "{list}");
        assert!(has(app, "Ward Nurse", "view_patient_data,view_staff,invite_staff").await, "what is implied comes along");
        let id = list.split("/roles/rol_").skip(1).find(|part| part.contains("Ward Nurse")).unwrap().split('"').next().unwrap();
        let own = format!("/rol_{id}");
        let copy = ada.page(&at(app.organisation, &format!("/new?from=rol_{id}"))).await;
        assert!(copy.contains("value=\"Copy of Ward Nurse\"") && copy.contains("Begun as a copy"), "{copy}");
        let fresh = ada.page(&at(app.organisation, "/new")).await;
        assert!(!fresh.contains("Copy of"), "a name is suggested only for a copy");
        let page = ada.page(&at(app.organisation, &own)).await;
        assert!(page.contains(">Rename</label>") && page.contains("Comes with “Invite staff members”"), "{page}");
        assert!(page.contains("value=\"view_patient_data\" checked disabled") && page.contains("Always included"), "{page}");
        let saved = send(&ada, &at(app.organisation, &own), "review", "Night Nurse", &["contact_patient"], "1").await;
        assert_eq!(saved.status(), StatusCode::SEE_OTHER, "nobody is affected, so it is saved at once");
        assert!(has(app, "Night Nurse", "view_patient_data,contact_patient").await);
        let question = ada.page(&at(app.organisation, &format!("{own}/delete"))).await;
        assert!(question.contains("Nobody has this role") && !question.contains("id=\"replacement\""), "{question}");
        let gone = ada.post(&at(app.organisation, &format!("{own}/delete")), &[("do", "delete"), ("revision", "2")]).await;
        assert_eq!(gone.status(), StatusCode::SEE_OTHER);
        assert_eq!(ada.get(&at(app.organisation, &own)).await.status(), StatusCode::NOT_FOUND);
        for event in ["role.created", "role.changed", "role.deleted"] {
            assert!(app.events(event).await >= 1, "{event}");
        }
    }

    async fn names_that_deceive_or_harm_are_refused_and_what_was_ticked_stays(app: &TestApp) {
        let ada = app.admin().await;
        let long = "x".repeat(10_000);
        let cases = [
            ("", "Enter a name"), ("  ", "Enter a name"), ("ward coordinator", "There is a role “Ward Coordinator” already"),
            ("WARD  Co-ordinator", "already"), ("W\u{0430}rd Coordinator", "already"), ("Admin", "is a default role"),
            ("A d m i n", "is a default role"), ("\u{0410}dmin", "is a default role"), ("access  CONTROLLER", "is a default role"),
            (long.as_str(), "at most 50 characters"), ("Nurse\u{202e}", "cannot be seen"), ("Nurse\u{0}", "cannot be seen"),
            ("Nurse\nAdmin", "cannot be seen"), ("…!", "at least one letter"), ("https://evil.example", "web address"),
        ];
        let before = app.count("SELECT COUNT(*) FROM custom_roles").await;
        for (name, message) in cases {
            let answer = ada.post(&at(app.organisation, ""), &[("name", name), ("permissions", "contact_patient")]).await;
            let page = text(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert!(page.contains(message) && page.contains("href=\"#name\""), "{name}: {page}");
            assert!(page.contains("value=\"contact_patient\" checked"), "{name}: the box stays ticked");
            assert!(page.len() < 40_000, "a long name does not come back whole");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM custom_roles").await, before);
        let unknown = ada.post(&at(app.organisation, ""), &[("name", "Fine"), ("permissions", "rule_the_world")]).await;
        assert!(text(unknown, StatusCode::UNPROCESSABLE_ENTITY).await.contains("does not exist"));
    }

    async fn nobody_puts_into_a_role_what_they_may_not_hand_on(app: &TestApp) {
        let eva = editor(app, app.organisation).await;
        let spare = role(app, app.organisation, "Spare", &[Permission::ViewStaff]).await;
        let form = eva.page(&at(app.organisation, &format!("/{spare}"))).await;
        assert!(form.contains("value=\"contact_patient\" disabled") && form.contains("you may not hand it to others"), "{form}");
        for forged in ["contact_patient", "invite_staff", "view_audit"] {
            let made = eva.post(&at(app.organisation, ""), &[("name", "Too much"), ("permissions", forged)]).await;
            let page = text(made, StatusCode::FORBIDDEN).await;
            assert!(page.contains("which you may not hand to others") && page.contains("value=\"Too much\""), "{page}");
            for button in ["review", "save"] {
                let changed = send(&eva, &at(app.organisation, &format!("/{spare}")), button, "Spare", &["view_staff", forged], "1").await;
                let page = text(changed, StatusCode::FORBIDDEN).await;
                assert!(page.contains("which you may not hand to others") && page.contains("Nothing was saved yet"), "{page}");
            }
        }
        assert!(has(app, "Spare", "view_patient_data,view_staff").await, "unchanged");
        assert_eq!(app.events("role.create_refused").await, 3);
        assert_eq!(app.events("role.change_refused").await, 6);
        // A stronger role is shown with the reason, and no form.
        let stronger = eva.page(&at(app.organisation, &format!("/{}", app.coordinator))).await;
        assert!(stronger.contains("This role is locked") && !stronger.contains("name=\"permissions\""), "{stronger}");
        let deleted = eva.post(&at(app.organisation, &format!("/{}/delete", app.coordinator)), &[("do", "delete"), ("revision", "1")]).await;
        assert_eq!(deleted.status(), StatusCode::FORBIDDEN);
        let copy = eva.page(&at(app.organisation, &format!("/new?from={}", app.coordinator))).await;
        assert!(copy.contains("Left out, because you may not hand them to others: Invite staff members"), "{copy}");
    }

    async fn nobody_edits_or_deletes_their_own_role_by_any_way(app: &TestApp) {
        let all: Vec<Permission> = Permission::all().collect();
        let own = role(app, app.organisation, "Second Admin", &all).await;
        let sam = app.person("sam", own, app.organisation).await;
        let path = at(app.organisation, &format!("/{own}"));
        let page = sam.page(&path).await;
        assert!(page.contains("You hold this role yourself") && !page.contains("name=\"permissions\""), "{page}");
        let keys: Vec<&str> = all.iter().map(|permission| permission.key()).collect();
        for permissions in [keys.as_slice(), &[], &["view_patient_data"]] {
            let page = text(send(&sam, &path, "save", "Second Admin", permissions, "1").await, StatusCode::FORBIDDEN).await;
            assert!(page.contains("nobody edits or deletes a role that they hold"), "{page}");
        }
        assert_eq!(sam.post(&path, &[]).await.status(), StatusCode::FORBIDDEN, "an empty form is no way round");
        let deleted = sam.post(&format!("{path}/delete"), &[("do", "delete"), ("revision", "1"), ("replacement", "deployment_staff")]).await;
        assert_eq!(deleted.status(), StatusCode::FORBIDDEN);
        let key = key(&sam, &app.organisation.to_string(), &keys).await;
        let api = format!("/scopes/{}/roles/{own}", app.organisation);
        for body in [
            json!({ "name": "Second Admin", "permissions": [], "revision": 1 }),
            json!({ "name": null, "permissions": null, "revision": 1 }), json!({ "revision": 1 }), json!({}),
        ] {
            let (status, _) = call(app, &key, "PUT", &api, Some(body.clone()), "k").await;
            assert!(status == StatusCode::FORBIDDEN || status == StatusCode::UNPROCESSABLE_ENTITY, "{body}: {status}");
        }
        let (status, _) = call(app, &key, "DELETE", &format!("{api}?revision=1&replacement=contributor"), None, "").await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(app.count("SELECT COUNT(*) FROM custom_roles WHERE name = 'Second Admin' AND revision = 1 AND deleted_at IS NULL").await, 1);
    }

    async fn default_roles_stay_as_they_are(app: &TestApp) {
        let ada = app.admin().await;
        let page = ada.page(&at(app.organisation, "/admin")).await;
        assert!(page.contains("This role is locked") && page.contains("Copy to a new role"), "{page}");
        let changed = send(&ada, &at(app.organisation, "/contributor"), "save", "Contributor", &["export_patient_data"], "0").await;
        assert!(text(changed, StatusCode::CONFLICT).await.contains("A default role cannot be changed"));
        let deleted = ada.post(&at(app.organisation, "/contributor/delete"), &[("do", "delete"), ("revision", "0")]).await;
        assert!(text(deleted, StatusCode::CONFLICT).await.contains("A default role cannot be deleted"));
        assert_eq!(ada.get(&at(app.organisation, "/king")).await.status(), StatusCode::NOT_FOUND);
    }

    async fn two_at_once_are_told_and_lose_nothing(app: &TestApp) {
        let ada = app.admin().await;
        let spare = role(app, app.organisation, "Spare", &[Permission::ViewStaff]).await;
        let path = at(app.organisation, &format!("/{spare}"));
        assert_eq!(send(&ada, &path, "save", "First", &["contact_patient"], "1").await.status(), StatusCode::SEE_OTHER);
        let page = text(send(&ada, &path, "save", "Second", &["view_audit"], "1").await, StatusCode::CONFLICT).await;
        for expected in ["Somebody changed this role", "value=\"Second\"", "value=\"view_audit\" checked", "is now called “First”", "name=\"revision\" value=\"2\""] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert!(has(app, "First", "view_patient_data,contact_patient").await);
        let late = ada.post(&format!("{path}/delete"), &[("do", "delete"), ("revision", "1")]).await;
        assert_eq!(late.status(), StatusCode::CONFLICT);
        assert_eq!(send(&ada, &path, "save", "Second", &["view_audit"], "x").await.status(), StatusCode::CONFLICT);
        assert_eq!(send(&ada, &path, "save", "Second", &["view_audit"], "2").await.status(), StatusCode::SEE_OTHER);
    }

    async fn a_role_is_known_only_where_it_exists(app: &TestApp) {
        let ada = app.admin().await;
        let here = role(app, app.cardiology, "Cardiac Nurse", &[Permission::ViewStaff]).await;
        let nowhere = "rol_01890000-0000-7000-8000-000000000000";
        for path in [at(app.diabetes, &format!("/{here}")), at(app.organisation, &format!("/{nowhere}"))] {
            assert_eq!(ada.get(&path).await.status(), StatusCode::NOT_FOUND);
            assert_eq!(ada.get(&format!("{path}/delete")).await.status(), StatusCode::NOT_FOUND);
            assert_eq!(send(&ada, &path, "save", "X", &[], "1").await.status(), StatusCode::NOT_FOUND);
            assert_eq!(ada.post(&format!("{path}/delete"), &[("do", "delete"), ("revision", "1")]).await.status(), StatusCode::NOT_FOUND);
        }
        let (pia, path) = (app.person("pia", RoleKey::Default(DefaultRole::AccessController), app.diabetes).await, at(app.cardiology, ""));
        assert_eq!(pia.get(&path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(pia.post(&path, &[("name", "Mine")]).await.status(), StatusCode::NOT_FOUND);
        // A deployment's controller cannot make a role for the whole organisation, whatever the form says.
        let wide = pia.post(&at(app.diabetes, ""), &[("name", "Wide"), ("place", "organisation")]).await;
        assert!(!wide.status().is_redirection(), "{}", wide.status());
        let page = pia.page(&at(app.diabetes, &format!("/{}", app.coordinator))).await;
        assert!(page.contains("It belongs to the whole organisation"), "{page}");
        // Where both are reached, the person chooses.
        let form = ada.page(&at(app.cardiology, "/new")).await;
        assert!(form.contains("Only in Cardiology") && form.contains("In the whole organisation"), "{form}");
        assert_eq!(ada.post(&at(app.cardiology, ""), &[("name", "Wide"), ("place", "organisation")]).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.count("SELECT COUNT(*) FROM custom_roles WHERE name = 'Wide' AND deployment_id IS NULL").await, 1);
        let nurse = app.person("nurse", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        assert_eq!(nurse.get(&at(app.cardiology, "")).await.status(), StatusCode::FORBIDDEN);
        assert!(!nurse.page(&format!("{}/staff", app.cardiology.path())).await.contains("Edit roles"));
        assert!(ada.page(&format!("{}/staff", app.cardiology.path())).await.contains("Edit roles"));
    }

    async fn viewing_patient_data_cannot_be_forged_away(app: &TestApp) {
        let ada = app.admin().await;
        let spare = role(app, app.organisation, "Spare", &[Permission::ViewStaff]).await;
        assert_eq!(send(&ada, &at(app.organisation, &format!("/{spare}")), "save", "Spare", &[], "1").await.status(), StatusCode::SEE_OTHER);
        assert!(has(app, "Spare", "view_patient_data").await);
    }

    async fn deleting_needs_a_replacement_that_one_may_give(app: &TestApp) {
        let eva = editor(app, app.organisation).await;
        let spare = role(app, app.organisation, "Spare", &[Permission::ViewStaff]).await;
        app.person("olu", spare, app.cardiology).await;
        let path = at(app.organisation, &format!("/{spare}/delete"));
        let page = eva.page(&path).await;
        assert!(page.contains("olu Example, Cardiology") && !page.contains("value=\"admin\""), "{page}");
        for button in ["review", "delete"] {
            let page = text(eva.post(&path, &[("do", button), ("revision", "1")]).await, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert!(page.contains("1 person have this role") || page.contains("choose the role that they get instead"), "{page}");
        }
        let own = spare.to_string();
        for (forged, status) in [("admin", StatusCode::FORBIDDEN), ("deployment_staff", StatusCode::FORBIDDEN), (own.as_str(), StatusCode::UNPROCESSABLE_ENTITY), ("king", StatusCode::UNPROCESSABLE_ENTITY)] {
            let answer = eva.post(&path, &[("do", "delete"), ("revision", "1"), ("replacement", forged)]).await;
            assert!(text(answer, status).await.contains("href=\"#replacement\""), "{forged}");
        }
        assert!(has(app, "Spare", "view_patient_data,view_staff").await);
        assert_eq!(app.count(&format!("SELECT COUNT(*) FROM memberships WHERE role = '{spare}'")).await, 1);
    }

    async fn holders_and_invitations_move_in_one_step(app: &TestApp) {
        let ada = app.admin().await;
        let lucy = app.person("lucy", app.coordinator, app.cardiology).await;
        let invited = app.invite(&app.admin_caller().await, app.cardiology, app.coordinator, "ben@northfield.example").await;
        let old = app.code(invited, 1);
        let path = at(app.organisation, &format!("/{}/delete", app.coordinator));
        let chosen = [("do", "review"), ("revision", "1"), ("replacement", "deployment_staff")];
        let page = text(ada.post(&path, &chosen).await, StatusCode::OK).await;
        assert!(page.contains("lucy Example, Cardiology") && page.contains("ben@northfield.example") && page.contains("<strong>Deployment Staff</strong>"), "{page}");
        assert_eq!(app.events("role.deleted").await, 0, "nothing happens before the last question");
        let done = ada.post(&path, &[("do", "delete"), ("revision", "1"), ("replacement", "deployment_staff")]).await;
        assert_eq!(done.status(), StatusCode::SEE_OTHER);
        assert!(ada.page(&at(app.organisation, "")).await.contains("1 person and 1 pending invitation got another role instead"));
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'lucy@northfield.example' AND role = 'deployment_staff'").await, 1);
        assert_eq!(lucy.get(&format!("{}/invitations", app.cardiology.path())).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(app.count("SELECT generation FROM invitations WHERE email_key = 'ben@northfield.example' AND role = 'deployment_staff'").await, 2);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example' AND state = 'queued'").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'ben@northfield.example'").await, 2);
        let visitor = app.visitor();
        visitor.post("/join", &[("code", old.as_str())]).await;
        let dead = visitor.get("/join").await.text().await.unwrap();
        assert!(!dead.contains("Create your account"), "{dead}");
        let visitor = app.visitor();
        visitor.post("/join", &[("code", app.code(invited, 2).as_str())]).await;
        let live = visitor.get("/join").await.text().await.unwrap();
        assert!(live.contains("Create your account") && live.contains("Deployment Staff"), "{live}");
    }

    async fn a_change_is_reviewed_before_it_is_made_and_holds_what_was_not_offered(app: &TestApp) {
        let ada = app.admin().await;
        let lucy = app.person("lucy", app.coordinator, app.cardiology).await;
        app.invite(&app.admin_caller().await, app.cardiology, app.coordinator, "ben@northfield.example").await;
        let path = at(app.organisation, &format!("/{}", app.coordinator));
        let wanted = ["contact_patient"];
        let page = text(send(&ada, &path, "review", "Ward Contact", &wanted, "1").await, StatusCode::OK).await;
        for expected in ["1 person and 1 pending invitation are affected", "lucy Example, Cardiology", "ben@northfield.example", "becomes “Ward Contact”", "Added", "Contact patient", "Taken away", "Invite staff members", "They are held until", ">Submit</button>", "name=\"revision\" value=\"1\""] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert_eq!(app.events("role.changed").await, 0, "nothing is saved before that");
        let back = text(send(&ada, &path, "edit", "Ward Contact", &wanted, "1").await, StatusCode::OK).await;
        assert!(back.contains("value=\"Ward Contact\"") && back.contains("value=\"contact_patient\" checked"), "{back}");
        assert_eq!(lucy.get(&format!("{}/invitations", app.cardiology.path())).await.status(), StatusCode::OK);
        assert_eq!(send(&ada, &path, "save", "Ward Contact", &wanted, "1").await.status(), StatusCode::SEE_OTHER);
        assert_eq!(lucy.get(&format!("{}/invitations", app.cardiology.path())).await.status(), StatusCode::FORBIDDEN, "the next request knows");
        let pending = ada.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(pending.contains("Held") && pending.contains("state-held"), "{pending}");
        let nothing = send(&ada, &path, "review", "Ward Contact", &wanted, "2").await;
        assert_eq!(nothing.status(), StatusCode::SEE_OTHER);
        assert_eq!(app.events("role.changed").await, 1, "the same again changes nothing");
    }

    async fn the_invite_window_returns_with_everything(app: &TestApp) {
        let ada = app.admin().await;
        let path = format!("{}/invitations/new", app.cardiology.path());
        let form = || Form::new()
            .text("send_key", "k1").text("addresses", "ben@northfield.example, Eve \"E\" <eve@northfeild.example>\nnobody").text("role", "contributor")
            .text("window", "own").text("own_date", "2026-09-30").text("access_until", "2026-12-24").text("confirmed", "eve@northfeild.example");
        assert!(ada.page(&path).await.contains("value=\"add_role\""));
        let step = text(ada.multipart(&path, form().text("do", "add_role")).await, StatusCode::OK).await;
        assert!(step.contains("Add a new role") && step.contains("data-carried"), "{step}");
        for (name, value) in [("send_key", "k1"), ("window", "own"), ("own_date", "2026-09-30"), ("access_until", "2026-12-24"), ("confirmed", "eve@northfeild.example"), ("role", "contributor")] {
            assert!(step.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {step}");
        }
        let bad = text(ada.multipart(&path, form().text("do", "create_role").text("name", "Admin").text("permissions", "contact_patient")).await, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(bad.contains("is a default role") && bad.contains("value=\"contact_patient\" checked") && bad.contains("nobody") && bad.contains("name=\"send_key\" value=\"k1\""), "{bad}");
        let kept = |page: &str| {
            for expected in ["ben@northfield.example", "eve@northfeild.example\" checked", "nobody", "value=\"k1\"", "value=\"own\" checked", "value=\"2026-09-30\"", "value=\"2026-12-24\""] {
                assert!(page.contains(expected), "{expected}: {page}");
            }
        };
        let back = text(ada.multipart(&path, form().text("do", "back").text("name", "x")).await, StatusCode::OK).await;
        kept(&back);
        assert!(back.contains("<option value=\"contributor\" selected>"), "{back}");
        let made = text(ada.multipart(&path, form().text("do", "create_role").text("name", "Ward Nurse").text("permissions", "contact_patient").text("place", "organisation")).await, StatusCode::OK).await;
        kept(&made);
        assert!(made.contains("selected>Ward Nurse</option>") && made.contains("The role “Ward Nurse” was made and is chosen."), "{made}");
        assert_eq!(app.count("SELECT COUNT(*) FROM batches").await, 1, "nothing was sent on the way");
        // Whoever may not edit roles is not offered it, and forging is refused.
        let lucy = app.person("lucy", app.coordinator, app.cardiology).await;
        assert!(!lucy.page(&path).await.contains("add_role"));
        for button in ["add_role", "create_role"] {
            let refused = lucy.multipart(&path, form().text("do", button).text("name", "Mine")).await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{button}");
        }
    }

    async fn access_until_a_day_ends_by_itself(app: &TestApp) {
        let ada = app.admin().await;
        for (day, message) in [("2026-09-20", "This day has passed"), ("soon", "Choose the last day of the access")] {
            let answer = ada.invite(app.cardiology, "ben@northfield.example", "contributor", &[("access_until", day)]).await;
            let page = text(answer, StatusCode::UNPROCESSABLE_ENTITY).await;
            assert!(page.contains(message) && page.contains("href=\"#access_until\"") && page.contains(&format!("value=\"{day}\"")), "{page}");
        }
        let sent = ada.invite(app.cardiology, "ben@northfield.example", "contributor", &[("access_until", "2026-12-24")]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        let page = ada.page(&crate::support::app::location(&sent)).await;
        assert!(page.contains("Access until") && page.contains("Thursday 24 December 2026, 23:59 GMT"), "{page}");
        let end: jiff::Timestamp = "2026-12-24T23:59:59Z".parse().unwrap();
        assert_eq!(app.count("SELECT access_until FROM invitations WHERE email_key = 'ben@northfield.example'").await, end.as_millisecond());
    }
}

#[tokio::test]
async fn five_megabytes_of_addresses_come_back_from_the_step() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let path = format!("{}/invitations/new", app.cardiology.path());
    let many: Vec<String> = (0..9_500).map(|n| format!("{:0>440} <person.{n}@northfield.example>", n)).collect();
    let (first, last) = (many[0].clone(), many[many.len() - 1].clone());
    let many = many.join("\n");
    assert!(many.len() > 4_400_000, "{}", many.len());
    let form =
        |button: &'static str| Form::new().text("addresses", many.clone()).text("window", "7d").text("do", button);
    let step = text(ada.multipart(&path, form("add_role")).await, StatusCode::OK).await;
    assert!(step.contains("data-carried") && step.contains("person.9499@northfield.example"));
    let made =
        ada.multipart(&path, form("create_role").text("name", "Ward Nurse").text("permissions", "view_staff")).await;
    let page = text(made, StatusCode::OK).await;
    for kept in [first, last] {
        let kept = kept.split('<').nth(1).unwrap().trim_end_matches('>').to_owned();
        assert!(page.contains(&kept) && page.contains("selected>Ward Nurse</option>"), "{kept}");
    }
}

/// The table of the documentation is written by the code: on a difference, what it should be is printed.
#[test]
fn the_documented_table_of_default_roles_is_the_codes() {
    let heads: Vec<&str> = DefaultRole::ALL.iter().map(|role| role.name()).collect();
    let mut table = format!("| | {} |\n|---|{}\n", heads.join(" | "), ":-:|".repeat(heads.len()));
    for permission in Permission::all() {
        let marks: Vec<&str> =
            DefaultRole::ALL.iter().map(|role| if role.permissions().has(permission) { "✓" } else { "–" }).collect();
        table.push_str(&format!("| {permission} | {} |\n", marks.join(" | ")));
    }
    let page = std::fs::read_to_string("docs/roles.md").unwrap();
    let (begin, end) = ("<!-- default roles: begin -->\n", "<!-- default roles: end -->");
    let written =
        page.split(begin).nth(1).and_then(|rest| rest.split(end).next()).expect("the markers in docs/roles.md");
    assert_eq!(written.trim(), table.trim(), "docs/roles.md should have between its markers:\n\n{table}");
}
