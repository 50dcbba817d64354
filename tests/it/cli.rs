//! The command line: set-up, inviting, doctor, a clean end, and the demonstration.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

pub fn portal(data: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .args(arguments)
        .env("CARE_PORTAL_DATA_DIR", data)
        .env("CARE_PORTAL_LISTEN", "127.0.0.1:0")
        .env_remove("CARE_PORTAL_DATABASE_URL")
        .output()
        .unwrap()
}

pub fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[tokio::test]
async fn from_an_empty_machine_to_invitations() {
    let folder = tempfile::tempdir().unwrap();
    let set_up =
        portal(folder.path(), &["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"]);
    assert!(set_up.status.success(), "{}", text(&set_up.stderr));
    let link = text(&set_up.stdout).trim().to_owned();
    assert!(link.starts_with("http://127.0.0.1:8080/join#cpi1_"), "{link}");
    accept_first_admin(folder.path(), &link).await;
    let added = portal(folder.path(), &["add-deployment", "--as", "ada@elsewhere.example", "Cardiology"]);
    assert!(text(&added.stdout).starts_with("dep_"), "{}", text(&added.stderr));
    let csv = folder.path().join("list.csv");
    std::fs::write(&csv, "Email;Name\nben@elsewhere.example;Ben\nnobody;x\n").unwrap();
    let arguments = [
        "invite",
        "--as",
        "ada@elsewhere.example",
        "--role",
        "Contributor",
        "--csv",
        csv.to_str().unwrap(),
        "--json",
        "--key",
        "monday",
        "olu@elsewhere.example",
    ];
    let invited = portal(folder.path(), &arguments);
    assert_eq!(invited.status.code(), Some(4), "some were, some were not: {}", text(&invited.stderr));
    let answer: Value = serde_json::from_slice(&invited.stdout).unwrap();
    assert_eq!((answer["sent"].as_array().unwrap().len(), answer["not_sent"].as_array().unwrap().len()), (2, 1));
    let again: Value = serde_json::from_slice(&portal(folder.path(), &arguments).stdout).unwrap();
    assert_eq!(answer, again, "the same key sends nothing twice");
    let nobody =
        portal(folder.path(), &["invite", "--as", "eve@elsewhere.example", "--role", "admin", "x@elsewhere.example"]);
    assert_eq!(nobody.status.code(), Some(2));
    let unknown =
        portal(folder.path(), &["invite", "--as", "ada@elsewhere.example", "--role", "king", "x@elsewhere.example"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("There is no role king"));
    let dry = portal(
        folder.path(),
        &["invite", "--as", "ada@elsewhere.example", "--role", "admin", "--dry-run", "ben@elsewhere.example"],
    );
    assert!(text(&dry.stdout).starts_with("Already invited"), "{}", text(&dry.stdout));
}

pub async fn accept_first_admin(data: &std::path::Path, link: &str) {
    use care_portal::{
        access::Origin,
        app,
        config::Config,
        invitations::{Code, actions},
        op::Caller,
        types::Clock,
    };
    let environment = [("CARE_PORTAL_DATA_DIR".to_owned(), data.display().to_string())].into();
    let opened = app::open(Config::from_parts("", environment).unwrap(), Clock::System).await.unwrap();
    let code = Code::parse(link.split_once('#').unwrap().1);
    let caller = Caller::Visitor(Origin::default());
    actions::accept_invitation(&opened, &caller, code.as_ref(), "Ada Okafor", crate::support::app::PASSWORD)
        .await
        .unwrap();
}

#[test]
fn doctor_says_what_is_well_and_what_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let well = portal(folder.path(), &["doctor"]);
    assert!(well.status.success(), "{}", text(&well.stdout));
    assert!(text(&well.stdout).contains("SQLite 3."));
    let ill = Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .arg("doctor")
        .env("CARE_PORTAL_DATA_DIR", folder.path())
        .env("CARE_PORTAL_SMTP_URL", "smtp://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(ill.status.code(), Some(1));
    assert!(text(&ill.stdout).contains("MEND\tmail"), "{}", text(&ill.stdout));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert!(!folder.path().join("root-key").exists(), "doctor only looks");
        portal(folder.path(), &["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"]);
        std::fs::set_permissions(folder.path().join("root-key"), std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = portal(folder.path(), &["doctor"]);
        assert!(text(&open.stdout).contains("can be read by other users"), "{}", text(&open.stdout));
        assert!(!portal(folder.path(), &["serve"]).status.success(), "and serving is refused");
    }
}

#[tokio::test]
async fn a_lost_root_key_is_not_replaced_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let set_up =
        portal(folder.path(), &["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"]);
    accept_first_admin(folder.path(), text(&set_up.stdout).trim()).await;
    std::fs::remove_file(folder.path().join("root-key")).unwrap();
    let serve = portal(folder.path(), &["serve"]);
    assert!(text(&serve.stderr).contains("put the key back"), "{}", text(&serve.stderr));
    assert!(!folder.path().join("root-key").exists());
}

#[test]
fn unknown_settings_stop_the_portal_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "lisen = \"127.0.0.1:1\"").unwrap();
    let output = portal(folder.path(), &["--config", file.to_str().unwrap(), "serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("lisen"), "{}", text(&output.stderr));
    let open = portal(folder.path(), &["demo", "--listen", "0.0.0.0:0", "--data", folder.path().to_str().unwrap()]);
    assert!(text(&open.stderr).contains("listens on this machine only"), "{}", text(&open.stderr));
    let plain = Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .arg("serve")
        .env("CARE_PORTAL_PUBLIC_URL", "http://portal.example")
        .output()
        .unwrap();
    assert!(text(&plain.stderr).contains("must begin with https://"), "{}", text(&plain.stderr));
}

#[tokio::test]
async fn the_demonstration_shows_a_hospital_and_ends_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .args(["demo", "--listen", "127.0.0.1:0", "--patients", "30", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut accounts: Vec<Vec<String>> = Vec::new();
    let address = loop {
        let line = lines.next().expect("the demonstration goes on printing").unwrap();
        if line.starts_with("http://") {
            break line;
        }
        accounts.push(line.split('\t').map(str::to_owned).collect());
    };
    let roles: Vec<&str> = accounts.iter().map(|account| account[0].as_str()).collect();
    for role in [
        "Admin",
        "Access Controller",
        "Organisation Staff",
        "Deployment Staff",
        "Contributor",
        "Ward Coordinator",
        "Research Nurse",
    ] {
        assert!(roles.contains(&role), "{role}");
    }
    for account in &accounts {
        assert_eq!(account.len(), 4, "role, e-mail, password, level");
        let person = crate::support::app::Person {
            client: reqwest::Client::builder()
                .cookie_store(true)
                .redirect(reqwest::redirect::Policy::limited(5))
                .build()
                .unwrap(),
            url: address.clone(),
        };
        person.post("/sign-in", &[("email", &account[1]), ("password", &account[2])]).await;
        let phones = person.page("/authenticator").await;
        let code = phones.split(account[1].as_str()).nth(1).and_then(|rest| rest.split("\"code\">").nth(1)).unwrap();
        let page = person.post("/sign-in/second-factor", &[("code", &code[..6])]).await.text().await.unwrap();
        assert!(page.contains("Northfield Hospital") && page.contains("Sign out"), "{account:?}");
        // Without identifiers there is no name in the whole page.
        if account[0] == "Access Controller" && account[3] != "organisation" {
            assert!(page.contains("NF-1") && !page.contains("patients.example"));
        }
    }
    let mailbox = reqwest::get(format!("{address}/mailbox")).await.unwrap().text().await.unwrap();
    assert!(mailbox.contains("isla.murray@northfield.example"), "{mailbox}");
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap());
    let status = tokio::time::timeout(Duration::from_secs(15), ended).await.unwrap().unwrap();
    assert!(status.success(), "a clean end: {status}");
}

#[tokio::test]
async fn the_access_log_is_verified_and_read_at_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let set_up = portal(data, &["setup", "--organisation", "St Elsewhere", "--email", "ada@elsewhere.example"]);
    accept_first_admin(data, text(&set_up.stdout).trim()).await;
    // Serving seals what set-up and joining wrote, and signs it.
    let mut child = Command::new(env!("CARGO_BIN_EXE_care-portal"))
        .arg("serve")
        .env("CARE_PORTAL_DATA_DIR", data)
        .env("CARE_PORTAL_LISTEN", "127.0.0.1:0")
        .env_remove("CARE_PORTAL_DATABASE_URL")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let file = data.join("access-log-checkpoints");
    for _ in 0..100 {
        if file.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Command::new("kill").arg(child.id().to_string()).status().unwrap();
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(log.contains("care-portal-checkpoint-1 "), "also in the process log: {log}");
    let well = portal(data, &["audit", "verify"]);
    assert_eq!(well.status.code(), Some(0), "{}{}", text(&well.stdout), text(&well.stderr));
    assert!(text(&well.stdout).contains("newest\tcheckpoint of sequence"), "{}", text(&well.stdout));
    let key = text(&portal(data, &["audit", "key"]).stdout).trim().to_owned();
    std::fs::write(data.join("log"), &log).unwrap();
    std::fs::rename(data.join("root-key"), data.join("elsewhere")).unwrap();
    let shipped = data.join("log");
    let apart = portal(data, &["audit", "verify", "--public-key", &key, "--log", shipped.to_str().unwrap()]);
    assert_eq!(apart.status.code(), Some(0), "{}{}", text(&apart.stdout), text(&apart.stderr));
    assert_eq!(portal(data, &["audit", "verify"]).status.code(), Some(1), "no key, no proof");
    std::fs::rename(data.join("elsewhere"), data.join("root-key")).unwrap();
    let listed = portal(data, &["audit", "list", "--as", "ada@elsewhere.example", "--action", "organisation"]);
    assert!(text(&listed.stdout).contains("The portal set up St Elsewhere"), "{}", text(&listed.stdout));
    let json = portal(data, &["audit", "list", "--as", "ada@elsewhere.example", "--person", "ada", "--json"]);
    for line in text(&json.stdout).lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap()["sequence"].is_i64(), "{line}");
    }
    let db =
        care_portal::db::Db::connect(&format!("sqlite://{}", data.join("care-portal.db").display())).await.unwrap();
    let tx = db.begin_write().await.unwrap();
    for sql in [
        "DROP TRIGGER events_stay_as_written",
        "UPDATE events SET origin = '10.0.0.9' WHERE id = (SELECT event_id FROM seals WHERE seq = 2)",
    ] {
        sea_orm::ConnectionTrait::execute_unprepared(&tx, sql).await.unwrap();
    }
    tx.commit().await.unwrap();
    let bad = portal(data, &["audit", "verify"]);
    assert_eq!(bad.status.code(), Some(5), "{}", text(&bad.stdout));
    assert!(text(&bad.stdout).starts_with("CHANGED\tsequence 2 "), "{}", text(&bad.stdout));
    let missing = portal(&data.join("nowhere"), &["audit", "verify", "--public-key", &key]);
    assert!(missing.status.code() == Some(1) && !data.join("nowhere").exists(), "verifying makes nothing");
}
