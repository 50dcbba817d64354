//! Failed tries, counted where they outlive the operation that failed, a restart, and the node that saw them.
//!
//! Whose password, codes or browser has failed too often in a row is disabled until it is made anew. Whoever makes the last try is
//! told so at that very answer, whether there is such an account or not; everybody after that is answered like whoever has to wait.

use std::{net::IpAddr, time::Duration};

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
/// Failures since the last success, however long ago, after which nothing is taken any more (NIST SP 800-63B-4 3.2.2: at
/// most 100).
const MOST_IN_A_ROW: i64 = 50;
/// Until when a disabled subject waits.
const FOR_GOOD: Timestamp = Timestamp(i64::MAX);

/// Mails to one address by **Forgot Password** within a day.
const MAILS_A_DAY: i64 = 3;
/// Requests for a new password from one network within an hour: a hospital shares one address.
const REQUESTS_AN_HOUR: i64 = 60;
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Whose failures are counted together.
#[derive(Clone, Debug)]
pub struct Subject {
    key: String,
    free: i64,
    /// After how long without another one the count begins anew.
    within: Duration,
    /// Whether it is disabled in the end. A network is not: other people use it too.
    ends: bool,
}

impl Subject {
    /// An account's password, tried from a browser that the account does not know.
    pub fn account(email_key: &str) -> Self {
        Self { key: format!("account {email_key}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: true }
    }

    /// The password, tried from one browser in which the account has signed in before. Its own count, so that whoever guesses
    /// elsewhere does not lock the person out.
    pub fn browser(id: BrowserId) -> Self {
        Self { key: format!("browser {id}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: true }
    }

    /// Codes of printed slips, by the address that must be typed with them.
    pub fn slip(email_key: &str) -> Self {
        Self { key: format!("slip {email_key}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: false }
    }

    /// Codes that are told by telephone.
    pub fn spoken(invitation: InvitationId) -> Self {
        Self { key: format!("spoken {invitation}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: false }
    }

    /// An account's codes, authenticator and recovery together: whoever tries them has the password already.
    pub fn codes(account: AccountId) -> Self {
        Self { key: format!("codes {account}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: true }
    }

    /// The patient numbers that somebody tries for an emergency access.
    pub fn emergency(account: AccountId) -> Self {
        Self { key: format!("emergency {account}"), free: FREE_FOR_ACCOUNT, within: FORGOTTEN_AFTER, ends: false }
    }

    /// Everything tried from one network.
    pub fn address(address: &str) -> Self {
        Self {
            key: format!("address {}", network(address)),
            free: FREE_FOR_ADDRESS,
            within: FORGOTTEN_AFTER,
            ends: false,
        }
    }

    /// The mails that **Forgot Password** sends to one address.
    pub fn reset_mails(email_key: &str) -> Self {
        let key = format!("reset mails {email_key}");
        Self { key, free: MAILS_A_DAY, within: FORGOTTEN_AFTER, ends: false }
    }

    /// The requests for a new password that come from one network.
    pub fn reset_requests(address: &str) -> Self {
        let key = format!("reset requests {}", network(address));
        Self { key, free: REQUESTS_AN_HOUR, within: AN_HOUR, ends: false }
    }

    /// Links guessed from one network.
    pub fn guesses(address: &str) -> Self {
        Self {
            key: format!("links {}", network(address)),
            free: FREE_FOR_ADDRESS,
            within: FORGOTTEN_AFTER,
            ends: false,
        }
    }
}

/// What is counted as one place: an IPv6 customer has a whole /64 to choose addresses from. An IPv4 address is the same however
/// it is written.
fn network(address: &str) -> String {
    match address.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(v6)) => {
            let parts: Vec<_> = v6.segments().iter().take(4).map(|part| format!("{part:x}")).collect();
            parts.join(":")
        }
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.to_owned(),
    }
}

/// Refuses while any of the subjects has to wait.
///
/// # Errors
/// [`Error::TooMany`] with the time to wait; an hour for what is disabled.
pub async fn refuse_if_waiting(portal: &Portal, subjects: &[Subject]) -> Result<()> {
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
    let left = Duration::from_millis(u64::try_from(until.saturating_sub(now.0)).unwrap_or(0));
    Err(Error::TooMany { retry_after: left.min(LONGEST_WAIT) })
}

/// What a try is, should it prove wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// One of those that people have.
    OneOfMany,
    /// The last: nothing is taken any more after it. Whoever made it must be told now, since every later one is only told to wait.
    Last,
}

impl Try {
    /// The sentence about a wrong try, with what follows from it if it was the last.
    pub fn tell(self, sentence: &str, last: &str) -> String {
        match self {
            Self::OneOfMany => sentence.to_owned(),
            Self::Last => format!("{sentence}. {last}"),
        }
    }
}

/// What becomes of somebody who has typed the last wrong code: nothing but somebody else can help them.
pub const NO_MORE_CODES: &str = "That was one wrong try too many: no code and no passkey is taken after your password any more. \
    Ask somebody who manages staff where you work to reset your second factor";

/// Counts a try before it is judged, so that many at once are no more than a few: refused while the subject has to wait. Whoever
/// then proves right calls [`forget`]; a try that could not be judged is taken back by [`take_back`].
///
/// # Errors
/// As [`refuse_if_waiting`].
pub async fn reserve(portal: &Portal, subject: &Subject) -> Result<Try> {
    refuse_if_waiting(portal, std::slice::from_ref(subject)).await?;
    let tx = portal.db.begin_write().await?;
    let Some(disabled) = count(&tx, subject, portal.now(), portal.now()).await? else {
        // Somebody else's try has been counted a moment ago, and now the subject waits.
        return Err(refuse_waiting(&tx, subject, portal.now())
            .await
            .err()
            .unwrap_or(Error::TooMany { retry_after: FIRST_WAIT }));
    };
    tx.commit().await?;
    Ok(if disabled { Try::Last } else { Try::OneOfMany })
}

/// Takes back what [`reserve`] has counted, because the try was never judged.
///
/// # Errors
/// When the database fails.
pub async fn take_back(portal: &Portal, subject: &Subject) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    // It was not waiting when it was counted, so any wait comes from this try, unless others have failed meanwhile.
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "UPDATE attempts SET failures = failures - 1, in_a_row = in_a_row - 1, \
         blocked_until = CASE WHEN failures <= $2 OR in_a_row = $3 THEN 0 ELSE blocked_until END \
         WHERE subject = $1 AND failures > 0",
        [subject.key.as_str().into(), subject.free.into(), MOST_IN_A_ROW.into()],
    ))
    .await?;
    tx.commit().await?;
    Ok(())
}

/// Counts one failure for each subject; whether one of them is disabled by it.
///
/// # Errors
/// When the database fails.
pub async fn count_failure(portal: &Portal, subjects: &[Subject]) -> Result<bool> {
    let tx = portal.db.begin_write().await?;
    let mut disabled = false;
    for subject in subjects {
        disabled |= count(&tx, subject, portal.now(), FOR_GOOD).await?.unwrap_or(false);
    }
    tx.commit().await?;
    Ok(disabled)
}

/// Counts one failure unless the subject waits beyond `unless_until`: none then, else whether it is disabled by this one. One
/// statement judges and counts, and keeps the row until the end: of many at once, on whichever node, each is counted.
async fn count(
    tx: &crate::db::Tx,
    subject: &Subject,
    now: Timestamp,
    unless_until: Timestamp,
) -> Result<Option<bool>, DbErr> {
    let backend = tx.get_database_backend();
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            backend,
            "INSERT INTO attempts (subject, failures, in_a_row, blocked_until, last_at) VALUES ($1, 1, 1, 0, $2) \
             ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN attempts.last_at < $3 THEN 1 ELSE attempts.failures + 1 END, \
             in_a_row = attempts.in_a_row + 1, last_at = excluded.last_at WHERE attempts.blocked_until <= $4 \
             RETURNING failures, in_a_row",
            [subject.key.as_str().into(), now.into(), now.minus(subject.within).into(), unless_until.into()],
        ))
        .await?;
    let Some(row) = row else { return Ok(None) };
    let (failures, in_a_row): (i64, i64) = (row.try_get("", "failures")?, row.try_get("", "in_a_row")?);
    let disabled = subject.ends && in_a_row >= MOST_IN_A_ROW;
    let over = failures - subject.free;
    if over >= 0 || disabled {
        let doubled = FIRST_WAIT.saturating_mul(1 << u32::try_from(over).unwrap_or(0).min(10));
        let until = if disabled { FOR_GOOD } else { now.plus(doubled.min(LONGEST_WAIT)) };
        tx.execute_raw(Statement::from_sql_and_values(
            backend,
            "UPDATE attempts SET blocked_until = $2 WHERE subject = $1",
            [subject.key.as_str().into(), until.into()],
        ))
        .await?;
    }
    Ok(Some(disabled && in_a_row == MOST_IN_A_ROW))
}

/// Forgets the failures of a subject that has proved itself, or whose secret was made anew.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &crate::db::Tx, subject: &Subject) -> Result<()> {
    forget_all(tx, std::slice::from_ref(subject)).await
}

/// The same for several. In one order, so that no two wait for each other.
///
/// # Errors
/// When the database fails.
pub async fn forget_all(tx: &crate::db::Tx, subjects: &[Subject]) -> Result<()> {
    let mut keys: Vec<_> = subjects.iter().map(|subject| subject.key.as_str()).collect();
    keys.sort_unstable();
    for some in keys.chunks(200) {
        let sql = format!("DELETE FROM attempts WHERE subject IN ({})", crate::db::placeholders(1, some.len()));
        let values = some.iter().map(|key| (*key).into()).collect::<Vec<sea_orm::Value>>();
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

/// Takes one of the uses that the subject has within its time; whether there was one left. Counted and judged in one statement, so that
/// of many at once no more than those go through. What is refused does not make the wait longer.
pub(in crate::identity) async fn take_one(tx: &crate::db::Tx, subject: &Subject, now: Timestamp) -> Result<bool> {
    let row = tx
        .query_one_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "INSERT INTO attempts (subject, failures, in_a_row, blocked_until, last_at) VALUES ($1, 1, 0, 0, $2) \
             ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN attempts.last_at <= $3 THEN 1 ELSE attempts.failures + 1 END, \
             last_at = excluded.last_at WHERE attempts.failures < $4 OR attempts.last_at <= $3 RETURNING failures",
            [subject.key.as_str().into(), now.into(), now.minus(subject.within).into(), subject.free.into()],
        ))
        .await?;
    Ok(row.is_some())
}

/// Refuses whoever has guessed links too often, and counts a guess that has just failed. Only what fits nothing comes here:
/// a link that is right opens from any network, however much is guessed there.
///
/// # Errors
/// [`Error::TooMany`] with the time to wait.
pub async fn count_guess(portal: &Portal, address: &str) -> Result<()> {
    let subject = [Subject::guesses(address)];
    // A throttled guess costs one look and no writing.
    refuse_if_waiting(portal, &subject).await?;
    count_failure(portal, &subject).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_by_its_network_however_it_is_written() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("::FFFF:C000:207", "192.0.2.7"),
            ("2001:db8:0:1::1", "2001:db8:0:1"),
            ("2001:0DB8:0000:0001:ffff:ffff:ffff:ffff", "2001:db8:0:1"),
            ("2001:db8:0:2::1", "2001:db8:0:2"),
            ("terminal", "terminal"),
            ("", ""),
        ] {
            assert_eq!(network(address), expected, "{address}");
        }
    }
}
