//! The parts that every paged list's statement is made of: bound values, search, and the place where a page starts.

use sea_orm::Value;

/// Conditions of a `WHERE` and the values bound in them.
pub struct ListSql {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl ListSql {
    /// Begins with the rows whose `column` is `id`: the scope that may be seen.
    pub fn within(column: &str, id: uuid::Uuid) -> Self {
        Self { conditions: vec![format!("{column} = $1")], values: vec![id.into()] }
    }

    /// Binds a value and gives its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Adds a condition.
    pub fn only(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// Only rows of which one of the lower-case `columns` contains `text`, taken literally.
    pub fn containing(&mut self, columns: &[&str], text: &str) {
        if text.is_empty() {
            return;
        }
        let literal = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let mark = self.bind(format!("%{literal}%"));
        let each: Vec<_> = columns.iter().map(|column| format!("{column} LIKE {mark} ESCAPE '\\'")).collect();
        self.only(format!("({})", each.join(" OR ")));
    }

    /// Only rows beyond the place where the page starts. Row values, because both databases then enter the index right there.
    pub fn beyond(&mut self, columns: &str, place: Vec<Value>, descending: bool) {
        let marks: Vec<_> = place.into_iter().map(|value| self.bind(value)).collect();
        let relation = if descending { "<" } else { ">" };
        self.only(format!("({columns}) {relation} ({})", marks.join(", ")));
    }

    /// The end of the statement: `WHERE … ORDER BY … LIMIT`, with one row more than a page to see whether there are more.
    pub fn finish(mut self, order: &[&str], descending: bool, size: usize) -> (String, Vec<Value>) {
        let limit = self.bind(i64::try_from(size).unwrap_or(50) + 1);
        let direction = if descending { "DESC" } else { "ASC" };
        let order: Vec<_> = order.iter().map(|column| format!("{column} {direction}")).collect();
        (format!("WHERE {} ORDER BY {} LIMIT {limit}", self.conditions.join(" AND "), order.join(", ")), self.values)
    }
}

/// `($1, $2), ($1, $3), …`: rows of a `VALUES` list that pair the first bound value with each of `count` others. Asked for as
/// `(a, b) IN (VALUES …)`, each pair is found by an index over both columns; a condition for each column apart lets PostgreSQL,
/// before it has counted a table that has just grown, walk the whole scope for each value.
pub fn pairs(count: usize) -> String {
    (2..2 + count).map(|n| format!("($1, ${n})")).collect::<Vec<_>>().join(", ")
}
