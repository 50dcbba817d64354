//! Making one export: read page by page with the authority of that moment, written into a ZIP, sealed, and put away in parts, so that
//! its length costs no memory.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use zip::{
    CompressionMethod, ZipWriter,
    write::{SimpleFileOptions, StreamWriter},
};

use super::super::{files, store};
use crate::{
    access::{Permission, Visible},
    error::{Error, Result},
    exports::{Export, Format},
    fhir, identity,
    op::Caller,
    patients::actions::{PatientSearch, search_patients},
    portal::Portal,
    readings::{
        Module,
        actions::{ReadingSearch, entries_of},
    },
    sites,
    types::{Cursor, PatientId, Timestamp},
};

/// For how long whoever makes an export keeps it from others without a sign of life.
pub(super) const LEASE: Duration = Duration::from_secs(60);
/// Patients and entries read at a time.
const PAGE: usize = 500;
/// The length of a part before it is sealed.
const PART: usize = 512 * 1024;

/// Why making it ends early.
pub(super) enum Stop {
    /// Another node has taken it over.
    TakenOver,
    /// It may not be made.
    Refused(String),
    /// Something failed that may go right another time.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What the ZIP is written into: kept until it is long enough for a part.
#[derive(Clone, Default)]
struct Basin(Arc<Mutex<Vec<u8>>>);

impl Write for Basin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Basin {
    /// The next part, if there is enough for one.
    fn part(&self, least: usize) -> Option<Vec<u8>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_empty() || held.len() < least {
            return None;
        }
        let length = held.len().min(PART);
        Some(held.drain(..length).collect())
    }
}

/// The seal of one export's parts. A key is used for one export, and a nonce for one part of one claim.
pub(super) struct Seal {
    cipher: ChaCha20Poly1305,
    export: [u8; 16],
}

impl Seal {
    pub(super) fn of(portal: &Portal, export: &Export) -> Result<Self> {
        let key = portal.keys.export_key(export.id.uuid());
        let cipher = ChaCha20Poly1305::new_from_slice(&key).map_err(|_| Error::internal("the key of an export"))?;
        Ok(Self { cipher, export: export.id.uuid().into_bytes() })
    }

    fn nonce(fence: i64, part: i64) -> Nonce {
        let mut bytes = [0; 12];
        let (left, right) = bytes.split_at_mut(4);
        left.copy_from_slice(&u32::try_from(fence).unwrap_or(u32::MAX).to_be_bytes());
        right.copy_from_slice(&part.to_be_bytes());
        bytes.into()
    }

    fn close(&self, fence: i64, part: i64, plain: &[u8]) -> Result<Vec<u8>> {
        let payload = Payload { msg: plain, aad: &self.export };
        self.cipher.encrypt(&Self::nonce(fence, part), payload).map_err(|_| Error::internal("sealing an export"))
    }

    pub(super) fn open(&self, fence: i64, part: i64, sealed: &[u8]) -> Result<Vec<u8>> {
        let payload = Payload { msg: sealed, aad: &self.export };
        self.cipher.decrypt(&Self::nonce(fence, part), payload).map_err(|_| Error::internal("an export was changed"))
    }
}

/// An export under way.
pub(super) struct Maker<'a> {
    portal: &'a Portal,
    pub(super) export: Export,
    basin: Basin,
    zip: ZipWriter<StreamWriter<Basin>>,
    seal: Seal,
    /// Records of the file that is being written.
    records: u64,
}

impl<'a> Maker<'a> {
    pub(super) fn new(portal: &'a Portal, export: Export) -> Result<Self> {
        let (basin, seal) = (Basin::default(), Seal::of(portal, &export)?);
        let zip = ZipWriter::new_stream(basin.clone());
        Ok(Self { portal, export, basin, zip, seal, records: 0 })
    }

    /// Makes all of it; the last part and the end are written by the caller's transaction.
    pub(super) async fn make(&mut self) -> Result<(), Stop> {
        let wanted = self.export.wanted.clone();
        let patients = self.write_patients().await?;
        self.export.patients_total = patients.len() as u64;
        self.put_away(PART).await?;
        self.write_readings(&patients).await?;
        if wanted.with_notes() {
            self.write_notes(&patients).await?;
        }
        let place = sites::actions::place_of(self.portal.db.reader(), self.export.scope).await?.full_name();
        let counts = (self.export.patients_total, self.export.readings_done);
        let text = files::about(&wanted, &place, self.portal.now(), counts);
        self.begin(&files::File { name: "ABOUT.txt", head: text.into_bytes(), ..files::File::default() })?;
        self.finish_zip()?;
        self.put_away(1).await
    }

    /// Writes the list of the files, which is a ZIP's end.
    fn finish_zip(&mut self) -> Result<()> {
        let next = ZipWriter::new_stream(Basin::default());
        std::mem::replace(&mut self.zip, next).finish().map(|_| ()).map_err(|error| Error::Internal(error.into()))
    }

    /// Who asked, with what they may do at this moment: nobody takes out what they may not see any more.
    async fn caller(&self) -> Result<(Caller, Visible), Stop> {
        let Export { account, via, scope, wanted, .. } = &self.export;
        let caller = identity::actions::act_later(self.portal, *account, via).await?;
        let visible = match caller.scope(self.portal, Permission::ExportPatientData, *scope).await {
            Ok(visible) => visible,
            Err(Error::Forbidden(_) | Error::NotFound) => {
                return Err(Stop::Refused("you may no longer export patient data there".to_owned()));
            }
            Err(other) => return Err(other.into()),
        };
        if !wanted.without_identifiers && !caller.actor()?.may(Permission::ViewPatientIdentifiers, scope) {
            return Err(Stop::Refused("you may no longer see patient identifiers there".to_owned()));
        }
        Ok((caller, visible))
    }

    /// Writes the patients; who they are is in the access log before any of it is kept.
    async fn write_patients(&mut self) -> Result<Vec<(PatientId, String)>, Stop> {
        let wanted = self.export.wanted.clone();
        let file = files::patients(&wanted);
        self.begin(&file)?;
        let base = fhir::base_of(self.portal);
        let search = PatientSearch { ids: wanted.patients.clone(), ..PatientSearch::default() };
        let (mut all, mut from): (_, Option<Cursor>) = (Vec::new(), None);
        loop {
            let (caller, _) = self.caller().await?;
            let page = (from.as_ref(), PAGE);
            let page = search_patients(self.portal, &caller, self.export.scope, &search, page, "export").await;
            let page = page.map_err(refused_now)?;
            for patient in page.rows {
                self.record(&file, &files::patient(&base, &wanted, &patient))?;
                all.push((patient.id, patient.number));
            }
            self.put_away(PART).await?;
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        // The entries stand in the same Bundle.
        if wanted.format != Format::Fhir {
            self.end(&file)?;
        }
        Ok(all)
    }

    async fn write_readings(&mut self, patients: &[(PatientId, String)]) -> Result<(), Stop> {
        let wanted = self.export.wanted.clone();
        let (file, base) = (files::readings(&wanted), fhir::base_of(self.portal));
        if wanted.format != Format::Fhir {
            self.begin(&file)?;
        }
        let search = self.search().await?;
        for chunk in patients.chunks(100) {
            let (_, visible) = self.caller().await?;
            for (patient, number) in chunk {
                let mut from: Option<Cursor> = None;
                loop {
                    let (db, page) = (self.portal.db.reader(), (from.as_ref(), PAGE));
                    let page = entries_of(db, &visible, *patient, &search, page).await?;
                    for reading in page.rows.iter().filter(|reading| files::keeps(&wanted, reading)) {
                        self.record(&file, &files::reading(&base, &wanted, number, reading))?;
                        self.export.readings_done += 1;
                    }
                    self.put_away(PART).await?;
                    from = page.next;
                    if from.is_none() {
                        break;
                    }
                }
                self.export.patients_done += 1;
            }
            self.tell().await?;
        }
        self.end(&file)?;
        Ok(())
    }

    /// Days are the organisation's.
    async fn search(&self) -> Result<ReadingSearch> {
        let wanted = &self.export.wanted;
        let zone = sites::actions::place_of(self.portal.db.reader(), self.export.scope).await?.time_zone();
        let moment = |day: Option<jiff::civil::Date>| {
            let moment = day?.to_zoned_datetime(zone.clone()).ok()?;
            Some(Timestamp(moment.timestamp().as_millisecond()))
        };
        let modules = wanted.modules.as_ref().map(|keys| keys.iter().filter_map(|key| Module::find(key)).collect());
        let beyond = wanted.until.and_then(|day| day.tomorrow().ok());
        Ok(ReadingSearch { modules, from: moment(wanted.from), before: moment(beyond), ..ReadingSearch::default() })
    }

    async fn write_notes(&mut self, patients: &[(PatientId, String)]) -> Result<(), Stop> {
        let wanted = self.export.wanted.clone();
        let file = files::notes(&wanted);
        self.begin(&file)?;
        for chunk in patients.chunks(100) {
            let (_, visible) = self.caller().await?;
            for (patient, number) in chunk {
                for note in store::notes_of(self.portal.db.reader(), &visible, *patient).await? {
                    self.record(&file, &files::note(&wanted, number, (note.at, &note.author_name, &note.text)))?;
                }
            }
            self.put_away(PART).await?;
        }
        self.end(&file)?;
        Ok(())
    }

    fn begin(&mut self, file: &files::File) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(file.name, options).map_err(|error| Error::Internal(error.into()))?;
        self.records = 0;
        self.write(&file.head)
    }

    fn record(&mut self, file: &files::File, bytes: &[u8]) -> Result<()> {
        self.write(if self.records > 0 { file.between } else { file.around.0 })?;
        self.records += 1;
        self.write(bytes)
    }

    fn end(&mut self, file: &files::File) -> Result<()> {
        if self.records > 0 {
            self.write(file.around.1)?;
        }
        self.write(file.end)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.zip.write_all(bytes).map_err(|error| Error::Internal(error.into()))
    }

    /// Seals and keeps what has gathered, in parts of at most [`PART`].
    async fn put_away(&mut self, least: usize) -> Result<(), Stop> {
        while let Some(plain) = self.basin.part(least) {
            let sealed = self.seal.close(self.export.fence, self.export.parts, &plain)?;
            let tx = self.portal.db.begin_write().await?;
            if !store::advance(&tx, &self.export, self.portal.now().plus(LEASE)).await? {
                return Err(Stop::TakenOver);
            }
            store::write_part(&tx, &self.export, self.export.parts, sealed).await?;
            tx.commit().await?;
            self.export.parts += 1;
            self.export.bytes += plain.len() as u64;
        }
        Ok(())
    }

    /// Says how far it is.
    async fn tell(&self) -> Result<(), Stop> {
        let tx = self.portal.db.begin_write().await?;
        if !store::advance(&tx, &self.export, self.portal.now().plus(LEASE)).await? {
            return Err(Stop::TakenOver);
        }
        tx.commit().await?;
        Ok(())
    }
}

/// The authority went between two questions.
fn refused_now(error: Error) -> Stop {
    match error {
        Error::Forbidden(_) | Error::NotFound => Stop::Refused("you may no longer see these patients".to_owned()),
        other => other.into(),
    }
}
