//! Files and bodies that are no list of people: each gets a clear answer soon, and the portal goes on.

use std::time::{Duration, Instant};

use reqwest::{
    StatusCode,
    multipart::{Form, Part},
};
use serde_json::json;

use crate::support::app::{Database, Person, TestApp};

/// On a busy machine and without optimisation; the goal is a second on one that is not.
const SOON: Duration = Duration::from_secs(8);

async fn import(who: &Person, app: &TestApp, bytes: Vec<u8>) -> (StatusCode, String, Duration) {
    let form = Form::new()
        .text("addresses", "")
        .text("role", "deployment_staff")
        .text("window", "7d")
        .text("do", "import")
        .text("send_key", "k")
        .part("file", Part::bytes(bytes).file_name("people.csv"));
    let begun = Instant::now();
    let answer = who.multipart(&format!("{}/invitations/new", app.cardiology.path()), form).await;
    let status = answer.status();
    (status, answer.text().await.unwrap_or_default(), begun.elapsed())
}

fn utf16(text: &str) -> Vec<u8> {
    [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

/// What is refused as a whole, and a word of the sentence that says why.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let person = "ben@northfield.example\n";
    vec![
        ("a line of nearly two megabytes", vec![b'x'; 2 * 1024 * 1024 - 1], "longer than"),
        ("ten thousand columns", format!("{}\n", vec!["x"; 10_000].join(",")).into_bytes(), "columns"),
        (
            "a quotation mark that does not close",
            format!("\"ben@northfield.example\n{}", person.repeat(1000)).into_bytes(),
            "quotation mark",
        ),
        ("nothing", Vec::new(), ""),
        ("a byte over the limit", vec![b'\n'; 2 * 1024 * 1024 + 1], "2 MiB"),
        ("a workbook renamed", [b"PK\x03\x04\x14\0\x06\0".to_vec(), vec![0x42; 5000]].concat(), "spreadsheet"),
        (
            "an old workbook",
            [vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], vec![0; 5000]].concat(),
            "spreadsheet",
        ),
        ("gzip", [vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0], vec![0x7B; 3000]].concat(), "compressed"),
        ("a picture", [vec![0x89], b"PNG\r\n\x1a\n".to_vec(), vec![0; 3000]].concat(), ""),
        ("zeros", vec![0; 100_000], ""),
        ("a million empty lines", vec![b'\n'; 1_000_000], ""),
        ("too many rows", person.repeat(10_001).into_bytes(), "10001 rows"),
        ("noise", (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect(), ""),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_list_is_refused_with_a_sentence() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    for (what, bytes, word) in refused() {
        let (status, page, took) = import(&ada, &app, bytes).await;
        assert!(!status.is_server_error(), "{what}: {status}");
        assert!(took < SOON, "{what} took {took:?}");
        assert!(page.contains(word) && page.contains("file"), "{what}: {word}\n{:.3000}", page);
        assert!(!page.contains("ben@northfield.example</"), "{what}: nobody of it is taken");
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE live_email IS NOT NULL").await, 0);
    assert!(ada.get("/health").await.status().is_success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_in_one_line_are_not_even_read() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let form = Form::new()
        .text("do", "import")
        .part("file", Part::bytes(vec![b'x'; 10 * 1024 * 1024]).file_name("people.csv"));
    let begun = Instant::now();
    // The portal may close while the rest is still on its way; either is an answer.
    let sent = ada
        .client
        .post(format!("{}{}/invitations/new", app.url, app.cardiology.path()))
        .header("sec-fetch-site", "same-origin")
        .multipart(form)
        .send()
        .await;
    assert!(sent.map_or(true, |answer| answer.status().is_client_error()) && begun.elapsed() < SOON);
    assert!(app.visitor().get("/health").await.status().is_success());
}

/// Rows as people type them wrong, each with what becomes of it: a part of the reason, or nothing for one that can be sent.
const ROWS: &[(&str, Option<&str>)] = &[
    ("ada.lovelace@northfield.example;Ada Lovelace", None),
    ("\"Okafor, Ben\" <ben.okafor@northfield.example>;display name", None),
    ("mailto:chidi@northfield.example;a link", None),
    ("\u{a0}dafydd@northfield.example\u{a0};no-break spaces", None),
    ("olu@northfield.example;\"a name with a ; and a \"\"quote\"\"\"", None),
    ("eilidh@northfeild.example;one letter off", Some("northfield.example")),
    ("fatima@gmial.com;a known slip", Some("gmail.com")),
    ("grainne;no domain", Some("no “@”")),
    ("hye-jin@@northfield.example;two", Some("“@”")),
    ("ines@[127.0.0.1];a number", Some("not a name")),
    ("jon\u{430}s@northfield.example;Cyrillic", Some("Cyrillic")),
    ("leila\u{200b}@northfield.example;zero width", Some("nobody can see")),
    ("\u{202e}moc.elpmaxe@x;bidi", Some("")),
    ("=HYPERLINK(\"http://x.example\")@northfield.example;a formula", Some("")),
    ("+44@northfield.example;a sum", Some("")),
    ("eve@northfield.example%0d%0aBcc:all@northfield.example;header injection", Some("")),
    ("a@b.example,c@d.example,e@f.example", Some("")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messy_rows_each_get_their_own_answer_in_every_encoding() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let text: String = ROWS.iter().map(|(row, _)| format!("{row}\r\n")).collect();
    let mixed: String =
        ROWS.iter().zip(["\r\n", "\n", "\r"].iter().cycle()).map(|((row, _), end)| format!("{row}{end}")).collect();
    for (what, bytes) in [
        ("UTF-8 with a mark", format!("\u{feff}E-mail;Name\r\n{text}").into_bytes()),
        ("UTF-16", utf16(&format!("E-mail;Name\r\n{text}"))),
        ("mixed line ends", mixed.into_bytes()),
    ] {
        let (status, page, took) = import(&ada, &app, bytes).await;
        assert!(status.is_success() && took < SOON, "{what}: {status} {took:?}\n{page}");
        for good in ["ada.lovelace@", "ben.okafor@", "chidi@", "dafydd@", "olu@"] {
            assert!(page.contains(good), "{what}: {good}");
        }
    }
    let rows: Vec<&str> = ROWS.iter().map(|(row, _)| *row).collect();
    let path = format!("/api/v1/scopes/{}/invitations/check", app.cardiology);
    for (row, reason) in ROWS {
        let first = row.split(';').next().unwrap();
        let (status, body) = ada.json("POST", &path, Some(json!({ "addresses": [first] }))).await;
        assert_eq!(status, StatusCode::OK, "{row}: {body}");
        let state = body["rows"][0]["state"].as_str().unwrap();
        match reason {
            None => assert_eq!(state, "ready", "{row}: {body}"),
            Some(part) => {
                assert!(state != "ready" || part.is_empty(), "{row}: {body}");
                assert!(body["rows"][0]["reason"].as_str().unwrap().contains(part), "{row}: {part}: {body}");
            }
        }
    }
    let (status, _) = ada.json("POST", &path, Some(json!({ "addresses": rows }))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_would_be_headers_or_markup_are_inert_in_the_mail() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    for (n, name) in [
        "Eve\r\nBcc: all@northfield.example",
        "<script>alert(1)</script>",
        "Eve\0",
        "https://evil.example/login",
        "\u{202e}evE",
        "=1+1",
        ".\r\n.\r\nMAIL FROM:<x>",
        &"é".repeat(5000),
    ]
    .iter()
    .enumerate()
    {
        let path = format!("/api/v1/scopes/{}/invitations", app.cardiology);
        let asked = json!({ "addresses": [format!("\"{name}\" <eve.{n}@northfield.example>")], "role": "deployment_staff", "confirmed": [format!("eve.{n}@northfield.example")] });
        let answer = ada
            .client
            .post(format!("{}{path}", app.url))
            .header("sec-fetch-site", "same-origin")
            .header("idempotency-key", format!("k{n}"))
            .json(&asked)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success() || answer.status().is_client_error(), "{name:.30}: {}", answer.status());
    }
    app.send_mail().await;
    assert_eq!(
        app.count("SELECT COUNT(*) FROM mails WHERE state IN ('set_aside', 'trying')").await,
        0,
        "none stops the worker"
    );
    for file in std::fs::read_dir(app.portal.config.mail_folder()).unwrap() {
        let mail = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{head}");
        assert_eq!(head.lines().filter(|line| line.starts_with("To:")).count(), 1, "{head}");
        assert!(!mail.contains("<script>"), "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_no_request_are_told_so_by_the_api() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let path = format!("{}/api/v1/scopes/{}/invitations", app.url, app.cardiology);
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let many = json!({ "addresses": vec!["a@b.example"; 10_001].iter().enumerate().map(|(n, _)| format!("p{n}@b.example")).collect::<Vec<_>>(), "role": "deployment_staff" }).to_string();
    let long = json!({ "addresses": ["x".repeat(1_000_000)], "role": "deployment_staff" }).to_string();
    for (what, body) in [
        ("nothing", String::new()),
        ("deep", deep),
        ("too many", many),
        ("unknown fields", json!({ "addresses": [], "role": "admin", "is_admin": true }).to_string()),
        ("the wrong kind", json!({ "addresses": "a@b.example", "role": 5 }).to_string()),
        ("half a body", "{\"addresses\": [\"a@b.example\"".to_owned()),
        ("too large", format!("\"{}\"", "x".repeat(6 * 1024 * 1024))),
    ] {
        let begun = Instant::now();
        let sent = ada
            .client
            .post(&path)
            .header("sec-fetch-site", "same-origin")
            .header("idempotency-key", what)
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await;
        if let Ok(answer) = sent {
            assert!(answer.status().is_client_error(), "{what}: {}", answer.status());
        }
        assert!(begun.elapsed() < SOON, "{what} took {:?}", begun.elapsed());
    }
    let answer = ada
        .client
        .post(&path)
        .header("sec-fetch-site", "same-origin")
        .header("idempotency-key", "long")
        .header("content-type", "application/json")
        .body(long)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "one bad row of a good request is told as a row");
    assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE live_email IS NOT NULL").await, 0);
}

/// Makes a plan of a file in a process of its own: its answer, how much memory it held at most (in KiB), and how long it took.
fn plan_of(folder: &std::path::Path, bytes: &[u8]) -> (String, u64, Duration) {
    let file = folder.join("people.csv");
    std::fs::write(&file, bytes).unwrap();
    let begun = Instant::now();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .args(["plan", "make", "--as", "ada@elsewhere.example", "--role", "Contributor", "--csv"])
        .arg(&file)
        .env("CARE_PORTAL_DATA_DIR", folder)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut peak = 0;
    // The kernel keeps the peak, so that a look every few milliseconds misses little.
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let known = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        peak = peak.max(known.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    let told = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&told.stderr).into_owned(), peak, begun.elapsed())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_hostile_file_fills_no_memory_and_is_answered_soon() {
    let folder = tempfile::tempdir().unwrap();
    let set_up = ["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"];
    let link = crate::cli::text(&crate::cli::portal(folder.path(), &set_up).stdout);
    crate::cli::accept_first_admin(folder.path(), link.trim()).await;
    let (_, usual, _) = plan_of(folder.path(), b"email\nben@elsewhere.example\n");
    assert!(usual > 1_000, "the kernel tells: {usual}");
    let ten = 10 * 1024 * 1024;
    let quotes = format!("\"ben@elsewhere.example{}", "\"\"\n".repeat(ten / 3 - 10));
    let columns = format!("{}\n", vec!["x"; 10_000].join(",")).repeat(500);
    let rows = "ben@elsewhere.example\n".repeat(ten / 22);
    let hostile: [(&str, Vec<u8>, &str); 7] = [
        ("ten megabytes in one line", vec![b'x'; ten], "longer than"),
        ("ten thousand columns", columns.into_bytes(), "columns"),
        ("ten megabytes of separators", vec![b','; ten], "longer than"),
        ("quotation marks alone", quotes.into_bytes(), "quotation mark"),
        ("ten megabytes of line ends", vec![b'\n'; ten], "No addresses"),
        ("half a million rows", rows.into_bytes(), "more than 50000 rows"),
        ("twenty megabytes", vec![b'x'; 2 * ten], "10 MiB is the most"),
    ];
    for (what, bytes, word) in hostile {
        let (told, peak, took) = plan_of(folder.path(), &bytes);
        assert!(told.contains(word), "{what}: {told}");
        assert!(took < SOON, "{what} took {took:?}");
        let grown = peak.saturating_sub(usual) / 1024;
        assert!(grown < 100, "{what} holds {grown} MiB more than a small file");
    }
}
