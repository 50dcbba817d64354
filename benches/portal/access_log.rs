//! The access log: sealing, and proving that it is what was written.

use care_portal::audit::{
    checkpoint::PublicKeys,
    sealer::{self, Notary},
    verify::{self, Against},
};

use crate::*;

/// A million, or as many as `CARE_PORTAL_BENCH_EVENTS` says.
fn events() -> usize {
    std::env::var("CARE_PORTAL_BENCH_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

/// What ten million may take.
const MOST_SECONDS: f64 = 60.0;

/// Like the events of an invitation: 250 bytes each, an id that begins with its time.
async fn fill(hospital: &Hospital) {
    let (organisation, id) = (hospital.literal(hospital.organisation), hospital.id_of_row());
    hospital
        .run(&format!(
            "{} INSERT INTO events SELECT {id}, 1700000000000 + i, {organisation}, NULL, {organisation}, 'session', 'invitation.sent', \
             'inv_01a0c4506c007cd9b99f461ffd1c37a2', 'done', '10.20.30.40', \
             '{{\"email\":\"person.' || i || '@northfield.example\",\"role\":\"deployment_staff\",\"batch\":\"bat_01a0c4506c007cd9b99f461ffd1c37a2\"}}' \
             FROM n",
            series(events())
        ))
        .await;
    let waiting = "SELECT event_id FROM unsealed_events";
    hospital.run(&format!("INSERT INTO unsealed_events SELECT id FROM events WHERE id NOT IN ({waiting})")).await;
}

pub fn access_log(runtime: &Runtime) {
    let mut table = Table::new(
        "access-log",
        &[
            "database",
            "events",
            "sealed each second",
            "verified in",
            "processor time of it",
            "verified each second",
            "ten million",
            "goal",
            "",
        ],
    );
    for &postgres in databases() {
        runtime.block_on(async {
            let hospital = Hospital::found_in(postgres, &[]).await;
            fill(&hospital).await;
            let portal = &hospital.portal;
            let mut notary = Notary::open(portal.clone()).await.unwrap();
            let begun = Instant::now();
            sealer::seal_all(portal, &mut notary, true).await.unwrap();
            let sealing = begun.elapsed();
            let against = Against {
                keys: PublicKeys::of(&portal.keys),
                files: vec![portal.config.checkpoint_file.clone()],
                logs: Vec::new(),
                now: portal.now(),
            };
            let mut times = Vec::new();
            let worked = processor_time();
            for _ in 0..3 {
                let begun = Instant::now();
                let report = verify::verify(&portal.db, &against).await.unwrap();
                times.push(begun.elapsed());
                assert!(report.faults.is_empty() && report.checked as usize >= events(), "{:?}", report.faults);
            }
            let worked = (processor_time() - worked) / 3;
            let (_, median, _) = spread(times);
            let all = median.as_secs_f64() * 10_000_000.0 / events() as f64;
            table.row(&[
                if postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
                thousands(events()),
                thousands(per_second(events(), sealing)),
                millis(median),
                millis(worked),
                thousands(per_second(events(), median)),
                format!("{all:.0} s"),
                "at most 60 s".to_owned(),
                verdict(all <= MOST_SECONDS),
            ]);
            hospital.tear_down().await;
        });
    }
    table.print();
}
