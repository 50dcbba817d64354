//! A mailbox as mail programs copy it: `"Okafor, Ben" <ben.okafor@hospital.example>`, or the address alone.

use super::letters::turns_direction;
use super::{BadAddress, EmailAddress, trim};
use unicode_normalization::UnicodeNormalization;

const LONGEST_NAME: usize = 100;

/// An address, and the person's name where one stood beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    pub address: EmailAddress,
    /// At most 100 characters, without control characters, line ends and marks that turn the direction.
    pub name: Option<String>,
}

/// Reads an address with or without a name. A name that cannot be trusted is dropped; the address is kept.
pub fn parse_mailbox(text: &str) -> Result<Mailbox, BadAddress> {
    let text = trim(text);
    let in_brackets = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<'));
    let Some((name, address)) = in_brackets else {
        return Ok(Mailbox { address: EmailAddress::parse(text)?, name: None });
    };
    if name.starts_with('=') {
        return Err(BadAddress::Formula('='));
    }
    if name.contains(['<', '>']) {
        return Err(BadAddress::Brackets);
    }
    Ok(Mailbox { address: EmailAddress::parse(address)?, name: read_name(name) })
}

fn read_name(written: &str) -> Option<String> {
    let name: String = unquoted(trim(written)).nfc().take(LONGEST_NAME).collect();
    let name = trim(&name);
    // A name with an "@" is the address again, or pretends to be another one; `+` and `-` start formulas.
    let untrusted = |c: char| c.is_control() || turns_direction(c) || matches!(c, '\u{2028}' | '\u{2029}' | '@');
    (!name.is_empty() && !name.contains(untrusted) && !name.starts_with(['=', '+', '-'])).then(|| name.to_owned())
}

fn unquoted(name: &str) -> String {
    let inside = |mark: char| name.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    match inside('"') {
        Some(quoted) => without_escapes(quoted),
        None => inside('\'').unwrap_or(name).to_owned(),
    }
}

/// RFC 5322 writes `\"` and `\\` for these two inside quotation marks.
fn without_escapes(quoted: &str) -> String {
    let mut plain = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(c) = letters.next() {
        let kept = if c == '\\' { letters.next() } else { Some(c) };
        plain.extend(kept);
    }
    plain
}

/// Writes it so that it can stand in a list and be read again.
impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            None => write!(f, "{}", self.address),
            Some(name) => {
                let name = name.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, "\"{name}\" <{}>", self.address)
            }
        }
    }
}
