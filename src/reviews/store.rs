//! The rows of reviews and their marks.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, Set, Statement,
    sea_query::{Expr, OnConflict},
};

use super::{DORMANT_AFTER, Filter, Mark, Progress, Review, ReviewRow};
use crate::{
    access::{Granted, Scope, Visible, membership},
    db::{CHUNK, Tx, list::ListSql},
    identity::Factors,
    types::{AccountId, Cursor, DeploymentId, MembershipId, OrganisationId, ReviewId, Timestamp},
};

mod review {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, DeploymentId, OrganisationId, ReviewId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "reviews")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: ReviewId,
        pub organisation_id: OrganisationId,
        pub deployment_id: Option<DeploymentId>,
        pub scope_id: Uuid,
        pub started_by: AccountId,
        pub started_at: Timestamp,
        pub due_at: Timestamp,
        pub finished_by: Option<AccountId>,
        pub finished_at: Option<Timestamp>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

mod review_mark {
    use sea_orm::entity::prelude::*;

    use crate::types::{AccountId, MembershipId, ReviewId, Timestamp};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "review_marks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub review_id: ReviewId,
        #[sea_orm(primary_key, auto_increment = false)]
        pub membership_id: MembershipId,
        pub mark: String,
        pub marked_by: AccountId,
        pub marked_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

#[derive(FromQueryResult)]
struct Row {
    id: ReviewId,
    organisation_id: OrganisationId,
    deployment_id: Option<DeploymentId>,
    started_by: String,
    started_at: Timestamp,
    due_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<Row> for Review {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            started_by: row.started_by,
            started_at: row.started_at,
            due_at: row.due_at,
            finished_at: row.finished_at,
        }
    }
}

/// The newest reviews of exactly this scope, at most `limit`.
pub(super) async fn newest(db: &impl ConnectionTrait, scope: Scope, limit: i64) -> Result<Vec<Review>, DbErr> {
    let statement = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT r.id, r.organisation_id, r.deployment_id, a.name AS started_by, r.started_at, r.due_at, r.finished_at \
         FROM reviews r JOIN accounts a ON a.id = r.started_by WHERE r.scope_id = $1 \
         ORDER BY r.started_at DESC, r.id DESC LIMIT $2",
        [scope.id().into(), limit.into()],
    );
    Ok(Row::find_by_statement(statement).all(db).await?.into_iter().map(Review::from).collect())
}

pub(super) async fn insert(
    tx: &Tx,
    granted: &Granted,
    id: ReviewId,
    by: AccountId,
    due_at: Timestamp,
    now: Timestamp,
) -> Result<(), DbErr> {
    let scope = granted.scope();
    review::Entity::insert(review::ActiveModel {
        id: Set(id),
        organisation_id: Set(scope.organisation),
        deployment_id: Set(scope.deployment),
        scope_id: Set(scope.id()),
        started_by: Set(by),
        started_at: Set(now),
        due_at: Set(due_at),
        finished_by: Set(None),
        finished_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// The review is over.
pub(super) async fn mark_finished(
    tx: &Tx,
    _: &Granted,
    id: ReviewId,
    by: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    review::Entity::update_many()
        .col_expr(review::Column::FinishedAt, Expr::value(now))
        .col_expr(review::Column::FinishedBy, Expr::value(by))
        .filter(review::Column::Id.eq(id))
        .filter(review::Column::FinishedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// What was decided so far.
pub(super) async fn marks(tx: &Tx, review: ReviewId) -> Result<HashMap<MembershipId, Mark>, DbErr> {
    let rows = review_mark::Entity::find().filter(review_mark::Column::ReviewId.eq(review)).all(tx).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.membership_id, Mark::from_key(&row.mark)?))).collect())
}

/// Writes decisions over earlier ones.
pub(super) async fn set_marks(
    tx: &Tx,
    _: &Granted,
    review: ReviewId,
    marks: &[(MembershipId, Mark)],
    by: AccountId,
    now: Timestamp,
) -> Result<(), DbErr> {
    for chunk in marks.chunks(CHUNK) {
        let rows = chunk.iter().map(|(membership, mark)| review_mark::ActiveModel {
            review_id: Set(review),
            membership_id: Set(*membership),
            mark: Set(mark.key().to_owned()),
            marked_by: Set(by),
            marked_at: Set(now),
        });
        let again = OnConflict::columns([review_mark::Column::ReviewId, review_mark::Column::MembershipId])
            .update_columns([review_mark::Column::Mark, review_mark::Column::MarkedBy, review_mark::Column::MarkedAt])
            .to_owned();
        review_mark::Entity::insert_many(rows).on_conflict(again).exec_without_returning(tx).await?;
    }
    Ok(())
}

/// How many of those with access now are marked how.
pub(super) async fn progress(
    db: &impl ConnectionTrait,
    visible: &Visible,
    review: ReviewId,
    now: Timestamp,
) -> Result<Progress, DbErr> {
    #[derive(FromQueryResult)]
    struct Count {
        mark: String,
        n: i64,
    }
    let (column, id) = visible.filter();
    let live = membership::live_sql("m", "$3");
    let sql = format!(
        "SELECT COALESCE(k.mark, '') AS mark, COUNT(*) AS n FROM memberships m \
         LEFT JOIN review_marks k ON k.review_id = $2 AND k.membership_id = m.id \
         WHERE m.{column} = $1 AND {live} GROUP BY k.mark"
    );
    let values = [id.into(), review.into(), now.into()];
    let counts = Count::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values));
    let mut progress = Progress::default();
    for count in counts.all(db).await? {
        let n = u64::try_from(count.n).unwrap_or(0);
        progress.total += n;
        match Mark::from_key(&count.mark) {
            Some(Mark::Keep) => progress.keep += n,
            Some(Mark::Remove) => progress.remove += n,
            None => {}
        }
    }
    Ok(progress)
}

#[derive(FromQueryResult)]
struct Listed {
    id: MembershipId,
    account_id: AccountId,
    organisation_id: OrganisationId,
    deployment_id: Option<DeploymentId>,
    role: String,
    name_key: String,
    joined_at: Timestamp,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    name: String,
    email: String,
    last_seen_at: Option<Timestamp>,
    authenticator: bool,
    passkeys: i64,
    given_by: Option<String>,
    mark: Option<String>,
    marked_by: Option<String>,
}

impl From<Listed> for ReviewRow {
    fn from(row: Listed) -> Self {
        Self {
            membership: row.id,
            account: row.account_id,
            name: row.name,
            email: row.email,
            role: row.role,
            scope: Scope { organisation: row.organisation_id, deployment: row.deployment_id },
            joined_at: row.joined_at,
            last_seen_at: row.last_seen_at,
            factors: Factors { authenticator: row.authenticator, passkeys: row.passkeys },
            given_by: row.given_by.unwrap_or_default(),
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            mark: row.mark.as_deref().and_then(Mark::from_key),
            marked_by: row.marked_by.unwrap_or_default(),
            name_key: row.name_key,
        }
    }
}

/// One page of everybody with access, by name, with one row more than `size`.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    visible: &Visible,
    review: Option<ReviewId>,
    filter: Filter,
    from: Option<&Cursor>,
    size: usize,
    now: Timestamp,
) -> Result<Vec<ReviewRow>, DbErr> {
    let (sql, values) = list_statement(visible, review, filter, from, size, now);
    let rows = Listed::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values));
    Ok(rows.all(db).await?.into_iter().map(ReviewRow::from).collect())
}

/// The statement behind `list`; a test looks at its plan on both databases.
#[must_use]
pub fn list_statement(
    visible: &Visible,
    review: Option<ReviewId>,
    filter: Filter,
    from: Option<&Cursor>,
    size: usize,
    now: Timestamp,
) -> (String, Vec<sea_orm::Value>) {
    let (column, id) = visible.filter();
    let mut sql = ListSql::within(&format!("m.{column}"), id);
    // Without a review there are no marks: no review has the nil id.
    let review = sql.bind(review.unwrap_or_else(|| ReviewId::from_uuid(uuid::Uuid::nil())));
    let at = sql.bind(now);
    sql.only(membership::live_sql("m", &at));
    match filter {
        Filter::All => {}
        Filter::Open => sql.only("k.mark IS NULL"),
        Filter::Remove => sql.only("k.mark = 'remove'"),
        Filter::Dormant => {
            let since = sql.bind(now.minus(DORMANT_AFTER));
            sql.only(format!("COALESCE(a.last_seen_at, m.joined_at) <= {since}"));
        }
    }
    let descending = from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        sql.beyond("m.name_key, m.id", vec![cursor.value.clone().into(), cursor.id.into()], descending);
    }
    let (end, values) = sql.finish(&["m.name_key", "m.id"], descending, size);
    let sql = format!(
        "SELECT m.id, m.account_id, m.organisation_id, m.deployment_id, m.role, m.name_key, m.joined_at, m.starts_at, m.ends_at, \
         a.name, a.email, a.last_seen_at, \
         EXISTS (SELECT 1 FROM authenticators f WHERE f.account_id = m.account_id) AS authenticator, \
         (SELECT COUNT(*) FROM passkeys p WHERE p.account_id = m.account_id) AS passkeys, \
         g.name AS given_by, k.mark, b.name AS marked_by FROM memberships m \
         JOIN accounts a ON a.id = m.account_id LEFT JOIN accounts g ON g.id = COALESCE(m.changed_by, m.invited_by) \
         LEFT JOIN review_marks k ON k.review_id = {review} AND k.membership_id = m.id \
         LEFT JOIN accounts b ON b.id = k.marked_by {end}"
    );
    (sql, values)
}
