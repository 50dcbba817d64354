//! How access ends: by removal at once, or by its date.

use std::time::Duration;

use care_portal::staff::actions::warn_of_endings;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    on_both,
    staff::{CONTROLLER, HOUR, STAFF, flash, id, member, patch, select, staff},
    support::app::{Database, TestApp, location},
};

on_both! {
    async fn removal_ends_sessions_and_keys_at_once_and_keeps_the_history(app: &TestApp) {
        let wren = app.person("wren", STAFF, app.cardiology).await;
        wren.post("/profile/api-keys", &[("name", "Rota"), ("scope", &app.cardiology.to_string()), ("permissions", "view_patient_data")]).await;
        let wren_id = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let asked = ada.post(&format!("{}/selected", staff(app.cardiology)), &[("id", &wren_id), ("do", "ask_remove")]).await.text().await.unwrap();
        assert!(asked.contains("Remove wren Example from the team?") && asked.contains("stay on what they wrote"), "{asked}");
        assert!(member(app, app.cardiology, "wren").await.is_some(), "asking removes nobody");
        let told = select(&ada, app.cardiology, &[&wren_id], &[("do", "remove")]).await;
        assert!(told.contains("wren Example was removed from the team."), "{told}");
        assert_eq!(location(&wren.get(&staff(app.cardiology)).await).split('?').next(), Some("/sign-in"), "the session has ended");
        assert_eq!(app.count("SELECT COUNT(*) FROM api_keys WHERE revoked_at IS NULL").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM memberships WHERE email_key = 'wren@northfield.example' AND role = 'deployment_staff' AND ended_at IS NOT NULL").await, 1, "the row stays");
        assert_eq!(app.events("membership.ended").await, 1);
        let again = select(&ada, app.cardiology, &[&wren_id], &[("do", "remove")]).await;
        assert!(again.contains("this access has ended already"), "{again}");
        // The account is still there; a new invitation gives access again.
        app.invite(&app.admin_caller().await, app.cardiology, STAFF, "wren@northfield.example").await;
    }

    async fn another_membership_is_kept_and_the_switcher_leads_between_them(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let second = app.invite(&app.admin_caller().await, app.diabetes, CONTROLLER, "wren@northfield.example").await;
        let wren = app.sign_in("wren@northfield.example").await;
        wren.post("/join", &[("code", &app.code(second, 1))]).await;
        assert!(wren.post("/join/accept", &[("invitation", &second.to_string())]).await.status().is_redirection());
        let page = wren.page(&staff(app.diabetes)).await;
        assert!(page.contains("Change place") && page.contains(&format!("href=\"{}\"", app.cardiology.path())), "the switcher");
        let ada = app.admin().await;
        let both = ada.page(&format!("{}?q=wren", staff(app.organisation))).await;
        assert_eq!(both.matches("aria-label=\"Role of wren Example\"").count(), 2, "a row for each");
        assert!(both.contains("title=\"Cardiology\"") && both.contains("title=\"Diabetes Care\""));
        assert!(both.contains("Northfield Hospital and all its deployments"));
        let there = id(app, app.cardiology, "wren").await;
        select(&ada, app.organisation, &[&there], &[("do", "remove")]).await;
        let wren = app.sign_in("wren@northfield.example").await;
        assert_eq!(wren.get(&staff(app.cardiology)).await.status(), StatusCode::NOT_FOUND);
        assert!(wren.get(&staff(app.diabetes)).await.status().is_success());
    }

    async fn access_ends_at_the_very_millisecond_with_nothing_running(app: &TestApp) {
        let wren = app.person("wren", STAFF, app.cardiology).await;
        let wren_id = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let end = app.portal.now().plus(Duration::from_secs(HOUR / 2));
        assert_eq!(patch(&ada, app.cardiology, &wren_id, json!({ "access_until": end.to_rfc3339() })).await, StatusCode::OK);
        app.advance(Duration::from_millis(HOUR / 2 * 1000 - 1));
        assert!(wren.get(&staff(app.cardiology)).await.status().is_success());
        let counted = |page: String| page.split("Cardiology</a>").nth(1).unwrap().split("data-label=\"Staff members\"").nth(1).unwrap()[..20].to_owned();
        assert!(counted(ada.page(&app.organisation.path()).await).contains(">1<"), "one works there");
        app.advance(Duration::from_millis(1));
        assert_eq!(wren.get(&staff(app.cardiology)).await.status(), StatusCode::NOT_FOUND);
        assert!(counted(ada.page(&app.organisation.path()).await).contains(">0<"), "nobody is counted whose access has ended");
        assert!(member(app, app.cardiology, "wren").await.is_none());
        let again = app.invite(&app.admin_caller().await, app.cardiology, STAFF, "wren@northfield.example").await;
        wren.post("/join", &[("code", &app.code(again, 1))]).await;
        let answer = wren.post("/join/accept", &[("invitation", &again.to_string())]).await;
        assert!(answer.status().is_redirection(), "{}", answer.text().await.unwrap());
        assert!(wren.get(&staff(app.cardiology)).await.status().is_success());
    }

    async fn the_end_is_chosen_beside_its_errors_and_shown(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let wren = id(app, app.cardiology, "wren").await;
        let ada = app.admin().await;
        let path = format!("{}/{wren}/until", staff(app.cardiology));
        assert!(ada.page(&path).await.contains("No end date"));
        let today = app.portal.now().to_rfc3339()[..10].to_owned();
        for (day, message) in [("", "Choose the last day"), ("soon", "such as 2026-12-31"), (today.as_str(), "Choose a day after today")] {
            let answer = ada.post(&path, &[("until", day)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains(message) && page.contains("until-error") && page.contains(&format!("value=\"{day}\"")), "{page}");
        }
        let answer = ada.post(&path, &[("until", "2030-12-31"), ("list", "q=wren")]).await;
        assert_eq!(location(&answer), format!("{}?q=wren", staff(app.cardiology)));
        assert!(flash(&ada, &location(&answer)).await.contains("wren Example has access until 31 December 2030."));
        assert!(ada.page(&staff(app.cardiology)).await.contains("Until 31 December 2030"));
        let soon = app.portal.now().plus(Duration::from_secs(5 * 24 * HOUR + HOUR)).to_rfc3339();
        patch(&ada, app.cardiology, &wren, json!({ "access_until": soon })).await;
        assert!(ada.page(&staff(app.cardiology)).await.contains("Ends in 5 days"));
    }

    async fn an_end_is_announced_once_a_week_before(app: &TestApp) {
        app.person("wren", STAFF, app.cardiology).await;
        let wren = id(app, app.cardiology, "wren").await;
        let end = app.portal.now().plus(Duration::from_secs(20 * 24 * HOUR));
        patch(&app.admin().await, app.cardiology, &wren, json!({ "access_until": end.to_rfc3339() })).await;
        let mails = "SELECT COUNT(*) FROM mails WHERE kind LIKE 'access_ending%'";
        assert_eq!(warn_of_endings(&app.portal).await.unwrap(), 0);
        app.advance(Duration::from_secs(13 * 24 * HOUR));
        assert_eq!(warn_of_endings(&app.portal).await.unwrap(), 1);
        assert_eq!(warn_of_endings(&app.portal).await.unwrap(), 0, "once");
        assert_eq!(app.count(mails).await, 2, "to the person and to whoever gave it");
        app.send_mail().await;
        assert_eq!(app.count(&format!("{mails} AND state = 'sent'")).await, 2);
        // A new date is a new word; a mail about the old one is never sent.
        let later = end.plus(Duration::from_secs(HOUR));
        patch(&app.admin().await, app.cardiology, &wren, json!({ "access_until": later.to_rfc3339() })).await;
        app.advance(Duration::from_secs(HOUR));
        assert_eq!(warn_of_endings(&app.portal).await.unwrap(), 1);
        patch(&app.admin().await, app.cardiology, &wren, json!({ "access_until": "never" })).await;
        app.send_mail().await;
        assert_eq!(app.count(&format!("{mails} AND state = 'sent'")).await, 2, "the date has moved");
        assert_eq!(warn_of_endings(&app.portal).await.unwrap(), 0);
    }
}
