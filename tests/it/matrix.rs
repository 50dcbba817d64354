//! Every route for every role: what it answers is a snapshot that a manager could review, and no route is missing from it.

use std::collections::BTreeSet;

use care_portal::{
    access::{DefaultRole, PermissionSet, RoleKey},
    roles::{self, RoleDraft},
    types::{AccountId, ApiKeyId, BatchId, BrowserId, PasskeyId, SessionId, kind},
};
use serde_json::json;

use crate::support::app::{Database, Person, TestApp};

/// Method, route as it is registered, and whether a stranger may come here (everything else must lead to signing in).
pub const ROUTES: &[(&str, &str, bool)] = &[
    ("GET", "/", false),
    ("GET", "/health", true),
    ("GET", "/sign-in", true),
    ("POST", "/sign-in", true),
    ("GET", "/sign-in/second-factor", true),
    ("POST", "/sign-in/second-factor", true),
    ("GET", "/second-factor/set-up", true),
    ("POST", "/second-factor/authenticator", true),
    ("POST", "/second-factor/passkey", true),
    ("POST", "/passkeys/add/start", true),
    ("POST", "/passkeys/second-factor/start", true),
    ("POST", "/passkeys/second-factor/finish", true),
    ("POST", "/passkeys/sign-in/start", true),
    ("POST", "/passkeys/sign-in/finish", true),
    ("POST", "/passkeys/prove/start", true),
    ("POST", "/passkeys/prove/finish", true),
    ("GET", "/prove", false),
    ("POST", "/prove", false),
    ("GET", "/continue", false),
    ("GET", "/session", true),
    ("POST", "/session", true),
    ("POST", "/sign-out", true),
    ("GET", "/forgot", true),
    ("POST", "/forgot", true),
    ("GET", "/forgot/asked", true),
    ("GET", "/reset", true),
    ("POST", "/reset", true),
    ("POST", "/reset/password", true),
    ("POST", "/reset/password-strength", true),
    ("GET", "/not-me", true),
    ("POST", "/not-me", true),
    ("POST", "/not-me/secure", true),
    ("GET", "/profile", false),
    ("POST", "/profile/recovery-codes", false),
    ("POST", "/profile/details", false),
    ("POST", "/profile/units", false),
    ("GET", "/profile/password", false),
    ("POST", "/profile/password", false),
    ("POST", "/profile/password-strength", false),
    ("POST", "/profile/authenticator/remove", false),
    ("POST", "/profile/passkeys/{id}/rename", false),
    ("POST", "/profile/passkeys/{id}/remove", false),
    ("POST", "/profile/sessions/end-others", false),
    ("POST", "/profile/sessions/{id}/end", false),
    ("POST", "/profile/browsers/distrust-all", false),
    ("POST", "/profile/browsers/{id}/distrust", false),
    ("POST", "/profile/api-keys", false),
    ("POST", "/profile/api-keys/{id}/revoke", false),
    ("GET", "/join", true),
    ("POST", "/join", true),
    ("POST", "/join/slip", true),
    ("POST", "/join/accept", true),
    ("POST", "/join/decline", true),
    ("POST", "/join/password-strength", true),
    ("POST", "/webhooks/bounces/{token}", true),
    ("GET", "/assets/{version}/{*path}", true),
    ("GET", "/{scope}", false),
    ("GET", "/{scope}/patients", false),
    ("GET", "/{scope}/staff", false),
    ("GET", "/{scope}/programme", false),
    ("POST", "/{scope}/programme", false),
    ("GET", "/{scope}/programme/modules", false),
    ("POST", "/{scope}/programme/modules", false),
    ("GET", "/{scope}/programme/modules/{module}", false),
    ("POST", "/{scope}/programme/modules/{module}", false),
    ("GET", "/{scope}/settings", false),
    ("POST", "/{scope}/settings", false),
    ("GET", "/{scope}/access-log", false),
    ("GET", "/{scope}/access-log.csv", false),
    ("GET", "/{scope}/access-log.json", false),
    ("GET", "/{scope}/access-log/why/{account}", false),
    ("POST", "/{scope}/staff/selected", false),
    ("POST", "/{scope}/staff/undo", false),
    ("GET", "/{scope}/staff/{membership}/until", false),
    ("POST", "/{scope}/staff/{membership}/until", false),
    ("GET", "/{scope}/staff/{membership}/second-factor", false),
    ("POST", "/{scope}/staff/{membership}/second-factor", false),
    ("GET", "/{scope}/staff/{membership}/password-link", false),
    ("POST", "/{scope}/staff/{membership}/password-link", false),
    ("GET", "/{scope}/invitations", false),
    ("GET", "/{scope}/invitations/new", false),
    ("POST", "/{scope}/invitations/new", false),
    ("POST", "/{scope}/invitations/check", false),
    ("POST", "/{scope}/invitations/read-file", false),
    ("POST", "/{scope}/invitations/selected", false),
    ("GET", "/{scope}/invitations/{id}", false),
    ("POST", "/{scope}/invitations/{id}/link", false),
    ("GET", "/{scope}/invitations/{id}/correct", false),
    ("POST", "/{scope}/invitations/{id}/correct", false),
    ("GET", "/{scope}/invitations/batches/{id}", false),
    ("GET", "/{scope}/invitations/batches/{id}/result.csv", false),
    ("POST", "/{scope}/invitations/batches/{id}/pending", false),
    ("GET", "/{scope}/invitations/batches/{id}/undo", false),
    ("POST", "/{scope}/invitations/batches/{id}/undo", false),
    ("GET", "/api/v1/scopes/{scope}/batches/{id}", false),
    ("GET", "/api/v1/scopes/{scope}/batches/{id}/invitations", false),
    ("POST", "/api/v1/scopes/{scope}/batches/{id}/resend", false),
    ("POST", "/api/v1/scopes/{scope}/batches/{id}/change", false),
    ("POST", "/api/v1/scopes/{scope}/batches/{id}/undo", false),
    ("GET", "/{scope}/plans", false),
    ("GET", "/{scope}/plans/new", false),
    ("POST", "/{scope}/plans/new", false),
    ("GET", "/{scope}/plans/{plan}", false),
    ("POST", "/{scope}/plans/{plan}/rows", false),
    ("GET", "/{scope}/plans/{plan}/progress", false),
    ("POST", "/{scope}/plans/{plan}/schedule", false),
    ("GET", "/{scope}/plans/{plan}/send", false),
    ("POST", "/{scope}/plans/{plan}/send", false),
    ("GET", "/{scope}/plans/{plan}/delete", false),
    ("POST", "/{scope}/plans/{plan}/delete", false),
    ("GET", "/api/v1/scopes/{scope}/plans", false),
    ("POST", "/api/v1/scopes/{scope}/plans", false),
    ("GET", "/api/v1/scopes/{scope}/plans/{plan}", false),
    ("DELETE", "/api/v1/scopes/{scope}/plans/{plan}", false),
    ("GET", "/api/v1/scopes/{scope}/plans/{plan}/rows", false),
    ("POST", "/api/v1/scopes/{scope}/plans/{plan}/rows", false),
    ("POST", "/api/v1/scopes/{scope}/plans/{plan}/apply", false),
    ("PUT", "/api/v1/scopes/{scope}/plans/{plan}/schedule", false),
    ("DELETE", "/api/v1/scopes/{scope}/plans/{plan}/schedule", false),
    ("GET", "/{scope}/review", false),
    ("POST", "/{scope}/review", false),
    ("POST", "/{scope}/review/marks", false),
    ("GET", "/{scope}/review/finish", false),
    ("POST", "/{scope}/review/finish", false),
    ("GET", "/{scope}/review.csv", false),
    ("GET", "/{scope}/review.json", false),
    ("GET", "/api/v1/scopes/{scope}/review", false),
    ("POST", "/api/v1/scopes/{scope}/review", false),
    ("GET", "/api/v1/scopes/{scope}/review/people", false),
    ("POST", "/api/v1/scopes/{scope}/review/marks", false),
    ("POST", "/api/v1/scopes/{scope}/review/finish", false),
    ("GET", "/{scope}/roles", false),
    ("POST", "/{scope}/roles", false),
    ("GET", "/{scope}/roles/new", false),
    ("GET", "/{scope}/roles/{role}", false),
    ("POST", "/{scope}/roles/{role}", false),
    ("GET", "/{scope}/roles/{role}/delete", false),
    ("POST", "/{scope}/roles/{role}/delete", false),
    ("GET", "/api/v1/openapi.json", true),
    ("GET", "/api/v1/reference", true),
    ("GET", "/api/v1/{*rest}", true),
    ("GET", "/api/v1/scopes/{scope}/roles/grantable", false),
    ("GET", "/api/v1/scopes/{scope}/roles", false),
    ("POST", "/api/v1/scopes/{scope}/roles", false),
    ("GET", "/api/v1/scopes/{scope}/roles/{role}", false),
    ("PUT", "/api/v1/scopes/{scope}/roles/{role}", false),
    ("DELETE", "/api/v1/scopes/{scope}/roles/{role}", false),
    ("POST", "/api/v1/scopes/{scope}/invitations/check", false),
    ("POST", "/api/v1/scopes/{scope}/invitations", false),
    ("GET", "/api/v1/scopes/{scope}/invitations", false),
    ("GET", "/api/v1/scopes/{scope}/staff", false),
    ("GET", "/api/v1/scopes/{scope}/staff/{membership}", false),
    ("PATCH", "/api/v1/scopes/{scope}/staff/{membership}", false),
    ("DELETE", "/api/v1/scopes/{scope}/staff/{membership}", false),
    ("GET", "/api/v1/scopes/{scope}/settings", false),
    ("PATCH", "/api/v1/scopes/{scope}/settings", false),
    ("POST", "/api/v1/scopes/{scope}/staff/{membership}/reset-second-factor", false),
    ("POST", "/api/v1/scopes/{scope}/staff/{membership}/send-password-link", false),
    ("GET", "/api/v1/me", false),
    ("GET", "/api/v1/me/sessions", false),
    ("DELETE", "/api/v1/me/sessions", false),
    ("DELETE", "/api/v1/me/sessions/{session}", false),
    ("GET", "/api/v1/scopes/{scope}/access-log", false),
    ("GET", "/api/v1/scopes/{scope}/access-log/why/{account}", false),
    ("GET", "/api/v1/invitations/{id}", false),
    ("DELETE", "/api/v1/invitations/{id}", false),
    ("GET", "/api/v1/invitations/{id}/mails", false),
    ("POST", "/api/v1/invitations/{id}/resend", false),
    ("POST", "/api/v1/invitations/{id}/approve", false),
    ("POST", "/api/v1/invitations/{id}/correct", false),
];

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
    }
}

pub async fn send(app: &TestApp, who: &Person, method: &str, route: &str, ids: &Ids) -> reqwest::Response {
    let path = route
        .replace("{scope}", &ids.scope)
        .replace("{membership}", &ids.membership)
        .replace("{role}", &ids.role)
        .replace("{id}", &ids.id)
        .replace("{account}", &ids.account)
        .replace("{plan}", &ids.plan)
        .replace("{module}", "heart_rate")
        .replace("{token}", "cpb1_nobody-has-this")
        .replace("{session}", "ses_00000000000000000000000000000000")
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
        ("POST", "/{scope}/settings") => request.form(&[("name", "Northfield Hospital"), ("revision", "1")]),
        ("POST", "/profile/api-keys") => {
            request.form(&[("name", "Key"), ("scope", ids.scope.as_str()), ("permissions", "view_patient_data")])
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
    for id in [&ids.scope, &ids.membership, &ids.role, &ids.id, &ids.account, &ids.plan] {
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
        if !["{scope}", "{id}", "{membership}", "{role}", "{account}", "{plan}"].iter().any(|word| route.contains(word))
        {
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
        };
        let mut pairs = vec![
            ("former staff", &former, ids.clone(), nothing.clone()),
            ("the Admin of another organisation", &grace, ids.clone(), nothing.clone()),
        ];
        if route.contains("{scope}") && route.matches('{').count() > 1 {
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
