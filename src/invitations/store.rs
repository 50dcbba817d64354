//! The rows of invitations and batches.

mod after;
mod batches;
pub(super) mod limits;
mod list;
mod reminded;
mod standing;
mod told;

use std::{collections::HashMap, time::Duration};

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, Set, Statement,
    sea_query::Expr,
};

use super::{Filter, Invitation, PendingRow, SecondLook, Sort, State};
use crate::{
    access::{Granted, PermissionSet, Scope},
    db::{CHUNK, NAMED, Tx, list::pairs},
    types::{AccountId, BatchId, EmailAddress, InvitationId, MailId, Timestamp},
};

pub(super) mod invitation {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, BatchId, DeploymentId, InvitationId, MailId, OrganisationId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invitations")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: InvitationId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub scope_id: Uuid,
        pub email: String,
        pub email_key: String,
        pub live_email: Option<String>,
        pub name: Option<String>,
        pub role: String,
        pub role_permissions: String,
        pub inviter_id: Option<AccountId>,
        pub batch_id: BatchId,
        pub mail_id: MailId,
        pub generation: i64,
        pub state: String,
        pub held_reason: String,
        pub link_copied: bool,
        pub window_ms: i64,
        pub sent_at: Timestamp,
        pub expires_at: Timestamp,
        pub opened_at: Option<Timestamp>,
        pub closed_at: Option<Timestamp>,
        pub accepted_by: Option<AccountId>,
        pub access_from: Option<Timestamp>,
        pub access_until: Option<Timestamp>,
        pub held_at: Option<Timestamp>,
        pub reminded_at: Option<Timestamp>,
        pub second_look: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub use after::batch_statement;
pub(super) use after::{count_became, list_became, open_of_batch, set_window};
pub(super) use batches::{find_answer, find_batch, insert_batch, insert_growing_batch};
use invitation::{Column, Entity, Model};
use list::{Listed, SELECT};
pub use list::{Query, list_statement};
pub(super) use list::{find_row, list};
pub(super) use reminded::{is_wanted, mark_reminded, reminded_in, still_to_remind, to_remind};
pub(super) use standing::{
    Correction, acceptable_by, count_with_role, ever_sent_to, live_of_address, mark_corrected, mark_held,
    mark_released, mark_role_replaced, mark_waiting, open_by, open_with_role, set_mail, set_mail_if_acceptable,
};
pub(super) use told::{last_wanted, mark_told, told_in, untold};

impl Invitation {
    /// Every row was written by this program, so an address or role that does not parse means a damaged database.
    fn from_row(row: Model) -> Result<Self, DbErr> {
        let damaged = |what: &str| DbErr::Custom(format!("the invitation {} has a damaged {what}", row.id));
        Ok(Self {
            id: row.id,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            email: EmailAddress::parse(&row.email).map_err(|_| damaged("address"))?,
            name: row.name,
            role: row.role.parse().map_err(|_| damaged("role"))?,
            role_permissions: PermissionSet::from_keys(&row.role_permissions),
            inviter: row.inviter_id,
            mail: row.mail_id,
            generation: row.generation,
            state: State::from_key(&row.state),
            window: Duration::from_millis(u64::try_from(row.window_ms).unwrap_or(0)),
            sent_at: row.sent_at,
            expires_at: row.expires_at,
            opened_at: row.opened_at,
            link_copied: row.link_copied,
            access_from: row.access_from,
            access_until: row.access_until,
            held_at: row.held_at,
            second_look: SecondLook::from_key(&row.second_look),
        })
    }
}

pub(super) async fn find(db: &impl ConnectionTrait, id: InvitationId) -> Result<Option<Invitation>, DbErr> {
    Entity::find_by_id(id).one(db).await?.map(Invitation::from_row).transpose()
}

/// The open invitations with these ids that lie in the proof's scope; others are as if they did not exist.
pub(super) async fn find_open(
    db: &impl ConnectionTrait,
    granted: &Granted,
    ids: &[InvitationId],
) -> Result<Vec<Invitation>, DbErr> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows = Entity::find()
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::OrganisationId.eq(granted.scope().organisation))
            .filter(Column::ClosedAt.is_null())
            .all(db)
            .await?;
        for row in rows {
            let invitation = Invitation::from_row(row)?;
            if granted.scope().covers(&invitation.scope) {
                found.push(invitation);
            }
        }
    }
    Ok(found)
}

/// A live invitation as those who invite again are told of it.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Live {
    pub id: InvitationId,
    pub email_key: String,
    pub role: String,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
    pub inviter_name: Option<String>,
}

/// The live invitations of exactly this scope for any of these addresses (compare form).
pub(super) async fn live_by_email(
    db: &impl ConnectionTrait,
    scope: Scope,
    keys: &[String],
) -> Result<HashMap<String, Live>, DbErr> {
    let mut live = HashMap::new();
    for chunk in keys.chunks(NAMED) {
        let marks = pairs(chunk.len());
        let sql = format!(
            "SELECT i.id, i.email_key, i.role, i.sent_at, i.expires_at, a.name AS inviter_name FROM invitations i \
             LEFT JOIN accounts a ON a.id = i.inviter_id WHERE (i.scope_id, i.live_email) IN (VALUES {marks})"
        );
        let values = std::iter::once(scope.id().into()).chain(chunk.iter().map(|key| key.as_str().into()));
        let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
        for row in Live::find_by_statement(statement).all(db).await? {
            live.insert(row.email_key.clone(), row);
        }
    }
    Ok(live)
}

/// Writes new invitations.
pub(super) async fn insert(
    tx: &Tx,
    batch: BatchId,
    invitations: &[Invitation],
    held_reason: &str,
) -> Result<(), DbErr> {
    for chunk in invitations.chunks(CHUNK) {
        let rows = chunk.iter().map(|new| invitation::ActiveModel {
            id: Set(new.id),
            organisation_id: Set(new.scope.organisation),
            deployment_id: Set(new.scope.deployment),
            scope_id: Set(new.scope.id()),
            email: Set(new.email.as_str().to_owned()),
            email_key: Set(new.email.key().to_owned()),
            live_email: Set(Some(new.email.key().to_owned())),
            name: Set(new.name.clone()),
            role: Set(new.role.to_string()),
            role_permissions: Set(new.role_permissions.to_keys()),
            inviter_id: Set(new.inviter),
            batch_id: Set(batch),
            mail_id: Set(new.mail),
            generation: Set(new.generation),
            state: Set(new.state.key().to_owned()),
            held_reason: Set(if new.state == State::Held { held_reason.to_owned() } else { String::new() }),
            link_copied: Set(new.link_copied),
            window_ms: Set(i64::try_from(new.window.as_millis()).unwrap_or(i64::MAX)),
            sent_at: Set(new.sent_at),
            expires_at: Set(new.expires_at),
            opened_at: Set(None),
            closed_at: Set(None),
            accepted_by: Set(None),
            access_from: Set(new.access_from),
            access_until: Set(new.access_until),
            held_at: Set(new.held_at),
            reminded_at: Set(None),
            second_look: Set(new.second_look.key().to_owned()),
        });
        Entity::insert_many(rows).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// Declined invitations leave the list when the same person is invited anew.
pub(super) async fn close_declined(tx: &Tx, scope: Scope, keys: &[String], now: Timestamp) -> Result<(), DbErr> {
    for chunk in keys.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::ClosedAt, Expr::value(now))
            .filter(Column::ScopeId.eq(scope.id()))
            .filter(Column::EmailKey.is_in(chunk.to_vec()))
            .filter(Column::State.eq(State::Declined.key()))
            .filter(Column::ClosedAt.is_null())
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Restarts the window with a new mail, and lets a held invitation go on; `inviter` answers for the invitation from now on.
pub(super) async fn mark_resent(
    tx: &Tx,
    invitation: &Invitation,
    mail: MailId,
    inviter: AccountId,
    permissions: PermissionSet,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let second_look = match invitation.second_look {
        SecondLook::Waiting => SecondLook::Given,
        other => other,
    };
    let done = Entity::update_many()
        .col_expr(Column::MailId, Expr::value(mail))
        .col_expr(Column::InviterId, Expr::value(inviter))
        .col_expr(Column::RolePermissions, Expr::value(permissions.to_keys()))
        .col_expr(Column::SentAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::SecondLook, Expr::value(second_look.key()))
        .col_expr(Column::State, Expr::value(State::Pending.key()))
        .col_expr(Column::HeldReason, Expr::value(""))
        .col_expr(Column::HeldAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(invitation.id))
        .filter(Column::SecondLook.eq(invitation.second_look.key()))
        .filter(Column::State.is_in([State::Pending.key(), State::Held.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes invitations back; raising the generation kills their links even if the state were ever set back.
pub(super) async fn mark_deleted(tx: &Tx, _: &Granted, ids: &[InvitationId], now: Timestamp) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Deleted.key()))
            .col_expr(Column::LiveEmail, Expr::value(Option::<String>::None))
            .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
            .col_expr(Column::ClosedAt, Expr::value(now))
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::ClosedAt.is_null())
            .exec(tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn mark_copied(tx: &Tx, id: InvitationId) -> Result<(), DbErr> {
    Entity::update_many().col_expr(Column::LinkCopied, Expr::value(true)).filter(Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

pub(super) async fn mark_opened(tx: &Tx, id: InvitationId, now: Timestamp) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::OpenedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::OpenedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Uses the invitation up. State, generation and expiry are judged in this very statement; whether it was still good.
pub(super) async fn mark_accepted(
    tx: &Tx,
    invitation: &Invitation,
    by: AccountId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Accepted.key()))
        .col_expr(Column::LiveEmail, Expr::value(Option::<String>::None))
        .col_expr(Column::ClosedAt, Expr::value(now))
        .col_expr(Column::AcceptedBy, Expr::value(by))
        .filter(Column::Id.eq(invitation.id))
        .filter(Column::State.eq(State::Pending.key()))
        .filter(Column::Generation.eq(invitation.generation))
        .filter(Column::ExpiresAt.gt(now))
        .filter(Column::AccessUntil.is_null().or(Column::AccessUntil.gt(now)))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Declined by the invitee; stays listed for the inviter. Whether it was still pending.
pub(super) async fn mark_declined(tx: &Tx, invitation: &Invitation) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Declined.key()))
        .col_expr(Column::LiveEmail, Expr::value(Option::<String>::None))
        .filter(Column::Id.eq(invitation.id))
        .filter(Column::State.is_in([State::Pending.key(), State::Held.key()]))
        .filter(Column::Generation.eq(invitation.generation))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
