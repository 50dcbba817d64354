//! The history of a mail: its tries, and what was heard of it later.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::{
    db::Tx,
    types::{MailId, Timestamp},
};

/// One thing that happened to a mail.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Try {
    /// As in `mails`, or `delayed`.
    pub state: String,
    /// The server's words.
    pub answer: String,
    /// When.
    pub at: Timestamp,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
}

/// A mail about something, with everything that happened to it, oldest first.
#[derive(Clone, Debug)]
pub struct Story {
    /// The mail.
    pub id: MailId,
    /// Which kind.
    pub kind: String,
    /// Where it goes.
    pub recipient: String,
    /// Of which generation.
    pub generation: i64,
    /// When it was wanted.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: String,
    /// What happened.
    pub tries: Vec<Try>,
}

#[derive(FromQueryResult)]
struct MailRow {
    id: MailId,
    kind: String,
    recipient: String,
    generation: i64,
    state: String,
    answer: String,
    due_at: Timestamp,
    created_at: Timestamp,
    done_at: Option<Timestamp>,
}

/// Appends to a mail's history.
pub(in crate::outbox) async fn append(tx: &Tx, mail: MailId, new: &Try) -> Result<(), DbErr> {
    let sql = "INSERT INTO mail_tries (mail_id, n, state, answer, at, next_at) \
        SELECT $1, COALESCE(MAX(n), 0) + 1, $2, $3, $4, $5 FROM mail_tries WHERE mail_id = $1";
    let values =
        [mail.into(), new.state.as_str().into(), new.answer.as_str().into(), new.at.into(), new.next_at.into()];
    tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    Ok(())
}

/// Every mail about a thing, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn stories(db: &impl ConnectionTrait, about: uuid::Uuid) -> Result<Vec<Story>, DbErr> {
    let backend = db.get_database_backend();
    let sql = "SELECT id, kind, recipient, generation, state, answer, due_at, created_at, done_at FROM mails \
        WHERE about_id = $1 ORDER BY id LIMIT 200";
    let rows = MailRow::find_by_statement(Statement::from_sql_and_values(backend, sql, [about.into()])).all(db).await?;
    let mut stories = Vec::with_capacity(rows.len());
    for row in rows {
        let sql = "SELECT state, answer, at, next_at FROM mail_tries WHERE mail_id = $1 ORDER BY n LIMIT 500";
        let statement = Statement::from_sql_and_values(backend, sql, [row.id.into()]);
        let mut tries = Try::find_by_statement(statement).all(db).await?;
        // What went right at the first try stands in the mail's own row alone.
        if tries.is_empty() && (row.done_at.is_some() || row.state == "trying") {
            let next_at = row.done_at.is_none().then_some(row.due_at);
            let at = row.done_at.unwrap_or(row.created_at);
            tries.push(Try { state: row.state.clone(), answer: row.answer, at, next_at });
        }
        stories.push(Story {
            id: row.id,
            kind: row.kind,
            recipient: row.recipient,
            generation: row.generation,
            created_at: row.created_at,
            state: row.state,
            tries,
        });
    }
    Ok(stories)
}
