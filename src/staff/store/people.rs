//! People as they are told to other systems: each once, however many memberships they have.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{LISTED, Listed};
use crate::{
    access::{Visible, membership},
    staff::{Person, StaffMember},
    types::{AccountId, Cursor, Timestamp},
};

#[derive(FromQueryResult)]
struct Row {
    id: AccountId,
    name: String,
    email: String,
}

/// One page of the people who have a live membership that may be seen, with one row more than `size`.
pub(in crate::staff) async fn people(
    db: &impl ConnectionTrait,
    visible: &Visible,
    (ids, name): (Option<&[AccountId]>, Option<&str>),
    (from, size): (Option<&Cursor>, usize),
    now: Timestamp,
) -> Result<Vec<Person>, DbErr> {
    let (column, scope) = visible.filter();
    let mut values: Vec<sea_orm::Value> = vec![scope.into(), now.into()];
    let mut bind = |value: sea_orm::Value| {
        values.push(value);
        format!("${}", values.len())
    };
    let mut only = vec![format!(
        "a.id IN (SELECT m.account_id FROM memberships m WHERE m.{column} = $1 AND {})",
        membership::live_sql("m", "$2")
    )];
    if let Some(ids) = ids {
        let marks: Vec<_> = ids.iter().map(|id| bind((*id).into())).collect();
        only.push(if marks.is_empty() { "1 = 0".to_owned() } else { format!("a.id IN ({})", marks.join(", ")) });
    }
    if let Some(name) = name {
        let literal = name.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        // From the beginning of any word, as FHIR searches texts.
        let (first, later) = (bind(format!("{literal}%").into()), bind(format!("% {literal}%").into()));
        only.push(format!("(LOWER(a.name) LIKE {first} ESCAPE '\\' OR LOWER(a.name) LIKE {later} ESCAPE '\\')"));
    }
    let backwards = from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        let id = bind(cursor.id.into());
        only.push(format!("a.id {} {id}", if backwards { "<" } else { ">" }));
    }
    let limit = bind((i64::try_from(size).unwrap_or(50) + 1).into());
    let direction = if backwards { "DESC" } else { "ASC" };
    let sql = format!(
        "SELECT a.id, a.name, a.email FROM accounts a WHERE {} ORDER BY a.id {direction} LIMIT {limit}",
        only.join(" AND ")
    );
    let rows = Row::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).all(db);
    Ok(rows.await?.into_iter().map(|row| Person { account: row.id, name: row.name, email: row.email }).collect())
}

/// The live memberships of one person that may be seen.
pub(in crate::staff) async fn memberships_of(
    db: &impl ConnectionTrait,
    visible: &Visible,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<StaffMember>, DbErr> {
    let (column, scope) = visible.filter();
    let live = membership::live_sql("m", "$3");
    let sql = format!("{LISTED} WHERE m.account_id = $1 AND m.{column} = $2 AND {live} ORDER BY m.id");
    let statement =
        Statement::from_sql_and_values(db.get_database_backend(), sql, [account.into(), scope.into(), now.into()]);
    Ok(Listed::find_by_statement(statement).all(db).await?.into_iter().map(StaffMember::from).collect())
}
