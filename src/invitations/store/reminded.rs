//! Who is reminded, and who was.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Statement,
    sea_query::Expr,
};

use super::{
    Invitation, Listed, SELECT, State,
    invitation::{Column, Entity},
};
use crate::{
    db::{CHUNK, Tx},
    invitations::PendingRow,
    types::{AccountId, InvitationId, OrganisationId, Timestamp},
};

/// Pending invitations whose link ends before `until` and was sent before `fresh`, of which nobody was reminded yet.
pub(in crate::invitations) async fn to_remind(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    now: Timestamp,
    until: Timestamp,
    fresh: Timestamp,
    limit: u64,
) -> Result<Vec<Invitation>, DbErr> {
    let rows = Entity::find()
        .filter(Column::ClosedAt.is_null())
        .filter(Column::RemindedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(Column::ExpiresAt.lte(until))
        .filter(Column::SentAt.lte(fresh))
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::State.eq(State::Pending.key()))
        .order_by_asc(Column::ExpiresAt)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter().map(Invitation::from_row).collect()
}

/// Those of these that are still to be reminded.
pub(in crate::invitations) async fn still_to_remind(
    tx: &Tx,
    ids: &[InvitationId],
    now: Timestamp,
) -> Result<Vec<Invitation>, DbErr> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows = Entity::find()
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::RemindedAt.is_null())
            .filter(Column::ExpiresAt.gt(now))
            .filter(Column::State.eq(State::Pending.key()))
            .order_by_asc(Column::Id)
            .all(tx)
            .await?;
        for row in rows {
            found.push(Invitation::from_row(row)?);
        }
    }
    Ok(found)
}

/// These were reminded.
pub(in crate::invitations) async fn mark_reminded(tx: &Tx, ids: &[InvitationId], now: Timestamp) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::RemindedAt, Expr::value(now))
            .filter(Column::Id.is_in(chunk.to_vec()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Whether a mail of this kind and generation was wanted for the person.
pub(in crate::invitations) async fn is_wanted(
    db: &impl ConnectionTrait,
    kind: &str,
    person: AccountId,
    generation: i64,
) -> Result<bool, DbErr> {
    let sql = "SELECT id FROM mails WHERE about_id = $1 AND kind = $2 AND generation = $3";
    let values = [person.uuid().into(), kind.into(), generation.into()];
    Ok(db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.is_some())
}

/// Invitations of this inviter that were reminded in a round and are still pending.
pub(in crate::invitations) async fn reminded_in(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    inviter: AccountId,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<PendingRow>, DbErr> {
    let sql = format!(
        "{SELECT} WHERE i.inviter_id = $1 AND i.closed_at IS NULL AND i.organisation_id = $2 AND i.state = 'pending' \
         AND i.reminded_at >= $3 AND i.reminded_at < $4 ORDER BY i.email_key LIMIT 5000"
    );
    let values = [inviter.into(), organisation.into(), from.into(), until.into()];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
    Listed::find_by_statement(statement).all(db).await?.into_iter().map(Listed::into_row).collect()
}
