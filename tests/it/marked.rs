//! PHI-01: a patient with strings that are nowhere else. Whoever may not see identifiers meets none of them, in no answer of any
//! route, in no mail, and neither does the access log.

use care_portal::{
    access::{DefaultRole, RoleKey, Scope},
    patients::{self, Identity, NewPatient},
    types::PatientId,
};

use crate::{
    matrix::{Ids, ROUTES, furnish, send, with_spare},
    on_both,
    support::app::{Database, Person, TestApp},
};

/// Everything that says who the patient is, and each way in which it may be written.
const MARKS: [&str; 8] =
    ["zebulon", "quagmarch", "wombat.burrow", "07700900987", "7700 900987", "1931-07-19", "19 july 1931", "19/07/1931"];
const NUMBER: &str = "MK-4711";

async fn admit(app: &TestApp, scope: Scope) -> PatientId {
    let identity = Identity {
        name: "Zebulon Quagmarch".to_owned(),
        email: "wombat.burrow@patients.example".to_owned(),
        phone: "07700900987".to_owned(),
        born_on: "1931-07-19".to_owned(),
    };
    let new = NewPatient { number: NUMBER.to_owned(), identity, ..NewPatient::default() };
    let admin = app.admin_caller().await;
    let patient = patients::actions::add_patients(&app.portal, &admin, scope, vec![new]).await.unwrap()[0];
    app.reading(patient, "weight", "70", app.minutes_ago(5)).await;
    patient
}

fn marks_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    MARKS.into_iter().filter(|mark| text.contains(mark)).collect()
}

/// All that an answer tells: address, headers, body.
async fn told(answer: reqwest::Response) -> String {
    let (url, headers) = (answer.url().to_string(), format!("{:?}", answer.headers()));
    let body = answer.bytes().await.unwrap();
    format!("{url}\n{headers}\n{}", String::from_utf8_lossy(&body))
}

/// Walks all that can be read, with the patient where one is asked for; gives what tells too much, and how many answers tell the number.
async fn walk(app: &TestApp, name: &str, person: &Person, ids: &Ids) -> (Vec<String>, usize) {
    let (mut leaks, mut met) = (Vec::new(), 0);
    let mut judge = |what: &str, text: &str| {
        met += usize::from(text.contains(NUMBER));
        let found = marks_in(text);
        if !found.is_empty() {
            leaks.push(format!("{what} tells {name} {found:?}"));
        }
    };
    for (_, route, _) in ROUTES.iter().filter(|(method, ..)| *method == "GET") {
        judge(route, &told(send(app, person, "GET", route, ids).await).await);
    }
    let path = format!("/{}", ids.scope);
    for more in
        ["/access-log?action=patients", "/access-log?action=patient.seen", "/patients?q=mk-4711", "/patients?sort=name"]
    {
        judge(more, &told(person.get(&format!("{path}{more}")).await).await);
    }
    // What was typed stands in the field; whether it finds somebody is told by the number.
    for typed in ["Zebulon", "quagmarch", "wombat.burrow%40patients.example", "07700900987", "1931-07-19"] {
        let text = told(person.get(&format!("{path}/patients?q={typed}")).await).await;
        if text.contains(NUMBER) {
            leaks.push(format!("a search for {typed} finds the patient for {name}"));
        }
    }
    (leaks, met)
}

on_both! {
    async fn phi_01_no_answer_names_a_patient_to_a_role_without_identifiers(app: &TestApp) {
        let patient = admit(app, app.cardiology).await;
        with_spare(app).await;
        let nurse = app.person("nurse", RoleKey::Default(DefaultRole::DeploymentStaff), app.diabetes).await;
        let form = [("number", NUMBER), ("reason", "Collapsed in the corridor")];
        let answer = nurse.post(&format!("{}/emergency", app.diabetes.path()), &form).await;
        assert!(answer.status().is_redirection(), "an emergency access, for its mails and its list");
        let named = app.person("named", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
        let mut ids = furnish(app, &app.cardiology.to_string()).await;
        ids.patient = patient.to_string();
        let controller = RoleKey::Default(DefaultRole::AccessController);
        let staff = RoleKey::Default(DefaultRole::OrganisationStaff);
        let mut leaks = Vec::new();
        for (word, role, scope) in [
            ("controller", controller, app.cardiology),
            ("controllerofall", controller, app.organisation),
            ("follower", staff, app.cardiology),
            ("followerofall", staff, app.organisation),
            ("coordinator", app.coordinator, app.cardiology),
        ] {
            let person = app.person(word, role, scope).await;
            let (more, met) = walk(app, word, &person, &ids).await;
            leaks.extend(more);
            assert!(met > 0, "{word} meets the patient by number, or this says nothing");
        }
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));

        // With identifiers the name is there, so the above can fail.
        let list = named.page(&format!("{}/patients?q=zebulon", app.cardiology.path())).await;
        assert!(list.contains("Zebulon Quagmarch") && list.contains(NUMBER));
        let seen = app.admin().await.page(&format!("{}/patients/{patient}/seen", app.cardiology.path())).await;
        let title = seen.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(seen.contains("Zebulon Quagmarch") && title.contains(NUMBER), "{title}");
        assert!(marks_in(title).is_empty(), "a browser keeps titles: {title}");

        // What is kept elsewhere than with the patient.
        app.send_mail().await;
        for address in ["ada", "controller", "nurse", "named"] {
            for mail in app.mails_to(&format!("{address}@northfield.example")) {
                assert!(marks_in(&mail).is_empty(), "{mail}");
            }
        }
        assert!(app.mails_to("ada@northfield.example").iter().any(|mail| mail.contains(NUMBER)), "the alert went out");
        for table in ["events", "event_notes", "mails", "seen_patients", "emergency_accesses"] {
            let found = marks_in(&app.dump(table).await);
            assert!(found.is_empty(), "{table} holds {found:?}");
        }
        assert!(!marks_in(&app.dump("patients").await).is_empty(), "where they belong");
    }
}
