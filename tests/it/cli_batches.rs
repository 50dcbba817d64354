//! Batches at the terminal: what became of them, and what can be put right, with the same refusals as on the page.

use std::path::Path;

use serde_json::Value;

use crate::cli::{accept_first_admin, portal, text};

const ADA: &str = "ada@elsewhere.example";

fn run(folder: &Path, command: &[&str], arguments: &[&str]) -> (i32, String) {
    let all: Vec<&str> = command.iter().copied().chain(["--as", ADA]).chain(arguments.iter().copied()).collect();
    let output = portal(folder, &all);
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn a_batch_from_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set_up = portal(at, &["setup", "--organisation", "St Elsewhere", "--email", ADA]);
    accept_first_admin(at, text(&set_up.stdout).trim()).await;
    let people = ["ben@elsewhere.example", "chi@elsewhere.example", "dora@elsewhere.example"];
    let invite = ["invite", "--as", ADA, "--role", "Contributor", "--access-from", "2100-01-01", "--json"];
    let late = portal(at, &[&invite[..], &people[..]].concat());
    assert_eq!(late.status.code(), Some(2), "{}", text(&late.stderr));
    assert!(text(&late.stderr).contains("within a year"), "{}", text(&late.stderr));
    let invite = ["invite", "--as", ADA, "--role", "Contributor", "--json"];
    let invited: Value = serde_json::from_slice(&portal(at, &[&invite[..], &people[..]].concat()).stdout).unwrap();
    let id = invited["batch"].as_str().unwrap();

    assert!(run(at, &["batch", "show"], &[id]).1.contains("3\tOn its way"));
    let (_, rows) = run(at, &["batch", "rows"], &[id, "--open"]);
    assert!(rows.contains("ben@elsewhere.example\tContributor\tOn its way\tQueued"), "{rows}");
    assert_eq!(run(at, &["batch", "rows"], &[id, "--became", "flown"]).0, 2);
    let (status, told) = run(at, &["batch", "resend"], &[id]);
    assert!(status == 3 && told.contains("0 resent") && told.contains("It was sent a moment ago"), "{told}");
    let (status, told) = run(at, &["batch", "change"], &[id, "--window", "24h"]);
    assert!(status == 0 && told.contains("3 changed"), "{told}");
    assert_eq!(run(at, &["batch", "change"], &[id, "--window", "a year"]).0, 2);
    assert_eq!(run(at, &["batch", "change"], &[id]).0, 2, "neither role nor window");
    assert_eq!(run(at, &["batch", "change"], &[id, "--role", "king"]).0, 2);
    let (status, told) = run(at, &["batch", "change"], &[id, "--role", "Organisation Staff"]);
    assert!(status == 0 && told.contains("3 changed"), "{told}");
    let (_, pending) = run(at, &["invitation", "list"], &[]);
    assert_eq!(pending.matches("Organisation Staff").count(), 3, "{pending}");
    let (status, told) = run(at, &["batch", "undo"], &[id]);
    assert!(status == 0 && told.contains("3 deleted"), "{told}");
    assert!(run(at, &["batch", "show"], &[id]).1.contains("3\tDeleted"));
    let (status, told) = run(at, &["batch", "undo"], &[id, "--json"]);
    assert!(status == 0 && told.contains("\"deleted\": 0"), "{told}");
    for command in ["show", "rows", "resend", "undo"] {
        assert_eq!(run(at, &["batch", command], &["bat_00000000000000000000000000000000"]).0, 3, "{command}");
    }
    let (status, told) = run(at, &["bounces", "address"], &["--new"]);
    assert!(status == 0 && told.contains("/webhooks/bounces/cpb1_"), "{told}");
    assert_ne!(run(at, &["bounces", "address"], &["--new"]).1, told);
}
