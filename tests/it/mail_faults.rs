//! Everything that a mail server can do wrong: states tell the truth, nobody else is held up, everything leaves once it works again,
//! and what is no longer wanted never leaves.

use std::{collections::BTreeMap, time::Duration};

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
    invitations::actions,
    outbox::{Transport, Worker},
};
use mail_parser::MessageParser;
use tokio::sync::watch;

use crate::{
    mail::state,
    mail_tests,
    support::{
        app::{Database, TestApp},
        smtp::{Behaviour, Received, ScriptedSmtp},
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const MINUTE: Duration = Duration::from_secs(60);

async fn invite_some(app: &TestApp, count: usize) {
    let admin = app.admin_caller().await;
    for n in 0..count {
        app.invite(&admin, app.cardiology, STAFF, &format!("person.{n:02}@northfield.example")).await;
    }
}

/// Message-ID and link of every mail, by recipient.
fn told(mails: &[Received]) -> BTreeMap<String, Vec<(String, String)>> {
    let mut told: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for mail in mails {
        let parsed = MessageParser::default().parse(mail.data.as_bytes()).unwrap();
        let text = parsed.body_text(0).unwrap();
        let link = text.split_whitespace().find(|word| word.contains("/join#")).unwrap_or_default().to_owned();
        told.entry(mail.to[0].clone()).or_default().push((parsed.message_id().unwrap().to_owned(), link));
    }
    told
}

async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM mails WHERE done_at IS NULL").await
}

/// Lets hours go by, a look every few minutes.
async fn let_time_pass(app: &TestApp, looks: usize) {
    for _ in 0..looks {
        app.advance(6 * MINUTE);
        app.send_mail().await;
    }
}

mail_tests! {
    async fn a_server_that_is_away_for_a_whole_batch_gets_each_mail_once(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.refuse_connections().await;
        invite_some(app, 40).await;
        app.send_mail().await;
        let_time_pass(app, 20).await;
        assert_eq!((server.mails().len(), waiting(app).await), (before, 40), "two hours later all of them wait");
        assert!(state(app, "person.00@northfield.example").await.starts_with("trying"));
        server.accept_connections().await;
        let_time_pass(app, 6).await;
        assert_eq!(waiting(app).await, 0);
        let mails = told(&server.mails()[before..]);
        assert_eq!(mails.len(), 40);
        assert!(mails.values().all(|each| each.len() == 1), "each once");
    }

    async fn a_server_that_closes_for_maintenance_in_the_middle_loses_and_repeats_nothing(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        let taken = std::sync::atomic::AtomicUsize::new(0);
        server.answer_rcpt(move |_, _| {
            if taken.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 10 { Behaviour::Accept } else { Behaviour::Temporary(421, "4.3.2 service shutting down".to_owned()) }
        });
        invite_some(app, 25).await;
        app.send_mail().await;
        assert_eq!((server.mails().len() - before, waiting(app).await), (10, 15));
        server.behave(Behaviour::Accept);
        let_time_pass(app, 2).await;
        let mails = told(&server.mails()[before..]);
        assert!(mails.len() == 25 && mails.values().all(|each| each.len() == 1), "{mails:?}");
    }

    async fn each_kind_of_answer_has_its_own_end(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.answer_rcpt(|address, attempt| match address.split('.').nth(1).unwrap_or_default().get(..2).unwrap_or_default() {
            "00" => Behaviour::Permanent(550, "5.1.1 no such user".to_owned()),
            "01" if attempt <= 2 => Behaviour::Temporary(450, "4.7.1 greylisted".to_owned()),
            "02" if attempt <= 3 => Behaviour::Temporary(452, "4.3.1 insufficient system storage".to_owned()),
            "03" => Behaviour::Permanent(553, "5.7.1 not allowed".to_owned()),
            _ => Behaviour::Accept,
        });
        invite_some(app, 8).await;
        app.send_mail().await;
        let_time_pass(app, 5).await;
        for (n, expected) in [("00", "refused"), ("01", "sent"), ("02", "sent"), ("03", "refused"), ("04", "sent"), ("07", "sent")] {
            let now = state(app, &format!("person.{n}@northfield.example")).await;
            assert!(now.starts_with(expected), "{n}: {now}");
        }
        assert_eq!((server.mails().len() - before, waiting(app).await), (6, 0));
        assert_eq!(server.attempts("person.00@northfield.example"), 1);
    }

    async fn closing_without_an_answer_repeats_the_same_mail_for_those_alone(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.answer_rcpt(|address, attempt| if address.starts_with("person.00") && attempt <= 2 { Behaviour::CloseAfterData } else { Behaviour::Accept });
        invite_some(app, 4).await;
        app.send_mail().await;
        let_time_pass(app, 4).await;
        let mails = told(&server.mails()[before..]);
        let repeated = &mails["person.00@northfield.example"];
        assert_eq!(repeated.len(), 3);
        assert!(repeated.iter().all(|each| *each == repeated[0] && each.1.contains("/join#")), "the same Message-ID and link: {repeated:?}");
        assert!(mails.iter().filter(|(to, _)| !to.starts_with("person.00")).all(|(_, each)| each.len() == 1));
        assert_eq!(waiting(app).await, 0);
    }

    async fn a_byte_a_second_is_given_up_and_the_rest_goes_on(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.answer_rcpt(|address, _| if address.starts_with("person.00") { Behaviour::Slow(Duration::from_secs(1)) } else { Behaviour::Accept });
        invite_some(app, 4).await;
        app.send_mail().await;
        let slow = state(app, "person.00@northfield.example").await;
        assert!(slow.starts_with("trying") && slow.contains("did not answer within 2 seconds"), "{slow}");
        assert_eq!(server.mails().len() - before, 3);
        server.behave(Behaviour::Accept);
        let_time_pass(app, 1).await;
        assert_eq!((server.mails().len() - before, waiting(app).await), (4, 0));
    }

    async fn connections_that_close_at_once_are_no_refusal(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.behave(Behaviour::CloseAtConnect);
        invite_some(app, 3).await;
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'trying'").await, 3);
        server.behave(Behaviour::Accept);
        let_time_pass(app, 1).await;
        assert_eq!(server.mails().len() - before, 3);
    }

    async fn a_mail_that_cannot_be_written_is_set_aside_after_three_tries(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        invite_some(app, 3).await;
        app.execute("UPDATE mails SET kind = 'nobody_writes_this' WHERE recipient = 'person.01@northfield.example'").await;
        app.send_mail().await;
        assert_eq!(server.mails().len() - before, 2, "the others are unaffected");
        let_time_pass(app, 5).await;
        assert!(state(app, "person.01@northfield.example").await.starts_with("set_aside"));
        assert_eq!(app.count("SELECT attempts FROM mails WHERE recipient = 'person.01@northfield.example'").await, 3);
        let page = app.admin().await.page(&format!("{}/invitations?state=not_delivered", app.cardiology.path())).await;
        assert!(page.contains("person.01@") && page.contains("Set aside"), "{page}");
    }

    async fn what_is_no_longer_wanted_when_the_server_is_back_is_never_sent(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        let priya = app.person("priya", RoleKey::Default(DefaultRole::AccessController), app.organisation).await;
        drop(priya);
        app.send_mail().await;
        let before = before.max(server.mails().len());
        server.refuse_connections().await;
        let admin = app.admin_caller().await;
        let deleted = app.invite(&admin, app.cardiology, STAFF, "deleted@northfield.example").await;
        let corrected = app.invite(&admin, app.cardiology, STAFF, "wrong@northfield.example").await;
        let by_priya = care_portal::identity::actions::act_from_terminal(&app.portal, "priya@northfield.example").await.unwrap();
        app.invite(&by_priya, app.cardiology, STAFF, "held@northfield.example").await;
        app.send_mail().await;
        actions::delete_invitations(&app.portal, &admin, app.cardiology, &[deleted]).await.unwrap();
        actions::correct_invitation(&app.portal, &admin, app.cardiology, corrected, "right@northfield.example").await.unwrap();
        let membership = crate::staff::id(app, app.organisation, "priya").await;
        crate::staff::change(&app.admin().await, app.organisation, &membership, "organisation_staff").await;
        let resent = app.invite(&admin, app.cardiology, STAFF, "resent@northfield.example").await;
        actions::resend_invitations(&app.portal, &admin, app.cardiology, &[resent]).await.unwrap();
        server.accept_connections().await;
        let_time_pass(app, 3).await;
        let to: Vec<_> = server.mails()[before..].iter().map(|mail| mail.to[0].clone()).collect();
        let invited: Vec<_> = to.iter().filter(|to| !to.starts_with("priya")).collect();
        assert_eq!(invited.iter().filter(|to| to.starts_with("right@")).count(), 1, "{to:?}");
        assert_eq!(invited.iter().filter(|to| to.starts_with("resent@")).count(), 1, "the older of two is not sent: {to:?}");
        assert!(!to.iter().any(|to| ["deleted@", "wrong@", "held@"].iter().any(|gone| to.starts_with(gone))), "{to:?}");
        assert_eq!(waiting(app).await, 0);
    }

    async fn what_expires_while_the_server_is_away_is_never_sent(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.refuse_connections().await;
        invite_some(app, 2).await;
        app.send_mail().await;
        app.execute(&format!("UPDATE invitations SET expires_at = {} WHERE live_email = 'person.00@northfield.example'", app.portal.now().0 + 1000)).await;
        app.advance(5 * MINUTE);
        server.accept_connections().await;
        app.send_mail().await;
        let to: Vec<_> = server.mails()[before..].iter().map(|mail| mail.to[0].clone()).collect();
        assert_eq!(to, ["person.01@northfield.example"]);
        assert!(state(app, "person.00@northfield.example").await.starts_with("withdrawn"));
    }

    async fn closing_in_the_middle_of_sending_loses_and_repeats_nothing(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        // Slow enough that the end comes in the middle, quick enough for nobody to be given up.
        server.answer_rcpt(|_, _| Behaviour::Slow(Duration::from_millis(1)));
        invite_some(app, 60).await;
        for round in 0..30 {
            let (close, closing) = watch::channel(false);
            let worker = Worker::new(app.portal.clone(), app::emails(), Transport::from_config(&app.portal.config).unwrap());
            let running = tokio::spawn(worker.run(closing));
            let sent = server.mails().len();
            let deadline = std::time::Instant::now() + Duration::from_secs(5);
            while server.mails().len() < (sent + 5).min(before + 60) && std::time::Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            close.send(true).unwrap();
            tokio::time::timeout(Duration::from_secs(10), running).await.unwrap_or_else(|_| panic!("round {round} ends")).unwrap();
            assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'sending'").await, 0, "nothing is left in between");
            if waiting(app).await == 0 {
                break;
            }
        }
        let mails = told(&server.mails()[before..]);
        assert!(mails.len() == 60 && mails.values().all(|each| each.len() == 1), "none lost, none twice");
    }
}

/// A server that must be spoken to under TLS, by name and password.
async fn with_tls(database: Database, server: &ScriptedSmtp, scheme: &str, rest: &str) -> TestApp {
    let url = format!("{scheme}://portal:very-secret@127.0.0.1:{}{rest}", server.port());
    let app = TestApp::start_with(database, &[("SMTP_URL", url), ("MAIL_TIMEOUT_SECONDS", "2".to_owned())]).await;
    app.send_mail().await;
    app
}

async fn nothing_is_said_in_the_clear(scheme: &str, rest: &str, behaviour: Behaviour) {
    let server = ScriptedSmtp::start().await;
    server.behave(behaviour);
    let app = with_tls(Database::Sqlite, &server, scheme, rest).await;
    invite_some(&app, 2).await;
    app.send_mail().await;
    assert_eq!(server.mails().len(), 0);
    let lines = server.lines().join("\n");
    for said in ["AUTH", "MAIL FROM", "RCPT", "very-secret", "dmVyeS1zZWNyZXQ", "cpi1_", "the certificate was believed"]
    {
        assert!(!lines.contains(said), "{said} was said in the clear:\n{lines}");
    }
    let now = state(&app, "person.00@northfield.example").await;
    assert!(now.starts_with("trying") && !now.contains("very-secret"), "it waits for whoever mends it: {now}");
    for _ in 0..4 {
        app.advance(5 * MINUTE);
        app.send_mail().await;
    }
    let page = app.admin().await.page(&app.organisation.path()).await;
    assert!(page.contains("Mail is not flowing") && !page.contains("very-secret"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_from_whose_greeting_encryption_was_taken_gets_no_mail_and_no_password() {
    nothing_is_said_in_the_clear("smtp", "?tls=required", Behaviour::Accept).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_that_breaks_gets_no_mail_and_no_password() {
    nothing_is_said_in_the_clear("smtp", "?tls=required", Behaviour::BrokenTls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_proves_nothing_gets_no_mail_and_no_password() {
    for pem in [
        include_str!("support/certificates/self-signed.pem"),
        include_str!("support/certificates/expired.pem"),
        include_str!("support/certificates/wrong-name.pem"),
    ] {
        nothing_is_said_in_the_clear("smtp", "?tls=required", Behaviour::Certificate(pem)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_certificate_is_bad_is_told_so_and_a_mended_one_gets_each_mail_once() {
    let server = ScriptedSmtp::start().await;
    let bad = include_str!("support/certificates/self-signed.pem");
    server.behave(Behaviour::Certificate(bad));
    // Encryption where it is offered; later the server offers none, and the mails must leave by themselves.
    let app = with_tls(Database::Sqlite, &server, "smtp", "?tls=opportunistic").await;
    invite_some(&app, 3).await;
    app.send_mail().await;
    let now = state(&app, "person.00@northfield.example").await;
    assert!(now.starts_with("trying") && now.to_lowercase().contains("certificate"), "{now}");
    assert!(!server.lines().iter().any(|line| line == "the certificate was believed"));
    let list = app.admin().await.page(&format!("{}/invitations", app.cardiology.path())).await;
    assert!(list.contains("The connection to the mail server is not safe, so nothing was sent"), "{list}");
    server.behave(Behaviour::Accept);
    let_time_pass(&app, 1).await;
    assert_eq!((server.mails().len(), waiting(&app).await), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_encryption_where_there_must_be_some_gets_nothing() {
    nothing_is_said_in_the_clear("smtps", "", Behaviour::Accept).await;
}
