//! Mails: names, places and notes that strangers chose are words in a mail and never a header, another recipient or markup.

use std::path::Path;

use serde_json::json;

use super::{fuzz, portal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_mails() {
    let app = portal().await;
    let ada = app.admin().await;
    let corpus: Vec<Vec<u8>> = [
        "Ben Okri",
        "Eve\r\nBcc: all@northfield.example",
        "<script>alert(1)</script>",
        "=?utf-8?q?Bcc:_all@northfield.example?=",
        ".\r\n.\r\nMAIL FROM:<x>",
        "Zoë \u{202e}evE \u{1f600} {{ mail.link }} {% raw %}",
        "https://evil.example/login",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let mut n = 0;
    fuzz("mails", &corpus, async |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let name: String = text.chars().filter(|c| !matches!(c, '"' | '\\' | '<' | '>')).take(100).collect();
        n += 1;
        let email = format!("eve.{n}@northfield.example");
        // The place's name and the inviter's stand in the mail too.
        let literal = text.replace(['\'', '\0'], "");
        app.execute(&format!("UPDATE accounts SET name = '{literal}' WHERE email = 'ada@northfield.example'")).await;
        app.execute(&format!(
            "UPDATE deployments SET name = '{literal}' WHERE id = {}",
            app.literal(app.cardiology.id())
        ))
        .await;
        let asked =
            json!({ "addresses": [format!("\"{name}\" <{email}>")], "role": "deployment_staff", "confirmed": [email] });
        let answer = ada
            .client
            .post(format!("{}/api/v1/scopes/{}/invitations", app.url, app.cardiology))
            .header("sec-fetch-site", "same-origin")
            .header("idempotency-key", format!("k{n}"))
            .json(&asked)
            .send()
            .await
            .unwrap();
        assert!(!answer.status().is_server_error(), "{} for {text:?}", answer.status());
        app.send_mail().await;
        take(&app.portal.config.mail_folder(), |mail| judge(mail, &email, &text));
    })
    .await;
    assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state IN ('set_aside', 'refused')").await, 0);
}

fn judge(mail: &str, email: &str, text: &str) {
    let (head, body) = mail.split_once("\r\n\r\n").expect("a head and a body");
    let names: Vec<_> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| {
            line.split_once(':').unwrap_or_else(|| panic!("{line:?} is no header, for {text:?}")).0.to_lowercase()
        })
        .collect();
    const KNOWN: [&str; 9] = [
        "from",
        "to",
        "subject",
        "message-id",
        "date",
        "mime-version",
        "content-type",
        "auto-submitted",
        "x-pm-metadata-mail",
    ];
    for name in &names {
        assert!(KNOWN.contains(&name.as_str()), "a header {name} of {text:?}\n{head}");
        assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name} twice for {text:?}\n{head}");
    }
    assert!(head.is_ascii() && head.contains(&format!("To: {email}")), "{head}");
    let body = body.to_lowercase();
    let (_, html) = body.split_once("content-type: text/html").expect("a part with markup");
    assert!(!html.contains("<script"), "markup of {text:?}");
}

/// Each mail as its bytes went out, which then goes.
fn take(folder: &Path, judge: impl Fn(&str)) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        judge(&String::from_utf8(std::fs::read(file.path()).unwrap()).expect("mails are text"));
        std::fs::remove_file(file.path()).unwrap();
    }
}
