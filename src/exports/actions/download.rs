//! Downloading an export, and wiping it when its day is over.

use futures::{Stream, stream};
use serde_json::json;

use super::{super::store, make::Seal};
use crate::{
    access::{Permission, Scope},
    audit::Event,
    error::{Error, Result},
    exports::{Export, State},
    op::{Caller, Op},
    portal::Portal,
    types::ExportId,
};

/// A file on its way.
pub struct Download {
    portal: Portal,
    export: Export,
    seal: Seal,
}

/// Begins to hand out one's own export: with a fresh proof, within its day, and only to whoever may still export there. It is in the
/// access log before the first byte leaves.
///
/// # Errors
/// [`Error::StepUpRequired`], [`Error::Gone`] when its day is over, [`Error::Conflict`] when it is not made yet.
pub async fn begin_download(portal: &Portal, caller: &Caller, scope: Scope, id: ExportId) -> Result<Download> {
    let op = Op::begin(portal, caller).await?;
    let (mut op, _) = op.require(Permission::ExportPatientData, scope).await?;
    let account = op.actor()?.account;
    let export = store::find(op.tx(), scope, account, id).await?.ok_or(Error::NotFound)?;
    op.require_fresh_proof()?;
    if !export.wanted.without_identifiers {
        let (again, _) = op.require(Permission::ViewPatientIdentifiers, scope).await?;
        op = again;
    }
    match export.state {
        State::Made if op.now() < export.ends_at => {}
        State::Asked => return Err(Error::Conflict("This export is not made yet".to_owned())),
        State::Failed => return Err(Error::Gone("This export was not made".to_owned())),
        State::Made | State::Wiped => {
            return Err(Error::Gone("The day of this export is over; ask for it again".to_owned()));
        }
    }
    op.record(Event::done("export.downloaded", id, scope, json!({ "patients": export.patients_total })));
    op.commit().await?;
    Ok(Download { portal: portal.clone(), seal: Seal::of(portal, &export)?, export })
}

impl Download {
    /// A name without anything of anybody.
    pub fn file_name(&self) -> String {
        let day = self.export.created_at.to_jiff().strftime("%Y-%m-%d").to_string();
        format!("patient-data-{day}.zip")
    }

    /// How long it is.
    pub const fn length(&self) -> u64 {
        self.export.bytes
    }

    /// The file, part by part.
    pub fn parts(self) -> impl Stream<Item = Result<Vec<u8>>> {
        stream::unfold((self, 0_i64), |(this, part)| async move {
            if part >= this.export.parts {
                return None;
            }
            let sealed = store::part(this.portal.db.reader(), &this.export, part).await.map_err(Error::from);
            let plain = sealed
                .and_then(|sealed| sealed.ok_or_else(|| Error::internal("a part of an export is missing")))
                .and_then(|sealed| this.seal.open(this.export.fence, part, &sealed));
            // After a failure there is nothing more.
            let next = if plain.is_ok() { part + 1 } else { i64::MAX };
            Some((plain, (this, next)))
        })
    }
}

/// Wipes the files of exports whose day is over. Nobody could download them any more anyway.
///
/// # Errors
/// When the database fails.
pub async fn wipe_ended(portal: &Portal) -> Result<()> {
    for id in store::ended(portal.db.reader(), portal.now()).await? {
        let tx = portal.db.begin_write().await?;
        store::wipe(&tx, id).await?;
        tx.commit().await?;
    }
    Ok(())
}
