//! A patient whose name, address, telephone number and birth date nobody else has: whatever tells of them is found wherever it comes
//! out. Who may not see identifiers must meet none of it, by any route, in any mail, and by no search.

use std::collections::BTreeSet;

use care_portal::{
    access::{DefaultRole, Permission, PermissionSet, RoleKey},
    patients::{self, Identity, NewPatient},
    roles::{self, RoleDraft},
    types::PatientId,
};

use crate::{
    matrix::{ROUTES, furnish, send, with_spare},
    on_both,
    support::app::{Database, Person, TestApp},
};

const NAME: &str = "Zyxmarka Quorblenik";
const EMAIL: &str = "vwmailmark@marked.example";
const PHONE: &str = "+44 20 7946 0991";
const BORN: &str = "1931-07-13";

/// What is told of a patient, and how an answer may write it, in lower case.
const FACTS: [(&str, &[&str]); 8] = [
    ("name", &["zyxmarka", "quorblenik"]),
    ("e-mail address", &["vwmailmark", "marked.example"]),
    ("telephone number", &["7946 0991", "7946-0991", "79460991"]),
    (
        "birth date",
        &["1931-07-13", "13 jul 1931", "13 july 1931", "jul 13, 1931", "13.07.1931", "13/07/1931", "19310713"],
    ),
    ("number", &["m-1"]),
    ("label", &["markedlabel"]),
    ("reading", &["123.4"]),
    ("note", &["markednote"]),
];
/// How many of them are identifiers.
const IDENTIFYING: usize = 4;

/// Lower case, and without the disguises of HTML and of addresses.
fn plain(text: &str) -> String {
    let mut text = text.to_lowercase();
    for (disguise, letter) in [
        ("&#43;", "+"),
        ("&#x2b;", "+"),
        ("%2b", "+"),
        ("%20", " "),
        ("+", " "),
        ("%40", "@"),
        ("&nbsp;", " "),
        ("\u{a0}", " "),
    ] {
        text = text.replace(disguise, letter);
    }
    text
}

/// What a text tells of the patient.
fn told(text: &str) -> Vec<&'static str> {
    let text = plain(text);
    FACTS.iter().filter(|(_, ways)| ways.iter().any(|way| text.contains(way))).map(|(fact, _)| *fact).collect()
}

/// Which identifiers a text tells.
fn leaked(text: &str) -> Vec<&'static str> {
    let identifiers: Vec<_> = FACTS.iter().take(IDENTIFYING).map(|(fact, _)| *fact).collect();
    told(text).into_iter().filter(|fact| identifiers.contains(fact)).collect()
}

/// Gives every patient that there is the marks. What searches and sorts goes by stays, because the matrix finds its patient by it.
async fn mark(app: &TestApp) {
    let marks = format!("name = '{NAME}', email = '{EMAIL}', phone = '{PHONE}', born_on = '{BORN}'");
    app.execute(&format!("UPDATE patients SET {marks} WHERE number_key = 'm-1'")).await;
}

/// What the matrix needs, with a patient who has everything that one can have.
async fn with_marked(app: &TestApp) -> PatientId {
    with_spare(app).await;
    if app.count("SELECT COUNT(*) FROM patients WHERE number_key = 'm-1'").await == 0 {
        app.patient(app.cardiology, "M-1", "Spare").await;
    }
    let id = app.uuid("SELECT id FROM patients WHERE number_key = 'm-1'").await;
    let patient = PatientId::from_uuid(id);
    app.reading(patient, "weight", "123.4", app.minutes_ago(60)).await;
    let (id, label, note) = (app.literal(id), app.literal(fresh(app)), app.literal(fresh(app)));
    let deployment = app.literal(app.cardiology.deployment.unwrap().uuid());
    let organisation = app.literal(app.cardiology.organisation.uuid());
    app.execute(&format!("INSERT INTO labels VALUES ({label}, {deployment}, 'Markedlabel', 'markedlabel', 1)")).await;
    app.execute(&format!("INSERT INTO patient_labels VALUES ({id}, {label}, 1)")).await;
    let ada = app.literal(app.admin_caller().await.actor().unwrap().account.uuid());
    let columns = "id, organisation_id, deployment_id, patient_id, author_id, author_name, text, at, red, amber, grey";
    let values = format!("{note}, {organisation}, {deployment}, {id}, {ada}, 'Ada', 'Markednote', 1, 0, 0, 0");
    app.execute(&format!("INSERT INTO notes ({columns}) VALUES ({values})")).await;
    mark(app).await;
    patient
}

fn fresh(app: &TestApp) -> uuid::Uuid {
    app.portal.new_id::<care_portal::types::kind::Mail>().uuid()
}

/// Somebody with every permission but one.
async fn blind(app: &TestApp) -> Person {
    let permissions = Permission::all().filter(|permission| *permission != Permission::ViewPatientIdentifiers);
    let draft = RoleDraft { name: "Sees numbers".to_owned(), permissions: permissions.collect::<PermissionSet>() };
    let role =
        roles::actions::create_role(&app.portal, &app.admin_caller().await, app.cardiology, &draft).await.unwrap();
    app.person("blind", role.key, app.cardiology).await
}

/// Somebody of another deployment who has opened the patient in an emergency; what their role hides stays hidden.
async fn in_an_emergency(app: &TestApp, role: DefaultRole, patient: PatientId) -> Person {
    let word = format!("emergency.{}", role.key().replace('_', ""));
    let person = app.person(&word, RoleKey::Default(role), app.diabetes).await;
    let account =
        app.uuid(&format!("SELECT account_id FROM memberships WHERE email_key = '{word}@northfield.example'")).await;
    let ids = [
        app.portal.new_id::<care_portal::types::kind::Emergency>().uuid(),
        app.cardiology.organisation.uuid(),
        app.cardiology.deployment.unwrap().uuid(),
        patient.uuid(),
        account,
    ];
    let ids: Vec<_> = ids.into_iter().map(|id| app.literal(id)).collect();
    let (now, columns) = (app.portal.now().0, "id, organisation_id, deployment_id, patient_id, account_id");
    let values = format!("{}, 'Collapsed in the corridor', {now}, {}", ids.join(", "), now + 3_600_000);
    app.execute(&format!("INSERT INTO emergency_accesses ({columns}, reason, begun_at, ends_at) VALUES ({values})"))
        .await;
    person
}

/// Everybody with a default role, by its name, and whether they see identifiers.
async fn everybody(app: &TestApp) -> Vec<(String, bool, Person)> {
    let mut people = Vec::new();
    for role in DefaultRole::ALL {
        let word = format!("{}.here", role.key().replace('_', ""));
        let sees = role.permissions().has(Permission::ViewPatientIdentifiers);
        people.push((role.name().to_owned(), sees, app.person(&word, RoleKey::Default(role), app.cardiology).await));
    }
    people
}

/// An answer whole: where it leads, what it sets, and what it says.
async fn whole(answer: reqwest::Response) -> String {
    let heads: Vec<_> = answer
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let (url, body) = (answer.url().to_string(), answer.bytes().await.unwrap());
    format!("{url}\n{}\n\n{}", heads.join("\n"), String::from_utf8_lossy(&body))
}

/// The mails that were sent to anybody but the patient, unpacked.
fn mails_to_staff(app: &TestApp) -> Vec<String> {
    let Ok(folder) = std::fs::read_dir(app.portal.config.mail_folder()) else { return Vec::new() };
    let mut mails = Vec::new();
    for file in folder {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let Some(mail) = mail_parser::MessageParser::default().parse(&bytes) else { continue };
        let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap_or_default();
        if to.eq_ignore_ascii_case(EMAIL) {
            continue;
        }
        let parts = mail.parts.iter().filter_map(|part| part.text_contents());
        let text: Vec<_> = parts.chain(mail.subject()).collect();
        mails.push(format!("{to}\n{}", text.join("\n")));
    }
    mails
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phi_01_no_route_and_no_mail_tells_who_a_patient_is_to_those_who_may_not_know() {
    let app = TestApp::start(Database::Sqlite).await;
    let patient = with_marked(&app).await;
    let mut people = vec![("every other permission".to_owned(), blind(&app).await)];
    people
        .extend(everybody(&app).await.into_iter().filter(|(_, sees, _)| !sees).map(|(name, _, person)| (name, person)));
    people.push((
        "an Access Controller in an emergency".to_owned(),
        in_an_emergency(&app, DefaultRole::AccessController, patient).await,
    ));
    people.push((
        "an Admin elsewhere".to_owned(),
        app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.diabetes).await,
    ));
    people.push(("an Admin of another organisation".to_owned(), app.second_organisation().await.1));
    people.push(("a stranger".to_owned(), app.visitor()));
    let mut leaks = Vec::new();
    for (method, route, _) in ROUTES {
        for (n, (who, person)) in people.iter().enumerate() {
            // Whoever may do everything else does everything; of the others it is enough that they look.
            if *route == "/sign-out" || *method != "GET" && n > 0 {
                continue;
            }
            let ids = furnish(&app, &app.cardiology.to_string()).await;
            mark(&app).await;
            let found = leaked(&whole(send(&app, person, method, route, &ids).await).await);
            if !found.is_empty() {
                leaks.push(format!("{method} {route} tells {who} the {}", found.join(" and the ")));
            }
        }
    }
    app.send_mail().await;
    for mail in mails_to_staff(&app) {
        let found = leaked(&mail);
        if !found.is_empty() {
            leaks.push(format!("a mail tells the {}: {mail}", found.join(" and the ")));
        }
    }
    // The log and the notices are read by many, and copied out.
    for table in ["events", "memberships", "seen_patients"] {
        let found = leaked(&app.dump(table).await);
        if !found.is_empty() {
            leaks.push(format!("{table} keeps the {}", found.join(" and the ")));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_every_role_reads_of_a_patient() {
    let app = TestApp::start(Database::Sqlite).await;
    let patient = with_marked(&app).await;
    let mut people = everybody(&app).await;
    people.push(("Every permission but identifiers".to_owned(), false, blind(&app).await));
    for role in [DefaultRole::DeploymentStaff, DefaultRole::AccessController] {
        let sees = role.permissions().has(Permission::ViewPatientIdentifiers);
        let name = format!("{} elsewhere, in an emergency", role.name());
        people.push((name, sees, in_an_emergency(&app, role, patient).await));
    }
    let (mut table, mut met) = (String::new(), BTreeSet::new());
    for (_, route, _) in ROUTES.iter().filter(|(method, route, _)| *method == "GET" && route.contains("/patients")) {
        table.push_str(&format!("{route}\n"));
        for (name, sees, person) in &people {
            let ids = furnish(&app, &app.cardiology.to_string()).await;
            mark(&app).await;
            let answer = send(&app, person, "GET", route, &ids).await;
            let status = answer.status();
            // Where the answer leads is part of the address that was asked for.
            let body = answer.text().await.unwrap();
            let facts = told(&body);
            assert!(*sees || leaked(&body).is_empty(), "{route} tells {name} the {facts:?}");
            let facts = if status.is_success() { facts.join(", ") } else { status.as_u16().to_string() };
            met.extend(told(&body));
            table.push_str(&format!("    {name:<45} {facts}\n"));
        }
    }
    // Else the test would say nothing: they are there for those who may see them.
    assert!(met.contains("name") && met.contains("number") && met.contains("label"), "{met:?}");
    insta::assert_snapshot!(table);
}

/// The numbers of the patients whom a page names, in its order.
fn numbers(page: &str) -> Vec<String> {
    let places: Vec<_> =
        page.match_indices("QX-").map(|(at, _)| page[at..].chars().take(6).collect::<String>()).collect();
    let mut known = BTreeSet::new();
    places.into_iter().filter(|number| known.insert(number.clone())).collect()
}

async fn three_patients(app: &TestApp) {
    let new = [
        ("QX-001", NAME, EMAIL, PHONE, BORN),
        ("QX-002", "Abel", "a@b.example", "", "2001-01-01"),
        ("QX-003", "Mia", "", "", ""),
    ];
    let new = new.map(|(number, name, email, phone, born_on)| {
        let [name, email, phone, born_on] = [name, email, phone, born_on].map(str::to_owned);
        NewPatient {
            number: number.to_owned(),
            identity: Identity { name, email, phone, born_on },
            ..NewPatient::default()
        }
    });
    let admin = app.admin_caller().await;
    patients::actions::add_patients(&app.portal, &admin, app.cardiology, new.into()).await.unwrap();
}

on_both! {
    async fn phi_01_neither_search_nor_filter_nor_order_tells_what_may_not_be_seen(app: &TestApp) {
        three_patients(app).await;
        let (blind, ada) = (blind(app).await, app.admin().await);
        let list = format!("{}/patients", app.cardiology.path());
        let all = numbers(&blind.page(&list).await);
        assert_eq!(all.len(), 3);
        assert_eq!(numbers(&ada.page(&format!("{list}?q=zyxmarka")).await), ["QX-001"], "who may see names finds by them");
        assert_eq!(numbers(&blind.page(&format!("{list}?q=qx-001")).await), ["QX-001"], "numbers are for everybody");
        // A hit and a miss look the same.
        for (hit, miss) in [
            ("q=Zyxmarka", "q=Nobodyhasit"),
            ("q=quorb", "q=nobod"),
            ("q=vwmailmark", "q=nobodyhasit"),
            ("q=vwmailmark%40marked.example", "q=nobody%40marked.example"),
            ("q=7946+0991", "q=7946+9999"),
            ("q=1931-07-13", "q=1822-07-13"),
            ("born_from=1931-07-13&born_to=1931-07-13", "born_from=1931-07-14&born_to=1931-07-14"),
            ("born_from=1900-01-01", "born_from=1990-01-01"),
            ("born_to=1950-01-01", "born_to=1990-01-01"),
            ("sort=name&order=asc", "sort=name&order=desc"),
            ("sort=born_on&order=asc", "sort=born_on&order=desc"),
            ("sort=email&order=asc", "sort=email&order=desc"),
        ] {
            let (there, not_there) = (blind.page(&format!("{list}?{hit}")).await, blind.page(&format!("{list}?{miss}")).await);
            assert_eq!(numbers(&there), numbers(&not_there), "{hit} against {miss}");
            if !hit.starts_with('q') {
                assert_eq!(numbers(&there), all, "{hit} changes what is listed");
            }
        }
        // The same questions of programs; where there is no such interface both are refused alike.
        for (hit, miss) in [
            ("name=Zyxmarka", "name=Nobodyhasit"),
            ("birthdate=1931-07-13", "birthdate=1931-07-14"),
            ("birthdate=lt1950-01-01", "birthdate=lt1900-01-01"),
            ("telecom=vwmailmark%40marked.example", "telecom=nobody%40marked.example"),
            ("email=vwmailmark%40marked.example", "email=nobody%40marked.example"),
            ("phone=%2B442079460991", "phone=%2B442079469999"),
            ("_sort=birthdate", "_sort=-birthdate"),
            ("_sort=name", "_sort=-name"),
        ] {
            let ask = async |query: &str| {
                let answer = blind.get(&format!("/fhir/r4/Patient?{query}")).await;
                (answer.status(), numbers(&answer.text().await.unwrap()))
            };
            assert_eq!(ask(hit).await, ask(miss).await, "{hit} against {miss}");
        }
    }
}

#[test]
fn disguised_marks_are_found() {
    for text in [
        "ZYXMARKA",
        "vwmailmark%40x",
        "tel:+442079460991",
        "call &#43;44 20 7946 0991",
        "%2B44+20+7946+0991",
        "13 July 1931",
    ] {
        assert_eq!(leaked(text).len(), 1, "{text}");
    }
    assert_eq!(told("patient M-1, 123.4 kg"), ["number", "reading"]);
    assert!(leaked("patient M-1, 123.4 kg, born later").is_empty());
}
