//! Proves that the log is what was written, or names the first place where it is not. Reads only: the chain of the seals is made
//! again, every event is looked for, and the chain is held against checkpoints that are kept outside the database.

mod checkpoints;

use std::{collections::BTreeMap, path::PathBuf};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    chain::{BEGINNING, Hash, Sealed},
    checkpoint::{Checkpoint, PublicKeys},
    store::walk::{self, Link},
};
use crate::{
    db::Db,
    error::{Error, Result},
    types::{EventId, Timestamp},
};

/// Links that are read at once.
const PAGE: i64 = 4_096;
/// An event is sealed within this.
const MINUTE: i64 = 60_000;
/// And vouched for within this: a minute until it is sealed, a minute until it is signed.
const TWO_MINUTES: i64 = 120_000;
/// Stretches of late seals that are told one by one.
const MOST_STRETCHES: usize = 5;

/// What to hold the chain against.
pub struct Against {
    /// Whose signatures count.
    pub keys: PublicKeys,
    /// Checkpoint files; every line of them must be a checkpoint.
    pub files: Vec<PathBuf>,
    /// Process logs that may have checkpoints among other lines.
    pub logs: Vec<PathBuf>,
    /// The present instant.
    pub now: Timestamp,
}

/// A place where the log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first number that cannot be right.
    pub seq: Option<i64>,
    /// The change was made here or later: the first number after the last that a checkpoint vouches for.
    pub since: Option<i64>,
    /// The event there.
    pub event: Option<EventId>,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    fn at(seq: i64, event: Option<uuid::Uuid>, what: impl Into<String>) -> Self {
        Self { seq: Some(seq), since: None, event: event.map(EventId::from_uuid), what: what.into() }
    }

    fn elsewhere(event: Option<uuid::Uuid>, what: impl Into<String>) -> Self {
        Self { seq: None, since: None, event: event.map(EventId::from_uuid), what: what.into() }
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Events in the log.
    pub events: i64,
    /// Seals that were made again, up to the first fault.
    pub checked: i64,
    /// Events that are not sealed yet.
    pub waiting: i64,
    /// Checkpoints whose signatures fit.
    pub checkpoints: usize,
    /// The newest of them.
    pub newest: Option<Checkpoint>,
    /// Faults; the first one is the earliest in the chain.
    pub faults: Vec<Fault>,
    /// What is no proof of a change, but should be looked at.
    pub notices: Vec<String>,
    /// What is worth knowing.
    pub remarks: Vec<String>,
}

/// What one page of the chain came to.
#[derive(Default)]
struct Walked {
    last: i64,
    late: Vec<(i64, i64)>,
    fault: Option<Fault>,
    /// The number of the last seal that a checkpoint fits.
    vouched: Option<i64>,
    /// When the first seal of the page after the newest checkpoint was made.
    unsigned_since: Option<i64>,
}

/// Verifies everything.
///
/// # Errors
/// When the database fails or a named file cannot be read.
pub async fn verify(db: &Db, against: &Against) -> Result<Report> {
    let mut report = Report::default();
    // Read before the chain: what is signed while this runs must not look like a tail that is gone.
    let signed = checkpoints::read(against, &mut report)?;
    let counts = walk::counts(db.reader()).await?;
    (report.events, report.waiting) = (counts.events, counts.waiting);
    let mut chain = walk_chain(db, counts.first.min(1), counts.last, &signed).await?;
    report.checked = chain.last;
    tell_of_the_tail(&signed, counts.last, chain.fault.is_none(), &mut report);
    if let Some(fault) = &mut chain.fault {
        fault.since =
            Some(chain.vouched.map_or(1, |seq| seq + 1)).filter(|since| fault.seq.is_none_or(|seq| *since < seq));
    }
    report.faults.splice(0..0, chain.fault);
    look_at_the_rest(db, &counts, against.now, &mut report).await?;
    tell_of_late_seals(&chain.late, &mut report);
    let newest = report.newest.as_ref().map_or(0, |newest| newest.seq);
    if report.checkpoints == 0 && counts.last > 0 {
        report.faults.push(Fault::elsewhere(
            None,
            "there is no checkpoint to hold the log against: the file is missing or empty",
        ));
    } else if chain.unsigned_since.is_some_and(|at| at < against.now.0 - TWO_MINUTES) {
        report.notices.push(format!(
            "no checkpoint vouches for what follows sequence {newest}, although that was sealed more than two minutes ago"
        ));
    }
    Ok(report)
}

async fn walk_chain(db: &Db, first: i64, last: i64, signed: &BTreeMap<i64, Hash>) -> Result<Walked> {
    if first < 1 {
        let fault = Fault::at(first, None, "there is a seal before the first one");
        return Ok(Walked { fault: Some(fault), ..Walked::default() });
    }
    // Twice as many pages as threads: while some are read, others are hashed. Each takes a connection, and SQLite has four.
    let at_once = std::thread::available_parallelism().map_or(2, |threads| usize::from(threads) * 2).min(4);
    let pages = std::iter::successors(Some(1_i64), |from| from.checked_add(PAGE)).take_while(move |from| *from <= last);
    let newest = signed.keys().next_back().copied().unwrap_or(0);
    let mut pages = stream::iter(pages)
        .map(|from| {
            let (db, to) = (db.clone(), from.saturating_add(PAGE - 1).min(last));
            // Only what lies on this page; the seal before it is known by its own page.
            let signed: BTreeMap<i64, Hash> = signed.range(from..=to).map(|(seq, hash)| (*seq, *hash)).collect();
            let page = tokio::spawn(async move {
                let links = walk::links(db.reader(), from - 1, to).await?;
                Ok::<_, Error>(check_page(&links, from, to, &signed, newest))
            });
            async move { page.await.map_err(|_| Error::internal("a page of the log panicked"))? }
        })
        .buffered(at_once);
    let mut all = Walked::default();
    while let Some(page) = pages.try_next().await? {
        all.last = page.last.max(all.last);
        all.vouched = page.vouched.or(all.vouched);
        all.unsigned_since = all.unsigned_since.or(page.unsigned_since);
        for (from, to) in page.late {
            match all.late.last_mut() {
                Some((_, end)) if *end + 1 == from => *end = to,
                _ => all.late.push((from, to)),
            }
        }
        if page.fault.is_some() {
            all.fault = page.fault;
            break;
        }
    }
    Ok(all)
}

/// Makes the seals `from` to `to` again. `links` begins with the seal before, if there is one.
fn check_page(links: &[Link], from: i64, to: i64, signed: &BTreeMap<i64, Hash>, newest: i64) -> Walked {
    let mut walked = Walked { last: from - 1, ..Walked::default() };
    let mut before = BEGINNING;
    let mut next = from;
    for link in links {
        let Ok(hash) = Hash::try_from(link.hash.as_slice()) else {
            walked.fault =
                Some(Fault::at(link.seq.max(from), Some(link.event_id), "its seal's hash is not 32 bytes long"));
            return walked;
        };
        if link.seq < from {
            before = hash;
            continue;
        }
        if link.seq != next {
            break;
        }
        let sealed = link.sealed();
        if let Some(what) = judge(sealed.as_ref(), &before, &hash, signed.get(&link.seq)) {
            walked.fault = Some(Fault::at(link.seq, Some(link.event_id), what));
            return walked;
        }
        if signed.contains_key(&link.seq) {
            walked.vouched = Some(link.seq);
        }
        let (sealed_at, at) = sealed.map_or((0, 0), |sealed| (sealed.sealed_at, sealed.at));
        if link.seq > newest && walked.unsigned_since.is_none() {
            walked.unsigned_since = Some(sealed_at);
        }
        if sealed_at - at > MINUTE {
            match walked.late.last_mut() {
                Some((_, end)) if *end + 1 == link.seq => *end = link.seq,
                _ => walked.late.push((link.seq, link.seq)),
            }
        }
        walked.last = link.seq;
        before = hash;
        next += 1;
    }
    if next <= to {
        walked.fault = Some(Fault::at(next, None, "this number is missing: its seal was deleted"));
    }
    walked
}

/// What is wrong with one link, if anything is.
fn judge(sealed: Option<&Sealed<'_>>, before: &Hash, hash: &Hash, signed: Option<&Hash>) -> Option<&'static str> {
    let Some(sealed) = sealed else { return Some("its event is gone: it was deleted") };
    if sealed.hash(before) != *hash {
        return Some(
            "its hash does not fit: this event or its seal was changed, or one was put in or taken out before it",
        );
    }
    if signed.is_some_and(|signed| signed != hash) {
        return Some("the signed checkpoint of this number has another hash: the log up to here was written anew");
    }
    None
}

/// The chain must reach as far as the farthest checkpoint.
fn tell_of_the_tail(signed: &BTreeMap<i64, Hash>, last: i64, unbroken: bool, report: &mut Report) {
    if let Some(farthest) = signed.keys().next_back().filter(|farthest| **farthest > last) {
        let what = format!(
            "the log ends at sequence {last}, but a checkpoint of {farthest} was signed: its end was cut off, or an older database was put back"
        );
        let fault = Fault::at(last + 1, None, what);
        if unbroken { report.faults.insert(0, fault) } else { report.faults.push(fault) }
    }
}

/// What is not in the chain: the queue, and events that are in neither.
async fn look_at_the_rest(db: &Db, counts: &walk::Counts, now: Timestamp, report: &mut Report) -> Result<()> {
    let db = db.reader();
    if let Some(id) = walk::first_orphan(db).await? {
        report.faults.push(Fault::elsewhere(Some(id), "this event waits for its seal, but is gone: it was deleted"));
    }
    if let Some(id) = walk::first_sealed_twice(db).await? {
        report
            .faults
            .push(Fault::elsewhere(Some(id), "this event is sealed and waits for its seal: the queue was changed"));
    }
    if counts.events != counts.seals + counts.waiting
        && let Some(id) = walk::first_stray(db).await?
    {
        let what = "this event is neither sealed nor waiting for it: it was put in, or its seal was deleted";
        report.faults.push(Fault::elsewhere(Some(id), what));
    }
    let (overdue, first) = walk::waiting_since(db, now.0 - MINUTE).await?;
    if let Some(first) = first {
        report.notices.push(format!(
            "{overdue} events were not sealed within a minute, the first is {}; is the portal running?",
            EventId::from_uuid(first)
        ));
    }
    Ok(())
}

fn tell_of_late_seals(late: &[(i64, i64)], report: &mut Report) {
    if late.is_empty() {
        return;
    }
    let total: i64 = late.iter().map(|(from, to)| to - from + 1).sum();
    let told: Vec<_> = late
        .iter()
        .take(MOST_STRETCHES)
        .map(|(from, to)| if from == to { from.to_string() } else { format!("{from} to {to}") })
        .collect();
    let more = if late.len() > MOST_STRETCHES {
        format!(" and {} more stretches", late.len() - MOST_STRETCHES)
    } else {
        String::new()
    };
    report.remarks.push(format!(
        "{total} events were sealed later than a minute after they happened (the portal was down, or they were put in later): sequence {}{more}",
        told.join(", ")
    ));
}
