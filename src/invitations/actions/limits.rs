//! How many invitation mails may go in a day: to one recipient, whoever invites; from one inviter; and from one organisation.
//! Resending and correcting count like sending.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::tz::TimeZone;
use sea_orm::ConnectionTrait;

use crate::{
    config::Config,
    error::{Error, Result},
    invitations::store::limits,
    op::Op,
    portal::Portal,
    types::{AccountId, EmailAddress, OrganisationId, Timestamp},
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR_MS: i64 = 3_600_000;
const HOURS: i64 = 24;

/// When each of these addresses (compare form) that has had its mails of the day may get the next.
pub(super) async fn full_until(
    db: &impl ConnectionTrait,
    keys: &[String],
    most: u8,
    now: Timestamp,
) -> Result<HashMap<String, Timestamp>> {
    if most == 0 {
        return Ok(HashMap::new());
    }
    let full = limits::full(db, keys, most, now.minus(DAY)).await?;
    Ok(full.into_iter().map(|(key, at)| (key, at.plus(DAY))).collect())
}

/// Why an address cannot be sent to now.
pub(super) fn full_sentence(until: Timestamp, zone: &TimeZone) -> String {
    let at = until.to_jiff().to_zoned_datetime(zone.clone()).strftime("%A %-d %B, %H:%M");
    format!("This address has had as many invitation mails as anybody gets in 24 hours; the next can go on {at}")
}

/// Counts a mail to each of these addresses; those to which one may go now (compare form).
pub(super) async fn count_recipients(op: &Op, keys: &[&str]) -> Result<HashSet<String>> {
    match op.portal().config.mails_per_recipient {
        0 => Ok(keys.iter().map(|key| (*key).to_owned()).collect()),
        most => Ok(limits::count_recipients(op.tx(), keys, most, op.now().minus(DAY), op.now()).await?),
    }
}

/// Counts a mail to one address; when not, why not.
pub(super) async fn count_recipient(op: &Op, email: &EmailAddress, zone: &TimeZone) -> Result<Result<(), String>> {
    let key = email.key();
    if count_recipients(op, &[key]).await?.contains(key) {
        return Ok(Ok(()));
    }
    let most = op.portal().config.mails_per_recipient;
    let until = full_until(op.tx(), &[key.to_owned()], most, op.now()).await?;
    Ok(Err(full_sentence(until.get(key).copied().unwrap_or_else(|| op.now().plus(DAY)), zone)))
}

/// Counts mails of an inviter and of the organisation, in the operation that sends them.
///
/// # Errors
/// [`Error::OverLimit`] when these are more than either may send in 24 hours; the operation must then end without effect.
pub(super) async fn count_senders(
    op: &Op,
    inviter: AccountId,
    organisation: OrganisationId,
    mails: usize,
) -> Result<()> {
    let config: &Config = &op.portal().config;
    let mails = i64::try_from(mails).unwrap_or(i64::MAX);
    for (sender, most, whose) in [
        (inviter.to_string(), config.mails_per_inviter, "You may"),
        (organisation.to_string(), config.mails_per_organisation, "Your organisation may"),
    ] {
        if most == 0 || mails == 0 {
            continue;
        }
        let most = i64::from(most);
        let hour = op.now().0.div_euclid(HOUR_MS);
        let sent = limits::count_sender(op.tx(), &sender, hour, hour - HOURS, mails).await?;
        let over = sent.iter().map(|(_, mails)| mails).sum::<i64>() - most;
        if over > 0 {
            return Err(over_limit(op.now(), whose, most, mails, over, &sent));
        }
    }
    Ok(())
}

/// Says how many may still go, and when all of these may.
fn over_limit(now: Timestamp, whose: &str, most: i64, mails: i64, over: i64, sent: &[(i64, i64)]) -> Error {
    let left = (mails - over).max(0);
    let limit = format!("{whose} send {most} invitation mails in 24 hours");
    if mails > most {
        return Error::OverLimit {
            text: format!("{limit}, and these are {mails}. Nothing was sent; send fewer at a time"),
            retry_after: DAY,
        };
    }
    let mut freed = 0;
    let free_at = sent.iter().find_map(|(hour, mails)| {
        freed += mails;
        (freed >= over).then_some((hour + HOURS) * HOUR_MS)
    });
    let wait = Duration::from_millis(u64::try_from(free_at.unwrap_or(now.0) - now.0).unwrap_or(0));
    let minutes = wait.as_secs().div_ceil(60).max(1);
    let wait_words = match minutes {
        1 => "a minute".to_owned(),
        n if n < 120 => format!("{n} minutes"),
        n => format!("{} hours", n.div_ceil(60)),
    };
    Error::OverLimit {
        text: format!("{limit}, and {left} of these {mails} are left. Nothing was sent; try again in {wait_words}"),
        retry_after: wait,
    }
}

/// Forgets counts of days that have passed. No limit depends on it.
///
/// # Errors
/// When the database fails.
pub async fn forget_old_counts(portal: &Portal) -> Result<()> {
    let now = portal.now();
    let tx = portal.db.begin_write().await?;
    limits::forget_before(&tx, now.minus(DAY), now.0.div_euclid(HOUR_MS) - HOURS).await?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(most: i64, mails: i64, sent: &[(i64, i64)]) -> (String, u64) {
        let over = sent.iter().map(|(_, mails)| mails).sum::<i64>() - most;
        match over_limit(Timestamp(100 * HOUR_MS + 1_800_000), "You may", most, mails, over, sent) {
            Error::OverLimit { text, retry_after } => (text, retry_after.as_secs()),
            other => (other.to_string(), 0),
        }
    }

    #[test]
    fn the_wait_ends_when_enough_hours_have_left_the_day() {
        // 60 twenty hours ago, 30 an hour ago, and these 20: ten too many leave with the oldest hour.
        let (text, wait) = told(100, 20, &[(80, 60), (99, 30), (100, 20)]);
        assert!(text.contains("10 of these 20 are left") && text.contains("in 4 hours"), "{text}");
        assert_eq!(wait, 3 * 3600 + 1800);
        let (_, wait) = told(100, 90, &[(80, 60), (99, 30), (100, 90)]);
        assert_eq!(wait, 22 * 3600 + 1800, "the hour of the thirty must have left as well");
        let (text, wait) = told(100, 101, &[(100, 101)]);
        assert!(text.contains("these are 101") && wait == 24 * 3600, "{text}");
    }
}
