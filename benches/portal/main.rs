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

mod access_log;
mod hospital;
mod http;
mod mail_server;
mod program;
mod tables;

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

use crate::{hospital::*, http::*, mail_server::*, program::*, tables::*};

const PASSWORD: &str = "quiet maple river lantern";
const STAFF: usize = 2_000;

fn main() {
    // `cargo test --all-targets` starts benchmarks as well, and wants no measurement.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let asked: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    type Part = (&'static str, fn(&Runtime));
    let parts: [Part; 7] = [
        ("invitations", invitations),
        ("pending-list", pending_list),
        ("staff-list", staff_list),
        ("start", start),
        ("mail", mail),
        ("accounts", accounts),
        ("access-log", access_log::access_log),
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
