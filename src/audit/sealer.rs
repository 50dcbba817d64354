//! Seals what was written, and signs checkpoints. Requests never wait for it: it works from a queue, in transactions of its own. Any
//! number of portals may run on one database; one of them seals at a time, and each signs what it sees.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    chain::Hash,
    checkpoint::{self, Checkpoint, PublicKeys},
    store::seal as store,
};
use crate::{
    error::{Error, Result},
    portal::Portal,
    types::{EventId, Timestamp},
};

/// How often the queue is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// Events that one transaction seals, so that none holds others up for long.
pub const BATCH: usize = 1_000;
/// A checkpoint is signed after this many events, or after this long.
const CHECKPOINT_EVENTS: i64 = 1_000;
const CHECKPOINT_AFTER: Duration = Duration::from_secs(60);

/// Seals at most [`BATCH`] events and says how many there were.
///
/// # Errors
/// When the database fails.
pub async fn seal_some(portal: &Portal) -> Result<usize> {
    if !store::anything_waits(portal.db.reader()).await? {
        return Ok(0);
    }
    let tx = portal.db.begin_write().await?;
    if !store::become_the_sealer(&tx).await? {
        return Ok(0);
    }
    let (mut seq, mut hash) = store::head(&tx).await?;
    let events = store::waiting(&tx, BATCH).await?;
    let now = portal.now();
    let mut seals: Vec<(i64, EventId, Hash)> = Vec::with_capacity(events.len());
    for event in &events {
        seq += 1;
        hash = event.sealed(seq, now.0).hash(&hash);
        seals.push((seq, EventId::from_uuid(event.id), hash));
    }
    store::seal(&tx, &seals, now).await?;
    tx.commit().await?;
    Ok(seals.len())
}

/// Signs checkpoints into this portal's file, and remembers the last one.
pub struct Notary {
    portal: Portal,
    last: Option<Checkpoint>,
    at: Option<Timestamp>,
}

impl Notary {
    /// Goes on where the file ends.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn open(portal: Portal) -> Result<Self> {
        let path = portal.config.checkpoint_file.clone();
        let keys = PublicKeys::of(&portal.keys);
        let last = blocking(move || checkpoint::newest(&path, &keys)).await?;
        Ok(Self { portal, last, at: None })
    }

    /// Signs how far the chain has come, if it is time to: at the start, after 1,000 events, after a minute, or when `at_once`.
    ///
    /// # Errors
    /// When the database fails or the file cannot be written.
    pub async fn sign(&mut self, at_once: bool) -> Result<()> {
        let (seq, hash) = store::head(self.portal.db.reader()).await?;
        let before = self.last.as_ref().map_or(0, |last| last.seq);
        if seq < before {
            // Never sign a shorter chain: that would vouch for what was cut off.
            return Err(Error::Internal(anyhow::anyhow!(
                "the access log ends at {seq}, but {before} was signed: events are missing; run care-portal audit verify"
            )));
        }
        let now = self.portal.now();
        let due = self.at.is_none_or(|at| now >= at.plus(CHECKPOINT_AFTER));
        if seq == before || !(at_once || due || seq - before >= CHECKPOINT_EVENTS) {
            return Ok(());
        }
        let previous = self.last.as_ref().map(|last| last.signature.as_str());
        let checkpoint = Checkpoint::sign(&self.portal.keys, seq, &hash, now, previous);
        // The process log is a second place, whatever becomes of the file.
        tracing::info!(target: "care_portal::checkpoint", "{}", checkpoint.line());
        let (path, written) = (self.portal.config.checkpoint_file.clone(), checkpoint.clone());
        blocking(move || checkpoint::append(&path, &written)).await?;
        self.last = Some(checkpoint);
        self.at = Some(now);
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| Error::Internal(error.into())),
        Err(_) => Err(Error::internal("writing a checkpoint panicked")),
    }
}

/// Seals everything that waits, signing on the way.
///
/// # Errors
/// When the database fails or the checkpoint file cannot be written.
pub async fn seal_all(portal: &Portal, notary: &mut Notary, at_once: bool) -> Result<()> {
    while seal_some(portal).await? == BATCH {
        notary.sign(false).await?;
    }
    notary.sign(at_once).await
}

/// Seals about once a second until the portal closes, and what is left then.
pub async fn run(portal: Portal, mut closing: watch::Receiver<bool>) {
    let mut notary = loop {
        match Notary::open(portal.clone()).await {
            Ok(notary) => break notary,
            Err(error) => complain(&error),
        }
        if pause(&mut closing).await {
            return;
        }
    };
    loop {
        let closed = *closing.borrow();
        if let Err(error) = seal_all(&portal, &mut notary, closed).await {
            complain(&error);
            // What cannot be written now will not be a second later; the log should stay readable.
            if !closed && wait(&mut closing, CHECKPOINT_AFTER / 6).await {
                continue;
            }
        }
        if closed {
            return;
        }
        pause(&mut closing).await;
    }
}

async fn pause(closing: &mut watch::Receiver<bool>) -> bool {
    wait(closing, PAUSE).await
}

/// Waits, and says whether the portal closes.
async fn wait(closing: &mut watch::Receiver<bool>, length: Duration) -> bool {
    if *closing.borrow() {
        return true;
    }
    tokio::select! {
        () = tokio::time::sleep(length) => false,
        _ = closing.changed() => true,
    }
}

fn complain(error: &Error) {
    match error {
        Error::Internal(cause) => tracing::error!("the access log could not be sealed: {cause:#}"),
        other => tracing::error!("the access log could not be sealed: {other}"),
    }
}
