use super::*;
use crate::types::email_address::parse_mailbox;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn read_plain(text: &str) -> CsvFile {
    read(text.as_bytes(), None).unwrap_or_else(|bad| panic!("{text:?}: {bad}"))
}

fn texts(file: &CsvFile) -> Vec<&str> {
    file.entries.iter().map(|entry| entry.text.as_str()).collect()
}

fn refusal(bytes: &[u8]) -> BadFile {
    read(bytes, None).expect_err("refused")
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

const PEOPLE: &str = "Email;Name;Job\r\nolu@x.example;Olu O'Neill;Physiotherapist\r\n\
    aoife@x.example;Aoife Novák;Ward clerk\r\nchloe@x.example;Chloé Müller;\r\n";

#[test]
fn reads_what_spreadsheets_write() {
    let windows: Vec<u8> = encoding_rs::WINDOWS_1252.encode(PEOPLE).0.into_owned();
    let tabs = PEOPLE.replace(';', "\t");
    let files: Vec<(Vec<u8>, FileEncoding, bool, char)> = vec![
        (PEOPLE.into(), FileEncoding::Utf8, false, ';'),
        (PEOPLE.replace(';', ",").into(), FileEncoding::Utf8, false, ','),
        (PEOPLE.replace(';', "|").into(), FileEncoding::Utf8, false, '|'),
        (PEOPLE.replace("\r\n", "\n").into(), FileEncoding::Utf8, false, ';'),
        (PEOPLE.replace("\r\n", "\r").into(), FileEncoding::Utf8, false, ';'),
        (format!("\u{feff}{PEOPLE}").into(), FileEncoding::Utf8, false, ';'),
        (format!("sep=;\r\n{PEOPLE}").into(), FileEncoding::Utf8, false, ';'),
        (windows, FileEncoding::Windows1252, true, ';'),
        (utf16(&format!("\u{feff}{tabs}"), false), FileEncoding::Utf16Le, false, '\t'),
        (utf16(&format!("\u{feff}{tabs}"), true), FileEncoding::Utf16Be, false, '\t'),
        (utf16(&tabs, false), FileEncoding::Utf16Le, true, '\t'),
        (utf16(&tabs, true), FileEncoding::Utf16Be, true, '\t'),
    ];
    for (bytes, encoding, guessed, separator) in files {
        let file = read(&bytes, None).unwrap();
        assert_eq!((file.encoding, file.guessed, file.separator), (encoding, guessed, Some(separator)));
        assert_eq!(file.heading.as_ref().map(|heading| heading.text.as_str()), Some("Email"));
        assert_eq!(texts(&file), ["olu@x.example", "aoife@x.example", "chloe@x.example"]);
        assert_eq!(file.entries[1].rest, "Aoife Novák, Ward clerk");
        assert_eq!((file.entries[2].row, file.entries[2].rest.as_str()), (4, "Chloé Müller"));
    }
}

#[test]
fn a_chosen_encoding_is_taken_unless_a_mark_says_otherwise() {
    let mac = b"ann@x.example,Jos\x8e\n";
    assert_eq!(read(mac, Some(FileEncoding::MacRoman)).unwrap().entries[0].rest, "José");
    let windows = read(mac, None).unwrap();
    assert_eq!((windows.encoding, windows.guessed), (FileEncoding::Windows1252, true));
    assert_eq!(read(b"ann@x.example,Jos\x8e\r", None).unwrap().encoding, FileEncoding::MacRoman);
    let marked = read("\u{feff}ann@x.example,José".as_bytes(), Some(FileEncoding::Windows1250)).unwrap();
    assert_eq!((marked.encoding, marked.entries[0].rest.as_str()), (FileEncoding::Utf8, "José"));
    let wrong = read(b"jos\x8e@x.example", Some(FileEncoding::Utf8)).unwrap();
    assert!(parse_mailbox(&wrong.entries[0].text).unwrap_err().to_string().contains("could not be read"));
    for encoding in FileEncoding::ALL {
        assert_eq!(FileEncoding::from_key(encoding.key()), Some(*encoding));
    }
    assert_eq!(FileEncoding::from_key("utf-7"), None);
}

#[test]
fn messy_rows_come_out_as_written() {
    let file = read_plain(concat!(
        "\u{feff}E-mail address;Name\r\n",
        "\r\n",
        "ada@x.example;Ada\r\n",
        "  Ada@X.example ;again\r\n",
        "\"Okafor, Ben\" <ben@x.example>;display name\r\n",
        "\"\"\"Okafor, Ben\"\" <ben@x.example>\";quoted as CSV\r\n",
        ";;;\r\n",
        "grainne;no domain\r\n",
        "=HYPERLINK(\"http://x.example\")@x.example;a formula\r\n",
        "olu@x.example;\"a name with a ; and a \"\"quote\"\"\"\r\n",
        "\"mei@x.example\";\"two\r\nlines\"\r\n",
        ";no address at all\r\n",
        "priya@x.example\r\n",
    ));
    let rows: Vec<_> = file.entries.iter().map(|e| (e.row, e.text.as_str(), e.rest.as_str())).collect();
    assert_eq!(
        rows,
        [
            (3, "ada@x.example", "Ada"),
            (4, "  Ada@X.example ", "again"),
            (5, "\"Okafor, Ben\" <ben@x.example>", "display name"),
            (6, "\"Okafor, Ben\" <ben@x.example>", "quoted as CSV"),
            (8, "grainne", "no domain"),
            (9, "=HYPERLINK(\"http://x.example\")@x.example", "a formula"),
            (10, "olu@x.example", "a name with a ; and a \"quote\""),
            (11, "mei@x.example", "two lines"),
            (12, "", "no address at all"),
            (13, "priya@x.example", ""),
        ]
    );
}

#[test]
fn the_first_column_ends_at_the_first_separator_after_its_address() {
    for (text, separator, first) in [
        ("ann@x.example", None, "ann@x.example"),
        ("Email\nann@x.example\nben@x.example", None, "ann@x.example"),
        ("ann@x.example;Lee, Ann; RN, MSc", Some(';'), "ann@x.example"),
        ("ann@x.example\tLee, Ann;RN", Some('\t'), "ann@x.example"),
        ("\"Lee; Ann\" <ann@x.example>,RN", Some(','), "\"Lee; Ann\" <ann@x.example>"),
        ("Lee, Ann <ann@x.example>;RN", Some(';'), "\"Lee, Ann\" <ann@x.example>"),
        ("Lee, Ann <ann@x.example>", None, "\"Lee, Ann\" <ann@x.example>"),
        ("\"ann@x.example\",\"Ann\"", Some(','), "ann@x.example"),
        ("sep=,\nann@x.example;b,c", Some(','), "ann@x.example;b"),
        ("grainne|no\nann|no", Some('|'), "grainne"),
    ] {
        let file = read_plain(text);
        assert_eq!((file.separator, file.entries[0].text.as_str()), (separator, first), "{text:?}");
    }
}

#[test]
fn only_a_heading_is_taken_for_one() {
    for (text, heading) in [
        ("E-Mail\nann@x.example", Some("E-Mail")),
        ("E-mail address:\ngrainne", Some("E-mail address:")),
        ("Sähköposti,Nimi\nann@x.example,Ann", Some("Sähköposti")),
        ("\n\nStaff of ward 3\nann@x.example", Some("Staff of ward 3")),
        ("grainne\nann", None),
        ("ann@x.example\nemail", None),
        ("ann,ann@x.example\nben@x.example,ben", None),
        (",no address\nann@x.example,Ann", None),
    ] {
        let file = read_plain(text);
        assert_eq!(file.heading.map(|heading| heading.text), heading.map(str::to_owned), "{text:?}");
    }
}

#[test]
fn every_refusal_says_what_to_do() {
    let rows =
        |count: usize| -> Vec<u8> { (0..count).flat_map(|n| format!("a{n}@x.example\n\n").into_bytes()).collect() };
    let wide = format!("a@x.example\nb@x.example{}", ",".repeat(1000));
    let long = format!("email\na@x.example,{}", "é".repeat(100_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![b'a'; MOST_BYTES + 1], "This file has 2.01 MiB; 2 MiB is the most that is taken."),
        (rows(MOST_ROWS + 1), "This file has 10001 rows; 10000 is the most that is taken at once."),
        (b"PK\x03\x04rest".into(), "This is a spreadsheet's own file (such as .xlsx) or a ZIP archive. Open it"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".into(), "This is an old spreadsheet's own file (.xls)."),
        (b"\x1F\x8B\x08".into(), "This is a compressed file (gzip)."),
        (b"%PDF-1.7".into(), "This is a PDF."),
        (b"{\\rtf1".into(), "This is not a text file."),
        (b"\x89PNG\r\n\x1a\n\0\0\0".into(), "This is not a text file."),
        (b"ann@x.example\0".into(), "This is not a text file."),
        ("\u{1}\u{2}".repeat(20).into(), "This is not a text file."),
        (b"".into(), "No addresses are in this file."),
        (b"\xEF\xBB\xBF\r\n ;;\r\n".into(), "No addresses are in this file."),
        (b"Email,Name\n".into(), "No addresses are in this file."),
        (b"email\n\na@x.example,\"Ann\nb".into(), "A quotation mark opens in row 3 and does not close there"),
        (b"a@x.example,\"Ann\nb@x.example,\"Ben\n".into(), "A quotation mark opens in row 1"),
        (b"a@x.example,\"Ann\nb@x.example,\"Ben\"\n".into(), "A quotation mark opens in row 1"),
        (b"a@x.example,\"".into(), "A quotation mark opens in row 1"),
        (b"\"".into(), "A quotation mark opens in row 1"),
        (long.into(), "Row 2 is longer than 100000 characters"),
        (wide.into(), "Row 2 has more than 1000 columns"),
    ];
    for (bytes, start) in cases {
        let sentence = refusal(&bytes).to_string();
        assert!(sentence.starts_with(start) && sentence.ends_with('.'), "{sentence}");
    }
    assert_eq!(read(&rows(MOST_ROWS), None).unwrap().entries.len(), MOST_ROWS);
    let with_heading = [b"email\n".to_vec(), rows(MOST_ROWS)].concat();
    assert_eq!(read(&with_heading, None).unwrap().entries.len(), MOST_ROWS);
    let one_too_many = [b"email\n".to_vec(), rows(MOST_ROWS + 1)].concat();
    assert_eq!(refusal(&one_too_many), BadFile::TooManyRows { rows: MOST_ROWS + 1 });
}

#[test]
fn hostile_files_are_read_soon() {
    for unit in ["\"", "a\n", ",", "\"\n", "\"\"", ",\"", "<", "a,<@\n", "\r", "\u{e9}\n", "\"@\"\n", "|;\t,"] {
        let bytes = unit.repeat((1 << 18) / unit.len());
        let started = Instant::now();
        let _ = read(bytes.as_bytes(), None);
        let _ = read(bytes.as_bytes(), Some(FileEncoding::Utf16Le));
        assert!(started.elapsed() < Duration::from_secs(5), "{unit:?} took {:?}", started.elapsed());
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes: Vec<u8>, text in "[\"a@;,|\t\n\r<> é\0]{0,60}", which in 0..FileEncoding::ALL.len()) {
        for bytes in [bytes, text.into_bytes()] {
            for chosen in [None, Some(FileEncoding::ALL[which])] {
                match read(&bytes, chosen) {
                    Ok(file) => prop_assert!(!file.entries.is_empty()),
                    Err(bad) => prop_assert!(!bad.to_string().is_empty()),
                }
            }
        }
    }

    #[test]
    fn no_row_is_lost(names in prop::collection::vec("[a-z]{1,8}", 1..40), end in "\r\n|\n|\r", separator in "[,;\t|]") {
        let text: String = names.iter().map(|name| format!("{name}@x.example{separator}\"{name}, {separator}\"{end}")).collect();
        let file = read(text.as_bytes(), None).unwrap();
        let expected: Vec<String> = names.iter().map(|name| format!("{name}@x.example")).collect();
        prop_assert_eq!(texts(&file), expected);
        prop_assert_eq!(file.entries.last().map(|entry| entry.row), Some(names.len()));
    }

    #[test]
    fn every_encoding_gives_the_same_entries(rows in prop::collection::vec("[a-z]{1,8}@x\\.example;[A-Zéüñøa-z ]{0,12}", 1..20)) {
        let text = rows.join("\r\n");
        let entries = read(text.as_bytes(), None).unwrap().entries;
        let windows = encoding_rs::WINDOWS_1252.encode(&text).0;
        prop_assert_eq!(&read(&windows, Some(FileEncoding::Windows1252)).unwrap().entries, &entries);
        for big in [false, true] {
            for mark in ["", "\u{feff}"] {
                prop_assert_eq!(&read(&utf16(&format!("{mark}{text}"), big), None).unwrap().entries, &entries);
            }
        }
    }
}
