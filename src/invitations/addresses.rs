//! The addresses of one batch: what somebody typed, pasted or imported becomes rows to review before sending.
//!
//! Promises: nothing that was typed disappears. Each item becomes a row with an address or with the reason why it
//! is none, in the order of typing; a mailbox that comes twice is one row that tells where it came again.
//! Leaves to others: who may be invited, who is already, and limits on how much text is taken.

mod colleagues;
mod look_again;
mod slips;
mod split;
#[cfg(test)]
mod tests;

pub use colleagues::ColleagueIndex;
pub use look_again::{Suspicion, look_again, outside_usual};
pub use split::split_list;

use crate::types::email_address::{BadAddress, Mailbox, parse_mailbox};
use std::collections::HashMap;

/// How much of an item a row shows: the longest address, and a name.
const LONGEST_SHOWN: usize = 320;

/// One row of the review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As typed, at most 320 characters of it.
    pub text: String,
    pub outcome: Result<Mailbox, BadAddress>,
    /// Which item of the list it was, from 0.
    pub index: usize,
    /// Which later items were the same mailbox, or the same bad text.
    pub repeats: Vec<usize>,
}

/// Reads a typed or pasted list.
pub fn read_list(text: &str) -> Vec<Entry> {
    read_items(split_list(text))
}

/// Reads items that are already apart, such as the first column of a file. The first spelling wins.
pub fn read_items<I: IntoIterator<Item: AsRef<str>>>(items: I) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen: HashMap<(bool, String), usize> = HashMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let text = item.as_ref();
        let outcome = parse_mailbox(text);
        let same = match &outcome {
            Ok(mailbox) => (true, mailbox.address.key().to_owned()),
            Err(_) => (false, text.trim().to_owned()),
        };
        let first = *seen.entry(same).or_insert(entries.len());
        match entries.get_mut(first) {
            Some(entry) => entry.repeats.push(index),
            None => entries.push(Entry { text: shown(text), outcome, index, repeats: Vec::new() }),
        }
    }
    entries
}

fn shown(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}
