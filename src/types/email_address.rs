//! E-mail addresses: read once at the edge, and trusted from there on.
//!
//! Promises: an [`EmailAddress`] can be sent to as it stands (ASCII, accepted by the mail library), holds nothing
//! invisible or deceptive, and two spellings of one mailbox have one [`EmailAddress::key`]. No dot or plus tricks:
//! `a.b` and `ab` are two people. Whether the mailbox exists, or is the one that was meant, is for others to ask.

mod bad_address;
mod domain;
mod letters;
mod mailbox;
#[cfg(test)]
mod tests;

pub use bad_address::{BadAddress, Place};
pub use letters::Snippet;
pub use mailbox::{Mailbox, parse_mailbox};

use std::hash::{Hash, Hasher};
use unicode_normalization::UnicodeNormalization;

/// RFC 5321: 64 octets before the "@", and 254 for an address that fits between angle brackets.
const LONGEST: usize = 254;
const LONGEST_LOCAL_PART: usize = 64;

/// One mailbox's address. Equal addresses have equal keys, whatever their spelling.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    /// For sending: the part before the "@" as typed, and the domain in ASCII (IDNA), lower case.
    original: String,
    /// For comparing: the same in lower case.
    key: String,
}

impl EmailAddress {
    /// Reads one bare address. Spaces around it and a leading `mailto:` are no part of it; nothing else is
    /// mended, since a mended address is a guess about where a patient list goes.
    pub fn parse(text: &str) -> Result<EmailAddress, BadAddress> {
        let typed = without_mailto(trim(text));
        refuse_what_is_no_address(typed)?;
        let (local, domain) = halves(typed)?;
        check_local_part(local)?;
        let domain = domain::to_ascii(domain)?;
        if local.len() + 1 + domain.len() > LONGEST {
            return Err(BadAddress::TooLong);
        }
        lettre::Address::new(local, domain.as_str()).map_err(|_| BadAddress::Unsendable)?;
        let original = format!("{local}@{domain}");
        Ok(EmailAddress { key: original.to_ascii_lowercase(), original })
    }

    /// The address to send to.
    pub fn as_str(&self) -> &str {
        &self.original
    }

    /// What is compared and kept unique.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part after the "@": ASCII, lower case.
    pub fn domain(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// The part before the "@", as typed.
    pub fn local_part(&self) -> &str {
        self.original.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

/// Spaces of every kind, no-break ones too: spreadsheets and web pages put them around what is copied.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace())
}

fn without_mailto(text: &str) -> &str {
    const MAILTO: &str = "mailto:";
    match text.split_at_checked(MAILTO.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(MAILTO) => trim(rest.split('?').next().unwrap_or(rest)),
        _ => text,
    }
}

fn refuse_what_is_no_address(typed: &str) -> Result<(), BadAddress> {
    if typed.is_empty() {
        return Err(BadAddress::Empty);
    }
    // Such a start would run as a formula in the next spreadsheet that a list is exported to.
    if let Some(sign) = typed.chars().next().filter(|c| matches!(c, '=' | '+' | '-')) {
        return Err(BadAddress::Formula(sign));
    }
    if typed.chars().nth(LONGEST).is_some() {
        return Err(BadAddress::TooLong);
    }
    letters::refuse_unseen(typed)
}

fn halves(typed: &str) -> Result<(&str, &str), BadAddress> {
    if typed.starts_with('"') && typed.contains("\"@") {
        return Err(BadAddress::QuotedLocalPart);
    }
    if typed.contains(['<', '>']) {
        return Err(BadAddress::Brackets);
    }
    let (local, domain) = typed.split_once('@').ok_or(BadAddress::NoAt)?;
    let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    if domain.contains('@') {
        let several = typed.split(between).filter(|part| part.contains('@')).count() > 1;
        return Err(if several { BadAddress::Several } else { BadAddress::TwoAts });
    }
    if let Some((before, _)) = typed.split_once(char::is_whitespace) {
        return Err(BadAddress::SpaceInside(Snippet::last(before)));
    }
    if let Some((before, _)) = typed.split_once(',') {
        return Err(BadAddress::Comma(Snippet::last(before)));
    }
    match (local, domain) {
        ("", _) => Err(BadAddress::NothingBefore),
        (_, "") => Err(BadAddress::NothingAfter),
        halves => Ok(halves),
    }
}

/// Plain ASCII "atoms" and dots (RFC 5322): whatever else a standard allows, hospitals' mail servers do not take.
fn check_local_part(local: &str) -> Result<(), BadAddress> {
    letters::refuse_mixed_scripts(local)?;
    if let Some(letter) = local.nfc().find(|c| !c.is_ascii()).or_else(|| local.chars().find(|c| !c.is_ascii())) {
        return Err(BadAddress::NonAsciiLocalPart(letter));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if let Some(sign) = local.chars().find(|c| !allowed(*c)) {
        return Err(BadAddress::Forbidden(sign));
    }
    if local.len() > LONGEST_LOCAL_PART {
        return Err(BadAddress::LocalPartTooLong);
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(BadAddress::MisplacedDot(Snippet::first(local)));
    }
    Ok(())
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &EmailAddress) -> bool {
        self.key == other.key
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl std::fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.original)
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<EmailAddress, BadAddress> {
        EmailAddress::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<EmailAddress, BadAddress> {
        EmailAddress::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> String {
        address.original
    }
}
