//! The part after the "@": from what people write to the ASCII form that mail servers look up (IDNA).

use super::bad_address::BadAddress;
use super::letters::{Snippet, refuse_look_alikes, refuse_mixed_scripts};
use unicode_script::{Script, UnicodeScript};

/// The domain in ASCII and lower case, or why mail cannot be sent there.
pub(super) fn to_ascii(domain: &str) -> Result<String, BadAddress> {
    if domain.starts_with('[') {
        return Err(BadAddress::AddressLiteral);
    }
    if let Some(sign) = domain.chars().find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.')) {
        return Err(BadAddress::Forbidden(sign));
    }
    refuse_deceptive_labels(domain)?;
    if domain.starts_with('.') || domain.ends_with('.') || domain.contains("..") {
        return Err(BadAddress::MisplacedDot(Snippet::first(domain)));
    }
    // Strict also checks lengths (63 a label, 253 in all), and refuses invalid Punycode and mixed directions.
    let ascii = idna::domain_to_ascii_strict(domain).map_err(|_| BadAddress::BadDomain(Snippet::first(domain)))?;
    // A second look at what it means: an "xn--" label hides its letters, and IDNA maps some into others.
    let (unicode, valid) = idna::domain_to_unicode(&ascii);
    valid.map_err(|_| BadAddress::BadDomain(Snippet::first(domain)))?;
    refuse_deceptive_labels(&unicode)?;
    refuse_unreachable(&ascii)?;
    Ok(ascii)
}

/// `localhost` and `127.0.0.1` are names or numbers inside one network, never a colleague's mailbox.
fn refuse_unreachable(ascii: &str) -> Result<(), BadAddress> {
    let Some((_, ending)) = ascii.rsplit_once('.') else {
        return Err(BadAddress::NoDot(Snippet::first(ascii)));
    };
    if ending.chars().all(|c| c.is_ascii_digit()) {
        return Err(BadAddress::AddressLiteral);
    }
    if ending.len() < 2 {
        return Err(BadAddress::BadDomain(Snippet::first(ascii)));
    }
    Ok(())
}

fn refuse_deceptive_labels(domain: &str) -> Result<(), BadAddress> {
    // Under an ending of the same script (.рф), a word of that script is what everybody expects.
    let native = domain
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .chars()
        .any(|c| matches!(c.script(), Script::Cyrillic | Script::Greek | Script::Armenian));
    for label in domain.split('.') {
        refuse_mixed_scripts(label)?;
        if !native {
            refuse_look_alikes(&label.to_lowercase())?;
        }
    }
    Ok(())
}
