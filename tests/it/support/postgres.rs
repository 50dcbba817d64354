//! A PostgreSQL server for tests, and a database of its own for each test.
//!
//! `./test` starts one server for the whole run and names it in `CARE_PORTAL_TEST_POSTGRES`. A plain
//! `cargo test` has no such variable: then the first test that asks starts one by the same script,
//! and it goes away with the test process, however that ends. A machine without PostgreSQL fails
//! these tests. It never skips them: a skipped test reads like a passed one.

#![allow(dead_code, reason = "a set of tools: which of them the tests use changes")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};

const VARIABLE: &str = "CARE_PORTAL_TEST_POSTGRES";

/// The URL of the server's maintenance database, as a superuser.
pub async fn server_url() -> String {
    if let Ok(url) = std::env::var(VARIABLE) {
        return url;
    }
    static SERVER: OnceLock<(String, Child)> = OnceLock::new();
    // Starting takes two seconds; meanwhile other tests of this process may go on.
    let url = || SERVER.get_or_init(start).0.clone();
    tokio::task::spawn_blocking(url).await.expect("PostgreSQL started")
}

/// Makes an empty database, or a copy of `template`, and answers its URL. It goes away with the
/// server.
///
/// A copy takes about a tenth of a second, less than migrating does.
pub async fn fresh_database(template: Option<&str>) -> String {
    let name = format!("t_{}", uuid::Uuid::now_v7().simple());
    let copy = template.map(|template| format!(" TEMPLATE \"{template}\"")).unwrap_or_default();
    let server = connect().await;
    run(&server, &format!("CREATE DATABASE \"{name}\"{copy}")).await;
    close(server).await;
    url_of(&name).await
}

/// Makes the database `name`, to copy from, unless another test has made it already; also when
/// tests are separate processes.
///
/// `prepare` gets its URL and must close its connections: PostgreSQL copies no database that is in
/// use. A server may outlive a run (when the variable names one), so `name` has to change with what
/// `prepare` does, for example by a hash of the migrations.
pub async fn template(name: &str, prepare: impl AsyncFnOnce(String)) {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    let key = hasher.finish().cast_signed();
    let server = connect().await;
    // The lock belongs to this one connection, and ends with it when `prepare` panics.
    run(&server, &format!("SELECT pg_advisory_lock({key})")).await;
    if !exists(&server, name).await {
        let unfinished = format!("{name}_unfinished");
        run(&server, &format!("DROP DATABASE IF EXISTS \"{unfinished}\" WITH (FORCE)")).await;
        run(&server, &format!("CREATE DATABASE \"{unfinished}\"")).await;
        prepare(url_of(&unfinished).await).await;
        run(&server, &format!("ALTER DATABASE \"{unfinished}\" RENAME TO \"{name}\"")).await;
    }
    close(server).await;
}

async fn url_of(database: &str) -> String {
    let mut url = url::Url::parse(&server_url().await).expect("the server's URL");
    url.set_path(database);
    url.into()
}

async fn connect() -> DatabaseConnection {
    let mut options = ConnectOptions::new(server_url().await);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options)
        .await
        .unwrap_or_else(|error| panic!("no connection to the PostgreSQL of {VARIABLE}: {error}"))
}

async fn exists(server: &DatabaseConnection, name: &str) -> bool {
    let question = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let statement = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Postgres, question);
    server.query_one_raw(statement).await.expect("pg_database").is_some()
}

async fn run(server: &DatabaseConnection, sql: &str) {
    server.execute_unprepared(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn close(server: DatabaseConnection) {
    server.close().await.expect("closing a connection");
}

/// The script serves until its standard input closes, which the system does for us when this process ends.
fn start() -> (String, Child) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("test");
    let mut child = Command::new("bash")
        .arg(script)
        .arg("--postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what stops the tests does not stop the script before it has
        // tidied up.
        .process_group(0)
        .spawn()
        .expect("bash starts");
    let mut url = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut url).expect("reading from the script");
    if url.is_empty() {
        let output = child.wait_with_output().expect("waiting for the script");
        panic!("PostgreSQL did not start: {}", String::from_utf8_lossy(&output.stderr));
    }
    (url.trim_end().to_owned(), child)
}
