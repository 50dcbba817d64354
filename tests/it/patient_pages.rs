//! The Patient Dashboard, a module's chart and table, and entering readings: who may, what is shown in whose units, and what is refused.

use care_portal::{
    access::{DefaultRole, RoleKey},
    types::{EmergencyId, PatientId},
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);

/// Somebody with a little of everything.
async fn agnes(app: &TestApp) -> PatientId {
    let id = app.patient(app.cardiology, "NF-7", "Agnes Vance").await;
    let pressures = ["118/74", "121/76", "140/88", "150/93", "171/104"];
    for (n, value) in pressures.iter().enumerate() {
        let at = app.minutes_ago((5 - i64::try_from(n).unwrap()) * 24 * 60);
        app.readings(id, &[("blood_pressure", value, at), ("heart_rate", "72", at)]).await;
    }
    app.reading(id, "glucose", "5.5", app.minutes_ago(90)).await;
    app.reading(id, "symptoms", "Dizzy <since> breakfast", app.minutes_ago(60)).await;
    id
}

fn at(app: &TestApp, id: PatientId, end: &str) -> String {
    format!("{}/patients/{id}{end}", app.cardiology.path())
}

/// This person is in an emergency with this patient.
pub async fn open_in_emergency(app: &TestApp, email: &str, patient: PatientId) {
    let id: EmergencyId = app.portal.new_id();
    let account = app.uuid(&format!("SELECT id FROM accounts WHERE email_key = '{email}'")).await;
    let (organisation, deployment) = (app.cardiology.organisation.uuid(), app.cardiology.deployment.unwrap().uuid());
    let ids: Vec<_> =
        [id.uuid(), organisation, deployment, patient.uuid(), account].iter().map(|id| app.literal(*id)).collect();
    let now = app.portal.now().0;
    app.execute(&format!(
        "INSERT INTO emergency_accesses (id, organisation_id, deployment_id, patient_id, account_id, reason, begun_at, ends_at) \
         VALUES ({}, 'Collapsed on our ward', {now}, {})",
        ids.join(", "),
        now + 3_600_000
    ))
    .await;
}

const PAGES: [&str; 6] =
    ["", "/readings/heart_rate", "/readings/heart_rate?view=table", "/readings/new", "/flags", "/notes"];

on_both! {
    async fn nobody_sees_a_patient_who_is_not_theirs(app: &TestApp) {
        let id = agnes(app).await;
        let (_, grace) = app.second_organisation().await;
        let elsewhere = app.person("elsewhere", RoleKey::Default(DefaultRole::Admin), app.diabetes).await;
        let stranger = app.visitor();
        let none = app.portal.new_id::<care_portal::types::kind::Patient>();
        let ada = app.admin().await;
        for end in PAGES {
            let path = at(app, id, end);
            assert!(location(&stranger.get(&path).await).starts_with("/sign-in"), "{path}");
            for person in [&grace, &elsewhere] {
                assert_eq!(person.get(&path).await.status(), 404, "{path}");
            }
            // Nor by the address of a place where one works.
            let wrong = path.replace(&app.cardiology.path(), &app.diabetes.path());
            assert_eq!(elsewhere.get(&wrong).await.status(), 404, "{wrong}");
            assert_eq!(ada.get(&wrong).await.status(), 404, "{wrong}");
            assert_eq!(ada.get(&at(app, none, end)).await.status(), 404);
            assert_eq!(ada.get(&path).await.status(), 200, "{path}");
        }
        assert_eq!(ada.get(&at(app, id, "/readings/nothing")).await.status(), 404);
        let form = [("at", "2026-09-20T08:00"), ("value_weight", "70"), ("note", "Seen"), ("do", "resolve")];
        for end in ["/readings/new", "/flags"] {
            for person in [&grace, &elsewhere] {
                assert_eq!(person.post(&at(app, id, end), &form).await.status(), 404, "{end}");
            }
            let wrong = at(app, id, end).replace(&app.cardiology.path(), &app.diabetes.path());
            assert_eq!(ada.post(&wrong, &form).await.status(), 404, "{end}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM readings WHERE module = 'weight'").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM notes").await, 0);
    }

    async fn who_may_only_see_changes_nothing_and_is_offered_nothing(app: &TestApp) {
        let id = agnes(app).await;
        let coordinator = app.person("coordinator", app.coordinator, app.cardiology).await;
        let page = coordinator.page(&at(app, id, "")).await;
        assert!(page.contains("NF-7") && !page.contains("Agnes"), "a number without identifiers");
        assert!(!page.contains("/readings/new") && !page.contains("/flags"), "{page}");
        let refused = [("GET", "/readings/new"), ("POST", "/readings/new"), ("GET", "/flags"), ("POST", "/flags"), ("POST", "/notes")];
        let before = app.events("access.refused").await;
        for (method, end) in refused {
            let path = at(app, id, end);
            let form = [("at", "2026-09-20T08:00"), ("value_weight", "70"), ("note", "Seen"), ("do", "resolve")];
            let answer = if method == "GET" { coordinator.get(&path).await } else { coordinator.post(&path, &form).await };
            assert_eq!(answer.status(), 403, "{method} {end}");
        }
        assert_eq!(app.events("access.refused").await, before + 5);
        assert_eq!(coordinator.get(&at(app, id, "/notes")).await.status(), 200, "notes are patient data");

        // An emergency lets read, and nothing else.
        let nurse = app.person("nurse", STAFF, app.diabetes).await;
        assert_eq!(nurse.get(&at(app, id, "")).await.status(), 404);
        open_in_emergency(app, "nurse@northfield.example", id).await;
        for end in ["", "/readings/blood_pressure", "/notes"] {
            let page = nurse.page(&at(app, id, end)).await;
            assert!(page.contains("emergency access"), "{end}");
            assert!(!page.contains("/readings/new\"") && !page.contains("/flags\""), "{end}: {page}");
        }
        for end in ["/readings/new", "/flags"] {
            assert_eq!(nurse.get(&at(app, id, end)).await.status(), 404, "{end}");
            let form = [("at", "2026-09-20T08:00"), ("value_weight", "70"), ("note", "Seen"), ("do", "resolve")];
            assert_eq!(nurse.post(&at(app, id, end), &form).await.status(), 404, "{end}");
        }
        app.advance(std::time::Duration::from_secs(3601));
        let nurse = app.sign_in("nurse@northfield.example").await;
        assert_eq!(nurse.get(&at(app, id, "")).await.status(), 404, "an hour later it has ended");
        assert_eq!(app.count("SELECT COUNT(*) FROM readings WHERE module = 'weight'").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM notes").await, 0);
    }

    async fn the_dashboard_shows_the_last_three_of_each_module(app: &TestApp) {
        let id = agnes(app).await;
        let ada = app.admin().await;
        let seen = app.events("patient.seen").await;
        let page = ada.page(&at(app, id, "")).await;
        assert_eq!(app.events("patient.seen").await, seen + 1, "that she was seen is in the access log");
        assert!(page.contains("171/104") && page.contains("150/93") && page.contains("140/88"), "{page}");
        assert!(!page.contains("121/76"), "three, not more");
        assert!(page.contains("Dizzy &#60;since&#62;"), "{page}");
        assert!(page.contains(">New</span>") && page.contains("Nothing was sent in yet of"));
        assert!(page.contains("class=\"trend\"") && page.contains("sample"));
        assert!(page.contains("<title>NF-7"), "a title tells no name");
        assert!(page.contains("5.5 <span class=\"unit\">mmol/L"));
        let units = [("glucose", "mg/dL"), ("temperature", "°F"), ("height", "ft"), ("weight", "st")];
        assert!(ada.post("/profile/units", &units).await.status().is_redirection());
        assert!(ada.page(&at(app, id, "")).await.contains("99 <span class=\"unit\">mg/dL"));
        app.execute("UPDATE patients SET monitored = 0, offboarded_at = 1789000000000, offboarding_reason = 'Moved away'").await;
        let page = ada.page(&at(app, id, "")).await;
        assert!(page.contains("Monitoring stopped on") && page.contains("Moved away"), "{page}");
        // What is no longer followed stays readable.
        let deployment = app.literal(app.cardiology.deployment.unwrap().uuid());
        app.execute(&format!("INSERT INTO followed_modules (deployment_id, module, position, bands, samples) VALUES ({deployment}, 'weight', 1, '[]', {})", if app.portal.db.is_sqlite() { "0" } else { "false" })).await;
        let page = ada.page(&at(app, id, "")).await;
        assert!(page.contains("Followed earlier") && page.contains("/readings/blood_pressure"), "{page}");
        assert!(ada.page(&at(app, id, "/readings/blood_pressure")).await.contains("no longer follows"));
    }

    async fn chart_and_table_show_the_same(app: &TestApp) {
        let id = agnes(app).await;
        let ada = app.admin().await;
        let chart = ada.page(&at(app, id, "/readings/blood_pressure")).await;
        for part in ["5 readings from", "Latest 171/104 mmHg, red", "Lowest 118/74 mmHg, highest 171/104 mmHg", "1 red, 1 amber", "class=\"stripe-red\"", "Systolic, mmHg", "Diastolic, mmHg", "<title>171/104 mmHg, red, "] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        let svg = chart.split("<svg class=\"plot").nth(1).unwrap();
        assert!(!svg.split("</svg>").next().unwrap().contains("style="), "the policy would refuse it");
        let table = ada.page(&at(app, id, "/readings/blood_pressure?view=table")).await;
        for value in ["118/74", "121/76", "140/88", "150/93", "171/104", "In range", "Ada Okafor", "5 readings from"] {
            assert!(table.contains(value), "{value}");
        }
        assert!(table.find("171/104</span>").unwrap() < table.find("118/74</span>").unwrap(), "newest first");
        let over = ada.page(&at(app, id, "/readings/blood_pressure?with=heart_rate&range=7d")).await;
        assert!(over.contains("class=\"line-over\"") && over.contains("Heart rate, bpm") && over.contains("<title>Heart rate: 72 bpm"));
        assert!(!ada.page(&at(app, id, "/readings/blood_pressure?with=symptoms")).await.contains("line-over"));
        // Own dates: the day counts whole, in the organisation's zone.
        let own = ada.page(&at(app, id, "/readings/blood_pressure?range=own&since=2026-09-18&until=2026-09-18&view=table")).await;
        assert!(own.contains("1 reading on 18 September 2026") && own.contains("140/88") && !own.contains("150/93</span>"), "{own}");
        let none = ada.page(&at(app, id, "/readings/blood_pressure?range=own&since=2020-01-01&until=2020-02-01")).await;
        assert!(none.contains("Nothing in this time") && none.contains("range=all"), "{none}");
        assert!(ada.page(&at(app, id, "/readings/weight")).await.contains("Nothing was sent in yet"));
        let words = ada.page(&at(app, id, "/readings/symptoms")).await;
        assert!(words.contains("Dizzy") && !words.contains("Chart view"), "{words}");
        for nonsense in ["range=x&since=never&until=9999999-1-1&with=%00&view=%F0%9F%92%A5&from=zz", "range=own&since=-9999-01-01&until=9999-12-31"] {
            let answer = ada.get(&at(app, id, &format!("/readings/heart_rate?{nonsense}"))).await;
            assert!(answer.status().is_success(), "{nonsense}: {}", answer.status());
        }
    }

    async fn thousands_are_paged_by_key_and_drawn_small(app: &TestApp) {
        let id = app.patient(app.cardiology, "NF-8", "Bo Lind").await;
        let rate = |n: i64| (60 + n * 7 % 40).to_string();
        let values: Vec<_> = (0..3000).map(|n| (rate(n), app.minutes_ago(n * 10))).collect();
        let entries: Vec<_> = values.iter().map(|(value, at)| ("heart_rate", value.as_str(), *at)).collect();
        app.readings(id, &entries).await;
        let ada = app.admin().await;
        let page = ada.page(&at(app, id, "/readings/heart_rate?range=all")).await;
        assert!(page.contains("3000 readings") && page.contains("the highest, the lowest and the worst"), "{}", page.len());
        assert!(page.len() < 400_000, "{} bytes", page.len());
        let (mut path, mut seen, mut pages) = (at(app, id, "/readings/heart_rate?range=all&view=table"), 0, 0);
        loop {
            let page = ada.page(&path).await;
            seen += page.matches("<th role=\"rowheader\"").count();
            pages += 1;
            let next = page.split("rel=\"next\" href=\"").nth(1).map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&"));
            let Some(next) = next else { break };
            path = next;
        }
        assert_eq!((seen, pages), (3000, 60));
    }

    async fn readings_are_entered_once_and_whole_or_not_at_all(app: &TestApp) {
        let id = app.patient(app.cardiology, "NF-9", "Cy Dunn").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let path = at(app, id, "/readings/new");
        let page = nurse.page(&path).await;
        let key = page.split("name=\"key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let post = async |person: &Person, form: &[(&str, &str)]| {
            let answer = person.post(&path, form).await;
            (answer.status(), answer.text().await.unwrap())
        };
        let moment = "2026-09-20T08:15";
        for (form, sentence) in [
            (vec![("at", moment)], "Fill in at least one value"),
            (vec![("at", moment), ("value_weight", "heavy")], "“heavy” is no number"),
            (vec![("at", moment), ("value_weight", "7000")], "Weight is between 1 and 400 kg"),
            (vec![("at", moment), ("value_blood_pressure", "80/120")], "The first value must be the greater one"),
            (vec![("at", moment), ("value_blood_pressure", "120")], "as in 120/80"),
            (vec![("at", "2036-09-20T08:15"), ("value_weight", "61.7")], "has not come yet"),
            (vec![("at", "soon"), ("value_weight", "61.7")], "Give day and time"),
            (vec![("at", "0206-09-20T08:15"), ("value_weight", "61.7")], "check the year"),
            (vec![("value_weight", "61.7")], "Give day and time"),
            (vec![("at", moment), ("value_weight", "61.7"), ("value_heart_rate", "7")], "Heart rate is between"),
        ] {
            let (status, page) = post(&nurse, &form).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{form:?}");
            assert!(page.contains(sentence), "{form:?}: {page}");
            for (_, typed) in form {
                assert!(page.contains(&format!("value=\"{typed}\"")), "{typed} is kept");
            }
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM readings").await, 0, "what is wrong in one field keeps back all");
        let form = [("at", moment), ("value_weight", "61,7"), ("value_blood_pressure", "171 / 104"), ("value_symptoms", "Dizzy"), ("key", key.as_str())];
        for _ in 0..2 {
            assert_eq!(location(&nurse.post(&path, &form).await), at(app, id, ""), "and back to the dashboard");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM readings").await, 3, "the same form twice enters once");
        assert_eq!(app.count("SELECT COUNT(*) FROM readings WHERE entered_by IS NULL").await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM patients WHERE red = 1 AND amber = 0 AND grey = 2").await, 1);
        assert_eq!(app.events("readings.entered").await, 1);
        let events = app.dump("events").await;
        assert!(!events.contains("61.7") && !events.contains("171/") && !events.contains("Dizzy"), "no values in the log");
        // 08:15 of London's summer is 07:15 of UTC.
        assert_eq!(app.count("SELECT MIN(at) FROM readings").await, 1_789_888_500_000);
        nurse.post("/profile/units", &[("glucose", "mg/dL"), ("temperature", "°F"), ("height", "ft"), ("weight", "st")]).await;
        let (status, page) = post(&nurse, &[("at", moment), ("value_weight", "11.4"), ("value_temperature", "37"), ("value_glucose", "5.5")]).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        for part in ["as 5 st 9", "Temperature is between 86.0 and 111.2 °F", "Blood glucose is between 9 and 1081 mg/dL"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let (status, _) = post(&nurse, &[("at", moment), ("value_weight", "11 st 4"), ("value_glucose", "99")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let page = nurse.page(&at(app, id, "")).await;
        assert!(page.contains("11 st 4 <span class=\"unit\">lb") && page.contains("99 <span class=\"unit\">mg/dL"), "{page}");
    }
}
