//! The Patient List through HTTP: its order, its pages, its search and filters, its columns, and what it hides from whom.

use care_portal::{
    access::{DefaultRole, Permission, RoleKey, Scope},
    patients::{self, Identity, NewPatient},
    roles::{self, RoleDraft},
    types::PatientId,
};
use reqwest::StatusCode;

use crate::{
    on_both,
    support::app::{Database, Person, TestApp, location},
};

const CONTRIBUTOR: RoleKey = RoleKey::Default(DefaultRole::Contributor);
const STAFF: RoleKey = RoleKey::Default(DefaultRole::DeploymentStaff);
/// Sees no identifiers.
const ORGANISATION_STAFF: RoleKey = RoleKey::Default(DefaultRole::OrganisationStaff);

fn list(scope: Scope) -> String {
    format!("{}/patients", scope.path())
}

/// The numbers of the listed patients, in order.
fn numbers(page: &str) -> Vec<String> {
    let rows = page.split("<tr role=\"row\"").skip(2);
    rows.map(|row| row.split("P-").nth(1).unwrap().split('<').next().unwrap().to_owned()).collect()
}

async fn listed(person: &Person, scope: Scope, query: &str) -> Vec<String> {
    numbers(&person.page(&format!("{}?{query}", list(scope))).await)
}

/// Every page, one after the other, and back again: the numbers as they are met forwards.
async fn walked(person: &Person, scope: Scope, query: &str) -> Vec<String> {
    let link = |page: &str, rel: &str| {
        let url = page.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?.split('"').next()?;
        Some(url.replace("&#38;", "&").replace("&amp;", "&"))
    };
    let mut page = person.page(&format!("{}?{query}", list(scope))).await;
    let (mut pages, mut all) = (Vec::new(), Vec::new());
    loop {
        pages.push(numbers(&page));
        all.extend(numbers(&page));
        let Some(next) = link(&page, "next") else { break };
        page = person.page(&next).await;
    }
    for expected in pages.iter().rev().skip(1) {
        page = person.page(&link(&page, "prev").expect("a page before")).await;
        assert_eq!(&numbers(&page), expected, "the way back of {query}");
    }
    assert!(link(&page, "prev").is_none(), "the first page is the first");
    all
}

/// Many patients at once, P-000 and so on.
async fn many(app: &TestApp, scope: Scope, n: usize) -> Vec<PatientId> {
    let new = (0..n).map(|n| NewPatient {
        number: format!("P-{n:03}"),
        identity: Identity {
            name: format!("Person {n}"),
            born_on: format!("19{:02}-05-01", 30 + n % 60),
            ..Identity::default()
        },
        gender: ["female", "male", "other", ""][n % 4].to_owned(),
        surgery_on: String::new(),
        labels: if n % 10 == 0 { vec!["Frail".to_owned()] } else { Vec::new() },
    });
    patients::actions::add_patients(&app.portal, &app.admin_caller().await, scope, new.collect()).await.unwrap()
}

/// A role of the organisation's own, held in Cardiology.
async fn with_permissions(app: &TestApp, word: &str, permissions: &[Permission]) -> Person {
    let draft = RoleDraft { name: format!("Role of {word}"), permissions: permissions.iter().copied().collect() };
    let admin = app.admin_caller().await;
    let role = roles::actions::create_role(&app.portal, &admin, app.organisation, &draft).await.unwrap();
    app.person(word, role.key, app.cardiology).await
}

on_both! {
    async fn the_worst_flags_come_first_and_those_no_longer_monitored_last(app: &TestApp) {
        let ids = many(app, app.cardiology, 5).await;
        let now = app.minutes_ago(5);
        // P-003 has the most red; P-001 and P-002 one each, of which one has amber too; P-004 has all, and is not monitored.
        app.readings(ids[3], &[("heart_rate", "180", now), ("heart_rate", "190", now)]).await;
        app.readings(ids[1], &[("heart_rate", "180", now)]).await;
        app.readings(ids[2], &[("heart_rate", "180", now), ("weight", "70", now)]).await;
        app.readings(ids[4], &[("heart_rate", "180", now), ("heart_rate", "181", now), ("heart_rate", "182", now)]).await;
        let ada = app.admin().await;
        let path = format!("{}/{}/monitoring", list(app.cardiology), ids[4]);
        assert_eq!(ada.post(&path, &[("do", "stop"), ("reason", "finished")]).await.status(), StatusCode::SEE_OTHER);
        assert_eq!(listed(&ada, app.cardiology, "").await, ["003", "002", "001", "000", "004"]);
        let page = ada.page(&list(app.cardiology)).await;
        assert_eq!(page.matches("class=\"offboarded\"").count(), 1);
        assert!(page.contains("No longer monitored") && page.contains("Red: "), "colour and mark");
        assert_eq!(listed(&ada, app.cardiology, "type=offboarded").await, ["004"]);
    }

    async fn a_vital_sorts_both_ways_with_those_without_it_last_and_every_page_comes_once(app: &TestApp) {
        let ids = many(app, app.cardiology, 130).await;
        // Eighty have a weight, many of them the same; the flags of the others differ.
        for (n, id) in ids.iter().enumerate() {
            let at = app.minutes_ago(10);
            if n < 80 {
                app.reading(*id, "weight", &format!("{}", 50 + n % 7), at).await;
            } else if n % 3 == 0 {
                app.reading(*id, "heart_rate", "180", at).await;
            }
        }
        let ada = app.admin().await;
        let expected = |descending: bool| {
            let mut with: Vec<_> = (0..80).map(|n| (50 + n % 7, ids[n], n)).collect();
            with.sort();
            if descending {
                with.reverse();
            }
            let mut without: Vec<_> = (80..130).map(|n| (n % 3 == 0, ids[n], n)).collect();
            without.sort();
            without.reverse();
            with.into_iter().map(|(.., n)| n).chain(without.into_iter().map(|(.., n)| n)).map(|n| format!("{n:03}")).collect::<Vec<_>>()
        };
        assert_eq!(walked(&ada, app.cardiology, "sort=weight").await, expected(false));
        assert_eq!(walked(&ada, app.cardiology, "sort=weight&order=desc").await, expected(true));
        let by_flags = walked(&ada, app.cardiology, "").await;
        assert_eq!(by_flags.len(), 130);
        // A filter takes part in all of it.
        let expected: Vec<_> = expected(false).into_iter().filter(|n| n.ends_with('0')).collect();
        let label = app.uuid("SELECT id FROM labels").await;
        let label = care_portal::types::LabelId::from_uuid(label);
        assert_eq!(walked(&ada, app.cardiology, &format!("sort=weight&label={label}")).await, expected);
        let page = ada.page(&format!("{}?sort=weight", list(app.cardiology))).await;
        assert!(page.contains("aria-sort=\"ascending\"") && page.contains("sort=weight&#38;order=desc"), "again reverses");
        // A place of another order is the beginning, and never an error.
        let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        let from = next.split("from=").nth(1).unwrap();
        assert_eq!(listed(&ada, app.cardiology, &format!("from={from}")).await, by_flags[..50]);
    }

    async fn names_are_found_only_by_those_who_see_them(app: &TestApp) {
        app.patient(app.cardiology, "P-1", "Agnes Moore").await;
        app.patient(app.cardiology, "P-2", "Bashir Moorcroft").await;
        app.patient(app.diabetes, "P-3", "Agnes Moor").await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        assert_eq!(listed(&nurse, app.cardiology, "q=moor+agn").await, ["1"]);
        assert_eq!(listed(&nurse, app.cardiology, "q=p-2").await, ["2"]);
        assert_eq!(listed(&nurse, app.cardiology, "q=%25%5F").await, [""; 0], "marks are no wildcards");
        for q in ["moor", "agnes", "1948", "patients.example"] {
            assert_eq!(listed(&clerk, app.cardiology, &format!("q={q}")).await, [""; 0], "{q}");
        }
        assert_eq!(listed(&clerk, app.cardiology, "q=P-2").await, ["2"]);
        let page = clerk.page(&list(app.cardiology)).await;
        for secret in ["Agnes", "Moor", "1948-03", "7946 0"] {
            assert!(!page.contains(secret), "{secret}");
        }
        assert!(page.contains("Search by number") && !page.contains("Search by name"));
        // Nor does order or anything else depend on what they do not see.
        let born = clerk.page(&format!("{}?born_from=1948-03-09&born_to=1948-03-09", list(app.cardiology))).await;
        let other = clerk.page(&format!("{}?born_from=1999-01-01", list(app.cardiology))).await;
        assert_eq!(numbers(&born), numbers(&other), "no oracle");
        assert!(born.contains("Your role does not show dates of birth"));
        let window = clerk.page(&format!("{}/filters?born_from=1948-03-09", list(app.cardiology))).await;
        assert!(!window.contains("name=\"born_from\""), "nor is it asked");
        // The view was written down before it was shown.
        let seen = app.count("SELECT COUNT(*) FROM seen_patients").await;
        listed(&clerk, app.cardiology, "").await;
        assert_eq!(app.count("SELECT COUNT(*) FROM seen_patients").await, seen + 2);
    }

    async fn filters_narrow_together_and_come_off_one_by_one(app: &TestApp) {
        let ids = many(app, app.cardiology, 40).await;
        app.reading(ids[7], "weight", "70", app.minutes_ago(5)).await;
        app.reading(ids[8], "weight", "70", app.minutes_ago(60 * 24 * 40)).await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let get = async |query: &str| {
            let mut found = listed(&nurse, app.cardiology, query).await;
            found.sort();
            found
        };
        assert_eq!(get("type=active").await, ["007"]);
        assert_eq!(get("type=mine").await, [""; 0]);
        let own = format!("{}/{}/clinicians", list(app.cardiology), ids[9]);
        let account = app.uuid("SELECT id FROM accounts WHERE email_key = 'nurse@northfield.example'").await;
        let account = care_portal::types::AccountId::from_uuid(account).to_string();
        let assigned = nurse.post(&own, &[("clinician", &account), ("do", "assign"), ("list", "type=mine")]).await;
        assert_eq!(location(&assigned), format!("{}?type=mine", list(app.cardiology)));
        assert_eq!(get("type=mine").await, ["009"]);
        assert_eq!(get("born_from=1930-05-01&born_to=1931-05-01").await, ["000", "001"]);
        assert_eq!(get("gender=male&born_to=1935-01-01").await, ["001"]);
        assert_eq!(get("gender=other&born_to=1934-01-01").await, ["002", "003"], "everything else");
        assert_eq!(get("gender=female&gender=male&gender=other").await.len(), 40);
        let label = care_portal::types::LabelId::from_uuid(app.uuid("SELECT id FROM labels").await);
        assert_eq!(get(&format!("label={label}")).await, ["000", "010", "020", "030"]);
        assert_eq!(get(&format!("label={label}&gender=other&q=person")).await, ["010", "030"]);
        let page = nurse.page(&format!("{}?label={label}&gender=other&q=person&sort=weight", list(app.cardiology))).await;
        for chip in ["Label: Frail", "Gender: Other", "“person”", "Clear result"] {
            assert!(page.contains(chip), "{chip}");
        }
        assert!(page.contains(&format!("href=\"{}?sort=weight\"", list(app.cardiology))), "Clear result keeps the order");
        // What is chosen stands in the window again.
        let window = nurse.page(&format!("{}/filters?label={label}&type=active", list(app.cardiology))).await;
        assert!(window.contains(&format!("value=\"{label}\" checked")) && window.contains("value=\"active\" checked"));
    }

    async fn the_day_of_surgery_is_chosen_quickly_or_exactly(app: &TestApp) {
        let ids = many(app, app.cardiology, 6).await;
        let today = app.portal.now().to_jiff().to_zoned_datetime(jiff::tz::TimeZone::get("Europe/London").unwrap()).date();
        let day = |back: i64| today.checked_sub(jiff::Span::new().days(back)).unwrap().to_string();
        for (id, back) in ids.iter().zip([0, 6, 7, 29, 30, 400]) {
            let (id, on) = (app.literal(id.uuid()), day(back));
            app.execute(&format!("UPDATE patients SET surgery_on = '{on}' WHERE id = {id}")).await;
        }
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await;
        for (query, found) in [
            ("surgery=today".to_owned(), 1),
            ("surgery=7d".to_owned(), 2),
            ("surgery=30d".to_owned(), 4),
            (format!("surgery=own&surgery_from={}&surgery_to={}", day(30), day(7)), 3),
            (format!("surgery_to={}", day(31)), 1),
            (format!("surgery=any&surgery_to={}", day(31)), 6),
        ] {
            assert_eq!(listed(&clerk, app.cardiology, &query).await.len(), found, "{query}");
        }
        let of_the_year = (0..=30).filter(|back| day(*back)[..4] == day(0)[..4]).count();
        assert!(of_the_year > 0 && !listed(&clerk, app.cardiology, "surgery=year").await.is_empty());
        assert!(!listed(&clerk, app.cardiology, "surgery=month").await.contains(&"005".to_owned()));
    }

    async fn what_cannot_be_used_is_said_and_narrows_nothing(app: &TestApp) {
        many(app, app.cardiology, 3).await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        for (query, said) in [
            ("type=nice", "There is no patient type “nice”"),
            ("born_from=9.3.1948", "is no day; write it as year, month and day"),
            ("born_from=1950-01-01&born_to=1940-01-01", "The first date of birth lies after the last one"),
            ("born_from=-000001-01-01", "is no day"),
            ("gender=unicorn", "There is no gender “unicorn”"),
            ("label=lab_00000000000000000000000000000000", "A label to narrow the list by is no longer there"),
            ("label=%27+OR+1%3D1", "A label to narrow the list by is no longer there"),
            ("surgery=soon", "is no choice for the surgery date"),
            ("surgery_from=2026-13-01", "is no day"),
            ("sort=shoe_size", "The list cannot be sorted by “shoe_size”"),
        ] {
            let page = nurse.page(&format!("{}?{query}", list(app.cardiology))).await;
            assert!(page.contains(said), "{query}");
            assert_eq!(numbers(&page).len(), 3, "{query}");
        }
        for query in ["from=nonsense", "order=sideways", "from=ZjAw", "q=%25%5F", "sort=weight&from=Z"] {
            nurse.page(&format!("{}?{query}", list(app.cardiology))).await;
        }
        // Nothing else gets into an address by what a form carries along.
        let back = nurse.post(&format!("{}/columns", list(app.cardiology)), &[("list", "evil=1&q=a&x")]).await;
        assert_eq!(location(&back), format!("{}?q=a", list(app.cardiology)));
    }

    async fn columns_are_each_persons_own(app: &TestApp) {
        let id = many(app, app.cardiology, 1).await[0];
        app.readings(id, &[("weight", "70", app.minutes_ago(5)), ("temperature", "36.6", app.minutes_ago(5))]).await;
        let nurse = app.person("nurse", STAFF, app.cardiology).await;
        let other = app.person("other", CONTRIBUTOR, app.cardiology).await;
        assert!(nurse.page(&list(app.cardiology)).await.contains("data-label=\"Temperature\""));
        let done = nurse.post(&format!("{}/columns", list(app.cardiology)), &[("shown", "weight"), ("shown", "nonsense")]).await;
        assert_eq!(location(&done), list(app.cardiology));
        let page = nurse.page(&list(app.cardiology)).await;
        assert!(page.contains("data-label=\"Weight\"") && !page.contains("data-label=\"Temperature\""));
        assert!(page.contains("value=\"temperature\" autocomplete"), "not ticked any more");
        assert!(other.page(&list(app.cardiology)).await.contains("data-label=\"Temperature\""), "nobody else's");
        // A hidden column still sorts an address that says so, and nothing breaks.
        listed(&nurse, app.cardiology, "sort=temperature").await;
        assert_eq!(app.events("profile.columns_changed").await, 1);
    }

    async fn labels_vanish_with_their_switch(app: &TestApp) {
        many(app, app.cardiology, 1).await;
        app.execute("UPDATE deployments SET labels = FALSE, offboarding = FALSE").await;
        let ada = app.admin().await;
        let page = ada.page(&list(app.cardiology)).await;
        for gone in ["Frail", "Update labels", "Edit labels", "Stop monitoring", "data-label=\"Labels\""] {
            assert!(!page.contains(gone), "{gone}");
        }
        let label = care_portal::types::LabelId::from_uuid(app.uuid("SELECT id FROM labels").await);
        let asked = ada.page(&format!("{}?label={label}", list(app.cardiology))).await;
        assert!(asked.contains("Labels are switched off"));
    }

    async fn each_sees_what_they_may_do_and_nobody_sees_other_places(app: &TestApp) {
        many(app, app.cardiology, 1).await;
        let entries = ["Add notes / Resolve flags", "Update labels", "Assign clinicians", "Export data", "Stop monitoring patient", "Add patient", "Edit labels"];
        let reader = app.person("reader", CONTRIBUTOR, app.cardiology).await;
        let page = reader.page(&list(app.cardiology)).await;
        assert!(entries.iter().all(|entry| !page.contains(entry)), "a Contributor reads");
        let nurse = app.person("nurse", STAFF, app.cardiology).await.page(&list(app.cardiology)).await;
        assert!(entries.iter().all(|entry| nurse.contains(entry)));
        let clerk = app.person("clerk", ORGANISATION_STAFF, app.cardiology).await.page(&list(app.cardiology)).await;
        for (entry, there) in entries.iter().zip([true, true, false, true, true, false, true]) {
            assert_eq!(clerk.contains(entry), there, "{entry}");
        }
        let labels = with_permissions(app, "labeller", &[Permission::ManageLabels]).await.page(&list(app.cardiology)).await;
        assert!(labels.contains("Update labels") && !labels.contains("Stop monitoring"));
        let elsewhere = app.person("elsewhere", STAFF, app.diabetes).await;
        let (southfield, grace) = app.second_organisation().await;
        for person in [&elsewhere, &grace] {
            for end in ["", "/filters", "/new"] {
                let answer = person.get(&format!("{}{end}", list(app.cardiology))).await;
                assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{end}");
            }
        }
        assert_eq!(grace.get(&list(southfield)).await.status(), StatusCode::NOT_FOUND, "an organisation has no list");
        assert_eq!(app.admin().await.get(&list(app.organisation)).await.status(), StatusCode::NOT_FOUND);
    }
}
