//! Inviting: what is sent, what is not and why, and who may.

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, TestApp, location},
};

on_both! {
    async fn a_list_is_sent_row_by_row(app: &TestApp) {
        let admin = app.admin().await;
        let list = "ben@northfield.example, Chidi Jones <chidi@northfield.example>; BEN@northfield.EXAMPLE\nada@northfield.example grainne x@gmial.com";
        let answer = admin.invite(app.cardiology, list, "deployment_staff", &[]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let page = admin.page(&location(&answer)).await;
        assert!(page.contains("3 invites sent"), "{page}");
        assert!(page.contains("x@gmial.com") && page.contains("looks like gmail.com") && page.contains("grainne"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE live_email IS NOT NULL").await, 3);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'invitation' AND state = 'queued'").await, 4);
        let pending = admin.page(&format!("{}/invitations", app.cardiology.path())).await;
        assert!(pending.contains("ben@northfield.example") && pending.contains("chidi@northfield.example") && pending.contains("Queued"));
    }

    async fn pressing_twice_sends_once(app: &TestApp) {
        let admin = app.admin().await;
        let first = location(&admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[]).await);
        let second = location(&admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[]).await);
        assert_eq!(first, second);
        assert_eq!(app.events("invitation.sent").await, 2, "Ben, and Ada at the beginning");
    }

    async fn two_people_with_the_same_list_make_one_invitation_each(app: &TestApp) {
        let (ada, priya) = (app.admin().await, app.default(DefaultRole::AccessController, app.organisation).await);
        let list: Vec<String> = (0..50).map(|n| format!("person.{n}@northfield.example")).collect();
        let list = list.join("\n");
        let (first, second) = tokio::join!(
            ada.invite(app.cardiology, &list, "deployment_staff", &[("send_key", "ada")]),
            priya.invite(app.cardiology, &list, "deployment_staff", &[("send_key", "priya")])
        );
        assert!(first.status().is_redirection() && second.status().is_redirection(), "{} {}", first.status(), second.status());
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE live_email LIKE 'person.%'").await, 50);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE recipient LIKE 'person.%'").await, 50);
    }

    async fn somebody_invited_already_is_told_by_whom_and_can_be_resent(app: &TestApp) {
        let admin = app.admin().await;
        admin.invite(app.cardiology, "ben@northfield.example", "deployment_staff", &[]).await;
        let answer = admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[("send_key", "another")]).await;
        let page = admin.page(&location(&answer)).await;
        assert!(page.contains("No invites sent") && page.contains("Invited by Ada Okafor on") && page.contains("as Deployment Staff"), "{page}");
        assert!(page.contains("Resend invitation"));
    }

    async fn an_access_controller_cannot_make_admins_or_contributors(app: &TestApp) {
        let priya = app.default(DefaultRole::AccessController, app.organisation).await;
        let form = priya.page(&format!("{}/invitations/new", app.cardiology.path())).await;
        assert!(form.contains("value=\"deployment_staff\"") && !form.contains("value=\"admin\"") && !form.contains("value=\"contributor\""));
        for forged in ["admin", "contributor"] {
            let answer = priya.invite(app.cardiology, "ben@northfield.example", forged, &[]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            assert!(answer.text().await.unwrap().contains("only an Admin may give the role"));
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
        assert_eq!(app.events("invitation.refused").await, 2, "the refusals are in the access log");
    }

    async fn a_custom_role_hands_on_only_what_it_has(app: &TestApp) {
        let lucy = app.person("lucy", app.coordinator, app.cardiology).await;
        let refused = lucy.invite(app.cardiology, "ben@northfield.example", "deployment_staff", &[]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().await.unwrap().contains("which you may not hand to others"));
        let own = app.coordinator.to_string();
        let sent = lucy.invite(app.cardiology, "ben@northfield.example", &own, &[("send_key", "x")]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    }

    async fn a_deployments_admin_reaches_no_further(app: &TestApp) {
        let eilidh = app.person("eilidh", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        for elsewhere in [app.organisation, app.diabetes] {
            let answer = eilidh.invite(elsewhere, "ben@northfield.example", "deployment_staff", &[]).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM invitations WHERE email_key = 'ben@northfield.example'").await, 0);
    }

    async fn what_is_missing_is_said_and_nothing_typed_is_lost(app: &TestApp) {
        let admin = app.admin().await;
        type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);
        let cases: [Case; 4] = [
            ("", "contributor", &[], "Enter at least one e-mail address"),
            ("grainne", "contributor", &[], "None of these addresses can be sent to yet"),
            ("ben@northfield.example", "", &[], "Choose a role"),
            ("ben@northfield.example", "contributor", &[("window", "own"), ("own_date", "2030-01-01")], "Choose a day within the next 30 days"),
        ];
        for (addresses, role, more, message) in cases {
            let answer = admin.invite(app.cardiology, addresses, role, more).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{message}");
            let page = answer.text().await.unwrap();
            assert!(page.contains(message) && page.contains(addresses), "{message}\n{page}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM batches").await, 1, "only Ada's own");
    }

    async fn a_suspicious_address_is_sent_only_when_confirmed(app: &TestApp) {
        let admin = app.admin().await;
        let answer = admin.invite(app.cardiology, "eilidh@northfeild.example", "contributor", &[]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("northfeild.example is one letter off northfield.example"), "{page}");
        assert!(page.contains("Use eilidh@northfield.example"));
        let fixed = admin.invite(app.cardiology, "eilidh@northfeild.example", "contributor", &[("do", "review"), ("fix", "0")]).await.text().await.unwrap();
        assert!(fixed.contains(">\neilidh@northfield.example</textarea>"), "{fixed}");
        let sent = admin.invite(app.cardiology, "eilidh@northfeild.example", "contributor", &[("confirmed", "eilidh@northfeild.example")]).await;
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    }

    async fn a_file_is_reviewed_and_never_sends_by_itself(app: &TestApp) {
        let admin = app.admin().await;
        let file = reqwest::multipart::Part::bytes(b"\xef\xbb\xbfE-mail;Name\r\nben@northfield.example;Ben\r\nolu@northfield.example;Olu\r\n;nobody\r\n".to_vec()).file_name("list.csv");
        let form = reqwest::multipart::Form::new().text("addresses", "typed@northfield.example").text("role", "contributor").text("window", "24h").text("do", "send").part("file", file);
        let answer = admin.multipart(&format!("{}/invitations/new", app.cardiology.path()), form).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let page = answer.text().await.unwrap();
        for expected in ["typed@northfield.example", "ben@northfield.example", "olu@northfield.example", "row 4: no address", "3 ready", "1 refused"] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM batches").await, 1);
    }

    async fn a_file_that_is_none_is_refused_in_words_and_keeps_what_was_typed(app: &TestApp) {
        let admin = app.admin().await;
        let hostile: [(&[u8], &str); 4] = [
            (b"PK\x03\x04 a workbook", "CSV"),
            (b"\x1f\x8b\x08 compressed", "compressed"),
            (b"a@northfield.example\n\0\0\0", "text"),
            (b"\"ada@northfield.example\nben@northfield.example\n", "quotation mark"),
        ];
        for (bytes, word) in hostile {
            let file = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("list.csv");
            let form = reqwest::multipart::Form::new().text("addresses", "typed@northfield.example").text("do", "import").part("file", file);
            let answer = admin.multipart(&format!("{}/invitations/new", app.cardiology.path()), form).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{word}");
            let page = answer.text().await.unwrap();
            assert!(page.contains("id=\"file-error\"") && page.contains(word), "{word}\n{page}");
            assert!(page.contains("typed@northfield.example"));
        }
    }

    async fn more_addresses_than_go_at_once_stay_where_they_were_typed(app: &TestApp) {
        let admin = app.admin().await;
        let many: String = (0..10_001).map(|n| format!("p{n}@northfield.example\n")).collect();
        let answer = admin.invite(app.cardiology, &many, "contributor", &[("note", "HR-8")]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.unwrap();
        assert!(page.contains("at most 10000 can be sent at once") && page.contains("p9999@") && page.contains("HR-8"));
    }

    async fn an_own_date_means_the_whole_day_in_the_organisations_zone(app: &TestApp) {
        let admin = app.admin().await;
        // The test's clock stands at 2026-09-21 13:33 UTC; London has summer time.
        let answer = admin.invite(app.cardiology, "ben@northfield.example", "contributor", &[("window", "own"), ("own_date", "2026-09-25")]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let end: jiff::Timestamp = "2026-09-25T22:59:59Z".parse().unwrap();
        assert_eq!(app.count("SELECT expires_at FROM invitations WHERE email_key = 'ben@northfield.example'").await, end.as_millisecond());
    }
}
