//! **Who has seen this patient?** It tells exactly what was shown to whom, and to nobody who may not read the access log.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, RoleKey},
    audit::seen::{self, Days},
    identity,
    op::Caller,
    patients::actions::show_patient,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

const NURSE: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const REASON: &str = "=Collapsed in the corridor of our ward";

async fn caller(app: &TestApp, word: &str) -> Caller {
    identity::actions::act_from_terminal(&app.portal, &format!("{word}@northfield.example")).await.unwrap()
}

on_both! {
    async fn who_has_seen_a_patient_is_what_was_shown(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", "Zebulon Quagmarch").await;
        let other = app.patient(app.diabetes, "DC-8", "Somebody Else").await;
        let path = format!("{}/patients/{patient}/seen", app.diabetes.path());
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        let ward = app.person("ward", NURSE, app.diabetes).await;
        let controller = app.person("controller", RoleKey::Default(DefaultRole::AccessController), app.diabetes).await;
        let elsewhere = app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let (_, grace) = app.second_organisation().await;
        let shown = "SELECT COUNT(*) FROM seen_patients";
        for (who, person, status) in [
            ("somebody of another deployment", &nurse, 404),
            ("its Admin", &elsewhere, 404),
            ("another organisation", &grace, 404),
            ("somebody who may not read the log", &ward, 403),
        ] {
            for end in ["", ".csv"] {
                assert_eq!(person.get(&format!("{path}{end}")).await.status().as_u16(), status, "{who}{end}");
            }
        }
        assert_eq!(app.count(shown).await, 0, "whoever is refused was shown nobody");
        let misplaced = format!("{}/patients/{patient}/seen", app.cardiology.path());
        let ada = app.admin().await;
        assert_eq!(ada.get(&misplaced).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(app.count(shown).await, 0);

        // The traffic: the list by one, the patient by two, by an emergency access, and at the terminal; another patient by one.
        app.advance(Duration::from_secs(60));
        ward.page(&format!("{}/patients", app.diabetes.path())).await;
        app.advance(Duration::from_secs(60));
        for (word, what) in [("ward", "dashboard"), ("controller", "notes")] {
            show_patient(&app.portal, &caller(app, word).await, patient, what).await.unwrap();
            app.advance(Duration::from_secs(60));
        }
        show_patient(&app.portal, &caller(app, "ward").await, other, "profile").await.unwrap();
        let answer = nurse.post(&format!("{}/emergency", app.cardiology.path()), &[("number", "DC-7"), ("reason", REASON)]).await;
        assert!(answer.status().is_redirection());
        show_patient(&app.portal, &caller(app, "nurse").await, patient, "dashboard").await.unwrap();
        app.advance(Duration::from_secs(60));
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'ward@northfield.example'").await;

        let one = seen::authority(&app.portal, &caller(app, "controller").await, app.diabetes, patient).await.unwrap();
        let found = seen::list_seen(&app.portal, &one, Days::default(), None, 50).await.unwrap();
        let lines: Vec<_> = found.rows.iter().map(|line| {
            (line.who.as_str(), line.role.as_str(), line.what.as_str(), line.by.as_str(), line.emergency.as_deref())
        }).collect();
        assert_eq!(lines, [
            ("nurse Example", "Deployment Staff, Cardiology", "the dashboard", "terminal", Some(REASON)),
            ("controller Example", "Access Controller", "notes", "terminal", None),
            ("ward Example", "No longer staff", "the dashboard", "terminal", None),
            ("ward Example", "No longer staff", "the Patient List", "session", None),
        ]);
        let page = controller.page(&path).await;
        // Looking here is a look at the patient too.
        for part in ["controller Example", "who has seen the patient", "Emergency access", "Collapsed in the corridor", "the Patient List", "127.0.0.1", "No longer staff"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert_eq!(page.matches("<th role=\"rowheader\"").count(), 5);
        assert!(page.contains("<title>DC-7 – Who has seen this patient?") && !page.contains("Zebulon"), "by number");
        assert!(ada.page(&path).await.contains("Zebulon Quagmarch"), "with identifiers by name");

        let csv = controller.page(&format!("{path}.csv")).await;
        assert_eq!(csv.lines().count(), 7, "{csv}");
        assert!(csv.contains(&format!(",'{REASON},")), "no cell is a formula: {csv}");
        assert!(csv.contains(",the Patient List,session,127.0.0.1,"), "{csv}");
        assert_eq!(app.events("patient.seen_exported").await, 1);
        app.advance(Duration::from_secs(10 * 60));
        assert_eq!(controller.get(&format!("{path}.csv")).await.status(), StatusCode::SEE_OTHER, "asks for a fresh proof");
    }

    async fn who_has_seen_a_patient_is_paged_and_filtered_by_day(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", "Zebulon Quagmarch").await;
        let path = format!("{}/patients/{patient}/seen", app.diabetes.path());
        let controller = app.person("controller", RoleKey::Default(DefaultRole::AccessController), app.diabetes).await;
        let watcher = caller(app, "controller").await;
        // The clock begins on the afternoon of 21 September 2026.
        for _ in 0..3 {
            show_patient(&app.portal, &watcher, patient, "notes").await.unwrap();
        }
        app.advance(Duration::from_secs(24 * 3600));
        let controller = { drop(controller); app.sign_in("controller@northfield.example").await };
        for _ in 0..60 {
            show_patient(&app.portal, &watcher, patient, "profile").await.unwrap();
        }
        // What happens at one instant comes in any order.
        app.advance(Duration::from_secs(1));
        let first = controller.page(&path).await;
        assert_eq!(first.matches("<td role=\"cell\" data-label=\"Saw\">").count(), 50);
        let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        app.advance(Duration::from_secs(1));
        let second = controller.page(&next).await;
        assert_eq!(second.matches("data-label=\"Saw\">notes").count(), 3);
        assert_eq!(second.matches("data-label=\"Saw\">the profile").count(), 11);
        let on = async |days: &str| controller.page(&format!("{path}?{days}")).await;
        assert_eq!(on("since=2026-09-21&until=2026-09-21").await.matches("data-label=\"Saw\">").count(), 3);
        assert_eq!(on("until=2026-09-21").await.matches("data-label=\"Saw\">notes").count(), 3);
        assert!(!on("since=2026-09-22").await.contains("data-label=\"Saw\">notes"));
        assert!(on("since=2026-09-23").await.contains("Nobody was shown this patient in these days"));
        let bad = controller.get(&format!("{path}?since=yesterday")).await;
        assert_eq!(bad.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let bad = bad.text().await.unwrap();
        assert!(bad.contains("“yesterday” is no day") && bad.contains("value=\"yesterday\""), "{bad}");
        assert_eq!(controller.get(&format!("{path}.csv?since=yesterday")).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
