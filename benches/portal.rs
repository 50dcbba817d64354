//! How fast the portal is, against its goals; `docs/performance.md` tells what each part measures and what came out.
//!
//! `cargo bench --bench portal` measures everything, `cargo bench --bench portal -- invitations` one part. Loopback only, and
//! every file lies in a temporary folder. PostgreSQL is measured too where `CARE_PORTAL_TEST_POSTGRES` names a server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that fails must stop"
)]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use care_portal::{
    access::{DefaultRole, Origin, RoleKey, Scope},
    app,
    config::Config,
    identity,
    invitations::{Accepted, Code, NewBatch, Sort, Window, actions, link_of},
    op::{Caller, Op},
    outbox::{Transport, Worker},
    portal::Portal,
    sites,
    types::{Clock, Cursor, EmailAddress, InvitationId, kind},
    web::assets,
};
use sea_orm::{ConnectionTrait, Database, Statement};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::watch};

const PASSWORD: &str = "quiet maple river lantern";
const STAFF: usize = 2_000;

fn main() {
    // `cargo test --all-targets` starts benchmarks as well, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parts: [(&str, fn(&Runtime)); 6] = [
        ("invitations", invitations),
        ("pending-list", pending_list),
        ("staff-list", staff_list),
        ("start", start),
        ("mail", mail),
        ("accounts", accounts),
    ];
    if let Some(unknown) = asked.iter().find(|name| !parts.iter().any(|(known, _)| known == name)) {
        let known = parts.map(|(name, _)| name).join(", ");
        panic!("there is no part {unknown}; there are {known}");
    }
    for (name, measure) in parts {
        if asked.is_empty() || asked.iter().any(|wanted| wanted == name) {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            measure(&runtime);
        }
    }
}

// --- the parts ---

/// From the call to the durable commit: judging the addresses, writing invitations, mails and the access log.
fn invitations(runtime: &Runtime) {
    let mut table = Table::new(
        "invitations",
        &[
            "database",
            "invitations",
            "median",
            "least",
            "most",
            "each second",
            "rows each second",
            "processor time",
            "goal",
            "",
        ],
    );
    for postgres in [false, true] {
        if postgres && postgres_url().is_none() {
            println!("\nPostgreSQL is left out: CARE_PORTAL_TEST_POSTGRES names no server.");
            continue;
        }
        let mut medians = Vec::new();
        for count in [100, 1_000, 10_000] {
            let (times, worked) = runtime.block_on(async {
                let hospital = Hospital::found_in(postgres, &[]).await;
                hospital.hire(STAFF).await;
                let mut times = Vec::new();
                let mut worked = Duration::ZERO;
                for round in 0..6 {
                    // The first round warms up.
                    if round == 1 {
                        worked = processor_time();
                    }
                    let begun = Instant::now();
                    let sent = hospital.invite(hospital.wards[0], round * count..(round + 1) * count).await.len();
                    times.push(begun.elapsed());
                    assert_eq!(sent, count, "everybody is invited");
                }
                worked = (processor_time() - worked) / 5;
                hospital.tear_down().await;
                (times.split_off(1), worked)
            });
            let (least, middle, most) = spread(times.clone());
            medians.push(middle);
            let rows = (count * 3 + 2) as f64;
            let is_goal = count == 10_000 && !postgres;
            table.row(&[
                if postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
                thousands(count),
                millis(middle),
                millis(least),
                millis(most),
                thousands(per_second(count, middle)),
                thousands((rows / middle.as_secs_f64()) as usize),
                millis(worked),
                if is_goal { "under 1 s" } else { "" }.to_owned(),
                if is_goal { verdict(middle < Duration::from_secs(1)) } else { String::new() },
            ]);
        }
        let growth = medians[2].as_secs_f64() / medians[1].as_secs_f64();
        table.row(&[
            if postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
            "10,000 against 1,000".to_owned(),
            format!("{growth:.1} times"),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            "10 times, at most 12".to_owned(),
            verdict(growth <= 12.0),
        ]);
    }
    table.print();
}

/// One page of 50 open invitations: the first, one nine tenths down, and 200 all over the list. The three sizes take turns call by
/// call, so that all see the same disturbances.
fn pending_list(runtime: &Runtime) {
    const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
    let mut table = Table::new(
        "pending-list",
        &[
            "page",
            "1,000: median",
            "p95",
            "100,000: median",
            "p95",
            "1,000,000: median",
            "p95",
            "greatest to least",
            "goal",
            "",
        ],
    );
    runtime.block_on(async {
        let mut hospitals = Vec::new();
        for size in SIZES {
            let hospital = Hospital::found(&[]).await;
            hospital.fill_pending(size).await;
            hospitals.push((size, hospital));
        }
        for (whole, scope_name) in [(true, "organisation"), (false, "deployment")] {
            for (sort, sort_name) in [(Sort::Sent, "sent"), (Sort::Email, "e-mail"), (Sort::Expires, "expires")] {
                let mut everywhere = Vec::new();
                for (size, hospital) in &hospitals {
                    everywhere.push(hospital.places_in_list(whole, sort, *size).await);
                }
                let first = vec![vec![None]; SIZES.len()];
                let deep = everywhere.iter().map(|places| vec![places[places.len() * 9 / 10].clone()]).collect();
                // In no order, so that a page does not find its rows in memory because the one before has read them.
                let mixed = |places: &Vec<Option<Cursor>>| {
                    (0..places.len()).map(|n| places[n * 7919 % places.len()].clone()).collect()
                };
                let mixed: Vec<Vec<_>> = everywhere.iter().map(mixed).collect();
                for (places, place) in [(first, "first"), (deep, "deep"), (mixed, "anywhere")] {
                    let times = time_pages(&hospitals, whole, sort, &places).await;
                    let ratio = times[2].0.as_secs_f64() / times[0].0.as_secs_f64();
                    let mut row = vec![format!("{scope_name}, by {sort_name}, {place}")];
                    for (median, p95) in times {
                        row.extend([millis(median), millis(p95)]);
                    }
                    row.extend([format!("{ratio:.2}"), "the same: at most 1.5".to_owned(), verdict(ratio <= 1.5)]);
                    table.row(&row);
                }
            }
        }
        for (_, hospital) in &hospitals {
            hospital.tear_down().await;
        }
    });
    table.print();
}

/// Median and 95th percentile of 200 calls in each hospital.
async fn time_pages(
    hospitals: &[(usize, Hospital)],
    whole: bool,
    sort: Sort,
    places: &[Vec<Option<Cursor>>],
) -> Vec<(Duration, Duration)> {
    let mut times = vec![Vec::new(); hospitals.len()];
    for n in 0..210 {
        for (which, (_, hospital)) in hospitals.iter().enumerate() {
            let from = places[which][n % places[which].len()].clone();
            let query = actions::Query { sort, from, ..actions::Query::default() };
            let begun = Instant::now();
            let page = actions::list_pending(&hospital.portal, &hospital.admin, hospital.scope(whole), &query, 50)
                .await
                .unwrap();
            let time = begun.elapsed();
            std::hint::black_box(page);
            // The first ten warm up.
            if n >= 10 {
                times[which].push(time);
            }
        }
    }
    let figures = |mut times: Vec<Duration>| {
        times.sort();
        (times[times.len() / 2], times[times.len() * 95 / 100])
    };
    times.into_iter().map(figures).collect()
}

/// Requests each second over 16 connections that are kept open; the pages take turns, so that all see the same disturbances.
fn staff_list(runtime: &Runtime) {
    const ROUNDS: usize = 5;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let hospital = runtime.block_on(Hospital::found(&address_settings(address)));
    runtime.block_on(hospital.hire(STAFF));
    runtime.block_on(hospital.serve(listener));
    let staff = format!("{}/staff", hospital.organisation.path());
    let ward = format!("{}/staff", hospital.wards[0].path());
    let signed_in = format!("cookie: session={}\r\n", hospital.session);
    let pages = [
        ("/sign-in, the constant page", get(address, "/sign-in", "")),
        ("/health, one question to the database", get(address, "/health", "")),
        ("a file of the assets", get(address, &format!("{}/favicon.svg", assets::prefix()), "")),
        ("staff of the organisation, signed in", get(address, &staff, &signed_in)),
        ("staff of a deployment, signed in", get(address, &ward, &signed_in)),
        (
            "staff of the organisation, compressed",
            get(address, &staff, &format!("{signed_in}accept-encoding: gzip\r\n")),
        ),
    ];
    let mut rates = vec![Vec::new(); pages.len()];
    let mut lengths = vec![0; pages.len()];
    for round in 0..=ROUNDS {
        for (n, (_, request)) in pages.iter().enumerate() {
            let (answers, bytes) = load(address, request, 16, Duration::from_millis(1_500));
            // The first round warms up.
            if round > 0 {
                rates[n].push(answers as f64 / 1.5);
                lengths[n] = bytes / answers.max(1);
            }
        }
    }
    let mut table = Table::new(
        "staff-list",
        &["page", "bytes", "requests each second", "least to most", "share of the constant page", "goal", ""],
    );
    for (n, (name, _)) in pages.iter().enumerate() {
        let shares: Vec<f64> = rates[n].iter().zip(&rates[0]).map(|(rate, constant)| rate / constant).collect();
        let (least, middle, most) = spread(rates[n].clone());
        let share = spread(shares).1;
        let is_goal = name.starts_with("staff") && !name.ends_with("compressed");
        table.row(&[
            (*name).to_owned(),
            thousands(lengths[n]),
            thousands(middle as usize),
            format!("{} to {}", thousands(least as usize), thousands(most as usize)),
            format!("{share:.2}"),
            if is_goal { "half or more" } else { "" }.to_owned(),
            if is_goal { verdict(share >= 0.5) } else { String::new() },
        ]);
    }
    table.print();
    runtime.block_on(hospital.tear_down());
}

/// The program itself, as it is started by hand or by a service manager.
fn start(runtime: &Runtime) {
    let mut table = Table::new("start", &["what", "median", "least", "most", "goal", ""]);
    for empty in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut times = Vec::new();
        for round in 0..11 {
            if empty {
                wipe(folder.path());
            }
            let begun = Instant::now();
            let program = Program::start(folder.path());
            // The first start on a database makes its tables; the others find them.
            if empty || round > 0 {
                times.push(begun.elapsed());
            }
            program.stop();
        }
        let (least, middle, most) = spread(times);
        table.row(&[
            format!("start to first answer, {}", if empty { "nothing there yet" } else { "database there" }),
            millis(middle),
            millis(least),
            millis(most),
            "under 100 ms".to_owned(),
            verdict(middle < Duration::from_millis(100)),
        ]);
    }
    if cfg!(target_os = "linux") {
        for (name, now, peak) in memory_under_load(runtime) {
            let goal = 64 * 1024;
            table.row(&[
                format!("memory (KiB resident), {name}"),
                thousands(now),
                String::new(),
                format!("{} at most so far", thousands(peak)),
                "under 65,536 (64 MiB)".to_owned(),
                verdict(now < goal),
            ]);
        }
    }
    table.print();
}

/// Resident memory now and at its highest, in KiB: idle, after pages, after 16 people signed in at once, after a great batch.
fn memory_under_load(runtime: &Runtime) -> Vec<(&'static str, usize, usize)> {
    let hospital = runtime.block_on(async {
        let hospital = Hospital::found(&[]).await;
        hospital.hire(STAFF).await;
        hospital
    });
    let program = Program::start(hospital.folder.path());
    let address = program.address;
    let mut measured = Vec::new();
    let mut note = |name| {
        thread::sleep(Duration::from_secs(1));
        let (now, peak) = program.memory();
        measured.push((name, now, peak));
    };
    note("idle");
    let staff = format!("{}/staff", hospital.organisation.path());
    load(
        address,
        &get(address, &staff, &format!("cookie: session={}\r\n", hospital.session)),
        16,
        Duration::from_secs(5),
    );
    note("after 5 seconds of staff lists over 16 connections");
    let form = format!("email=ada%40northfield.example&password={}", PASSWORD.replace(' ', "+"));
    let sign_in = post(address, "/sign-in", "application/x-www-form-urlencoded", "", &form);
    thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| assert_eq!(Connection::open(address).ask(sign_in.as_bytes()).0, 303, "signs in"));
        }
    });
    note("after 16 people signed in at once");
    let addresses = addresses(0..10_000);
    let body = serde_json::json!({ "addresses": addresses, "confirmed": addresses, "role": DefaultRole::DeploymentStaff.key() });
    let more = format!("cookie: session={}\r\nidempotency-key: a-key\r\n", hospital.session);
    let path = format!("/api/v1/scopes/{}/invitations", hospital.wards[0]);
    let batch = post(address, &path, "application/json", &more, &body.to_string());
    assert_eq!(Connection::open(address).ask(batch.as_bytes()).0, 200, "the batch is sent");
    note("after a batch of 10,000 addresses and while its mails go out");
    program.stop();
    runtime.block_on(hospital.tear_down());
    measured
}

/// The real worker and a mail server that takes everything at once.
fn mail(runtime: &Runtime) {
    const MAILS: usize = 2_000;
    let mut table =
        Table::new("mail", &["connections", "mail server", "mails", "time", "mails each second", "goal", ""]);
    for (connections, at_once) in [(4, false), (16, false), (4, true), (16, true)] {
        let server = MailServer::start(at_once);
        let settings =
            [("SMTP_URL", format!("smtp://{}", server.address)), ("MAIL_CONNECTIONS", connections.to_string())];
        let time = runtime.block_on(async {
            let hospital = Hospital::found(&settings).await;
            hospital.invite(hospital.wards[0], 0..MAILS).await;
            let transport = Transport::from_config(&hospital.portal.config).unwrap();
            let worker = Worker::new(hospital.portal.clone(), app::emails(), transport);
            let (close, closing) = watch::channel(false);
            let begun = Instant::now();
            let worker = tokio::spawn(worker.run(closing));
            // Settled means that the database says so, not only that the mail server has it.
            while hospital.count("SELECT COUNT(*) FROM mails WHERE done_at IS NULL").await > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let time = begun.elapsed();
            close.send(true).unwrap();
            worker.await.unwrap();
            let sent = hospital.count("SELECT COUNT(*) FROM mails WHERE state = 'sent'").await;
            assert_eq!((sent, server.taken()), (MAILS as i64, MAILS), "every mail arrives once");
            hospital.tear_down().await;
            time
        });
        let rate = per_second(MAILS, time);
        table.row(&[
            connections.to_string(),
            if at_once { "acknowledges every packet at once" } else { "plain" }.to_owned(),
            thousands(MAILS),
            millis(time),
            thousands(rate),
            "500 or more".to_owned(),
            verdict(rate >= 500),
        ]);
    }
    table.print();
}

/// Accounts made by accepting an invitation against the bare password hash that is the most of it, in turns.
fn accounts(runtime: &Runtime) {
    const EACH: usize = 60;
    const ROUNDS: usize = 4;
    let hospital = Arc::new(runtime.block_on(Hospital::found(&[])));
    let mut table = Table::new("accounts", &["tasks", "accounts each second", "bare hashes each second", "share"]);
    for tasks in [1, 2] {
        let (mut accounts, mut hashes) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let first = (tasks * ROUNDS + round) * EACH;
            let invited = runtime.block_on(hospital.invite(hospital.wards[0], first..first + EACH));
            let begun = Instant::now();
            hash_bare(tasks, EACH);
            hashes.push(EACH as f64 / begun.elapsed().as_secs_f64());
            let begun = Instant::now();
            runtime.block_on(async {
                let joining: Vec<_> = invited
                    .chunks(EACH / tasks)
                    .map(|part| tokio::spawn(accept_all(hospital.portal.clone(), part.to_vec())))
                    .collect();
                for task in joining {
                    task.await.unwrap();
                }
            });
            accounts.push(EACH as f64 / begun.elapsed().as_secs_f64());
        }
        let shares: Vec<f64> = accounts.iter().zip(&hashes).map(|(account, hash)| account / hash).collect();
        table.row(&[
            tasks.to_string(),
            format!("{:.1}", spread(accounts).1),
            format!("{:.1}", spread(hashes).1),
            format!("{:.2}", spread(shares).1),
        ]);
    }
    table.print();
    runtime.block_on(hospital.tear_down());
}

async fn accept_all(portal: Portal, invited: Vec<InvitationId>) {
    for invitation in invited {
        accept(&portal, invitation, "Grace Example").await;
    }
}

/// The same hash as the portal's, with nothing around it.
fn hash_bare(threads: usize, count: usize) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
                for n in 0..count / threads {
                    std::hint::black_box(argon2.hash_password_with_salt(&[n as u8; 32], &[7; 16]).unwrap());
                }
            });
        }
    });
}

// --- a hospital to measure in ---

/// An organisation with two deployments and its Admin, in a new database.
struct Hospital {
    portal: Portal,
    organisation: Scope,
    wards: [Scope; 2],
    admin: Caller,
    session: String,
    folder: TempDir,
    database: Option<String>,
}

impl Hospital {
    async fn found(settings: &[(&str, String)]) -> Self {
        Self::found_in(false, settings).await
    }

    async fn found_in(postgres: bool, settings: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings.to_vec();
        settings.push(("DATA_DIR", folder.path().display().to_string()));
        settings.push(("SESSION_IDLE_MINUTES", "60".to_owned()));
        let database = if postgres { Some(new_postgres_database().await) } else { None };
        if let Some(name) = &database {
            settings.push(("DATABASE_URL", postgres_database(name)));
        }
        let environment: BTreeMap<_, _> =
            settings.into_iter().map(|(name, value)| (format!("CARE_PORTAL_{name}"), value)).collect();
        let portal = app::open(Config::from_parts("", environment).unwrap(), Clock::System).await.unwrap();
        let terminal = Caller::Portal(Origin { address: "terminal".to_owned(), agent: String::new() });
        let mut op = Op::begin(&portal, &terminal).await.unwrap();
        let domains = vec!["northfield.example".to_owned()];
        let made = sites::actions::create_organisation(&mut op, "Northfield Hospital", "Europe/London", domains)
            .await
            .unwrap();
        let organisation = Scope::organisation(made.id);
        let email = EmailAddress::parse("ada@northfield.example").unwrap();
        let (_, first) = actions::invite_first_admin(&mut op, organisation, email).await.unwrap();
        op.commit().await.unwrap();
        let session = accept(&portal, first.id, "Ada Okafor").await;
        let terminal = || identity::actions::act_from_terminal(&portal, "ada@northfield.example");
        let admin = terminal().await.unwrap();
        let mut wards = [organisation; 2];
        for (ward, name) in wards.iter_mut().zip(["Cardiology", "Diabetes Care"]) {
            let made_ward = sites::actions::create_deployment(&portal, &admin, made.id, name).await.unwrap();
            *ward = Scope::deployment(made.id, made_ward.id);
        }
        Self { organisation, wards, admin, session, folder, database, portal }
    }

    async fn tear_down(&self) {
        if let Some(name) = &self.database {
            run_on_postgres(&format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
        }
    }

    async fn serve(&self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = app::router(&self.portal).unwrap();
        tokio::spawn(async move {
            axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await.unwrap();
        });
    }

    async fn invite(&self, scope: Scope, who: std::ops::Range<usize>) -> Vec<InvitationId> {
        let texts = addresses(who);
        let batch = NewBatch {
            scope,
            role: RoleKey::Default(DefaultRole::DeploymentStaff),
            window: Window::Week,
            confirmed: texts.clone(),
            texts,
            request_key: self.portal.new_id::<kind::Batch>().to_string(),
        };
        let answer = actions::invite_staff(&self.portal, &self.admin, batch).await.unwrap();
        answer.sent.into_iter().map(|row| row.invitation).collect()
    }

    /// Makes staff by SQL, half in each deployment; nobody of them can sign in.
    async fn hire(&self, count: usize) {
        let (id, now) = (self.id_of_row(), self.portal.now().0);
        let series = series(count);
        self.run(&format!(
            "INSERT INTO accounts (id, email, email_key, name, password_hash, address_proven, created_at, last_seen_at) {series} \
             SELECT {id}, 'grace.hopper' || (10000000 + i) || '@northfield.example', 'grace.hopper' || (10000000 + i) || '@northfield.example', \
             'Grace Hopper ' || (10000000 + i), '', (1 = 1), {now}, {now} FROM n"
        ))
        .await;
        let (organisation, first, second) =
            (self.literal(self.organisation), self.literal(self.wards[0]), self.literal(self.wards[1]));
        self.run(&format!(
            "INSERT INTO memberships (id, organisation_id, deployment_id, scope_id, account_id, live_account, role, name_key, email_key, joined_at) \
             {series} SELECT {id}, {organisation}, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, \
             {id}, {id}, '{role}', 'grace hopper ' || (10000000 + i), 'grace.hopper' || (10000000 + i) || '@northfield.example', {now} FROM n",
            role = DefaultRole::DeploymentStaff.key()
        ))
        .await;
    }

    /// Makes open invitations by SQL, half in each deployment, a hundred at an instant, in no order of their addresses.
    async fn fill_pending(&self, count: usize) {
        let id = self.id_of_row();
        let (organisation, first, second) =
            (self.literal(self.organisation), self.literal(self.wards[0]), self.literal(self.wards[1]));
        let batch = self.text("SELECT lower(hex(id)) FROM batches LIMIT 1").await;
        let admin = self.admin.actor().unwrap().account.uuid().simple().to_string();
        let sent = format!("{} + i / 100", self.portal.now().0 - 100_000);
        let email = "'p' || (10000000 + i * 7919 % 1000003) || '@northfield.example'";
        let series = series(count);
        let tx = self.portal.db.begin_write().await.unwrap();
        // Writing a million rows in no order needs room; reading is measured with the portal's own setting, on other connections.
        tx.execute_unprepared("PRAGMA cache_size = -500000").await.unwrap();
        for sql in [
            format!(
                "INSERT INTO mails (id, organisation_id, kind, about_id, generation, recipient, state, due_at, attempts, crashes, fence, answer, created_at, done_at) \
                 {series} SELECT {id}, {organisation}, 'invitation', {id}, 1, {email}, 'sent', {sent}, 1, 0, 1, '250 taken', {sent}, {sent} FROM n"
            ),
            format!(
                "INSERT INTO invitations (id, organisation_id, deployment_id, scope_id, email, email_key, live_email, role, role_permissions, inviter_id, batch_id, \
                 mail_id, generation, state, held_reason, link_copied, window_ms, sent_at, expires_at) {series} SELECT {id}, {organisation}, \
                 CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, CASE WHEN i % 2 = 0 THEN {first} ELSE {second} END, {email}, {email}, {email}, \
                 '{role}', 'view_patient_data', X'{admin}', X'{batch}', {id}, 1, 'pending', '', 0, 604800000, {sent}, {sent} + 604800000 + i % 3 FROM n",
                role = DefaultRole::DeploymentStaff.key()
            ),
        ] {
            tx.execute_unprepared(&sql).await.unwrap();
        }
        tx.commit().await.unwrap();
        self.run("PRAGMA cache_size = -2000").await;
        self.portal.db.reader().execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    }

    /// Where 200 pages begin, spread evenly over the list.
    async fn places_in_list(&self, whole: bool, sort: Sort, size: usize) -> Vec<Option<Cursor>> {
        let column = match sort {
            Sort::Sent => "sent_at",
            Sort::Email => "email_key",
            Sort::Expires => "expires_at",
        };
        let (scope_column, size) = if whole { ("organisation_id", size) } else { ("scope_id", size / 2) };
        let sql = format!(
            "SELECT value, id FROM (SELECT CAST({column} AS TEXT) AS value, id, ROW_NUMBER() OVER (ORDER BY {column}, id) AS place FROM invitations \
             WHERE {scope_column} = {} AND closed_at IS NULL) WHERE place % {} = 0",
            self.literal(self.scope(whole)),
            (size / 200).max(1)
        );
        let db = self.portal.db.reader();
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        let places = rows.iter().map(|row| {
            let (value, id): (String, InvitationId) =
                (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            Some(Cursor::new(value, id, false))
        });
        places.collect()
    }

    fn scope(&self, whole: bool) -> Scope {
        if whole { self.organisation } else { self.wards[0] }
    }

    async fn run(&self, sql: &str) {
        let tx = self.portal.db.begin_write().await.unwrap();
        tx.execute_unprepared(sql).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        let db = self.portal.db.reader();
        db.query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }

    async fn text(&self, sql: &str) -> String {
        let db = self.portal.db.reader();
        db.query_one_raw(Statement::from_string(db.get_database_backend(), sql))
            .await
            .unwrap()
            .unwrap()
            .try_get_by_index(0)
            .unwrap()
    }

    /// An id made of the row's number, in the order of the numbers as real ones are in the order of time.
    fn id_of_row(&self) -> &'static str {
        if self.portal.db.is_sqlite() {
            "unhex(printf('%012x%020x', 1700000000000 + i, i))"
        } else {
            "(lpad(to_hex(1700000000000 + i), 12, '0') || lpad(to_hex(i), 20, '0'))::uuid"
        }
    }

    fn literal(&self, scope: Scope) -> String {
        let digits = scope.id().simple();
        if self.portal.db.is_sqlite() { format!("X'{digits}'") } else { format!("'{digits}'::uuid") }
    }
}

/// The rows 1 to `count` of the table `n`.
fn series(count: usize) -> String {
    format!("WITH RECURSIVE n (i) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
}

/// Addresses as a hospital has them.
fn addresses(who: std::ops::Range<usize>) -> Vec<String> {
    const GIVEN: [&str; 10] =
        ["ada", "amara", "beatriz", "declan", "grace", "hugo", "ingrid", "kofi", "mairead", "tomasz"];
    const FAMILY: [&str; 10] = [
        "abernathy",
        "bianchi",
        "chowdhury",
        "eriksson",
        "fitzgerald",
        "kowalski",
        "mbeki",
        "okafor",
        "silva",
        "zimmermann",
    ];
    who.map(|n| format!("{}.{}{n}@northfield.example", GIVEN[n % 10], FAMILY[n / 10 % 10])).collect()
}

/// Joins, and gives the new session's token.
async fn accept(portal: &Portal, invitation: InvitationId, name: &str) -> String {
    let (_, code) = link_of(portal, invitation, 1);
    let visitor = Caller::Visitor(Origin::default());
    match actions::accept_invitation(portal, &visitor, Code::parse(&code).as_ref(), name, PASSWORD).await.unwrap() {
        Accepted::Joined { session, .. } => session.unwrap().expose().clone(),
        other => panic!("{name} could not join: {other:?}"),
    }
}

fn address_settings(address: SocketAddr) -> [(&'static str, String); 2] {
    [("LISTEN", address.to_string()), ("PUBLIC_URL", format!("http://{address}"))]
}

fn postgres_url() -> Option<String> {
    std::env::var("CARE_PORTAL_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

fn postgres_database(name: &str) -> String {
    let mut url = url::Url::parse(&postgres_url().unwrap()).unwrap();
    url.set_path(name);
    url.into()
}

async fn run_on_postgres(sql: &str) {
    let server = Database::connect(postgres_url().unwrap()).await.unwrap();
    server.execute_unprepared(sql).await.unwrap();
    server.close().await.unwrap();
}

async fn new_postgres_database() -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("bench_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run_on_postgres(&format!("CREATE DATABASE \"{name}\"")).await;
    name
}

// --- the program ---

/// The release program, serving.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts it and waits for its first answer.
    fn start(folder: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_care-portal"));
        command
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.env("CARE_PORTAL_DATA_DIR", folder);
        for (name, value) in address_settings(address) {
            command.env(format!("CARE_PORTAL_{name}"), value);
        }
        let mut program = Self { child: command.spawn().unwrap(), address };
        let until = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(_) => {
                    assert!(
                        program.child.try_wait().unwrap().is_none() && Instant::now() < until,
                        "the program does not serve"
                    );
                    thread::sleep(Duration::from_micros(200));
                }
            }
        };
        let health = get(address, "/health", "connection: close\r\n");
        assert_eq!(Connection::over(stream).ask(health.as_bytes()).0, 200, "the first answer");
        program
    }

    /// Resident memory now and at its highest, in KiB.
    fn memory(&self) -> (usize, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Asks it to end, as a service manager does.
    fn stop(mut self) {
        let asked = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn wipe(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
    }
}

// --- plain HTTP over connections that stay open: a heavy client would hide the difference between pages ---

fn get(address: SocketAddr, path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{more}\r\n")
}

fn post(address: SocketAddr, path: &str, kind: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nsec-fetch-site: same-origin\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

struct Connection {
    stream: TcpStream,
    part: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { stream, part: vec![0; 65_536], buffer: Vec::new() }
    }

    /// Status and length of the answer.
    fn ask(&mut self, request: &[u8]) -> (u16, usize) {
        self.stream.write_all(request).unwrap();
        self.buffer.clear();
        let head = loop {
            self.read();
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap().to_lowercase();
        let length =
            text.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse::<usize>().unwrap());
        match length {
            Some(length) => {
                while self.buffer.len() < head + length {
                    self.read()
                }
            }
            None => {
                while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
                    self.read()
                }
            }
        }
        (text[9..12].parse().unwrap(), self.buffer.len())
    }

    fn read(&mut self) {
        let length = self.stream.read(&mut self.part).unwrap();
        assert!(length > 0, "the connection ended");
        self.buffer.extend_from_slice(&self.part[..length]);
    }
}

/// Asks the same over several connections until the time is over; how many answers and bytes came.
fn load(address: SocketAddr, request: &str, connections: usize, time: Duration) -> (usize, usize) {
    let until = Instant::now() + time;
    thread::scope(|threads| {
        let askers: Vec<_> = (0..connections)
            .map(|_| {
                threads.spawn(|| {
                    let mut connection = Connection::open(address);
                    let (mut answers, mut bytes) = (0, 0);
                    while Instant::now() < until {
                        let (status, length) = connection.ask(request.as_bytes());
                        assert_eq!(status, 200, "{request}");
                        (answers, bytes) = (answers + 1, bytes + length);
                    }
                    (answers, bytes)
                })
            })
            .collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).fold((0, 0), |sum, (a, b)| (sum.0 + a, sum.1 + b))
    })
}

// --- a mail server that takes everything ---

struct MailServer {
    address: SocketAddr,
    taken: Arc<AtomicUsize>,
}

impl MailServer {
    /// `at_once`: acknowledge every packet at once, where others wait up to 40 ms for something to send with it.
    fn start(at_once: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counter = counter.clone();
                thread::spawn(move || serve_mail(stream.unwrap(), &counter, at_once));
            }
        });
        Self { address, taken }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

/// One connection, until the client leaves.
fn serve_mail(mut stream: TcpStream, taken: &AtomicUsize, at_once: bool) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    stream.write_all(b"220 bench\r\n").ok()?;
    let mut in_text = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        #[cfg(not(target_os = "linux"))]
        let _ = at_once;
        #[cfg(target_os = "linux")]
        if at_once && lines.buffer().is_empty() {
            // The system forgets this wish after a while.
            std::os::linux::net::TcpStreamExt::set_quickack(&stream, true).ok()?;
        }
        if lines.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let answer: &[u8] = match (in_text, verb.as_slice()) {
            (true, _) if line == b".\r\n" => {
                in_text = false;
                taken.fetch_add(1, Ordering::SeqCst);
                b"250 taken\r\n"
            }
            (true, _) => continue,
            (false, b"EHLO") => b"250-bench\r\n250 8BITMIME\r\n",
            (false, b"DATA") => {
                in_text = true;
                b"354 go on\r\n"
            }
            (false, b"QUIT") => return None,
            (false, _) => b"250 fine\r\n",
        };
        stream.write_all(answer).ok()?;
    }
}

// --- figures and tables ---

/// Least, median, most.
fn spread<T: Copy + PartialOrd>(mut values: Vec<T>) -> (T, T, T) {
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    (values[0], values[values.len() / 2], values[values.len() - 1])
}

/// What this process has computed so far, on all cores: hardly touched by what else the machine does. Zero where it is not told.
fn processor_time() -> Duration {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // In hundredths of a second on every Linux.
    Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

fn per_second(count: usize, time: Duration) -> usize {
    (count as f64 / time.as_secs_f64()) as usize
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1_000.0;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn verdict(met: bool) -> String {
    if met { "met" } else { "missed" }.to_owned()
}

/// A table in Markdown.
struct Table {
    title: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(title: &'static str, heads: &[&str]) -> Self {
        Self { title, rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    fn row(&mut self, cells: &[String]) {
        println!("{}: {}", self.title, cells.join(" | "));
        self.rows.push(cells.to_vec());
    }

    fn print(&self) {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|n| self.rows.iter().map(|row| row[n].chars().count()).max().unwrap())
            .collect();
        println!("\n## {}\n", self.title);
        for (n, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if n == 0 {
                println!("|{}|", widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("|"));
            }
        }
        println!();
    }
}
