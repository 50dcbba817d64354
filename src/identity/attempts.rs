//! Failed tries, counted where they outlive the operation that failed, a restart, and the node that saw them.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::{
    error::{Error, Result},
    portal::Portal,
    types::{AccountId, BrowserId, InvitationId, Timestamp},
};

/// Failures that cost nothing: people mistype.
const FREE_FOR_ACCOUNT: i64 = 5;
/// A ward shares one address, so more are free.
const FREE_FOR_ADDRESS: i64 = 50;
/// NIST SP 800-63B-4 3.2.2 allows waits of half a minute to an hour.
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// A day without a failure starts the count anew; a hospital's one address must not fill up over the years.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Mails to one address by **Forgot Password** within a day.
const MAILS_A_DAY: i64 = 3;
/// Requests for a new password from one network within an hour: a hospital shares one address.
const REQUESTS_AN_HOUR: i64 = 60;
const AN_HOUR: Duration = Duration::from_secs(3600);
/// Links that never were ours, from one network: nobody mistypes 48 bytes.
const FREE_GUESSES: i64 = 20;

/// Whose failures are counted together.
pub struct Subject {
    key: String,
    free: i64,
    within: Duration,
}

impl Subject {
    pub fn account(email_key: &str) -> Self {
        Self { key: format!("account {email_key}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER }
    }

    /// A browser in which the account has signed in before counts for itself, so that nobody elsewhere can lock its owner out.
    pub fn browser(id: BrowserId) -> Self {
        Self { key: format!("browser {id}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER }
    }

    /// Codes of printed slips, by the address that must be typed with them.
    pub fn slip(email_key: &str) -> Self {
        Self { key: format!("slip {email_key}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER }
    }

    /// Codes that are told by telephone.
    pub fn spoken(invitation: InvitationId) -> Self {
        Self { key: format!("spoken {invitation}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER }
    }

    /// Codes of a second factor: whoever tries them has the password already.
    pub fn codes(account: AccountId) -> Self {
        Self { key: format!("codes {account}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER }
    }

    pub fn address(address: &str) -> Self {
        Self { key: format!("address {}", network(address)), free: FREE_FOR_ADDRESS, within: FORGOTTEN_AFTER }
    }

    /// The mails that **Forgot Password** sends to one address.
    pub fn reset_mails(email_key: &str) -> Self {
        Self { key: format!("reset mails {email_key}"), free: MAILS_A_DAY, within: FORGOTTEN_AFTER }
    }

    /// The requests for a new password that come from one network.
    pub fn reset_requests(address: &str) -> Self {
        Self { key: format!("reset requests {}", network(address)), free: REQUESTS_AN_HOUR, within: AN_HOUR }
    }

    /// Links from one network that this portal never made.
    pub fn guesses(address: &str) -> Self {
        Self { key: format!("link guesses {}", network(address)), free: FREE_GUESSES, within: FORGOTTEN_AFTER }
    }
}

/// An IPv6 customer has a whole /64 to choose addresses from, so that is what is counted.
fn network(address: &str) -> String {
    match address.parse::<std::net::Ipv6Addr>() {
        Ok(v6) => v6.segments().iter().take(4).map(|part| format!("{part:x}")).collect::<Vec<_>>().join(":"),
        Err(_) => address.to_owned(),
    }
}

/// Counts a try before it is judged, so that many at once are no more than a few: refused while the subject has to wait. Whoever
/// then proves right calls [`forget`].
pub(in crate::identity) async fn reserve(portal: &Portal, subjects: &[Subject]) -> Result<()> {
    refuse_if_waiting(portal, subjects).await?;
    let tx = portal.db.begin_write().await?;
    for subject in subjects {
        // Behind the lock: who came first has been counted.
        refuse_waiting(&tx, subject, portal.now()).await?;
        add_failure(&tx, subject, portal).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Refuses while any of the subjects has to wait.
pub(in crate::identity) async fn refuse_if_waiting(portal: &Portal, subjects: &[Subject]) -> Result<()> {
    for subject in subjects {
        refuse_waiting(portal.db.reader(), subject, portal.now()).await?;
    }
    Ok(())
}

async fn refuse_waiting(db: &impl ConnectionTrait, subject: &Subject, now: Timestamp) -> Result<()> {
    let row = db
        .query_one_raw(Statement::from_sql_and_values(
            db.get_database_backend(),
            "SELECT blocked_until FROM attempts WHERE subject = $1 AND blocked_until > $2",
            [subject.key.as_str().into(), now.into()],
        ))
        .await?;
    let Some(row) = row else { return Ok(()) };
    let until: i64 = row.try_get("", "blocked_until")?;
    Err(Error::TooMany { retry_after: Duration::from_millis(u64::try_from(until - now.0).unwrap_or(0)) })
}

/// Counts one failure for each subject.
pub(in crate::identity) async fn count_failure(portal: &Portal, subjects: &[Subject]) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    for subject in subjects {
        add_failure(&tx, subject, portal).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn add_failure(tx: &crate::db::Tx, subject: &Subject, portal: &Portal) -> Result<(), DbErr> {
    let backend = tx.get_database_backend();
    let now = portal.now();
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            backend,
            "INSERT INTO attempts (subject, failures, blocked_until, last_at) VALUES ($1, 1, 0, $2) \
             ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN attempts.last_at < $3 THEN 1 ELSE attempts.failures + 1 END, \
             last_at = excluded.last_at RETURNING failures",
            [subject.key.as_str().into(), now.into(), now.minus(FORGOTTEN_AFTER).into()],
        ))
        .await?;
    let failures: i64 = row.map_or(Ok(0), |row| row.try_get("", "failures"))?;
    let over = failures - subject.free;
    if over >= 0 {
        let doubled = FIRST_WAIT.saturating_mul(1 << u32::try_from(over).unwrap_or(0).min(10));
        let until = now.plus(doubled.min(LONGEST_WAIT));
        tx.execute_raw(Statement::from_sql_and_values(
            backend,
            "UPDATE attempts SET blocked_until = $2 WHERE subject = $1",
            [subject.key.as_str().into(), until.into()],
        ))
        .await?;
    }
    Ok(())
}

/// Forgets the failures of a subject that has proved itself.
pub(in crate::identity) async fn forget(tx: &crate::db::Tx, subject: &Subject) -> Result<()> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "DELETE FROM attempts WHERE subject = $1",
        [subject.key.as_str().into()],
    ))
    .await?;
    Ok(())
}

/// Takes one of the uses that the subject has within its time; whether there was one left. Counted and judged in one statement, so that
/// of many at once no more than those go through. What is refused does not make the wait longer.
pub(in crate::identity) async fn take_one(tx: &crate::db::Tx, subject: &Subject, now: Timestamp) -> Result<bool> {
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "INSERT INTO attempts (subject, failures, blocked_until, last_at) VALUES ($1, 1, 0, $2) \
             ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN attempts.last_at <= $3 THEN 1 ELSE attempts.failures + 1 END, \
             last_at = excluded.last_at WHERE attempts.failures < $4 OR attempts.last_at <= $3 RETURNING failures",
            [subject.key.as_str().into(), now.into(), now.minus(subject.within).into(), subject.free.into()],
        ))
        .await?;
    Ok(row.is_some())
}
