//! Importing patients from a file: who may, how rows stand, and that one press adds once what can be added.

use care_portal::access::{DefaultRole, Permission, PermissionSet, RoleKey, Scope};
use care_portal::roles::{self, RoleDraft};
use reqwest::{Response, StatusCode, multipart::Form};

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

async fn send(who: &Person, scope: Scope, text: &str, more: &[(&str, &str)]) -> Response {
    let mut form = Form::new().text("text", text.to_owned());
    for (name, value) in more {
        form = form.text((*name).to_owned(), (*value).to_owned());
    }
    who.multipart(&format!("{}/patients/import", scope.path()), form).await
}

/// The rows of a group on the review page.
fn group(page: &str, key: &str) -> String {
    page.split(&format!("id=\"{key}\""))
        .nth(1)
        .map(|rest| rest.split("</section>").next().unwrap().to_owned())
        .unwrap_or_default()
}

const SHEET: &str = "Number;Name;E-mail;Phone;Date of birth;Sex;Surgery date;Labels;Shoe size\n\
    NF-10;Bela Kiss;bela@patients.example;+36 1 234 5678;9.3.1947;m;2026-08-02;Diabetic, High risk;44\n\
    nf-1;Somebody Else;;;1950-01-01;;;;\n\
    NF-11;Agnes Vance;;;1948-03-09;f;;;\n\
    NF-0001;Cora Day;;;1960-06-06;;;;\n\
    NF-12;Dan Roe;not an address;;9/3/1948;sometimes;;;\n\
    ;No Number;;;;;;;\n\
    NF-13;Eve Poe;;;;;;;\n\
    nf-13;Eve Poe again;;;;;;;\n";

on_both! {
async fn who_may_not_import_is_refused(app: &TestApp) {
    for role in [DefaultRole::AccessController, DefaultRole::OrganisationStaff, DefaultRole::Contributor] {
        let person = app.default(role, app.cardiology).await;
        assert_eq!(person.get(&format!("{}/patients/import", app.cardiology.path())).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(send(&person, app.cardiology, SHEET, &[("do", "import")]).await.status(), StatusCode::FORBIDDEN);
    }
    // Whoever may add patients and not see who they are types no identifiers either.
    let permissions: PermissionSet = [Permission::ViewPatientData, Permission::ManagePatientData].into_iter().collect();
    let draft = RoleDraft { name: "Blind".to_owned(), permissions };
    let role = roles::actions::create_role(&app.portal, &app.admin_caller().await, app.organisation, &draft).await.unwrap();
    let blind = app.person("blind", role.key, app.cardiology).await;
    assert_eq!(send(&blind, app.cardiology, SHEET, &[("do", "import")]).await.status(), StatusCode::FORBIDDEN);
    let next_door = app.person("nextdoor", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
    assert_eq!(send(&next_door, app.cardiology, SHEET, &[]).await.status(), StatusCode::NOT_FOUND);
    let ada = app.admin().await;
    for (text, sentence) in [
        ("", "Choose a file"),
        ("Name\nAgnes", "No column is headed Number"),
        ("Number;Name;Name\n1;a;b", "Two columns say Name"),
        ("Number;Name\n", "no patient below the headings"),
        ("Number,Name\n1,\"Agnes\n2,Bela", "quotation mark"),
    ] {
        let answer = send(&ada, app.cardiology, text, &[]).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{text}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(sentence), "{sentence}: {page}");
    }
    let many = format!("Number,Name\n{}", (0..5001).map(|n| format!("{n},P\n")).collect::<String>());
    assert!(send(&ada, app.cardiology, &many, &[]).await.text().await.unwrap().contains("At most 5000 rows"));
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 0);
}

async fn every_row_is_looked_at_and_one_press_adds_once(app: &TestApp) {
    app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    let ada = app.admin().await;
    let page = send(&ada, app.cardiology, SHEET, &[]).await.text().await.unwrap();
    assert!(page.contains("Shoe size"), "what is not used is named");
    let ready = group(&page, "ready");
    assert!(ready.contains("NF-10") && ready.contains("1947-03-09") && ready.contains("NF-13"), "{ready}");
    assert!(group(&page, "there").contains("Somebody Else"));
    let look = group(&page, "look");
    assert!(look.contains("NF-1 has the same name and date of birth"), "{look}");
    assert!(look.contains("The number looks like NF-1"), "{look}");
    let refused = group(&page, "refused");
    for sentence in ["not an address", "Which is the day and which the month", "Write female, male, other", "Enter the patient’s number.", "Row 8 has the same number"] {
        assert!(refused.contains(sentence), "{sentence}: {refused}");
    }
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 1, "looking adds nobody");
    // Row 4 is ticked: somebody else of the same name. Pressed twice.
    let press = [("do", "import"), ("key", "one press"), ("confirmed", "4")];
    let (one, two) = (send(&ada, app.cardiology, SHEET, &press).await, send(&ada, app.cardiology, SHEET, &press).await);
    assert_eq!(location(&one), location(&two));
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 4);
    assert_eq!(app.count("SELECT COUNT(*) FROM labels").await, 2);
    let result = ada.page(&location(&one)).await;
    assert!(result.contains("3 patients added") && result.contains("5 rows were not"), "{result}");
    let file = ada.get(&format!("{}/not-added.csv", location(&one))).await.text().await.unwrap();
    assert_eq!(file.lines().count(), 6, "{file}");
    assert!(file.contains("6,NF-12,"), "{file}");
    // The whole file again adds nobody.
    let again = send(&ada, app.cardiology, SHEET, &[("do", "import"), ("key", "another")]).await;
    assert!(ada.page(&location(&again)).await.contains("0 patients added"));
    assert_eq!(app.events("patients.imported").await, 2);
    let elsewhere = send(&ada, app.diabetes, SHEET, &press).await;
    assert_eq!(elsewhere.status(), StatusCode::CONFLICT, "one press is one import, in one place");
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 4);
    let kept = app.dump("patient_imports").await;
    assert!(!kept.contains("Kiss") && !kept.contains("Vance") && !["1947-03-09", "9.3.1947", "1960-06-06"].iter().any(|day| kept.contains(day)), "no identifier is kept of an import");
    let log = app.dump("events").await;
    assert!(!log.contains("Kiss") && !log.contains("Vance"));
    // Another's import, and one elsewhere.
    let colleague = app.person("colleague", RoleKey::Default(DefaultRole::Admin), app.cardiology).await;
    assert_eq!(colleague.get(&location(&one)).await.status(), StatusCode::NOT_FOUND);
    // Who makes no labels takes those that are there.
    let nurse = app.default(DefaultRole::DeploymentStaff, app.cardiology).await;
    // Labels of a deployment have an end, and one that is there already is none more.
    let labels: String = (0..199).map(|n| format!("L-{n},P,New {n}\n")).collect();
    let page = send(&ada, app.cardiology, &format!("Number,Name,Labels\n{labels}L-A,P,new 3\nL-B,P,diabetic\n"), &[]).await.text().await.unwrap();
    assert_eq!(group(&page, "refused").matches("A deployment has at most 200 labels.").count(), 1, "{page}");
    app.execute("UPDATE deployments SET labels = FALSE").await;
    let page = send(&ada, app.cardiology, "Number,Labels\nL-1,Frail\n", &[]).await.text().await.unwrap();
    assert!(page.contains("Labels (they are switched off here)") && group(&page, "ready").contains("L-1"), "{page}");
    app.execute("UPDATE deployments SET labels = TRUE").await;
    let page = send(&nurse, app.cardiology, "Number,Name,Labels\n1,A B,diabetic\n2,C D,New one", &[]).await.text().await.unwrap();
    assert!(group(&page, "ready").contains("A B") && group(&page, "refused").contains("There is no such label here"));
}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_in_any_encoding_are_read_and_hostile_ones_answered_within_a_second() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let file = async |bytes: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name("patients.csv");
        let begun = std::time::Instant::now();
        let answer =
            ada.multipart(&format!("{}/patients/import", app.cardiology.path()), Form::new().part("file", part)).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        (status, text, begun.elapsed())
    };
    // Windows-1252 and UTF-16.
    let (_, page, _) = file(b"Number;Name\r\n1;J\xfcrgen M\xfcller\r\n".to_vec()).await;
    assert!(page.contains("Jürgen Müller"), "{page}");
    let wide: Vec<u8> = "\u{feff}Number\tName\n1\tŁucja Żak\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (_, page, _) = file(wide).await;
    assert!(page.contains("Łucja Żak"));
    let (_, page, _) =
        file("Patientennummer;Vorname;Nachname;Geburtsdatum;Geschlecht\n1;Änne;Groß;9.3.1948;weiblich\n".into()).await;
    assert!(page.contains("Änne Groß") && page.contains("1948-03-09") && page.contains("Female"), "{page}");
    // What is nothing of the kind.
    for bytes in [
        b"PK\x03\x04 a spreadsheet".to_vec(),
        vec![0; 500_000],
        vec![b'"'; 900_000],
        vec![b','; 900_000],
        [b"Number,Name\n".to_vec(), vec![b'\n'; 900_000]].concat(),
        [b"Number,Name\n1,".to_vec(), vec![b'a'; 900_000]].concat(),
        format!("Number,Name\n{}", "1,\u{202e}evil\u{0007}\n".repeat(4000)).into_bytes(),
        vec![b'x'; 1_200_000],
        vec![b'x'; 5_000_000],
    ] {
        let (status, _, took) = file(bytes).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::OK, "{status}");
        // A debug build on a busy machine; the release answers in a fraction.
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    }
}
