//! Why a file is not taken: a sentence for the person who chose it.

use super::{MOST_CHARACTERS_A_LINE, MOST_COLUMNS, MOST_ROWS};

/// The reasons for refusing a whole file. Rows are numbered as a spreadsheet shows them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFile {
    #[error("This file has {}; 2 MiB is the most that is taken. Keep only the column of addresses, or import it in parts.", size(*bytes))]
    TooLarge { bytes: usize },
    #[error("This file has {}; 10 MiB is the most that is taken. Keep only the columns that are needed, or make several plans.", size(*bytes))]
    LargePlan { bytes: usize },
    #[error("This file has more than {most} rows, which is the most that one plan takes. Make several plans.")]
    LongPlan { most: usize },
    #[error("Two columns of this file say {column}: “{first}” and “{second}”. Take one of them out.")]
    TwoColumns { column: &'static str, first: String, second: String },
    #[error("This file has {rows} rows; {MOST_ROWS} is the most that is taken at once. Import it in parts.")]
    TooManyRows { rows: usize },
    #[error(
        "This is a spreadsheet's own file (such as .xlsx) or a ZIP archive. Open it, choose “Save as” and CSV, and import that file."
    )]
    Zip,
    #[error("This is an old spreadsheet's own file (.xls). Open it, choose “Save as” and CSV, and import that file.")]
    OldSpreadsheet,
    #[error("This is a compressed file (gzip). Unpack it and import the CSV file inside.")]
    Gzip,
    #[error("This is a PDF. Import the list that it was made from, saved as CSV.")]
    Pdf,
    #[error("This is not a text file. Save the list as CSV in your spreadsheet and import that file.")]
    Binary,
    #[error("No addresses are in this file. Put one in the first column of each row.")]
    Empty,
    #[error(
        "A quotation mark opens in row {row} and does not close there, so the rows after it cannot be told apart. Close it or take it out."
    )]
    UnclosedQuote { row: usize },
    #[error(
        "Row {row} is longer than {MOST_CHARACTERS_A_LINE} characters, which is no list of people. Check how the file was saved."
    )]
    LongLine { row: usize },
    #[error(
        "Row {row} has more than {MOST_COLUMNS} columns, which is no list of people. Check how the file was saved."
    )]
    TooManyColumns { row: usize },
}

/// Two decimals, rounded up, so that a file one byte too large does not read "2.00 MiB".
fn size(bytes: usize) -> String {
    let hundredths = bytes.saturating_mul(100).div_ceil(1024 * 1024);
    format!("{}.{:02} MiB", hundredths / 100, hundredths % 100)
}

/// Tells other kinds of file by their first bytes, whatever their name says.
pub(super) fn refuse_other_kinds(bytes: &[u8]) -> Result<(), BadFile> {
    let kinds: [(&[u8], BadFile); 6] = [
        (b"PK\x03\x04", BadFile::Zip),
        (b"PK\x05\x06", BadFile::Zip),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", BadFile::OldSpreadsheet),
        (b"\x1F\x8B", BadFile::Gzip),
        (b"%PDF-", BadFile::Pdf),
        (b"{\\rtf", BadFile::Binary),
    ];
    match kinds.into_iter().find(|(start, _)| bytes.starts_with(start)) {
        Some((_, bad)) => Err(bad),
        None => Ok(()),
    }
}

/// A zero is in no text; a few other control characters are a row's trouble, and many are no text either.
pub(super) fn refuse_binary(text: &str) -> Result<(), BadFile> {
    let mut odd = 0_usize;
    for c in text.chars() {
        match c {
            '\0' => return Err(BadFile::Binary),
            '\t' | '\n' => {}
            c if c.is_ascii_control() => odd += 1,
            _ => {}
        }
    }
    if odd > 10 + text.len() / 100 { Err(BadFile::Binary) } else { Ok(()) }
}
