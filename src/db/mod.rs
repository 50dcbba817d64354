//! The database: SQLite in a file, or PostgreSQL. The rest of the portal does not know which one it is.
//!
//! SQLite has one connection that writes and several that read, because writers that queue in our own process wait fairly
//! and never meet a busy database. Every writing transaction takes the write lock at its start.

pub mod list;
mod migrate;

use std::time::Duration;

use anyhow::{Context, bail};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use crate::types::OrganisationId;

/// A writing transaction. Dropping it without a commit undoes it.
pub type Tx = DatabaseTransaction;

/// Rows that go into one `INSERT`: many enough to be quick, few enough for SQLite's 32,766 and PostgreSQL's 65,535 values.
pub const CHUNK: usize = 800;

/// Values that one statement of our own wording binds at most where many are bound: SQLite finds each placeholder by going through the
/// names of those before it, so that twice as many cost four times as much. What the statement builder writes has no names.
pub const NAMED: usize = 200;

/// Placeholders for `count` values, `$first` the first of them, as a list in a statement has them.
pub fn placeholders(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

/// The oldest SQLite that does not corrupt its write-ahead log when several connections meet.
const OLDEST_SQLITE: (u32, u32, u32) = (3, 51, 3);

/// The open database.
#[derive(Clone)]
pub struct Db {
    read: DatabaseConnection,
    write: DatabaseConnection,
}

impl Db {
    /// Opens `url` (`sqlite://path` or `postgres://…`) and brings its tables up to date.
    ///
    /// # Errors
    /// When it cannot be reached, is too old, or was written by a newer portal.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let db = Self::connect(url).await?;
        db.refuse_old_sqlite().await?;
        migrate::run(&db.write).await.context("bringing the database's tables up to date")?;
        Ok(db)
    }

    /// Opens `url` without touching its tables.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(url: &str) -> anyhow::Result<Self> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let write = Database::connect(sqlite_options(path, 1))
                .await
                .with_context(|| format!("opening the database {path}"))?;
            let read = Database::connect(sqlite_options(path, 4)).await?;
            Ok(Self { read, write })
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(16)
                .acquire_timeout(Duration::from_secs(10))
                .sqlx_logging(false)
                .test_before_acquire(false);
            let both = Database::connect(options).await.context("connecting to PostgreSQL")?;
            Ok(Self { read: both.clone(), write: both })
        } else {
            bail!("the database address must begin with sqlite:// or postgres://");
        }
    }

    /// For reading outside a transaction. Each statement sees all that was committed before it.
    pub const fn reader(&self) -> &DatabaseConnection {
        &self.read
    }

    /// Begins a transaction that will write.
    ///
    /// # Errors
    /// When no connection is to be had in time.
    pub async fn begin_write(&self) -> Result<Tx, DbErr> {
        self.write
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
    }

    /// Which of the two it is, for `doctor` and the few statements that differ.
    pub fn is_sqlite(&self) -> bool {
        self.write.get_database_backend() == DbBackend::Sqlite
    }

    /// The database's own name and version.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn version(&self) -> Result<String, DbErr> {
        let sql = if self.is_sqlite() { "SELECT 'SQLite ' || sqlite_version() AS v" } else { "SELECT version() AS v" };
        let row = self.read.query_one_raw(Statement::from_string(self.read.get_database_backend(), sql)).await?;
        row.map_or(Ok(String::new()), |row| row.try_get("", "v"))
    }

    async fn refuse_old_sqlite(&self) -> anyhow::Result<()> {
        if !self.is_sqlite() {
            return Ok(());
        }
        let version = self.version().await?;
        let mut parts = version.trim_start_matches("SQLite ").split('.').map(|part| part.parse().unwrap_or(0));
        let mut next = || parts.next().unwrap_or(0);
        let found = (next(), next(), next());
        if found < OLDEST_SQLITE {
            bail!("{version} can corrupt its write-ahead log; at least 3.51.3 is needed");
        }
        Ok(())
    }
}

/// Holds everybody else who changes this organisation's staff or invitations back until `tx` ends. SQLite's transactions
/// exclude each other already.
///
/// # Errors
/// When the database fails.
pub async fn lock_organisation(tx: &Tx, organisation: OrganisationId) -> Result<(), DbErr> {
    if tx.get_database_backend() == DbBackend::Postgres {
        tx.query_one_raw(Statement::from_sql_and_values(
            DbBackend::Postgres,
            "SELECT id FROM organisations WHERE id = $1 FOR UPDATE",
            [organisation.into()],
        ))
        .await?;
    }
    Ok(())
}

fn sqlite_options(path: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .sqlx_logging(false)
        .test_before_acquire(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .pragma("journal_mode", "WAL")
                // FULL: an invitation that was acknowledged survives a power cut.
                .pragma("synchronous", "FULL")
                .pragma("foreign_keys", "ON")
                .pragma("busy_timeout", "10000")
                .pragma("temp_store", "MEMORY")
                // 16 MiB: a batch of 10,000 touches that many pages of its indexes.
                .pragma("cache_size", if connections == 1 { "-16000" } else { "-2000" })
                // The same pages of an index are written by each chunk of a batch; 16 MiB of log come home in one go.
                .pragma("wal_autocheckpoint", "4000")
                .statement_cache_capacity(200)
        });
    options
}
