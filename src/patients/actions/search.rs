//! Reading many patients, for other systems and for exports.

use std::collections::HashMap;

use crate::{
    access::{Granted, Permission, Scope},
    db::Tx,
    error::Result,
    op::Caller,
    patients::{Patient, store},
    portal::Portal,
    types::{Cursor, PageOf, PatientId},
};

pub use store::PatientSearch;

/// How many of these are patients of the deployment.
///
/// # Errors
/// When the database fails.
pub async fn count_patients(tx: &Tx, granted: &Granted, ids: &[PatientId]) -> Result<u64> {
    Ok(store::count_of(tx, granted, ids).await?)
}

/// One page of the patients of a deployment or an organisation, in the order in which they were added. Whoever may not see
/// identifiers gets none, and finds nobody by them. Who was found is in the access log, as `what`, before this returns.
///
/// # Errors
/// When the caller may not see patients there.
pub async fn search_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    search: &PatientSearch,
    (from, size): (Option<&Cursor>, usize),
    what: &'static str,
) -> Result<PageOf<Patient>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let with_identifiers = caller.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    if search.identifying() && !with_identifiers {
        return Ok(PageOf { rows: Vec::new(), previous: None, next: None });
    }
    let rows = store::search(portal.db.reader(), &visible, with_identifiers, search, from, size).await?;
    let page = PageOf::cut(rows, size, from, |row, backwards| Cursor::new("", row.id, backwards));
    let mut seen: HashMap<Scope, Vec<PatientId>> = HashMap::new();
    for row in &page.rows {
        seen.entry(row.scope).or_default().push(row.id);
    }
    for (place, patients) in seen {
        caller.saw(portal, place, what, patients).await?;
    }
    Ok(page)
}
