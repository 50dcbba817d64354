//! The rows of the outbox.

use std::{collections::HashMap, time::Duration};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, Set, Statement,
    sea_query::Expr,
};

use super::{
    Claimed, NewMail, Outcome,
    store::{
        flow,
        history::{self, Try},
    },
};
use crate::{
    db::{CHUNK, Tx},
    types::{MailId, Timestamp},
};

mod mail {
    use sea_orm::entity::prelude::*;

    use crate::types::{MailId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "mails")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: MailId,
        pub organisation_id: OrganisationId,
        pub kind: String,
        pub about_id: Uuid,
        pub generation: i64,
        pub recipient: String,
        pub state: String,
        pub due_at: Timestamp,
        pub attempts: i64,
        pub crashes: i64,
        pub fence: i64,
        pub answer: String,
        pub created_at: Timestamp,
        pub done_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// How long a claim holds before another worker may take the mail over.
const LEASE: Duration = Duration::from_secs(120);
/// A mail that crashes its writer this often is set aside.
const MAX_CRASHES: i64 = 3;
/// RFC 5321 4.5.4.1: give up after four to five days.
const GIVE_UP: Duration = Duration::from_secs(5 * 24 * 3600);

/// Where a mail stands, for lists.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `queued`, `sending`, `sent`, `trying`, `refused`, `bounced`, `withdrawn` or `set_aside`.
    pub state: String,
    /// The server's words, or why it was not sent.
    pub answer: String,
    /// When it is tried next, or when it was done.
    pub at: Timestamp,
    /// How often it was tried.
    pub attempts: i64,
}

/// Writes mails to be sent; part of the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn enqueue(tx: &Tx, mails: Vec<NewMail>, now: Timestamp) -> Result<(), DbErr> {
    enqueue_for(tx, mails, now, now).await
}

/// The same for mails that leave at `due` and not before.
///
/// # Errors
/// When the database fails.
pub async fn enqueue_for(tx: &Tx, mails: Vec<NewMail>, now: Timestamp, due: Timestamp) -> Result<(), DbErr> {
    let rows: Vec<_> = mails
        .into_iter()
        .map(|new| mail::ActiveModel {
            id: Set(new.id),
            organisation_id: Set(new.organisation),
            kind: Set(new.kind.to_owned()),
            about_id: Set(new.about),
            generation: Set(new.generation),
            recipient: Set(new.recipient),
            state: Set("queued".to_owned()),
            due_at: Set(due),
            attempts: Set(0),
            crashes: Set(0),
            fence: Set(0),
            answer: Set(String::new()),
            created_at: Set(now),
            done_at: Set(None),
        })
        .collect();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        mail::Entity::insert_many(rows.by_ref().take(CHUNK)).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Takes back mails that are not sent yet; part of the caller's transaction.
///
/// # Errors
/// When the database fails.
pub async fn withdraw(tx: &Tx, ids: &[MailId], now: Timestamp) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        mail::Entity::update_many()
            .col_expr(mail::Column::State, Expr::value("withdrawn"))
            .col_expr(mail::Column::DoneAt, Expr::value(now))
            .filter(mail::Column::Id.is_in(chunk.to_vec()))
            .filter(mail::Column::DoneAt.is_null())
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Where these mails stand.
///
/// # Errors
/// When the database fails.
pub async fn deliveries(db: &impl ConnectionTrait, ids: Vec<MailId>) -> Result<HashMap<MailId, Delivery>, DbErr> {
    let rows = mail::Entity::find().filter(mail::Column::Id.is_in(ids)).all(db).await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let at = row.done_at.unwrap_or(row.due_at);
            (row.id, Delivery { at, state: row.state, answer: row.answer, attempts: row.attempts })
        })
        .collect())
}

/// Claims up to `limit` mails that are due. A claim that is not settled within the lease falls to the next claimer.
///
/// # Errors
/// When the database fails.
pub async fn claim(tx: &Tx, limit: usize, now: Timestamp) -> Result<Vec<Claimed>, DbErr> {
    let backend = tx.get_database_backend();
    let skip_locked = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    let sql = format!(
        "UPDATE mails SET state = 'sending', due_at = $1, fence = fence + 1 WHERE id IN \
         (SELECT id FROM mails WHERE done_at IS NULL AND due_at <= $2 ORDER BY due_at, id LIMIT $3 {skip_locked}) \
         RETURNING id, organisation_id, kind, about_id, generation, recipient, attempts, crashes, fence, created_at"
    );
    let limit = i64::try_from(limit).unwrap_or(1);
    let values = [now.plus(LEASE).into(), now.into(), limit.into()];
    Claimed::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(tx).await
}

/// Writes down how some tries ended, and what that says about whether mail flows.
///
/// # Errors
/// When the database fails.
pub async fn record_outcomes(tx: &Tx, group: &[(&Claimed, &Outcome)], now: Timestamp) -> Result<(), DbErr> {
    for (mail, outcome) in group {
        record_outcome(tx, mail, outcome, now).await?;
    }
    flow::learn(tx, group, now).await
}

/// Writes down how a try ended, unless somebody else has claimed the mail since.
///
/// # Errors
/// When the database fails.
pub async fn record_outcome(tx: &Tx, mail: &Claimed, outcome: &Outcome, now: Timestamp) -> Result<(), DbErr> {
    let (state, answer, due) = settle(mail, outcome, now);
    let attempts = mail.attempts + i64::from(!matches!(outcome, Outcome::Released));
    let crashes = mail.crashes + i64::from(matches!(outcome, Outcome::Crashed(_)));
    let done = mail::Entity::update_many()
        .col_expr(mail::Column::State, Expr::value(state))
        .col_expr(mail::Column::Answer, Expr::value(answer.as_str()))
        .col_expr(mail::Column::DueAt, Expr::value(due.unwrap_or(now)))
        .col_expr(mail::Column::DoneAt, Expr::value(due.is_none().then_some(now)))
        .col_expr(mail::Column::Attempts, Expr::value(attempts))
        .col_expr(mail::Column::Crashes, Expr::value(crashes))
        .filter(mail::Column::Id.eq(mail.id))
        .filter(mail::Column::Fence.eq(mail.fence))
        .filter(mail::Column::DoneAt.is_null())
        .exec(tx)
        .await?;
    // What goes right at the first try needs no history; the row says it all.
    let untroubled = mail.attempts == 0 && matches!(outcome, Outcome::Sent(_));
    if done.rows_affected == 1 && !untroubled && !matches!(outcome, Outcome::Released) {
        history::append(tx, mail.id, &Try { state: state.to_owned(), answer, at: now, next_at: due }).await?;
    }
    Ok(())
}

/// The new state, the words to show, and when to try again (never, when it is settled).
fn settle(mail: &Claimed, outcome: &Outcome, now: Timestamp) -> (&'static str, String, Option<Timestamp>) {
    let again = now.plus(back_off(mail.attempts));
    match outcome {
        Outcome::Sent(answer) => ("sent", answer.clone(), None),
        Outcome::Refused(answer) => ("refused", answer.clone(), None),
        Outcome::Withdrawn => ("withdrawn", String::new(), None),
        Outcome::Released => ("queued", String::new(), Some(now)),
        Outcome::TryAgain(answer) if now >= mail.created_at.plus(GIVE_UP) => ("refused", answer.clone(), None),
        Outcome::TryAgain(answer) => ("trying", answer.clone(), Some(again)),
        Outcome::Crashed(answer) if mail.crashes + 1 >= MAX_CRASHES => ("set_aside", answer.clone(), None),
        Outcome::Crashed(answer) => ("trying", answer.clone(), Some(again)),
    }
}

/// 1, 2, 5, 10, 30, 30 … minutes.
fn back_off(attempts: i64) -> Duration {
    let minutes = match attempts {
        0 => 1,
        1 => 2,
        2 => 5,
        3 => 10,
        _ => 30,
    };
    Duration::from_secs(minutes * 60)
}
