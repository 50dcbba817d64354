//! Work of many callers that is done together: whoever comes first does it for all who wait by then. On a disk where one commit costs
//! milliseconds, thousands of small ones a second are made durable so, each answered only after its own is.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

/// A queue of items whose work is done for several at once.
pub struct Gather<T> {
    waiting: Mutex<Vec<(T, oneshot::Sender<bool>)>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T: Send + 'static> Gather<T> {
    /// An empty queue.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::new(Vec::new()), turn: tokio::sync::Mutex::new(()) })
    }

    /// Hands in an item and waits until `work` has been done with it, by this caller or another; gives whether it succeeded. The
    /// work is a task of its own, so that a caller who leaves takes nobody else's along.
    pub async fn add<F>(self: &Arc<Self>, item: T, work: impl FnOnce(Vec<T>) -> F + Send + 'static) -> bool
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let (done, mut answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((item, done));
        let turn = tokio::select! {
            biased;
            answered = &mut answer => return answered.unwrap_or(false),
            turn = self.turn.lock() => turn,
        };
        let gathered = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if !gathered.is_empty() {
            let (items, waiting): (Vec<_>, Vec<_>) = gathered.into_iter().unzip();
            let work = tokio::spawn(async move {
                let succeeded = work(items).await;
                for done in waiting {
                    let _ = done.send(succeeded);
                }
            });
            let _ = work.await;
        }
        drop(turn);
        answer.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn everybody_is_answered_and_few_commits_are_made() {
        let gather = Gather::new();
        let (rounds, items) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let callers: Vec<_> = (0..200)
            .map(|n| {
                let (gather, rounds, items) = (gather.clone(), rounds.clone(), items.clone());
                tokio::spawn(async move {
                    let work = move |batch: Vec<i32>| async move {
                        tokio::task::yield_now().await;
                        rounds.fetch_add(1, Ordering::SeqCst);
                        items.fetch_add(batch.len(), Ordering::SeqCst);
                        true
                    };
                    gather.add(n, work).await
                })
            })
            .collect();
        for caller in callers {
            assert!(caller.await.unwrap());
        }
        assert_eq!(items.load(Ordering::SeqCst), 200, "each once");
        assert!(rounds.load(Ordering::SeqCst) <= 200);
    }

    #[tokio::test]
    async fn a_failure_is_told_and_the_next_goes_on() {
        let gather = Gather::new();
        assert!(!gather.add(1, |_| async { false }).await);
        assert!(gather.add(2, |items| async move { items == [2] }).await);
    }
}
