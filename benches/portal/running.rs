//! The program: its start, its memory, and making accounts.

use crate::*;

/// The program itself, as it is started by hand or by a service manager.
pub fn start(runtime: &Runtime) {
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

/// Accounts made by accepting an invitation against the bare password hash that is the most of it, in turns.
pub fn accounts(runtime: &Runtime) {
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
