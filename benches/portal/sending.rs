//! Inviting, and handing the mails over.

use crate::*;

/// From the call to the durable commit: judging the addresses, writing invitations, mails and the access log.
pub fn invitations(runtime: &Runtime) {
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
    for &postgres in databases() {
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

/// The real worker and a mail server that takes everything at once.
pub fn mail(runtime: &Runtime) {
    const MAILS: usize = 2_000;
    let mut table =
        Table::new("mail", &["connections", "mail server", "mails", "time", "mails each second", "goal", ""]);
    for (connections, at_once) in [(1, false), (4, false), (16, false), (1, true), (4, true), (16, true)] {
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
            // One connection is for comparison: it waits for each answer and each commit in turn.
            if connections == 1 { "" } else { "500 or more" }.to_owned(),
            if connections == 1 { String::new() } else { verdict(rate >= 500) },
        ]);
    }
    table.print();
}
