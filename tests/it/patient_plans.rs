//! The plans of the Patient List's statements on both databases: the first page, every order and every filter enter an index; where the
//! list is read in its own order nothing is sorted.

use care_portal::{
    access::Permission,
    patients::{
        list_statement,
        query::{Days, Kind, Query, Reader},
    },
    readings::Module,
    types::{Cursor, LabelId, PatientId},
};
use sea_orm::{ConnectionTrait, Statement};

use crate::support::app::{Database, TestApp};

/// Whether the list is read in the order of an index, so that nothing is left to sort.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    OfAnIndex,
    /// A filter that leaves few is entered first, and the few are sorted.
    Any,
}

fn queries(label: LabelId) -> Vec<(String, Query, Order)> {
    use Order::{Any, OfAnIndex};
    let day = |text: &str| Some(text.parse().unwrap());
    let days = Days { first: day("1950-01-01"), last: day("1950-01-03") };
    let at = |text: &str, backwards| {
        Some(Cursor::new(text, PatientId::from_uuid(uuid::Uuid::from_u128(u128::MAX / 2)), backwards))
    };
    let weight = Module::find("weight");
    let all = Query::default();
    let mut queries = vec![
        ("first page", all.clone(), OfAnIndex),
        ("a page in the middle", Query { from: at("1.2.3.4", false), ..all.clone() }, OfAnIndex),
        ("the page before", Query { from: at("1.2.3.4", true), ..all.clone() }, OfAnIndex),
        ("by weight", Query { sort: weight, ..all.clone() }, OfAnIndex),
        ("by weight, greatest first", Query { sort: weight, descending: true, ..all.clone() }, OfAnIndex),
        ("by weight, in the middle", Query { sort: weight, from: at("v70.5", false), ..all.clone() }, OfAnIndex),
        ("by weight, the page before", Query { sort: weight, from: at("v70.5", true), ..all.clone() }, OfAnIndex),
        ("without weight", Query { sort: weight, from: at("1.2.3.4", false), ..all.clone() }, OfAnIndex),
        ("offboarded", Query { kind: Kind::Offboarded, ..all.clone() }, OfAnIndex),
        ("gender", Query { genders: vec!["female"], ..all.clone() }, OfAnIndex),
        ("other gender", Query { genders: vec!["other"], ..all.clone() }, OfAnIndex),
        ("my patients", Query { kind: Kind::Mine, ..all.clone() }, Any),
        ("active", Query { kind: Kind::Active, ..all.clone() }, Any),
        ("born", Query { born: days, ..all.clone() }, Any),
        ("surgery", Query { surgery: days, ..all.clone() }, Any),
        ("label", Query { labels: vec![label], ..all.clone() }, Any),
        ("two labels", Query { labels: vec![label, label], ..all.clone() }, Any),
        ("search", Query { search: "person777".to_owned(), ..all.clone() }, Any),
        ("search of two words", Query { search: "pat n777".to_owned(), ..all.clone() }, Any),
        ("search by weight", Query { search: "person777".to_owned(), sort: weight, ..all.clone() }, Any),
        ("born by weight", Query { born: days, sort: weight, ..all.clone() }, Any),
    ];
    let everything = Query {
        search: "n777".to_owned(),
        kind: Kind::Active,
        born: days,
        genders: vec!["male"],
        labels: vec![label],
        surgery: days,
        ..all
    };
    queries.push(("everything at once", everything, Any));
    queries.into_iter().map(|(name, query, order)| (name.to_owned(), query, order)).collect()
}

/// The plan of every statement behind every query, for those who see identifiers and for those who do not.
async fn plans(app: &TestApp, label: LabelId) -> Vec<(String, String, Order)> {
    let db = app.portal.db.reader();
    let (prefix, column) = if app.portal.db.is_sqlite() {
        ("EXPLAIN QUERY PLAN", "detail")
    } else {
        ("EXPLAIN (COSTS OFF)", "QUERY PLAN")
    };
    let admin = app.admin_caller().await;
    let actor = admin.actor().unwrap();
    let visible = actor.visible(Permission::ViewPatientData, app.cardiology).unwrap();
    let mut plans = Vec::new();
    for identifiers in [true, false] {
        let reader = Reader { account: actor.account, identifiers, now: app.portal.now() };
        for (name, query, order) in queries(label) {
            let parts = query.parts();
            // With a first part that fills the page the second is not even asked.
            let read = if order == Order::OfAnIndex { parts.into_iter().take(1).collect() } else { parts };
            for part in read {
                let (sql, values) = list_statement(&visible, &reader, &query, part, 50);
                let statement =
                    Statement::from_sql_and_values(db.get_database_backend(), format!("{prefix} {sql}"), values);
                let rows = db.query_all_raw(statement).await.unwrap();
                let plan: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
                plans.push((format!("{name}, {part:?}, identifiers {identifiers}"), plan.join("\n"), order));
            }
        }
    }
    plans
}

#[tokio::test]
async fn sqlite_enters_the_patient_list_by_an_index() {
    let app = TestApp::start(Database::Sqlite).await;
    for (name, plan, order) in plans(&app, LabelId::from_uuid(uuid::Uuid::from_u128(1))).await {
        assert!(
            !plan.lines().any(|line| line.trim_start().starts_with("SCAN ") && !line.contains("SUBQUERY")),
            "{name}\n{plan}"
        );
        assert!(order == Order::Any || !plan.contains("TEMP B-TREE"), "{name}\n{plan}");
    }
}

#[tokio::test]
async fn postgres_enters_the_patient_list_by_an_index() {
    let app = TestApp::start(Database::Postgres).await;
    let ids = "'{o}'::uuid, '{d}'::uuid"
        .replace("{o}", &app.cardiology.organisation.uuid().to_string())
        .replace("{d}", &app.cardiology.id().to_string());
    let deployment = app.cardiology.id();
    for sql in [
        format!(
            "INSERT INTO patients SELECT gen_random_uuid(), {ids}, 'N' || n, 'n' || n, 'Pat Person' || n, 'pat person' || n, '', '', \
             (DATE '1930-01-01' + n % 25000)::text, (ARRAY['female', 'male', 'other', ''])[1 + n % 4], \
             CASE WHEN n % 3 = 0 THEN (DATE '1940-01-01' + n % 9000)::text ELSE '' END, CASE WHEN n % 20 = 0 THEN 0 ELSE 1 END, \
             n % 5, n % 7, n % 11, 1790000000000 - n::bigint * 100000, NULL, '', 1, 1, 0, 0 FROM generate_series(1, 60000) n"
        ),
        format!("INSERT INTO patient_words SELECT '{deployment}', FALSE, number_key, id FROM patients"),
        format!("INSERT INTO patient_words SELECT '{deployment}', TRUE, unnest(string_to_array(name_key, ' ')), id FROM patients"),
        format!(
            "INSERT INTO latest_readings SELECT id, m, '{deployment}', 50 + random() * 60, NULL, '', 'none', 0 \
             FROM patients, unnest(ARRAY['weight', 'heart_rate', 'temperature']) m WHERE right(number, 1) <> '9'"
        ),
        format!("INSERT INTO labels SELECT gen_random_uuid(), '{deployment}', 'L' || n, 'l' || n, 0 FROM generate_series(1, 50) n"),
        "INSERT INTO patient_labels SELECT p.id, l.id, 0 FROM patients p JOIN labels l ON l.text = 'L' || (1 + p.grey * 4)".to_owned(),
        "ANALYZE".to_owned(),
    ] {
        app.execute(&sql).await;
    }
    let label = LabelId::from_uuid(app.uuid("SELECT id FROM labels WHERE text = 'L1'").await);
    for (name, plan, order) in plans(&app, label).await {
        for table in ["patients", "latest_readings", "patient_words", "patient_labels", "patient_clinicians"] {
            let small = table == "patient_clinicians";
            assert!(small || !plan.contains(&format!("Seq Scan on {table} ")), "{name}\n{plan}");
        }
        assert!(order == Order::Any || !plan.contains("Sort"), "{name}\n{plan}");
    }
    let page = app.admin().await;
    for query in [
        "",
        "sort=weight",
        "sort=weight&order=desc",
        "q=person777",
        "q=pat&type=active",
        "gender=other&sort=heart_rate",
    ] {
        page.page(&format!("{}/patients?{query}", app.cardiology.path())).await;
    }
}
