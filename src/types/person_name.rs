//! A person's name as colleagues and mails show it.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// 1 to 100 characters without control, direction or line-breaking characters (a line break in a name would end a
/// mail's header, and the mail library panics on one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

/// Why a name is refused, as a sentence for the person who typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing but spaces.
    #[error("Enter your full name")]
    Empty,
    /// More than 100 characters.
    #[error("Use at most 100 characters for the name")]
    TooLong,
    /// A character that cannot be seen.
    #[error("The name contains a character that cannot be seen; type it again")]
    Invisible,
    /// A link in place of a name.
    #[error("A name cannot contain a web address")]
    Link,
}

impl PersonName {
    /// Trims, folds runs of spaces, and composes accents (NFC).
    ///
    /// # Errors
    /// A [`BadName`] for the field's message.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.chars().any(|c| is_invisible(c) && !c.is_whitespace()) || text.contains(['\r', '\n']) {
            return Err(BadName::Invisible);
        }
        let name: String = text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect();
        match name.chars().count() {
            0 => Err(BadName::Empty),
            101.. => Err(BadName::TooLong),
            _ if name.contains("://") || name.to_ascii_lowercase().contains("www.") => Err(BadName::Link),
            _ => Ok(Self(name)),
        }
    }

    /// The name as shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What lists sort by: without regard to case.
    pub fn sort_key(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Control characters, and the format characters that hide or turn text.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_real_names() {
        for (typed, kept) in [
            ("  Ada   Okafor ", "Ada Okafor"),
            ("Nu\u{301}n\u{303}ez", "Núñez"),
            ("O'Neill-Šćepanović", "O'Neill-Šćepanović"),
        ] {
            assert_eq!(PersonName::parse(typed).map(|n| n.to_string()), Ok(kept.nfc().collect()));
        }
    }

    #[test]
    fn refuses_what_would_harm_a_mail_or_a_reader() {
        assert_eq!(PersonName::parse(" "), Err(BadName::Empty));
        assert_eq!(PersonName::parse("Eve\r\nBcc: x"), Err(BadName::Invisible));
        assert_eq!(PersonName::parse("Eve\u{202e}"), Err(BadName::Invisible));
        assert_eq!(PersonName::parse("Eve\0"), Err(BadName::Invisible));
        assert_eq!(PersonName::parse(&"x".repeat(101)), Err(BadName::TooLong));
        assert_eq!(PersonName::parse("see https://x.example"), Err(BadName::Link));
    }
}
