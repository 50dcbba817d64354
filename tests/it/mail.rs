//! Mail against a scripted server: nothing is lost, nobody else is held up, and the list tells the truth.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    app,
    invitations::actions,
    outbox::{Transport, Worker},
};
use mail_parser::MessageParser;
use tokio::sync::watch;

use crate::{
    on_both,
    support::{
        app::{Database, TestApp},
        smtp::{Behaviour, ScriptedSmtp},
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

pub async fn with_server(database: Database, server: &ScriptedSmtp) -> TestApp {
    let settings = [("SMTP_URL", server.url()), ("MAIL_TIMEOUT_SECONDS", "2".to_owned())];
    let app = TestApp::start_with(database, &settings).await;
    // The mail that set the hospital up is no part of these tests.
    app.send_mail().await;
    app
}

pub async fn state(app: &TestApp, email: &str) -> String {
    use sea_orm::{ConnectionTrait, Statement};
    let db = app.portal.db.reader();
    let sql = format!(
        "SELECT m.state || ' ' || m.answer AS s FROM invitations i JOIN mails m ON m.id = i.mail_id WHERE i.email_key = '{email}'"
    );
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
    row.try_get("", "s").unwrap()
}

/// Runs the same test on both databases, each with a mail server of its own.
#[macro_export]
macro_rules! mail_tests {
    ($(async fn $name:ident($app:ident: &TestApp, $server:ident: &ScriptedSmtp) $body:block)*) => {
        $(mod $name {
            use super::*;
            use $crate::mail::with_server;
            async fn run($app: &TestApp, $server: &ScriptedSmtp) $body
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let server = ScriptedSmtp::start().await;
                run(&with_server(Database::Sqlite, &server).await, &server).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let server = ScriptedSmtp::start().await;
                run(&with_server(Database::Postgres, &server).await, &server).await;
            }
        })*
    };
}

mail_tests! {
    async fn the_mail_says_everything_and_its_link_works(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "Ben Achterberg <ben@northfield.example>").await;
        app.send_mail().await;
        let mails = server.mails();
        assert_eq!(mails.len(), before + 1);
        let raw = mails.last().unwrap().data.clone();
        let mail = MessageParser::default().parse(raw.as_bytes()).unwrap();
        let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
        for expected in ["Northfield Hospital", "Cardiology", "Deployment Staff", "Ada Okafor", "28 September 2026", "BST"] {
            assert!(text.contains(expected), "{expected}\n{text}");
            assert!(html.contains(expected), "{expected}\n{html}");
        }
        let link = format!("{}/join#{}", app.url, app.code(id, 1));
        assert!(text.contains(&link) && html.contains(&link) && html.contains("Create account"));
        assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("ben@northfield.example"));
        assert!(mail.subject().unwrap().contains("Northfield Hospital"), "{:?}", mail.subject());
        assert!(raw.contains("Auto-Submitted: auto-generated") && !html.contains("<img"));
        assert!(state(app, "ben@northfield.example").await.starts_with("sent 250"));
        assert!(app.admin().await.page(&format!("{}/invitations", app.cardiology.path())).await.contains("Handed over"));
    }

    async fn a_refused_address_shows_its_reason_and_holds_nobody_up(app: &TestApp, server: &ScriptedSmtp) {
        server.answer_rcpt(|address, _| if address.starts_with("gone") { Behaviour::Permanent(550, "5.1.1 No such user".to_owned()) } else { Behaviour::Accept });
        let admin = app.admin_caller().await;
        for word in ["ben", "gone", "chidi"] {
            app.invite(&admin, app.cardiology, STAFF, &format!("{word}@northfield.example")).await;
        }
        app.send_mail().await;
        assert!(state(app, "ben@northfield.example").await.starts_with("sent"));
        assert!(state(app, "chidi@northfield.example").await.starts_with("sent"));
        let refused = state(app, "gone@northfield.example").await;
        assert!(refused.starts_with("refused") && refused.contains("No such user"), "{refused}");
        app.advance(Duration::from_secs(24 * 3600));
        app.send_mail().await;
        assert_eq!(server.attempts("gone@northfield.example"), 1, "a final answer is final");
        let page = app.admin().await.page(&format!("{}/invitations?state=not_delivered", app.cardiology.path())).await;
        assert!(page.contains("gone@northfield.example") && page.contains("No such user") && !page.contains("chidi@"));
    }

    async fn greylisting_is_waited_out_with_the_same_mail(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.behave(Behaviour::Greylist { times: 2 });
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.send_mail().await;
        assert!(state(app, "ben@northfield.example").await.starts_with("trying"));
        assert!(app.admin().await.page(&format!("{}/invitations", app.cardiology.path())).await.contains("lets every new sender wait"));
        app.send_mail().await;
        assert_eq!(server.attempts("ben@northfield.example"), 1, "not before its time");
        for _ in 0..2 {
            app.advance(Duration::from_secs(121));
            app.send_mail().await;
        }
        assert!(state(app, "ben@northfield.example").await.starts_with("sent"));
        assert_eq!(server.mails().len(), before + 1);
    }

    async fn a_server_that_is_down_loses_nothing(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.refuse_connections().await;
        let admin = app.admin_caller().await;
        for n in 0..5 {
            app.invite(&admin, app.cardiology, STAFF, &format!("person.{n}@northfield.example")).await;
        }
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'trying'").await, 5);
        server.accept_connections().await;
        app.advance(Duration::from_secs(61));
        app.send_mail().await;
        assert_eq!(server.mails().len(), before + 5);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'trying'").await, 0);
    }

    async fn an_answer_that_is_lost_repeats_the_same_mail(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        server.answer_rcpt(|_, attempt| if attempt == 1 { Behaviour::CloseAfterData } else { Behaviour::Accept });
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.send_mail().await;
        app.advance(Duration::from_secs(61));
        app.send_mail().await;
        let mails = server.mails();
        let twice: Vec<_> = mails.iter().skip(before).map(|mail| {
            let parsed = MessageParser::default().parse(mail.data.as_bytes()).unwrap();
            (parsed.message_id().unwrap().to_owned(), parsed.body_text(0).unwrap().into_owned())
        }).collect();
        assert_eq!(twice.len(), 2);
        assert_eq!(twice[0], twice[1], "the same Message-ID and the same link");
    }

    async fn a_server_that_hangs_is_given_up_and_the_rest_goes_on(app: &TestApp, server: &ScriptedSmtp) {
        server.answer_rcpt(|address, _| if address.starts_with("slow") { Behaviour::HangForever } else { Behaviour::Accept });
        let admin = app.admin_caller().await;
        for word in ["slow", "ben"] {
            app.invite(&admin, app.cardiology, STAFF, &format!("{word}@northfield.example")).await;
        }
        app.send_mail().await;
        assert!(state(app, "slow@northfield.example").await.contains("did not answer within 2 seconds"));
        app.invite(&admin, app.cardiology, STAFF, "chidi@northfield.example").await;
        app.send_mail().await;
        assert!(state(app, "ben@northfield.example").await.starts_with("sent"));
        assert!(state(app, "chidi@northfield.example").await.starts_with("sent"), "no connection is left hanging in the pool");
    }

    async fn what_is_no_longer_wanted_is_never_sent(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        let admin = app.admin_caller().await;
        let deleted = app.invite(&admin, app.cardiology, STAFF, "deleted@northfield.example").await;
        app.invite(&admin, app.cardiology, STAFF, "expired@northfield.example").await;
        actions::delete_invitations(&app.portal, &admin, app.cardiology, &[deleted]).await.unwrap();
        app.advance(Duration::from_secs(8 * 24 * 3600));
        app.send_mail().await;
        assert_eq!(server.mails().len(), before);
        assert!(state(app, "expired@northfield.example").await.starts_with("withdrawn"));
    }

    async fn the_worker_sends_and_ends_when_it_is_told(app: &TestApp, server: &ScriptedSmtp) {
        let before = server.mails().len();
        let (close, closing) = watch::channel(false);
        let worker = Worker::new(app.portal.clone(), app::emails(), Transport::from_config(&app.portal.config).unwrap());
        let running = tokio::spawn(worker.run(closing));
        let admin = app.admin_caller().await;
        for n in 0..20 {
            app.invite(&admin, app.cardiology, STAFF, &format!("person.{n}@northfield.example")).await;
        }
        server.wait_for(before + 20, Duration::from_secs(20)).await;
        close.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(10), running).await.unwrap().unwrap();
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE state = 'sent'").await, 20);
        assert_eq!(server.mails().len(), before + 20, "each once");
    }
}

on_both! {
    async fn two_workers_send_each_mail_once(app: &TestApp) {
        let admin = app.admin_caller().await;
        for n in 0..30 {
            app.invite(&admin, app.cardiology, STAFF, &format!("person.{n}@northfield.example")).await;
        }
        let (one, two) = tokio::join!(app.send_mail(), app.send_mail());
        assert_eq!(one + two, 31, "thirty, and the first Admin's");
    }
}
