//! Lists as CSV files for spreadsheets.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

/// A cell that a spreadsheet would take for a formula begins with an apostrophe instead.
pub fn safe_cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// One line of a file, with every cell made safe.
pub fn line<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    // A vector takes everything.
    let _ = writer.write_record(cells.into_iter().map(|cell| safe_cell(cell.as_ref())));
    writer.into_inner().unwrap_or_default()
}

/// A file to be saved under `name`. It begins with the mark by which spreadsheets know UTF-8.
pub fn file(name: &str, lines: impl IntoIterator<Item = Vec<u8>>) -> Response {
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    lines.into_iter().for_each(|line| bytes.extend(line));
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_out() {
        let written = String::from_utf8(line(["=1+1", "+44", "-1", "@x", "\tx", "a,b", "c\"d", "plain"])).unwrap();
        assert_eq!(written, "'=1+1,'+44,'-1,'@x,'\tx,\"a,b\",\"c\"\"d\",plain\r\n");
    }
}
