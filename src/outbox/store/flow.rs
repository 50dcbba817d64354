//! Whether mail flows: since when an organisation's mails have only failed.

use std::{collections::BTreeMap, time::Duration};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::{
    db::Tx,
    outbox::{Claimed, Outcome},
    types::{OrganisationId, Timestamp},
};

/// Failures shorter than this are usual: a greylisting server takes a mail at its third or fourth try.
const USUAL: Duration = Duration::from_secs(10 * 60);

/// Mails that only fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Since when.
    pub since: Timestamp,
    /// How many mails wait.
    pub waiting: u64,
    /// The server's last words.
    pub answer: String,
}

/// Learns from how a group of tries ended. Whoever refuses one address for good works; whoever puts one off may not.
pub(in crate::outbox) async fn learn(tx: &Tx, group: &[(&Claimed, &Outcome)], now: Timestamp) -> Result<(), DbErr> {
    // In one order, so that two nodes never wait for each other.
    let mut failing: BTreeMap<OrganisationId, Option<&str>> = BTreeMap::new();
    for (mail, outcome) in group {
        match outcome {
            Outcome::Sent(_) | Outcome::Refused(_) => {
                failing.insert(mail.organisation_id, None);
            }
            Outcome::TryAgain(answer) => {
                failing.entry(mail.organisation_id).or_insert(Some(answer));
            }
            Outcome::Withdrawn | Outcome::Crashed(_) | Outcome::Released => {}
        }
    }
    let backend = tx.get_database_backend();
    for (organisation, answer) in failing {
        let (sql, values) = match answer {
            Some(answer) => (
                "INSERT INTO mail_flow (organisation_id, failing_since, failed_at, answer) VALUES ($1, $2, $2, $3) \
                 ON CONFLICT (organisation_id) DO UPDATE SET failing_since = COALESCE(mail_flow.failing_since, excluded.failing_since), \
                 failed_at = excluded.failed_at, answer = excluded.answer",
                vec![organisation.into(), now.into(), answer.into()],
            ),
            None => (
                "UPDATE mail_flow SET failing_since = NULL WHERE organisation_id = $1 AND failing_since IS NOT NULL",
                vec![organisation.into()],
            ),
        };
        tx.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Failing {
    organisation_id: OrganisationId,
    failing_since: Timestamp,
    answer: String,
}

/// What is the matter with an organisation's mail, if anything is: mails are due, and for a while there were only failures.
///
/// # Errors
/// When the database fails.
pub async fn blocked(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    now: Timestamp,
) -> Result<Option<Blocked>, DbErr> {
    let sql = "SELECT organisation_id, failing_since, answer FROM mail_flow WHERE organisation_id = $1 AND failing_since <= $2";
    let values = [organisation.into(), now.minus(USUAL).into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    let Some(failing) = Failing::find_by_statement(statement).one(db).await? else { return Ok(None) };
    count_waiting(db, failing).await
}

/// The same of every organisation, for whoever runs the portal.
///
/// # Errors
/// When the database fails.
pub async fn blocked_anywhere(db: &impl ConnectionTrait, now: Timestamp) -> Result<Vec<Blocked>, DbErr> {
    let sql =
        "SELECT organisation_id, failing_since, answer FROM mail_flow WHERE failing_since <= $1 ORDER BY failing_since";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [now.minus(USUAL).into()]);
    let mut found = Vec::new();
    for failing in Failing::find_by_statement(statement).all(db).await? {
        found.extend(count_waiting(db, failing).await?);
    }
    Ok(found)
}

/// Without a mail that waits nothing is the matter: it was taken back meanwhile.
async fn count_waiting(db: &impl ConnectionTrait, failing: Failing) -> Result<Option<Blocked>, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM mails WHERE done_at IS NULL AND organisation_id = $1 AND attempts > 0";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [failing.organisation_id.into()]);
    let waiting: i64 = db.query_one_raw(statement).await?.map_or(Ok(0), |row| row.try_get("", "n"))?;
    let waiting = u64::try_from(waiting).unwrap_or(0);
    Ok((waiting > 0).then_some(Blocked { since: failing.failing_since, waiting, answer: failing.answer }))
}
