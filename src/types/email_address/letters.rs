//! What a letter is: visible or not, and of which script. Pasted addresses carry letters that look
//! right and are not, so each of these questions ends in a sentence that names the letter.

use super::bad_address::{BadAddress, Place};
use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

/// A few characters of somebody's text, short enough for a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet(String);

const SNIPPET: usize = 24;

impl Snippet {
    /// The end of `text`: what stands right before the trouble.
    pub(super) fn last(text: &str) -> Snippet {
        let too_many = text.chars().count().saturating_sub(SNIPPET);
        let end: String = text.chars().skip(too_many).collect();
        Snippet(if too_many > 0 { format!("…{end}") } else { end })
    }

    pub(super) fn first(text: &str) -> Snippet {
        let mut start: String = text.chars().take(SNIPPET).collect();
        if text.chars().nth(SNIPPET).is_some() {
            start.push('…');
        }
        Snippet(start)
    }
}

impl std::fmt::Display for Snippet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses control characters, invisible ones, and the mark that stands for an unreadable letter.
pub(super) fn refuse_unseen(text: &str) -> Result<(), BadAddress> {
    let mut seen = String::new();
    for c in text.chars() {
        if c.is_control() {
            return Err(BadAddress::ControlCharacter { code: code(c), place: place(&seen) });
        }
        if let Some(name) = invisible(c) {
            return Err(BadAddress::Invisible { name, place: place(&seen) });
        }
        if c == char::REPLACEMENT_CHARACTER {
            return Err(BadAddress::Unreadable { place: place(&seen) });
        }
        seen.push(c);
    }
    Ok(())
}

fn place(seen: &str) -> Place {
    if seen.is_empty() { Place::AtTheStart } else { Place::After(Snippet::last(seen)) }
}

fn code(c: char) -> String {
    format!("U+{:04X}", u32::from(c))
}

/// The name of a character that leaves no ink (Unicode's default-ignorable ones and look-alikes of nothing).
fn invisible(c: char) -> Option<String> {
    let name = match c {
        '\u{200B}' => "a zero-width space",
        '\u{200C}' => "a zero-width non-joiner",
        '\u{200D}' => "a zero-width joiner",
        '\u{2060}' => "a word joiner",
        '\u{FEFF}' => "a byte-order mark",
        '\u{00AD}' => "a soft hyphen",
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => "a variation selector",
        _ if turns_direction(c) => "a mark that turns the writing direction",
        '\u{034F}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{2061}'..='\u{206F}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => {
            return Some(format!("an invisible character ({})", code(c)));
        }
        _ => return None,
    };
    Some(name.to_owned())
}

/// Unicode's bidi controls. In a name they can turn the words around it, too.
pub(super) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Refuses a word whose letters come from scripts that nobody writes together (UTS 39, "highly
/// restrictive": one script, or Japanese, Chinese or Korean with Latin).
pub(super) fn refuse_mixed_scripts(word: &str) -> Result<(), BadAddress> {
    let letters: Vec<(char, Script)> = word.nfc().map(|c| (c, c.script())).filter(|(_, s)| is_real(*s)).collect();
    let has = |wanted: &[Script]| letters.iter().any(|(_, script)| wanted.contains(script));
    let only = |allowed: &[Script]| letters.iter().all(|(_, script)| allowed.contains(script));
    let (han, latin) = (Script::Han, Script::Latin);
    if only(&[latin, han, Script::Hiragana, Script::Katakana])
        || only(&[latin, han, Script::Hangul])
        || only(&[latin, han, Script::Bopomofo])
    {
        return Ok(());
    }
    // Latin is what people expect, so the other letter is the odd one.
    let Some(usual) = (if has(&[latin]) { Some(latin) } else { letters.first().map(|(_, script)| *script) }) else {
        return Ok(());
    };
    match letters.iter().find(|(_, script)| *script != usual) {
        Some((letter, script)) => Err(BadAddress::MixedScripts {
            letter: *letter,
            within: Snippet::first(word),
            script: script.full_name(),
            others: usual.full_name(),
        }),
        None => Ok(()),
    }
}

fn is_real(script: Script) -> bool {
    !matches!(script, Script::Common | Script::Inherited | Script::Unknown)
}

// Letters of each script that pass for Latin ones in common fonts (after Chromium's rules for addresses).
const CYRILLIC_TWINS: &str = "асԁеһіјӏорԗԛѕԝхуъьҽпгѵѡ";
const GREEK_TWINS: &str = "αικνρυωηοτϲϳ";
const ARMENIAN_TWINS: &str = "ոսօհցյզղ";

/// Refuses a word made of nothing but another script's twins of Latin letters: `раураl` passes for "paypal".
pub(super) fn refuse_look_alikes(word: &str) -> Result<(), BadAddress> {
    let twins = [(CYRILLIC_TWINS, Script::Cyrillic), (GREEK_TWINS, Script::Greek), (ARMENIAN_TWINS, Script::Armenian)];
    for (letters, script) in twins {
        let mut real = word.chars().filter(|c| is_real(c.script())).peekable();
        if real.peek().is_some() && real.all(|c| letters.contains(c)) {
            return Err(BadAddress::LookAlike { within: Snippet::first(word), script: script.full_name() });
        }
    }
    Ok(())
}
