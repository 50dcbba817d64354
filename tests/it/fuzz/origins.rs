//! What a request says of where it comes from and whom it means: broken and forged headers break nothing, lead nowhere, and never
//! choose what is written down.

use super::{fuzz, head, portal, raw};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_forwarded_headers() {
    let app = portal().await;
    let corpus: Vec<Vec<u8>> = [
        "203.0.113.7, 198.51.100.7",
        "198.51.100.7:4711",
        "[2001:db8::7]:4711, ::ffff:198.51.100.7",
        "for=\"[2001:db8::7]:4711\";proto=https;host=evil.example",
        "unknown, _hidden",
        "127.0.0.1, 127.0.0.1",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let mut n = 0;
    fuzz("forwarded headers", &corpus, async |input| {
        n += 1;
        // A wrong password writes the address down: in the count and in the access log.
        let body = format!("email=nobody{n}%40northfield.example&password=x");
        let headers = ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "x-forwarded-proto"];
        let mut all: Vec<(&str, &[u8])> = headers.iter().map(|name| (*name, input)).collect();
        all.push(("content-type", b"application/x-www-form-urlencoded"));
        let answer = raw(&app, &head(&app, "POST /sign-in", &all), body.as_bytes()).await;
        answer.is_no_fault(input);
        assert!(!answer.text.contains("evil.example"), "{}", answer.text);
    })
    .await;
    let strange = "SELECT COUNT(*) FROM attempts WHERE subject LIKE 'address %' \
        AND REPLACE(SUBSTR(subject, 9), ':', '.') GLOB '*[^0-9a-f.]*'";
    assert_eq!(app.count(strange).await, 0, "only addresses are written down");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_host() {
    let app = portal().await;
    let host = app.url.trim_start_matches("http://").to_owned();
    let corpus: Vec<Vec<u8>> = [
        &host,
        &format!("{host}.evil.example"),
        &format!("evil.example@{host}"),
        "evil.example",
        &host.replace("127.0.0.1", "localhost"),
        "[::1]:80",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    fuzz("host", &corpus, async |input| {
        for line in ["GET /sign-in", "GET /", "GET http://evil.example/sign-in"] {
            let answer = raw(&app, &head(&app, line, &[("host", input)]), b"").await;
            answer.is_no_fault(input);
            let meant =
                String::from_utf8_lossy(input).replace(['\r', '\n'], "").trim() == host && !line.contains("evil");
            assert!(
                meant || matches!(answer.status, 400 | 414 | 421 | 431),
                "{} for {line} at {:?}",
                answer.status,
                String::from_utf8_lossy(input)
            );
            assert!(!answer.text.contains("evil.example"), "{}", answer.text);
        }
    })
    .await;
}
