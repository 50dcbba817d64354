//! A file of staff addresses, as spreadsheets write it: the first column is read, whatever separator and encoding.
//!
//! Promises: each row that holds anything becomes an entry with its number as the spreadsheet shows it, except one
//! heading; a file that cannot be read for certain is refused whole with a sentence that says what to do. Memory stays
//! within a few times the file's size. Leaves to others: what the entries mean, and whether the user may import.

mod bad_file;
pub mod columns;
mod encoding;
mod heading;
mod separator;
pub mod table;
#[cfg(test)]
mod tests;

pub use bad_file::BadFile;
pub use encoding::FileEncoding;

pub const MOST_BYTES: usize = 2 * 1024 * 1024;
pub const MOST_ROWS: usize = 10_000;
const MOST_CHARACTERS_A_LINE: usize = 100_000;
const MOST_COLUMNS: usize = 1_000;
/// How much of the other columns is kept for showing.
const LONGEST_REST: usize = 200;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFile {
    pub entries: Vec<CsvEntry>,
    /// The first row, when it names the columns instead of a person.
    pub heading: Option<CsvEntry>,
    pub encoding: FileEncoding,
    /// Whether the encoding is only likely: then the preview lets people choose another.
    pub guessed: bool,
    /// None when there is one column.
    pub separator: Option<char>,
}

impl CsvFile {
    /// One text for each row, as for a typed list. A row without an address must not vanish, because somebody is missing from
    /// the list then; it becomes a text that is refused with its row number.
    pub fn texts(&self) -> Vec<String> {
        let text = |entry: &CsvEntry| match entry.text.trim() {
            "" => format!("(row {}: no address in the first column)", entry.row),
            text => text.to_owned(),
        };
        self.entries.iter().map(text).collect()
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvEntry {
    /// As the spreadsheet numbers it, from 1; blank rows and the heading count.
    pub row: usize,
    /// The first column; empty when the row has text in other columns only.
    pub text: String,
    /// The other columns, to recognise the row by; at most 200 characters.
    pub rest: String,
}

/// Reads a file of at most 2 MiB and 10,000 rows. A byte-order mark decides the encoding, then the one that was
/// `chosen`, then what the bytes look like.
pub fn read(bytes: &[u8], chosen: Option<FileEncoding>) -> Result<CsvFile, BadFile> {
    if bytes.len() > MOST_BYTES {
        return Err(BadFile::TooLarge { bytes: bytes.len() });
    }
    let Text { text, separator, encoding, guessed } = text_of(bytes, chosen)?;
    let mut rows = Rows::default();
    rows.read(&text, separator)?;
    let heading = rows.take_heading();
    match rows.filled - usize::from(heading.is_some()) {
        0 => Err(BadFile::Empty),
        rows if rows > MOST_ROWS => Err(BadFile::TooManyRows { rows }),
        _ => Ok(CsvFile { entries: rows.entries, heading, encoding, guessed, separator }),
    }
}

/// A file as letters.
struct Text {
    text: String,
    separator: Option<char>,
    encoding: FileEncoding,
    guessed: bool,
}

/// From bytes to letters with plain line ends, and what separates the columns.
fn text_of(bytes: &[u8], chosen: Option<FileEncoding>) -> Result<Text, BadFile> {
    bad_file::refuse_other_kinds(bytes)?;
    let (text, encoding, guessed) = encoding::decode(bytes, chosen);
    let mut text = with_plain_line_ends(&text);
    bad_file::refuse_binary(&text)?;
    let (declared, rest) = separator::declared(&text);
    let separator = declared.or_else(|| separator::sniff(rest));
    // What declared the separator stands at the beginning.
    let declaration = text.len() - rest.len();
    text.drain(..declaration);
    Ok(Text { text, separator, encoding, guessed })
}

/// Line ends of every age (Windows, old Macs) become one kind, so that rows can be counted.
fn with_plain_line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Stands after the last row: when it does not come out alone, a quotation mark swallowed it.
const END: &str = "\n\u{1}end";

#[derive(Default)]
struct Rows {
    /// At most one more than are taken and a heading, so that a hostile file fills no memory.
    entries: Vec<CsvEntry>,
    /// How many rows hold anything.
    filled: usize,
    /// The number of the last row read.
    row: usize,
    /// Whether the first entry's row has an "@" in any column.
    at_in_first: bool,
}

/// Before anything is made of its columns: ten million separators in one line would fill the memory with as many empty cells.
fn refuse_long_lines(text: &str) -> Result<(), BadFile> {
    let long = |line: &str| line.len() > MOST_CHARACTERS_A_LINE && line.chars().nth(MOST_CHARACTERS_A_LINE).is_some();
    match text.split('\n').position(long) {
        Some(above) => Err(BadFile::LongLine { row: above + 1 }),
        None => Ok(()),
    }
}

/// Calls `keep` with each row and its number as the spreadsheet shows it.
fn each_row(
    text: &str,
    separator: Option<char>,
    mut keep: impl FnMut(usize, &csv::StringRecord),
) -> Result<(), BadFile> {
    refuse_long_lines(text)?;
    let with_end = format!("{text}{END}");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        // A zero byte is in no text that gets here, so the whole line is one column.
        .delimiter(separator.and_then(|c| u8::try_from(c).ok()).unwrap_or(0))
        .from_reader(with_end.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut row = 0;
    loop {
        let from = position(reader.position());
        if !reader.read_record(&mut record).unwrap_or(false) {
            return Err(BadFile::UnclosedQuote { row });
        }
        let raw = with_end.get(from..position(reader.position())).unwrap_or_default();
        // The reader skips blank lines; a spreadsheet numbers them.
        row += 1 + raw.bytes().take_while(|byte| *byte == b'\n').count();
        if record.len() == 1 && record.get(0) == END.get(1..) {
            return Ok(());
        }
        refuse_odd_row(row, &record, raw)?;
        keep(row, &record);
    }
}

impl Rows {
    fn read(&mut self, text: &str, separator: Option<char>) -> Result<(), BadFile> {
        each_row(text, separator, |row, record| {
            self.row = row;
            self.keep(record);
        })
    }

    fn keep(&mut self, record: &csv::StringRecord) {
        let text = record.get(0).unwrap_or_default();
        let rest = rest_of(record);
        if text.trim().is_empty() && rest.is_empty() {
            return;
        }
        self.filled += 1;
        if self.entries.is_empty() {
            self.at_in_first = record.iter().any(|cell| cell.contains('@'));
        }
        if self.entries.len() <= MOST_ROWS {
            self.entries.push(CsvEntry { row: self.row, text: separator::with_quotes(text), rest });
        }
    }

    fn take_heading(&mut self) -> Option<CsvEntry> {
        let (first, later) = self.entries.split_first()?;
        let people_follow = || later.iter().any(|entry| entry.text.contains('@'));
        let is_heading = heading::names_a_column(&first.text)
            || (!first.text.trim().is_empty() && !self.at_in_first && people_follow());
        is_heading.then(|| self.entries.remove(0))
    }
}

fn position(position: &csv::Position) -> usize {
    usize::try_from(position.byte()).unwrap_or(usize::MAX)
}

fn refuse_odd_row(row: usize, record: &csv::StringRecord, raw: &str) -> Result<(), BadFile> {
    // A mark that is closed by the next stray one, rows below, would hide the people between them.
    let hides_rows = |cell: &str| cell.split('\n').skip(1).any(|line| line.contains('@'));
    if record.iter().any(|cell| hides_rows(cell) || cell.ends_with(END)) {
        return Err(BadFile::UnclosedQuote { row });
    }
    if raw.chars().nth(MOST_CHARACTERS_A_LINE).is_some() {
        return Err(BadFile::LongLine { row });
    }
    if record.len() > MOST_COLUMNS {
        return Err(BadFile::TooManyColumns { row });
    }
    Ok(())
}

fn rest_of(record: &csv::StringRecord) -> String {
    let mut rest = String::new();
    for cell in record.iter().skip(1).map(str::trim).filter(|cell| !cell.is_empty()) {
        if !rest.is_empty() {
            rest.push_str(", ");
        }
        rest.extend(cell.chars().take(LONGEST_REST).map(|c| if c.is_control() { ' ' } else { c }));
    }
    match rest.char_indices().nth(LONGEST_REST) {
        Some((end, _)) => rest.get(..end).unwrap_or_default().to_owned(),
        None => rest,
    }
}
