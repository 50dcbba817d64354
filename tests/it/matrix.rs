//! Every route for every role: what it answers is a snapshot that a manager could review, and no route is missing from it.

use std::collections::BTreeSet;

use care_portal::{
    access::{DefaultRole, PermissionSet, RoleKey},
    exports, imports, notes, patients,
    roles::{self, RoleDraft},
    types::{
        AccountId, ApiKeyId, BatchId, BrowserId, EmergencyId, ExportId, LabelId, NoteId, PasskeyId, PatientId,
        PatientImportId, SessionId, kind,
    },
};
use serde_json::json;

pub use crate::matrix_routes::ROUTES;
use crate::{
    support::app::{Database, Person, TestApp},
    telemedicine,
};

/// Exists in the demonstration only, which a test of its own covers.
const DEMO_ROUTES: [&str; 3] = ["/mailbox", "/mailbox/{id}", "/authenticator"];

/// What stands in an address instead of the words in braces.
#[derive(Clone)]
pub struct Ids {
    pub scope: String,
    pub membership: String,
    pub role: String,
    pub id: String,
    pub account: String,
    pub plan: String,
    pub patient: String,
    pub label: String,
    pub export: String,
    pub import: String,
    pub emergency: String,
    pub message: String,
    pub appointment: String,
}

/// What there is to be asked about, as it was before.
pub async fn furnish(app: &TestApp, scope: &str) -> Ids {
    let invitation = app
        .invite(
            &app.admin_caller().await,
            app.cardiology,
            RoleKey::Default(DefaultRole::DeploymentStaff),
            &format!("x{}@northfield.example", app.portal.new_id::<kind::Mail>().uuid().simple()),
        )
        .await;
    // One colleague and one role to be changed; whatever the request before did to them is put right.
    let sql = "UPDATE memberships SET ended_at = NULL, ends_at = NULL, live_account = account_id, role = 'organisation_staff' \
        WHERE email_key = 'spare@northfield.example'";
    app.execute(sql).await;
    app.execute("UPDATE custom_roles SET deleted_at = NULL, revision = 1, name_key = name, name = 'Spare' WHERE name LIKE 'Spare%'").await;
    let spare = app.spare().await;
    let account = app.admin_caller().await.actor().unwrap().account;
    Ids {
        scope: scope.to_owned(),
        membership: spare.membership,
        role: spare.role,
        id: invitation.to_string(),
        account: account.to_string(),
        plan: app.plan(app.cardiology, &["planned@northfield.example"], "contributor").await.to_string(),
        patient: spare_patient(app).await,
        label: spare_label(app).await,
        export: spare_export(app).await.to_string(),
        import: spare_import(app).await.to_string(),
        emergency: spare_emergency(app, account).await,
        message: telemedicine::spare_message(app).await,
        appointment: telemedicine::spare_appointment(app).await,
    }
}

/// One patient to be changed, as they were before.
async fn spare_patient(app: &TestApp) -> String {
    app.execute("UPDATE patients SET name = 'Spare', name_key = 'spare', gender = '', monitored = 1, revision = 1 WHERE number_key = 'm-1'").await;
    PatientId::from_uuid(app.uuid("SELECT id FROM patients WHERE number_key = 'm-1'").await).to_string()
}

/// One label to be renamed and deleted.
async fn spare_label(app: &TestApp) -> String {
    if app.count("SELECT COUNT(*) FROM labels WHERE text_key = 'spare'").await == 0 {
        patients::actions::create_label(&app.portal, &app.admin_caller().await, app.cardiology, "Spare").await.unwrap();
    }
    LabelId::from_uuid(app.uuid("SELECT id FROM labels WHERE text_key = 'spare'").await).to_string()
}

/// An import that the Admin has done, of nobody new.
async fn spare_import(app: &TestApp) -> PatientImportId {
    let sheet = imports::read_sheet("Number\nM-1", app.portal.now()).unwrap();
    let (admin, none) = (app.admin_caller().await, std::collections::HashSet::new());
    imports::actions::import_patients(&app.portal, &admin, app.cardiology, sheet, (&none, "spare")).await.unwrap()
}

/// An export that the Admin has asked for, as it was made.
async fn spare_export(app: &TestApp) -> ExportId {
    let asked = exports::actions::Asked { wanted: exports::Wanted::default(), request_key: "spare".to_owned() };
    let admin = app.admin_caller().await;
    let id = exports::actions::ask_for_export(&app.portal, &admin, app.cardiology, asked).await.unwrap();
    exports::actions::make_one(&app.portal, id).await.unwrap();
    id
}

/// An emergency access of this account, to be ended.
async fn spare_emergency(app: &TestApp, account: AccountId) -> String {
    let id = app.portal.new_id::<kind::Emergency>();
    app.execute("DELETE FROM emergency_accesses WHERE reason = 'Spare'").await;
    let (row, account, now) = (app.literal(id.uuid()), app.literal(account.uuid()), app.portal.now().0);
    app.execute(&format!(
        "INSERT INTO emergency_accesses SELECT {row}, organisation_id, deployment_id, id, {account}, 'Spare', {now}, {now} + 3600000, NULL \
         FROM patients WHERE name_key = 'spare'"
    ))
    .await;
    EmergencyId::from_uuid(id.uuid()).to_string()
}

pub async fn send(app: &TestApp, who: &Person, method: &str, route: &str, ids: &Ids) -> reqwest::Response {
    let path = route
        .replace("{scope}", &ids.scope)
        .replace("{membership}", &ids.membership)
        .replace("{role}", &ids.role)
        .replace("{id}", &ids.id)
        .replace("{account}", &ids.account)
        .replace("{plan}", &ids.plan)
        .replace("{export}", &ids.export)
        .replace("{import}", &ids.import)
        .replace("{emergency}", &ids.emergency)
        .replace("{message}", &ids.message)
        .replace("{appointment}", &ids.appointment)
        .replace("{module}", "heart_rate")
        .replace("{patient}", &ids.patient)
        .replace("{label}", &ids.label)
        .replace("{token}", "cpb1_nobody-has-this")
        .replace("{session}", "ses_00000000000000000000000000000000")
        .replace("Practitioner/{logical}", &format!("Practitioner/{}", ids.account.replace('_', "-")))
        .replace("PractitionerRole/{logical}", &format!("PractitionerRole/{}", ids.membership.replace('_', "-")))
        .replace("Organization/{logical}", &format!("Organization/{}", ids.scope.replace('_', "-")))
        .replace("Patient/{logical}", &format!("Patient/{}", ids.patient.replace('_', "-")))
        .replace("Observation/{logical}", "Observation/rea-00000000000000000000000000000001")
        .replace("{version}/{*path}", "x/css/portal.css")
        .replace("{*rest}", "nowhere");
    let more = match (method, route) {
        ("DELETE", "/api/v1/scopes/{scope}/roles/{role}") => "?revision=1",
        // All of it: events of the same instant come in any order.
        ("GET", "/api/v1/scopes/{scope}/access-log") => "?limit=200",
        _ => "",
    };
    let request = who
        .client
        .request(method.parse().unwrap(), format!("{}{path}{more}", app.url))
        .header("sec-fetch-site", "same-origin");
    let request = match (method, route) {
        ("POST", "/{scope}/invitations/new" | "/{scope}/invitations/read-file") => {
            let form = reqwest::multipart::Form::new()
                .text("addresses", "one@northfield.example")
                .text("role", "organisation_staff")
                .text("window", "7d")
                .text("do", "send")
                .text("send_key", "k");
            request.multipart(form)
        }
        ("POST", route) if route.ends_with("/check") && !route.starts_with("/api") => {
            request.json(&json!({ "text": "a@northfield.example" }))
        }
        ("POST", route) if route.ends_with("/check") => request.json(&json!({ "addresses": ["a@northfield.example"] })),
        ("POST", "/api/v1/scopes/{scope}/invitations") => request
            .header("idempotency-key", "k")
            .json(&json!({ "addresses": ["two@northfield.example"], "role": "organisation_staff" })),
        ("POST", "/{scope}/patients/import") => {
            request.multipart(reqwest::multipart::Form::new().text("text", "Number,Name\nNF-2,Somebody"))
        }
        ("POST", "/{scope}/plans/new") => {
            let form = reqwest::multipart::Form::new().text("addresses", "one@northfield.example");
            request.multipart(form.text("role", "contributor").text("window", "7d").text("key", "k"))
        }
        ("POST", "/api/v1/scopes/{scope}/plans") => {
            let rows = json!([{ "email": "two@northfield.example" }]);
            request.header("idempotency-key", "k").json(&json!({ "rows": rows, "role": "organisation_staff" }))
        }
        ("POST", "/api/v1/scopes/{scope}/plans/{plan}/rows") => {
            request.json(&json!({ "decision": "skip", "rows": [1] }))
        }
        ("POST", "/api/v1/scopes/{scope}/plans/{plan}/suggestions") => request.json(&json!({ "rows": [1] })),
        ("POST", "/api/v1/scopes/{scope}/batches/{id}/change") => request.json(&json!({ "window": "24h" })),
        ("PUT", "/api/v1/scopes/{scope}/plans/{plan}/schedule") => request.json(&json!({ "at": "2026-12-02T07:00" })),
        ("POST", "/api/v1/scopes/{scope}/roles") => {
            let name = format!("Role of {}", app.portal.new_id::<kind::Role>());
            request.json(&json!({ "name": name, "permissions": ["view_staff"] }))
        }
        ("POST", "/api/v1/scopes/{scope}/review") => request.json(&json!({ "due": "2027-06-30" })),
        ("POST", "/api/v1/scopes/{scope}/review/marks") => request.json(&json!({ "marks": [] })),
        ("PUT", _) => request.json(&json!({ "name": "Spare too", "permissions": ["view_staff"], "revision": 1 })),
        ("PATCH", "/api/v1/scopes/{scope}/settings") => request.json(&json!({ "allow_copy_link": false })),
        ("PATCH", _) => request.json(&json!({ "role": "access_controller" })),
        ("POST", "/api/v1/invitations/{id}/correct") => {
            let email = format!("y{}@northfield.example", app.portal.new_id::<kind::Mail>().uuid().simple());
            request.json(&json!({ "email": email }))
        }
        ("POST", "/{scope}/invitations/selected") => request.form(&[("id", ids.id.as_str()), ("do", "delete")]),
        ("POST", "/{scope}/roles") => {
            let name = format!("Role of {}", app.portal.new_id::<kind::Role>());
            request.form(&[("name", name.as_str()), ("permissions", "view_staff")])
        }
        ("POST", "/{scope}/roles/{role}") => {
            request.form(&[("name", "Spare too"), ("permissions", "view_staff"), ("revision", "1"), ("do", "review")])
        }
        ("POST", "/{scope}/roles/{role}/delete") => request.form(&[("revision", "1"), ("do", "delete")]),
        ("POST", "/{scope}/staff/selected") => {
            request.form(&[("id", ids.membership.as_str()), ("do", "role"), ("role", "access_controller")])
        }
        ("POST", "/profile/passkeys/{id}/rename") => request.form(&[("name", "Work laptop")]),
        ("POST", "/{scope}/staff/{membership}/second-factor") => request.form(&[("reason", "Lost the phone")]),
        ("POST", "/api/v1/scopes/{scope}/staff/{membership}/reset-second-factor") => {
            request.json(&json!({ "reason": "Lost the phone" }))
        }
        ("POST", "/{scope}/staff/{membership}/until") => request.form(&[("until", "2030-01-01")]),
        ("POST", "/{scope}/patients/columns") => request.form(&[("shown", "weight")]),
        ("POST", "/{scope}/patients/labels") => {
            request.form(&[("id", ids.patient.as_str()), ("label", ids.label.as_str()), ("do", "add")])
        }
        ("POST", "/{scope}/patients/new") => {
            let number = app.portal.new_id::<kind::Patient>().uuid().simple().to_string();
            request.form(&[("number", number.as_str())])
        }
        ("POST", "/{scope}/patients/{patient}/profile") => {
            request.form(&[("number", "M-1"), ("gender", "male"), ("revision", "1")])
        }
        ("POST", "/{scope}/patients/{patient}/labels") => {
            request.form(&[("do", format!("add:{}", ids.label).as_str())])
        }
        ("POST", "/{scope}/patients/{patient}/clinicians") => request.form(&[("do", "assign")]),
        ("POST", "/{scope}/patients/{patient}/monitoring") => request.form(&[("do", "stop"), ("reason", "finished")]),
        ("POST", "/{scope}/labels") => {
            let text = format!("Label {}", &app.portal.new_id::<kind::Label>().uuid().simple().to_string()[20..]);
            request.form(&[("text", text.as_str())])
        }
        ("POST", "/{scope}/labels/{label}") => request.form(&[("text", "Spare")]),
        ("POST", "/{scope}/patients/{patient}/readings/new") => {
            request.form(&[("at", "2026-09-20T08:00"), ("value_weight", "70")])
        }
        ("POST", "/{scope}/patients/{patient}/flags") => request.form(&[("note", "Seen"), ("do", "note")]),
        ("POST", "/{scope}/patients/{patient}/notes") => {
            let note = NoteId::from_uuid(app.uuid("SELECT id FROM notes WHERE text = 'Spare'").await).to_string();
            request.form(&[("to", note.as_str()), ("note", "More")])
        }
        ("POST", "/{scope}/emergency") => request.form(&[("number", "D-1"), ("reason", "Collapsed in the corridor")]),
        ("POST", route) if route.contains("/messages/") || route.contains("/appointments/") => {
            request.form(&telemedicine::form_for(app, route))
        }
        ("POST", "/{scope}/settings") => request.form(&[("name", "Northfield Hospital"), ("revision", "1")]),
        ("POST", "/profile/api-keys") => {
            request.form(&[("name", "Key"), ("scope", ids.scope.as_str()), ("permissions", "view_patient_data")])
        }
        ("POST", route) if route.starts_with("/fhir/") && !route.ends_with("_search") => {
            request.header("content-type", "application/fhir+json").body("{}")
        }
        ("POST", route) if route.starts_with("/passkeys/") => request.json(&json!({})),
        ("POST", "/join/password-strength" | "/reset/password-strength" | "/profile/password-strength") => {
            request.json(&json!({ "password": "x" }))
        }
        ("POST", _) => request.form(&[("x", "y")]),
        _ => request,
    };
    request.send().await.unwrap()
}

/// What a route answers, without its body.
async fn ask(app: &TestApp, who: &Person, method: &str, route: &str, scope: &str) -> String {
    let answer = send(app, who, method, route, &furnish(app, scope).await).await;
    let to =
        answer.headers().get("location").map(|to| to.to_str().unwrap().split(['?', '_']).next().unwrap().to_owned());
    match to {
        Some(to) => format!("{} {}", answer.status().as_u16(), to.split("/invitations/batches").next().unwrap()),
        None => answer.status().as_u16().to_string(),
    }
}

pub async fn with_spare(app: &TestApp) {
    let patient = app.patient(app.cardiology, "M-1", "Spare").await;
    notes::actions::add_note(&app.portal, &app.admin_caller().await, patient, "Spare").await.unwrap();
    app.patient(app.diabetes, "D-1", "Elsewhere").await;
    telemedicine::make_spares(app, patient).await;
    app.person("spare", RoleKey::Default(DefaultRole::OrganisationStaff), app.cardiology).await;
    let draft = RoleDraft { name: "Spare".to_owned(), permissions: PermissionSet::EMPTY };
    roles::actions::create_role(&app.portal, &app.admin_caller().await, app.cardiology, &draft).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_route_answers_to_every_role() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut people = vec![("stranger".to_owned(), app.visitor())];
    for role in DefaultRole::ALL {
        let word = format!("{}.here", role.key().replace('_', ""));
        people.push((role.name().to_owned(), app.person(&word, RoleKey::Default(role), app.cardiology).await));
    }
    people.push(("Ward Coordinator".to_owned(), app.person("coordinator", app.coordinator, app.cardiology).await));
    people.push((
        "Admin elsewhere".to_owned(),
        app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.diabetes).await,
    ));
    people.push((
        "Admin of all".to_owned(),
        app.person("ofall", RoleKey::Default(DefaultRole::Admin), app.organisation).await,
    ));
    with_spare(&app).await;
    let scope = app.cardiology.to_string();
    let mut table = String::new();
    for (method, route, open) in ROUTES {
        table.push_str(&format!("{method} {route}\n"));
        for (name, person) in &people {
            // Signing out would end the test.
            if *route == "/sign-out" && name != "stranger" {
                continue;
            }
            let answer = ask(&app, person, method, route, &scope).await;
            assert!(!answer.starts_with('5'), "{method} {route} as {name}: {answer}");
            if name == "stranger" && !open {
                assert!(
                    answer.starts_with("303 /sign-in") || answer == "401",
                    "{method} {route} lets a stranger in: {answer}"
                );
            }
            if name == "Admin elsewhere" && route.contains("{scope}") {
                assert_eq!(answer, "404", "{method} {route} of another deployment");
            }
            table.push_str(&format!("    {name:<20} {answer}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

/// The status and the body, without what names the thing asked for.
async fn told(app: &TestApp, who: &Person, method: &str, route: &str, ids: &Ids) -> (u16, String) {
    let answer = send(app, who, method, route, ids).await;
    let status = answer.status().as_u16();
    let mut body = answer.text().await.unwrap();
    let ids = [
        &ids.scope,
        &ids.membership,
        &ids.role,
        &ids.id,
        &ids.account,
        &ids.plan,
        &ids.patient,
        &ids.label,
        &ids.export,
        &ids.import,
        &ids.emergency,
        &ids.message,
        &ids.appointment,
    ];
    for id in ids {
        body = body.replace(id.as_str(), "ID");
    }
    (status, body)
}

/// An id of the same kind that nothing has.
fn like(app: &TestApp, id: &str) -> String {
    let fresh = app.portal.new_id::<kind::Mail>().uuid().simple();
    format!("{}_{fresh}", id.split('_').next().unwrap())
}

/// A passkey, a session or a trusted browser of this account, made for the route.
async fn own_thing(app: &TestApp, route: &str, account: &str) -> String {
    let account: AccountId = account.parse().unwrap();
    let id = app.portal.new_id::<kind::Mail>().uuid();
    let (row, owner) = (app.literal(id), app.literal(account.uuid()));
    let hash = if app.portal.db.is_sqlite() { "x'01'" } else { "'\\x01'" };
    let now = app.portal.now().0;
    if route.contains("/passkeys/") {
        app.execute("DELETE FROM passkeys").await;
        let columns = "id, account_id, credential_id, name, credential, added_at";
        app.execute(&format!("INSERT INTO passkeys ({columns}) VALUES ({row}, {owner}, {hash}, 'Key', '', 1)")).await;
        return PasskeyId::from_uuid(id).to_string();
    }
    if route.contains("/sessions/") {
        let columns = "id, token_hash, account_id, address, agent, created_at, seen_at, state, means";
        let values = format!("{row}, {hash}, {owner}, '', '', {now}, {now}, 'whole', 'password'");
        app.execute(&format!("INSERT INTO sessions ({columns}) VALUES ({values})")).await;
        return SessionId::from_uuid(id).to_string();
    }
    app.execute("UPDATE browsers SET trusted_until = 9999999999999").await;
    BrowserId::from_uuid(app.uuid(&format!("SELECT id FROM browsers WHERE account_id = {owner} LIMIT 1")).await)
        .to_string()
}

/// Nobody learns whether something exists that they cannot see: neither the Admin of another organisation, by an address of its own
/// or of their own scope, nor somebody who no longer works anywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_belongs_to_others_answers_as_what_does_not_exist() {
    let app = TestApp::start(Database::Sqlite).await;
    with_spare(&app).await;
    let (elsewhere, grace) = app.second_organisation().await;
    let former = app.person("former", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
    app.execute(
        "UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'former@northfield.example'",
    )
    .await;
    // A key and a sending of the Admin, for the routes whose id is none of an invitation.
    let ada = app.admin().await;
    let form = [("name", "Key"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")];
    assert!(ada.post("/profile/api-keys", &form).await.status().is_success(), "a key is made");
    let key = ApiKeyId::from_uuid(app.uuid("SELECT id FROM api_keys").await).to_string();
    let own = elsewhere.to_string();
    let mut told_apart = Vec::new();
    for (method, route, _) in ROUTES {
        let words = [
            "{scope}",
            "{id}",
            "{membership}",
            "{role}",
            "{account}",
            "{plan}",
            "{patient}",
            "{label}",
            "{export}",
            "{import}",
            "{emergency}",
            "{message}",
            "{appointment}",
        ];
        if !words.iter().any(|word| route.contains(word)) {
            continue;
        }
        let mut ids = furnish(&app, &app.cardiology.to_string()).await;
        if route.contains("/batches/") {
            ids.id = BatchId::from_uuid(app.uuid("SELECT id FROM batches WHERE deployment_id IS NOT NULL").await)
                .to_string();
        } else if route.contains("api-keys") {
            ids.id = key.clone();
        } else if route.starts_with("/profile/") {
            ids.id = own_thing(&app, route, &ids.account).await;
        }
        let nothing = Ids {
            scope: like(&app, &ids.scope),
            membership: like(&app, &ids.membership),
            role: like(&app, &ids.role),
            id: like(&app, &ids.id),
            account: like(&app, &ids.account),
            plan: like(&app, &ids.plan),
            patient: like(&app, &ids.patient),
            label: like(&app, &ids.label),
            export: like(&app, &ids.export),
            import: like(&app, &ids.import),
            emergency: like(&app, &ids.emergency),
            message: like(&app, &ids.message),
            appointment: like(&app, &ids.appointment),
        };
        let mut pairs = vec![
            ("former staff", &former, ids.clone(), nothing.clone()),
            ("the Admin of another organisation", &grace, ids.clone(), nothing.clone()),
        ];
        if route.contains("{scope}") && route.replace("{module}", "").matches('{').count() > 1 {
            let (ids, nothing) = (Ids { scope: own.clone(), ..ids.clone() }, Ids { scope: own.clone(), ..nothing });
            pairs.push(("the Admin of another organisation, at home,", &grace, ids, nothing));
        }
        for (who, person, ids, nothing) in pairs {
            let (there, not_there) =
                (told(&app, person, method, route, &ids).await, told(&app, person, method, route, &nothing).await);
            if there != not_there || there.0 != 404 {
                told_apart
                    .push(format!("{method} {route} by {who}: {there:?}, but {not_there:?} for what does not exist"));
            }
        }
        // What is there is there for those who may see it: else the above would say nothing.
        let (status, _) = told(&app, &ada, method, route, &ids).await;
        if status == 404 {
            told_apart.push(format!("{method} {route} is not there for the Admin either"));
        }
    }
    assert!(told_apart.is_empty(), "{}", told_apart.join("\n"));
}

/// Reads the routes from where they are registered, so that a new one cannot be forgotten here.
#[test]
fn no_route_is_missing_from_the_matrix() {
    let mut registered = BTreeSet::new();
    for file in walk("src") {
        let text = std::fs::read_to_string(&file).unwrap();
        // A long registration stands on several lines.
        for part in text.split(".route(").skip(1).filter_map(|part| part.trim_start().strip_prefix('"')) {
            registered.insert(part.split('"').next().unwrap().to_owned());
        }
        for part in text.split("utoipa::path(").skip(1) {
            let path = part.split("path = \"").nth(1).unwrap().split('"').next().unwrap();
            registered.insert(format!("/api/v1{path}"));
        }
    }
    let known: BTreeSet<String> =
        ROUTES.iter().map(|(_, route, _)| (*route).to_owned()).chain(DEMO_ROUTES.map(str::to_owned)).collect();
    assert_eq!(registered, known);
}

pub fn walk(folder: &str) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(walk(path.to_str().unwrap()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
