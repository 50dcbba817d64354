//! The place where a page of a list starts, and the list's other parameters: forged ones show nothing of another place, and break
//! nothing.

use care_portal::types::{Cursor, InvitationId};

use super::{fuzz, portal};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_page_cursors() {
    let app = portal().await;
    let (elsewhere, grace) = app.second_organisation().await;
    grace.invite(elsewhere, "secret@southfield.example", "contributor", &[]).await;
    let ada = app.admin().await;
    for n in 0..3 {
        ada.invite(
            app.cardiology,
            &format!("one.{n}{n}{n}@northfield.example"),
            "contributor",
            &[("send_key", &n.to_string())],
        )
        .await;
    }
    let id: InvitationId = app.portal.new_id();
    let mut corpus: Vec<Vec<u8>> =
        ["1790000000000", "ada@northfield.example", "", "9223372036854775807", "-9223372036854775808", "é\u{0}"]
            .iter()
            .flat_map(|value| [true, false].map(|backwards| Cursor::new(*value, id, backwards).encode().into_bytes()))
            .collect();
    corpus.push(b"x&sort=email&direction=desc&filter=pending&q=%25&limit=2".to_vec());
    corpus.push(b"&since=2026-01-01&until=2026-12-31&action=role.created&person=ada".to_vec());
    let pages = ["staff", "patients", "invitations", "access-log", "review"];
    let mut turn = 0;
    fuzz("page cursors", &corpus, async |input| {
        turn += 1;
        let query: String = input
            .iter()
            .map(|byte| match byte {
                b'&' | b'=' | b'%' => char::from(*byte).to_string(),
                byte => url::form_urlencoded::byte_serialize(&[*byte]).collect(),
            })
            .collect();
        let list = pages[turn % pages.len()];
        let path = match turn % 3 {
            0 if list != "patients" => format!("/api/v1/scopes/{}/{list}?from={query}", app.cardiology),
            1 => format!("{}/{list}?from={query}", app.organisation.path()),
            _ => format!("{}/{list}?from={query}", app.cardiology.path()),
        };
        let answer = ada.get(&path).await;
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        assert!(status < 500, "{status} at {path}: {text}");
        assert!(!text.contains("southfield"), "another organisation at {path}");
    })
    .await;
}
