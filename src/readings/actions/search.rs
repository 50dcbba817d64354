//! Reading many entries, for other systems and for exports.

use std::collections::BTreeSet;

use sea_orm::ConnectionTrait;

use crate::{
    access::{OnePatient, Permission, Scope, Visible},
    error::{Error, Result},
    op::Caller,
    portal::Portal,
    readings::{Reading, store},
    types::{Cursor, PageOf, PatientId, ReadingId},
};

pub use store::ReadingSearch;

/// Whose entries are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Readings {
    /// Of one patient.
    Of(PatientId),
    /// Of every patient of a deployment.
    In(Scope),
}

/// One page of entries by the moment at which they were measured. Whose they are is in the access log, as `what`, before this
/// returns; for one patient also that there are none.
///
/// # Errors
/// When the caller may not see them.
pub async fn search_readings(
    portal: &Portal,
    caller: &Caller,
    whose: Readings,
    search: &ReadingSearch,
    (from, size): (Option<&Cursor>, usize),
    what: &'static str,
) -> Result<PageOf<Reading>> {
    let db = portal.db.reader();
    let cut = |rows| {
        PageOf::cut(rows, size, from, |row: &Reading, backwards| Cursor::new(row.at.0.to_string(), row.id, backwards))
    };
    match whose {
        Readings::Of(patient) => {
            let one = caller.patient(portal, Permission::ViewPatientData, patient).await?;
            let page = cut(store::search(db, store::In::Patient(&one), search, from, size).await?);
            caller.saw_one(portal, &one, what).await?;
            Ok(page)
        }
        Readings::In(scope) => {
            let visible = caller.scope(portal, Permission::ViewPatientData, scope).await?;
            let page = cut(store::search(db, store::In::Deployment(&visible), search, from, size).await?);
            let patients: BTreeSet<_> = page.rows.iter().map(|row| row.patient).collect();
            caller.saw(portal, scope, what, patients.into_iter().collect()).await?;
            Ok(page)
        }
    }
}

/// One page of the entries of one patient, for whoever has shown already that they may see the deployment's, and has written to the
/// access log whose they look at.
///
/// # Errors
/// When the database fails.
pub async fn entries_of(
    db: &impl ConnectionTrait,
    visible: &Visible,
    patient: PatientId,
    search: &ReadingSearch,
    (from, size): (Option<&Cursor>, usize),
) -> Result<PageOf<Reading>> {
    let rows = store::search(db, store::In::One(visible, patient), search, from, size).await?;
    Ok(PageOf::cut(rows, size, from, |row: &Reading, backwards| Cursor::new(row.at.0.to_string(), row.id, backwards)))
}

/// One entry, with the proof by which its patient is seen. The view is in the access log, as `what`, before this returns.
///
/// # Errors
/// When the caller may not see it, or there is none.
pub async fn show_reading(
    portal: &Portal,
    caller: &Caller,
    id: ReadingId,
    what: &'static str,
) -> Result<(Reading, OnePatient)> {
    let db = portal.db.reader();
    let patient = store::patient_of(db, id).await?.ok_or(Error::NotFound)?;
    let one = caller.patient(portal, Permission::ViewPatientData, patient).await?;
    let found = store::find(db, &one, id).await?.ok_or(Error::NotFound)?;
    caller.saw_one(portal, &one, what).await?;
    Ok((found, one))
}
