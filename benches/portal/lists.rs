//! Lists, short and long.

use crate::*;

/// One page of 50 open invitations: the first, one nine tenths down, and 200 all over the list. The three sizes take turns call by
/// call, so that all see the same disturbances.
pub fn pending_list(runtime: &Runtime) {
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
pub fn staff_list(runtime: &Runtime) {
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
