//! Plans themselves.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    Set, Statement, sea_query::Expr,
};

use crate::{
    access::{Granted, Scope, Visible},
    db::{Tx, list::ListSql},
    invitations::Window,
    plans::{Plan, State},
    types::{AccountId, Cursor, PlanId, Timestamp},
};

mod plan {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, OrganisationId, PlanId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "plans")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: PlanId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub scope_id: Uuid,
        pub title: String,
        pub note: String,
        pub made_by: AccountId,
        pub made_at: Timestamp,
        pub request_key: String,
        pub request_hash: Vec<u8>,
        pub link_window: String,
        pub unused: String,
        pub state: String,
        pub total: i64,
        pub done: i64,
        pub sender_id: Option<AccountId>,
        pub sender_via: String,
        pub due_at: Option<Timestamp>,
        pub started_at: Option<Timestamp>,
        pub finished_at: Option<Timestamp>,
        pub stopped_because: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use plan::{Column, Entity, Model};

impl From<Model> for Plan {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            title: row.title,
            note: row.note,
            made_by: row.made_by,
            made_at: row.made_at,
            // A window that no program wrote has passed.
            window: Window::from_text(&row.link_window).unwrap_or(Window::Until(Timestamp(0))),
            unused: row.unused.lines().map(str::to_owned).collect(),
            state: State::from_key(&row.state),
            total: u64::try_from(row.total).unwrap_or(0),
            done: u64::try_from(row.done).unwrap_or(0),
            sender: row.sender_id,
            sender_via: row.sender_via,
            due_at: row.due_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            stopped_because: row.stopped_because,
        }
    }
}

/// Writes a new plan.
pub(in crate::plans) async fn insert(tx: &Tx, _: &Granted, new: &Plan, key: &str, hash: Vec<u8>) -> Result<(), DbErr> {
    Entity::insert(plan::ActiveModel {
        id: Set(new.id),
        organisation_id: Set(new.scope.organisation),
        deployment_id: Set(new.scope.deployment),
        scope_id: Set(new.scope.id()),
        title: Set(new.title.clone()),
        note: Set(new.note.clone()),
        made_by: Set(new.made_by),
        made_at: Set(new.made_at),
        request_key: Set(key.to_owned()),
        request_hash: Set(hash),
        link_window: Set(new.window.to_text()),
        unused: Set(new.unused.join("\n")),
        state: Set(new.state.key().to_owned()),
        total: Set(i64::try_from(new.total).unwrap_or(i64::MAX)),
        done: Set(0),
        sender_id: Set(None),
        sender_via: Set(String::new()),
        due_at: Set(None),
        started_at: Set(None),
        finished_at: Set(None),
        stopped_because: Set(String::new()),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// The plan that was made by this key before, with the hash of what was asked.
pub(in crate::plans) async fn find_by_key(
    db: &impl ConnectionTrait,
    by: AccountId,
    key: &str,
) -> Result<Option<(Vec<u8>, PlanId)>, DbErr> {
    let row = Entity::find().filter(Column::MadeBy.eq(by)).filter(Column::RequestKey.eq(key)).one(db).await?;
    Ok(row.map(|row| (row.request_hash, row.id)))
}

/// A plan that lies in what may be seen.
pub(in crate::plans) async fn find(
    db: &impl ConnectionTrait,
    within: Scope,
    id: PlanId,
) -> Result<Option<Plan>, DbErr> {
    Ok(find_for_work(db, id).await?.filter(|plan| within.covers(&plan.scope)))
}

/// A plan that somebody has asked to be sent, wherever it is; whoever goes on with it judges the sender's authority.
pub(in crate::plans) async fn find_for_work(db: &impl ConnectionTrait, id: PlanId) -> Result<Option<Plan>, DbErr> {
    let row = Entity::find_by_id(id).filter(Column::State.ne(State::Deleted.key())).one(db).await?;
    Ok(row.map(Plan::from))
}

/// One page of the plans that may be seen, newest first, with one more than `size`.
pub(in crate::plans) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Plan>, DbErr> {
    let (column, id) = visible.filter();
    let mut sql = ListSql::within(column, id);
    sql.only("state <> 'deleted'");
    let descending = !from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        sql.beyond("id", vec![cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["id"], descending, size);
    let sql = format!("SELECT * FROM plans {end}");
    let rows = Model::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values));
    Ok(rows.all(db).await?.into_iter().map(Plan::from).collect())
}

/// The plans whose moment has come, and those that nobody goes on with.
pub(in crate::plans) async fn due(db: &impl ConnectionTrait, now: Timestamp) -> Result<Vec<PlanId>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::State.is_in([State::Scheduled.key(), State::Applying.key()]))
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::DueAt)
        .limit(20)
        .into_tuple()
        .all(db)
        .await
}

/// Begins to send; whether it was still to be sent. `lease` is when another may go on with it.
pub(in crate::plans) async fn start(
    tx: &Tx,
    plan: &Plan,
    sender: AccountId,
    via: &str,
    now: Timestamp,
    lease: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Applying.key()))
        .col_expr(Column::SenderId, Expr::value(sender))
        .col_expr(Column::SenderVia, Expr::value(via))
        .col_expr(Column::DueAt, Expr::value(lease))
        .col_expr(Column::StartedAt, Expr::value(now))
        .filter(Column::Id.eq(plan.id))
        .filter(Column::State.is_in([State::Draft.key(), State::Scheduled.key(), State::Stopped.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Sets the moment at which it is sent; whether it is not sent yet.
pub(in crate::plans) async fn schedule(
    tx: &Tx,
    _: &Granted,
    id: PlanId,
    sender: AccountId,
    via: &str,
    at: Timestamp,
) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Scheduled.key()))
        .col_expr(Column::SenderId, Expr::value(sender))
        .col_expr(Column::SenderVia, Expr::value(via))
        .col_expr(Column::DueAt, Expr::value(at))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in([State::Draft.key(), State::Scheduled.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes the moment away; whether there was one that had not come.
pub(in crate::plans) async fn unschedule(tx: &Tx, _: &Granted, id: PlanId) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Draft.key()))
        .col_expr(Column::SenderId, Expr::value(Option::<AccountId>::None))
        .col_expr(Column::SenderVia, Expr::value(""))
        .col_expr(Column::DueAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(State::Scheduled.key()))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Some more rows were applied, and whoever did it goes on until `lease`.
pub(in crate::plans) async fn advance(tx: &Tx, id: PlanId, rows: usize, lease: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Done, Expr::col(Column::Done).add(i64::try_from(rows).unwrap_or(0)))
        .col_expr(Column::DueAt, Expr::value(lease))
        .col_expr(Column::StoppedBecause, Expr::value(""))
        .filter(Column::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Says why a plan that is being sent does not go on before `until`.
pub(in crate::plans) async fn wait(tx: &Tx, id: PlanId, reason: &str, until: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(until))
        .col_expr(Column::StoppedBecause, Expr::value(reason))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(State::Applying.key()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Puts off going on with a plan that failed for a reason that may pass.
pub(in crate::plans) async fn postpone(tx: &Tx, id: PlanId, until: Timestamp) -> Result<(), DbErr> {
    advance(tx, id, 0, until).await
}

/// Every row was applied.
pub(in crate::plans) async fn finish(tx: &Tx, id: PlanId, now: Timestamp) -> Result<bool, DbErr> {
    end(tx, id, State::Applied, "", now).await
}

/// Nothing of the rest will be sent; whether it was under way or scheduled.
pub(in crate::plans) async fn stop(tx: &Tx, id: PlanId, reason: &str, now: Timestamp) -> Result<bool, DbErr> {
    end(tx, id, State::Stopped, reason, now).await
}

async fn end(tx: &Tx, id: PlanId, state: State, reason: &str, now: Timestamp) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(state.key()))
        .col_expr(Column::StoppedBecause, Expr::value(reason))
        .col_expr(Column::DueAt, Expr::value(Option::<Timestamp>::None))
        .col_expr(Column::FinishedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in([State::Scheduled.key(), State::Applying.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Takes a plan back; whether it was not sent yet. Its row stays, so that the key that made it makes nothing again.
pub(in crate::plans) async fn mark_deleted(tx: &Tx, _: &Granted, id: PlanId) -> Result<bool, DbErr> {
    let done = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Deleted.key()))
        .col_expr(Column::DueAt, Expr::value(Option::<Timestamp>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in([State::Draft.key(), State::Scheduled.key()]))
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}
