//! A file as the rows and cells that it has, for those who know themselves what its columns mean.
//!
//! Promises: each row that holds anything comes with its number as the spreadsheet shows it, and no more rows than were asked for are
//! ever held.

use super::{BadFile, FileEncoding, bad_file, each_row, encoding, separator, with_plain_line_ends};

/// No cell that means anything is longer.
const LONGEST_CELL: usize = 1_000;

/// A row, with its number as the spreadsheet shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRow {
    /// From 1; blank rows count.
    pub number: usize,
    /// Trimmed, and cut to what can mean anything.
    pub cells: Vec<String>,
}

/// The text of a file, whatever its encoding.
pub fn text(bytes: &[u8], chosen: Option<FileEncoding>) -> Result<String, BadFile> {
    bad_file::refuse_other_kinds(bytes)?;
    let (text, ..) = encoding::decode(bytes, chosen);
    let text = with_plain_line_ends(&text);
    bad_file::refuse_binary(&text)?;
    Ok(text)
}

/// The rows of a text, at most `most`.
pub fn rows(text: &str, most: usize) -> Result<Vec<TableRow>, BadFile> {
    let text = with_plain_line_ends(text);
    bad_file::refuse_binary(&text)?;
    let (declared, text) = separator::declared(&text);
    let separator = declared.or_else(|| separator::sniff(text));
    let (mut rows, mut filled) = (Vec::new(), 0);
    each_row(text, separator, |number, record| {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return;
        }
        filled += 1;
        if rows.len() < most {
            let cells = record.iter().map(|cell| cell.trim().chars().take(LONGEST_CELL).collect());
            rows.push(TableRow { number, cells: cells.collect() });
        }
    })?;
    match filled {
        0 => Err(BadFile::Empty),
        filled if filled > most => Err(BadFile::TooManyRows { rows: filled }),
        _ => Ok(rows),
    }
}
