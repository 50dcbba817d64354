//! From a file's rows to patients: columns by their headings, cells read by the rules of **Add patient** or refused with a sentence.

use super::{BadCell, Row};
use crate::{
    invitations::csv_file::{
        BadFile, FileEncoding,
        table::{self, TableRow},
    },
    patients::{
        GENDERS, NewPatient,
        actions::{MOST_OF_A_PATIENT, Typed, read_label},
    },
    types::{Timestamp, day},
};

/// The most rows that are taken at once.
pub const MOST_ROWS: usize = 5_000;
/// The largest file.
pub const MOST_BYTES: usize = 1024 * 1024;
pub(super) const TOO_LARGE: &str =
    "This is more than 1 MiB, which is the most that is taken at once. Import it in parts.";
/// Columns that are named as not used; more would fill the page.
const MOST_NAMED: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    Name,
    First,
    Last,
    Email,
    Phone,
    Born,
    Gender,
    Surgery,
    Labels,
}

/// A column, what it is called on screen, and what people call it: each without case, spaces and signs.
type Named = (Column, &'static str, &'static [&'static str]);

const COLUMNS: [Named; 10] = [
    (
        Column::Number,
        "Number",
        &[
            "number",
            "patientnumber",
            "patientno",
            "patientid",
            "id",
            "mrn",
            "hospitalnumber",
            "nhsnumber",
            "recordnumber",
            "nummer",
            "patientennummer",
            "patientnummer",
            "numéro",
            "numero",
        ],
    ),
    (Column::Name, "Name", &["name", "fullname", "patient", "patientname", "nom", "naam", "nombre"]),
    (Column::First, "First name", &["firstname", "givenname", "forename", "vorname", "prénom", "prenom", "voornaam"]),
    (Column::Last, "Last name", &["lastname", "surname", "familyname", "nachname", "familienname", "achternaam"]),
    (Column::Email, "E-mail", &["email", "mail", "emailaddress", "emailadresse", "courriel", "emailadres"]),
    (
        Column::Phone,
        "Phone",
        &[
            "phone",
            "telephone",
            "mobile",
            "phonenumber",
            "telephonenumber",
            "mobilenumber",
            "telefon",
            "telefonnummer",
            "téléphone",
            "telefoon",
            "teléfono",
        ],
    ),
    (
        Column::Born,
        "Date of birth",
        &[
            "dateofbirth",
            "birthdate",
            "dob",
            "born",
            "birthday",
            "geburtsdatum",
            "datedenaissance",
            "geboortedatum",
            "fechadenacimiento",
        ],
    ),
    (Column::Gender, "Gender", &["gender", "sex", "geschlecht", "sexe", "geslacht", "sexo"]),
    (
        Column::Surgery,
        "Surgery date",
        &["surgerydate", "dateofsurgery", "surgery", "operationdate", "operationsdatum", "opdatum", "operatiedatum"],
    ),
    (Column::Labels, "Labels", &["labels", "label", "tags"]),
];

/// What people write for a gender, beside the words of [`GENDERS`].
const GENDER_WORDS: [(&str, &[&str]); 4] = [
    ("male", &["m", "man", "männlich", "mann", "homme", "masculin", "hombre"]),
    ("female", &["f", "w", "woman", "weiblich", "frau", "femme", "féminin", "vrouw", "mujer"]),
    ("other", &["o", "x", "d", "diverse", "divers", "non-binary", "nonbinary"]),
    ("", &["u", "unknown", "not known", "-"]),
];

impl Column {
    fn of(heading: &str) -> Option<Self> {
        let plain: String = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        COLUMNS.iter().find(|(.., names)| names.contains(&plain.as_str())).map(|(column, ..)| *column)
    }

    fn label(self) -> &'static str {
        COLUMNS.iter().find(|(column, ..)| *column == self).map_or("", |(_, label, _)| label)
    }

    /// The column that a field of [`Typed`] was read from.
    fn of_field(field: &str) -> Self {
        match field {
            "number" => Self::Number,
            "name" => Self::Name,
            "email" => Self::Email,
            "phone" => Self::Phone,
            "born_on" => Self::Born,
            "gender" => Self::Gender,
            _ => Self::Surgery,
        }
    }
}

/// A file as it was read.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// In the file's order.
    pub rows: Vec<Row>,
    /// Headings that mean nothing here.
    pub unused: Vec<String>,
}

impl Sheet {
    /// For where labels are switched off: the column is named as not used.
    pub(super) fn leave_labels_out(&mut self) {
        let mut any = false;
        for row in &mut self.rows {
            let before = row.bad.len();
            row.bad.retain(|bad| bad.column != Column::Labels.label());
            any |= !std::mem::take(&mut row.new.labels).is_empty() || row.bad.len() < before;
        }
        if any {
            self.unused.push("Labels (they are switched off here)".to_owned());
        }
    }
}

/// The letters of a file, whatever its encoding.
///
/// # Errors
/// A sentence about the whole file.
pub fn read_text(bytes: &[u8], chosen: Option<FileEncoding>) -> Result<String, String> {
    if bytes.len() > MOST_BYTES { Err(TOO_LARGE.to_owned()) } else { table::text(bytes, chosen).map_err(sentence) }
}

fn sentence(bad: BadFile) -> String {
    match bad {
        BadFile::Empty => "There are no patients in this file.".to_owned(),
        BadFile::TooManyRows { .. } => format!("At most {MOST_ROWS} rows are taken at once. Import the file in parts."),
        other => other.to_string(),
    }
}

/// Reads a text with a line of headings.
///
/// # Errors
/// A sentence about the whole file.
pub fn read_sheet(text: &str, now: Timestamp) -> Result<Sheet, String> {
    if text.len() > 2 * MOST_BYTES {
        return Err(TOO_LARGE.to_owned());
    }
    let rows = table::rows(text, MOST_ROWS + 1).map_err(sentence)?;
    let Some((heading, people)) = rows.split_first() else { return Err(sentence(BadFile::Empty)) };
    let columns: Vec<_> = heading.cells.iter().map(|cell| Column::of(cell)).collect();
    refuse_headings(&columns)?;
    if people.is_empty() {
        return Err("There is no patient below the headings.".to_owned());
    }
    let unused = heading.cells.iter().zip(&columns).filter(|(cell, column)| column.is_none() && !cell.is_empty());
    let unused = unused.map(|(cell, _)| cell.chars().filter(|c| !c.is_control()).take(40).collect());
    let unused = unused.take(MOST_NAMED).collect();
    Ok(Sheet { rows: people.iter().map(|row| read_row(row, &columns, now)).collect(), unused })
}

fn refuse_headings(columns: &[Option<Column>]) -> Result<(), String> {
    for (column, label, _) in COLUMNS {
        if columns.iter().filter(|known| **known == Some(column)).count() > 1 {
            return Err(format!("Two columns say {label}. Take one of them out."));
        }
    }
    if columns.contains(&Some(Column::Number)) {
        return Ok(());
    }
    let text = "No column is headed Number. The first row must name the columns: Number, and where you have them Name, E-mail, \
        Phone, Date of birth, Gender, Surgery date and Labels.";
    Err(text.to_owned())
}

fn read_row(row: &TableRow, columns: &[Option<Column>], now: Timestamp) -> Row {
    let cell = |column: Column| {
        let place = columns.iter().position(|known| *known == Some(column));
        place.and_then(|place| row.cells.get(place)).map_or("", String::as_str)
    };
    let mut bad = Vec::new();
    let mut keep = |column: Column, read: Result<String, String>| {
        read.unwrap_or_else(|reason| {
            bad.push(BadCell { column: column.label(), typed: shown(cell(column)), reason });
            String::new()
        })
    };
    let read_day = |column| day::read(cell(column)).map(|day| day.map(|day| day.to_string()).unwrap_or_default());
    let typed = Typed {
        number: cell(Column::Number).to_owned(),
        name: match cell(Column::Name) {
            "" => format!("{} {}", cell(Column::First), cell(Column::Last)),
            name => name.to_owned(),
        },
        email: cell(Column::Email).to_owned(),
        phone: cell(Column::Phone).to_owned(),
        born_on: keep(Column::Born, read_day(Column::Born)),
        gender: keep(Column::Gender, read_gender(cell(Column::Gender))),
        surgery_on: keep(Column::Surgery, read_day(Column::Surgery)),
    };
    let labels = read_labels(cell(Column::Labels)).unwrap_or_else(|reason| {
        bad.push(BadCell { column: Column::Labels.label(), typed: shown(cell(Column::Labels)), reason });
        Vec::new()
    });
    let (new, problems) = typed.read_what_can_be(true, now);
    bad.extend(problems.into_iter().map(|(field, reason)| {
        let column = Column::of_field(field);
        BadCell { column: column.label(), typed: shown(cell(column)), reason }
    }));
    Row { line: row.number, new: NewPatient { labels, ..new }, bad }
}

/// As much of a cell as tells it from others.
fn shown(cell: &str) -> String {
    cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(80).collect()
}

fn read_gender(text: &str) -> Result<String, String> {
    let word = text.to_lowercase();
    if word.is_empty() || GENDERS.iter().any(|(key, _)| *key == word) {
        return Ok(word);
    }
    let known = GENDER_WORDS.iter().find(|(_, words)| words.contains(&word.as_str()));
    known.map(|(key, _)| (*key).to_owned()).ok_or_else(|| "Write female, male, other, or nothing.".to_owned())
}

fn read_labels(text: &str) -> Result<Vec<String>, String> {
    let mut labels: Vec<String> = Vec::new();
    for label in text.split([',', ';', '|']).map(str::trim).filter(|label| !label.is_empty()) {
        let label = read_label(label)?;
        if !labels.iter().any(|known| known.to_lowercase() == label.to_lowercase()) {
            labels.push(label);
        }
    }
    if labels.len() > MOST_OF_A_PATIENT { Err(format!("Use at most {MOST_OF_A_PATIENT} labels.")) } else { Ok(labels) }
}
