//! What many sign-ins at once do to everybody else, and whether the time of an answer tells who has an account.

use crate::*;

const FORM: &str = "application/x-www-form-urlencoded";
/// What the process that is measured comes from: each try from a network of its own, so that none is throttled.
fn from(n: usize) -> String {
    format!("x-forwarded-for: 100.{}.{}.{}\r\n", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn sign_in(address: SocketAddr, n: usize, email: &str) -> String {
    let body = format!("email={}&password=wrong+wrong+wrong", email.replace('@', "%40"));
    post(address, "/sign-in", FORM, &from(n), &body)
}

fn hospital(runtime: &Runtime) -> (Hospital, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut settings = address_settings(address).to_vec();
    settings.push(("TRUSTED_PROXIES", "127.0.0.1".to_owned()));
    let hospital = runtime.block_on(Hospital::found(&settings));
    runtime.block_on(hospital.serve(listener));
    (hospital, address)
}

/// Resident memory of this process now and at its most, in MiB; server and clients together.
fn memory() -> (usize, usize) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) / 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn median_and_p99(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

/// The sign-in page and one question to the database, alone and while 500 people try to sign in at the same moment, in turns.
pub fn sign_ins(runtime: &Runtime) {
    const AT_ONCE: usize = 500;
    const WAVES: usize = 5;
    let (hospital, address) = hospital(runtime);
    let pages = [("/sign-in, the constant page", "/sign-in"), ("/health, one question to the database", "/health")];
    let (mut alone, mut meanwhile) = (vec![Vec::new(); 2], vec![Vec::new(); 2]);
    let (mut judged, mut sent_away, mut slowest) = (0, 0, Duration::ZERO);
    let before = memory();
    let time = |connection: &mut Connection, path: &str| {
        let begun = Instant::now();
        assert_eq!(connection.ask(get(address, path, "").as_bytes()).0, 200);
        begun.elapsed()
    };
    for wave in 0..WAVES {
        let mut connection = Connection::open(address);
        for _ in 0..200 {
            for (n, (_, path)) in pages.iter().enumerate() {
                alone[n].push(time(&mut connection, path));
            }
        }
        thread::scope(|threads| {
            let tries: Vec<_> = (0..AT_ONCE)
                .map(|n| {
                    let n = wave * AT_ONCE + n;
                    threads.spawn(move || {
                        let request = sign_in(address, n, &format!("nobody{n}@northfield.example"));
                        let begun = Instant::now();
                        let status = Connection::open(address).ask(request.as_bytes()).0;
                        (status, begun.elapsed())
                    })
                })
                .collect();
            while tries.iter().any(|attempt| !attempt.is_finished()) {
                for (n, (_, path)) in pages.iter().enumerate() {
                    meanwhile[n].push(time(&mut connection, path));
                }
            }
            for attempt in tries {
                match attempt.join().unwrap() {
                    (422, _) => judged += 1,
                    (503, took) => (sent_away, slowest) = (sent_away + 1, slowest.max(took)),
                    (status, _) => panic!("{status}"),
                }
            }
        });
    }
    let mut table = Table::new(
        "sign-ins",
        &["page", "alone: median", "p99", "meanwhile: median", "p99", "ratio of medians", "of p99"],
    );
    for (n, (name, _)) in pages.iter().enumerate() {
        let (one, other) = (median_and_p99(alone[n].clone()), median_and_p99(meanwhile[n].clone()));
        let ratio = |one: Duration, other: Duration| format!("{:.1}", other.as_secs_f64() / one.as_secs_f64());
        table.row(&[
            (*name).to_owned(),
            millis(one.0),
            millis(one.1),
            millis(other.0),
            millis(other.1),
            ratio(one.0, other.0),
            ratio(one.1, other.1),
        ]);
    }
    table.print();
    println!(
        "{judged} sign-ins were judged, {sent_away} sent away, the slowest of these after {}. Memory: {} MiB before, {} MiB at its \
         most, the {AT_ONCE} clients in the same process included.\n",
        millis(slowest),
        before.0,
        memory().1
    );
    runtime.block_on(hospital.tear_down());
}

/// Whether two samples come from one distribution (Mann and Whitney, with the normal approximation and without a correction for
/// ties, of which times have hardly any): the probability of a difference as large by chance.
fn mann_whitney(one: &[Duration], other: &[Duration]) -> f64 {
    let mut all: Vec<(Duration, bool)> =
        one.iter().map(|time| (*time, true)).chain(other.iter().map(|time| (*time, false))).collect();
    all.sort();
    let ranks: f64 = all.iter().zip(1..).filter(|((_, first), _)| *first).map(|(_, rank)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt();
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Abramowitz and Stegun 7.1.26; right to seven digits.
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    sum.iter().fold(0.0, |rest, factor| (rest + factor) * t) * (-x * x).exp()
}

/// Sign-ins, requests for a new password and acceptances for every kind of address, in turns, each against one that nobody has.
/// `CARE_PORTAL_BENCH_CALLS` for fewer than 2,000 of each. Nothing here passes or fails: it is read.
pub fn enumeration(runtime: &Runtime) {
    let calls: usize =
        std::env::var("CARE_PORTAL_BENCH_CALLS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let (hospital, address) = hospital(runtime);
    let invited = runtime.block_on(hospital.invite(hospital.wards[0], 0..2));
    runtime.block_on(accept(&hospital.portal, invited[0], "Grace Example"));
    let removed = addresses(0..1).remove(0);
    runtime.block_on(
        hospital
            .run(&format!("UPDATE memberships SET ended_at = 1, live_account = NULL WHERE email_key = '{removed}'")),
    );
    let pending = addresses(1..2).remove(0);
    let kinds = [
        ("absent", "nobody@northfield.example".to_owned()),
        ("existing", "ada@northfield.example".to_owned()),
        ("removed", removed),
        ("invited", pending),
    ];
    let code = link_of(&hospital.portal, invited[1], 1).1;
    let wrong = |code: &str| format!("{}AAAA", &code[..code.len() - 4]);
    let nowhere = link_of(&hospital.portal, hospital.portal.new_id(), 1).1;
    let mut connection = Connection::open(address);
    let forgot = connection.ask(get(address, "/forgot", "").as_bytes()).0 == 200;
    let mut n = 0;
    let mut table = Table::new(
        "enumeration",
        &["call", "address", "median", "difference of medians", "p by chance (Mann–Whitney)", "statuses and lengths"],
    );
    let mut compare = |call: &str, requests: &dyn Fn(usize, usize) -> String, names: &[&str]| {
        let mut times = vec![Vec::with_capacity(calls); names.len()];
        let mut answers = vec![std::collections::BTreeSet::new(); names.len()];
        for round in 0..calls {
            // Nobody waits: what is compared is the judging.
            if round % 4 == 0 {
                runtime.block_on(hospital.run("DELETE FROM attempts"));
            }
            for turn in 0..names.len() {
                let which = (turn + round) % names.len();
                n += 1;
                let request = requests(which, n);
                let begun = Instant::now();
                let answer = connection.ask(request.as_bytes());
                times[which].push(begun.elapsed());
                answers[which].insert(answer);
            }
        }
        let base = median_and_p99(times[0].clone()).0.as_secs_f64();
        for (which, name) in names.iter().enumerate() {
            let median = median_and_p99(times[which].clone()).0;
            let by_chance =
                if which == 0 { String::new() } else { format!("{:.3}", mann_whitney(&times[which], &times[0])) };
            table.row(&[
                call.to_owned(),
                (*name).to_owned(),
                millis(median),
                format!("{:+.3} ms", (median.as_secs_f64() - base) * 1_000.0),
                by_chance,
                format!("{:?}", answers[which]),
            ]);
        }
    };
    let names = kinds.each_ref().map(|(name, _)| *name);
    // Of the same length, because the page gives the address back.
    let padded = |email: &str| format!("{:>40}", email).replace(' ', "+");
    compare("sign-in", &|which, n| sign_in(address, n, &padded(&kinds[which].1)), &names);
    if forgot {
        let request = |which: usize, n: usize| {
            let body = format!("email={}", padded(&kinds[which].1).replace('@', "%40"));
            post(address, "/forgot", FORM, &from(n), &body)
        };
        compare("request for a new password", &request, &names);
    }
    let codes = [wrong(&nowhere), wrong(&code)];
    let request = |which: usize, n: usize| {
        post(address, "/join/accept", FORM, &format!("{}cookie: join={}\r\n", from(n), codes[which]), "full_name=X")
    };
    compare("acceptance with a wrong code", &request, &["no such invitation", "a pending invitation"]);
    table.print();
    runtime.block_on(hospital.tear_down());
}
