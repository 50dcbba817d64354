//! The addresses of the invite form between typing and sending: merged from field and file, mended, and judged.

use crate::{
    error::{Error, Result},
    invitations::{
        Checked, Standing,
        actions::{self, Counts},
        addresses::split_list,
        csv_file::{self, FileEncoding},
    },
    web::Choice,
};

/// A page cannot usefully show more problems than this; the rest follow once these are mended.
const MOST_ROWS: usize = 500;
/// Up to here ready addresses are listed as well.
const FEW: usize = 100;

/// How the addresses stand.
pub struct Review {
    pub ready: u64,
    pub look: u64,
    pub staff: u64,
    pub invited: u64,
    pub refused: u64,
    pub rows: Vec<ReviewRow>,
    pub hidden_ready: u64,
}

/// How one address stands.
pub struct ReviewRow {
    pub index: u64,
    pub text: String,
    pub email: String,
    pub state: &'static str,
    pub state_word: String,
    pub reason: String,
    pub suggestion: Option<String>,
    pub confirmed: bool,
}

impl Review {
    /// Problems first; ready ones only while there are few.
    pub fn new(rows: &[Checked], confirmed: &[String]) -> Self {
        let Counts { ready, look, staff, invited, refused } = actions::counts(rows);
        let mut order: Vec<_> = rows.iter().enumerate().collect();
        order.sort_by_key(|(_, row)| row.state);
        let listed =
            order.into_iter().filter(|(_, row)| row.state != Standing::Ready || rows.len() <= FEW).take(MOST_ROWS);
        let rows: Vec<_> = listed
            .map(|(index, row)| ReviewRow {
                index: index as u64,
                text: row.text.clone(),
                email: row.email.clone(),
                state: row.state.key(),
                state_word: row.state_word.clone(),
                reason: row.reason.clone(),
                suggestion: row.suggestion.clone(),
                confirmed: confirmed.contains(&row.email),
            })
            .collect();
        let shown = rows.iter().filter(|row| row.state == "ready").count() as u64;
        Self { ready, look, staff, invited, refused, rows, hidden_ready: ready - shown }
    }
}

/// What is known of an imported file.
#[derive(Default)]
pub struct FileNote {
    pub name: String,
    pub rows: u64,
    pub encoding: String,
    pub guessed: bool,
    pub encodings: Vec<Choice>,
    pub problem: Option<String>,
}

/// Reads a file: the note about it, and its addresses as texts.
pub fn read_file(name: &str, bytes: &[u8], encoding: &str) -> (FileNote, Vec<String>) {
    let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
    match csv_file::read(bytes, FileEncoding::from_key(encoding)) {
        Ok(file) => {
            let note = FileNote {
                name,
                rows: file.entries.len() as u64,
                encoding: file.encoding.label().to_owned(),
                guessed: file.guessed,
                encodings: if file.guessed || !encoding.is_empty() {
                    encodings(Some(file.encoding))
                } else {
                    Vec::new()
                },
                problem: None,
            };
            (note, file.texts())
        }
        Err(bad) => (FileNote { name, problem: Some(bad.to_string()), ..FileNote::default() }, Vec::new()),
    }
}

/// The encodings to choose from, for every form that takes a file.
pub fn encodings(current: Option<FileEncoding>) -> Vec<Choice> {
    FileEncoding::ALL
        .iter()
        .map(|encoding| Choice {
            value: encoding.key().to_owned(),
            label: encoding.label().to_owned(),
            selected: Some(*encoding) == current,
        })
        .collect()
}

/// The texts of the field, with one of them mended or removed if a button of the review asked for it.
///
/// # Errors
/// When the button names a row that is not there.
pub fn mend(texts: Vec<String>, rows: &[Checked], fix: Option<usize>, remove: Option<usize>) -> Result<Vec<String>> {
    let gone = || Error::Conflict("The list has changed; review it again".to_owned());
    if let Some(index) = fix.or(remove) {
        let row = rows.get(index).ok_or_else(gone)?;
        let better = fix.and(row.suggestion.clone());
        let mut kept: Vec<String> = Vec::with_capacity(texts.len());
        for text in texts {
            if text.trim() != row.text.trim() {
                kept.push(text);
            } else if let Some(better) = &better
                && !kept.contains(better)
            {
                kept.push(better.clone());
            }
        }
        return Ok(kept);
    }
    Ok(texts)
}

/// The texts of a typed or pasted list.
pub fn split(text: &str) -> Vec<String> {
    split_list(text)
}
