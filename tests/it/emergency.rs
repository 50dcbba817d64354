//! Emergency accesses (PHI-02): who may, for how long, who is told, and that nothing makes them more than they are.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, Permission, RoleKey},
    error::Error,
    identity,
    op::{Caller, Op},
    patients::actions::show_patient,
    types::{EmergencyId, PatientId},
};
use reqwest::{Response, StatusCode};

use crate::{
    on_both,
    support::app::{Database, PASSWORD, Person, TestApp, location},
};

const NURSE: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const REASON: &str = "Collapsed in the corridor of our ward";
const NAME: &str = "Zebulon Quagmarch";

async fn caller(app: &TestApp, word: &str) -> Caller {
    identity::actions::act_from_terminal(&app.portal, &format!("{word}@northfield.example")).await.unwrap()
}

async fn open(app: &TestApp, who: &Person, number: &str, reason: &str) -> Response {
    who.post(&format!("{}/emergency", app.cardiology.path()), &[("number", number), ("reason", reason)]).await
}

/// Whether somebody can read a patient, and if so by an emergency access.
async fn reads(app: &TestApp, word: &str, patient: PatientId) -> Option<bool> {
    match show_patient(&app.portal, &caller(app, word).await, patient, "dashboard").await {
        Ok((_, one)) => Some(one.emergency().is_some()),
        Err(Error::NotFound | Error::Forbidden(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn accesses(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM emergency_accesses").await
}

async fn newest(app: &TestApp) -> EmergencyId {
    EmergencyId::from_uuid(app.uuid("SELECT id FROM emergency_accesses ORDER BY id DESC LIMIT 1").await)
}

/// What a form that opened nothing says.
async fn refused(answer: Response) -> String {
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    answer.text().await.unwrap()
}

on_both! {
    async fn phi_02_who_may_not_open_anybody(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", NAME).await;
        let reader = app.person("reader", RoleKey::Default(DefaultRole::Contributor), app.cardiology).await;
        let page = format!("{}/emergency", app.cardiology.path());
        let refusal = reader.get(&page).await;
        assert_eq!(refusal.status(), StatusCode::FORBIDDEN);
        assert!(refusal.text().await.unwrap().contains("for those who look after patients"));
        assert!(!reader.page(&format!("{}/patients", app.cardiology.path())).await.contains("Emergency access"), "not offered either");
        let answer = open(app, &reader, "DC-7", REASON).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert_eq!(app.events("emergency.refused").await, 2);
        // Another hospital: the number is nobody's there.
        let (elsewhere, grace) = app.second_organisation().await;
        let answer = grace.post(&format!("{}/emergency", elsewhere.path()), &[("number", "DC-7"), ("reason", REASON)]).await;
        assert!(refused(answer).await.contains("No patient of the organisation has this number"));
        assert_eq!(open(app, &grace, "DC-7", REASON).await.status(), StatusCode::NOT_FOUND);
        // Somebody whose role reaches the patient is led there.
        let ada = app.admin().await;
        let text = refused(open(app, &ada, "DC-7", REASON).await).await;
        assert!(text.contains("Your role reaches this patient already"), "{text}");
        assert!(text.contains(&format!("{}/patients/{patient}", app.diabetes.path())));
        assert_eq!((accesses(app).await, app.events("emergency.opened").await), (0, 0));
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'emergency_opened'").await, 0);
    }

    async fn phi_02_an_old_proof_opens_nobody_and_what_was_typed_goes_on_after_a_new_one(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", NAME).await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        app.advance(Duration::from_secs(10 * 60));
        let answer = open(app, &nurse, "DC-7", REASON).await;
        assert!(location(&answer).starts_with("/prove"), "{}", location(&answer));
        assert_eq!((accesses(app).await, reads(app, "nurse", patient).await), (0, None));
        let code = app.code_of("nurse@northfield.example").await;
        nurse.post("/prove", &[("password", PASSWORD), ("code", &code)]).await;
        let answer = nurse.post("/continue", &[]).await;
        assert!(answer.status().is_redirection(), "{}", answer.status());
        assert_eq!((accesses(app).await, reads(app, "nurse", patient).await), (1, Some(true)));
    }

    async fn phi_02_what_is_typed_must_say_something_and_stays(app: &TestApp) {
        app.patient(app.diabetes, "DC-7", NAME).await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        for (number, reason, said) in [
            ("", REASON, "Type the patient&#39;s number"),
            ("DC-7", "", "Write in at least 10 letters why"),
            ("DC-7", "now now 12345", "Write in at least 10 letters why"),
            ("DC-8", REASON, "No patient of the organisation has this number"),
            // Neither a part of it, nor what a pattern would find, nor the name.
            ("DC", REASON, "No patient of the organisation has this number"),
            ("DC-%", REASON, "No patient of the organisation has this number"),
            (NAME, REASON, "No patient of the organisation has this number"),
        ] {
            let text = refused(open(app, &nurse, number, reason).await).await;
            assert!(text.contains(said), "{number}: {text}");
            assert!(text.contains(&format!("value=\"{number}\"")) && text.contains(reason), "{text}");
        }
        assert_eq!(accesses(app).await, 0);
        let log = app.dump("events").await;
        assert!(!log.contains(NAME), "a name that was typed is not written down");
    }

    async fn phi_02_numbers_cannot_be_guessed(app: &TestApp) {
        app.patient(app.diabetes, "DC-7", NAME).await;
        app.patient(app.cardiology, "CA-1", "Somebody Here").await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        let colleague = app.person("colleague", NURSE, app.cardiology).await;
        // A number that one knows, and a reason that is too short, are no guesses.
        for _ in 0..8 {
            assert!(refused(open(app, &nurse, "CA-1", REASON).await).await.contains("reaches this patient already"));
            refused(open(app, &nurse, "DC-1", "short").await).await;
        }
        for n in 0..5 {
            refused(open(app, &nurse, &format!("DC-10{n}"), REASON).await).await;
        }
        let answer = open(app, &nurse, "DC-7", REASON).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(answer.text().await.unwrap().contains("Please wait a moment"));
        assert_eq!(accesses(app).await, 0, "the right one neither");
        assert!(open(app, &colleague, "DC-7", REASON).await.status().is_redirection(), "nobody else waits");
        app.advance(Duration::from_secs(wait + 1));
        refused(open(app, &nurse, "DC-106", REASON).await).await;
        let answer = open(app, &nurse, "DC-7", REASON).await;
        let longer: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(longer > wait, "and the wait grows");
        app.advance(Duration::from_secs(longer + 1));
        assert!(open(app, &nurse, "DC-7", REASON).await.status().is_redirection());
    }

    async fn phi_02_one_patient_to_read_only_for_an_hour(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", NAME).await;
        let other = app.patient(app.diabetes, "DC-8", "Somebody Else").await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        app.person("colleague", NURSE, app.cardiology).await;
        assert_eq!(reads(app, "nurse", patient).await, None);
        let answer = open(app, &nurse, " dc-7 ", REASON).await;
        assert_eq!(location(&answer), format!("{}/patients/{patient}", app.diabetes.path()));
        assert_eq!(reads(app, "nurse", patient).await, Some(true));
        // Neither another patient, nor another person, nor the list, nor anything that writes.
        assert_eq!((reads(app, "nurse", other).await, reads(app, "colleague", patient).await), (None, None));
        assert_eq!(nurse.get(&format!("{}/patients", app.diabetes.path())).await.status(), StatusCode::NOT_FOUND);
        for permission in Permission::all() {
            let op = Op::begin(&app.portal, &caller(app, "nurse").await).await.unwrap();
            assert!(op.require_for(permission, patient).await.is_err(), "{permission}");
        }
        let seen = format!("{}/patients/{patient}/seen", app.diabetes.path());
        assert_eq!(nurse.get(&seen).await.status(), StatusCode::NOT_FOUND, "it gives no look into the log");
        // What was read is marked.
        let marked = "SELECT COUNT(*) FROM events WHERE action = 'patient.seen' AND detail LIKE '%\"emergency\":\"eme_%'";
        assert_eq!(app.count(marked).await, 1);
        let opened = app.count(&format!("SELECT COUNT(*) FROM events WHERE action = 'emergency.opened' AND subject = '{patient}' AND detail LIKE '%{REASON}%' AND detail LIKE '%ends_at%'")).await;
        assert_eq!(opened, 1);
        app.advance(Duration::from_millis(60 * 60 * 1000 - 1));
        assert_eq!(reads(app, "nurse", patient).await, Some(true));
        app.advance(Duration::from_millis(1));
        assert_eq!(reads(app, "nurse", patient).await, None, "it ends by itself");
    }

    async fn phi_02_a_role_without_identifiers_sees_none_in_an_emergency_either(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", NAME).await;
        let follower = app.person("follower", RoleKey::Default(DefaultRole::OrganisationStaff), app.cardiology).await;
        assert!(open(app, &follower, "DC-7", REASON).await.status().is_redirection());
        let (found, one) = show_patient(&app.portal, &caller(app, "follower").await, patient, "dashboard").await.unwrap();
        assert!(found.identity.is_none() && one.emergency().is_some());
    }

    async fn phi_02_it_ends_by_hand_and_with_the_membership(app: &TestApp) {
        let patient = app.patient(app.diabetes, "DC-7", NAME).await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        let colleague = app.person("colleague", NURSE, app.cardiology).await;
        open(app, &nurse, "DC-7", REASON).await;
        let id = newest(app).await;
        let end = format!("/emergency/{id}/end");
        assert_eq!(colleague.post(&end, &[]).await.status(), StatusCode::NOT_FOUND, "one's own only");
        assert_eq!(reads(app, "nurse", patient).await, Some(true));
        let own = format!("{}/emergency", app.cardiology.path());
        let page = nurse.page(&own).await;
        assert!(page.contains("Patient DC-7") && page.contains(&end) && !page.contains(NAME), "{page}");
        // Two at once end together.
        open(app, &nurse, "DC-7", REASON).await;
        assert_eq!(location(&nurse.post(&end, &[]).await), own);
        assert!(nurse.page(&own).await.contains("The emergency access to patient DC-7 has ended."));
        assert_eq!((reads(app, "nurse", patient).await, app.events("emergency.ended").await), (None, 2));
        nurse.post(&end, &[]).await;
        assert!(nurse.page(&own).await.contains("had ended already"));
        assert_eq!(app.events("emergency.ended").await, 2);
        // Whoever no longer works here reads nothing, though the hour is not over.
        open(app, &nurse, "DC-7", REASON).await;
        assert_eq!(reads(app, "nurse", patient).await, Some(true));
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'nurse@northfield.example'").await;
        assert_eq!(reads(app, "nurse", patient).await, None);
    }

    async fn phi_02_those_who_look_after_access_are_told_at_once_though_mail_is_down(app: &TestApp) {
        app.patient(app.diabetes, "DC-7", NAME).await;
        let controller = RoleKey::Default(DefaultRole::AccessController);
        app.person("controller", controller, app.diabetes).await;
        app.person("elsewhere", controller, app.cardiology).await;
        app.person("ward", NURSE, app.diabetes).await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        // Nothing leaves until the mails are sent below; the patient opens all the same.
        assert!(open(app, &nurse, "DC-7", REASON).await.status().is_redirection());
        let queued = "SELECT COUNT(*) FROM mails WHERE kind = 'emergency_opened'";
        assert_eq!(app.count(queued).await, 2);
        assert!(open(app, &nurse, "DC-7", "A second time, for the blood results").await.status().is_redirection());
        assert_eq!((app.count(queued).await, app.events("emergency.opened").await), (4, 2), "each is told of");
        app.advance(Duration::from_secs(2 * 60 * 60));
        app.send_mail().await;
        let alerts = |word: &str| {
            let mails = app.mails_to(&format!("{word}@northfield.example"));
            mails.into_iter().filter(|mail| mail.starts_with("Emergency access")).collect::<Vec<_>>()
        };
        for told in ["ada", "controller"] {
            let mails = alerts(told);
            assert_eq!(mails.len(), 2, "{told}: however late");
            assert!(mails.iter().any(|mail| mail.contains(REASON)), "{mails:?}");
            for mail in mails {
                for part in ["DC-7", "nurse Example", "nurse@northfield.example", "Diabetes Care", "/emergencies", "at the latest"] {
                    assert!(mail.contains(part), "{part}: {mail}");
                }
                assert!(!mail.contains("Zebulon") && !mail.contains("Quagmarch"), "{mail}");
            }
        }
        for untold in ["elsewhere", "ward", "nurse"] {
            assert_eq!(alerts(untold).len(), 0, "{untold}");
        }
    }

    async fn phi_02_a_number_of_two_deployments_asks_which(app: &TestApp) {
        let renal = care_portal::sites::actions::create_deployment(&app.portal, &app.admin_caller().await, app.organisation.organisation, "Renal").await.unwrap();
        let renal = care_portal::access::Scope::deployment(app.organisation.organisation, renal.id);
        let first = app.patient(app.diabetes, "77", NAME).await;
        let second = app.patient(renal, "77", "Somebody Else").await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        let text = refused(open(app, &nurse, "77", REASON).await).await;
        assert!(text.contains("choose where yours is") && text.contains("Diabetes Care") && text.contains("Renal"), "{text}");
        let page = format!("{}/emergency", app.cardiology.path());
        let form = |at: String| [("number", "77".to_owned()), ("reason", REASON.to_owned()), ("deployment", at)];
        let send = async |at: String| {
            let form = form(at);
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            nurse.post(&page, &form).await
        };
        refused(send(app.cardiology.to_string()).await).await;
        assert_eq!(accesses(app).await, 0);
        assert!(send(renal.to_string()).await.status().is_redirection());
        assert_eq!((reads(app, "nurse", first).await, reads(app, "nurse", second).await), (None, Some(true)));
    }

    async fn phi_02_the_list_is_for_those_who_read_the_access_log(app: &TestApp) {
        app.patient(app.diabetes, "DC-7", NAME).await;
        let controller = RoleKey::Default(DefaultRole::AccessController);
        let here = app.person("controller", controller, app.diabetes).await;
        let elsewhere = app.person("elsewhere", controller, app.cardiology).await;
        let nurse = app.person("nurse", NURSE, app.cardiology).await;
        let ward = app.person("ward", NURSE, app.diabetes).await;
        for n in 0..52 {
            app.advance(Duration::from_secs(1));
            assert!(open(app, &nurse, "DC-7", &format!("For the good reason of number {n}.")).await.status().is_redirection());
        }
        let list = |scope: care_portal::access::Scope| format!("{}/emergencies", scope.path());
        assert_eq!(nurse.get(&list(app.cardiology)).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(ward.get(&list(app.diabetes)).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(nurse.get(&list(app.diabetes)).await.status(), StatusCode::NOT_FOUND);
        assert!(elsewhere.page(&list(app.cardiology)).await.contains("Nobody has used an emergency access here"));
        let ada = app.admin().await;
        for page in [ada.page(&list(app.organisation)).await, here.page(&list(app.diabetes)).await] {
            assert!(page.contains("nurse Example") && page.contains("Open now") && !page.contains(NAME), "{page}");
            assert_eq!(page.matches("For the good reason").count(), 50);
            let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
            let rest = ada.page(&next).await;
            assert_eq!(rest.matches("For the good reason").count(), 2, "{rest}");
            assert!(rest.contains("number 0.") && rest.contains("number 1."));
        }
        // In the log it reads as what it is.
        let log = here.page(&format!("{}/access-log?action=emergency.opened", app.diabetes.path())).await;
        assert!(log.contains("nurse Example opened patient DC-7 in an emergency"), "{log}");
    }
}
