//! Forgot Password: one answer for everybody, mail to the stored address alone and to nobody too often, and an open invitation instead of
//! a link where there is no account yet.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    identity,
    invitations::actions as invitations,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    reset::{ask, mails, resets},
    support::app::{Database, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

on_both! {
    async fn rl_05_the_answer_is_the_same_for_everybody(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        app.person("gone", STAFF, app.cardiology).await;
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'gone@northfield.example'").await;
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "invited@northfield.example").await;
        for _ in 0..4 {
            ask(app, "ada@northfield.example").await;
        }
        app.send_mail().await;
        let mut answers = Vec::new();
        for email in [
            "ben@northfield.example", "nobody@northfield.example", "gone@northfield.example", "invited@northfield.example",
            "ada@northfield.example", "", "no address", "ben@northfield.example, nobody@northfield.example",
        ] {
            let person = app.visitor();
            let before = app.count("SELECT COUNT(*) FROM reset_requests").await;
            let answer = person.post("/forgot", &[("email", email)]).await;
            let headers: Vec<_> = answer.headers().iter().filter(|(name, _)| *name != "date").map(|(name, value)| format!("{name}: {value:?}")).collect();
            let told = (answer.status(), headers, answer.text().await.unwrap(), person.page("/forgot/asked").await);
            assert_eq!(app.count("SELECT COUNT(*) FROM reset_requests").await, before + 1, "one row for {email:?}, and nothing else");
            answers.push(told);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!((resets(app).await, mails(app, "password_reset").await), (3, 3), "nothing is answered on the way");
        app.send_mail().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM reset_requests").await, 0);
        assert_eq!(app.mails_to("ben@northfield.example").iter().filter(|mail| mail.contains("cpr1_")).count(), 1);
        for nobody in ["nobody@northfield.example", "gone@northfield.example"] {
            assert!(app.mails_to(nobody).iter().all(|mail| !mail.contains("cpr1_")), "{nobody}");
        }
        assert_eq!(app.events("password_reset.asked").await, 4);
        assert_eq!(app.events("password_reset.refused").await, 4, "two without access, Ada twice too often");
    }

    async fn auth_11_mail_goes_to_the_stored_address_only(app: &TestApp) {
        app.person("ben.ach", STAFF, app.cardiology).await;
        let stored = "Ben.Ach@northfield.example";
        app.execute(&format!("UPDATE accounts SET email = '{stored}' WHERE email_key = 'ben.ach@northfield.example'")).await;
        app.send_mail().await;
        let evil = "evil@attacker.example";
        let before = mails(app, "password_reset").await;
        // Cyrillic letters, an accent, a full-width at sign, a zero-width space, comments, headers.
        for look_alike in [
            "bеn.ach@northfield.example", "bén.ach@northfield.example", "ben.ach＠northfield.example", "ben.ach@northfield.exаmple", "ben\u{200b}.ach@northfield.example",
            "ben.ach@northfield.example,evil@attacker.example", "evil@attacker.example, ben.ach@northfield.example", "ben.ach@northfield.example;evil@attacker.example",
            "ben.ach@northfield.example evil@attacker.example", "ben.ach@northfield.example\r\nBcc: evil@attacker.example", "ben.ach@northfield.example\0", "ben.ach%@northfield.example",
            "ben.ach+x@northfield.example", "benach@northfield.example", "ben.ach@northfield.example.attacker.example", "<ben.ach@northfield.example> evil@attacker.example",
        ] {
            ask(app, look_alike).await;
        }
        for form in [
            vec![("email", stored), ("email", evil)], vec![("email", evil), ("email", stored)], vec![("email[]", stored), ("email[]", evil)],
            vec![("email[0]", stored), ("email[1]", evil)], vec![("Email", stored)],
        ] {
            assert_eq!(location(&app.visitor().post("/forgot", &form).await), "/forgot/asked");
        }
        app.send_mail().await;
        assert_eq!(mails(app, "password_reset").await, before);
        for same in ["BEN.ACH@NORTHFIELD.EXAMPLE", " ben.ach@northfield.example "] {
            ask(app, same).await;
        }
        app.visitor().post("/forgot", &[("email", stored), ("cc", evil), ("to", evil)]).await;
        app.send_mail().await;
        assert_eq!(mails(app, "password_reset").await, before + 3);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient = 'Ben.Ach@northfield.example' AND kind = 'password_reset'").await, 3);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient LIKE '%attacker%'").await, 0);
    }

    async fn inv_08_an_invited_person_gets_the_living_invitation_again(app: &TestApp) {
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.send_mail().await;
        let expires = app.count("SELECT MAX(expires_at) FROM invitations WHERE state = 'pending'").await;
        app.advance(Duration::from_secs(3 * 24 * 3600));
        ask(app, "BEN@northfield.example").await;
        app.send_mail().await;
        let got = app.mails_to("ben@northfield.example");
        assert_eq!(got.len(), 2);
        assert!(got.iter().all(|mail| mail.contains(&app.code(id, 1)) && !mail.contains("cpr1_")), "the same link");
        assert_eq!(app.count("SELECT MAX(expires_at) FROM invitations WHERE state = 'pending'").await, expires, "the same window");
        assert_eq!((resets(app).await, app.events("invitation.mailed_again").await), (0, 1));
        for _ in 0..5 {
            ask(app, "ben@northfield.example").await;
        }
        app.send_mail().await;
        assert_eq!(app.events("invitation.mailed_again").await, 3, "three a day");
        assert_eq!(app.mails_to("ben@northfield.example").len(), 3, "of two that wait the newer one is sent");
        app.advance(Duration::from_secs(4 * 24 * 3600));
        ask(app, "ben@northfield.example").await;
        app.send_mail().await;
        assert_eq!(app.mails_to("ben@northfield.example").len(), 3, "what has expired stays dead");
        let person = app.visitor();
        person.post("/join", &[("code", &app.code(id, 1))]).await;
        assert_eq!(person.get("/join").await.status(), StatusCode::GONE);
        assert_eq!(app.count("SELECT COUNT(*) FROM accounts").await, 1);
    }

    async fn inv_08_held_and_deleted_invitations_stay_as_they_are(app: &TestApp) {
        let admin = app.admin_caller().await;
        let deleted = app.invite(&admin, app.cardiology, STAFF, "deleted@northfield.example").await;
        app.invite(&admin, app.cardiology, STAFF, "held@northfield.example").await;
        app.send_mail().await;
        invitations::delete_invitations(&app.portal, &admin, app.cardiology, &[deleted]).await.unwrap();
        app.execute("UPDATE invitations SET state = 'held' WHERE email_key = 'held@northfield.example'").await;
        for email in ["deleted@northfield.example", "held@northfield.example"] {
            ask(app, email).await;
            app.send_mail().await;
            assert_eq!(app.mails_to(email).len(), 1, "{email}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE state = 'pending'").await, 0);
    }

    async fn inv_19_the_link_comes_from_the_configured_address(app: &TestApp) {
        app.person("ben", STAFF, app.cardiology).await;
        for header in ["x-forwarded-host", "x-forwarded-proto", "forwarded", "x-original-host"] {
            let request = app.visitor().client.post(format!("{}/forgot", app.url)).header("sec-fetch-site", "same-origin").header(header, "host=evil.example");
            assert!(request.form(&[("email", "ben@northfield.example")]).send().await.unwrap().status().is_redirection());
            app.send_mail().await;
        }
        let forged = app.visitor().client.post(format!("{}/forgot", app.url)).header("host", "evil.example").form(&[("email", "ben@northfield.example")]);
        assert_eq!(forged.send().await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
        app.send_mail().await;
        let got: Vec<_> = app.mails_to("ben@northfield.example").into_iter().filter(|mail| mail.contains("cpr1_")).collect();
        assert_eq!(got.len(), 3, "three a day");
        for mail in got {
            assert!(mail.contains(&format!("{}/reset#cpr1_", app.url)) && !mail.contains("evil"), "{mail}");
        }
    }

    async fn rl_03_one_network_cannot_ask_for_everybody(app: &TestApp) {
        for n in 0..61 {
            ask(app, &format!("person.{n}@northfield.example")).await;
        }
        app.person("ben", STAFF, app.cardiology).await;
        app.send_mail().await;
        ask(app, "ben@northfield.example").await;
        app.send_mail().await;
        assert_eq!(resets(app).await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM events WHERE action = 'password_reset.refused' AND detail LIKE '%this network%'").await, 2);
        app.advance(Duration::from_secs(3600));
        ask(app, "ben@northfield.example").await;
        app.send_mail().await;
        assert_eq!(resets(app).await, 1);
    }

    async fn requests_are_answered_once_by_whoever_comes_first(app: &TestApp) {
        for n in 0..10 {
            app.person(&format!("person{n}"), STAFF, app.cardiology).await;
            ask(app, &format!("person{n}@northfield.example")).await;
        }
        let nodes: Vec<_> = (0..4).map(|_| {
            let portal = app.portal.clone();
            tokio::spawn(async move { identity::actions::answer_reset_requests(&portal).await.unwrap() })
        }).collect();
        let mut answered = 0;
        for node in nodes {
            answered += node.await.unwrap();
        }
        assert_eq!((answered, resets(app).await, mails(app, "password_reset").await), (10, 10, 10));
    }
}
