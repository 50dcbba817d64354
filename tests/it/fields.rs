//! Which fields the API tells to whom: one snapshot, so that a field that reaches more people than before is seen by a reviewer.

use std::collections::BTreeSet;

use care_portal::{
    access::{DefaultRole, RoleKey},
    types::AccountId,
};
use serde_json::{Value, json};

use crate::{
    matrix::{ROUTES, furnish, send, with_spare},
    support::app::{Database, TestApp},
};

/// The paths of all keys: `staff[].name`.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                paths(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(rows) => rows.iter().for_each(|row| paths(row, &format!("{at}[]"), found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_fields_every_role_reads() {
    let app = TestApp::start(Database::Sqlite).await;
    let mut people = Vec::new();
    for role in DefaultRole::ALL {
        let word = format!("{}.here", role.key().replace('_', ""));
        people.push((role.name(), app.person(&word, RoleKey::Default(role), app.cardiology).await));
    }
    with_spare(&app).await;
    let mut ids = furnish(&app, &app.cardiology.to_string()).await;
    // Somebody with an end and with a history to be told.
    let spare = "email_key = 'spare@northfield.example'";
    app.execute(&format!("UPDATE memberships SET ends_at = {} WHERE {spare}", 1_800_000_000_000_i64)).await;
    let account = app.uuid(&format!("SELECT account_id FROM memberships WHERE {spare}")).await;
    ids.account = AccountId::from_uuid(account).to_string();
    let review = format!("/api/v1/scopes/{}/review", app.cardiology);
    let (status, begun) = app.admin().await.json("POST", &review, Some(json!({ "due": "2027-06-30" }))).await;
    assert!(status.is_success(), "a review begins: {begun}");

    let mut table = String::new();
    for (method, route, _) in ROUTES {
        let told = *method == "GET" && route.starts_with("/api/v1/") && route.contains("{") && !route.contains("{*");
        if !told {
            continue;
        }
        table.push_str(&format!("{route}\n"));
        // Who reads the same stands together.
        let mut read: Vec<(String, Vec<&str>)> = Vec::new();
        for (name, person) in &people {
            let answer = send(&app, person, method, route, &ids).await;
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            let text = if status.is_success() {
                let mut found = BTreeSet::new();
                paths(&body, "", &mut found);
                found.into_iter().collect::<Vec<_>>().join("\n        ")
            } else {
                format!("{} {}", status.as_u16(), body["code"].as_str().unwrap_or_default())
            };
            match read.iter_mut().find(|(known, _)| *known == text) {
                Some((_, names)) => names.push(name),
                None => read.push((text, vec![name])),
            }
        }
        for (text, names) in read {
            table.push_str(&format!("    {}\n        {text}\n", names.join(", ")));
        }
    }
    insta::assert_snapshot!(table);
}
