//! The few threads that hash passwords. A hash takes 19 MiB and a whole core, and the C library's allocator would keep many such
//! pieces once they were used; so there is a fixed number of threads, and each keeps one piece of memory of its own.
//!
//! The line before them is short: whoever comes when it is full is told so at once, so that a flood of sign-ins takes neither
//! memory nor the time of other pages.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, TrySendError},
    },
    thread,
};

use argon2::Block;
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// The memory of one thread; grows to what a hash needs.
pub type Memory = Vec<Block>;
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// How many may wait; at some thirty hashes a second on a slow core that is two seconds of work.
const LONGEST_LINE: usize = 64;

/// Hands work to the threads; they end when the last clone is gone.
#[derive(Clone)]
pub struct Hashers(mpsc::SyncSender<Work>);

impl Hashers {
    /// Starts as many threads as there are cores, two at most.
    pub fn start() -> Self {
        let (hand_out, handed) = mpsc::sync_channel::<Work>(LONGEST_LINE);
        let handed = Arc::new(Mutex::new(handed));
        let threads = thread::available_parallelism().map_or(1, usize::from).min(2);
        for _ in 0..threads {
            let handed = handed.clone();
            thread::spawn(move || work(&handed));
        }
        Self(hand_out)
    }

    /// Does `work` on one of the threads; whoever comes meanwhile waits in line.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the line is full; when the work panicked.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T> {
        let (give, given) = oneshot::channel();
        let task: Work = Box::new(move |memory| {
            // Whoever has gone away in the meantime wants no answer.
            if !give.is_closed() {
                let _ = give.send(work(memory));
            }
        });
        self.0.try_send(task).map_err(|failed| match failed {
            TrySendError::Full(_) => Error::Unavailable(
                "Very many people are signing in at this moment; nothing was changed, try again in a few seconds"
                    .to_owned(),
            ),
            TrySendError::Disconnected(_) => Error::internal("nobody hashes passwords any more"),
        })?;
        given.await.map_err(|_| Error::internal("hashing a password panicked"))
    }
}

fn work(handed: &Mutex<mpsc::Receiver<Work>>) {
    let mut memory = Memory::new();
    loop {
        let next = handed.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        // A panic ends its own request only; the thread goes on.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| task(&mut memory)));
    }
}
