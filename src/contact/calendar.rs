//! An appointment as an iCalendar object (RFC 5545) in the form in which mail carries it (RFC 5546, RFC 6047).

use crate::types::Timestamp;

/// What the object says.
pub(super) struct Entry<'a> {
    /// `REQUEST` or `CANCEL`.
    pub method: &'static str,
    /// The same for as long as the appointment lives.
    pub uid: String,
    /// How often it was changed.
    pub sequence: i64,
    /// When it was written down.
    pub stamp: Timestamp,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub summary: &'a str,
    pub description: &'a str,
    /// Name and address of who invites.
    pub organizer: (&'a str, &'a str),
    /// The address of who is invited.
    pub attendee: &'a str,
}

impl Entry<'_> {
    /// The object's text.
    pub fn write(&self) -> String {
        let status = if self.method == "CANCEL" { "CANCELLED" } else { "TENTATIVE" };
        let (name, organizer) = self.organizer;
        [
            "BEGIN:VCALENDAR".to_owned(),
            "VERSION:2.0".to_owned(),
            "PRODID:-//Care Portal//Appointments//EN".to_owned(),
            "CALSCALE:GREGORIAN".to_owned(),
            format!("METHOD:{}", self.method),
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}", escape(&self.uid)),
            format!("SEQUENCE:{}", self.sequence),
            format!("DTSTAMP:{}", instant(self.stamp)),
            format!("DTSTART:{}", instant(self.starts_at)),
            format!("DTEND:{}", instant(self.ends_at)),
            format!("STATUS:{status}"),
            format!("SUMMARY:{}", escape(self.summary)),
            format!("DESCRIPTION:{}", escape(self.description)),
            "CLASS:PRIVATE".to_owned(),
            format!("ORGANIZER;CN=\"{}\":{}", parameter(name), mailto(organizer)),
            // The answer is given on the private page: nobody reads what a calendar would send back.
            format!("ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:{}", mailto(self.attendee)),
            "END:VEVENT".to_owned(),
            "END:VCALENDAR".to_owned(),
        ]
        .iter()
        .map(|line| fold(line))
        .collect()
    }
}

fn instant(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// RFC 5545 3.3.11.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            letter if letter.is_control() => {}
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// What may stand between quotation marks (RFC 5545 3.2).
fn parameter(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '"').collect()
}

fn mailto(address: &str) -> String {
    let mut uri = "mailto:".to_owned();
    for byte in address.bytes() {
        if byte.is_ascii_alphanumeric() || b"@.-_+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// At most 75 bytes in a line; what is longer goes on in the next after a space (RFC 5545 3.1). No letter is cut in two.
fn fold(line: &str) -> String {
    let (mut folded, mut length) = (String::with_capacity(line.len() + 2), 0);
    for letter in line.chars() {
        if length + letter.len_utf8() > 75 {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(letter);
        length += letter.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unfold(text: &str) -> Vec<String> {
        text.replace("\r\n ", "").split_terminator("\r\n").map(str::to_owned).collect()
    }

    fn unescape(text: &str) -> String {
        let (mut plain, mut letters) = (String::new(), text.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => plain.extend(letters.next().map(|next| if next == 'n' { '\n' } else { next })),
                letter => plain.push(letter),
            }
        }
        plain
    }

    fn written(summary: &str, organizer: &str) -> String {
        let entry = Entry {
            method: "REQUEST",
            uid: "apt_1@portal.example".to_owned(),
            sequence: 2,
            stamp: Timestamp(1_790_000_000_000),
            starts_at: Timestamp(1_790_000_000_000),
            ends_at: Timestamp(1_790_001_800_000),
            summary,
            description: "",
            organizer: (organizer, "portal@hospital.example"),
            attendee: "o'neill, \"x\"@patients.example",
        };
        entry.write()
    }

    #[test]
    fn it_says_what_it_was_given() {
        let lines = unfold(&written("Visit", "St. \"Mary's\""));
        for line in [
            "METHOD:REQUEST",
            "SEQUENCE:2",
            "DTSTART:20260921T141320Z",
            "DTEND:20260921T144320Z",
            "STATUS:TENTATIVE",
            "SUMMARY:Visit",
            "ORGANIZER;CN=\"St. Mary's\":mailto:portal@hospital.example",
            "ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE:mailto:o%27neill%2C%20%22x%22@patients.example",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line}: {lines:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_no_line_is_too_long(text in "[^\\p{Cc}]{0,200}(\n[^\\p{Cc}]{0,80})?") {
            let whole = written(&text, &text);
            for line in whole.split_terminator("\r\n") {
                prop_assert!(line.len() <= 75, "{line}");
                prop_assert!(!line.contains(['\r', '\n']));
            }
            let lines = unfold(&whole);
            let summary = lines.iter().find_map(|line| line.strip_prefix("SUMMARY:"));
            prop_assert_eq!(summary.map(unescape), Some(text));
            prop_assert_eq!(lines.len(), 19);
        }
    }
}
