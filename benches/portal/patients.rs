//! Patients: entering readings, pages of the list, and what it costs that every view is in the access log.

use care_portal::{
    access::Permission,
    patients::{
        actions as listing,
        query::{Kind, Query},
    },
    readings::{self, Measured, Module, NewReading},
    types::{PatientId, Timestamp},
};

use crate::*;

/// What every patient measures, with its value in the patient's row `i`.
const MEASURED: [(&str, &str, &str); 4] = [
    ("blood_pressure", "110 + i % 60", "70 + i % 30"),
    ("heart_rate", "52 + i * 31 % 70", "NULL"),
    ("oxygen", "88 + i % 12", "NULL"),
    ("weight", "50 + i * 17 % 600 / 10.0", "NULL"),
];

const NAMES: &str = "names (k, first, last) AS (VALUES (0, 'Agnes', 'Abbott'), (1, 'Bernard', 'Bianchi'), (2, 'Carla', 'Chaudhry'), \
    (3, 'Desmond', 'Dunne'), (4, 'Edith', 'Eriksen'), (5, 'Farid', 'Fischer'), (6, 'Greta', 'Grant'), (7, 'Harold', 'Hossain'), \
    (8, 'Irene', 'Ivanova'), (9, 'Joao', 'Jensen'))";
const NAMED: &str = "FROM n JOIN names a ON a.k = i % 10 JOIN names b ON b.k = i / 10 % 10";

impl Hospital {
    /// Makes patients of the first ward by SQL, with `entries` readings of each module. Few have flags, one in twenty is no longer
    /// monitored, the Admin is the clinician of one in a hundred, and one in ten has a label.
    pub async fn fill_patients(&self, count: usize, entries: usize) {
        let (id, series, now) = (self.id_of_row(), series(count), self.portal.now().0);
        let (organisation, ward) = (self.literal(self.organisation), self.literal(self.wards[0]));
        let sqlite = self.portal.db.is_sqlite();
        let (yes, no) = if sqlite { ("1", "0") } else { ("true", "false") };
        let days_ago = |days: &str| format!("{now} - CAST({days} AS bigint) * 86400000");
        let born = "(1930 + i % 70) || '-0' || (1 + i % 9) || '-' || (10 + i % 18)";
        self.run(&format!(
            "{series}, {NAMES} INSERT INTO patients (id, organisation_id, deployment_id, number, number_key, name, name_key, email, phone, \
             born_on, gender, surgery_on, monitored, red, amber, grey, last_entry_at, offboarding_reason, link_generation, revision, created_at, changed_at) \
             SELECT {id}, {organisation}, {ward}, 'NF-' || (10000000 + i), 'nf-' || (10000000 + i), a.first || ' ' || b.last, \
             lower(a.first || ' ' || b.last), 'p' || i || '@patients.example', '', {born}, CASE WHEN i % 2 = 0 THEN 'female' ELSE 'male' END, \
             CASE WHEN i % 4 = 0 THEN '2026-0' || (1 + i % 9) || '-15' ELSE '' END, CASE WHEN i % 20 = 0 THEN 0 ELSE 1 END, \
             CASE WHEN i % 50 = 0 THEN 1 + i % 3 ELSE 0 END, CASE WHEN i % 17 = 0 THEN 1 + i % 4 ELSE 0 END, i * 7919 % 40, {}, '', 1, 1, {now}, {now} {NAMED}",
            days_ago("i % 90")
        ))
        .await;
        for (identifying, word) in [
            (no, "'nf'"),
            (no, "CAST(10000000 + i AS text)"),
            (no, "'nf-' || (10000000 + i)"),
            (yes, "lower(a.first)"),
            (yes, "lower(b.last)"),
        ] {
            self.run(&format!(
                "{series}, {NAMES} INSERT INTO patient_words (deployment_id, identifying, word, patient_id) SELECT {ward}, {identifying}, {word}, {id} {NAMED}"
            ))
            .await;
        }
        let (label, admin) = (self.id_of("0"), self.admin.actor().unwrap().account.uuid().simple());
        let admin = if sqlite { format!("X'{admin}'") } else { format!("'{admin}'::uuid") };
        self.run(&format!("INSERT INTO labels VALUES ({label}, {ward}, 'Post-op', 'post-op', {now})")).await;
        self.run(&format!("{series} INSERT INTO patient_labels SELECT {id}, {label}, 0 FROM n WHERE i % 10 = 0")).await;
        self.run(&format!(
            "{series} INSERT INTO patient_clinicians SELECT {id}, {admin}, {ward}, {now} FROM n WHERE i % 100 = 7"
        ))
        .await;
        for (kind, (module, value, second)) in MEASURED.into_iter().enumerate() {
            let at = days_ago("i % 90");
            self.run(&format!(
                "{series} INSERT INTO latest_readings (patient_id, module, deployment_id, value, second, text, severity, at) \
                 SELECT {id}, '{module}', {ward}, {value}, {second}, '', CASE WHEN i % 17 = 0 THEN 'amber' ELSE 'green' END, {at} FROM n"
            ))
            .await;
            for entry in 0..entries {
                let own = self.id_of(&format!("(i * 1000 + {})", kind * entries + entry));
                let at = days_ago(&format!("i % 90 + {entry}"));
                self.run(&format!(
                    "{series} INSERT INTO readings (id, patient_id, deployment_id, module, value, second, text, severity, at, entered_at) \
                     SELECT {own}, {id}, {ward}, '{module}', {value}, {second}, '', 'green', {at}, {now} FROM n"
                ))
                .await;
            }
        }
        self.run("ANALYZE").await;
    }

    async fn any_patients(&self, count: usize) -> Vec<PatientId> {
        let db = self.portal.db.reader();
        let sql = format!("SELECT id FROM patients ORDER BY id LIMIT {count}");
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }
}

/// Readings entered each second, by operations of different sizes; each is durable, judged by thresholds, and raises flags.
pub fn readings(runtime: &Runtime) {
    let mut table = Table::new(
        "readings",
        &["database", "readings in one operation", "operations", "readings each second", "time of one"],
    );
    for &postgres in databases() {
        runtime.block_on(async {
            let hospital = Hospital::found_in(postgres, &[]).await;
            hospital.fill_patients(1_000, 0).await;
            let ids = hospital.any_patients(1_000).await;
            for (size, operations) in [(1, 200), (100, 50), (1_000, 20)] {
                let begun = Instant::now();
                for n in 0..operations {
                    enter(&hospital, &ids, size, n).await;
                }
                let time = begun.elapsed();
                table.row(&[
                    if postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
                    thousands(size),
                    thousands(operations),
                    thousands(per_second(size * operations, time)),
                    millis(time / u32::try_from(operations).unwrap()),
                ]);
            }
            hospital.tear_down().await;
        });
    }
    table.print();
}

async fn enter(hospital: &Hospital, ids: &[PatientId], size: usize, operation: usize) {
    let op = Op::begin(&hospital.portal, &hospital.admin).await.unwrap();
    let (op, granted) = op.require(Permission::ManagePatientData, hospital.wards[0]).await.unwrap();
    let module = Module::find("heart_rate").unwrap();
    let entries = (0..size).map(|n| NewReading {
        patient: ids[(operation * size + n) % ids.len()],
        module,
        measured: Measured { value: Some(50.0 + (n % 80) as f64), ..Measured::default() },
        at: Timestamp(op.now().0 - n as i64),
        identifier: Some(format!("bench|{size}.{operation}.{n}")),
    });
    let entered = readings::actions::enter_readings(&op, &granted, entries.collect()).await.unwrap();
    assert_eq!(entered.new, size);
    op.commit().await.unwrap();
}

/// Reads each second of which every one is in the access log, durably, before it is answered: one patient by the action that every page
/// of a patient goes through, and whole pages, whose askers run on the same machine.
pub fn audited_reads(runtime: &Runtime) {
    let mut table = Table::new(
        "audited-reads",
        &["read", "at once", "each second", "p50", "p99", "entries in the log each second", "goal", ""],
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hospital = runtime.block_on(Hospital::found(&address_settings(address)));
    runtime.block_on(hospital.fill_patients(2_000, 10));
    runtime.block_on(hospital.serve(listener));
    let patient = runtime.block_on(hospital.any_patients(1))[0];
    let (ward, signed_in) = (hospital.wards[0].path(), format!("cookie: session={}\r\n", hospital.session));
    let logged = || usize::try_from(runtime.block_on(hospital.count("SELECT COUNT(*) FROM events"))).unwrap();
    let mut measure = |name: &str, goal: usize, at_once: usize, read: &dyn Fn() -> Vec<Duration>| {
        let (before, begun) = (logged(), Instant::now());
        let times = read();
        let (time, written) = (begun.elapsed(), logged() - before);
        assert!(written >= times.len(), "every view is in the log");
        let (rate, judged) = (per_second(times.len(), time), goal > 0 && at_once > 1);
        table.row(&[
            name.to_owned(),
            at_once.to_string(),
            thousands(rate),
            millis(times[times.len() / 2]),
            millis(times[times.len() * 99 / 100]),
            thousands(per_second(written, time)),
            if judged { format!("{} or more", thousands(goal)) } else { String::new() },
            if judged { verdict(rate >= goal) } else { String::new() },
        ]);
    };
    for at_once in [1, 16, 64] {
        measure("one patient, no page", 1_500, at_once, &|| {
            runtime.block_on(read_patients(&hospital, patient, at_once, Duration::from_secs(3)))
        });
    }
    for (name, path) in [
        ("Patient Dashboard", format!("{ward}/patients/{patient}")),
        ("Patient List, 50 rows", format!("{ward}/patients")),
    ] {
        let request = get(address, &path, &signed_in);
        for at_once in [1, 16, 64] {
            load(address, &request, at_once, Duration::from_millis(500));
            measure(name, 0, at_once, &|| time_requests(address, &request, at_once, Duration::from_secs(3)));
        }
    }
    table.print();
    runtime.block_on(hospital.tear_down());
}

/// How long each reading of a patient took, shortest first.
async fn read_patients(hospital: &Hospital, patient: PatientId, readers: usize, time: Duration) -> Vec<Duration> {
    let until = Instant::now() + time;
    let readers = (0..readers).map(|_| async move {
        let mut times = Vec::new();
        while Instant::now() < until {
            let begun = Instant::now();
            let found = listing::show_patient(&hospital.portal, &hospital.admin, patient, "dashboard").await.unwrap();
            std::hint::black_box(found);
            times.push(begun.elapsed());
        }
        times
    });
    let mut times: Vec<_> = futures::future::join_all(readers).await.into_iter().flatten().collect();
    times.sort();
    times
}

/// How long each answer took, shortest first.
fn time_requests(address: SocketAddr, request: &str, connections: usize, time: Duration) -> Vec<Duration> {
    let until = Instant::now() + time;
    let mut times: Vec<Duration> = thread::scope(|threads| {
        let askers: Vec<_> = (0..connections)
            .map(|_| {
                threads.spawn(|| {
                    let mut connection = Connection::open(address);
                    let mut times = Vec::new();
                    while Instant::now() < until {
                        let begun = Instant::now();
                        assert_eq!(connection.ask(request.as_bytes()).0, 200, "{request}");
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
    });
    times.sort();
    times
}

/// One page of the list, of 300, 20,000 and, on PostgreSQL, 1,000,000 patients. The views are in the access log as always.
pub fn patient_list(runtime: &Runtime) {
    let mut table = Table::new("patient-list", &["database", "patients", "page", "median", "p95"]);
    for &postgres in databases() {
        let sizes: &[usize] = if postgres { &[20_000, 1_000_000] } else { &[300, 20_000] };
        for &size in sizes {
            runtime.block_on(async {
                let hospital = Hospital::found_in(postgres, &[]).await;
                hospital.fill_patients(size, 0).await;
                let search = |text: &str| Query { search: text.to_owned(), ..Query::default() };
                let by_value = Query { sort: Module::find("heart_rate"), ..Query::default() };
                for (name, query) in [
                    ("first", Query::default()),
                    ("a number", search("nf-10000123")),
                    ("the beginning of a name", search("agn")),
                    ("a name", search("Agnes Bianchi")),
                    ("by heart rate", by_value.clone()),
                    ("by heart rate, highest first", Query { descending: true, ..by_value }),
                    ("my patients", Query { kind: Kind::Mine, ..Query::default() }),
                    ("active", Query { kind: Kind::Active, ..Query::default() }),
                    ("one gender", Query { genders: vec!["female"], ..Query::default() }),
                ] {
                    let mut times = Vec::new();
                    for n in 0..43 {
                        let begun = Instant::now();
                        let scope = hospital.wards[0];
                        let page =
                            listing::list_patients(&hospital.portal, &hospital.admin, scope, &query, 50).await.unwrap();
                        if n >= 3 {
                            times.push(begun.elapsed());
                        }
                        std::hint::black_box(page);
                    }
                    times.sort();
                    let database = if postgres { "PostgreSQL" } else { "SQLite" };
                    table.row(&[
                        database.to_owned(),
                        thousands(size),
                        name.to_owned(),
                        millis(times[times.len() / 2]),
                        millis(times[times.len() * 95 / 100]),
                    ]);
                }
                hospital.tear_down().await;
            });
        }
    }
    table.print();
}
