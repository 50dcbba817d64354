//! The API: keys, the same rules as the pages, problems in words.

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::{
    on_both,
    support::app::{Database, Person, TestApp},
};

/// Makes a key on the profile page and reads it from there.
pub async fn key(person: &Person, scope: &str, permissions: &[&str]) -> String {
    let mut form = vec![("name", "Roster import"), ("scope", scope)];
    form.extend(permissions.iter().map(|permission| ("permissions", *permission)));
    let page = person.post("/profile/api-keys", &form).await.text().await.unwrap();
    let start = page.find("cpk_").unwrap_or_else(|| panic!("no key: {page}"));
    page[start..].split('"').next().unwrap().to_owned()
}

pub async fn call(
    app: &TestApp,
    key: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
    idempotency: &str,
) -> (StatusCode, Value) {
    let mut request =
        Client::new().request(method.parse().unwrap(), format!("{}/api/v1{path}", app.url)).bearer_auth(key);
    if let Some(body) = body {
        request = request.header("idempotency-key", idempotency).json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or(Value::Null))
}

on_both! {
    async fn a_key_invites_lists_resends_and_deletes(app: &TestApp) {
        let admin = app.admin().await;
        let all: Vec<&str> = care_portal::access::Permission::all().map(|permission| permission.key()).collect();
        let key = key(&admin, &app.organisation.to_string(), &all).await;
        let scope = format!("/scopes/{}", app.cardiology);
        let (status, roles) = call(app, &key, "GET", &format!("{scope}/roles"), None, "").await;
        assert_eq!(status, StatusCode::OK);
        assert!(roles.as_array().unwrap().iter().any(|role| role["key"] == "admin"), "{roles}");
        let (_, checked) = call(app, &key, "POST", &format!("{scope}/invitations/check"), Some(json!({ "addresses": ["ben@northfield.example", "x@gmial.com", "nobody"] })), "").await;
        assert_eq!(checked["counts"], json!({ "ready": 1, "look": 1, "staff": 0, "invited": 0, "refused": 1 }));
        assert_eq!(checked["rows"][1]["suggestion"], "x@gmail.com");
        let body = json!({ "addresses": ["ben@northfield.example", "nobody"], "role": "deployment_staff", "window": "72h" });
        let (status, first) = call(app, &key, "POST", &format!("{scope}/invitations"), Some(body.clone()), "monday").await;
        assert_eq!(status, StatusCode::OK, "{first}");
        assert_eq!(first["sent"].as_array().unwrap().len(), 1);
        assert_eq!(first["not_sent"][0]["state"], "refused");
        let (_, again) = call(app, &key, "POST", &format!("{scope}/invitations"), Some(body), "monday").await;
        assert_eq!(first, again, "a retry is answered alike");
        let other = json!({ "addresses": ["olu@northfield.example"], "role": "deployment_staff" });
        let (status, problem) = call(app, &key, "POST", &format!("{scope}/invitations"), Some(other), "monday").await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("conflict")));
        let id = first["sent"][0]["invitation"].as_str().unwrap().to_owned();
        let (_, list) = call(app, &key, "GET", &format!("{scope}/invitations?sort=email&limit=1"), None, "").await;
        assert_eq!(list["invitations"][0]["id"], id.as_str());
        assert!(!list.to_string().contains("cpi1_"), "no link anywhere");
        let (status, _) = call(app, &key, "POST", &format!("/invitations/{id}/resend"), Some(json!({})), "").await;
        assert_eq!(status, StatusCode::OK);
        let (status, _) = call(app, &key, "DELETE", &format!("/invitations/{id}"), None, "").await;
        assert_eq!(status, StatusCode::NO_CONTENT);
        let (status, _) = call(app, &key, "DELETE", &format!("/invitations/{id}"), None, "").await;
        assert_eq!(status, StatusCode::CONFLICT);
        let (_, gone) = call(app, &key, "GET", &format!("/invitations/{id}"), None, "").await;
        assert_eq!(gone["state"], "deleted");
    }

    async fn a_key_has_never_more_than_key_and_owner_have(app: &TestApp) {
        let admin = app.admin().await;
        let narrow = key(&admin, &app.cardiology.to_string(), &["view_staff"]).await;
        let (status, _) = call(app, &narrow, "GET", &format!("/scopes/{}/staff", app.cardiology), None, "").await;
        assert_eq!(status, StatusCode::OK);
        let (status, problem) = call(app, &narrow, "GET", &format!("/scopes/{}/invitations", app.cardiology), None, "").await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::FORBIDDEN, Some("forbidden")));
        for beyond in [app.diabetes, app.organisation] {
            let (status, _) = call(app, &narrow, "GET", &format!("/scopes/{beyond}/staff"), None, "").await;
            assert_eq!(status, StatusCode::NOT_FOUND);
        }
        let inviting = key(&admin, &app.cardiology.to_string(), &["invite_staff", "view_patient_data"]).await;
        for beyond in ["admin", "deployment_staff"] {
            let body = json!({ "addresses": ["eve@northfield.example"], "role": beyond });
            let (status, _) = call(app, &inviting, "POST", &format!("/scopes/{}/invitations", app.cardiology), Some(body), beyond).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "a key that may invite hands on no more than it has: {beyond}");
        }
        let lucy = app.person("lucy", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        let page = lucy.post("/profile/api-keys", &[("name", "x"), ("scope", &app.cardiology.to_string()), ("permissions", "invite_staff")]).await;
        assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!page.text().await.unwrap().contains("cpk_"));
    }

    async fn revoked_and_foreign_keys_are_refused(app: &TestApp) {
        let admin = app.admin().await;
        let good = key(&admin, &app.organisation.to_string(), &["view_staff"]).await;
        let path = format!("/scopes/{}/staff", app.organisation);
        let profile = admin.page("/profile").await;
        let revoke = profile.split("/profile/api-keys/key_").nth(1).unwrap().split('/').next().unwrap().to_owned();
        assert_eq!(call(app, &good, "GET", &path, None, "").await.0, StatusCode::OK);
        admin.post(&format!("/profile/api-keys/key_{revoke}/revoke"), &[]).await;
        let code = app.code(app.invite(&app.admin_caller().await, app.cardiology, RoleKey::Default(DefaultRole::Contributor), "x@northfield.example").await, 1);
        for bad in [good.as_str(), "cpk_", "", "cpk_AAAA", &code] {
            let (status, problem) = call(app, bad, "GET", &path, None, "").await;
            assert_eq!((status, problem["code"].as_str()), (StatusCode::UNAUTHORIZED, Some("sign_in_required")), "{bad}");
        }
        // A wrong key is not mended by a session that happens to be there.
        let answer = admin.client.get(format!("{}/api/v1{path}", app.url)).bearer_auth("cpk_wrong").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }

    async fn bad_requests_are_answered_with_problems(app: &TestApp) {
        let admin = app.admin().await;
        let all: Vec<&str> = care_portal::access::Permission::all().map(|permission| permission.key()).collect();
        let key = key(&admin, &app.organisation.to_string(), &all).await;
        let scope = format!("/scopes/{}", app.cardiology);
        for (body, field) in [
            (json!({ "addresses": [], "role": "contributor" }), "addresses"),
            (json!({ "addresses": ["a@b.example"], "role": "king" }), "role"),
            (json!({ "addresses": ["a@b.example"], "role": "contributor", "window": "1y" }), "window"),
            (json!({ "addresses": ["a@b.example"], "role": "contributor", "expires_at": "2040-01-01T00:00:00Z" }), "window"),
            (json!({ "addresses": ["a@b.example"], "role": "contributor", "permissions": ["all"] }), "body"),
        ] {
            let (status, problem) = call(app, &key, "POST", &format!("{scope}/invitations"), Some(body.clone()), "k").await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        }
        for query in ["?sort=secret", "?from=zzz", "?state=x", "?limit=-1", "?unknown=1"] {
            let (status, _) = call(app, &key, "GET", &format!("{scope}/invitations{query}"), None, "").await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        }
        let many: Vec<String> = (0..10_001).map(|n| format!("p{n}@northfield.example")).collect();
        let (status, problem) = call(app, &key, "POST", &format!("{scope}/invitations"), Some(json!({ "addresses": many, "role": "contributor" })), "k").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(problem["detail"].as_str().unwrap().contains("at most 10000"));
    }
}

#[tokio::test]
async fn the_description_names_every_path_and_has_a_page() {
    let app = TestApp::start(Database::Sqlite).await;
    let document: Value = app.visitor().get("/api/v1/openapi.json").await.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let page = app.visitor().page("/api/v1/reference").await;
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(page.contains(path.as_str()), "{path}");
    }
    insta::assert_json_snapshot!(document["paths"].as_object().unwrap().keys().collect::<Vec<_>>());
}
