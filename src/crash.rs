//! Points at which a test lets the process die, as a power cut would: between a commit and what follows it, between the mail server's
//! answer and its record. The program that is released is the one that is tested, so the points are always there; without the
//! environment variable each costs one look at a value that is nothing.
//!
//! `CARE_PORTAL_TEST_KILL_AT=point:n` ends the process the `n`th time that it comes to `point`.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

struct Fate {
    point: String,
    left: AtomicU64,
}

fn fate() -> Option<&'static Fate> {
    static FATE: OnceLock<Option<Fate>> = OnceLock::new();
    let read = || {
        let text = std::env::var("CARE_PORTAL_TEST_KILL_AT").ok()?;
        let (point, n) = text.rsplit_once(':')?;
        Some(Fate { point: point.to_owned(), left: AtomicU64::new(n.parse().ok()?) })
    };
    FATE.get_or_init(read).as_ref()
}

/// Ends the process here, if a test has asked for that.
pub fn point(name: &str) {
    if let Some(fate) = fate()
        && fate.point == name
        && fate.left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}
