//! What holds for every route and every kind of error: the headers, who may post, what reading changes, and where one is led.

use std::time::Duration;

use axum::{Router, extract::State, routing::get};
use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
    identity::attempts::{self, Subject},
    portal::Portal,
};
use reqwest::{Response, StatusCode, header};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    matrix::{Ids, ROUTES, furnish, send, with_spare},
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

/// Every header that must be there, with what it must contain.
const EVERYWHERE: [(&str, &[&str]); 7] = [
    (
        "content-security-policy",
        &[
            "default-src 'none'",
            "script-src 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types care-portal",
        ],
    ),
    ("x-content-type-options", &["nosniff"]),
    ("referrer-policy", &["same-origin"]),
    ("cross-origin-opener-policy", &["same-origin"]),
    ("cross-origin-resource-policy", &["same-origin"]),
    ("permissions-policy", &["camera=()", "microphone=()", "geolocation=()"]),
    ("x-frame-options", &["DENY"]),
];

fn assert_headers(answer: &Response, what: &str) {
    let headers = answer.headers();
    for (name, parts) in EVERYWHERE {
        let value = headers.get(name).unwrap_or_else(|| panic!("{what}: no {name}")).to_str().unwrap();
        for part in parts {
            assert!(value.contains(part), "{what}: {name} lacks {part}: {value}");
        }
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for absent in ["server", "x-powered-by", "access-control-allow-origin", "access-control-allow-credentials"] {
        assert!(!headers.contains_key(absent), "{what}: {absent}");
    }
    let asset = what.contains("/assets/") && answer.status() == StatusCode::OK;
    let cached = headers["cache-control"].to_str().unwrap();
    // Asked for under the name of another version, a file is not to be kept.
    assert!(if asset { cached == "no-cache" } else { cached == "no-store" }, "{what}: {cached}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_02_every_route_carries_every_header_for_strangers_and_for_admins() {
    let app = TestApp::start(Database::Sqlite).await;
    with_spare(&app).await;
    let (ada, stranger) = (app.admin().await, app.visitor());
    let scope = app.cardiology.to_string();
    for (method, route, _) in ROUTES {
        for (who, person) in [("a stranger", &stranger), ("an Admin", &ada)] {
            if *route == "/sign-out" && who != "a stranger" {
                continue;
            }
            let ids = furnish(&app, &scope).await;
            let answer = send(&app, person, method, route, &ids).await;
            assert_headers(&answer, &format!("{method} {route} as {who}"));
        }
    }
}

/// The portal's layers around routes that go wrong in ways that no real one should.
async fn broken(portal: &Portal) -> String {
    async fn panics() {
        panic!("on purpose");
    }
    async fn hangs(State(_): State<Portal>) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let routes = Router::new().route("/panics", get(panics)).route("/hangs", get(hangs));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = portal.config.clone();
    config.listen = address;
    let clone = app::open(config, portal.clock.clone()).await.unwrap();
    let router = app::around(routes, &clone, Duration::from_millis(200)).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_02_every_kind_of_error_carries_every_header() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let mut met = Vec::new();
    let mut check = |answer: &Response, expected: u16| {
        assert_eq!(answer.status().as_u16(), expected, "{}", answer.url());
        assert_headers(answer, &format!("{expected} at {}", answer.url().path()));
        met.push(expected);
    };
    let at = |path: &str| format!("{}{path}", app.url);
    let client = &ada.client;
    let scope = app.cardiology.path();
    let ask = |method: &str, path: &str| {
        client.request(method.parse().unwrap(), at(path)).header("sec-fetch-site", "same-origin")
    };
    for path in ["/nowhere/at/all", "/api/v1/nowhere", "/assets/x/nothing.css", "/org_1/staff"] {
        check(&ask("GET", path).send().await.unwrap(), 404);
    }
    for (method, path) in [("DELETE", "/sign-in"), ("PUT", "/api/v1/openapi.json"), ("POST", "/health"), ("TRACE", "/")]
    {
        check(&ask(method, path).send().await.unwrap(), 405);
    }
    let huge = "x".repeat(6 * 1024 * 1024);
    check(&ask("POST", "/sign-in").form(&[("email", &huge)]).send().await.unwrap(), 413);
    // A connection whose body was not read to its end is closed; from here on a fresh one.
    let ada = app.admin().await;
    let client = &ada.client;
    let ask = |method: &str, path: &str| {
        client.request(method.parse().unwrap(), at(path)).header("sec-fetch-site", "same-origin")
    };
    check(&ask("GET", "/sign-in").header("host", "evil.example").send().await.unwrap(), 421);
    check(&ask("POST", "/sign-in").form(&[("email", "x"), ("password", "y")]).send().await.unwrap(), 422);
    check(&client.post(at("/sign-in")).header("sec-fetch-site", "cross-site").send().await.unwrap(), 403);
    check(&ask("GET", &format!("/api/v1/scopes/{}/staff?limit=x", app.cardiology)).send().await.unwrap(), 422);
    let nurse = app.person("nurse", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    check(&nurse.get(&format!("{scope}/invitations")).await, 403);
    check(&app.visitor().get(&format!("/api/v1/scopes/{}/staff", app.cardiology)).await, 401);
    for _ in 0..5 {
        attempts::count_failure(&app.portal, &[Subject::account("olu@northfield.example")]).await.unwrap();
    }
    let form = [("email", "olu@northfield.example"), ("password", PASSWORD)];
    check(&ask("POST", "/sign-in").form(&form).send().await.unwrap(), 429);
    let broken = broken(&app.portal).await;
    check(&client.get(format!("{broken}/panics")).send().await.unwrap(), 500);
    check(&client.get(format!("{broken}/hangs")).send().await.unwrap(), 408);
    // Last: a database that is gone.
    app.portal.db.reader().clone().close().await.unwrap();
    check(&app.visitor().get("/health").await, 503);
    met.sort_unstable();
    met.dedup();
    assert_eq!(met, [401, 403, 404, 405, 408, 413, 421, 422, 429, 500, 503]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_02_over_https_browsers_are_told_to_stay_there() {
    let public = ("PUBLIC_URL", "https://portal.northfield.example".to_owned());
    let app = TestApp::start_with(Database::Sqlite, &[public]).await;
    for path in ["/sign-in", "/nowhere", "/health", "/api/v1/openapi.json"] {
        let answer = app.visitor().get(path).await;
        assert_headers(&answer, path);
        let stay = answer.headers()["strict-transport-security"].to_str().unwrap();
        let age: u64 = stay.split("max-age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        assert!(age >= 31_536_000 && stay.contains("includeSubDomains"), "{stay}");
    }
    let answer = app.visitor().post("/sign-in", &[("email", "ada@northfield.example"), ("password", PASSWORD)]).await;
    for cookie in answer.headers().get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-") && cookie.contains("Secure") && cookie.contains("Path=/"), "{cookie}");
        assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_04_no_other_origin_is_ever_let_in() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let scope = app.organisation.to_string();
    let origins = [
        "https://evil.example",
        "null",
        &format!("{}.evil.example", app.url),
        "http://127.0.0.1",
        "http://localhost:1",
    ];
    for path in
        ["/sign-in", &format!("/{scope}/staff"), &format!("/api/v1/scopes/{scope}/staff"), "/api/v1/openapi.json"]
    {
        for origin in origins {
            for method in ["GET", "OPTIONS", "HEAD"] {
                let answer = ada
                    .client
                    .request(method.parse().unwrap(), format!("{}{path}", app.url))
                    .header("origin", origin)
                    .header("access-control-request-method", "DELETE")
                    .header("access-control-request-headers", "authorization")
                    .send()
                    .await
                    .unwrap();
                let cors = answer.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
                assert!(cors.is_none(), "{method} {path} from {origin}: {cors:?}");
            }
        }
    }
}

/// Everything in the database but when somebody was last seen, as text by table.
async fn everything(app: &TestApp) -> Vec<(String, String)> {
    let db = app.portal.db.reader();
    let text = |sql: String| async move {
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for table in text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name".to_owned()).await {
        let columns = text(format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let seen = ["seen_at", "last_seen_at", "last_used_at"];
        let kept: Vec<_> = columns.iter().filter(|column| !seen.contains(&column.as_str())).collect();
        let quoted: Vec<_> = kept.iter().map(|column| format!("quote({column})")).collect();
        all.push((
            table.clone(),
            text(format!("SELECT {} AS r FROM {table} ORDER BY r", quoted.join(" || ',' || "))).await.join("\n"),
        ));
    }
    all
}

fn difference(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
    before.iter().zip(after).filter(|(one, other)| one != other).map(|(one, _)| one.0.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_05_reading_changes_nothing_however_often() {
    let app = TestApp::start(Database::Sqlite).await;
    with_spare(&app).await;
    let ada = app.admin().await;
    let ids = furnish(&app, &app.cardiology.to_string()).await;
    for (_, route, _) in ROUTES.iter().filter(|(method, ..)| *method == "GET") {
        for method in ["GET", "GET", "HEAD"] {
            app.advance(Duration::from_secs(61));
            let before = everything(&app).await;
            let answer = send(&app, &ada, method, route, &ids).await;
            assert!(answer.status().as_u16() < 500, "{method} {route}");
            answer.bytes().await.unwrap();
            let changed = difference(&before, &everything(&app).await);
            // Taking data out is written to the access log; that is the point of it.
            let export = [".csv", ".json"].iter().any(|end| route.ends_with(end)) && !route.contains("openapi");
            // So is seeing a patient.
            let seeing = route.contains("/patients")
                || route.contains("/fhir/r4/Patient")
                || route.contains("/fhir/r4/Observation");
            let allowed: &[&str] = match (export, seeing) {
                (_, true) => &["events", "unsealed_events", "seen_patients"],
                (true, false) => &["events", "unsealed_events"],
                (false, false) => &[],
            };
            let left: Vec<_> = changed.iter().filter(|table| !allowed.contains(&table.as_str())).collect();
            assert!(left.is_empty(), "{method} {route} changes {left:?}");
        }
    }
}

/// As `send`, but with other words about where the request comes from.
async fn send_from(
    app: &TestApp,
    who: &Person,
    method: &str,
    route: &str,
    ids: &Ids,
    from: &[(&str, &str)],
) -> Response {
    let path = ["scope", "membership", "role", "id", "account"]
        .iter()
        .zip([&ids.scope, &ids.membership, &ids.role, &ids.id, &ids.account])
        .fold(route.to_owned(), |path, (word, id)| path.replace(&format!("{{{word}}}"), id));
    let mut request = who.client.request(method.parse().unwrap(), format!("{}{path}", app.url));
    for (name, value) in from {
        request = request.header(*name, *value);
    }
    request.form(&[("do", "delete"), ("id", ids.id.as_str()), ("revision", "1"), ("x", "y")]).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_01_no_other_site_changes_anything_by_any_route() {
    let app = TestApp::start(Database::Sqlite).await;
    with_spare(&app).await;
    let ada = app.admin().await;
    let ids = furnish(&app, &app.cardiology.to_string()).await;
    let before = everything(&app).await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site"), ("content-type", "text/plain")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("origin", "https://127.0.0.1")],
        // An old browser that says nothing of where it comes from, but sends the cookie.
        &[],
    ];
    for (method, route, _) in ROUTES.iter().filter(|(method, ..)| *method != "GET") {
        for from in foreign {
            // What mail services send brings its own secret and no browser's headers; this one's secret is nobody's.
            let unknown = route.starts_with("/webhooks/") && from.is_empty();
            let expected = if unknown { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
            let answer = send_from(&app, &ada, method, route, &ids, from).await;
            assert_eq!(answer.status(), expected, "{method} {route} with {from:?}");
        }
    }
    assert_eq!(difference(&before, &everything(&app).await), [""; 0], "and nothing was changed");
    assert_eq!(ada.get(&app.organisation.path()).await.status(), StatusCode::OK, "nor was she signed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_01_a_reading_method_does_not_become_a_changing_one() {
    let app = TestApp::start(Database::Sqlite).await;
    with_spare(&app).await;
    let ada = app.admin().await;
    let ids = furnish(&app, &app.cardiology.to_string()).await;
    let before = everything(&app).await;
    // That somebody was shown a patient is written down by reading too; nothing else is.
    let else_happened = "SELECT COUNT(*) FROM events WHERE action NOT IN ('patient.seen', 'patients.seen')";
    let happened = app.count(else_happened).await;
    let tricks: [&[(&str, &str)]; 3] =
        [&[("x-http-method-override", "POST")], &[("x-method-override", "DELETE"), ("x-http-method", "DELETE")], &[]];
    for (_, route, _) in ROUTES.iter().filter(|(method, ..)| *method != "GET") {
        for trick in tricks {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let with_method = format!("{route}?_method=POST");
                let answer = send_from(&app, &ada, method, &with_method, &ids, trick).await;
                assert!(answer.status().as_u16() < 500, "{method} {route}");
            }
        }
        let invented = send_from(&app, &ada, "post", route, &ids, &[("sec-fetch-site", "same-origin")]).await;
        assert!(invented.status().is_client_error(), "a method is written in capitals: {route}");
    }
    let mut changed = difference(&before, &everything(&app).await);
    changed.retain(|table| !["events", "unsealed_events", "seen_patients"].contains(&table.as_str()));
    assert_eq!(changed, [""; 0]);
    assert_eq!(app.count(else_happened).await, happened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_07_no_parameter_leads_to_another_site() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let here = url::Url::parse(&app.url).unwrap();
    for next in [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/%2F%2Fevil.example",
        "/%5Cevil.example",
        "/\t/evil.example",
        "/\r\nlocation: https://evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "https:evil.example",
        "http:/evil.example",
        "@evil.example",
        ".evil.example",
        "evil.example/",
        " //evil.example",
        "/ /evil.example",
        "/é",
    ] {
        let encoded: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        let answers = [
            app.visitor()
                .post("/sign-in", &[("email", "ada@northfield.example"), ("password", PASSWORD), ("next", next)])
                .await,
            ada.get(&format!("/sign-in?{encoded}")).await,
            app.visitor().post("/sign-out", &[("next", next)]).await,
        ];
        for answer in answers {
            assert!(
                answer.status().is_redirection() || answer.status() == StatusCode::BAD_REQUEST,
                "{next}: {}",
                answer.status()
            );
            let to = location(&answer);
            let there = here.join(&to).unwrap();
            assert_eq!(there.origin(), here.origin(), "{next:?} leads to {to}");
            assert!(!answer.headers().contains_key("refresh"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_06_signing_out_clears_what_the_browser_keeps_but_not_how_it_is_known() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let out = ada.post("/sign-out", &[]).await;
    let cleared = out.headers()["clear-site-data"].to_str().unwrap();
    assert!(
        cleared.contains("\"cache\"") && cleared.contains("\"storage\"") && !cleared.contains("cookies"),
        "{cleared}"
    );
    for cookie in out.headers().get_all(header::SET_COOKIE) {
        assert!(!cookie.to_str().unwrap().starts_with("browser="), "{cookie:?}");
    }
    let back = ada.get(&app.organisation.path()).await;
    assert!(location(&back).starts_with("/sign-in"), "{}", location(&back));
}
