//! Appointments with patients and calls: proposed, answered, moved and cancelled, as the mail server, the calendar, the patient and
//! two colleagues see them.

use std::collections::HashMap;

use care_portal::types::{AppointmentId, PatientId};
use mail_parser::{MessageParser, MimeHeaders};
use reqwest::StatusCode;

use crate::{
    mail_tests, on_both,
    support::{
        app::{Database, Person, TestApp, location},
        smtp::{Received, ScriptedSmtp},
    },
    telemedicine::{STAFF, at, caller_by_number, code, open},
};

const PLACE: &str = "https://video.example/room/7";

async fn propose(who: &Person, app: &TestApp, patient: PatientId, change: &[(&str, &str)]) -> (StatusCode, String) {
    post(who, &at(app.cardiology, patient, "appointments/new"), change).await
}

async fn post(who: &Person, path: &str, change: &[(&str, &str)]) -> (StatusCode, String) {
    let mut form = vec![
        ("day", "2026-12-01"),
        ("time", "09:00"),
        ("minutes", "30"),
        ("how", "video"),
        ("place", PLACE),
        ("key", "press"),
        ("do", "save"),
    ];
    form.retain(|(name, _)| change.iter().all(|(other, _)| other != name));
    form.extend_from_slice(change);
    let answer = who.post(path, &form).await;
    (answer.status(), answer.text().await.unwrap())
}

async fn only(app: &TestApp) -> AppointmentId {
    AppointmentId::from_uuid(app.uuid("SELECT id FROM appointments").await)
}

/// The calendar's lines of a mail, by their names without parameters; and the whole text.
fn calendar(mail: &Received) -> (HashMap<String, String>, String) {
    let parsed = MessageParser::default().parse(mail.data.as_bytes()).unwrap();
    let part = parsed.parts.iter().find(|part| {
        part.content_type().is_some_and(|kind| kind.ctype() == "text" && kind.subtype() == Some("calendar"))
    });
    let part = part.expect("a calendar part");
    let method = part.content_type().and_then(|kind| kind.attribute("method")).expect("a method").to_owned();
    let text = String::from_utf8(part.contents().to_vec()).unwrap();
    let unfolded = text.replace("\r\n", "\n").replace("\n ", "");
    let lines = unfolded.lines().filter_map(|line| line.split_once(':'));
    let lines: HashMap<_, _> =
        lines.map(|(name, value)| (name.split(';').next().unwrap().to_owned(), value.to_owned())).collect();
    assert_eq!(lines["METHOD"], method, "the mail's header and the object agree");
    (lines, text)
}

mail_tests! {
    async fn an_appointment_from_proposal_to_cancellation(app: &TestApp, server: &ScriptedSmtp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let telemedicine = at(app.cardiology, patient, "telemedicine");
        assert_eq!(propose(&ben, app, patient, &[]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(propose(&ben, app, patient, &[]).await.0, StatusCode::SEE_OTHER, "pressed twice");
        assert_eq!(app.count("SELECT COUNT(*) FROM appointments").await, 1);
        app.send_mail().await;
        let to_patient = || server.mails().into_iter().filter(|mail| mail.to[0].contains("nf-7@")).collect::<Vec<_>>();
        let (first, text) = calendar(&to_patient()[0]);
        let id = only(app).await;
        assert_eq!(first["METHOD"], "REQUEST");
        assert_eq!(first["UID"], format!("{id}@127.0.0.1"));
        assert_eq!((first["SEQUENCE"].as_str(), first["DTSTART"].as_str()), ("0", "20261201T090000Z"));
        assert_eq!(first["DTEND"], "20261201T093000Z");
        assert_eq!(first["ATTENDEE"], "mailto:nf-7@patients.example");
        let whole = MessageParser::default().parse(to_patient()[0].data.as_bytes()).unwrap().body_text(0).unwrap().to_string();
        assert!(whole.contains("Tuesday 1 December 2026, 09:00 GMT") && whole.contains("ben Example"), "{whole}");
        for kept in ["Agnes", "Vance", "NF-7", "Cardiology", "video.example"] {
            assert!(!text.contains(kept) && !whole.contains(kept), "{kept}");
        }

        let code = code(app, "appointments").await;
        let (status, page) = open(app, &code).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("Please answer") && page.contains(PLACE) && !page.contains("Vance"), "{page}");
        assert!(ben.page(&telemedicine).await.contains("Waiting for an answer"));
        let sick = app.visitor();
        sick.post("/for-you", &[("code", &code)]).await;
        let id_text = id.to_string();
        let answer = |what: &'static str, text: &'static str, sequence: &'static str| {
            let (sick, id) = (&sick, id_text.clone());
            async move {
                let form = [("appointment", id.as_str()), ("sequence", sequence), ("do", what), ("text", text)];
                sick.post("/for-you/answer", &form).await.status()
            }
        };
        assert_eq!(answer("dance", "", "0").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer("another", " ", "0").await, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(answer("another", "Thursday <afternoon>", "0").await, StatusCode::SEE_OTHER);
        let page = ben.page(&telemedicine).await;
        assert!(page.contains("Asks for another time") && page.contains("Thursday &#60;afternoon&#62;"), "{page}");
        assert_eq!(answer("confirm", "", "0").await, StatusCode::SEE_OTHER, "an answer can be changed");
        assert!(ben.page(&telemedicine).await.contains("Confirmed"));

        // Moved by a colleague; who has the old page open is told so.
        let change = at(app.cardiology, patient, &format!("appointments/{id}"));
        let ada = app.admin().await;
        assert!(ben.page(&change).await.contains("name=\"revision\" value=\"3\""));
        assert_eq!(post(&ada, &change, &[("day", "2026-12-03"), ("revision", "3")]).await.0, StatusCode::SEE_OTHER);
        let (status, page) = post(&ben, &change, &[("day", "2026-12-04"), ("revision", "3")]).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("Somebody else has changed this appointment") && page.contains("3 December"), "{page}");
        assert_eq!(post(&ben, &change, &[("do", "cancel"), ("revision", "3")]).await.0, StatusCode::CONFLICT);
        assert!(ben.page(&telemedicine).await.contains("Waiting for an answer"), "the old answer is gone");
        assert_eq!(answer("confirm", "", "0").await, StatusCode::CONFLICT, "nobody confirms a time that they have not seen");
        app.send_mail().await;
        let (moved, _) = calendar(&to_patient()[1]);
        assert_eq!((moved["SEQUENCE"].as_str(), moved["DTSTART"].as_str()), ("1", "20261203T090000Z"));
        assert_eq!(moved["UID"], first["UID"]);
        assert_eq!(answer("decline", "", "1").await, StatusCode::SEE_OTHER);
        assert!(ben.page(&telemedicine).await.contains("Declined"));

        assert_eq!(post(&ben, &change, &[("do", "cancel"), ("revision", "5")]).await.0, StatusCode::SEE_OTHER);
        app.send_mail().await;
        let (cancelled, _) = calendar(&to_patient()[2]);
        assert_eq!((cancelled["METHOD"].as_str(), cancelled["STATUS"].as_str()), ("CANCEL", "CANCELLED"));
        assert_eq!((cancelled["SEQUENCE"].as_str(), &cancelled["UID"]), ("2", &first["UID"]));
        assert_eq!(answer("confirm", "", "2").await, StatusCode::CONFLICT);
        assert!(open(app, &code).await.1.contains("has cancelled it"));
        assert!(post(&ben, &change, &[("revision", "6")]).await.0 == StatusCode::CONFLICT, "what is off stays off");
        assert_eq!(to_patient().len(), 3);
        let events = app.dump("events").await;
        for kept in ["Thursday", "afternoon", "video.example", "Vance", "nf-7@"] {
            assert!(!events.contains(kept), "{kept} is in the log");
        }
        for (action, times) in [("proposed", 1), ("moved", 1), ("cancelled", 1), ("answered", 3)] {
            assert_eq!(app.events(&format!("appointment.{action}")).await, times, "{action}");
        }
    }
}

on_both! {
    async fn what_cannot_be_an_appointment_is_said_beside_its_field(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        for (change, says) in [
            (vec![("day", "2026-09-20")], "This is in the past"),
            (vec![("day", "soon")], "Choose the day"),
            (vec![("time", "")], "Give the time"),
            (vec![("minutes", "2")], "5 to 480 minutes"),
            (vec![("how", "fax")], "Choose how you meet"),
            (vec![("place", "a\nb")], "in one line"),
        ] {
            let (status, page) = propose(&ben, app, patient, &change).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(page.contains(says) && page.contains("aria-invalid"), "{says}: {page}");
        }
        app.execute("UPDATE deployments SET appointments = FALSE").await;
        let (status, page) = propose(&ben, app, patient, &[]).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("Appointments are switched off"));
        assert_eq!(app.count("SELECT COUNT(*) FROM appointments").await, 0);
    }

    async fn another_appointment_at_the_same_time_is_pointed_out(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let other = app.patient(app.cardiology, "NF-8", "Olu Ade").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        let ada = app.admin().await;
        assert_eq!(propose(&ben, app, patient, &[]).await.0, StatusCode::SEE_OTHER);
        let (status, page) = propose(&ada, app, patient, &[("time", "09:15"), ("key", "a")]).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("This patient has another appointment from 09:00 to 09:30."), "{page}");
        let (_, page) = propose(&ben, app, other, &[("time", "08:45"), ("key", "b")]).await;
        assert!(page.contains("You have another appointment from 09:00 to 09:30.") && !page.contains("NF-7"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM appointments").await, 1);
        // What was pointed out for one time is not taken for another.
        let elsewhere = [("time", "08:50"), ("key", "b"), ("despite", "2026-12-01 08:45 30")];
        assert_eq!(propose(&ben, app, other, &elsewhere).await.0, StatusCode::OK);
        let despite = [("time", "08:45"), ("key", "b"), ("despite", "2026-12-01 08:45 30")];
        assert_eq!(propose(&ben, app, other, &despite).await.0, StatusCode::SEE_OTHER);
        assert_eq!(propose(&ada, app, patient, &[("time", "09:30"), ("key", "c")]).await.0, StatusCode::SEE_OTHER, "one after the other");
        for n in 0..3 {
            let (day, key) = (format!("2026-12-1{n}"), format!("d{n}"));
            assert_eq!(propose(&ada, app, patient, &[("day", &day), ("key", &key)]).await.0, StatusCode::SEE_OTHER);
        }
        let (status, page) = propose(&ada, app, patient, &[("day", "2026-12-20"), ("key", "e")]).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert!(page.contains("5 times in 24 hours"), "{page}");
    }

    async fn a_call_is_in_the_log_before_its_link_is_shown(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let (ben, numbers) = (app.person("ben", STAFF, app.cardiology).await, caller_by_number(app).await);
        let call = at(app.cardiology, patient, "call");
        let page = ben.post(&call, &[]).await.text().await.unwrap();
        assert!(page.contains("href=\"tel:+442079460123\""), "{page}");
        assert_eq!(app.events("patient.called").await, 1);
        let page = numbers.post(&call, &[]).await.text().await.unwrap();
        assert!(!page.contains("tel:") && !page.contains("79460123") && page.contains("View patient identifiers"), "{page}");
        app.execute("UPDATE deployments SET call_link = 'https://video.example/{number}'").await;
        let page = numbers.post(&call, &[]).await.text().await.unwrap();
        assert!(page.contains("href=\"https://video.example/NF-7\""), "{page}");
        assert_eq!(app.events("patient.called").await, 2);
        for (link, says) in [("javascript:alert(1)", "switched off"), ("", "switched off"), ("http://x.example/{number}", "switched off")] {
            app.execute(&format!("UPDATE deployments SET call_link = '{link}'")).await;
            let page = ben.post(&call, &[]).await.text().await.unwrap();
            assert!(page.contains(says) && !page.contains("x.example") && !page.contains("javascript:"), "{page}");
        }
        app.execute("UPDATE deployments SET call_link = 'tel:{phone}'").await;
        app.execute("UPDATE patients SET phone = 'unknown'").await;
        assert!(ben.post(&call, &[]).await.text().await.unwrap().contains("no telephone number"));
        assert_eq!(app.events("patient.called").await, 2, "what could not be called was not");
        assert!(!app.dump("events").await.contains("79460123"));
        assert_eq!(location(&app.visitor().post(&call, &[]).await), "/sign-in");
    }
}
