//! What was sent lately: by recipient over all organisations, and by inviter and organisation. Counted in the transaction that
//! sends, so that what is undone does not count, and every portal on this database sees the same.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};

use crate::{
    db::{NAMED, Tx},
    types::Timestamp,
};

/// When the `most`th last mail went; at most three are kept.
const fn column(most: u8) -> &'static str {
    match most {
        1 => "last_at",
        2 => "second_at",
        _ => "third_at",
    }
}

/// Of these addresses (compare form) those that got `most` mails since `since`, with the instant of the first of these.
pub(in crate::invitations) async fn full(
    db: &impl ConnectionTrait,
    keys: &[String],
    most: u8,
    since: Timestamp,
) -> Result<HashMap<String, Timestamp>, DbErr> {
    let (mut full, column) = (HashMap::new(), column(most));
    for chunk in keys.chunks(NAMED) {
        let marks = crate::db::placeholders(2, chunk.len());
        let sql = format!(
            "SELECT email_key, {column} AS at FROM invited_addresses WHERE email_key IN ({marks}) AND {column} > $1"
        );
        let values = std::iter::once(Value::from(since)).chain(chunk.iter().map(|key| key.as_str().into()));
        for row in db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await? {
            full.insert(row.try_get("", "email_key")?, row.try_get("", "at")?);
        }
    }
    Ok(full)
}

/// Counts a mail to each of these addresses, unless it had `most` since `since` already; those that were counted. Judged and
/// counted in one statement, so that of two organisations at once only one gets the last mail.
pub(in crate::invitations) async fn count_recipients(
    tx: &Tx,
    keys: &[&str],
    most: u8,
    since: Timestamp,
    now: Timestamp,
) -> Result<HashSet<String>, DbErr> {
    // In one order, so that no two operations wait for each other.
    let mut keys: Vec<&str> = keys.to_vec();
    keys.sort_unstable();
    keys.dedup();
    let mut counted = HashSet::with_capacity(keys.len());
    for chunk in keys.chunks(NAMED) {
        let rows: Vec<_> = (3..3 + chunk.len()).map(|n| format!("(${n}, $1, 0, 0)")).collect();
        let sql = format!(
            "INSERT INTO invited_addresses (email_key, last_at, second_at, third_at) VALUES {} ON CONFLICT (email_key) \
             DO UPDATE SET third_at = invited_addresses.second_at, second_at = invited_addresses.last_at, \
             last_at = excluded.last_at WHERE invited_addresses.{} <= $2 RETURNING email_key",
            rows.join(", "),
            column(most)
        );
        let bounds = [Value::from(now), Value::from(since)].into_iter();
        let values = bounds.chain(chunk.iter().map(|key| Value::from(*key)));
        for row in tx.query_all_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await? {
            counted.insert(row.try_get("", "email_key")?);
        }
    }
    Ok(counted)
}

/// Counts `mails` of a sender in an hour, and gives what it has sent in each hour after `since`, oldest first. The row of the
/// hour is the lock behind which two operations of the same sender count.
pub(in crate::invitations) async fn count_sender(
    tx: &Tx,
    sender: &str,
    hour: i64,
    since: i64,
    mails: i64,
) -> Result<Vec<(i64, i64)>, DbErr> {
    let backend = tx.get_database_backend();
    tx.execute_raw(Statement::from_sql_and_values(
        backend,
        "INSERT INTO sent_by_hour (sender, hour, mails) VALUES ($1, $2, $3) \
         ON CONFLICT (sender, hour) DO UPDATE SET mails = sent_by_hour.mails + excluded.mails",
        [sender.into(), hour.into(), mails.into()],
    ))
    .await?;
    let rows = tx
        .query_all_raw(Statement::from_sql_and_values(
            backend,
            "SELECT hour, mails FROM sent_by_hour WHERE sender = $1 AND hour > $2 ORDER BY hour",
            [sender.into(), since.into()],
        ))
        .await?;
    rows.into_iter().map(|row| Ok((row.try_get("", "hour")?, row.try_get("", "mails")?))).collect()
}

/// Forgets counts that no limit asks for any more.
pub(in crate::invitations) async fn forget_before(tx: &Tx, at: Timestamp, hour: i64) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let addresses = "DELETE FROM invited_addresses WHERE last_at <= $1";
    tx.execute_raw(Statement::from_sql_and_values(backend, addresses, [at.into()])).await?;
    let hours = "DELETE FROM sent_by_hour WHERE hour <= $1";
    tx.execute_raw(Statement::from_sql_and_values(backend, hours, [hour.into()])).await?;
    Ok(())
}
