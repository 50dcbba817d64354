//! The rows of a plan: written once, decided about, applied in order.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Set,
    Statement, Value, sea_query::Expr,
};

use crate::{
    access::Granted,
    db::{CHUNK, NAMED, Tx, list::ListSql},
    invitations::Standing,
    plans::{Counts, Decision, Filter, Outcome, Row},
    types::{Cursor, DeploymentId, PlanId},
};

mod plan_row {
    use sea_orm::entity::prelude::*;

    use crate::types::{DeploymentId, PlanId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "plan_rows")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub plan_id: PlanId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub text: String,
        pub email: String,
        pub email_key: String,
        pub name: Option<String>,
        pub deployment_id: Option<DeploymentId>,
        pub role: String,
        pub access_from: Option<Timestamp>,
        pub access_until: Option<Timestamp>,
        pub note: String,
        pub standing: String,
        pub reason: String,
        pub suggestion: String,
        pub role_now: String,
        pub about_id: Option<Uuid>,
        pub decision: String,
        pub outcome: String,
        pub outcome_reason: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

use plan_row::{Column, Entity, Model};

impl From<Model> for Row {
    fn from(row: Model) -> Self {
        Self {
            number: row.number,
            text: row.text,
            email: row.email,
            name: row.name,
            deployment: row.deployment_id,
            role: row.role,
            access_from: row.access_from,
            access_until: row.access_until,
            note: row.note,
            standing: Standing::from_key(&row.standing),
            reason: row.reason,
            suggestion: row.suggestion,
            role_now: row.role_now,
            about: row.about_id,
            decision: Decision::from_key(&row.decision).unwrap_or(Decision::Undecided),
            outcome: Outcome::from_key(&row.outcome),
            outcome_reason: row.outcome_reason,
        }
    }
}

/// Writes the rows of a new plan.
pub(in crate::plans) async fn insert_rows(
    tx: &Tx,
    _: &Granted,
    plan: PlanId,
    rows: impl Iterator<Item = Row>,
) -> Result<(), DbErr> {
    let mut rows = rows.map(|row| plan_row::ActiveModel {
        plan_id: Set(plan),
        number: Set(row.number),
        text: Set(row.text),
        email_key: Set(row.email.to_lowercase()),
        email: Set(row.email),
        name: Set(row.name),
        deployment_id: Set(row.deployment),
        role: Set(row.role),
        access_from: Set(row.access_from),
        access_until: Set(row.access_until),
        note: Set(row.note),
        standing: Set(row.standing.key().to_owned()),
        reason: Set(row.reason),
        suggestion: Set(row.suggestion),
        role_now: Set(row.role_now),
        about_id: Set(row.about),
        decision: Set(row.decision.key().to_owned()),
        outcome: Set(row.outcome.key().to_owned()),
        outcome_reason: Set(row.outcome_reason),
    });
    loop {
        let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return Ok(());
        }
        Entity::insert_many(chunk).exec_without_returning(tx).await?;
    }
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which rows.
    pub filter: Filter,
    /// A part of the address or of what was typed.
    pub search: String,
    /// Where the page starts.
    pub from: Option<Cursor>,
}

/// The statement behind `list_rows`; a test looks at its plan on both databases.
#[must_use]
pub fn rows_statement(plan: PlanId, query: &Query, size: usize) -> (String, Vec<Value>) {
    let mut sql = ListSql::within("plan_id", plan.uuid());
    match query.filter {
        Filter::All => {}
        Filter::Standing(standing) => {
            let mark = sql.bind(standing.key());
            sql.only(format!("standing = {mark}"));
        }
        Filter::NotDone => sql.only("outcome = 'not_done'"),
    }
    sql.containing(&["email_key", "text"], &query.search);
    let descending = query.from.as_ref().is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = &query.from {
        sql.beyond("number", vec![cursor.value.parse::<i64>().unwrap_or(0).into()], descending);
    }
    let (end, values) = sql.finish(&["number"], descending, size);
    (format!("SELECT * FROM plan_rows {end}"), values)
}

/// One page of a plan's rows, with one more than `size`.
pub(in crate::plans) async fn list_rows(
    db: &impl ConnectionTrait,
    plan: PlanId,
    query: &Query,
    size: usize,
) -> Result<Vec<Row>, DbErr> {
    let (sql, values) = rows_statement(plan, query, size);
    let rows = Model::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values));
    Ok(rows.all(db).await?.into_iter().map(Row::from).collect())
}

/// How the rows stand and what becomes of them.
pub(in crate::plans) async fn counts(db: &impl ConnectionTrait, plan: PlanId) -> Result<Counts, DbErr> {
    #[derive(FromQueryResult)]
    struct Group {
        standing: String,
        decision: String,
        outcome: String,
        n: i64,
    }
    let sql = "SELECT standing, decision, outcome, COUNT(*) AS n FROM plan_rows WHERE plan_id = $1 \
               GROUP BY standing, decision, outcome";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, [plan.into()]);
    let mut counts = Counts::default();
    for group in Group::find_by_statement(statement).all(db).await? {
        let n = u64::try_from(group.n).unwrap_or(0);
        *match Standing::from_key(&group.standing) {
            Standing::Ready => &mut counts.ready,
            Standing::Look => &mut counts.look,
            Standing::Staff => &mut counts.staff,
            Standing::Invited => &mut counts.invited,
            Standing::Refused => &mut counts.refused,
        } += n;
        match Decision::from_key(&group.decision) {
            Some(Decision::Send) => counts.to_send += n,
            Some(Decision::Resend) => counts.to_resend += n,
            Some(Decision::ChangeRole) => counts.to_change += n,
            Some(Decision::Undecided) => counts.undecided += n,
            Some(Decision::Skip) | None => {}
        }
        match Outcome::from_key(&group.outcome) {
            Outcome::Sent => counts.sent += n,
            Outcome::Resent => counts.resent += n,
            Outcome::Changed => counts.changed += n,
            Outcome::NotDone => counts.not_done += n,
            Outcome::Left | Outcome::Waiting => {}
        }
    }
    Ok(counts)
}

/// The next rows that were not applied yet, in their order.
pub(in crate::plans) async fn waiting(tx: &Tx, plan: PlanId, most: usize) -> Result<Vec<Row>, DbErr> {
    let rows = Entity::find()
        .filter(Column::PlanId.eq(plan))
        .filter(Column::Outcome.eq(""))
        .order_by_asc(Column::Number)
        .limit(u64::try_from(most).unwrap_or(1))
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(Row::from).collect())
}

/// What became of one row.
pub(in crate::plans) struct Applied {
    pub number: i64,
    pub outcome: Outcome,
    pub reason: String,
    pub about: Option<uuid::Uuid>,
}

/// Writes what became of rows. The range of their numbers says nothing more, and keeps PostgreSQL from reading a plan whole that it has
/// not counted since it was written.
pub(in crate::plans) async fn set_outcomes(tx: &Tx, plan: PlanId, applied: &[Applied]) -> Result<(), DbErr> {
    for chunk in applied.chunks(NAMED / 2) {
        let numbers = || chunk.iter().map(|row| row.number);
        let (first, last) = (numbers().min().unwrap_or_default(), numbers().max().unwrap_or_default());
        let mut values: Vec<Value> = vec![plan.into(), first.into(), last.into()];
        let mut marks = Vec::with_capacity(chunk.len());
        for row in chunk {
            let n = values.len();
            values.extend([row.number.into(), row.outcome.key().into(), row.reason.clone().into(), row.about.into()]);
            marks.push(format!("(${}, ${}, ${}, ${})", n + 1, n + 2, n + 3, n + 4));
        }
        let sql = format!(
            "WITH done (number, outcome, reason, about) AS (VALUES {}) UPDATE plan_rows SET outcome = done.outcome, \
             outcome_reason = done.reason, about_id = COALESCE(done.about, plan_rows.about_id) FROM done \
             WHERE plan_rows.plan_id = $1 AND plan_rows.number = done.number AND plan_rows.number BETWEEN $2 AND $3",
            marks.join(", ")
        );
        tx.execute_raw(Statement::from_sql_and_values(tx.get_database_backend(), sql, values)).await?;
    }
    Ok(())
}

/// Which rows a decision is about.
#[derive(Clone, Debug)]
pub enum Found {
    /// These.
    Numbers(Vec<i64>),
    /// All that stand so.
    Standing(Standing),
}

/// Decides about rows for which the decision makes sense; how many there were.
pub(in crate::plans) async fn decide(
    tx: &Tx,
    _: &Granted,
    plan: PlanId,
    found: &Found,
    decision: Decision,
) -> Result<u64, DbErr> {
    let every = [Standing::Ready, Standing::Look, Standing::Staff, Standing::Invited, Standing::Refused];
    let fitting: Vec<_> = every.into_iter().filter(|standing| decision.fits(*standing)).map(Standing::key).collect();
    let mut rows = Entity::update_many()
        .col_expr(Column::Decision, Expr::value(decision.key()))
        .filter(Column::PlanId.eq(plan))
        .filter(Column::Outcome.eq(""))
        .filter(Column::Standing.is_in(fitting));
    if decision == Decision::ChangeRole {
        rows = rows.filter(Expr::cust("role <> role_now")).filter(Column::AccessFrom.is_null());
    }
    match found {
        Found::Standing(standing) => Ok(rows.filter(Column::Standing.eq(standing.key())).exec(tx).await?.rows_affected),
        Found::Numbers(numbers) => {
            let mut decided = 0;
            for chunk in numbers.chunks(CHUNK) {
                decided += rows.clone().filter(Column::Number.is_in(chunk.to_vec())).exec(tx).await?.rows_affected;
            }
            Ok(decided)
        }
    }
}

/// How many suggestions one press takes at most.
const MOST_SUGGESTIONS: u64 = 2_000;

/// The rows with a likelier spelling that were not applied: those of these numbers, or all.
pub(in crate::plans) async fn with_suggestion(
    tx: &Tx,
    plan: PlanId,
    numbers: Option<&[i64]>,
) -> Result<Vec<Row>, DbErr> {
    let mut rows = Entity::find()
        .filter(Column::PlanId.eq(plan))
        .filter(Column::Outcome.eq(""))
        .filter(Column::Suggestion.ne(""))
        .order_by_asc(Column::Number)
        .limit(MOST_SUGGESTIONS);
    if let Some(numbers) = numbers {
        rows = rows.filter(Column::Number.is_in(numbers.iter().take(CHUNK).copied().collect::<Vec<_>>()));
    }
    Ok(rows.all(tx).await?.into_iter().map(Row::from).collect())
}

/// In which rows these addresses (compare form) stand already, and where each would work.
pub(in crate::plans) async fn numbers_of(
    tx: &Tx,
    plan: PlanId,
    keys: &[String],
) -> Result<HashMap<(Option<DeploymentId>, String), i64>, DbErr> {
    let mut found = HashMap::new();
    for chunk in keys.chunks(CHUNK) {
        let rows = Entity::find()
            .filter(Column::PlanId.eq(plan))
            .filter(Column::EmailKey.is_in(chunk.to_vec()))
            .order_by_asc(Column::Number)
            .all(tx)
            .await?;
        for row in rows {
            found.entry((row.deployment_id, row.email_key)).or_insert(row.number);
        }
    }
    Ok(found)
}

/// Writes how a row stands that was judged anew.
pub(in crate::plans) async fn rejudge(tx: &Tx, _: &Granted, plan: PlanId, row: &Row) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Text, Expr::value(row.text.as_str()))
        .col_expr(Column::Email, Expr::value(row.email.as_str()))
        .col_expr(Column::EmailKey, Expr::value(row.email.to_lowercase()))
        .col_expr(Column::Standing, Expr::value(row.standing.key()))
        .col_expr(Column::Reason, Expr::value(row.reason.as_str()))
        .col_expr(Column::Suggestion, Expr::value(row.suggestion.as_str()))
        .col_expr(Column::RoleNow, Expr::value(row.role_now.as_str()))
        .col_expr(Column::AboutId, Expr::value(row.about))
        .col_expr(Column::Decision, Expr::value(row.decision.key()))
        .filter(Column::PlanId.eq(plan))
        .filter(Column::Number.eq(row.number))
        .filter(Column::Outcome.eq(""))
        .exec(tx)
        .await?;
    Ok(())
}

/// A plan that was taken back keeps nobody's address.
pub(in crate::plans) async fn delete_rows(tx: &Tx, _: &Granted, plan: PlanId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::PlanId.eq(plan)).exec(tx).await?;
    Ok(())
}
