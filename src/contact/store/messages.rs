//! Messages.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Value};

use super::{asked, run};
use crate::{
    access::{Granted, OnePatient},
    contact::Message,
    db::{Tx, list::ListSql},
    outbox::life::Stage,
    types::{AccountId, Cursor, MailId, MessageId, PatientId, Timestamp},
};

/// A message to be written.
pub(in crate::contact) struct New<'a> {
    pub id: MessageId,
    pub patient: PatientId,
    pub sender: AccountId,
    pub sender_name: &'a str,
    pub text: &'a str,
    pub mail: MailId,
    pub generation: i64,
    pub request_key: &'a str,
}

pub(in crate::contact) async fn insert(tx: &Tx, granted: &Granted, new: &New<'_>, now: Timestamp) -> Result<(), DbErr> {
    let sql = "INSERT INTO messages (id, organisation_id, deployment_id, patient_id, sender_id, sender_name, text, sent_at, \
        mail_id, generation, request_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: Vec<Value> = vec![
        new.id.into(),
        granted.scope().organisation.into(),
        granted.scope().id().into(),
        new.patient.into(),
        new.sender.into(),
        new.sender_name.into(),
        new.text.into(),
        now.into(),
        new.mail.into(),
        new.generation.into(),
        new.request_key.into(),
    ];
    run(tx, sql, values).await?;
    Ok(())
}

/// The message that the same press has sent before, and to whom.
pub(in crate::contact) async fn find_by_key(
    tx: &Tx,
    sender: AccountId,
    key: &str,
) -> Result<Option<(PatientId, String)>, DbErr> {
    let sql = "SELECT patient_id, text FROM messages WHERE sender_id = $1 AND request_key = $2";
    let row = tx.query_one_raw(asked(tx, sql, vec![sender.into(), key.into()])).await?;
    row.map(|row| Ok((row.try_get("", "patient_id")?, row.try_get("", "text")?))).transpose()
}

/// When the patient was sent something after `since`, oldest first.
pub(in crate::contact) async fn sent_since(
    tx: &Tx,
    patient: PatientId,
    since: Timestamp,
) -> Result<Vec<Timestamp>, DbErr> {
    let sql = "SELECT sent_at FROM messages WHERE patient_id = $1 AND sent_at > $2 ORDER BY sent_at, id LIMIT 1000";
    let rows = tx.query_all_raw(asked(tx, sql, vec![patient.into(), since.into()])).await?;
    rows.iter().map(|row| row.try_get("", "sent_at")).collect()
}

#[derive(FromQueryResult)]
struct Row {
    id: MessageId,
    sender_name: String,
    text: String,
    sent_at: Timestamp,
    mail_id: MailId,
    opened_at: Option<Timestamp>,
    withdrawn_at: Option<Timestamp>,
}

/// One page of what the patient was sent, newest first, with one row more than `size`.
pub(in crate::contact) async fn list(
    db: &impl ConnectionTrait,
    one: &OnePatient,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Message>, DbErr> {
    let mut sql = ListSql::within("patient_id", one.patient().uuid());
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some((cursor, at)) = from.and_then(|cursor| Some((cursor, cursor.timestamp()?))) {
        sql.beyond("sent_at, id", vec![at.into(), cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["sent_at", "id"], descending, size);
    let sql = format!("SELECT id, sender_name, text, sent_at, mail_id, opened_at, withdrawn_at FROM messages {end}");
    let rows = Row::find_by_statement(asked(db, &sql, values)).all(db).await?;
    let messages = rows.into_iter().map(|row| Message {
        id: row.id,
        sender: row.sender_name,
        text: row.text,
        sent_at: row.sent_at,
        mail: row.mail_id,
        stage: Stage::Queued,
        opened_at: row.opened_at,
        withdrawn_at: row.withdrawn_at,
    });
    Ok(messages.collect())
}

/// Takes a message back; its mail, if it was not taken back before.
pub(in crate::contact) async fn withdraw(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    id: MessageId,
    now: Timestamp,
) -> Result<Option<MailId>, DbErr> {
    let sql = "UPDATE messages SET withdrawn_at = $4 WHERE id = $1 AND patient_id = $2 AND deployment_id = $3 \
        AND withdrawn_at IS NULL RETURNING mail_id";
    let values = vec![id.into(), patient.into(), granted.scope().id().into(), now.into()];
    let row = tx.query_one_raw(asked(tx, sql, values)).await?;
    row.map(|row| row.try_get("", "mail_id")).transpose()
}

/// A message as its link and its mail find it, with what decides whether they still work.
#[derive(FromQueryResult)]
pub(in crate::contact) struct Linked {
    pub patient_id: PatientId,
    pub sender_name: String,
    pub text: String,
    pub sent_at: Timestamp,
    pub generation: i64,
    pub opened_at: Option<Timestamp>,
    pub withdrawn_at: Option<Timestamp>,
}

pub(in crate::contact) async fn find_linked(db: &impl ConnectionTrait, id: MessageId) -> Result<Option<Linked>, DbErr> {
    let sql = "SELECT patient_id, sender_name, text, sent_at, generation, opened_at, withdrawn_at FROM messages WHERE id = $1";
    Linked::find_by_statement(asked(db, sql, vec![id.into()])).one(db).await
}

/// Remembers the first opening.
pub(in crate::contact) async fn mark_opened(tx: &Tx, id: MessageId, now: Timestamp) -> Result<(), DbErr> {
    run(tx, "UPDATE messages SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL", vec![id.into(), now.into()])
        .await?;
    Ok(())
}
