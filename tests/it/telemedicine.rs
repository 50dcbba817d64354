//! Messages to patients: who may send them and to whom they go, what the mail and the log keep to themselves, and the life of the
//! patient's private page.

use std::time::Duration;

use care_portal::{
    access::{DefaultRole, Permission, RoleKey, Scope},
    bounces::{self, Named, Report, Verdict},
    contact::{
        TypedAppointment,
        actions::{propose_appointment, send_message, tell_monitoring},
        private_link,
    },
    op::Op,
    roles::{self, RoleDraft},
    types::{AppointmentId, Id, MailId, MessageId, PatientId, kind},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

pub const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const TEXT: &str = "Please weigh yourself before breakfast <tomorrow>.";

pub fn at(scope: Scope, patient: PatientId, page: &str) -> String {
    format!("{}/patients/{patient}/{page}", scope.path())
}

pub async fn write(who: &Person, scope: Scope, patient: PatientId, text: &str, key: &str) -> (StatusCode, String) {
    let form = [("do", "send"), ("text", text), ("key", key)];
    let answer = who.post(&at(scope, patient, "messages/new"), &form).await;
    (answer.status(), answer.text().await.unwrap())
}

/// Somebody who may contact patients but knows them by number only.
pub async fn caller_by_number(app: &TestApp) -> Person {
    let permissions = [Permission::ViewPatientData, Permission::ContactPatient].into_iter().collect();
    let draft = RoleDraft { name: "Caller".to_owned(), permissions };
    let role = roles::actions::create_role(&app.portal, &app.admin_caller().await, app.organisation, &draft).await;
    app.person("numbers", role.unwrap().key, app.cardiology).await
}

/// The code of the only message or appointment.
pub async fn code(app: &TestApp, table: &str) -> String {
    private_link(&app.portal, app.uuid(&format!("SELECT id FROM {table}")).await, 1).1
}

/// Opens a private page as its script does.
pub async fn open(app: &TestApp, code: &str) -> (StatusCode, String) {
    let patient = app.visitor();
    let answer = patient.post("/for-you", &[("code", code)]).await;
    if answer.status() != StatusCode::SEE_OTHER {
        return (answer.status(), answer.text().await.unwrap());
    }
    assert_eq!(location(&answer), "/for-you");
    let page = patient.get("/for-you").await;
    assert_eq!(page.headers()["cache-control"], "no-store");
    (page.status(), page.text().await.unwrap())
}

/// A message and an appointment for the matrix of routes.
pub async fn make_spares(app: &TestApp, patient: PatientId) {
    let admin = app.admin_caller().await;
    send_message(&app.portal, &admin, patient, "Spare", "spare").await.unwrap();
    let typed = TypedAppointment {
        day: "2026-12-01".to_owned(),
        time: "09:00".to_owned(),
        minutes: "30".to_owned(),
        how: "visit".to_owned(),
        place: "Spare".to_owned(),
    };
    propose_appointment(&app.portal, &admin, patient, &typed, ("spare", false)).await.unwrap();
}

/// What the matrix of routes sends to them.
pub fn form_for(app: &TestApp, route: &str) -> Vec<(&'static str, String)> {
    let key = app.portal.new_id::<kind::Message>().to_string();
    let (day, despite) = ("2026-12-02", "2026-12-02 09:00 30");
    let words: &[(&str, &str)] = if route.contains("/messages/") {
        &[("text", "Hello"), ("do", "send")]
    } else {
        &[("day", day), ("time", "09:00"), ("minutes", "30"), ("how", "visit"), ("revision", "1"), ("despite", despite)]
    };
    let place = if route.ends_with("/new") { "" } else { "Spare" };
    let words = words.iter().map(|(name, value)| (*name, (*value).to_owned()));
    words.chain([("key", key), ("place", place.to_owned())]).collect()
}

/// One message to be taken back; nothing counts as sent today.
pub async fn spare_message(app: &TestApp) -> String {
    app.execute("UPDATE messages SET withdrawn_at = NULL, sent_at = 1").await;
    MessageId::from_uuid(app.uuid("SELECT id FROM messages WHERE text = 'Spare'").await).to_string()
}

/// One appointment to be moved and cancelled; nothing counts as made or mailed today.
pub async fn spare_appointment(app: &TestApp) -> String {
    app.execute("UPDATE appointments SET state = 'proposed', revision = 1, created_at = 1").await;
    app.execute("UPDATE mails SET created_at = 1 WHERE kind = 'appointment'").await;
    AppointmentId::from_uuid(app.uuid("SELECT id FROM appointments WHERE place = 'Spare'").await).to_string()
}

on_both! {
    async fn a_message_is_refused_to_who_may_not_send_it(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let (_, grace) = app.second_organisation().await;
        let coordinator = app.person("coordinator", app.coordinator, app.cardiology).await;
        let controller = app.default(DefaultRole::AccessController, app.cardiology).await;
        let elsewhere = app.person("elsewhere", STAFF, app.diabetes).await;
        let emergency = app.person("emergency", STAFF, app.diabetes).await;
        let account = app.uuid("SELECT id FROM accounts WHERE email_key = 'emergency@northfield.example'").await;
        app.execute(&format!(
            "INSERT INTO emergency_accesses (id, organisation_id, deployment_id, patient_id, account_id, reason, begun_at, ends_at) \
             VALUES ({}, {}, {}, {}, {}, 'Found unconscious', 1, 9999999999999)",
            app.literal(app.portal.new_id::<kind::Emergency>().uuid()),
            app.literal(app.cardiology.organisation.uuid()),
            app.literal(app.cardiology.id()),
            app.literal(patient.uuid()),
            app.literal(account),
        )).await;
        for (who, person, expected) in [
            ("a coordinator", &coordinator, StatusCode::FORBIDDEN),
            ("an access controller", &controller, StatusCode::FORBIDDEN),
            ("staff of another deployment", &elsewhere, StatusCode::NOT_FOUND),
            ("the Admin of another hospital", &grace, StatusCode::NOT_FOUND),
            ("an emergency access", &emergency, StatusCode::NOT_FOUND),
        ] {
            assert_eq!(write(person, app.cardiology, patient, TEXT, "k").await.0, expected, "{who} sends");
            for page in ["messages/new", "appointments/new"] {
                assert_eq!(person.get(&at(app.cardiology, patient, page)).await.status(), expected, "{who} opens {page}");
            }
            for page in ["appointments/new", "call"] {
                let answer = person.post(&at(app.cardiology, patient, page), &[("day", "2026-12-01")]).await;
                assert_eq!(answer.status(), expected, "{who} presses {page}");
            }
        }
        for person in [&coordinator, &emergency] {
            let page = person.page(&at(app.cardiology, patient, "telemedicine")).await;
            assert!(page.contains("Nothing was sent yet") && !page.contains("messages/new") && !page.contains("/call"));
        }
        // The right patient at the wrong deployment's address is nobody.
        let ada = app.admin().await;
        assert_eq!(write(&ada, app.diabetes, patient, TEXT, "k").await.0, StatusCode::NOT_FOUND);
        assert_eq!(app.count("SELECT COUNT(*) FROM messages").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'patient_message'").await, 0);
        assert!(app.events("access.refused").await >= 5, "refusals are in the access log");
    }

    async fn a_text_that_cannot_be_sent_comes_back_with_its_reason(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        for (text, why) in [("", "Write the message"), (" \n ", "Write the message"), (&"x".repeat(2_001), "2,000 are the most")] {
            let (status, page) = write(&ben, app.cardiology, patient, text, "k").await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(page.contains(why) && page.contains("aria-invalid"), "{page}");
            assert!(page.contains(text.trim()), "what was typed is kept");
        }
        let (status, _) = write(&ben, app.cardiology, patient, TEXT, "").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "without a key two presses would be two messages");

        app.execute("UPDATE deployments SET custom_messages = FALSE").await;
        let (status, page) = write(&ben, app.cardiology, patient, TEXT, "k").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("none is ready"), "{page}");
        app.execute(&format!(
            "INSERT INTO predefined_messages (deployment_id, position, text) VALUES ({}, 0, 'Please call us.')",
            app.literal(app.cardiology.id())
        )).await;
        let (status, page) = write(&ben, app.cardiology, patient, TEXT, "k").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("Choose one of the messages") && page.contains("type=\"radio\""), "{page}");
        assert_eq!(write(&ben, app.cardiology, patient, "Please call us.", "k").await.0, StatusCode::SEE_OTHER);

        app.execute("UPDATE deployments SET custom_messages = TRUE").await;
        let fill = [("do", "fill"), ("ready", "0"), ("text", ""), ("key", "k2")];
        let page = ben.post(&at(app.cardiology, patient, "messages/new"), &fill).await.text().await.unwrap();
        assert!(page.contains(">Please call us.</textarea>"), "a ready message fills the text");

        app.execute("UPDATE deployments SET messages = FALSE").await;
        let (status, page) = write(&ben, app.cardiology, patient, TEXT, "k3").await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("Messages are switched off"), "{page}");
        assert!(!ben.page(&at(app.cardiology, patient, "telemedicine")).await.contains("messages/new"));
        app.execute("UPDATE deployments SET messages = TRUE").await;
        app.execute("UPDATE patients SET monitored = 0").await;
        let (status, page) = write(&ben, app.cardiology, patient, TEXT, "k3").await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("Monitoring of this patient was stopped"), "{page}");
        assert_eq!(app.count("SELECT COUNT(*) FROM messages").await, 1);
    }

    async fn nobody_without_an_address_is_written_to_and_no_address_is_shown(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let (ben, numbers) = (app.person("ben", STAFF, app.cardiology).await, caller_by_number(app).await);
        for person in [&ben, &numbers] {
            for page in ["telemedicine", "messages/new", "appointments/new"] {
                let page = person.page(&at(app.cardiology, patient, page)).await;
                assert!(!page.contains("nf-7@patients.example"), "the address stands on no page");
            }
        }
        assert!(!numbers.page(&at(app.cardiology, patient, "messages/new")).await.contains("Vance"));
        app.execute("UPDATE patients SET email = ''").await;
        for (person, may_edit) in [(&ben, true), (&numbers, false)] {
            for page in ["telemedicine", "messages/new", "appointments/new"] {
                let page = person.page(&at(app.cardiology, patient, page)).await;
                assert!(page.contains("has no e-mail address") && !page.contains("name=\"text\""), "{page}");
                assert_eq!(page.contains("Add one in the profile"), may_edit, "{page}");
            }
            let (status, page) = write(person, app.cardiology, patient, TEXT, "k").await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(page.contains("has no e-mail address"));
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM messages").await, 0);
    }

    async fn a_patient_gets_a_few_messages_a_day_and_each_once(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let other = app.patient(app.cardiology, "NF-8", "Olu Ade").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        // Two presses at the same moment, and one later.
        let (one, two) = tokio::join!(
            write(&ben, app.cardiology, patient, TEXT, "press"),
            write(&ben, app.cardiology, patient, TEXT, "press")
        );
        assert_eq!((one.0, two.0), (StatusCode::SEE_OTHER, StatusCode::SEE_OTHER));
        assert_eq!(write(&ben, app.cardiology, patient, TEXT, "press").await.0, StatusCode::SEE_OTHER);
        assert_eq!(write(&ben, app.cardiology, patient, "Something else", "press").await.0, StatusCode::CONFLICT);
        assert_eq!(app.count("SELECT COUNT(*) FROM messages").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM mails WHERE kind = 'patient_message'").await, 1);
        for n in 1..5 {
            app.advance(Duration::from_secs(3600));
            let ben = app.sign_in("ben@northfield.example").await;
            assert_eq!(write(&ben, app.cardiology, patient, TEXT, &format!("k{n}")).await.0, StatusCode::SEE_OTHER);
        }
        let ada = app.admin().await;
        let form = [("do", "send"), ("text", TEXT), ("key", "sixth")];
        let answer = ada.post(&at(app.cardiology, patient, "messages/new"), &form).await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS, "whoever sends it");
        assert_eq!(answer.headers()["retry-after"], (20 * 3600).to_string());
        let page = answer.text().await.unwrap();
        assert!(page.contains("5 times in 24 hours") && page.contains("Tuesday 22 September") && page.contains("weigh"), "{page}");
        assert_eq!(write(&ada, app.cardiology, other, TEXT, "other").await.0, StatusCode::SEE_OTHER, "others are not concerned");
        app.advance(Duration::from_secs(20 * 3600 + 1));
        let ada = app.admin().await;
        assert_eq!(write(&ada, app.cardiology, patient, TEXT, "later").await.0, StatusCode::SEE_OTHER);
    }

    async fn the_text_stands_on_the_private_page_and_nowhere_else(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        assert_eq!(write(&ben, app.cardiology, patient, TEXT, "k").await.0, StatusCode::SEE_OTHER);
        app.send_mail().await;
        let mail = app.mails_to("nf-7@patients.example").remove(0);
        assert!(mail.starts_with("A message from your care team at Northfield Hospital\n"), "{mail}");
        for expected in ["ben Example", "/for-you#cpp1_", "/for-you\n"] {
            assert!(mail.replace('\r', "").contains(expected), "{expected}: {mail}");
        }
        for kept in ["weigh", "Agnes", "Vance", "NF-7", "Cardiology"] {
            assert!(!mail.contains(kept), "the mail does not say {kept}: {mail}");
        }
        for table in ["events", "mails"] {
            let dump = app.dump(table).await;
            assert!(!dump.contains("weigh") && !dump.contains("Vance"), "{table}");
        }
        assert!(!app.dump("events").await.contains("nf-7@patients.example"));
        assert_eq!(app.events("message.sent").await, 1);

        let code = code(app, "messages").await;
        assert!(mail.contains(&code));
        let before = ben.page(&at(app.cardiology, patient, "telemedicine")).await;
        assert!(before.contains("Handed over") && !before.contains("Read "), "{before}");
        let (status, page) = open(app, &code).await;
        assert_eq!(status, StatusCode::OK);
        for expected in ["weigh yourself before breakfast &#60;tomorrow&#62;", "ben Example", "Cardiology, Northfield Hospital"] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        for kept in ["Agnes", "Vance", "NF-7", "patients.example"] {
            assert!(!page.contains(kept), "{kept}: {page}");
        }
        let first = app.count("SELECT opened_at FROM messages").await;
        app.advance(Duration::from_secs(60));
        assert_eq!(open(app, &code).await.0, StatusCode::OK);
        assert_eq!(app.count("SELECT opened_at FROM messages").await, first, "the first opening counts");
        let after = ben.page(&at(app.cardiology, patient, "telemedicine")).await;
        assert!(after.contains("Read <time"), "{after}");
    }

    async fn a_private_page_closes_and_says_why(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        write(&ben, app.cardiology, patient, TEXT, "k").await;
        let code = code(app, "messages").await;
        // Never made by this portal: shown nothing, however close.
        let id = app.uuid("SELECT id FROM messages").await;
        let other_generation = private_link(&app.portal, id, 2).1;
        let nobodys = private_link(&app.portal, app.portal.new_id::<kind::Message>().uuid(), 1).1;
        for wrong in [&other_generation, &nobodys] {
            let (status, page) = open(app, wrong).await;
            assert_eq!(status, StatusCode::GONE);
            assert!(page.contains("This link does not work") && !page.contains("weigh") && !page.contains("/sign-in"), "{page}");
        }
        for foreign in ["", "cpi1_x", &code.replace("cpp1_", "cpr1_")] {
            assert_eq!(open(app, foreign).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{foreign}");
        }
        for (sql, undo, says) in [
            ("UPDATE patients SET monitored = 0", "UPDATE patients SET monitored = 1", "no longer follows you"),
            ("UPDATE patients SET link_generation = 2", "UPDATE patients SET link_generation = 1", "made your links anew"),
        ] {
            app.execute(sql).await;
            let (status, page) = open(app, &code).await;
            assert_eq!(status, StatusCode::GONE);
            assert!(page.contains(says) && !page.contains("weigh"), "{page}");
            app.execute(undo).await;
        }
        app.advance(Duration::from_secs(90 * 24 * 3600));
        assert_eq!(open(app, &code).await.0, StatusCode::OK, "it works for 90 days");
        app.advance(Duration::from_secs(1));
        let (status, page) = open(app, &code).await;
        assert!(status == StatusCode::GONE && page.contains("90 days"), "{page}");

        let ben = app.sign_in("ben@northfield.example").await;
        write(&ben, app.cardiology, patient, "Another one", "k2").await;
        let newer = app.uuid("SELECT id FROM messages WHERE text = 'Another one'").await;
        let path = at(app.cardiology, patient, &format!("messages/{}/withdraw", Id::<kind::Message>::from_uuid(newer)));
        assert_eq!(ben.post(&path, &[]).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(ben.post(&path, &[]).await.status(), StatusCode::NOT_FOUND, "once");
        let (status, page) = open(app, &private_link(&app.portal, newer, 1).1).await;
        assert!(status == StatusCode::GONE && page.contains("taken this message back") && !page.contains("Another one"));
        // Neither mail leaves any more: one was taken back, and the other's patient has another address now.
        app.execute("UPDATE patients SET email = 'new@patients.example'").await;
        app.send_mail().await;
        assert!(app.mails_to("nf-7@patients.example").is_empty());
        assert_eq!(app.events("message.withdrawn").await, 1);
    }

    async fn whoever_guesses_codes_has_to_wait(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        write(&ben, app.cardiology, patient, TEXT, "k").await;
        let good = code(app, "messages").await;
        let mut waits = false;
        for n in 0..60 {
            let wrong = private_link(&app.portal, app.portal.new_id::<kind::Message>().uuid(), n).1;
            waits |= open(app, &wrong).await.0 == StatusCode::TOO_MANY_REQUESTS;
        }
        assert!(waits, "sixty guesses are too many");
        assert_eq!(open(app, &good).await.0, StatusCode::OK, "a right code opens whatever others guess");
    }

    async fn a_mail_that_comes_back_leaves_no_address_in_the_log(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        let ben = app.person("ben", STAFF, app.cardiology).await;
        write(&ben, app.cardiology, patient, TEXT, "k").await;
        app.send_mail().await;
        let mail = MailId::from_uuid(app.uuid("SELECT mail_id FROM messages").await);
        let report = Report {
            mail: Named::Ours(mail, 1),
            recipient: Some("nf-7@patients.example".to_owned()),
            verdict: Verdict::Failed,
            answer: "550 5.1.1 <nf-7@patients.example> no such user".to_owned(),
        };
        let taken = bounces::actions::take(&app.portal, &care_portal::access::Origin::default(), None, &[report]).await;
        assert_eq!(taken.unwrap().bounced, 1);
        assert_eq!(app.events("patient.mail_bounced").await, 1);
        assert!(!app.dump("events").await.contains("patients.example"));
        let page = ben.page(&at(app.cardiology, patient, "telemedicine")).await;
        assert!(page.contains("Bounced") && !page.contains("patients.example"), "{page}");
    }

    async fn a_patient_is_told_when_monitoring_stops_and_begins_again(app: &TestApp) {
        let patient = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
        for (monitored, stopped, says) in [(0, true, "no longer follows"), (1, false, "follows what you send in again")] {
            app.execute(&format!("UPDATE patients SET monitored = {monitored}")).await;
            let op = Op::begin(&app.portal, &app.admin_caller().await).await.unwrap();
            let (mut op, _) = op.require_for(Permission::OffboardPatients, patient).await.unwrap();
            tell_monitoring(&mut op, patient, stopped).await.unwrap();
            op.commit().await.unwrap();
            app.send_mail().await;
            let mail = app.mails_to("nf-7@patients.example").into_iter().find(|mail| mail.contains(says));
            let mail = mail.unwrap_or_else(|| panic!("a mail that says {says}"));
            assert!(mail.starts_with("A notice from your care team at Northfield Hospital") && !mail.contains("Agnes"), "{mail}");
        }
        app.execute("UPDATE patients SET email = ''").await;
        let before = app.count("SELECT COUNT(*) FROM mails").await;
        let mut op = Op::begin(&app.portal, &app.admin_caller().await).await.unwrap();
        tell_monitoring(&mut op, patient, true).await.unwrap();
        op.commit().await.unwrap();
        assert_eq!(app.count("SELECT COUNT(*) FROM mails").await, before, "nobody without an address is told");
    }
}
