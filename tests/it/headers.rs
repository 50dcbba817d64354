//! What every answer carries, and what the portal does not answer to.

use reqwest::StatusCode;

use crate::support::app::{Database, TestApp};

#[tokio::test]
async fn every_answer_carries_the_headers_errors_included() {
    let app = TestApp::start(Database::Sqlite).await;
    let admin = app.admin().await;
    let scope = app.organisation.path();
    for path in [
        "/sign-in",
        "/join",
        "/nowhere/at/all",
        "/api/v1/nowhere",
        "/api/v1/openapi.json",
        "/health",
        &scope,
        &format!("{scope}/staff"),
    ] {
        let answer = admin.get(path).await;
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{path}: {part}");
        }
        assert!(!policy.contains("unsafe"));
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}: {name}");
        }
        assert!(!headers.contains_key("server") && !headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn forms_from_other_sites_change_nothing() {
    let app = TestApp::start(Database::Sqlite).await;
    let admin = app.admin().await;
    let path = format!("{}{}/invitations/selected", app.url, app.cardiology.path());
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let answer = admin.client.post(&path).header(name, value).form(&[("do", "delete")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let own = admin.client.post(&path).header("origin", &app.url).form(&[("do", "delete")]).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_host_is_not_answered_and_changes_no_link() {
    let app = TestApp::start(Database::Sqlite).await;
    let answer =
        app.visitor().client.get(format!("{}/sign-in", app.url)).header("host", "evil.example").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    let forwarded = app
        .visitor()
        .client
        .get(format!("{}/sign-in", app.url))
        .header("x-forwarded-host", "evil.example")
        .send()
        .await
        .unwrap();
    assert!(!forwarded.text().await.unwrap().contains("evil.example"));
}

#[tokio::test]
async fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let app = TestApp::start(Database::Sqlite).await;
    let answer = app
        .visitor()
        .post("/sign-in", &[("email", "ada@northfield.example"), ("password", crate::support::app::PASSWORD)])
        .await;
    for cookie in answer.headers().get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn too_large_a_body_is_refused() {
    let app = TestApp::start(Database::Sqlite).await;
    let admin = app.admin().await;
    let answer = admin.invite(app.cardiology, &"x".repeat(6 * 1024 * 1024), "contributor", &[]).await;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let (status, problem) = admin
        .json(
            "POST",
            &format!("/api/v1/scopes/{}/invitations/check", app.cardiology),
            Some(serde_json::json!({ "addresses": vec!["x"; 2_000_000] })),
        )
        .await;
    assert!(status.is_client_error(), "{status} {problem}");
}

#[tokio::test]
async fn assets_are_kept_for_a_year_and_pages_never() {
    let app = TestApp::start(Database::Sqlite).await;
    let page = app.visitor().page("/sign-in").await;
    let style = page
        .split("href=\"")
        .find_map(|part| part.split('"').next().filter(|path| path.ends_with("portal.css")))
        .unwrap();
    let answer = app.visitor().get(style).await;
    assert_eq!(answer.headers()["content-type"], "text/css");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(app.visitor().get("/assets/x/%2e%2e/Cargo.toml").await.status(), StatusCode::NOT_FOUND);
}
