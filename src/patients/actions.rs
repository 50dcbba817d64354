//! Listing patients, and adding them.

use serde_json::json;

use super::{ListedPatient, NewPatient, store};
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::Result,
    op::{Caller, Op},
    portal::Portal,
    types::{Cursor, PageOf, kind},
};

/// One page of the patients of a deployment, worst flags first. Without **View patient identifiers** there are no names, and a
/// search by name finds nothing.
///
/// # Errors
/// When the caller may not see them.
pub async fn list_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    search: &str,
    from: Option<&Cursor>,
    size: usize,
) -> Result<PageOf<ListedPatient>> {
    let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
    let with_names = caller.actor()?.may(Permission::ViewPatientIdentifiers, &scope);
    let rows = store::list(portal.db.reader(), &visible, with_names, search, from, size).await?;
    let mut latest = store::latest_of(portal.db.reader(), &visible, rows.iter().map(|row| row.id).collect()).await?;
    let rows = rows
        .into_iter()
        .map(|row| ListedPatient { latest: latest.remove(&row.id).unwrap_or_default(), ..row })
        .collect();
    Ok(PageOf::cut(rows, size, from, |row, backwards| {
        let (red, amber, grey) = row.flags;
        Cursor::new(format!("{red}.{amber}.{grey}"), row.id, backwards)
    }))
}

/// Adds patients with their readings.
///
/// # Errors
/// When the caller may not.
pub async fn add_patients(portal: &Portal, caller: &Caller, scope: Scope, patients: Vec<NewPatient>) -> Result<()> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, granted) = op.require(Permission::ManagePatientData, scope).await?;
    let n = patients.len();
    store::insert(op.tx(), &granted, patients, || portal.new_id::<kind::Patient>().uuid(), op.now()).await?;
    op.record(Event::done("patients.added", scope, scope, json!({ "patients": n })));
    op.commit().await
}
