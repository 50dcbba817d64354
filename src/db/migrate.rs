//! Numbered SQL files, applied once each and in order. Several portals that start at the same moment wait for each other.

use anyhow::bail;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, Statement, TransactionOptions,
    TransactionTrait,
};

const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/0001_foundation.sql")),
    (2, include_str!("../../migrations/0002_access_log.sql")),
    (3, include_str!("../../migrations/0003_roles.sql")),
    (4, include_str!("../../migrations/0004_reviews.sql")),
    (5, include_str!("../../migrations/0005_accounts.sql")),
    (6, include_str!("../../migrations/0006_limits.sql")),
    (7, include_str!("../../migrations/0007_plans.sql")),
    (8, include_str!("../../migrations/0008_mail_life.sql")),
    (9, include_str!("../../migrations/0009_patients.sql")),
    (10, include_str!("../../migrations/0010_access_from.sql")),
    (11, include_str!("../../migrations/0011_exports.sql")),
    (12, include_str!("../../migrations/0012_emergency.sql")),
    (13, include_str!("../../migrations/0013_contact.sql")),
    (14, include_str!("../../migrations/0014_patient_imports.sql")),
];

/// Applies what is missing.
pub(super) async fn run(connection: &DatabaseConnection) -> anyhow::Result<()> {
    let backend = connection.get_database_backend();
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    // Nothing to do is the usual case, and one in which the portal's role in the database need not be allowed to make tables.
    let asked = Statement::from_string(backend, "SELECT MAX(number) AS n FROM migrations");
    if let Ok(Some(row)) = connection.query_one_raw(asked).await
        && row.try_get::<Option<i64>>("", "n")? == Some(known)
    {
        return Ok(());
    }
    let tx = connection
        .begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
        .await?;
    if backend == DbBackend::Postgres {
        // An arbitrary number of our own: whoever holds it migrates.
        tx.execute_unprepared("SELECT pg_advisory_xact_lock(7241563)").await?;
    }
    tx.execute_unprepared(&for_backend(
        "CREATE TABLE IF NOT EXISTS migrations (number {int} NOT NULL PRIMARY KEY){strict}",
        backend,
    ))
    .await?;
    let newest = tx
        .query_one_raw(Statement::from_string(backend, "SELECT COALESCE(MAX(number), 0) AS n FROM migrations"))
        .await?
        .map_or(Ok(0), |row| row.try_get::<i64>("", "n"))?;
    if newest > known {
        bail!(
            "this database was written by a newer Care Portal (its tables are number {newest}, this program knows {known})"
        );
    }
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > newest) {
        tx.execute_unprepared(&for_backend(sql, backend)).await?;
        tx.execute_raw(Statement::from_sql_and_values(
            backend,
            "INSERT INTO migrations (number) VALUES ($1)",
            [(*number).into()],
        ))
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The text for one database: words replaced, blocks for the other one left out.
fn for_backend(sql: &str, backend: DbBackend) -> String {
    let postgres = backend == DbBackend::Postgres;
    let words = if postgres { POSTGRES_WORDS } else { SQLITE_WORDS };
    let other = if postgres { "-- only sqlite" } else { "-- only postgres" };
    let mut left_out = false;
    let mut kept = String::with_capacity(sql.len());
    for line in sql.lines() {
        match line.trim() {
            "-- end" => left_out = false,
            marker if marker == other => left_out = true,
            _ if left_out => {}
            _ => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    words.iter().fold(kept, |sql, (word, meaning)| sql.replace(word, meaning))
}

const SQLITE_WORDS: &[(&str, &str)] = &[
    ("{id}", "BLOB"),
    ("{bytes}", "BLOB"),
    ("{int}", "INTEGER"),
    ("{real}", "REAL"),
    ("{text}", "TEXT"),
    ("{bool}", "INTEGER"),
    ("{false}", "0"),
    ("{true}", "1"),
    ("{strict}", " STRICT"),
];

const POSTGRES_WORDS: &[(&str, &str)] = &[
    ("{id}", "uuid"),
    ("{bytes}", "bytea"),
    ("{int}", "bigint"),
    ("{real}", "double precision"),
    ("{text}", "text COLLATE \"C\""),
    ("{bool}", "boolean"),
    ("{false}", "false"),
    ("{true}", "true"),
    ("{strict}", ""),
];
