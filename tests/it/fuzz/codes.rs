//! Codes of links: only the very code opens anything. Every kind of link has its line here.

use care_portal::access::{DefaultRole, RoleKey};

use super::{fuzz, head, portal, raw, somewhere};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_link_codes() {
    let app = portal().await;
    let admin = app.admin_caller().await;
    let role = RoleKey::Default(DefaultRole::DeploymentStaff);
    let mut codes = Vec::new();
    for email in ["olu@northfield.example", "ben@northfield.example"] {
        let id = app.invite(&admin, app.cardiology, role, email).await;
        codes.push(app.code(id, 1));
    }
    let mut corpus: Vec<Vec<u8>> = codes.iter().map(|code| code.clone().into_bytes()).collect();
    corpus.push(format!("{}/join#{}", app.url, codes[0]).into_bytes());
    corpus.push(format!("cpr1_{}", &codes[0][5..]).into_bytes());
    let mut n = 0;
    fuzz("link codes", &corpus, async |input| {
        let from = somewhere(&mut n);
        // As a form sends it.
        let text: String = url::form_urlencoded::byte_serialize(input).collect();
        let kind: &[u8] = b"application/x-www-form-urlencoded";
        let headers = [("x-forwarded-for", from.as_bytes()), ("content-type", kind)];
        let posted = raw(&app, &head(&app, "POST /join", &headers), format!("code={text}").as_bytes()).await;
        posted.is_no_fault(input);
        // As a cookie that somebody has changed.
        let cookie = [b"join=", input].concat();
        let headers = [("x-forwarded-for", from.as_bytes()), ("cookie", cookie.as_slice())];
        let shown = raw(&app, &head(&app, "GET /join", &headers), b"").await;
        shown.is_no_fault(input);
        // A semicolon begins another cookie, which may hold the real code.
        let real = codes.iter().any(|code| String::from_utf8_lossy(input).contains(code.as_str()));
        assert!(real || !shown.text.contains("Create your account"), "{:?} opens", String::from_utf8_lossy(input));
    })
    .await;
}
