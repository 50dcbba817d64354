//! What inviters are told about mails that did not arrive.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{Listed, SELECT};
use crate::{
    db::Tx,
    invitations::PendingRow,
    types::{AccountId, MailId, OrganisationId, Timestamp},
};

/// Of a pending invitation's own mail, one that did not arrive and was not told of. The same words as the index.
const UNTOLD: &str = "m.told_in IS NULL AND m.state IN ('refused', 'bounced', 'set_aside')";

/// An inviter who must be told.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub(in crate::invitations) struct Untold {
    pub inviter_id: AccountId,
    pub organisation_id: OrganisationId,
}

/// The inviters with failures that nobody was told of, the first of them before `collected`.
pub(in crate::invitations) async fn untold(
    db: &impl ConnectionTrait,
    since: Timestamp,
    collected: Timestamp,
) -> Result<Vec<Untold>, DbErr> {
    let sql = format!(
        "SELECT i.inviter_id, i.organisation_id FROM mails m JOIN invitations i ON i.id = m.about_id AND i.mail_id = m.id \
         WHERE {UNTOLD} AND m.done_at > $1 AND i.state = 'pending' AND i.inviter_id IS NOT NULL \
         GROUP BY i.inviter_id, i.organisation_id HAVING MIN(m.done_at) <= $2 LIMIT 200"
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [since.into(), collected.into()]);
    Untold::find_by_statement(statement).all(db).await
}

/// When a mail of this kind was last wanted for the person.
pub(in crate::invitations) async fn last_wanted(
    db: &impl ConnectionTrait,
    kind: &str,
    person: AccountId,
) -> Result<Option<Timestamp>, DbErr> {
    let sql = "SELECT created_at FROM mails WHERE about_id = $1 AND kind = $2 ORDER BY id DESC LIMIT 1";
    let values = [person.uuid().into(), kind.into()];
    let row = db.query_one_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    row.map(|row| row.try_get("", "created_at")).transpose()
}

/// Marks the failures of one inviter as told in a mail; how many there were.
pub(in crate::invitations) async fn mark_told(
    tx: &Tx,
    whom: Untold,
    told_in: MailId,
    since: Timestamp,
) -> Result<u64, DbErr> {
    let sql = format!(
        "UPDATE mails SET told_in = $1 WHERE id IN (SELECT m.id FROM mails m JOIN invitations i ON i.id = m.about_id \
         AND i.mail_id = m.id WHERE {UNTOLD} AND m.done_at > $2 AND i.state = 'pending' AND i.inviter_id = $3 AND i.organisation_id = $4)"
    );
    let values = [told_in.into(), since.into(), whom.inviter_id.into(), whom.organisation_id.into()];
    Ok(tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?.rows_affected())
}

/// The invitations of which a mail tells, as far as they still stand there.
pub(in crate::invitations) async fn told_in(db: &impl ConnectionTrait, mail: MailId) -> Result<Vec<PendingRow>, DbErr> {
    let sql = format!(
        "{SELECT} WHERE m.told_in = $1 AND m.state IN ('refused', 'bounced', 'set_aside') AND i.state = 'pending' \
         AND i.closed_at IS NULL ORDER BY i.email_key LIMIT 5000"
    );
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [mail.into()]);
    Listed::find_by_statement(statement).all(db).await?.into_iter().map(Listed::into_row).collect()
}
