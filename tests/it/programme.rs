//! What a deployment follows and offers: for its Admins only, and judged by from the moment it is saved.

use care_portal::{
    access::{DefaultRole, Permission, RoleKey},
    op::Op,
    patients::{Identity, NewPatient},
    readings::{self, Measured, Module, NewReading},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, TestApp},
};

fn at(app: &TestApp, more: &str) -> String {
    format!("{}/programme{more}", app.cardiology.path())
}

const OFFER: [(&str, &str); 7] = [
    ("revision", "1"),
    ("switches", "labels"),
    ("switches", "messages"),
    ("call_link", "https://video.example/{number}"),
    ("predefined", "Please weigh yourself today."),
    ("predefined", " "),
    ("predefined", "Your readings look good."),
];

on_both! {
    async fn only_an_admin_of_the_deployment_sees_and_changes_them(app: &TestApp) {
        let (_, grace) = app.second_organisation().await;
        let elsewhere = app.default(DefaultRole::Admin, app.diabetes).await;
        let mut people = vec![(grace, StatusCode::NOT_FOUND), (elsewhere, StatusCode::NOT_FOUND)];
        for role in [DefaultRole::AccessController, DefaultRole::OrganisationStaff, DefaultRole::DeploymentStaff, DefaultRole::Contributor] {
            people.push((app.default(role, app.cardiology).await, StatusCode::FORBIDDEN));
        }
        for (person, status) in &people {
            for path in [at(app, ""), at(app, "/modules/heart_rate")] {
                assert_eq!(person.get(&path).await.status(), *status, "{path}");
            }
            assert_eq!(person.post(&at(app, ""), &OFFER).await.status(), *status);
            assert_eq!(person.post(&at(app, "/modules"), &[("revision", "1"), ("followed", "weight")]).await.status(), *status);
            let row = [("revision", "1"), ("severity", "red"), ("least", "100"), ("most", "")];
            assert_eq!(person.post(&at(app, "/modules/heart_rate"), &row).await.status(), *status);
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM followed_modules").await, 0);
        assert_eq!(app.events("programme.changed").await, 0);
        let ada = app.admin().await;
        assert_eq!(ada.get(&format!("{}/programme", app.organisation.path())).await.status(), StatusCode::FORBIDDEN, "an organisation has none");
    }

    async fn what_is_offered_is_saved_and_said_back(app: &TestApp) {
        let dee = app.person("dee", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
        let before = dee.page(&at(app, "")).await;
        assert!(before.contains("Sample values, no clinical advice") && before.contains("value=\"appointments\" checked"), "{before}");
        assert_eq!(dee.post(&at(app, ""), &OFFER).await.status(), StatusCode::SEE_OTHER);
        let after = dee.page(&at(app, "")).await;
        for expected in ["Saved.", "https://video.example/{number}", ">Please weigh yourself today.</textarea>", ">Your readings look good.</textarea>", "name=\"revision\" value=\"2\""] {
            assert!(after.contains(expected), "{expected}: {after}");
        }
        assert!(!after.contains("value=\"appointments\" checked") && after.contains("value=\"labels\" checked"));
        assert_eq!(app.events("programme.changed").await, 1);
        // Another who has not seen that is told, and loses nothing.
        let late = dee.post(&at(app, ""), &[("revision", "1"), ("predefined", "Mine <b>too</b>")]).await;
        assert_eq!(late.status(), StatusCode::CONFLICT);
        let text = late.text().await.unwrap();
        assert!(text.contains("Somebody else has changed") && text.contains("Mine &#60;b&#62;too"), "{text}");
        for bad in ["javascript:alert(1)", "http://video.example", "tel:0123"] {
            let answer = dee.post(&at(app, ""), &[("revision", "2"), ("call_link", bad)]).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
            assert!(answer.text().await.unwrap().contains("call_link-error"));
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM predefined_messages").await, 2, "a refusal changes nothing");
    }

    async fn modules_are_chosen_and_ordered(app: &TestApp) {
        let ada = app.admin().await;
        let form = [("revision", "1"), ("followed", "weight"), ("followed", "glucose"), ("module", "weight"), ("place", "2"), ("module", "glucose"), ("place", "1")];
        assert_eq!(ada.post(&at(app, "/modules"), &form).await.status(), StatusCode::SEE_OTHER);
        let page = ada.page(&at(app, "")).await;
        let (sugar, weight) = (page.find("Blood glucose").unwrap(), page.find(">Weight<").unwrap());
        assert!(sugar < weight && page.contains("not followed"), "{page}");
        assert_eq!(ada.get(&at(app, "/modules/heart_rate")).await.status(), StatusCode::NOT_FOUND, "what is not followed has no thresholds");
        for nothing in [vec![("revision", "2")], vec![("revision", "2"), ("followed", "nonsense")]] {
            let answer = ada.post(&at(app, "/modules"), &nothing).await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            assert!(answer.text().await.unwrap().contains("Choose at least one module."));
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM followed_modules").await, 2);
    }

    async fn thresholds_judge_what_comes_in_from_then_on(app: &TestApp) {
        let ada = app.admin().await;
        let caller = app.admin_caller().await;
        let new = NewPatient { number: "C-1".to_owned(), identity: Identity { name: "Edith Grant".to_owned(), ..Identity::default() }, ..NewPatient::default() };
        let patient = care_portal::patients::actions::add_patients(&app.portal, &caller, app.cardiology, vec![new]).await.unwrap()[0];
        let enter = async |value: f64| {
            let op = Op::begin(&app.portal, &caller).await.unwrap();
            let (op, granted) = op.require(Permission::ManagePatientData, app.cardiology).await.unwrap();
            let measured = Measured { value: Some(value), ..Measured::default() };
            let reading = NewReading { patient, module: Module::find("heart_rate").unwrap(), measured, at: op.now(), identifier: None };
            readings::actions::enter_readings(&op, &granted, vec![reading]).await.unwrap();
            op.commit().await.unwrap();
        };
        enter(80.0).await;
        let red = async || app.count("SELECT red FROM patients WHERE number = 'C-1'").await;
        assert_eq!(red().await, 0);
        let answer = ada.post(&at(app, "/modules/heart_rate"), &[("revision", "1"), ("severity", "red"), ("least", "70"), ("most", ""), ("severity", "amber"), ("least", "60"), ("most", "75")]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let text = answer.text().await.unwrap();
        assert!(text.contains("Row 2 overlaps row 1") && text.contains("value=\"75\""), "{text}");
        assert_eq!(ada.post(&at(app, "/modules/heart_rate"), &[("revision", "1"), ("severity", "red"), ("least", "70"), ("most", "")]).await.status(), StatusCode::SEE_OTHER);
        let page = ada.page(&at(app, "")).await;
        assert!(page.contains("red 70 or more") && page.contains("They judge what comes in from now on."), "{page}");
        assert_eq!(red().await, 0, "what was entered keeps its colour");
        enter(80.0).await;
        assert_eq!(red().await, 1);
        let log = ada.page(&format!("{}/access-log", app.cardiology.path())).await;
        assert!(log.contains("changed the thresholds of Heart rate of Cardiology"), "{log}");
    }

    async fn a_change_asks_for_a_fresh_proof(app: &TestApp) {
        let ada = app.admin().await;
        app.advance(std::time::Duration::from_secs(11 * 60));
        let answer = ada.post(&at(app, ""), &OFFER).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert!(answer.headers()["location"].to_str().unwrap().starts_with("/prove"));
        assert_eq!(app.count("SELECT COUNT(*) FROM predefined_messages").await, 0);
    }
}
