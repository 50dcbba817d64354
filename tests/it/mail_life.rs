//! What people see of a mail's life: on the list, on the invitation's own page, in the API and at the terminal; and that mail that
//! does not flow is said where those who invite begin.

use std::time::Duration;

use care_portal::access::{DefaultRole, RoleKey};
use reqwest::StatusCode;

use crate::{
    mail_tests,
    support::{
        app::{Database, TestApp},
        smtp::{Behaviour, ScriptedSmtp},
    },
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const MINUTE: Duration = Duration::from_secs(60);

mail_tests! {
    async fn an_invitation_tells_the_life_of_its_mail(app: &TestApp, server: &ScriptedSmtp) {
        server.answer_rcpt(|_, attempt| match attempt {
            1 => Behaviour::Temporary(451, "4.7.1 greylisted, come again".to_owned()),
            _ => Behaviour::Accept,
        });
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        let ada = app.admin().await;
        let page = format!("{}/invitations/{id}", app.cardiology.path());
        let queued = ada.page(&page).await;
        assert!(queued.contains("Queued") && queued.contains("It waits its turn") && queued.contains("invited ben@northfield.example"), "{queued}");
        app.send_mail().await;
        let waiting = ada.page(&page).await;
        for words in ["Trying again in 1 minute", "lets every new sender wait", "Nothing needs to be done", "greylisted, come again", "not taken yet"] {
            assert!(waiting.contains(words), "{words}\n{waiting}");
        }
        app.advance(MINUTE);
        app.send_mail().await;
        app.advance(MINUTE);
        app.visitor().post("/join", &[("code", &app.code(id, 1))]).await;
        let visitor = app.visitor();
        visitor.post("/join", &[("code", &app.code(id, 1))]).await;
        visitor.page("/join").await;
        app.advance(MINUTE);
        ada.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &id.to_string()), ("do", "resend")]).await;
        let done = ada.page(&page).await;
        let order = ["invited ben", "not taken yet", "handed over", "was opened", "resent the invitation", "queued", "The link stops working"];
        let mut from = done.find("What happened").unwrap();
        for words in order {
            from += done.get(from..).unwrap().find(words).unwrap_or_else(|| panic!("{words} comes after the one before\n{done}"));
        }
        let (status, mails) = ada.json("GET", &format!("/api/v1/invitations/{id}/mails"), None).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(mails.as_array().unwrap().len(), 2, "{mails}");
        let tries = mails[0]["tries"].as_array().unwrap();
        assert_eq!(tries.iter().map(|known| known["state"].as_str().unwrap()).collect::<Vec<_>>(), ["trying", "sent"]);
        assert!(tries[0]["next_try_at"].is_string() && tries[1]["answer"].as_str().unwrap().starts_with("250"));
        let (_, shown) = ada.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
        assert_eq!((shown["delivery"]["state"].as_str(), shown["delivery"]["word"].as_str()), (Some("queued"), Some("Queued")));
    }

    async fn a_refused_address_is_explained_and_corrected_from_its_own_page(app: &TestApp, server: &ScriptedSmtp) {
        server.answer_rcpt(|address, _| if address.starts_with("gone") { Behaviour::Permanent(550, "5.1.1 <gone> unknown".to_owned()) } else { Behaviour::Accept });
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "gone@northfield.example").await;
        app.send_mail().await;
        let ada = app.admin().await;
        let page = ada.page(&format!("{}/invitations/{id}", app.cardiology.path())).await;
        assert!(page.contains("There is no such mailbox") && page.contains("Ask the person for the right address"), "{page}");
        assert!(page.contains("The mail server's own words") && page.contains("5.1.1"), "{page}");
        assert!(page.contains(&format!("/invitations/{id}/correct")), "the way to correct it");
        let (_, shown) = ada.json("GET", &format!("/api/v1/invitations/{id}"), None).await;
        assert!(shown["delivery"]["reason"].as_str().unwrap().contains("no such mailbox"), "{shown}");
        let corrected = ada.post(&format!("{}/invitations/{id}/correct", app.cardiology.path()), &[("email", "ben@northfield.example")]).await;
        assert!(corrected.status().is_redirection());
        app.send_mail().await;
        let page = ada.page(&format!("{}/invitations/{id}", app.cardiology.path())).await;
        assert!(page.contains("Mail to gone@northfield.example: refused") && page.contains("Mail to ben@northfield.example handed over"), "{page}");
    }

    async fn the_page_of_an_invitation_is_for_those_who_may_invite_there(app: &TestApp, _server: &ScriptedSmtp) {
        let admin = app.admin_caller().await;
        let here = app.invite(&admin, app.cardiology, STAFF, "ben@northfield.example").await;
        let there = app.invite(&admin, app.diabetes, STAFF, "chidi@northfield.example").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let coordinator = app.person("coordinator", app.coordinator, app.cardiology).await;
        let page = |id| format!("{}/invitations/{id}", app.cardiology.path());
        assert_eq!(nurse.get(&page(here)).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(coordinator.get(&page(here)).await.status(), StatusCode::OK);
        assert_eq!(coordinator.get(&page(there)).await.status(), StatusCode::NOT_FOUND, "of another place");
        assert_eq!(coordinator.get(&format!("{}/invitations/inv_x", app.cardiology.path())).await.status(), StatusCode::NOT_FOUND);
        let (status, _) = coordinator.json("GET", &format!("/api/v1/invitations/{there}/mails"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, _) = nurse.json("GET", &format!("/api/v1/invitations/{here}/mails"), None).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }

    async fn mail_that_does_not_flow_is_said_until_it_flows(app: &TestApp, server: &ScriptedSmtp) {
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        app.send_mail().await;
        let (elsewhere, grace) = app.second_organisation().await;
        app.send_mail().await;
        let ada = app.admin().await;
        let homes = [app.organisation.path(), format!("{}/patients", app.cardiology.path()), format!("{}/staff", app.cardiology.path()), format!("{}/invitations", app.cardiology.path())];
        server.behave(Behaviour::Temporary(421, "4.3.2 closing for the night".to_owned()));
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        app.send_mail().await;
        for home in &homes {
            assert!(!ada.page(home).await.contains("Mail is not flowing"), "one failure is no trouble: {home}");
        }
        for _ in 0..4 {
            app.advance(3 * MINUTE);
            app.send_mail().await;
        }
        for home in &homes {
            let page = ada.page(home).await;
            assert!(page.contains("Mail is not flowing since") && page.contains("closing for the night") && page.contains("1 mail waits"), "{home}\n{page}");
        }
        assert!(!nurse.page(&format!("{}/patients", app.cardiology.path())).await.contains("not flowing"), "no matter of a nurse");
        assert!(!grace.page(&elsewhere.path()).await.contains("not flowing"), "nor of another organisation");
        server.behave(Behaviour::Accept);
        app.advance(31 * MINUTE);
        app.send_mail().await;
        assert!(!ada.page(&homes[0]).await.contains("not flowing"), "it goes by itself");
    }

    async fn trouble_ends_when_nothing_waits_any_more(app: &TestApp, server: &ScriptedSmtp) {
        server.refuse_connections().await;
        let id = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "ben@northfield.example").await;
        for _ in 0..5 {
            app.send_mail().await;
            app.advance(4 * MINUTE);
        }
        let ada = app.admin().await;
        let page = ada.page(&app.organisation.path()).await;
        assert!(page.contains("not flowing") && page.contains("could not be reached"), "{page}");
        ada.post(&format!("{}/invitations/selected", app.cardiology.path()), &[("id", &id.to_string()), ("do", "delete")]).await;
        assert!(!ada.page(&app.organisation.path()).await.contains("not flowing"));
    }

    async fn an_inviter_is_told_once_of_everything_that_did_not_arrive(app: &TestApp, server: &ScriptedSmtp) {
        server.answer_rcpt(|address, _| if address.starts_with("gone") { Behaviour::Permanent(550, "5.1.1 unknown".to_owned()) } else { Behaviour::Accept });
        let admin = app.admin_caller().await;
        for word in ["gone.one", "gone.two", "ben"] {
            app.invite(&admin, app.cardiology, STAFF, &format!("{word}@northfield.example")).await;
        }
        app.send_mail().await;
        let rounds = || care_portal::invitations::actions::tell_of_failures(&app.portal);
        assert_eq!(rounds().await.unwrap(), 0, "more may come");
        app.advance(11 * MINUTE);
        assert_eq!(rounds().await.unwrap(), 1);
        assert_eq!(rounds().await.unwrap(), 0, "once");
        let before = server.mails().len();
        app.send_mail().await;
        let mails = server.mails();
        assert_eq!(mails.len(), before + 1, "one mail, not two");
        let summary = mails.last().unwrap();
        assert_eq!(summary.to, ["ada@northfield.example"]);
        for words in ["2 invitations did not arrive", "gone.one@northfield.example", "gone.two@northfield.example", "There is no such mailbox"] {
            assert!(summary.data.contains(words), "{words}\n{}", summary.data);
        }
        assert!(!summary.data.contains("ben@northfield.example") && !summary.data.contains("cpi1_"), "no link, nobody else");
        app.invite(&admin, app.cardiology, STAFF, "gone.three@northfield.example").await;
        app.send_mail().await;
        app.advance(30 * MINUTE);
        assert_eq!(rounds().await.unwrap(), 0, "not another one so soon");
        app.advance(6 * 60 * MINUTE);
        assert_eq!(rounds().await.unwrap(), 1);
    }
}
