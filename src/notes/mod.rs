//! What staff note about patients. A note reviews entries and so resolves their flags, or stands alone. It is never changed and
//! never deleted, the database itself refuses; who has more to say adds to it.

pub mod actions;
pub mod pages;
mod store;

use crate::{
    readings::{Reading, Unreviewed},
    types::{AccountId, NoteId, ReadingId, Timestamp},
};

/// How long a note may get, in characters.
pub const LONGEST: usize = 4000;

/// A note.
#[derive(Clone, Debug)]
pub struct Note {
    /// Its id.
    pub id: NoteId,
    /// Who wrote it.
    pub author: AccountId,
    /// As the author was called then.
    pub author_name: String,
    /// The words.
    pub text: String,
    /// When it was written.
    pub at: Timestamp,
    /// The entries that it reviewed.
    pub reviewed: Unreviewed,
    /// What was added to it, oldest first.
    pub addenda: Vec<Note>,
}

/// A review of what a patient has sent in.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// The note.
    pub text: String,
    /// Entries that the person says to have seen.
    pub seen: Vec<ReadingId>,
    /// Entries that stood beside them. Only what is neither red nor amber may be resolved so.
    pub beside: Vec<ReadingId>,
}

/// What a review came to.
#[derive(Clone, Copy, Debug)]
pub struct Resolved {
    /// The note.
    pub note: NoteId,
    /// What this note reviewed.
    pub reviewed: Unreviewed,
    /// What somebody else had reviewed in the meantime.
    pub gone: i64,
    /// What is left, arrived meanwhile or not shown.
    pub left: Unreviewed,
}

/// What the person who reviews is shown.
#[derive(Clone, Debug, Default)]
pub struct ToReview {
    /// Red and amber entries, newest first.
    pub serious: Vec<Reading>,
    /// All others, oldest first.
    pub others: Vec<Reading>,
    /// Whether there are more than these; they wait for the next note.
    pub more: bool,
}

/// What was typed as a note, or why it cannot be one.
///
/// # Errors
/// A sentence for the person.
pub fn read_text(typed: &str) -> Result<String, String> {
    let text = typed.trim().replace("\r\n", "\n");
    let length = text.chars().count();
    if text.is_empty() {
        return Err("Write what you saw or did; a note cannot be empty.".to_owned());
    }
    if length > LONGEST {
        return Err(format!("A note has at most {LONGEST} characters; this one has {length}."));
    }
    Ok(text)
}

/// The letters that stand for somebody: first and last name.
pub fn initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = letters.next();
    first.into_iter().chain(letters.next_back()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_have_words_and_authors_have_initials() {
        assert!(read_text(" \r\n ").is_err());
        assert!(read_text(&"x".repeat(LONGEST + 1)).is_err());
        assert_eq!(read_text(" Called.\r\nFine. ").unwrap(), "Called.\nFine.");
        assert_eq!(initials("Ada Maria Okafor"), "AO");
        assert_eq!(initials("Cher"), "C");
        assert_eq!(initials("  "), "");
    }
}
