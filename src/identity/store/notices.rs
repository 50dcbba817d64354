//! The rows of security mail.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use crate::{
    access::Origin,
    db::Tx,
    identity::NoticeKind,
    types::{AccountId, NoticeId, Timestamp},
};

pub(in crate::identity) async fn insert(
    tx: &Tx,
    id: NoticeId,
    account: AccountId,
    kind: NoticeKind,
    detail: String,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_sql_and_values(
        tx.get_database_backend(),
        "INSERT INTO notices (id, account_id, kind, detail, address, agent, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            id.into(),
            account.into(),
            kind.key().into(),
            detail.into(),
            origin.address.as_str().into(),
            origin.agent.as_str().into(),
            now.into(),
        ],
    ))
    .await?;
    Ok(())
}

/// What a mail tells of, and to whom.
#[derive(FromQueryResult)]
pub(in crate::identity) struct NoticeRow {
    pub id: NoticeId,
    pub account_id: AccountId,
    pub kind: String,
    pub detail: String,
    pub address: String,
    pub agent: String,
    pub created_at: Timestamp,
    pub disowned_at: Option<Timestamp>,
    pub name: String,
    pub email: String,
}

/// The notice, if it is not older than `created_after`.
pub(in crate::identity) async fn find(
    db: &impl ConnectionTrait,
    id: NoticeId,
    created_after: Timestamp,
) -> Result<Option<NoticeRow>, DbErr> {
    NoticeRow::find_by_statement(Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT n.id, n.account_id, n.kind, n.detail, n.address, n.agent, n.created_at, n.disowned_at, a.name, a.email \
         FROM notices n JOIN accounts a ON a.id = n.account_id WHERE n.id = $1 AND n.created_at > $2",
        [id.into(), created_after.into()],
    ))
    .one(db)
    .await
}

/// Writes down that it was not them; whether nobody had said so before, and the notice is not older than `created_after`.
pub(in crate::identity) async fn mark_disowned(
    tx: &Tx,
    id: NoticeId,
    created_after: Timestamp,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = tx
        .execute_raw(Statement::from_sql_and_values(
            tx.get_database_backend(),
            "UPDATE notices SET disowned_at = $2 WHERE id = $1 AND disowned_at IS NULL AND created_at > $3",
            [id.into(), now.into(), created_after.into()],
        ))
        .await?;
    Ok(done.rows_affected() == 1)
}
