//! Plans: judging a list, and applying it in chunks.

use care_portal::{
    invitations::csv_file::columns::Line,
    plans::{self, NewPlan, State},
};

use crate::*;

/// Making a plan of a list and applying it, until both are durable, among 2,000 colleagues; and by how much the process grows.
pub fn plans(runtime: &Runtime) {
    let mut table = Table::new(
        "plans",
        &[
            "database",
            "rows",
            "planned",
            "grew by",
            "applied",
            "grew by",
            "longest chunk",
            "rows each second",
            "goal",
            "",
        ],
    );
    for &postgres in databases() {
        for count in [1_000, 10_000, 50_000] {
            let measured = runtime.block_on(measure(postgres, count));
            let is_goal = count == 10_000;
            let second = Duration::from_secs(1);
            let small = measured.plan_growth < 64 * 1024 && measured.apply_growth < 64 * 1024;
            let met = measured.planned < second && measured.applied < second && small;
            table.row(&[
                if postgres { "PostgreSQL" } else { "SQLite" }.to_owned(),
                thousands(count),
                millis(measured.planned),
                mib(measured.plan_growth),
                millis(measured.applied),
                mib(measured.apply_growth),
                millis(measured.longest),
                thousands(per_second(count, measured.applied)),
                if is_goal { "1 s each, 64 MiB" } else { "" }.to_owned(),
                if is_goal { verdict(met) } else { String::new() },
            ]);
        }
    }
    table.print();
}

struct Measured {
    planned: Duration,
    plan_growth: usize,
    applied: Duration,
    apply_growth: usize,
    longest: Duration,
}

async fn measure(postgres: bool, count: usize) -> Measured {
    let hospital = Hospital::found_in(postgres, &[]).await;
    hospital.hire(STAFF).await;
    let admin = hospital.admin.clone();
    // Small first, so that what any first use costs is not counted.
    for rows in [100, count] {
        let lines = addresses(0..rows).into_iter().enumerate();
        let prefix = if rows == count { "" } else { "warm." };
        let lines = lines.map(|(n, email)| Line { number: n + 1, text: format!("{prefix}{email}"), ..Line::default() });
        let new = NewPlan {
            scope: hospital.wards[0],
            title: String::new(),
            note: "HR-1".to_owned(),
            role: "deployment_staff".to_owned(),
            deployment: None,
            window: Window::Week,
            access_until: None,
            lines: lines.collect(),
            unused: Vec::new(),
            request_key: hospital.portal.new_id::<kind::Plan>().to_string(),
        };
        let (before, begun) = (reset_peak(), Instant::now());
        let plan = plans::actions::make_plan(&hospital.portal, &admin, new).await.unwrap();
        let (planned, plan_growth) = (begun.elapsed(), peak() - before.min(peak()));
        let all = care_portal::plans::actions::Found::Standing(care_portal::invitations::Standing::Look);
        let send = care_portal::plans::Decision::Send;
        plans::actions::decide_rows(&hospital.portal, &admin, hospital.wards[0], plan, &all, send).await.unwrap();
        let (before, begun) = (reset_peak(), Instant::now());
        plans::actions::start_plan(&hospital.portal, &admin, hospital.wards[0], plan).await.unwrap();
        let (mut longest, mut last) = (Duration::ZERO, Instant::now());
        let ended = plans::actions::work_through(&hospital.portal, plan, |_| {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        });
        assert_eq!(ended.await.unwrap().state, State::Applied);
        let (applied, apply_growth) = (begun.elapsed(), peak() - before.min(peak()));
        if rows == count {
            let sql = "SELECT COUNT(*) FROM plan_rows WHERE outcome = 'sent'";
            assert_eq!(hospital.count(sql).await, (count + 100) as i64, "everybody is invited");
            hospital.tear_down().await;
            return Measured { planned, plan_growth, applied, apply_growth, longest };
        }
    }
    unreachable!("the second round ends it")
}

/// Forgets the highest resident memory so far (Linux), and says how much is resident now, in KiB.
fn reset_peak() -> usize {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    memory("VmRSS:")
}

/// The highest resident memory since then, in KiB.
fn peak() -> usize {
    memory("VmHWM:")
}

fn memory(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn mib(kib: usize) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}
