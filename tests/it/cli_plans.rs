//! Plans at the terminal: judged, decided about and sent, with exit statuses that a script can act on.

use crate::cli::{accept_first_admin, portal, text};

const ADA: &str = "ada@elsewhere.example";

fn run(folder: &std::path::Path, command: &[&str], arguments: &[&str]) -> (i32, String) {
    let all: Vec<&str> = command.iter().copied().chain(["--as", ADA]).chain(arguments.iter().copied()).collect();
    let output = portal(folder, &all);
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn a_plan_from_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set_up = portal(at, &["setup", "--organisation", "St Elsewhere", "--email", ADA]);
    accept_first_admin(at, text(&set_up.stdout).trim()).await;
    let csv = at.join("list.csv");
    std::fs::write(&csv, "Role;E-mail;Bleep\nContributor;ben@elsewhere.example;1\n;chi@elsewere.example;2\nKing;dee@elsewhere.example;3\n").unwrap();
    let make =
        ["--csv", csv.to_str().unwrap(), "--role", "Admin", "--key", "monday", "--note", "HR-4", "--title", "Monday"];
    let (status, told) = run(at, &["plan", "make"], &make);
    assert!(
        status == 0 && told.contains("1 ready\t1 to look at again\t0 already staff\t0 already invited\t1 refused"),
        "{told}"
    );
    assert!(told.contains("Sending would: Send 1 invitation") && told.contains("not used: Bleep"), "{told}");
    let id = told.lines().find_map(|line| line.split('\t').next().filter(|word| word.starts_with("pln_"))).unwrap();
    let (_, again) = run(at, &["plan", "make"], &make);
    assert!(again.contains(id), "the same key makes one plan: {again}");
    let (_, rows) = run(at, &["plan", "rows"], &[id, "--state", "refused"]);
    assert!(
        rows.contains("4\tRefused\tdee@elsewhere.example") && rows.contains("There is no role “King” here"),
        "{rows}"
    );
    assert_eq!(run(at, &["plan", "decide"], &[id, "jump", "3"]).0, 2);
    assert_eq!(run(at, &["plan", "decide"], &[id, "send", "3"]).1.trim(), "1 decided");
    assert_eq!(run(at, &["plan", "schedule"], &[id, "--at", "2020-01-01T07:00"]).0, 2);
    let (status, told) = run(at, &["plan", "schedule"], &[id, "--at", "2027-01-04T07:00"]);
    assert!(status == 2 || told.contains("Will be sent at 2027-01-04T07:00:00Z"), "{told}");
    run(at, &["plan", "unschedule"], &[id]);
    let (status, told) = run(at, &["plan", "apply"], &[id]);
    assert!(status == 0 && told.contains("2 invited") && told.contains("3 of 3 rows done"), "{told}");
    assert_eq!(run(at, &["plan", "apply"], &[id]).0, 0, "a second time does nothing twice");
    let (_, pending) = run(at, &["invitation", "list"], &[]);
    assert_eq!(pending.matches("ben@elsewhere.example").count(), 1, "{pending}");
    assert_eq!(run(at, &["plan", "delete"], &[id]).0, 2, "it was sent");
    assert!(run(at, &["plan", "list"], &[]).1.contains("Sent\t3 of 3\tMonday"));
    let stranger = portal(at, &["plan", "show", "--as", ADA, "pln_00000000000000000000000000000000"]);
    assert_eq!(stranger.status.code(), Some(3));
    let (_, log) = run(at, &["audit", "list"], &["--note", "hr-4"]);
    assert!(log.contains("invited ben@elsewhere.example") && log.contains("sent the plan Monday"), "{log}");
}
