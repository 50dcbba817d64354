//! From a file's bytes to its letters. Addresses are ASCII and survive a wrong guess; names do not.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

macro_rules! file_encodings {
    ($($name:ident, $key:literal, $label:literal, $encoding:ident;)*) => {
        /// The encodings that spreadsheets write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FileEncoding { $($name),* }

        impl FileEncoding {
            /// In the order in which a page offers them.
            pub const ALL: &'static [FileEncoding] = &[$(FileEncoding::$name),*];

            /// For forms and the API.
            pub fn key(self) -> &'static str {
                match self { $(FileEncoding::$name => $key),* }
            }

            /// For people.
            pub fn label(self) -> &'static str {
                match self { $(FileEncoding::$name => $label),* }
            }

            fn encoding(self) -> &'static Encoding {
                match self { $(FileEncoding::$name => encoding_rs::$encoding),* }
            }
        }
    };
}

file_encodings! {
    Utf8, "utf-8", "Unicode (UTF-8)", UTF_8;
    Utf16Le, "utf-16le", "Unicode (UTF-16, little-endian)", UTF_16LE;
    Utf16Be, "utf-16be", "Unicode (UTF-16, big-endian)", UTF_16BE;
    Windows1252, "windows-1252", "Western European (Windows-1252)", WINDOWS_1252;
    Iso8859_15, "iso-8859-15", "Western European (ISO-8859-15)", ISO_8859_15;
    MacRoman, "macintosh", "Western European (old Mac)", MACINTOSH;
    Windows1250, "windows-1250", "Central European (Windows-1250)", WINDOWS_1250;
    Iso8859_2, "iso-8859-2", "Central European (ISO-8859-2)", ISO_8859_2;
    Windows1257, "windows-1257", "Baltic (Windows-1257)", WINDOWS_1257;
    Windows1251, "windows-1251", "Cyrillic (Windows-1251)", WINDOWS_1251;
    Windows1253, "windows-1253", "Greek (Windows-1253)", WINDOWS_1253;
    Windows1254, "windows-1254", "Turkish (Windows-1254)", WINDOWS_1254;
    Windows1255, "windows-1255", "Hebrew (Windows-1255)", WINDOWS_1255;
    Windows1256, "windows-1256", "Arabic (Windows-1256)", WINDOWS_1256;
    Windows1258, "windows-1258", "Vietnamese (Windows-1258)", WINDOWS_1258;
    Windows874, "windows-874", "Thai (Windows-874)", WINDOWS_874;
    ShiftJis, "shift_jis", "Japanese (Shift JIS)", SHIFT_JIS;
    Gb18030, "gb18030", "Chinese, simplified (GB18030)", GB18030;
    Big5, "big5", "Chinese, traditional (Big5)", BIG5;
    EucKr, "euc-kr", "Korean (EUC-KR)", EUC_KR;
}

impl FileEncoding {
    pub fn from_key(key: &str) -> Option<FileEncoding> {
        FileEncoding::ALL.iter().copied().find(|encoding| encoding.key() == key)
    }
}

/// The text without its mark, its encoding, and whether that is only a guess.
pub(super) fn decode(bytes: &[u8], chosen: Option<FileEncoding>) -> (String, FileEncoding, bool) {
    let (encoding, guessed) = match (marked(bytes), chosen) {
        (Some(encoding), _) | (None, Some(encoding)) => (encoding, false),
        (None, None) => look(bytes),
    };
    let (text, _) = encoding.encoding().decode_with_bom_removal(bytes);
    (text.into_owned(), encoding, guessed)
}

/// What a byte-order mark says. It stands above a choice: no other encoding begins with such letters.
fn marked(bytes: &[u8]) -> Option<FileEncoding> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some(FileEncoding::Utf8),
        [0xFF, 0xFE, ..] => Some(FileEncoding::Utf16Le),
        [0xFE, 0xFF, ..] => Some(FileEncoding::Utf16Be),
        _ => None,
    }
}

fn look(bytes: &[u8]) -> (FileEncoding, bool) {
    if let Some(encoding) = wide(bytes) {
        return (encoding, true);
    }
    if std::str::from_utf8(bytes).is_ok() {
        return (FileEncoding::Utf8, false);
    }
    // Only old Macs (and Excel's "CSV (Macintosh)") end lines so, and the detector does not know their letters.
    if bytes.contains(&b'\r') && !bytes.contains(&b'\n') {
        return (FileEncoding::MacRoman, true);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let likely = detector.guess(None, Utf8Detection::Deny);
    // Many encodings share é and ü; where all letters read the same, the commonest name is the least surprise.
    let common = encoding_rs::WINDOWS_1252;
    let read_as = |encoding: &'static Encoding| encoding.decode_without_bom_handling(bytes).0;
    let likely = if read_as(likely) == read_as(common) { common } else { likely };
    let known = FileEncoding::ALL.iter().copied().find(|known| known.encoding() == likely);
    let close = if likely == encoding_rs::GBK { FileEncoding::Gb18030 } else { FileEncoding::Windows1252 };
    (known.unwrap_or(close), true)
}

/// UTF-16 without a mark: every other byte of plain letters is zero.
fn wide(bytes: &[u8]) -> Option<FileEncoding> {
    const SAMPLE: usize = 4096;
    let sample = || bytes.iter().take(SAMPLE);
    let zeros_at = |start: usize| sample().skip(start).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros_at(0), zeros_at(1));
    let most = |zeros: usize, others: usize| zeros * 4 > sample().count() && others * 16 < zeros;
    match (most(even, odd), most(odd, even)) {
        (true, _) => Some(FileEncoding::Utf16Be),
        (_, true) => Some(FileEncoding::Utf16Le),
        _ => None,
    }
}
