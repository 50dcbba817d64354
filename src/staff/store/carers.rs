//! Who can see the patients of a deployment: its own members and those of its organisation.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    access::{Scope, membership},
    db::{CHUNK, list::ListSql},
    staff::Carer,
    types::{AccountId, Timestamp},
};

#[derive(FromQueryResult)]
struct Found {
    account_id: AccountId,
    name: String,
    email: String,
    role: String,
    name_key: String,
}

const FOUND: &str = "SELECT m.account_id, a.name, a.email, m.role, m.name_key FROM memberships m \
    JOIN accounts a ON a.id = m.account_id";

/// The deployment itself, and the whole organisation.
fn levels(scope: Scope) -> [Scope; 2] {
    [scope, Scope::organisation(scope.organisation)]
}

/// One person once, by name; whoever has two roles has the deployment's.
fn by_name(rows: Vec<Found>) -> Vec<Carer> {
    let mut people: BTreeMap<(String, AccountId), Carer> = BTreeMap::new();
    for row in rows {
        let carer = Carer { account: row.account_id, name: row.name, email: row.email, role: row.role };
        people.entry((row.name_key, row.account_id)).or_insert(carer);
    }
    people.into_values().collect()
}

/// Of these accounts, those who can see the patients of the deployment now, by name.
pub(in crate::staff) async fn carers(
    db: &impl ConnectionTrait,
    scope: Scope,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<Vec<Carer>, DbErr> {
    let mut rows = Vec::new();
    for level in levels(scope) {
        for chunk in accounts.chunks(CHUNK) {
            let marks = crate::db::placeholders(3, chunk.len());
            let live = membership::live_sql("m", "$2");
            let sql = format!("{FOUND} WHERE m.scope_id = $1 AND {live} AND m.account_id IN ({marks})");
            let ids = chunk.iter().map(|id| Value::from(*id));
            let values = [level.id().into(), now.into()].into_iter().chain(ids);
            let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values);
            rows.extend(Found::find_by_statement(statement).all(db).await?);
        }
    }
    Ok(by_name(rows))
}

/// Those who can see the patients of the deployment and whose name or address contains `search`, by name; at most `most`.
pub(in crate::staff) async fn find_carers(
    db: &impl ConnectionTrait,
    scope: Scope,
    search: &str,
    most: usize,
    now: Timestamp,
) -> Result<Vec<Carer>, DbErr> {
    let mut rows = Vec::new();
    for level in levels(scope) {
        let mut sql = ListSql::within("m.scope_id", level.id());
        let at = sql.bind(now);
        sql.only(membership::live_sql("m", &at));
        sql.containing(&["m.name_key", "m.email_key"], search);
        let (end, values) = sql.finish(&["m.name_key", "m.id"], false, most);
        let statement = Statement::from_sql_and_values(db.get_database_backend(), format!("{FOUND} {end}"), values);
        rows.extend(Found::find_by_statement(statement).all(db).await?);
    }
    let mut people = by_name(rows);
    people.truncate(most);
    Ok(people)
}
