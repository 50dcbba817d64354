//! Mail that comes back: by a provider's webhook and by returned mails at the terminal. Most of what comes here is junk.

use std::{io::Write, process::Stdio, time::Duration};

use care_portal::{
    access::{DefaultRole, RoleKey},
    bounces,
    types::{InvitationId, MailId},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

async fn webhook(app: &TestApp) -> String {
    let admin = app.admin_caller().await;
    let url = bounces::actions::webhook_address(&app.portal, &admin, app.organisation.organisation).await.unwrap();
    url.replace(&app.url, "")
}

/// The Message-ID of an invitation's newest mail.
async fn message_id(app: &TestApp, id: InvitationId) -> String {
    let sql = |what: &str| {
        let uuid = id.uuid();
        let bytes = if app.portal.db.is_sqlite() { format!("X'{}'", uuid.simple()) } else { format!("'{uuid}'") };
        format!("SELECT {what} FROM mails m JOIN invitations i ON i.mail_id = m.id WHERE i.id = {bytes}")
    };
    let mail = MailId::from_uuid(app.uuid(&sql("m.id")).await);
    format!("<{mail}.{}@portal.example>", app.count(&sql("m.generation")).await)
}

fn failed(message_id: &str) -> Value {
    json!({ "message_id": message_id, "outcome": "failed", "status": "5.1.1", "diagnostic": "smtp; 550 no such user here" })
}

async fn post(app: &TestApp, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
    // A provider is no browser: no cookie, no Sec-Fetch-Site, often not even a content type.
    let answer = reqwest::Client::new().post(format!("{}{path}", app.url)).body(body).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn delivery(app: &TestApp, id: InvitationId) -> String {
    let (_, body) = app.admin().await.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
    body["delivery"]["state"].as_str().unwrap().to_owned()
}

async fn invite(app: &TestApp, word: &str) -> InvitationId {
    let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, &format!("{word}@northfield.example")).await;
    app.send_mail().await;
    id
}

fn returned(message_id: &str, action: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example\r\nTo: care-portal@localhost\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n\
         --=_b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; x@northfield.example\r\n\
         Action: {action}\r\nStatus: 5.2.2\r\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\r\n\r\n--=_b\r\nContent-Type: message/rfc822\r\n\r\n\
         From: care-portal@localhost\r\nMessage-ID: {message_id}\r\nSubject: Invitation\r\n\r\nHello\r\n--=_b--\r\n"
    )
}

on_both! {
    async fn a_late_bounce_is_told_beside_the_invitation(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "ben").await;
        let chidi = invite(app, "chidi").await;
        let (status, body) = post(app, &path, failed(&message_id(app, ben).await).to_string()).await;
        assert_eq!((status, body.contains("\"bounced\":1")), (StatusCode::OK, true), "{body}");
        assert_eq!((delivery(app, ben).await.as_str(), delivery(app, chidi).await.as_str()), ("bounced", "sent"));
        let ada = app.admin().await;
        let list = ada.page(&format!("{}/invitations?state=not_delivered", app.cardiology.path())).await;
        assert!(list.contains("Bounced") && list.contains("There is no such mailbox") && !list.contains("chidi@"), "{list}");
        let page = ada.page(&format!("{}/invitations/{ben}", app.cardiology.path())).await;
        assert!(page.contains("handed over") && page.contains("bounced") && page.contains("no such user here"), "{page}");
        assert_eq!(app.events("invitation.bounced").await, 1);
        app.advance(Duration::from_secs(700));
        assert_eq!(care_portal::invitations::actions::tell_of_failures(&app.portal).await.unwrap(), 1);
    }

    async fn a_report_that_comes_again_changes_nothing(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "ben").await;
        let report = failed(&message_id(app, ben).await);
        for (n, expected) in [(0, "\"bounced\":1"), (1, "\"nothing_new\":1"), (2, "\"nothing_new\":1")] {
            let (status, body) = post(app, &path, report.to_string()).await;
            assert!(status == StatusCode::OK && body.contains(expected), "{n}: {body}");
        }
        assert_eq!(app.events("invitation.bounced").await, 1);
        let both = json!([report, report]);
        assert!(post(app, &path, both.to_string()).await.1.contains("\"nothing_new\":2"));
    }

    async fn a_bounce_of_an_older_link_never_marks_the_newer(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "bne").await;
        let old = message_id(app, ben).await;
        let ada = app.admin().await;
        ada.post(&format!("{}/invitations/{ben}/correct", app.cardiology.path()), &[("email", "ben@northfield.example")]).await;
        app.send_mail().await;
        let (_, body) = post(app, &path, failed(&old).to_string()).await;
        assert!(body.contains("\"bounced\":1"), "the old mail did bounce: {body}");
        assert_eq!(delivery(app, ben).await, "sent", "and the new one did not");
        let resent = invite(app, "olu").await;
        let first = message_id(app, resent).await;
        ada.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &resent.to_string()), ("do", "resend")]).await;
        post(app, &path, failed(&first).to_string()).await;
        assert_eq!(delivery(app, resent).await, "queued");
        // The right mail with a generation that it never had.
        let forged = message_id(app, resent).await.replace(".1@", ".2@");
        assert!(post(app, &path, failed(&forged).to_string()).await.1.contains("\"not_ours\":1"));
        app.advance(Duration::from_secs(700));
        assert_eq!(care_portal::invitations::actions::tell_of_failures(&app.portal).await.unwrap(), 0, "nobody is told of what no longer matters");
    }

    async fn a_wrong_token_is_answered_as_what_does_not_exist(app: &TestApp) {
        let right = webhook(app).await;
        let ben = invite(app, "ben").await;
        let report = failed(&message_id(app, ben).await).to_string();
        let nowhere = post(app, "/webhooks/nothing", report.clone()).await;
        assert_eq!(nowhere.0, StatusCode::NOT_FOUND);
        let mut changed = right.clone();
        let last = if changed.pop() == Some('A') { 'E' } else { 'A' };
        changed.push(last);
        for wrong in [changed, right[..right.len() - 4].to_owned(), right.replace("cpb1_", "cpi1_"), "/webhooks/bounces/x".to_owned(), "/webhooks/bounces/%00".to_owned()] {
            for body in [report.clone(), "junk".to_owned(), "x".repeat(2 * 1024 * 1024)] {
                assert_eq!(post(app, &wrong, body).await, nowhere, "{wrong}");
            }
        }
        assert_eq!(delivery(app, ben).await, "sent");
        let got = reqwest::get(format!("{}{right}", app.url)).await.unwrap();
        assert_eq!(got.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    async fn nobody_reports_the_mail_of_another_organisation(app: &TestApp) {
        let ben = invite(app, "ben").await;
        let (elsewhere, _) = app.second_organisation().await;
        let grace = care_portal::identity::actions::act_from_terminal(&app.portal, "grace@southfield.example").await.unwrap();
        let theirs = bounces::actions::webhook_address(&app.portal, &grace, elsewhere.organisation).await.unwrap().replace(&app.url, "");
        let (status, body) = post(app, &theirs, failed(&message_id(app, ben).await).to_string()).await;
        let unknown = failed("<mai_01890a5dac96774bbcceb302099a8057.1@portal.example>").to_string();
        assert_eq!((status, body), post(app, &theirs, unknown).await, "as if there were none");
        assert_eq!(delivery(app, ben).await, "sent");
        let asked = bounces::actions::webhook_address(&app.portal, &grace, app.organisation.organisation).await;
        assert!(asked.is_err(), "nor learns the address");
    }

    async fn the_address_is_shown_to_admins_alone(app: &TestApp) {
        for (word, role, scope) in [("controller", DefaultRole::AccessController, app.organisation), ("admin.here", DefaultRole::Admin, app.cardiology), ("nurse", DefaultRole::DeploymentStaff, app.cardiology)] {
            app.person(word, RoleKey::Default(role), scope).await;
            let who = care_portal::identity::actions::act_from_terminal(&app.portal, &format!("{word}@northfield.example")).await.unwrap();
            let answer = bounces::actions::webhook_address(&app.portal, &who, app.organisation.organisation).await;
            assert!(answer.is_err(), "{word}: {answer:?}");
        }
        assert_eq!(app.events("access.refused").await, 3);
        webhook(app).await;
        assert_eq!(app.events("bounces.address_shown").await, 1);
    }

    async fn the_settings_page_shows_it_once_a_press_and_makes_it_anew(app: &TestApp) {
        let admin = app.admin().await;
        let path = format!("{}/settings/bounces", app.organisation.path());
        assert!(admin.page(&format!("{}/settings", app.organisation.path())).await.contains("Show the address for bounces"));
        assert_eq!(admin.get(&path).await.status(), StatusCode::SEE_OTHER, "looking again needs a press");
        let address = async |press: &str| {
            let answer = admin.post(&path, &[("do", press)]).await;
            assert!(answer.headers()["cache-control"].to_str().unwrap().contains("no-store"));
            let page = answer.text().await.unwrap();
            let start = page.find("/webhooks/bounces/").unwrap_or_else(|| panic!("{page}"));
            page[start..].split('"').next().unwrap().to_owned()
        };
        let first = address("show").await;
        assert_eq!(address("show").await, first);
        assert_eq!(first, webhook(app).await, "the terminal says the same");
        let ben = invite(app, "ben").await;
        let second = address("change").await;
        assert_ne!(second, first);
        let report = failed(&message_id(app, ben).await).to_string();
        assert_eq!(post(app, &first, report.clone()).await.0, StatusCode::NOT_FOUND, "the one before is dead");
        assert_eq!(post(app, &second, report).await.0, StatusCode::OK);
        assert_eq!((app.events("bounces.address_shown").await, app.events("bounces.address_changed").await), (3, 1));
        let priya = app.default(DefaultRole::AccessController, app.organisation).await;
        assert_eq!(priya.post(&path, &[("do", "show")]).await.status(), StatusCode::FORBIDDEN);
        app.advance(Duration::from_secs(10 * 60));
        for press in ["show", "change"] {
            let answer = admin.post(&path, &[("do", press)]).await;
            assert!(crate::support::app::location(&answer).starts_with("/prove?next="), "{press} asks anew");
        }
    }

    async fn junk_is_told_and_never_a_fault(app: &TestApp) {
        let path = webhook(app).await;
        let deep = "[".repeat(100_000);
        let many = format!("[{}]", vec!["1"; 501].join(","));
        for body in [
            "", "null", "1", "\"x\"", "{}", "[{}]", "[1,2]", "{\"message_id\":1}", "{\"message_id\":\"\",\"outcome\":\"failed\"}",
            "{\"message_id\":\"a b\",\"outcome\":\"failed\"}", "{\"message_id\":\"<a@b>\",\"outcome\":\"exploded\"}", "\u{0}", "{\"RecordType\":[]}",
            "{\"RecordType\":\"Bounce\"}", "{\"RecordType\":\"Bounce\",\"Email\":5}", &deep, &many,
        ] {
            let (status, text) = post(app, &path, body.to_owned()).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{:.60}: {text}", body);
        }
        assert_eq!(post(app, &path, vec![0xff_u8; 1000]).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(post(app, &path, vec![b' '; 1024 * 1024 + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        for id in ["<x@y>", "<mai_01890a5dac96774bbcceb302099a8057.999999999999999999999@p>", "<mai_zz.1@p>"] {
            let (status, body) = post(app, &path, failed(id).to_string()).await;
            assert!(status == StatusCode::OK && body.contains("\"not_ours\":1"), "{id}: {body}");
        }
        assert!(post(app, &path, "[]".to_owned()).await.1.contains("\"bounced\":0"));
    }

    async fn too_many_reports_wait(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "ben").await;
        let report = failed(&message_id(app, ben).await).to_string();
        post(app, &path, "[]".to_owned()).await;
        app.execute("UPDATE bounce_reports SET reports = 1200").await;
        assert_eq!(post(app, &path, report.clone()).await.0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(delivery(app, ben).await, "sent");
        app.advance(Duration::from_secs(61));
        assert_eq!(post(app, &path, report).await.0, StatusCode::OK);
        assert_eq!(delivery(app, ben).await, "bounced");
    }

    async fn postmark_names_the_mail_by_what_it_carries_or_by_its_own_id(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "ben").await;
        let report = |email: &str, id: &str, metadata: Value, kind: &str| json!({
            "RecordType": "Bounce", "ID": 42, "Type": kind, "TypeCode": 1, "Name": "Hard bounce", "MessageID": id, "ServerID": 23,
            "MessageStream": "outbound", "Description": "The server was unable to deliver your message", "Details": "smtp;550 5.1.1 unknown",
            "Email": email, "From": "portal@northfield.example", "BouncedAt": "2026-11-05T16:33:54Z", "DumpAvailable": true, "Inactive": true,
            "CanActivate": true, "Subject": "Invitation", "Metadata": metadata,
        }).to_string();
        let carried = message_id(app, ben).await.trim_matches(['<', '>']).split('@').next().unwrap().to_owned();
        let (_, body) = post(app, &path, report("ben@northfield.example", "883953f4-6105-42a2-a16a-77a8eac79483", json!({ "mail": carried }), "AutoResponder")).await;
        assert!(body.contains("\"nothing_new\":1"), "a holiday note is no bounce: {body}");
        let (_, body) = post(app, &path, report("ben@northfield.example", "883953f4-6105-42a2-a16a-77a8eac79483", json!({ "mail": carried }), "HardBounce")).await;
        assert!(body.contains("\"bounced\":1"), "{body}");
        let chidi = invite(app, "chidi").await;
        app.execute("UPDATE mails SET answer = '250 Ok 0100018f-aaaa-000000' WHERE recipient = 'chidi@northfield.example'").await;
        for (email, id, expected) in [
            ("olu@northfield.example", "0100018f-aaaa-000000", "not_ours\":1"),
            ("chidi@northfield.example", "0100018f", "not_ours\":1"),
            ("Chidi@Northfield.example", "0100018f-aaaa-000000", "bounced\":1"),
        ] {
            let (_, body) = post(app, &path, report(email, id, json!({}), "HardBounce")).await;
            assert!(body.contains(expected), "{email} {id}: {body}");
        }
        assert_eq!(delivery(app, chidi).await, "bounced");
    }

    async fn a_delay_is_known_and_is_no_failure(app: &TestApp) {
        let path = webhook(app).await;
        let ben = invite(app, "ben").await;
        let id = message_id(app, ben).await;
        let delayed = json!({ "message_id": id, "outcome": "delayed", "status": "4.4.1", "diagnostic": "no answer from host" });
        assert!(post(app, &path, delayed.to_string()).await.1.contains("\"delayed\":1"));
        assert!(post(app, &path, delayed.to_string()).await.1.contains("\"nothing_new\":1"));
        assert_eq!(delivery(app, ben).await, "sent");
        assert!(app.admin().await.page(&format!("{}/invitations/{ben}", app.cardiology.path())).await.contains("delayed on the way"));
        assert!(post(app, &path, failed(&id).to_string()).await.1.contains("\"bounced\":1"), "it failed after all");
    }

    async fn a_bounce_while_the_mail_is_tried_again_ends_the_trying(app: &TestApp) {
        let path = webhook(app).await;
        let ben = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let id = message_id(app, ben).await;
        assert!(post(app, &path, failed(&id).to_string()).await.1.contains("\"nothing_new\":1"), "what was never handed over cannot come back");
        app.execute("UPDATE mails SET state = 'trying', attempts = 1 WHERE recipient = 'ben@northfield.example'").await;
        assert!(post(app, &path, failed(&id).to_string()).await.1.contains("\"bounced\":1"));
        app.advance(Duration::from_secs(3600));
        app.send_mail().await;
        assert_eq!(delivery(app, ben).await, "bounced");
    }
}

/// The program itself, on the database of a running portal.
fn program(app: &TestApp, arguments: &[&str], input: &[u8]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_care-portal"));
    let config = &app.portal.config;
    command
        .args(arguments)
        .env("CARE_PORTAL_DATA_DIR", &config.data_dir)
        .env("CARE_PORTAL_DATABASE_URL", config.database())
        .env("CARE_PORTAL_PUBLIC_URL", config.public_url.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What has read enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(input);
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

on_both! {
    async fn returned_mail_is_read_from_a_pipe_a_file_and_a_maildir(app: &TestApp) {
        let (ben, chidi, olu) = (invite(app, "ben").await, invite(app, "chidi").await, invite(app, "olu").await);
        let told = program(app, &["bounces", "read", "-"], returned(&message_id(app, ben).await, "failed").as_bytes());
        assert!(told.contains("Bounced\t1"), "{told}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mail.eml");
        std::fs::write(&file, returned(&message_id(app, chidi).await, "failed")).unwrap();
        assert!(program(app, &["bounces", "read", file.to_str().unwrap()], b"").contains("Bounced\t1"));
        for name in ["new", "cur", "tmp"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("new/1.a"), returned(&message_id(app, olu).await, "failed")).unwrap();
        std::fs::write(folder.path().join("new/2.b"), "Subject: On holiday\r\n\r\nBack on Monday").unwrap();
        let told = program(app, &["bounces", "read", folder.path().to_str().unwrap()], b"");
        assert!(told.contains("Bounced\t1") && told.contains("Not read\t2.b\tthis is no delivery status report"), "{told}");
        assert!(folder.path().join("cur/1.a:2,S").exists() && std::fs::read_dir(folder.path().join("new")).unwrap().next().is_none());
        for id in [ben, chidi, olu] {
            assert_eq!(delivery(app, id).await, "bounced");
        }
        assert!(app.admin().await.page(&format!("{}/invitations", app.cardiology.path())).await.contains("The mailbox is full"));
        let again = program(app, &["bounces", "read", "-"], returned(&message_id(app, ben).await, "failed").as_bytes());
        assert!(again.contains("Bounced\t0") && again.contains("Nothing new\t1"), "{again}");
        let address = program(app, &["bounces", "address", "--as", "ada@northfield.example"], b"");
        assert_eq!(address.trim(), format!("{}{}", app.url, webhook(app).await));
        assert!(program(app, &["bounces", "read", "-"], &vec![b'x'; 5 * 1024 * 1024]).contains("no mail that can be read"));
    }
}
