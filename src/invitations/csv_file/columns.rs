//! A file with more than addresses: roles, deployments, names and dates, each found by its heading, in any order.
//!
//! Promises: each row becomes a line with its number as the spreadsheet shows it; a column that is not understood is named, never
//! silently left out. What the words mean is for others to judge.

use std::collections::BTreeMap;

use super::{BadFile, FileEncoding, Text, each_row, heading, separator, text_of};

/// The largest file of a plan.
pub const MOST_BYTES: usize = 10 * 1024 * 1024;
/// The most rows of a plan.
pub const MOST_ROWS: usize = 50_000;
/// No cell that means anything is longer.
const LONGEST_CELL: usize = 1_000;
/// Columns that are named as not used; more would fill the page.
const MOST_NAMED: usize = 12;

/// What a column says of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Where the invitation goes.
    Email,
    /// As what.
    Role,
    /// Into which deployment.
    Deployment,
    /// What the person is called.
    Name,
    /// The first part of the name, where it has a column of its own.
    FirstName,
    /// The last part.
    LastName,
    /// When the access begins.
    From,
    /// When it ends.
    Until,
    /// Why, or a ticket.
    Note,
}

impl Column {
    /// What people call it, each without case, spaces and hyphens.
    const NAMES: [(Self, &'static str, &'static [&'static str]); 8] = [
        (
            Self::Role,
            "the role",
            &["role", "roles", "rolle", "rôle", "rol", "ruolo", "function", "position", "accessrole", "careportalrole"],
        ),
        (
            Self::Deployment,
            "the deployment",
            &[
                "deployment",
                "deployments",
                "programme",
                "program",
                "ward",
                "unit",
                "site",
                "clinic",
                "department",
                "station",
                "abteilung",
                "service",
                "scope",
            ],
        ),
        (
            Self::Name,
            "the name",
            &["name", "fullname", "displayname", "person", "staffname", "nom", "nombre", "nome", "naam"],
        ),
        (Self::FirstName, "the first name", &["firstname", "givenname", "forename", "vorname", "prénom"]),
        (Self::LastName, "the last name", &["lastname", "surname", "familyname", "nachname"]),
        (
            Self::From,
            "when access begins",
            &[
                "accessfrom",
                "from",
                "start",
                "startdate",
                "starts",
                "startson",
                "begin",
                "begins",
                "validfrom",
                "von",
                "ab",
            ],
        ),
        (
            Self::Until,
            "when access ends",
            &[
                "accessuntil",
                "until",
                "end",
                "enddate",
                "ends",
                "endson",
                "expires",
                "expiry",
                "leaves",
                "leavingdate",
                "validuntil",
                "validto",
                "bis",
            ],
        ),
        (
            Self::Note,
            "the note",
            &[
                "note",
                "notes",
                "reason",
                "ticket",
                "ticketnumber",
                "request",
                "requestnumber",
                "reference",
                "ref",
                "comment",
                "comments",
                "remark",
                "remarks",
            ],
        ),
    ];

    fn of(heading: &str) -> Option<(Self, &'static str)> {
        let plain = |c: &char| !c.is_whitespace() && !matches!(c, '-' | '‐' | '‑' | '–' | '_' | ':' | '*' | '.' | '/');
        let name: String = heading.chars().take(64).flat_map(char::to_lowercase).filter(plain).collect();
        if name == "note/ticket" || name == "noteticket" {
            return Some((Self::Note, "the note"));
        }
        let known = Self::NAMES.iter().find(|(.., names)| names.contains(&name.as_str()));
        known.map(|(column, words, _)| (*column, *words))
    }
}

/// One row, or one typed address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// As the spreadsheet numbers it.
    pub number: usize,
    /// The address, perhaps with a name.
    pub text: String,
    /// The name, from a column of its own.
    pub name: String,
    /// The role, by name or key; empty when the row says none.
    pub role: String,
    /// The deployment, by name or as `dep_…`; empty when the row says none.
    pub deployment: String,
    /// When access begins, as written.
    pub from: String,
    /// When access ends, as written.
    pub until: String,
    /// Why, or a ticket.
    pub note: String,
}

/// A file with its columns understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// Its rows.
    pub lines: Vec<Line>,
    /// Whether a column says the role.
    pub has_roles: bool,
    /// Headings of columns that nothing was made of.
    pub unused: Vec<String>,
    /// How the letters were read.
    pub encoding: FileEncoding,
    /// Whether the encoding is only likely.
    pub guessed: bool,
}

/// Reads a file of at most 10 MiB and 50,000 rows.
///
/// # Errors
/// A sentence for the person who chose it.
pub fn read(bytes: &[u8], chosen: Option<FileEncoding>) -> Result<Columns, BadFile> {
    if bytes.len() > MOST_BYTES {
        return Err(BadFile::LargePlan { bytes: bytes.len() });
    }
    let Text { text, separator, encoding, guessed } = text_of(bytes, chosen)?;
    let mut reading = Reading::default();
    each_row(&text, separator, |row, record| reading.take(row, record))?;
    reading.end()?;
    let Reading { lines, heads, unused, .. } = reading;
    Ok(Columns { lines, has_roles: heads.contains_key(&Column::Role), unused, encoding, guessed })
}

#[derive(Default)]
struct Reading {
    lines: Vec<Line>,
    /// Where each column stands, with its heading. Empty until the first row was seen.
    heads: BTreeMap<Column, (usize, String)>,
    begun: bool,
    unused: Vec<String>,
    twice: Option<BadFile>,
    too_many: bool,
}

impl Reading {
    fn take(&mut self, number: usize, record: &csv::StringRecord) {
        if record.iter().all(|cell| cell.trim().is_empty()) {
            return;
        }
        if !self.begun {
            self.begun = true;
            if self.is_heading(record) {
                return;
            }
        }
        if self.lines.len() >= MOST_ROWS {
            self.too_many = true;
            return;
        }
        let cell = |column: Column| {
            let place = self.heads.get(&column).map(|(place, _)| *place);
            let text = place.and_then(|place| record.get(place)).unwrap_or_default().trim();
            text.chars().take(LONGEST_CELL).collect::<String>()
        };
        let email = match self.heads.get(&Column::Email) {
            Some((place, _)) => record.get(*place).unwrap_or_default(),
            None => record.get(0).unwrap_or_default(),
        };
        let text = match email.trim() {
            "" => format!("(row {number}: no address)"),
            text => separator::with_quotes(text).chars().take(LONGEST_CELL).collect(),
        };
        let name = match (cell(Column::Name), cell(Column::FirstName), cell(Column::LastName)) {
            (whole, ..) if !whole.is_empty() => whole,
            (_, first, last) => format!("{first} {last}").trim().to_owned(),
        };
        let line = Line {
            number,
            text,
            name,
            role: cell(Column::Role),
            deployment: cell(Column::Deployment),
            from: cell(Column::From),
            until: cell(Column::Until),
            note: cell(Column::Note),
        };
        self.lines.push(line);
    }

    /// A first row without any address in it, of which a cell is a heading that is known.
    fn is_heading(&mut self, record: &csv::StringRecord) -> bool {
        if record.iter().any(|cell| cell.contains('@')) {
            return false;
        }
        let known = |cell: &str| heading::names_a_column(cell) || Column::of(cell).is_some();
        if !record.iter().any(known) {
            return false;
        }
        for (place, cell) in record.iter().enumerate() {
            let name: String = cell.trim().chars().filter(|c| !c.is_control()).take(40).collect();
            let found = Column::of(cell)
                .or_else(|| heading::names_a_column(cell).then_some((Column::Email, "the e-mail address")));
            let Some((column, words)) = found else {
                self.leave_out(name);
                continue;
            };
            match self.heads.get(&column).map(|(_, first)| first.clone()) {
                None => {
                    self.heads.insert(column, (place, name));
                }
                // "Staff" and "contact" may head addresses, where no other column says so more plainly.
                Some(first) if column == Column::Email && !says_mail(&first) && says_mail(&name) => {
                    self.heads.insert(column, (place, name));
                    self.leave_out(first);
                }
                Some(_) if column == Column::Email && !says_mail(&name) => self.leave_out(name),
                Some(first) => {
                    self.twice.get_or_insert(BadFile::TwoColumns { column: words, first, second: name });
                }
            }
        }
        true
    }

    fn leave_out(&mut self, heading: String) {
        if !heading.is_empty() && self.unused.len() < MOST_NAMED {
            self.unused.push(heading);
        }
    }

    fn end(&mut self) -> Result<(), BadFile> {
        if let Some(twice) = self.twice.take() {
            return Err(twice);
        }
        if self.too_many {
            return Err(BadFile::LongPlan { most: MOST_ROWS });
        }
        if self.lines.is_empty() { Err(BadFile::Empty) } else { Ok(()) }
    }
}

fn says_mail(heading: &str) -> bool {
    heading.to_lowercase().contains("mail")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Columns {
        read(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn columns_are_found_by_heading_in_any_order() {
        let file = read_text(
            "Ward;Role;Access until;Bleep;E-mail;Surname;First name;Ticket\n\
             Cardiology;Contributor;2027-02-01;1234;ben@x.example;Okri;Ben;HR-1\n\n;;;;chi@x.example;;;\n",
        );
        assert_eq!(file.unused, ["Bleep"]);
        assert!(file.has_roles);
        let [ben, chi] = file.lines.as_slice() else { panic!("two rows: {file:?}") };
        assert_eq!((ben.number, ben.text.as_str(), ben.name.as_str()), (2, "ben@x.example", "Ben Okri"));
        assert_eq!(
            (ben.role.as_str(), ben.deployment.as_str(), ben.until.as_str(), ben.note.as_str()),
            ("Contributor", "Cardiology", "2027-02-01", "HR-1")
        );
        assert_eq!((chi.number, chi.text.as_str(), chi.role.as_str()), (4, "chi@x.example", ""));
    }

    #[test]
    fn a_file_without_headings_has_its_addresses_first() {
        let file = read_text("ben@x.example,Ben\nchi@x.example,Chi\n");
        assert_eq!(file.lines.len(), 2);
        assert!(!file.has_roles && file.unused.is_empty());
    }

    #[test]
    fn a_row_without_an_address_does_not_vanish_and_two_columns_for_one_thing_are_refused() {
        let file = read_text("E-mail,Name\n,Nobody\nben@x.example,Ben\n");
        assert_eq!(file.lines[0].text, "(row 2: no address)");
        let twice = read(b"E-mail,Role,Position\nben@x.example,a,b\n", None);
        assert_eq!(
            twice,
            Err(BadFile::TwoColumns { column: "the role", first: "Role".into(), second: "Position".into() })
        );
    }

    #[test]
    fn hostile_files_get_a_sentence() {
        assert!(matches!(read(&vec![b'a'; MOST_BYTES + 1], None), Err(BadFile::LargePlan { .. })));
        let long = "a@x.example\n".repeat(MOST_ROWS + 1);
        assert_eq!(read(long.as_bytes(), None), Err(BadFile::LongPlan { most: MOST_ROWS }));
        assert!(
            read(b"PK\x03\x04", None).is_err()
                && read(b"a@x.example\n\0\0\0", None).is_err()
                && read(b"", None).is_err()
        );
        assert!(matches!(read(b"\"ada@x.example\nben@x.example\n", None), Err(BadFile::UnclosedQuote { .. })));
    }
}
