//! The worker: claims due mails, sends several at once, and writes the outcomes of all that finished together in one commit.
//! A connection takes its next mail only when the outcome of its last one is durable, so a kill can repeat at most what was
//! in flight.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, stream};
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{Claimed, Email, Outcome, Transport, queue};
use crate::{crash, error::Result, portal::Portal};

/// How often the queue is looked at when no bell rings: another process may have put something in.
const LOOK: Duration = Duration::from_millis(500);

/// Everything the worker needs.
#[derive(Clone)]
pub struct Worker {
    portal: Portal,
    emails: Arc<Vec<Box<dyn Email>>>,
    transport: Transport,
}

type Settled = (Claimed, Outcome, oneshot::Sender<()>);
type Handed = (Claimed, OwnedSemaphorePermit);

impl Worker {
    /// A worker that knows these kinds of mail.
    pub fn new(portal: Portal, emails: Vec<Box<dyn Email>>, transport: Transport) -> Self {
        Self { portal, emails: Arc::new(emails), transport }
    }

    /// Works until `closing` becomes true; then finishes what is in flight and gives back what is not.
    pub async fn run(self, mut closing: watch::Receiver<bool>) {
        let connections = self.portal.config.mail_connections.max(1);
        let room = Arc::new(Semaphore::new(connections * 2));
        let (hand_out, handed) = mpsc::channel::<Handed>(connections * 2);
        let (settle, settled) = mpsc::channel::<Settled>(connections);
        let handed = Arc::new(Mutex::new(handed));
        let mut senders = JoinSet::new();
        for _ in 0..connections {
            senders.spawn(self.clone().send_all(handed.clone(), settle.clone(), closing.clone()));
        }
        drop(settle);
        let recorder = tokio::spawn(record_all(self.portal.clone(), settled));
        while !*closing.borrow() {
            match self.claim(&room, &hand_out).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the outbox cannot be read"),
            }
            tokio::select! {
                () = self.portal.mail_bell.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
                _ = closing.changed() => {}
            }
        }
        drop(hand_out);
        while senders.join_next().await.is_some() {}
        let _ = recorder.await;
    }

    /// Claims as much as there is room for; whether there may be more.
    async fn claim(&self, room: &Arc<Semaphore>, hand_out: &mpsc::Sender<Handed>) -> Result<bool> {
        let Ok(first) = room.clone().acquire_owned().await else { return Ok(false) };
        let mut permits = vec![first];
        while let Ok(permit) = room.clone().try_acquire_owned() {
            permits.push(permit);
        }
        let wanted = permits.len();
        let tx = self.portal.db.begin_write().await?;
        let claimed = queue::claim(&tx, wanted, self.portal.now()).await?;
        tx.commit().await?;
        crash::point("mail.claimed");
        let found = claimed.len();
        for pair in claimed.into_iter().zip(permits) {
            let _ = hand_out.send(pair).await;
        }
        Ok(found == wanted)
    }

    async fn send_all(
        self,
        handed: Arc<Mutex<mpsc::Receiver<Handed>>>,
        settle: mpsc::Sender<Settled>,
        closing: watch::Receiver<bool>,
    ) {
        loop {
            let next = handed.lock().await.recv().await;
            let Some((mail, permit)) = next else { break };
            let outcome = if *closing.borrow() { Outcome::Released } else { self.attempt(&mail).await };
            crash::point("mail.handed");
            let (done, durable) = oneshot::channel();
            if settle.send((mail, outcome, done)).await.is_ok() {
                let _ = durable.await;
            }
            drop(permit);
        }
    }

    /// Writes and sends one mail. A panic inside is an outcome like any other: one bad row never stops the queue.
    async fn attempt(&self, mail: &Claimed) -> Outcome {
        let Some(email) = self.emails.iter().find(|email| email.kind() == mail.kind) else {
            return Outcome::Crashed(format!("no part of the portal writes mails of the kind {}", mail.kind));
        };
        let work = async {
            match email.write(&self.portal, mail).await {
                Ok(Some(letter)) => self.transport.send(&self.portal.config, mail, letter).await,
                Ok(None) => Outcome::Withdrawn,
                Err(error) => Outcome::TryAgain(format!("The mail could not be written: {error}")),
            }
        };
        let outcome = std::panic::AssertUnwindSafe(work)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Outcome::Crashed("the portal failed while writing this mail".to_owned()));
        match &outcome {
            Outcome::TryAgain(answer) | Outcome::Refused(answer) | Outcome::Crashed(answer) => {
                tracing::warn!(mail = %mail.id, answer, "a mail was not delivered");
            }
            _ => tracing::debug!(mail = %mail.id, "a mail was settled"),
        }
        outcome
    }
}

/// Group commit: everything that finished while the last commit was under way goes into the next one.
async fn record_all(portal: Portal, mut settled: mpsc::Receiver<Settled>) {
    while let Some(first) = settled.recv().await {
        let mut group = vec![first];
        while let Ok(more) = settled.try_recv() {
            group.push(more);
        }
        let mut pause = Duration::from_millis(100);
        while let Err(error) = record(&portal, &group).await {
            // What was sent must be remembered, however long the database is away; the lease bounds the harm.
            tracing::error!(%error, "the outcome of a mail cannot be written; trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
        crash::point("mail.recorded");
        for (_, _, done) in group {
            let _ = done.send(());
        }
    }
}

async fn record(portal: &Portal, group: &[Settled]) -> Result<()> {
    let tx = portal.db.begin_write().await?;
    let now = portal.now();
    let outcomes: Vec<_> = group.iter().map(|(mail, outcome, _)| (mail, outcome)).collect();
    queue::record_outcomes(&tx, &outcomes, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Sends everything that is due now and returns how many mails were settled; for the command line and made-up history.
///
/// # Errors
/// When the database fails.
pub async fn drain(worker: &Worker) -> Result<usize> {
    let mut settled = 0;
    loop {
        let tx = worker.portal.db.begin_write().await?;
        let claimed = queue::claim(&tx, 64, worker.portal.now()).await?;
        tx.commit().await?;
        if claimed.is_empty() {
            return Ok(settled);
        }
        let outcomes: Vec<_> = stream::iter(claimed)
            .map(|mail| async move { (worker.attempt(&mail).await, mail) })
            .buffer_unordered(4)
            .collect()
            .await;
        settled += outcomes.len();
        let tx = worker.portal.db.begin_write().await?;
        let pairs: Vec<_> = outcomes.iter().map(|(outcome, mail)| (mail, outcome)).collect();
        queue::record_outcomes(&tx, &pairs, worker.portal.now()).await?;
        tx.commit().await?;
    }
}
