//! FHIR R4: every answer is read strictly by a crate that knows R4, and what is refused says which element it is about.

pub mod program;

use care_portal::{
    access::{DefaultRole, RoleKey},
    types::{PatientId, ReadingId},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use self::program::*;
use crate::{
    on_both,
    support::app::{Database, TestApp},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_statement_is_open_and_everything_else_asks_who_it_is() {
    let app = TestApp::start(Database::Sqlite).await;
    let stranger = app.visitor();
    let base = format!("{}/fhir/r4", app.url);
    let statement = answered(stranger.client.get(format!("{base}/metadata")), "metadata").await;
    assert_eq!(statement.status, StatusCode::OK);
    assert_eq!(statement.body["fhirVersion"], "4.0.1");
    for path in [
        "/Patient",
        "/Observation",
        "/Practitioner",
        "/PractitionerRole",
        "/Organization",
        "/Nonsense",
        "/Patient/pat-1",
    ] {
        let answer = answered(stranger.client.get(format!("{base}{path}")), path).await;
        assert_eq!(
            (answer.status, answer.body["issue"][0]["code"].as_str()),
            (StatusCode::UNAUTHORIZED, Some("login")),
            "{path}"
        );
    }
    // What it says can be searched by can be searched by.
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    let patient = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    for resource in statement.body["rest"][0]["resource"].as_array().unwrap() {
        for parameter in resource["searchParam"].as_array().unwrap() {
            let value = match parameter["name"].as_str().unwrap() {
                "birthdate" | "date" => "ge2020-01-01".to_owned(),
                "organization" => format!("Organization/dep-{}", app.cardiology.id().simple()),
                "patient" | "subject" => format!("Patient/{}", fhir_patient(patient)),
                "practitioner" => format!(
                    "Practitioner/acc-{}",
                    app.portal.new_id::<care_portal::types::kind::Account>().uuid().simple()
                ),
                "gender" => "female".to_owned(),
                _ => "x".to_owned(),
            };
            let path =
                format!("/{}?{}={value}", resource["type"].as_str().unwrap(), parameter["name"].as_str().unwrap());
            let answer = answered(program.ask("GET", &path).header("prefer", "handling=strict"), &path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        }
    }
}

on_both! {
async fn refusals_say_what_and_which_element(app: &TestApp) {
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    let patient = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    let subject = json!({ "reference": format!("Patient/{}", fhir_patient(patient)) });
    let at = "2026-09-20T08:00:00Z";
    // Searches.
    for (path, status) in [
        ("/Patient?name:exact=Agnes", 400),
        ("/Patient?birthdate=soon", 400),
        ("/Patient?birthdate=ap2020", 400),
        ("/Patient?gender=woman", 400),
        ("/Patient?_count=0", 400),
        ("/Patient?_cursor=x", 400),
        ("/Patient?_format=xml", 406),
        ("/Patient?_id=a&_id=b", 400),
        ("/Observation?_sort=code", 400),
        ("/Observation?patient=pat-1", 404),
        ("/Observation/rea-1", 404),
        ("/Patient/pat_00000000000000000000000000000001", 404),
        ("/Encounter", 404),
    ] {
        assert_eq!(program.get(path).await.status.as_u16(), status, "{path}");
    }
    let strict = answered(program.ask("GET", "/Patient?shoe-size=9").header("prefer", "handling=strict"), "strict").await;
    assert_eq!(strict.status, StatusCode::BAD_REQUEST);
    assert_eq!(program.get("/Patient?shoe-size=9").await.status, StatusCode::OK, "lenient as FHIR says");
    let xml = answered(program.ask("GET", "/Patient").header("accept", "application/fhir+xml"), "xml").await;
    assert_eq!(xml.status, StatusCode::NOT_ACCEPTABLE);
    // What is sent.
    let text = answered(program.ask("POST", "/Patient").header("content-type", "text/plain").body("{}"), "text").await;
    assert_eq!(text.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = answered(program.ask("POST", "/Patient").header("content-type", FHIR).body("{"), "broken").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    let cases = [
        (observation(subject.clone(), "8867-4", at, quantity(70.0, "kg")), "Observation.valueQuantity.code"),
        (observation(subject.clone(), "8867-4", at, quantity(7000.0, "/min")), "Observation.valueQuantity.value"),
        (observation(subject.clone(), "1234-5", at, quantity(70.0, "/min")), "Observation.code.coding"),
        (observation(json!({ "reference": "Patient/pat-7" }), "8867-4", at, quantity(70.0, "/min")), "Observation.subject.reference"),
        (observation(json!({ "identifier": { "value": "NF-9" } }), "8867-4", at, quantity(70.0, "/min")), "Observation.subject"),
        (observation(json!({ "reference": "urn:uuid:1" }), "8867-4", at, quantity(70.0, "/min")), "Observation.subject.reference"),
    ];
    for (resource, path) in cases {
        let answer = program.post("/Observation", &resource).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{resource}");
        assert_eq!(answer.issues()[0].0, path, "{:?}", answer.issues());
    }
    let nameless = json!({ "resourceType": "Patient", "birthDate": "1948", "gender": "x", "identifier": [] });
    let answer = program.post("/Patient", &nameless).await;
    let paths: Vec<_> = answer.issues().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["Patient.identifier", "Patient.name", "Patient.birthDate", "Patient.gender"]);
    let taken = program.post("/Patient", &new_patient("nf-1", "Somebody Else")).await;
    assert_eq!((taken.status, taken.issues()[0].0.as_str()), (StatusCode::CONFLICT, "Patient"));
    // A transaction does all or nothing, and names the entry.
    let good = entry("Patient", new_patient("NF-2", "Bela Kiss"), "urn:uuid:1");
    let bad = entry("Observation", observation(json!({ "reference": "urn:uuid:1" }), "8867-4", at, quantity(70.0, "kg")), "urn:uuid:2");
    let answer = program.post("", &transaction(vec![good.clone(), bad])).await;
    assert_eq!(answer.issues()[0].0, "Bundle.entry[1].resource.valueQuantity.code");
    let unknown = entry("Observation", observation(json!({ "identifier": { "value": "NF-9" } }), "8867-4", at, quantity(70.0, "/min")), "urn:uuid:2");
    let answer = program.post("", &transaction(vec![good, unknown])).await;
    assert_eq!(answer.issues()[0].0, "Bundle.entry[1].resource.subject");
    let delete = json!({ "request": { "method": "DELETE", "url": "Patient/pat-1" } });
    assert_eq!(program.post("", &transaction(vec![delete])).await.issues()[0].0, "Bundle.entry[0].request.method");
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [] });
    assert_eq!(program.post("", &batch).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 1, "nothing was added");
    assert_eq!(app.count("SELECT COUNT(*) FROM readings").await, 0, "nothing was entered");
}
}

on_both! {
async fn who_may_not_is_told_nothing(app: &TestApp) {
    let ada = app.admin().await;
    let (elsewhere, grace) = app.second_organisation().await;
    let patient = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    app.reading(patient, "heart_rate", "71", app.minutes_ago(5)).await;
    let reading = app.uuid("SELECT id FROM readings").await;
    let reading = format!("/Observation/rea-{}", reading.simple());
    let profile = format!("/Patient/{}", fhir_patient(patient));
    let of_patient = format!("/Observation?patient={}", fhir_patient(patient));
    let member = app.uuid("SELECT id FROM memberships WHERE email_key = 'ada@northfield.example'").await;
    let (there, nowhere) = (format!("/PractitionerRole/mem-{}", member.simple()), "/PractitionerRole/mem-00000000000000000000000000000001");
    let organization = format!("/Organization/dep-{}", app.cardiology.id().simple());
    // Another deployment, and another organisation: as if it did not exist.
    let next_door = app.person("nextdoor", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
    for program in [key_of(&next_door, app.diabetes, ALL).await, key_of(&grace, elsewhere, ALL).await] {
        for path in [&profile, &reading, &of_patient, &organization] {
            assert_eq!(program.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert!(program.all("/Patient").await.is_empty());
        assert!(program.all("/Patient?identifier=NF-1").await.is_empty());
        let (there, nowhere) = (program.get(&there).await, program.get(nowhere).await);
        assert_eq!((there.status, &there.body), (nowhere.status, &nowhere.body));
        let sent = observation(json!({ "reference": format!("Patient/{}", fhir_patient(patient)) }), "8867-4", "2026-09-20T08:00:00Z", quantity(70.0, "/min"));
        assert_eq!(program.post("/Observation", &sent).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    // A key without the permission.
    let staff_only = key_of(&ada, app.cardiology, &["view_staff"]).await;
    for path in ["/Patient", &profile, &reading, &of_patient, "/Observation"] {
        assert_eq!(staff_only.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let reader = key_of(&ada, app.cardiology, &["view_patient_data"]).await;
    for path in ["/Practitioner", "/PractitionerRole"] {
        assert_eq!(reader.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(reader.post("/Patient", &new_patient("NF-5", "No Body")).await.status, StatusCode::FORBIDDEN);
    assert_eq!(reader.post("", &transaction(vec![entry("Patient", new_patient("NF-5", "No Body"), "urn:uuid:1")])).await.status, StatusCode::FORBIDDEN);
    // A browser's session reads and does not write; a wrong key gets nothing by a cookie.
    let base = format!("{}/fhir/r4", app.url);
    let read = ada.client.get(format!("{base}/Patient?organization=Organization/dep-{}", app.cardiology.id().simple()));
    assert_eq!(answered(read, "by session").await.resources().len(), 1);
    let write = ada.client.post(format!("{base}/Patient")).header("sec-fetch-site", "same-origin").header("content-type", FHIR);
    assert_eq!(answered(write.body(new_patient("NF-6", "A B").to_string()), "by session").await.status, StatusCode::UNAUTHORIZED);
    let wrong = ada.client.get(format!("{base}/Patient")).bearer_auth("cpk_wrong");
    assert_eq!(answered(wrong, "a wrong key").await.status, StatusCode::UNAUTHORIZED);
    // Roles.
    for role in DefaultRole::ALL {
        let person = app.person(&format!("r{}", role.key().replace('_', "")), RoleKey::Default(role), app.cardiology).await;
        let asked = |path: &str| person.client.get(format!("{base}{path}"));
        let patients = answered(asked("/Patient"), "patients").await;
        assert_eq!(patients.resources().len(), 1, "{role:?} sees patient data");
        let named = patients.body.to_string().contains("Vance");
        let may = matches!(role, DefaultRole::Admin | DefaultRole::DeploymentStaff | DefaultRole::Contributor);
        assert_eq!(named, may, "{role:?} and identifiers");
        let staff = answered(asked("/PractitionerRole"), "staff").await.status;
        assert_eq!(staff == StatusCode::OK, role != DefaultRole::Contributor, "{role:?} and staff");
    }
}
}

on_both! {
async fn without_identifiers_no_answer_holds_one(app: &TestApp) {
    let ada = app.admin().await;
    let patient = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    app.reading(patient, "blood_pressure", "128/78", app.minutes_ago(5)).await;
    let program = key_of(&ada, app.cardiology, &["view_patient_data", "manage_patient_data"]).await;
    let secret = ["agnes", "vance", "nf-1@patients.example", "7946 0123", "1948-03-09"];
    let mut texts = Vec::new();
    for path in ["/Patient".to_owned(), format!("/Patient/{}", fhir_patient(patient)), "/Patient?identifier=NF-1".to_owned(), "/Observation".to_owned()] {
        let answer = program.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        texts.push(answer.body.to_string());
    }
    for path in ["/Patient?name=Agnes", "/Patient?birthdate=1948-03-09", "/Patient?birthdate=ge1900"] {
        let answer = program.get(path).await;
        assert!(answer.resources().is_empty(), "{path} finds nobody");
    }
    // Not even what one has just sent.
    let sent = program.ask("POST", "/Patient").header("content-type", FHIR).header("prefer", "return=representation");
    let made = answered(sent.body(new_patient("NF-2", "Agnes Vance").to_string()), "made").await;
    assert_eq!(made.status, StatusCode::CREATED);
    texts.push(made.body.to_string());
    for text in texts {
        let low = text.to_lowercase();
        for word in secret {
            assert!(!low.contains(word), "{word} in {text}");
        }
        assert!(!text.contains("\"Patient\",\"telecom\""), "{text}");
    }
    let shown = program.get(&format!("/Patient/{}", fhir_patient(patient))).await.body;
    assert_eq!(shown["meta"]["tag"][0]["code"], "SUBSETTED");
    assert_eq!(shown["identifier"][0]["value"], "NF-1", "the number is what everybody knows them by");
}
}

on_both! {
async fn patients_are_found_read_and_made(app: &TestApp) {
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    for n in 0..7 {
        app.patient(app.cardiology, &format!("NF-{n}"), &format!("Patient{n} Vance")).await;
    }
    app.execute("UPDATE patients SET born_on = '1950-05-05', gender = 'male' WHERE number = 'NF-3'").await;
    let count = async |path: &str| program.all(path).await.len();
    for (path, n) in [
        ("/Patient?_count=3", 7),
        ("/Patient?name=vance", 7),
        ("/Patient?name=patient3&name=van", 1),
        ("/Patient?name=ance", 0),
        ("/Patient?identifier=nf-3", 1),
        ("/Patient?identifier=nf-3,NF-4", 2),
        ("/Patient?identifier=https://else.example|NF-3", 0),
        ("/Patient?birthdate=1950-05-05", 1),
        ("/Patient?birthdate=1950", 1),
        ("/Patient?birthdate=lt1950", 6),
        ("/Patient?birthdate=gt1948-03-09", 1),
        ("/Patient?birthdate=ge1948-03-09&birthdate=le1949", 6),
        ("/Patient?gender=male", 1),
        ("/Patient?gender=unknown", 0),
    ] {
        assert_eq!(count(path).await, n, "{path}");
    }
    // Pages by key, there and back.
    let first = program.get("/Patient?_count=3").await;
    let second = program.get(&first.link("next").unwrap()).await;
    let back = program.get(&second.link("previous").unwrap()).await;
    assert_eq!(back.resources(), first.resources());
    assert!(first.link("previous").is_none() && back.link("previous").is_none());
    // A form instead of an address that proxies write down.
    let form = program.ask("POST", "/Patient/_search").form(&[("name", "patient3")]);
    assert_eq!(answered(form, "_search").await.resources().len(), 1);
    // Made, with its address; by a condition only once.
    let made = program.post("/Patient", &new_patient("NF-50", "Bela Kiss")).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let address = made.headers["location"].to_str().unwrap().replace("/_history/1", "");
    let read = program.get(&address).await;
    assert_eq!(read.headers["etag"], "W/\"1\"");
    assert!(read.headers["last-modified"].to_str().unwrap().ends_with("GMT"));
    assert_eq!((&read.body["name"][0]["text"], &read.body["birthDate"]), (&json!("Bela Kiss"), &json!("1948-03-09")));
    let again = program.ask("POST", "/Patient").header("content-type", FHIR).header("if-none-exist", "identifier=https://hospital.example/mrn|NF-50");
    let again = answered(again.body(new_patient("NF-50", "Bela Kiss").to_string()), "again").await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.headers["location"], made.headers["location"]);
    // What comes out goes in again as it was.
    let mut back = read.body.clone();
    for field in ["id", "meta", "managingOrganization", "active"] {
        back.as_object_mut().unwrap().remove(field);
    }
    back["identifier"][0]["value"] = json!("NF-51");
    back["extension"] = json!([{ "url": format!("{}/StructureDefinition/surgery-date", program.base), "valueDate": "2026-08-01" }]);
    let made = program.post("/Patient", &back).await;
    let read = program.get(&made.headers["location"].to_str().unwrap().replace("/_history/1", "")).await.body;
    for field in ["name", "telecom", "gender", "birthDate", "identifier", "extension"] {
        assert_eq!(read[field], back[field], "{field}");
    }
    assert_eq!(app.events("patients.added").await, 9, "each way of adding is in the access log");
}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_an_organisation_names_the_deployment() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let program = key_of(&ada, app.organisation, ALL).await;
    let answer = program.post("/Patient", &new_patient("NF-1", "Agnes Vance")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (path, text) = answer.issues().remove(0);
    assert_eq!(path, "Patient.managingOrganization");
    assert!(text.contains("Organization/dep-"), "{text}");
    let mut named = new_patient("NF-1", "Agnes Vance");
    for (scope, status) in [(app.diabetes, 201), (app.cardiology, 201)] {
        named["managingOrganization"] = json!({ "reference": format!("Organization/dep-{}", scope.id().simple()) });
        assert_eq!(program.post("/Patient", &named).await.status.as_u16(), status);
    }
    named["managingOrganization"] = json!({ "reference": "Organization/dep-00000000000000000000000000000001" });
    assert_eq!(program.post("/Patient", &named).await.issues()[0].0, "Patient.managingOrganization");
    // Read across, and in one.
    assert_eq!(program.all("/Patient").await.len(), 2);
    let here = format!("Organization/dep-{}", app.diabetes.id().simple());
    assert_eq!(program.all(&format!("/Patient?organization={here}")).await.len(), 1);
    assert_eq!(program.get("/Observation").await.status, StatusCode::BAD_REQUEST, "whose?");
    // A number is of a deployment.
    let system = format!("{}/patient-numbers/dep-{}", program.base, app.diabetes.id().simple());
    let at = "2026-09-20T08:00:00Z";
    let vague = observation(json!({ "identifier": { "value": "NF-1" } }), "8867-4", at, quantity(70.0, "/min"));
    assert_eq!(program.post("/Observation", &vague).await.issues()[0].0, "Observation.subject");
    let exact = observation(
        json!({ "identifier": { "system": system, "value": "NF-1" } }),
        "8867-4",
        at,
        quantity(70.0, "/min"),
    );
    assert_eq!(program.post("/Observation", &exact).await.status, StatusCode::CREATED);
    // Staff and places.
    assert_eq!(program.all("/Organization").await.len(), 3);
    let roles = program.all("/PractitionerRole").await;
    assert_eq!(roles[0]["code"][0]["coding"][0]["code"], "admin");
    let person = roles[0]["practitioner"]["reference"].as_str().unwrap();
    let read = program.get(&format!("/{person}")).await.body;
    assert_eq!(read["telecom"][0]["value"], "ada@northfield.example");
    assert_eq!(program.all(&format!("/PractitionerRole?practitioner={person}&role=admin")).await.len(), 1);
    assert_eq!(program.all("/PractitionerRole?role=contributor").await.len(), 0);
    assert_eq!(program.all("/Practitioner?name=oka").await.len(), 1);
    let role = format!("/PractitionerRole/{}", roles[0]["id"].as_str().unwrap());
    assert_eq!(program.get(&role).await.body, roles[0]);
}

on_both! {
async fn units_are_converted_and_codes_kept(app: &TestApp) {
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    let patient = app.patient(app.cardiology, "NF-1", "Agnes Vance").await;
    let subject = json!({ "reference": format!("{}/Patient/{}", program.base, fhir_patient(patient)) });
    for (loinc, value, unit, stored, own, category) in [
        ("2339-0", 90.08, "mg/dL", 5.0, "mmol/L", "laboratory"),
        ("8310-5", 98.6, "[degF]", 37.0, "Cel", "vital-signs"),
        ("29463-7", 176.4, "[lb_av]", 80.014, "kg", "vital-signs"),
        ("8302-2", 70.0, "[in_i]", 177.8, "cm", "vital-signs"),
        ("59408-5", 97.0, "%", 97.0, "%", "vital-signs"),
        ("8867-4", 71.0, "{beats}/min", 71.0, "/min", "vital-signs"),
    ] {
        let sent = observation(subject.clone(), loinc, "2026-09-20T08:00:00Z", quantity(value, unit));
        let made = program.post("/Observation", &sent).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let read = program.get(&made.headers["location"].to_str().unwrap().replace("/_history/1", "")).await.body;
        assert_eq!((read["valueQuantity"]["value"].as_f64(), read["valueQuantity"]["code"].as_str()), (Some(stored), Some(own)));
        assert_eq!(read["category"][0]["coding"][0]["code"], category);
        assert!(read.get("interpretation").is_none(), "nothing clinical is claimed");
    }
    let text = json!({
        "resourceType": "Observation", "status": "final", "subject": subject, "effectiveDateTime": "2026-09-20T09:00:00Z",
        "code": { "coding": [{ "system": LOINC, "code": "75325-1" }] }, "valueString": "Short of breath on the stairs",
    });
    assert_eq!(program.post("/Observation", &text).await.status, StatusCode::CREATED);
    let count = async |more: &str| program.all(&format!("/Observation?patient={}{more}", fhir_patient(patient))).await.len();
    for (more, n) in [
        ("", 7),
        ("&category=vital-signs", 5),
        ("&category=survey", 1),
        ("&code=http://loinc.org|8867-4", 1),
        ("&code=8867-4,75325-1", 2),
        ("&code=http://else.example|8867-4", 0),
        ("&date=2026-09-20", 7),
        ("&date=ge2026-09-20T08:30:00Z", 1),
        ("&date=lt2026-09-20T08:30:00Z", 6),
        ("&date=gt2026-09-20", 0),
        ("&date=ge2026-09&date=le2026-09", 7),
        ("&code=8867-4&category=survey", 0),
    ] {
        assert_eq!(count(more).await, n, "{more}");
    }
    // Entered by the one way in: judged, flagged, in the access log, and nobody typed it.
    assert_eq!(app.count("SELECT COUNT(*) FROM latest_readings").await, 7);
    assert_eq!(app.count("SELECT CAST(red + amber + grey AS BIGINT) FROM patients").await, 7);
    assert_eq!(app.events("readings.entered").await, 7);
    assert_eq!(app.count("SELECT COUNT(*) FROM readings WHERE entered_by IS NOT NULL").await, 0);
}
}

on_both! {
async fn a_thousand_observations_come_back_as_they_went_in_and_only_once(app: &TestApp) {
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    let mut entries = vec![entry("Patient", new_patient("NF-1", "Agnes Vance"), "urn:uuid:0b6e27f1-0000-4000-8000-000000000000")];
    entries[0]["request"]["ifNoneExist"] = json!("identifier=https://hospital.example/mrn|NF-1");
    let mut sent = Vec::new();
    for n in 0..1000 {
        let at = format!("2026-09-{:02}T{:02}:{:02}:00.{:03}Z", 1 + n / 96, n / 4 % 24, n % 4 * 15, n);
        let subject = json!({ "reference": "urn:uuid:0b6e27f1-0000-4000-8000-000000000000" });
        let mut one = match n % 3 {
            0 => observation(subject, "8867-4", &at, quantity(f64::from(60 + n % 40), "/min")),
            1 => observation(subject, "8310-5", &at, quantity(36.0 + f64::from(n % 20) / 10.0, "Cel")),
            _ => {
                let part = |code: &str, value: i32| {
                    json!({ "code": { "coding": [{ "system": LOINC, "code": code }] }, "valueQuantity": quantity(f64::from(value), "mm[Hg]") })
                };
                let mut one = observation(subject, "85354-9", &at, Value::Null);
                one.as_object_mut().unwrap().remove("valueQuantity");
                one["component"] = json!([part("8480-6", 120 + n % 30), part("8462-4", 70 + n % 20)]);
                one
            }
        };
        // Some have identifiers of their own, the others are known by the URN of their entry.
        if n % 2 == 0 {
            one["identifier"] = json!([{ "system": "https://gateway.example", "value": format!("m-{n}") }]);
        }
        sent.push(one.clone());
        entries.push(entry("Observation", one, &format!("urn:uuid:0b6e27f1-0000-4000-9000-{n:012}")));
    }
    let bundle = transaction(entries);
    let answer = program.post("", &bundle).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let made = answer.body["entry"].as_array().unwrap().clone();
    assert_eq!(made.len(), 1001);
    assert!(made.iter().all(|one| one["response"]["status"] == "201 Created"));
    let patient = made[0]["response"]["location"].as_str().unwrap().replace("/_history/1", "");
    let read = program.all(&format!("/Observation?patient={patient}&_sort=date&_count=170")).await;
    assert_eq!(read.len(), 1000);
    // The same elements with the same values; a number is a number however it is written.
    let numbers = |value: &Value| {
        let quantity = |one: &Value| (one["value"].as_f64(), one["code"].as_str().map(str::to_owned));
        let parts = value["component"].as_array().map(|parts| parts.iter().map(|part| quantity(&part["valueQuantity"])).collect::<Vec<_>>());
        (quantity(&value["valueQuantity"]), parts)
    };
    for (sent, read) in sent.iter().zip(&read) {
        assert_eq!(sent["effectiveDateTime"], read["effectiveDateTime"]);
        assert_eq!(sent["code"]["coding"][0]["code"], read["code"]["coding"][0]["code"]);
        assert_eq!(numbers(sent), numbers(read));
        if let Some(identifier) = sent.get("identifier") {
            assert_eq!(identifier, &read["identifier"]);
        }
        assert_eq!(read["subject"]["reference"], patient);
    }
    // Again: nothing twice, and the same addresses.
    let again = program.post("", &bundle).await;
    assert!(again.body["entry"].as_array().unwrap().iter().all(|one| one["response"]["status"] == "200 OK"));
    let addresses = |all: &[Value]| all.iter().map(|one| one["response"]["location"].clone()).collect::<Vec<_>>();
    assert_eq!(addresses(again.body["entry"].as_array().unwrap()), addresses(&made));
    assert_eq!(app.count("SELECT COUNT(*) FROM readings").await, 1000);
    assert_eq!(app.count("SELECT COUNT(*) FROM patients").await, 1);
    // What came out goes into another patient, equal.
    let back: Vec<_> = read
        .iter()
        .map(|one| {
            let mut one = one.clone();
            for field in ["id", "meta", "issued", "identifier"] {
                one.as_object_mut().unwrap().remove(field);
            }
            one["subject"] = json!({ "reference": "urn:uuid:2" });
            json!({ "resource": one, "request": { "method": "POST", "url": "Observation" } })
        })
        .collect();
    let other = entry("Patient", new_patient("NF-2", "Bela Kiss"), "urn:uuid:2");
    let answer = program.post("", &transaction([vec![other], back].concat())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let other = answer.body["entry"][0]["response"]["location"].as_str().unwrap().replace("/_history/1", "");
    let copied = program.all(&format!("/Observation?patient={other}&_sort=date&_count=200")).await;
    let essence = |all: &[Value]| all.iter().map(|one| (one["effectiveDateTime"].clone(), one["code"].clone(), numbers(one))).collect::<Vec<_>>();
    assert_eq!(essence(&copied), essence(&read));
}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reading_is_in_the_access_log_and_an_identifier_is_of_one_patient() {
    let app = TestApp::start(Database::Sqlite).await;
    let ada = app.admin().await;
    let program = key_of(&ada, app.cardiology, ALL).await;
    let (agnes, bela) = (
        app.patient(app.cardiology, "NF-1", "Agnes Vance").await,
        app.patient(app.cardiology, "NF-2", "Bela Kiss").await,
    );
    let mut sent = observation(
        json!({ "identifier": { "value": "NF-1" } }),
        "8867-4",
        "2026-09-20T08:00:00Z",
        quantity(70.0, "/min"),
    );
    sent["identifier"] = json!([{ "system": "https://gateway.example", "value": "m-1" }]);
    let made = program.post("/Observation", &sent).await;
    assert_eq!(program.post("/Observation", &sent).await.status, StatusCode::OK, "known");
    sent["subject"] = json!({ "identifier": { "value": "NF-2" } });
    assert_eq!(program.post("/Observation", &sent).await.status, StatusCode::CONFLICT, "of another patient");
    let id = made.headers["location"].to_str().unwrap().split("rea-").nth(1).unwrap()[..32].to_owned();
    let reading = ReadingId::from_uuid(uuid::Uuid::parse_str(&id).unwrap());
    let seen = async |patient: PatientId| {
        app.count(&format!("SELECT COUNT(*) FROM seen_patients WHERE patient_id = {}", app.literal(patient.uuid())))
            .await
    };
    assert_eq!((seen(agnes).await, seen(bela).await), (0, 0), "sending shows nothing");
    program.get("/Patient").await;
    assert_eq!((seen(agnes).await, seen(bela).await), (1, 1));
    program.get(&format!("/Patient/{}", fhir_patient(agnes))).await;
    program.get(&format!("/Observation/rea-{}", reading.uuid().simple())).await;
    program.get("/Observation").await;
    assert_eq!((seen(agnes).await, seen(bela).await), (4, 1));
    program.get(&format!("/Observation?patient={}", fhir_patient(bela))).await;
    assert_eq!(seen(bela).await, 2, "that there is nothing is something too");
    let log = app.dump("events").await;
    assert!(!log.contains("Vance") && !log.contains("Agnes"), "no identifier in the log");
    // And whoever asks who has seen her reads of the program.
    let page = app.admin().await.page(&format!("{}/patients/{agnes}/seen", app.cardiology.path())).await;
    assert_eq!(page.matches("by API key").count(), 4, "{page}");
}
