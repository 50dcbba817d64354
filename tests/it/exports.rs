//! Exports of patient data: who gets what, what a file holds, and that it is sealed, made once, and wiped.

use std::{
    io::{Cursor, Read},
    time::Duration,
};

use care_portal::{
    access::{DefaultRole, RoleKey},
    exports,
    types::{ExportId, PatientId},
};
use reqwest::{Response, StatusCode};

use crate::{
    fhir::program::strictly,
    on_both,
    support::app::{Database, Person, TestApp, location},
};

/// Asks for an export of a deployment; where it is looked at.
async fn ask(app: &TestApp, who: &Person, form: &[(&str, &str)]) -> String {
    let answer = press(app, who, form).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    location(&answer)
}

async fn press(app: &TestApp, who: &Person, form: &[(&str, &str)]) -> Response {
    let key = app.portal.new_id::<care_portal::types::kind::Export>().to_string();
    let given = |name: &str| form.iter().any(|(known, _)| *known == name);
    let mut all = form.to_vec();
    for (name, value) in
        [("key", key.as_str()), ("which", "all"), ("format", "json"), ("data", "all"), ("do", "export")]
    {
        if !given(name) {
            all.push((name, value));
        }
    }
    who.post(&format!("{}/patients/export", app.cardiology.path()), &all).await
}

fn id_of(path: &str) -> ExportId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

async fn make(app: &TestApp, path: &str) {
    exports::actions::make_one(&app.portal, id_of(path)).await.unwrap();
}

/// Every file of a ZIP, with its text.
async fn files(answer: Response) -> Vec<(String, String)> {
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/zip");
    let mut zip = zip::ZipArchive::new(Cursor::new(answer.bytes().await.unwrap())).unwrap();
    (0..zip.len())
        .map(|n| {
            let mut file = zip.by_index(n).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

fn file<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    &files.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("{name} is in the ZIP")).1
}

async fn download(who: &Person, path: &str) -> Response {
    who.post(&format!("{path}/download"), &[("x", "y")]).await
}

async fn ward(app: &TestApp) -> (PatientId, PatientId) {
    let agnes = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    let bela = app.patient(app.cardiology, "NF-2", "=cmd Kiss").await;
    app.execute("UPDATE patients SET surgery_on = '2026-08-02'").await;
    app.reading(agnes, "blood_pressure", "128/78", app.minutes_ago(5)).await;
    app.reading(agnes, "weight", "80.1", app.minutes_ago(60 * 24 * 40)).await;
    app.reading(agnes, "journal", "Agnes Vance walked to the shop", app.minutes_ago(4)).await;
    app.reading(bela, "heart_rate", "71", app.minutes_ago(3)).await;
    (agnes, bela)
}

const SECRETS: &[&str] =
    &["agnes", "vance", "kiss", "patients.example", "7946 0123", "1948-03-09", "2026-08-02", "shop"];

on_both! {
async fn who_may_not_gets_nothing(app: &TestApp) {
    let (agnes, _) = ward(app).await;
    let elsewhere = app.patient(app.diabetes, "DC-1", "Dora Else").await;
    let ada = app.admin().await;
    let path = ask(app, &ada, &[]).await;
    // Roles without the right, another deployment, another organisation, and colleagues with the right.
    let contributor = app.default(DefaultRole::Contributor, app.cardiology).await;
    assert_eq!(press(app, &contributor, &[]).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(contributor.get(&format!("{}/patients/{agnes}/export", app.cardiology.path())).await.status(), StatusCode::FORBIDDEN);
    let next_door = app.person("nextdoor", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
    let (_, grace) = app.second_organisation().await;
    for stranger in [&next_door, &grace] {
        assert_eq!(press(app, stranger, &[]).await.status(), StatusCode::NOT_FOUND);
        for page in [path.clone(), format!("{path}/progress"), format!("{}/patients/{agnes}/export", app.cardiology.path())] {
            assert_eq!(stranger.get(&page).await.status(), StatusCode::NOT_FOUND, "{page}");
        }
        assert_eq!(download(stranger, &path).await.status(), StatusCode::NOT_FOUND);
    }
    make(app, &path).await;
    let colleague = app.person("colleague", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
    assert_eq!(colleague.get(&path).await.status(), StatusCode::NOT_FOUND, "an export is its asker's");
    assert_eq!(download(&colleague, &path).await.status(), StatusCode::NOT_FOUND);
    // A patient of another deployment cannot be smuggled in.
    let answer = press(app, &ada, &[("which", "chosen"), ("patient", &elsewhere.to_string())]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    // What cannot be meant is said beside its field, and kept.
    for (form, sentence) in [
        (vec![("which", "chosen")], "Choose at least one patient"),
        (vec![("from", "2026-09-09"), ("until", "2026-09-01")], "The last day is before the first"),
        (vec![("from", "soon")], "This is no day"),
        (vec![("data", "some")], "Choose at least one module"),
        (vec![("data", "some"), ("module", "shoe_size")], "not known here"),
        (vec![("format", "xml")], "Choose a format"),
    ] {
        let answer = press(app, &ada, &form).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text().await.unwrap().contains(sentence), "{sentence}");
    }
    // An old proof: neither asked for nor downloaded.
    app.advance(Duration::from_secs(11 * 60));
    assert!(location(&press(app, &ada, &[]).await).starts_with("/prove"));
    assert!(location(&download(&ada, &path).await).starts_with("/prove"));
    assert_eq!(app.events("export.downloaded").await, 0);
    assert_eq!(app.count("SELECT COUNT(*) FROM exports").await, 1);
}

async fn each_format_holds_what_was_asked_for(app: &TestApp) {
    let (agnes, _) = ward(app).await;
    let ada = app.admin().await;
    app.execute(&format!(
        "INSERT INTO notes (id, organisation_id, deployment_id, patient_id, author_id, author_name, text, at, red, amber, grey) \
         SELECT id, organisation_id, deployment_id, id, (SELECT id FROM accounts LIMIT 1), 'Ada Okafor', '=SUM(A1)', 1790000000000, 0, 0, 0 \
         FROM patients WHERE id = {}",
        app.literal(agnes.uuid())
    ))
    .await;
    // CSV: formula-safe, with notes.
    let path = ask(app, &ada, &[("format", "csv"), ("notes", "yes")]).await;
    assert!(ada.page(&path).await.contains("Being made"));
    assert_eq!(download(&ada, &path).await.status(), StatusCode::CONFLICT, "not made yet");
    make(app, &path).await;
    assert!(ada.page(&path).await.contains("Download ZIP file"));
    let answer = download(&ada, &path).await;
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"patient-data-"));
    let all = files(answer).await;
    assert!(file(&all, "patients.csv").contains("NF-1,Agnes Vance,nf-1@patients.example,'+44 20 7946 0123,1948-03-09,female,2026-08-02,,yes"));
    assert!(file(&all, "patients.csv").contains("NF-2,'=cmd Kiss,"));
    assert!(file(&all, "readings.csv").contains("NF-1,blood_pressure,85354-9,128,78,mmHg,,"));
    assert!(file(&all, "notes.csv").contains("NF-1,2026-09-21T14:13:20Z,Ada Okafor,'=SUM(A1)"));
    // JSON: only some modules, of some days, of one patient.
    let patient = agnes.to_string();
    let more = [("which", "chosen"), ("patient", patient.as_str()), ("data", "some"), ("module", "weight"), ("module", "blood_pressure"), ("from", "2026-09-01")];
    let path = ask(app, &ada, &more).await;
    make(app, &path).await;
    let all = files(download(&ada, &path).await).await;
    let json = |name: &str| serde_json::from_str::<serde_json::Value>(file(&all, name)).unwrap();
    assert_eq!(json("patients.json").as_array().unwrap().len(), 1);
    assert_eq!(json("patients.json")[0]["name"], "Agnes Vance");
    assert_eq!(json("readings.json").as_array().unwrap().len(), 1, "the weight is older");
    assert_eq!(json("readings.json")[0]["value"], 128.0);
    assert!(!all.iter().any(|(name, _)| name.starts_with("notes")), "not asked for");
    // FHIR: patients and entries in one Bundle.
    let path = ask(app, &ada, &[("format", "fhir"), ("notes", "yes")]).await;
    make(app, &path).await;
    let all = files(download(&ada, &path).await).await;
    let bundle: serde_json::Value = serde_json::from_str(file(&all, "Bundle.json")).unwrap();
    strictly(file(&all, "Bundle.json"), "the Bundle");
    let urls: Vec<_> = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["fullUrl"].as_str().unwrap()).collect();
    let of = |kind: &str| urls.iter().filter(|url| url.starts_with(&format!("{}/fhir/r4/{kind}/", app.url))).count();
    assert_eq!((of("Patient"), of("Observation"), urls.len()), (2, 4, 6));
    let agnes_there = urls.iter().any(|url| url.ends_with(bundle["entry"][2]["resource"]["subject"]["reference"].as_str().unwrap()));
    assert!(agnes_there, "an entry names a patient of the Bundle: {bundle}");
    assert_eq!((app.events("export.asked").await, app.events("export.made").await, app.events("export.downloaded").await), (3, 3, 3));
    let seen = "SELECT COUNT(*) FROM seen_patients s JOIN events e ON e.id = s.event_id WHERE e.detail LIKE '%\"export\"%'";
    assert_eq!(app.count(seen).await, 5, "every patient in every file is in the access log");
    let log = app.dump("events").await;
    assert!(!log.contains("Vance") && !log.contains("Kiss"));
}

async fn without_identifiers_none_is_in_any_file(app: &TestApp) {
    ward(app).await;
    let ada = app.admin().await;
    // Locked for whoever may not see them; chosen by whoever may.
    let organisation_staff = app.default(DefaultRole::OrganisationStaff, app.cardiology).await;
    let page = organisation_staff.page(&format!("{}/patients/export", app.cardiology.path())).await;
    assert!(page.contains("name=\"without\" value=\"yes\" checked disabled"), "forced on and locked");
    let found = press(app, &organisation_staff, &[("do", "search"), ("q", "NF-1")]).await.text().await.unwrap();
    assert!(found.contains("NF-1") && !found.contains("Vance"));
    for (who, without) in [(&organisation_staff, ""), (&ada, "yes")] {
        for format in ["csv", "json", "fhir"] {
            let path = ask(app, who, &[("format", format), ("without", without), ("notes", "yes")]).await;
            make(app, &path).await;
            let all = files(download(who, &path).await).await;
            for (name, text) in &all {
                let low = text.to_lowercase();
                for secret in SECRETS {
                    assert!(!low.contains(secret), "{secret} in {name} of {format}: {text}");
                }
            }
            let patients = &all[0].1;
            assert!(patients.contains("NF-1") && patients.contains("2026"), "number and year of surgery stay: {patients}");
            assert_eq!(["\"1948\"", ",1948,"].iter().any(|year| patients.contains(year)), without == "yes", "the year of birth, for those who may see the date");
            assert!(file(&all, "ABOUT.txt").contains("Identifiable information was removed"));
        }
    }
}

async fn following_an_export_ends_with_the_right(app: &TestApp) {
    ward(app).await;
    app.person("nurse", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
    let nurse = app.sign_in("nurse@northfield.example").await;
    let path = ask(app, &nurse, &[]).await;
    let mut stream = nurse.get(&format!("{path}/progress")).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert!(stream.chunk().await.unwrap().is_some());
    app.execute("UPDATE memberships SET role = 'contributor' WHERE email_key = 'nurse@northfield.example'").await;
    let ended = tokio::time::timeout(Duration::from_secs(2), async { while stream.chunk().await.unwrap().is_some() {} });
    ended.await.expect("the stream ends by itself");
    assert_eq!(nurse.get(&format!("{path}/progress")).await.status(), StatusCode::FORBIDDEN);
}

async fn rights_are_asked_again_when_it_is_made_and_when_it_is_downloaded(app: &TestApp) {
    ward(app).await;
    let nurse = app.person("nurse", RoleKey::Default(DefaultRole::DeploymentStaff), app.cardiology).await;
    let waiting = ask(app, &nurse, &[]).await;
    let made = ask(app, &nurse, &[]).await;
    make(app, &made).await;
    app.execute("UPDATE memberships SET role = 'organisation_staff' WHERE email_key = 'nurse@northfield.example'").await;
    make(app, &waiting).await;
    assert!(nurse.page(&waiting).await.contains("you may no longer see patient identifiers there"));
    assert_eq!(download(&nurse, &made).await.status(), StatusCode::FORBIDDEN, "it holds what they may not see any more");
    assert_eq!(download(&nurse, &waiting).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(app.count("SELECT COUNT(DISTINCT export_id) FROM export_parts").await, 1, "nothing is kept of what was refused");
    let again = ask(app, &nurse, &[]).await;
    app.execute("UPDATE memberships SET role = 'contributor' WHERE email_key = 'nurse@northfield.example'").await;
    make(app, &again).await;
    assert_eq!(nurse.get(&again).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(app.events("export.failed").await, 2);
}

async fn a_file_is_sealed_and_wiped_after_a_day(app: &TestApp) {
    ward(app).await;
    let ada = app.admin().await;
    let path = ask(app, &ada, &[]).await;
    make(app, &path).await;
    let sealed = app.bytes("SELECT sealed FROM export_parts").await;
    assert!(!sealed.starts_with(b"PK"), "no ZIP in the database");
    assert!(!sealed.windows(8).any(|bytes| bytes == b"patients"));
    // Changed behind the portal's back, it does not open.
    let flipped = if app.portal.db.is_sqlite() { "X'00'" } else { "'\\x00'" };
    app.execute(&format!("UPDATE export_parts SET sealed = {flipped}")).await;
    let broken = ada.client.post(format!("{}{path}/download", app.url)).header("sec-fetch-site", "same-origin").send().await;
    let whole = match broken {
        Ok(answer) => answer.bytes().await.is_ok(),
        Err(_) => false,
    };
    assert!(!whole, "a download that breaks off is seen to");
    app.advance(Duration::from_secs(24 * 60 * 60 + 1));
    exports::actions::wipe_ended(&app.portal).await.unwrap();
    assert_eq!(app.count("SELECT COUNT(*) FROM export_parts").await, 0);
    let ada = app.admin().await;
    assert!(ada.page(&path).await.contains("The day of this export is over"));
    assert_eq!(download(&ada, &path).await.status(), StatusCode::GONE);
}

async fn one_press_is_one_export_and_a_dead_node_is_taken_over(app: &TestApp) {
    ward(app).await;
    let ada = app.admin().await;
    let (one, two) = (ask(app, &ada, &[("key", "k")]).await, ask(app, &ada, &[("key", "k")]).await);
    assert_eq!(one, two, "pressed twice");
    // Somebody has begun and died: while the lease lasts nobody else begins, then somebody does.
    let lease = app.portal.now().0 + 60_000;
    app.execute(&format!("UPDATE exports SET lease_until = {lease}, fence = 7, tries = 1")).await;
    make(app, &one).await;
    assert_eq!(app.count("SELECT COUNT(*) FROM exports WHERE state = 'asked'").await, 1);
    app.advance(Duration::from_secs(61));
    let (left, right) = tokio::join!(
        exports::actions::make_one(&app.portal, id_of(&one)),
        exports::actions::make_one(&app.portal, id_of(&one))
    );
    left.unwrap();
    right.unwrap();
    assert_eq!(app.events("export.made").await, 1, "of two nodes one makes it");
    assert_eq!(files(download(&ada, &one).await).await.len(), 3);
    // No more than three at once.
    for _ in 0..3 {
        ask(app, &ada, &[]).await;
    }
    assert_eq!(press(app, &ada, &[]).await.status(), StatusCode::CONFLICT);
}
}

/// Many patients: made in pages and parts, and whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_export_is_whole() {
    use care_portal::patients::{Identity, NewPatient, actions::add_patients};
    let app = TestApp::start(Database::Sqlite).await;
    let admin = app.admin_caller().await;
    let new = (0..3000).map(|n| {
        let name = format!("Person {} of the ward {}", n, n * 7919 % 10_007);
        let identity =
            Identity { name, email: format!("p{}@patients.example", n * 104_729 % 1_000_003), ..Identity::default() };
        NewPatient { number: format!("NF-{n:05}"), identity, ..NewPatient::default() }
    });
    add_patients(&app.portal, &admin, app.cardiology, new.collect()).await.unwrap();
    let ada = app.admin().await;
    let path = ask(&app, &ada, &[("format", "csv")]).await;
    make(&app, &path).await;
    let all = files(download(&ada, &path).await).await;
    let lines: Vec<_> =
        file(&all, "patients.csv").lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
    let expected: std::collections::BTreeSet<_> = (0..3000).map(|n| format!("NF-{n:05}")).collect();
    assert_eq!(lines.len(), 3000);
    assert_eq!(lines.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
}
