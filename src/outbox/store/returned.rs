//! Mail that came back after it was handed over.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::history::{self, Try};
use crate::{
    db::Tx,
    types::{MailId, OrganisationId, Timestamp},
};

/// A mail of which a report speaks.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Known {
    /// Its id.
    pub id: MailId,
    /// Its organisation.
    pub organisation_id: OrganisationId,
    /// Its kind.
    pub kind: String,
    /// What it is about.
    pub about_id: uuid::Uuid,
    /// Of which generation.
    pub generation: i64,
    /// Where it went.
    pub recipient: String,
    state: String,
    answer: String,
    done_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, organisation_id, kind, about_id, generation, recipient, state, answer, done_at";

/// The mail with this id.
///
/// # Errors
/// When the database fails.
pub async fn find(db: &impl ConnectionTrait, id: MailId) -> Result<Option<Known>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM mails WHERE id = $1");
    Known::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, [id.into()])).one(db).await
}

/// A mail about one of these things, to which the mail server gave this id of its own when it took it.
///
/// # Errors
/// When the database fails.
pub async fn find_by_answer(
    db: &impl ConnectionTrait,
    about: &[uuid::Uuid],
    server_id: &str,
) -> Result<Option<Known>, DbErr> {
    for about in about {
        let sql = format!("SELECT {COLUMNS} FROM mails WHERE about_id = $1 ORDER BY id DESC LIMIT 50");
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [(*about).into()]);
        let found = Known::find_by_statement(statement).all(db).await?;
        // A word of the answer, and no part of one: a short id must not fit everything.
        let has_id = |known: &Known| {
            known.answer.split(|c: char| c.is_whitespace() || "<>[]()=;,".contains(c)).any(|word| word == server_id)
        };
        if let Some(known) = found.into_iter().find(has_id) {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// Writes down that a mail came back; whether that was news. A report that comes again changes nothing. Raising the fence keeps
/// a try that is under way from overwriting it.
///
/// # Errors
/// When the database fails.
pub async fn mark_bounced(tx: &Tx, mail: &Known, answer: &str, now: Timestamp) -> Result<bool, DbErr> {
    let sql = "UPDATE mails SET state = 'bounced', answer = $2, done_at = $3, fence = fence + 1 \
        WHERE id = $1 AND state IN ('sent', 'sending', 'trying')";
    let values = [mail.id.into(), answer.into(), now.into()];
    let done = tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    remember_handing_over(tx, mail).await?;
    let new = Try { state: "bounced".to_owned(), answer: answer.to_owned(), at: now, next_at: None };
    history::append(tx, mail.id, &new).await?;
    Ok(true)
}

/// Writes down that a server on the way is still trying; whether that was news.
///
/// # Errors
/// When the database fails.
pub async fn mark_delayed(tx: &Tx, mail: &Known, answer: &str, now: Timestamp) -> Result<bool, DbErr> {
    if mail.state != "sent" || mail.answer == answer {
        return Ok(false);
    }
    let known = "SELECT n FROM mail_tries WHERE mail_id = $1 AND state = 'delayed'";
    let asked = Statement::from_sql_and_values(tx.get_database_backend(), known, [mail.id.into()]);
    // Servers say so again and again; once is enough to know.
    if tx.query_one_raw(asked).await?.is_some() {
        return Ok(false);
    }
    remember_handing_over(tx, mail).await?;
    let new = Try { state: "delayed".to_owned(), answer: answer.to_owned(), at: now, next_at: None };
    history::append(tx, mail.id, &new).await?;
    Ok(true)
}

/// What stood in the mail's own row alone goes into its history before something newer takes its place.
async fn remember_handing_over(tx: &Tx, mail: &Known) -> Result<(), DbErr> {
    let sql = "SELECT n FROM mail_tries WHERE mail_id = $1 LIMIT 1";
    let asked = Statement::from_sql_and_values(tx.get_database_backend(), sql, [mail.id.into()]);
    if let (None, Some(at)) = (tx.query_one_raw(asked).await?, mail.done_at) {
        let old = Try { state: mail.state.clone(), answer: mail.answer.clone(), at, next_at: None };
        history::append(tx, mail.id, &old).await?;
    }
    Ok(())
}

/// Counts a report in this minute; how many there were with it.
///
/// # Errors
/// When the database fails.
pub async fn count_report(tx: &Tx, organisation: OrganisationId, now: Timestamp) -> Result<i64, DbErr> {
    let sql = "INSERT INTO bounce_reports (organisation_id, minute, reports) VALUES ($1, $2, 1) \
        ON CONFLICT (organisation_id) DO UPDATE SET reports = CASE WHEN bounce_reports.minute = excluded.minute \
        THEN bounce_reports.reports + 1 ELSE 1 END, minute = excluded.minute RETURNING reports";
    let values = [organisation.into(), (now.0 / 60_000).into()];
    let row = tx.query_one_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    row.map_or(Ok(0), |row| row.try_get("", "reports"))
}
