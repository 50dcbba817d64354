//! What became of the invitations of a batch, counted and listed by their own rows.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement,
    Value, sea_query::Expr,
};

use super::{
    Invitation, State,
    invitation::{Column, Entity, Model},
};
use crate::{
    access::Granted,
    db::{CHUNK, Tx, list::ListSql},
    invitations::{BatchRow, Became},
    types::{AccountId, BatchId, Cursor, InvitationId, Timestamp},
};

/// Which of the outcomes a row has; each has exactly one. `now` is the mark at which the instant is bound.
fn became_sql(now: &str) -> String {
    format!(
        "CASE WHEN i.state = 'accepted' THEN 'joined' WHEN i.state = 'declined' THEN 'declined' \
         WHEN i.state = 'deleted' THEN 'deleted' WHEN i.state = 'held' THEN 'held' \
         WHEN i.expires_at <= {now} THEN 'expired' WHEN i.opened_at IS NOT NULL THEN 'opened' \
         WHEN m.state IN ('refused', 'bounced', 'set_aside') THEN 'not_delivered' WHEN m.state = 'sent' THEN 'delivered' \
         ELSE 'on_its_way' END"
    )
}

/// How many of a batch ended how.
pub(in crate::invitations) async fn count_became(
    db: &impl ConnectionTrait,
    batch: BatchId,
    now: Timestamp,
) -> Result<Vec<(Became, u64)>, DbErr> {
    #[derive(FromQueryResult)]
    struct Group {
        became: String,
        n: i64,
    }
    let sql = format!(
        "SELECT became, COUNT(*) AS n FROM (SELECT {} AS became FROM invitations i JOIN mails m ON m.id = i.mail_id \
         WHERE i.batch_id = $1) AS each_one GROUP BY became",
        became_sql("$2")
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [batch.into(), now.into()]);
    let groups = Group::find_by_statement(statement).all(db).await?;
    Ok(groups
        .into_iter()
        .filter_map(|group| Some((Became::from_key(&group.became)?, u64::try_from(group.n).ok()?)))
        .collect())
}

/// The statement behind `list_became`; a test looks at its plan on both databases.
#[must_use]
pub fn batch_statement(
    batch: BatchId,
    became: Option<Became>,
    from: Option<&Cursor>,
    size: usize,
    now: Timestamp,
) -> (String, Vec<Value>) {
    let mut sql = ListSql::within("i.batch_id", batch.uuid());
    let at = sql.bind(now);
    let case = became_sql(&at);
    if let Some(became) = became {
        let mark = sql.bind(became.key());
        sql.only(format!("{case} = {mark}"));
    }
    let descending = from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        sql.beyond("i.id", vec![cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["i.id"], descending, size);
    let sql = format!(
        "SELECT i.*, {case} AS became, m.state AS mail_state, m.answer AS mail_answer, a.name AS joined_as FROM invitations i \
         JOIN mails m ON m.id = i.mail_id LEFT JOIN accounts a ON a.id = i.accepted_by {end}"
    );
    (sql, values)
}

/// One page of a batch's invitations, with one more than `size`.
pub(in crate::invitations) async fn list_became(
    db: &impl ConnectionTrait,
    batch: BatchId,
    became: Option<Became>,
    from: Option<&Cursor>,
    size: usize,
    now: Timestamp,
) -> Result<Vec<BatchRow>, DbErr> {
    #[derive(FromQueryResult)]
    struct Listed {
        #[sea_orm(nested)]
        invitation: Model,
        became: String,
        mail_state: String,
        mail_answer: String,
        joined_as: Option<String>,
    }
    let (sql, values) = batch_statement(batch, became, from, size, now);
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values));
    rows.all(db)
        .await?
        .into_iter()
        .map(|row| {
            Ok(BatchRow {
                became: Became::from_key(&row.became).unwrap_or(Became::OnItsWay),
                held_reason: row.invitation.held_reason.clone(),
                invitation: Invitation::from_row(row.invitation)?,
                mail_state: row.mail_state,
                mail_answer: row.mail_answer,
                joined_as: row.joined_as,
            })
        })
        .collect()
}

/// The invitations of a batch that are still open, in order of their ids, after one of them; at most `most`.
pub(in crate::invitations) async fn open_of_batch(
    tx: &impl ConnectionTrait,
    granted: &Granted,
    batch: BatchId,
    after: Option<InvitationId>,
    most: Option<u64>,
) -> Result<Vec<Invitation>, DbErr> {
    let mut open = Entity::find()
        .filter(Column::BatchId.eq(batch))
        .filter(Column::OrganisationId.eq(granted.scope().organisation))
        .filter(Column::State.is_in([State::Pending.key(), State::Held.key()]))
        .order_by_asc(Column::Id);
    if let Some(after) = after {
        open = open.filter(Column::Id.gt(after));
    }
    if let Some(most) = most {
        open = open.limit(most);
    }
    let rows = open.all(tx).await?.into_iter().map(Invitation::from_row).collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().filter(|invitation| granted.scope().covers(&invitation.scope)).collect())
}

/// Gives open invitations another window, which begins now; whoever does it answers for them from now on.
pub(in crate::invitations) async fn set_window(
    tx: &Tx,
    ids: &[InvitationId],
    window: std::time::Duration,
    by: AccountId,
    expires_at: Timestamp,
) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::WindowMs, Expr::value(i64::try_from(window.as_millis()).unwrap_or(i64::MAX)))
            .col_expr(Column::ExpiresAt, Expr::value(expires_at))
            .col_expr(Column::InviterId, Expr::value(by))
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::State.eq(State::Pending.key()))
            .exec(tx)
            .await?;
    }
    Ok(())
}
