//! Days as people write them. What can be read in two ways is refused, never guessed.

use jiff::civil::Date;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day, none where nothing stands, or why it is no day. The sentence does not repeat what was written.
///
/// # Errors
/// What is no day, and what is one in two ways.
pub fn read(text: &str) -> Result<Option<Date>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    // Spreadsheets add a time of nought.
    let text = text.strip_suffix(" 00:00:00").or_else(|| text.strip_suffix(" 00:00")).unwrap_or(text);
    let unreadable = || "This is no day. Write it as 1948-03-09.".to_owned();
    let parts: Vec<&str> = text.split(['-', '/', '.', ' ']).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts.as_slice() else { return Err(unreadable()) };
    let number = |part: &str| part.parse::<i16>().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()));
    let make = |year: i16, month: i16, day: i16| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok()
    };
    if first.len() == 4 {
        let (year, month, day) = (number(first), number(second), number(third));
        let found = year.zip(month).zip(day).and_then(|((year, month), day)| make(year, month, day));
        return found.map(Some).ok_or_else(unreadable);
    }
    if third.len() != 4 {
        return Err("The year needs four digits. Write it as 1948-03-09.".to_owned());
    }
    let (day, year) = (number(first).ok_or_else(unreadable)?, number(third).ok_or_else(unreadable)?);
    let named = second.to_lowercase();
    if let Some(month) = MONTHS.iter().position(|month| named.len() >= 3 && month.starts_with(&named)) {
        return make(year, i16::try_from(month + 1).unwrap_or(0), day).map(Some).ok_or_else(unreadable);
    }
    let month = number(second).ok_or_else(unreadable)?;
    // Points are written day first everywhere; with strokes some countries write the month first.
    if !text.contains('.') && day <= 12 && month <= 12 && day != month {
        return Err("Which is the day and which the month? Write it as 1948-03-09.".to_owned());
    }
    make(year, month, day).map(Some).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_clear_is_read_and_what_is_not_is_refused() {
        let day = |text: &str| read(text).map(|day| day.map(|day| day.to_string()));
        for text in
            ["1948-03-09", "9.3.1948", "09.03.1948", "9 March 1948", "9-Mar-1948", "1948/03/09", "1948-03-09 00:00:00"]
        {
            assert_eq!(day(text), Ok(Some("1948-03-09".to_owned())), "{text}");
        }
        assert_eq!(day("13/03/1948"), Ok(Some("1948-03-13".to_owned())));
        assert_eq!(day("03/03/1948"), Ok(Some("1948-03-03".to_owned())));
        assert_eq!(day(" "), Ok(None));
        for text in ["9/3/1948", "09-03-1948"] {
            assert!(day(text).unwrap_err().contains("Which is the day"), "{text}");
        }
        for text in ["9/3/48", "03/13/1948", "1948-13-01", "yesterday", "1948", "31.2.1948", "9.3.194８"] {
            assert!(day(text).is_err(), "{text}");
        }
    }
}
