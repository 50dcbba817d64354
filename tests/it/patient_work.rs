//! What staff do with patients: labels, clinicians, monitoring, adding and editing. What is refused, and to whom, above all.

use care_portal::{
    access::{DefaultRole, Permission, RoleKey, Scope},
    roles::{self, RoleDraft},
    types::{AccountId, LabelId, PatientId},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
const CONTRIBUTOR: RoleKey = RoleKey::Default(DefaultRole::Contributor);
const ORGANISATION_STAFF: RoleKey = RoleKey::Default(DefaultRole::OrganisationStaff);
const NAMES: [&str; 5] = ["Agnes", "Moore", "1948-03-09", "March 1948", "7946 0123"];

fn at(scope: Scope, patient: PatientId, end: &str) -> String {
    format!("{}/patients/{patient}{end}", scope.path())
}

async fn with_permissions(app: &TestApp, word: &str, permissions: &[Permission]) -> Person {
    let draft = RoleDraft { name: format!("Role of {word}"), permissions: permissions.iter().copied().collect() };
    let admin = app.admin_caller().await;
    let role = roles::actions::create_role(&app.portal, &admin, app.organisation, &draft).await.unwrap();
    app.person(word, role.key, app.cardiology).await
}

async fn label(app: &TestApp, text: &str) -> LabelId {
    LabelId::from_uuid(app.uuid(&format!("SELECT id FROM labels WHERE text = '{text}'")).await)
}

async fn account(app: &TestApp, word: &str) -> String {
    let sql = format!("SELECT id FROM accounts WHERE email_key = '{word}@northfield.example'");
    AccountId::from_uuid(app.uuid(&sql).await).to_string()
}

/// The texts of a patient's labels, in order, as the label window shows them.
async fn labels_of(person: &Person, scope: Scope, patient: PatientId) -> Vec<String> {
    let page = person.page(&at(scope, patient, "/labels")).await;
    page.split("<span class=\"tag break\">").skip(1).map(|part| part.split('<').next().unwrap().to_owned()).collect()
}

/// Posts and gives the status and the page, following one redirect.
async fn press(person: &Person, path: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
    let answer = person.post(path, form).await;
    let (status, to) = (answer.status(), location(&answer));
    let page = if to.is_empty() { answer.text().await.unwrap() } else { person.get(&to).await.text().await.unwrap() };
    (status, page)
}

async fn revision(app: &TestApp) -> String {
    app.count("SELECT MAX(revision) FROM patients").await.to_string()
}

/// What the access log says about patients holds neither names nor labels.
async fn nothing_leaked(app: &TestApp, more: &[&str]) {
    let log = app.dump("events").await;
    for secret in NAMES.iter().chain(more) {
        assert!(!log.contains(secret), "{secret} stands in the access log");
    }
}

on_both! {
    async fn labels_are_created_given_ordered_and_taken(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let ada = app.admin().await;
        let path = at(app.cardiology, agnes, "/labels");
        // An unknown text is offered first, and made only by the second press.
        let (status, page) = press(&ada, &path, &[("do", "add"), ("text", "  Telephone   first ")]).await;
        assert!(status == StatusCode::OK && page.contains("Create “Telephone first”"), "{status}");
        assert_eq!(app.count("SELECT COUNT(*) FROM labels").await, 0);
        press(&ada, &path, &[("do", "create"), ("text", "Telephone first")]).await;
        press(&ada, &path, &[("do", "create"), ("text", "Frail")]).await;
        press(&ada, &path, &[("do", "add"), ("text", "TELEPHONE FIRST")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM labels").await, 2, "whatever its case");
        assert_eq!(labels_of(&ada, app.cardiology, agnes).await, ["Telephone first", "Frail"]);
        let frail = label(app, "Frail").await;
        press(&ada, &path, &[("do", &format!("up:{frail}"))]).await;
        assert_eq!(labels_of(&ada, app.cardiology, agnes).await, ["Frail", "Telephone first"]);
        press(&ada, &path, &[("do", &format!("down:{frail}"))]).await;
        press(&ada, &path, &[("do", &format!("down:{frail}"))]).await;
        assert_eq!(labels_of(&ada, app.cardiology, agnes).await, ["Telephone first", "Frail"]);
        press(&ada, &path, &[("do", &format!("remove:{frail}"))]).await;
        assert_eq!(labels_of(&ada, app.cardiology, agnes).await, ["Telephone first"]);
        for (form, said) in [
            (vec![("do", "add"), ("text", " ")], "Type the label"),
            (vec![("do", "create"), ("text", "x\u{202e}y")], "cannot be seen"),
            (vec![("do", "create"), ("text", "A text that is much longer than forty characters")], "at most 40"),
            (vec![("do", "add:lab_00000000000000000000000000000000")], "Choose at least one label"),
            (vec![("do", "explode:lab_00000000000000000000000000000000")], "Choose what to do"),
            (vec![("do", "up:nonsense")], "no longer there"),
        ] {
            let (status, page) = press(&ada, &path, &form).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(said), "{form:?}: {status}");
        }
        // Giving in other deployments gives nothing here, and the other way round.
        let other = at(app.diabetes, agnes, "/labels");
        assert_eq!(ada.get(&other).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ada.post(&other, &[("do", "create"), ("text", "Odd")]).await.status(), StatusCode::NOT_FOUND);
        nothing_leaked(app, &["Frail", "Telephone first"]).await;
        assert!(app.events("patient.labels_changed").await >= 5 && app.events("label.created").await == 2);
    }

    async fn who_may_not_create_labels_still_gives_them(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let path = at(app.cardiology, agnes, "/labels");
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        for verb in ["add", "create"] {
            let (status, page) = press(&nurse, &path, &[("do", verb), ("text", "Frail")]).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("ask somebody who manages labels"));
            assert!(page.contains("value=\"Frail\""), "what was typed is kept");
        }
        let book = format!("{}/labels", app.cardiology.path());
        assert_eq!(nurse.get(&book).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(nurse.post(&book, &[("text", "Frail")]).await.status(), StatusCode::FORBIDDEN);
        // By number: a label manager of this kind sees no names.
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        let (_, page) = press(&clerk, &path, &[("do", "create"), ("text", "Frail")]).await;
        assert!(page.contains("Labels of") && NAMES.iter().all(|name| !page.contains(name)));
        press(&nurse, &path, &[("do", &format!("remove:{}", label(app, "Frail").await))]).await;
        press(&nurse, &path, &[("do", "add"), ("text", "frail")]).await;
        assert_eq!(labels_of(&nurse, app.cardiology, agnes).await, ["Frail"]);
        let reader = app.person("reader", CONTRIBUTOR, app.cardiology).await;
        let elsewhere = app.person("elsewhere", STAFF, app.diabetes).await;
        let (_, grace) = app.second_organisation().await;
        for (person, expected) in [(&reader, StatusCode::FORBIDDEN), (&elsewhere, StatusCode::NOT_FOUND), (&grace, StatusCode::NOT_FOUND)] {
            assert_eq!(person.get(&path).await.status(), expected);
            assert_eq!(person.post(&path, &[("do", "add"), ("text", "Frail")]).await.status(), expected);
            let several = format!("{}/patients/labels", app.cardiology.path());
            assert_eq!(person.post(&several, &[("id", &agnes.to_string()), ("do", "add"), ("text", "Frail")]).await.status(), expected);
        }
        assert!(app.events("access.refused").await > 0);
    }

    async fn several_patients_get_and_lose_labels_together(app: &TestApp) {
        let ids = [app.patient(app.cardiology, "P-1", "Agnes Moore").await, app.patient(app.cardiology, "P-2", "Bashir Ali").await];
        let foreign = app.patient(app.diabetes, "P-3", "Chidi Obi").await.to_string();
        let ada = app.admin().await;
        let path = format!("{}/patients/labels", app.cardiology.path());
        let [one, two] = ids.map(|id| id.to_string());
        let (status, page) = press(&ada, &path, &[("id", &one), ("id", &two), ("id", &foreign), ("do", "choose"), ("list", "q=p")]).await;
        assert!(status == StatusCode::OK && page.contains("Labels of 2 patients") && !page.contains("Chidi"), "{status}");
        let (_, page) = press(&ada, &path, &[("id", &one), ("id", &two), ("do", "add"), ("text", "Frail")]).await;
        assert!(page.contains("Create “Frail” and add it"));
        let done = ada.post(&path, &[("id", &one), ("id", &two), ("id", &foreign), ("do", "create"), ("text", "Frail"), ("list", "q=p")]).await;
        assert_eq!(location(&done), format!("{}/patients?q=p", app.cardiology.path()));
        for id in ids {
            assert_eq!(labels_of(&ada, app.cardiology, id).await, ["Frail"]);
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM patient_labels").await, 2, "nobody of another deployment");
        let frail = label(app, "Frail").await.to_string();
        let (_, page) = press(&ada, &path, &[("id", &one), ("id", &two), ("do", "remove"), ("label", &frail)]).await;
        assert!(page.contains("The labels were taken from 2 patients."));
        assert_eq!(app.count("SELECT COUNT(*) FROM patient_labels").await, 0);
        let (_, page) = press(&ada, &path, &[("do", "add"), ("label", &frail)]).await;
        assert!(page.contains("Choose at least one patient first."));
        let (status, _) = press(&ada, &path, &[("id", &one), ("do", "add")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(ada.post(&path, &[("id", &foreign), ("do", "add"), ("label", &frail)]).await.status(), StatusCode::NOT_FOUND);
    }

    async fn the_book_of_labels_renames_and_deletes_with_another_instead(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let bashir = app.patient(app.cardiology, "P-2", "Bashir Ali").await;
        let ada = app.admin().await;
        let book = format!("{}/labels", app.cardiology.path());
        for text in ["Frail", "Fragile", "Odd"] {
            press(&ada, &book, &[("text", text)]).await;
        }
        let (status, page) = press(&ada, &book, &[("text", "FRAIL")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("There is a label “Frail” already."));
        for (patient, text) in [(agnes, "Frail"), (agnes, "Fragile"), (bashir, "Frail")] {
            press(&ada, &at(app.cardiology, patient, "/labels"), &[("do", "add"), ("text", text)]).await;
        }
        let (frail, fragile, odd) = (label(app, "Frail").await, label(app, "Fragile").await, label(app, "Odd").await);
        let (status, page) = press(&ada, &format!("{book}/{odd}"), &[("text", "frail")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("value=\"frail\""), "kept beside it");
        press(&ada, &format!("{book}/{odd}"), &[("text", "Even")]).await;
        assert!(ada.page(&book).await.contains("value=\"Even\""));
        let ask = ada.page(&format!("{book}/{frail}/delete")).await;
        assert!(ask.contains("2 patients have it.") && ask.contains(&fragile.to_string()));
        let (status, _) = press(&ada, &format!("{book}/{frail}/delete"), &[("instead", &frail.to_string())]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "not by itself");
        let (_, page) = press(&ada, &format!("{book}/{frail}/delete"), &[("instead", &fragile.to_string())]).await;
        assert!(page.contains("Deleted: Frail, of 2 patients who have the other one now."), "{page}");
        for patient in [agnes, bashir] {
            assert_eq!(labels_of(&ada, app.cardiology, patient).await, ["Fragile"], "once");
        }
        press(&ada, &format!("{book}/{fragile}/delete"), &[]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM patient_labels").await, 0);
        assert_eq!(ada.post(&format!("{book}/{fragile}/delete"), &[]).await.status(), StatusCode::NOT_FOUND);
        // A label of another deployment is as if it did not exist.
        let other = format!("{}/labels/{odd}", app.diabetes.path());
        assert_eq!(ada.post(&other, &[("text", "Mine")]).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ada.post(&format!("{other}/delete"), &[]).await.status(), StatusCode::NOT_FOUND);
        nothing_leaked(app, &["Frail", "Fragile", "Even"]).await;
    }

    async fn clinicians_are_people_who_can_see_the_patient(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        app.person("over.all", ORGANISATION_STAFF, app.organisation).await;
        app.person("elsewhere", STAFF, app.diabetes).await;
        let path = at(app.cardiology, agnes, "/clinicians");
        let page = nurse.page(&path).await;
        for (name, there) in [("nurse Example", true), ("over.all Example", true), ("Ada Okafor", true), ("elsewhere", false)] {
            assert_eq!(page.contains(name), there, "{name}");
        }
        let (own, over, other) = (account(app, "nurse").await, account(app, "over.all").await, account(app, "elsewhere").await);
        // A search keeps who is ticked.
        let (_, page) = press(&nurse, &path, &[("clinician", &own), ("search", "over"), ("do", "search")]).await;
        assert!(page.contains(&format!("value=\"{own}\" checked")) && page.contains("over.all Example") && !page.contains("Ada Okafor"));
        assert_eq!(app.count("SELECT COUNT(*) FROM patient_clinicians").await, 0, "searching assigns nobody");
        let (_, page) = press(&nurse, &path, &[("clinician", &own), ("clinician", &over), ("do", "assign"), ("list", "all")]).await;
        assert!(page.contains("2 clinicians are assigned to patient P-1 now."));
        let (status, page) = press(&nurse, &path, &[("clinician", &own), ("clinician", &other), ("do", "assign")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("has no access to this patient"));
        let profile = nurse.page(&at(app.cardiology, agnes, "/profile")).await;
        assert!(profile.contains("over.all Example"));
        let (_, page) = press(&nurse, &path, &[("clinician", &own), ("do", "assign"), ("list", "all")]).await;
        assert!(page.contains("1 clinician is assigned"));
        // Whoever has left is shown no more, and takes nobody else along.
        app.execute("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = 'nurse@northfield.example'").await;
        let ada = app.admin().await;
        assert!(!ada.page(&at(app.cardiology, agnes, "/profile")).await.contains("nurse Example"));
        let reader = app.person("reader", CONTRIBUTOR, app.cardiology).await;
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        let diabetes = app.sign_in("elsewhere@northfield.example").await;
        for (person, expected) in [(&reader, StatusCode::FORBIDDEN), (&clerk, StatusCode::FORBIDDEN), (&diabetes, StatusCode::NOT_FOUND)] {
            assert_eq!(person.get(&path).await.status(), expected);
            assert_eq!(person.post(&path, &[("clinician", &over), ("do", "assign")]).await.status(), expected);
        }
        nothing_leaked(app, &[]).await;
    }

    async fn monitoring_stops_for_a_reason_and_begins_again(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let path = at(app.cardiology, agnes, "/monitoring");
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        assert!(nurse.page(&path).await.contains("Agnes Moore"), "asked by name");
        let asked = clerk.page(&path).await;
        assert!(asked.contains("P-1") && NAMES.iter().all(|name| !asked.contains(name)), "asked by number");
        for (form, said) in [
            (vec![("do", "stop")], "Choose why monitoring stops"),
            (vec![("do", "stop"), ("reason", "boredom")], "Choose why monitoring stops"),
            (vec![("do", "stop"), ("reason", "other"), ("words", "  ")], "Say in a few words"),
            (vec![("do", "stop"), ("reason", "other"), ("words", &"x".repeat(201))], "at most 200 characters"),
        ] {
            let (status, page) = press(&clerk, &path, &form).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(said), "{form:?}");
        }
        let generation = app.count("SELECT link_generation FROM patients").await;
        let form = [("do", "stop"), ("reason", "other"), ("words", "Moved to Bergen"), ("list", "type=offboarded")];
        let (_, page) = press(&clerk, &path, &form).await;
        assert!(page.contains("Patient P-1 is no longer monitored.") && page.contains("class=\"offboarded\""));
        assert_eq!(app.count("SELECT link_generation FROM patients").await, generation + 1, "links die");
        let (_, page) = press(&clerk, &path, &[("do", "stop"), ("reason", "finished"), ("list", "all")]).await;
        assert!(page.contains("no longer monitored already"));
        assert!(clerk.page(&path).await.contains("Moved to Bergen"));
        let (_, page) = press(&nurse, &path, &[("do", "resume"), ("list", "all")]).await;
        assert!(page.contains("Patient P-1 is monitored again."));
        let (_, page) = press(&nurse, &path, &[("do", "resume"), ("list", "all")]).await;
        assert!(page.contains("is monitored already"));
        assert_eq!((app.events("patient.offboarded").await, app.events("patient.reactivated").await), (1, 1));
        nothing_leaked(app, &["Bergen"]).await;

        let reader = app.person("reader", CONTRIBUTOR, app.cardiology).await;
        let labeller = with_permissions(app, "labeller", &[Permission::ManageLabels]).await;
        let manager = with_permissions(app, "manager", &[Permission::ManagePatientData]).await;
        let elsewhere = app.person("elsewhere", STAFF, app.diabetes).await;
        let stop = [("do", "stop"), ("reason", "finished")];
        for (person, expected) in [(&reader, StatusCode::FORBIDDEN), (&labeller, StatusCode::FORBIDDEN), (&elsewhere, StatusCode::NOT_FOUND)] {
            assert_eq!(person.get(&path).await.status(), expected);
            assert_eq!(person.post(&path, &stop).await.status(), expected);
        }
        // Where it is switched off nobody can.
        app.execute("UPDATE deployments SET offboarding = FALSE").await;
        assert_eq!(nurse.get(&path).await.status(), StatusCode::CONFLICT);
        press(&nurse, &path, &stop).await;
        assert_eq!(app.count("SELECT monitored FROM patients").await, 1);
        app.execute("UPDATE deployments SET offboarding = TRUE").await;
        assert_eq!(manager.post(&path, &stop).await.status(), StatusCode::SEE_OTHER, "either permission will do");
        assert_eq!(app.count("SELECT monitored FROM patients").await, 0);
    }

    async fn patients_are_added_by_hand(app: &TestApp) {
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let path = format!("{}/patients/new", app.cardiology.path());
        let form = [("number", " P-1 "), ("name", "Agnes  Moore"), ("email", "agnes@patients.example"), ("phone", "+44 20 7946 0123"), ("born_on", "1948-03-09"), ("gender", "female"), ("surgery_on", "2026-10-01")];
        let answer = nurse.post(&path, &form).await;
        assert!(location(&answer).ends_with("/profile"), "{}", answer.status());
        let page = nurse.page(&location(&answer)).await;
        for fact in ["Agnes Moore", "agnes@patients.example", "9 March 1948", "Female", "1 October 2026", "The patient was added."] {
            assert!(page.contains(fact), "{fact}");
        }
        for q in ["moore", "p-1"] {
            assert!(nurse.page(&format!("{}/patients?q={q}", app.cardiology.path())).await.contains("Agnes Moore"), "{q}");
        }
        for (field, value, said) in [
            ("number", "", "Enter the patient"),
            ("number", "p-1", "belongs to another patient"),
            ("number", "P\u{202e}1", "Use letters, digits"),
            ("name", "Agnes\u{200b}Moore", "cannot be seen"),
            ("email", "agnes", "“@”"),
            ("phone", "call me", "Enter a number with its country code"),
            ("born_on", "2099-01-01", "lies in the future"),
            ("born_on", "9.3.1948", "Write the day as year, month and day"),
            ("gender", "unicorn", "Choose one of these"),
            ("surgery_on", "soon", "Write the day"),
        ] {
            let mut typed: Vec<_> = form.iter().copied().filter(|(name, _)| *name != field).collect();
            if field != "number" {
                typed.retain(|(name, _)| *name != "number");
                typed.push(("number", "P-2"));
            }
            typed.push((field, value));
            let (status, page) = press(&nurse, &path, &typed).await;
            assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(said), "{field}={value}: {status}");
            assert!(page.contains(&format!("id=\"{field}-error\"")) && (field == "name" || page.contains("value=\"Agnes  Moore\"")), "beside {field}, what was typed is kept");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 1);
        // The same number in another deployment is another patient.
        let ada = app.admin().await;
        assert_eq!(ada.post(&format!("{}/patients/new", app.diabetes.path()), &form).await.status(), StatusCode::SEE_OTHER);
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        assert_eq!(clerk.get(&path).await.status(), StatusCode::FORBIDDEN);
        assert_eq!(clerk.post(&path, &form).await.status(), StatusCode::FORBIDDEN);
        nothing_leaked(app, &["patients.example"]).await;
    }

    async fn whoever_sees_no_identifiers_neither_gives_nor_changes_them(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        let keeper = with_permissions(app, "keeper", &[Permission::ManagePatientData]).await;
        let path = at(app.cardiology, agnes, "/profile");
        let page = keeper.page(&path).await;
        assert!(NAMES.iter().chain(&["patients.example", "name=\"name\"", "name=\"born_on\""]).all(|secret| !page.contains(secret)), "{page}");
        let revision = revision(app).await;
        let form = [("revision", revision.as_str()), ("number", "P-9"), ("gender", "other"), ("name", "Mallory"), ("email", ""), ("born_on", "2000-01-01")];
        let (_, page) = press(&keeper, &path, &form).await;
        assert!(page.contains("Saved: number, gender."), "{page}");
        let ada = app.admin().await;
        let page = ada.page(&path).await;
        assert!(page.contains("Agnes Moore") && page.contains("9 March 1948") && page.contains("p-1@patients.example") && !page.contains("Mallory"));
        for (q, found) in [("agnes", true), ("p-9", true), ("p-1", false), ("mallory", false)] {
            let page = ada.page(&format!("{}/patients?q={q}", app.cardiology.path())).await;
            assert_eq!(page.contains("Agnes Moore"), found, "{q}");
        }
        let new = format!("{}/patients/new", app.cardiology.path());
        assert!(!keeper.page(&new).await.contains("name=\"name\""));
        press(&keeper, &new, &[("number", "P-10"), ("name", "Mallory")]).await;
        assert_eq!(app.count("SELECT COUNT(*) FROM patients WHERE name <> ''").await, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM patient_words WHERE word = 'mallory'").await, 0);
        let list = ada.page(&format!("{}/patients", app.cardiology.path())).await;
        assert!(list.contains("P-10"), "known by number only");
    }

    async fn two_who_edit_at_once_are_told(app: &TestApp) {
        let agnes = app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        app.patient(app.cardiology, "P-2", "Bashir Ali").await;
        let (nurse, ada) = (app.person("nurse", STAFF, app.cardiology).await, app.admin().await);
        let path = at(app.cardiology, agnes, "/profile");
        let form = |name: &'static str, revision: &'static str| [("revision", revision), ("number", "P-1"), ("name", name), ("born_on", "1948-03-09")];
        let (_, page) = press(&nurse, &path, &form("Agnes Vance", "1")).await;
        assert!(page.contains("Saved: gender, name, e-mail, telephone."), "{page}");
        let (status, page) = press(&ada, &path, &form("Agnes Moore-Vance", "1")).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("Somebody else has changed this patient") && page.contains("value=\"Agnes Moore-Vance\"") && page.contains("Agnes Vance"));
        assert!(page.contains("name=\"revision\" value=\"2\""), "the next press knows");
        press(&ada, &path, &form("Agnes Moore-Vance", "2")).await;
        assert!(ada.page(&path).await.contains("Agnes Moore-Vance"));
        for (q, found) in [("moore", true), ("agnes+vance", true)] {
            assert_eq!(ada.page(&format!("{}/patients?q={q}", app.cardiology.path())).await.contains("Agnes Moore-Vance"), found);
        }
        assert_eq!(press(&ada, &path, &form("X", "nonsense")).await.0, StatusCode::CONFLICT);
        let (status, page) = press(&ada, &path, &[("revision", "3"), ("number", "p-2"), ("name", "Agnes")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("belongs to another patient"));
        let (_, page) = press(&ada, &path, &[("revision", "3"), ("number", "p-1"), ("name", "Agnes Moore-Vance"), ("born_on", "1948-03-09")]).await;
        assert!(page.contains("Saved: number."), "only its case: {page}");
        let reader = app.person("reader", CONTRIBUTOR, app.cardiology).await;
        assert!(!reader.page(&path).await.contains("Edit profile"));
        assert_eq!(reader.post(&path, &form("X", "4")).await.status(), StatusCode::FORBIDDEN);
        let elsewhere = app.person("elsewhere", STAFF, app.diabetes).await;
        assert_eq!(elsewhere.get(&path).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(elsewhere.post(&path, &form("X", "4")).await.status(), StatusCode::NOT_FOUND);
        assert_eq!(ada.get(&at(app.diabetes, agnes, "/profile")).await.status(), StatusCode::NOT_FOUND, "through another place");
        nothing_leaked(app, &["Vance", "Bashir"]).await;
    }
}
