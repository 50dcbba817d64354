//! The command line for roles, staff, invitations and access reviews: the same rule, told by exit status.

use crate::cli::{accept_first_admin, portal, text};

const ADA: &str = "ada@elsewhere.example";

/// Runs a command in the name of the first Admin: its exit status and what it printed.
fn run(folder: &std::path::Path, command: &[&str], arguments: &[&str]) -> (i32, String) {
    let all: Vec<&str> = command.iter().copied().chain(["--as", ADA]).chain(arguments.iter().copied()).collect();
    let output = portal(folder, &all);
    (output.status.code().unwrap(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn roles_staff_invitations_and_reviews_from_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let set_up = portal(at, &["setup", "--organisation", "St Elsewhere", "--email", ADA]);
    accept_first_admin(at, text(&set_up.stdout).trim()).await;

    let (status, key) = run(at, &["role", "add"], &["Ward Clerk", "--permissions", "view_staff"]);
    assert_eq!((status, key.starts_with("rol_")), (0, true), "{key}");
    assert_eq!(run(at, &["role", "add"], &["ward  clerk"]).0, 2, "names that read alike");
    assert_eq!(run(at, &["role", "add"], &["King", "--permissions", "rule"]).0, 2);
    assert_eq!(run(at, &["role", "change"], &["Admin", "--name", "x", "--yes"]).0, 2, "default roles are locked");
    let (status, list) = run(at, &["role", "list"], &[]);
    assert!(status == 0 && list.contains("\tWard Clerk\t0\tview_patient_data,view_staff"), "{list}");

    let (status, told) =
        run(at, &["invite"], &["--role", "Ward Clerk", "--access-until", "2099-01-01", "ben@elsewhere.example"]);
    assert_eq!(status, 0, "{told}");
    assert_eq!(
        run(at, &["invite"], &["--role", "Ward Clerk", "--access-until", "2020-01-01", "olu@elsewhere.example"]).0,
        2
    );
    let (status, told) = run(at, &["invitation", "correct"], &["ben@elsewhere.example", "benjamin@elsewhere.example"]);
    assert!(status == 0 && told.contains("benjamin@elsewhere.example"), "{told}");
    assert!(run(at, &["invitation", "list"], &[]).1.contains("benjamin@elsewhere.example\tWard Clerk\tpending"));
    assert_eq!(run(at, &["invitation", "approve"], &["benjamin@elsewhere.example"]).0, 2, "it is not held");

    let (status, told) =
        run(at, &["role", "change"], &["Ward Clerk", "--permissions", "view_staff,export_patient_data"]);
    assert!(status == 4 && told.contains("1 pending invitation affected") && told.contains("benjamin@"), "{told}");
    assert!(run(at, &["invitation", "list"], &[]).1.contains("pending"), "asking changes nothing");
    let change = ["Ward Clerk", "--permissions", "view_staff,export_patient_data", "--yes"];
    assert_eq!(run(at, &["role", "change"], &change).0, 0);
    assert!(
        run(at, &["invitation", "list"], &[])
            .1
            .contains("held\tthe role Ward Clerk has gained “Export patient data” since")
    );
    assert_eq!(run(at, &["invitation", "approve"], &["benjamin@elsewhere.example"]).0, 0);
    assert_eq!(run(at, &["role", "delete"], &["Ward Clerk", "--yes"]).0, 2, "a replacement is needed");
    assert_eq!(run(at, &["role", "delete"], &["Ward Clerk", "--yes", "--replacement", "Contributor"]).0, 0);
    assert!(run(at, &["invitation", "list"], &[]).1.contains("benjamin@elsewhere.example\tContributor\tpending"));

    let (status, list) = run(at, &["staff", "list"], &[]);
    assert!(status == 0 && list.contains("ada@elsewhere.example") && list.contains("\tAdmin\t"), "{list}");
    let (status, told) = run(at, &["staff", "remove"], &[ADA]);
    assert!(status == 3 && told.contains("nobody changes their own access"), "{told}");
    assert_eq!(run(at, &["staff", "change-role"], &["--role", "Admin", "nobody@elsewhere.example"]).0, 2);

    assert!(run(at, &["review", "start"], &["--due", "2020-01-01"]).0 == 2);
    assert_eq!(run(at, &["review", "finish"], &[]).0, 2, "none is under way");
    let day = care_portal::types::Clock::System.now().plus(std::time::Duration::from_secs(10 * 24 * 3600)).to_rfc3339();
    assert_eq!(run(at, &["review", "start"], &["--due", &day]).0, 0);
    assert_eq!(run(at, &["review", "finish"], &[]).0, 2, "nobody is decided");
    assert_eq!(run(at, &["review", "keep"], &[ADA]).0, 0);
    assert!(run(at, &["review", "export"], &[]).1.contains("ada@elsewhere.example,Admin"));
    assert_eq!(run(at, &["review", "finish"], &[]).0, 0);
}
