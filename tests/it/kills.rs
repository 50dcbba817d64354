//! The released program is killed while it plans, applies and sends, and its client tries again: everybody who was acknowledged has
//! exactly one invitation, no mail is lost, and what comes twice was in flight and is the same mail.
//!
//! Two dozen kills for each database in every run; `CARE_PORTAL_KILLS=400 ./test kills` for the long one.

use std::{
    collections::HashMap,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::{
    app::{Database, TestApp},
    smtp::ScriptedSmtp,
};

/// Two chunks and a bit.
const PEOPLE: usize = 1_100;
/// As many mails may be in flight at once, and so come twice for each kill.
const CONNECTIONS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(240);

fn kills() -> usize {
    std::env::var("CARE_PORTAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(24)
}

/// How a process ends: at the nth time that it comes to a point, or by SIGKILL after some milliseconds.
#[derive(Clone, Debug)]
enum Fate {
    Point(&'static str, usize),
    After(u64),
    None,
}

/// Every point in turn, at changing counts, and a random moment after each round of them. The seed is the number of the kill, so
/// that a run can be repeated.
fn fates() -> Vec<Fate> {
    const POINTS: [(&str, usize); 5] = [
        ("op.before_commit", 3),
        ("op.after_commit", 3),
        ("mail.claimed", 12),
        ("mail.handed", 60),
        ("mail.recorded", 25),
    ];
    let fate = |n: usize| {
        let noise = n.wrapping_mul(2_654_435_761) >> 7;
        match POINTS.get(n % (POINTS.len() + 1)) {
            // The first lives meet the first operations: making the plan, beginning it, its chunks.
            Some((point, most)) if n < 6 => Fate::Point(point, 1 + n / 3 % most),
            Some((point, most)) => Fate::Point(point, 1 + noise % most),
            None => Fate::After(20 + (noise % 600) as u64),
        }
    };
    (0..kills()).map(fate).collect()
}

/// A serving process over the test's database and folder.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(app: &TestApp, smtp: &ScriptedSmtp, fate: &Fate) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_care-portal"));
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
            .env("CARE_PORTAL_DATA_DIR", &app.portal.config.data_dir)
            .env("CARE_PORTAL_LISTEN", address.to_string())
            .env("CARE_PORTAL_PUBLIC_URL", format!("http://{address}"))
            .env("CARE_PORTAL_DATABASE_URL", app.portal.config.database())
            .env("CARE_PORTAL_SMTP_URL", smtp.url())
            .env("CARE_PORTAL_MAIL_CONNECTIONS", CONNECTIONS.to_string());
        // Of this test, and no setting of the portal.
        command.env_remove("CARE_PORTAL_KILLS");
        if let Fate::Point(point, n) = fate {
            command.env("CARE_PORTAL_TEST_KILL_AT", format!("{point}:{n}"));
        }
        Self { child: command.spawn().unwrap(), url: format!("http://{address}") }
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn terminate(&mut self) {
        Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while self.is_alive() {
            assert!(Instant::now() < until, "it ends when it is asked to");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program with a key, that asks again until it is answered.
struct Rehearsed {
    http: Client,
    key: String,
    scope: String,
    plan: Option<String>,
    applied: bool,
}

impl Rehearsed {
    async fn of(app: &TestApp) -> Self {
        let admin = app.admin().await;
        let scope = app.cardiology.to_string();
        let all = ["view_patient_data", "view_patient_identifiers", "invite_staff", "manage_staff"];
        let mut form = vec![("name", "Roster"), ("scope", scope.as_str())];
        form.extend(all.iter().map(|permission| ("permissions", *permission)));
        let page = admin.post("/profile/api-keys", &form).await.text().await.unwrap();
        let rest = page.split("cpk_").nth(1).unwrap_or_else(|| panic!("no key in\n{page}"));
        let key: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        let http = Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
        Self { http, key: format!("cpk_{key}"), scope, plan: None, applied: false }
    }

    async fn ask(&self, url: &str, method: &str, path: &str, body: Option<Value>) -> Option<(StatusCode, Value)> {
        let mut request =
            self.http.request(method.parse().unwrap(), format!("{url}/api/v1/scopes/{}{path}", self.scope));
        request = request.bearer_auth(&self.key).header("idempotency-key", "the morning of the changeover");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        Some((answer.status(), answer.json().await.ok()?))
    }

    /// The next step, if the process lives long enough to answer; whether there is nothing left to ask for.
    async fn step(&mut self, url: &str) -> bool {
        let Some(plan) = self.plan.clone() else {
            let rows: Vec<_> = (0..PEOPLE).map(|n| json!({ "email": address(n) })).collect();
            let body = json!({ "rows": rows, "role": "contributor" });
            if let Some((status, made)) = self.ask(url, "POST", "/plans", Some(body)).await {
                assert_eq!(status, StatusCode::OK, "{made}");
                assert_eq!(made["counts"]["ready"], PEOPLE, "{made}");
                self.plan = Some(made["id"].as_str().unwrap().to_owned());
            }
            return false;
        };
        if !self.applied {
            if let Some((status, answer)) = self.ask(url, "POST", &format!("/plans/{plan}/apply"), None).await {
                assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
                self.applied = true;
            }
            return false;
        }
        match self.ask(url, "GET", &format!("/plans/{plan}"), None).await {
            Some((StatusCode::OK, answer)) => answer["state"] == "applied",
            Some((status, answer)) => panic!("{status} {answer}"),
            None => false,
        }
    }
}

fn address(n: usize) -> String {
    format!("p{n}x{n}@northfield.example")
}

async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM mails WHERE done_at IS NULL AND recipient LIKE 'p%@northfield.example'").await
}

/// Lives through all fates, then to the end. Says whether mails went out while processes died.
async fn live_through(app: &TestApp, smtp: &ScriptedSmtp, client: &mut Rehearsed) {
    let until = Instant::now() + PATIENCE * u32::try_from(1 + kills() / 24).unwrap();
    for fate in fates().into_iter().chain([Fate::None]) {
        // What a dead process had claimed falls to the next after two minutes, which the test does not wait for.
        app.execute("UPDATE mails SET due_at = 0 WHERE state = 'sending'").await;
        app.execute("UPDATE plans SET due_at = 0 WHERE state = 'applying'").await;
        let mut process = Process::start(app, smtp, &fate);
        let born = Instant::now();
        loop {
            assert!(Instant::now() < until, "all is done in time; now {fate:?}");
            if !process.is_alive() {
                break;
            }
            if matches!(fate, Fate::After(ms) if born.elapsed() >= Duration::from_millis(ms)) {
                process.kill();
                break;
            }
            let done = client.step(&process.url).await && waiting(app).await == 0;
            if done {
                // Nothing is left that could be interrupted.
                process.terminate().await;
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Every address with its mails: the Message-ID and the link of each.
fn arrived(smtp: &ScriptedSmtp) -> HashMap<String, Vec<(String, String)>> {
    let mut arrived: HashMap<String, Vec<(String, String)>> = HashMap::new();
    for mail in smtp.mails() {
        let message = mail_parser::MessageParser::default().parse(mail.data.as_bytes()).unwrap();
        let text = message.body_text(0).unwrap().into_owned();
        let link = text.split_whitespace().find(|word| word.contains("#cpi1_")).unwrap_or_default();
        let code = link.split('#').nth(1).unwrap_or_default().to_owned();
        let id = message.message_id().unwrap_or_default().to_owned();
        arrived.entry(mail.to[0].clone()).or_default().push((id, code));
    }
    arrived.retain(|to, _| to.starts_with('p') && to.ends_with("@northfield.example"));
    arrived
}

/// What must be true whatever died when; how many mails came twice.
async fn nobody_was_lost_or_doubled(app: &TestApp, smtp: &ScriptedSmtp) -> usize {
    let of = |sql: &str| sql.to_owned();
    let people = i64::try_from(PEOPLE).unwrap();
    let ours = "LIKE 'p%@northfield.example'";
    assert_eq!(app.count(&of(&format!("SELECT COUNT(*) FROM invitations WHERE email_key {ours}"))).await, people);
    assert_eq!(
        app.count(&of(&format!("SELECT COUNT(DISTINCT email_key) FROM invitations WHERE email_key {ours}"))).await,
        people
    );
    assert_eq!(
        app.count(&of(&format!("SELECT COUNT(*) FROM mails WHERE recipient {ours} AND state = 'sent'"))).await,
        people
    );
    assert_eq!(app.count(&of(&format!("SELECT COUNT(*) FROM mails WHERE recipient {ours}"))).await, people);
    assert_eq!(app.events("plan.made").await, 1, "one plan, however often it was asked for");
    assert_eq!((app.events("plan.started").await, app.events("plan.applied").await), (1, 1));
    assert_eq!(
        app.count("SELECT COUNT(*) FROM events WHERE action = 'invitation.sent' AND detail LIKE '%p%x%@northfield%'")
            .await,
        people
    );
    assert_eq!(app.count("SELECT COUNT(*) FROM plan_rows WHERE outcome = 'sent'").await, people);
    let arrived = arrived(smtp);
    let mut twice = 0;
    for n in 0..PEOPLE {
        let mails = arrived.get(&address(n)).unwrap_or_else(|| panic!("the mail to {} is lost", address(n)));
        twice += mails.len() - 1;
        let (id, code) = &mails[0];
        assert!(!id.is_empty() && code.starts_with("cpi1_"), "{mails:?}");
        assert!(mails.iter().all(|again| again == &mails[0]), "the same Message-ID and link: {mails:?}");
    }
    twice
}

async fn whatever_dies_everybody_is_invited_once(database: Database) {
    let app = TestApp::start(database).await;
    app.execute("UPDATE mails SET done_at = 1, state = 'withdrawn' WHERE done_at IS NULL").await;
    let smtp = ScriptedSmtp::start().await;
    let mut client = Rehearsed::of(&app).await;
    live_through(&app, &smtp, &mut client).await;
    let twice = nobody_was_lost_or_doubled(&app, &smtp).await;
    assert!(twice <= kills() * CONNECTIONS, "{twice} mails came twice in {} kills", kills());
    println!("{} kills: 0 lost, {twice} came twice", kills());
}

async fn a_clean_end_doubles_nothing(database: Database) {
    let app = TestApp::start(database).await;
    app.execute("UPDATE mails SET done_at = 1, state = 'withdrawn' WHERE done_at IS NULL").await;
    let smtp = ScriptedSmtp::start().await;
    let mut client = Rehearsed::of(&app).await;
    let mut ends = 0;
    loop {
        let mut process = Process::start(&app, &smtp, &Fate::None);
        let before = smtp.mails().len();
        let until = Instant::now() + PATIENCE;
        let done = loop {
            assert!(Instant::now() < until, "all is done in time");
            let done = client.step(&process.url).await && waiting(&app).await == 0;
            // In the middle of sending, and once in the middle of applying.
            if done || smtp.mails().len() > before + PEOPLE / 5 || (ends == 0 && client.applied) {
                break done;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        process.terminate().await;
        ends += 1;
        if done {
            break;
        }
        app.execute("UPDATE plans SET due_at = 0 WHERE state = 'applying'").await;
    }
    assert!(ends > 2, "it was ended in the middle");
    assert_eq!(nobody_was_lost_or_doubled(&app, &smtp).await, 0, "nothing came twice in {ends} clean ends");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_everybody_is_invited_once_on_sqlite() {
    whatever_dies_everybody_is_invited_once(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_everybody_is_invited_once_on_postgres() {
    whatever_dies_everybody_is_invited_once(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_end_doubles_nothing_on_sqlite() {
    a_clean_end_doubles_nothing(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_end_doubles_nothing_on_postgres() {
    a_clean_end_doubles_nothing(Database::Postgres).await;
}
