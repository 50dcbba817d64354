//! Lists of people: addresses as they are typed, and files. Whatever is sent, each row is told about, nothing is a fault, and what can be
//! sent to is an address that mail programs take.

use care_portal::{
    invitations::csv_file::{self, columns},
    types::EmailAddress,
};
use serde_json::{Value, json};

use super::{fuzz, portal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_addresses() {
    let app = portal().await;
    let ada = app.admin().await;
    let corpus: Vec<Vec<u8>> = [
        "ben@northfield.example, chi@northfield.example; dafydd@northfield.example\nolu@northfield.example",
        "\"Okafor, Ben\" <ben.okafor@northfield.example>; Ann Lee <ann.lee@northfield.example>",
        "mailto:chidi@northfield.example\r\nBcc: all@northfield.example",
        "fatima@gmial.com eilidh@northfeild.example ada@northfield.example",
        "jon\u{430}s@northfield.example, leila\u{200b}@northfield.example, \u{202e}moc@x",
        "mei@bücher.example ines@[127.0.0.1] a@b@c.example \"a b\"@x.example =1+1@x.example",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    let path = format!("/api/v1/scopes/{}/invitations/check", app.cardiology);
    fuzz("addresses", &corpus, async |input| {
        let text = String::from_utf8_lossy(input).into_owned();
        let (status, body) = ada.json("POST", &path, Some(json!({ "addresses": [text] }))).await;
        assert!(status.is_success(), "{status} for {text:?}: {body}");
        for row in body["rows"].as_array().unwrap_or(&Vec::new()) {
            let (state, reason) = (row["state"].as_str().unwrap(), row["reason"].as_str().unwrap());
            assert!(state == "ready" || !reason.is_empty(), "no reason for {row} of {text:?}");
            if matches!(state, "ready" | "look") {
                sendable(row["email"].as_str().unwrap(), &text);
            }
            if let Some(suggestion) = row["suggestion"].as_str() {
                sendable(suggestion, &text);
            }
        }
    })
    .await;
    assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE live_email IS NOT NULL").await, 0, "nothing was sent");
}

fn sendable(address: &str, text: &str) {
    assert!(EmailAddress::parse(address).is_ok_and(|known| known.as_str() == address), "{address:?} of {text:?}");
    assert!(address.parse::<lettre::Address>().is_ok(), "{address:?} of {text:?} can be written on no mail");
    assert!(!address.contains(|c: char| c.is_control() || c.is_whitespace()), "{address:?}");
}

fn files() -> Vec<Vec<u8>> {
    let text = "E-mail;Name;Role;Ward;Access from;Access until;Ticket\r\n\
        ben@northfield.example;\"Okri, Ben\";Contributor;Cardiology;2026-10-01;2027-03-01;HR-1\r\n\
        chi@northfield.example;\"with a \"\"quote\"\" and a ;\";Admin;;;;\r\n";
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![
        text.as_bytes().to_vec(),
        wide,
        b"sep=|\nben@x.example|Ben\nchi@x.example|Chi\n".to_vec(),
        b"ben@x.example\tB\xe9n\rchi@x.example\tChi\r".to_vec(),
        b"\"ben@x.example\nchi@x.example\"\n".to_vec(),
        b"PK\x03\x04".to_vec(),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_csv() {
    let app = portal().await;
    let ada = app.admin().await;
    let address = format!("{}/invitations/read-file", app.cardiology.path());
    let mut n = 0;
    fuzz("csv files", &files(), async |input| {
        // Both readers, and now and then the door, which is slower.
        let (list, table) = (csv_file::read(input, None), columns::read(input, None));
        if let Ok(file) = &list {
            let numbers: Vec<_> = file.entries.iter().map(|entry| entry.row).collect();
            assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "rows are numbered as they stand: {input:?}");
            assert_eq!(file.texts().len(), file.entries.len());
        }
        if let Ok(file) = &table {
            assert!(!file.lines.is_empty() && file.lines.iter().all(|line| !line.text.is_empty()), "{input:?}");
        }
        n += 1;
        if n % 20 != 0 {
            return;
        }
        let part = reqwest::multipart::Part::bytes(input.to_vec()).file_name("people.csv");
        let answer = ada.multipart(&address, reqwest::multipart::Form::new().part("file", part)).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        assert_eq!(status == 422, list.is_err(), "{status} for {input:?}: {body}");
        assert_eq!(body["problem"].is_string(), list.is_err(), "{input:?}: {body}");
    })
    .await;
}
