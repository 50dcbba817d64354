//! The list of open invitations, read in the order of an index.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{Filter, Invitation, PendingRow, Sort, invitation::Model};
use crate::{
    access::Visible,
    db::list::ListSql,
    outbox::Delivery,
    types::{Cursor, InvitationId, Timestamp},
};

/// What to list and in which order.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which ones.
    pub filter: Filter,
    /// A part of the address.
    pub search: String,
    /// By what.
    pub sort: Sort,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Where the page starts.
    pub from: Option<Cursor>,
}

#[derive(FromQueryResult)]
pub(super) struct Listed {
    #[sea_orm(nested)]
    invitation: Model,
    inviter_name: Option<String>,
    mail_state: String,
    mail_answer: String,
    mail_at: Timestamp,
    mail_attempts: i64,
}

impl Listed {
    pub(super) fn into_row(self) -> Result<PendingRow, DbErr> {
        Ok(PendingRow {
            held_reason: self.invitation.held_reason.clone(),
            invitation: Invitation::from_row(self.invitation)?,
            inviter_name: self.inviter_name.unwrap_or_default(),
            delivery: Delivery {
                state: self.mail_state,
                answer: self.mail_answer,
                at: self.mail_at,
                attempts: self.mail_attempts,
            },
        })
    }
}

/// One page of the open invitations that may be seen, read in the order of an index, with one row more than `size`.
pub(in crate::invitations) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    query: &Query,
    size: usize,
    now: Timestamp,
) -> Result<Vec<PendingRow>, DbErr> {
    let backend = db.get_database_backend();
    let (sql, values) = list_statement(visible, query, size, now);
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(backend, sql, values)).all(db).await?;
    rows.into_iter().map(Listed::into_row).collect()
}

/// An invitation as the list shows it, in whatever state, if it lies in what may be seen.
pub(in crate::invitations) async fn find_row(
    db: &impl ConnectionTrait,
    visible: &Visible,
    id: InvitationId,
) -> Result<Option<PendingRow>, DbErr> {
    let (column, scope) = visible.filter();
    let sql = format!("{SELECT} WHERE i.id = $1 AND i.{column} = $2");
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [id.into(), scope.into()]);
    Listed::find_by_statement(statement).one(db).await?.map(Listed::into_row).transpose()
}

pub(super) const SELECT: &str = "SELECT i.*, a.name AS inviter_name, m.state AS mail_state, m.answer AS mail_answer, \
    m.attempts AS mail_attempts, COALESCE(m.done_at, m.due_at) AS mail_at FROM invitations i \
    JOIN mails m ON m.id = i.mail_id LEFT JOIN accounts a ON a.id = i.inviter_id";

/// The statement behind `list`; a test looks at its plan on both databases.
#[must_use]
pub fn list_statement(visible: &Visible, query: &Query, size: usize, now: Timestamp) -> (String, Vec<sea_orm::Value>) {
    let (column, id) = visible.filter();
    let mut sql = ListSql::within(&format!("i.{column}"), id);
    sql.only("i.closed_at IS NULL");
    let at = match query.filter {
        Filter::Pending | Filter::Expired => sql.bind(now),
        _ => String::new(),
    };
    match query.filter {
        Filter::All => {}
        Filter::Pending => sql.only(format!("i.state = 'pending' AND i.expires_at > {at}")),
        Filter::Expired => sql.only(format!("i.state = 'pending' AND i.expires_at <= {at}")),
        Filter::Held => sql.only("i.state = 'held'"),
        Filter::Declined => sql.only("i.state = 'declined'"),
        Filter::NotDelivered => sql.only("m.state IN ('refused', 'bounced', 'set_aside')"),
    }
    sql.containing(&["i.email_key"], &query.search);
    let column = match query.sort {
        Sort::Sent => "i.sent_at",
        Sort::Email => "i.email_key",
        Sort::Expires => "i.expires_at",
    };
    let descending = query.descending != query.from.as_ref().is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = &query.from {
        let value = match query.sort {
            Sort::Email => cursor.value.clone().into(),
            Sort::Sent | Sort::Expires => cursor.timestamp().unwrap_or_default().into(),
        };
        sql.beyond(&format!("{column}, i.id"), vec![value, cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&[column, "i.id"], descending, size);
    (format!("{SELECT} {end}"), values)
}
