//! What happens to open invitations when something that they stand on changes.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, SimpleExpr},
};

use super::{
    Invitation, SecondLook, State,
    invitation::{Column, Entity},
};
use crate::{
    access::{PermissionSet, RoleKey},
    db::{CHUNK, Tx},
    types::{AccountId, EmailAddress, InvitationId, MailId, OrganisationId, Timestamp},
};

/// The invitations in this state for which the account answers.
pub(in crate::invitations) async fn open_by(
    tx: &Tx,
    inviter: AccountId,
    state: State,
) -> Result<Vec<Invitation>, DbErr> {
    open_where(tx, Column::InviterId.eq(inviter), state).await
}

/// The invitations in this state that give the role.
pub(in crate::invitations) async fn open_with_role(
    tx: &Tx,
    organisation: OrganisationId,
    role: RoleKey,
    state: State,
) -> Result<Vec<Invitation>, DbErr> {
    let giving = Column::OrganisationId.eq(organisation).and(Column::Role.eq(role.to_string()));
    open_where(tx, giving, state).await
}

async fn open_where(tx: &Tx, which: SimpleExpr, state: State) -> Result<Vec<Invitation>, DbErr> {
    let open = Entity::find().filter(which).filter(Column::State.eq(state.key())).filter(Column::ClosedAt.is_null());
    open.order_by_asc(Column::Id).all(tx).await?.into_iter().map(Invitation::from_row).collect()
}

/// How many pending and held invitations name the role, with the first addresses.
pub(in crate::invitations) async fn count_with_role(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    role: RoleKey,
    shown: usize,
) -> Result<(u64, Vec<String>), DbErr> {
    let naming = Entity::find()
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::Role.eq(role.to_string()))
        .filter(Column::State.is_in([State::Pending.key(), State::Held.key()]))
        .filter(Column::ClosedAt.is_null());
    let count = naming.clone().count(db).await?;
    let addresses = naming
        .select_only()
        .column(Column::Email)
        .order_by_asc(Column::Id)
        .limit(u64::try_from(shown).unwrap_or(u64::MAX))
        .into_tuple()
        .all(db)
        .await?;
    Ok((count, addresses))
}

/// Sets pending invitations aside until somebody with authority looks at them.
pub(in crate::invitations) async fn mark_held(
    tx: &Tx,
    ids: &[InvitationId],
    reason: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    for chunk in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Held.key()))
            .col_expr(Column::HeldReason, Expr::value(reason))
            .col_expr(Column::HeldAt, Expr::value(now))
            .filter(Column::Id.is_in(chunk.to_vec()))
            .filter(Column::State.eq(State::Pending.key()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// A held invitation is pending again.
pub(in crate::invitations) async fn mark_released(tx: &Tx, id: InvitationId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Pending.key()))
        .col_expr(Column::HeldReason, Expr::value(""))
        .col_expr(Column::HeldAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(State::Held.key()))
        .exec(tx)
        .await?;
    Ok(())
}

/// What makes an invitation one that could be accepted at `now`, if its link is the right one.
fn acceptable(now: Timestamp) -> SimpleExpr {
    Column::State
        .eq(State::Pending.key())
        .and(Column::ExpiresAt.gt(now))
        .and(Column::AccessUntil.is_null().or(Column::AccessUntil.gt(now)))
}

/// The newest invitation to this address that could be accepted at `now`.
pub(in crate::invitations) async fn acceptable_by(
    db: &impl ConnectionTrait,
    email_key: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, DbErr> {
    let newest = Entity::find().filter(Column::LiveEmail.eq(email_key)).filter(acceptable(now));
    newest
        .order_by_desc(Column::SentAt)
        .order_by_desc(Column::Id)
        .limit(1)
        .one(db)
        .await?
        .map(Invitation::from_row)
        .transpose()
}

/// Another mail carries the invitation from now on, if it is still as it was read and could be accepted.
pub(in crate::invitations) async fn set_mail_if_acceptable(
    tx: &Tx,
    invitation: &Invitation,
    mail: MailId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::MailId, Expr::value(mail))
        .filter(Column::Id.eq(invitation.id))
        .filter(Column::Generation.eq(invitation.generation))
        .filter(acceptable(now))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Another mail carries the invitation from now on.
pub(in crate::invitations) async fn set_mail(tx: &Tx, id: InvitationId, mail: MailId) -> Result<(), DbErr> {
    Entity::update_many().col_expr(Column::MailId, Expr::value(mail)).filter(Column::Id.eq(id)).exec(tx).await?;
    Ok(())
}

/// Another role, another generation, another mail.
pub(in crate::invitations) async fn mark_role_replaced(tx: &Tx, new: &Invitation) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Role, Expr::value(new.role.to_string()))
        .col_expr(Column::RolePermissions, Expr::value(new.role_permissions.to_keys()))
        .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
        .col_expr(Column::MailId, Expr::value(new.mail))
        .filter(Column::Id.eq(new.id))
        .filter(Column::ClosedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// Everything that a corrected address changes; every earlier link is dead after it.
pub(in crate::invitations) struct Correction<'a> {
    pub email: &'a EmailAddress,
    pub mail: MailId,
    pub inviter: AccountId,
    pub permissions: PermissionSet,
    pub expires_at: Timestamp,
}

/// Sends an open invitation to another address; whether it was still open.
pub(in crate::invitations) async fn mark_corrected(
    tx: &Tx,
    old: &Invitation,
    new: &Correction<'_>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::Email, Expr::value(new.email.as_str()))
        .col_expr(Column::EmailKey, Expr::value(new.email.key()))
        .col_expr(Column::LiveEmail, Expr::value(new.email.key()))
        .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
        .col_expr(Column::MailId, Expr::value(new.mail))
        .col_expr(Column::InviterId, Expr::value(new.inviter))
        .col_expr(Column::RolePermissions, Expr::value(new.permissions.to_keys()))
        .col_expr(Column::State, Expr::value(State::Pending.key()))
        .col_expr(Column::HeldReason, Expr::value(""))
        .col_expr(Column::HeldAt, Expr::value(Option::<Timestamp>::None))
        .col_expr(Column::OpenedAt, Expr::value(Option::<Timestamp>::None))
        .col_expr(Column::LinkCopied, Expr::value(false))
        .col_expr(Column::SentAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(new.expires_at))
        .col_expr(Column::RemindedAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(old.id))
        .filter(Column::Generation.eq(old.generation))
        .filter(Column::State.is_in([State::Pending.key(), State::Held.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Every invitation that was ever sent to an address in the organisation, newest first.
pub(in crate::invitations) async fn ever_sent_to(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    email: &EmailAddress,
) -> Result<Vec<InvitationId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OrganisationId.eq(organisation))
        .filter(Column::EmailKey.eq(email.key()))
        .order_by_desc(Column::Id)
        .limit(50)
        .into_tuple()
        .all(db)
        .await
}

/// An open invitation waits for a second look, whatever it was before.
pub(in crate::invitations) async fn mark_waiting(
    tx: &Tx,
    id: InvitationId,
    reason: &str,
    now: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Held.key()))
        .col_expr(Column::HeldReason, Expr::value(reason))
        .col_expr(Column::HeldAt, Expr::value(now))
        .col_expr(Column::SecondLook, Expr::value(SecondLook::Waiting.key()))
        .filter(Column::Id.eq(id))
        .filter(Column::ClosedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// The live invitations of an address, wherever they hold.
pub(in crate::invitations) async fn live_of_address(
    db: &impl ConnectionTrait,
    email: &EmailAddress,
) -> Result<Vec<Invitation>, DbErr> {
    let live = Entity::find().filter(Column::LiveEmail.eq(email.key())).order_by_asc(Column::Id).limit(50);
    live.all(db).await?.into_iter().map(Invitation::from_row).collect()
}
