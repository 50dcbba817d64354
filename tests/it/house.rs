//! The house holds its own laws: who may import whom, and how long a file may get.

use crate::matrix::walk;

/// The alarm for a single file.
const LONGEST_FILE: usize = 600;

fn uses(text: &str, what: &str) -> bool {
    text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(what))
}

#[test]
fn every_kind_of_file_imports_only_what_it_may() {
    let mut broken = Vec::new();
    for file in walk("src") {
        let path = file.to_str().unwrap().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let name = path.rsplit('/').next().unwrap();
        let mut forbid = |what: &str, why: &str| {
            if uses(code, what) {
                broken.push(format!("{path} uses {what}: {why}"));
            }
        };
        if path.starts_with("src/types/") {
            for room in ["crate::access", "crate::db", "crate::op", "crate::portal", "crate::web", "axum::"] {
                forbid(room, "types stand on nothing of ours");
            }
        }
        if path.starts_with("src/db/") {
            for above in ["crate::access", "crate::op", "crate::portal", "crate::web", "axum::"] {
                forbid(above, "the database knows types only");
            }
        }
        let sql = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "::Entity::"];
        let may_speak_sql = ["store.rs", "queue.rs", "attempts.rs", "doctor.rs"].contains(&name)
            || path.contains("/store/")
            || path.starts_with("src/db/")
            || path == "src/audit/mod.rs";
        if !may_speak_sql {
            for word in sql {
                forbid(word, "a room's SQL stands in its store");
            }
        }
        if name == "store.rs" || path.contains("/store/") {
            for above in ["crate::op", "axum::", "crate::web", "crate::portal"] {
                forbid(above, "a store knows rows only");
            }
        }
        if path.contains("/actions") {
            for door in ["axum::", "askama", "crate::web"] {
                forbid(door, "an action knows no door");
            }
        }
        if path.starts_with("src/web/") {
            for room in [
                "crate::identity",
                "crate::invitations",
                "crate::staff",
                "crate::sites",
                "crate::patients",
                "crate::access::store",
            ] {
                forbid(room, "web knows no room");
            }
        }
        let door =
            ["pages.rs", "api.rs", "email.rs"].contains(&name) || path.contains("/pages/") || path.contains("/api/");
        if door || path.starts_with("src/cli/") || path.starts_with("src/demo/") {
            // email.rs may read its own room's rows, by a plain `store`.
            forbid("::store::", "a door calls actions");
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_grows_beyond_reading() {
    for folder in ["src", "tests"] {
        for file in walk(folder) {
            let lines = std::fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LONGEST_FILE, "{} has {lines} lines", file.display());
        }
    }
}
