//! Returned mails: delivery status reports (RFC 3464) inside `multipart/report` (RFC 6522), as mail servers send them to the
//! sender of a mail that they could not deliver.

use mail_parser::{HeaderValue, Message, MessageParser, MimeHeaders, PartType};

use super::{Named, Report, Verdict, clip};

/// A returned mail that is longer is not read: reports carry at most the mail that they return.
pub const LARGEST: usize = 4 * 1024 * 1024;
/// Recipients that one report may speak of.
const MOST: usize = 100;

/// Why a mail says nothing about ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Not a mail at all, or a huge one.
    #[error("this is no mail that can be read")]
    NoMail,
    /// A mail, but no report.
    #[error("this is no delivery status report (RFC 3464)")]
    NoReport,
    /// A report that does not say of which mail.
    #[error("the report does not say which mail it is about")]
    NoMessageId,
}

/// Reads a returned mail.
///
/// # Errors
/// When it says nothing about a mail.
pub fn read(bytes: &[u8]) -> Result<Vec<Report>, Unreadable> {
    if bytes.len() > LARGEST {
        return Err(Unreadable::NoMail);
    }
    let mail = MessageParser::default().parse(bytes).ok_or(Unreadable::NoMail)?;
    let status = mail.parts.iter().find_map(|part| {
        let kind = part.content_type()?;
        let is_status = kind.ctype().eq_ignore_ascii_case("message")
            && kind.subtype().is_some_and(|sub| {
                sub.eq_ignore_ascii_case("delivery-status") || sub.eq_ignore_ascii_case("global-delivery-status")
            });
        is_status.then(|| text_of(&part.body))
    });
    let status = status.ok_or(Unreadable::NoReport)?;
    let named = returned_id(&mail).ok_or(Unreadable::NoMessageId)?;
    let groups = groups(&status);
    let reports: Vec<_> = groups.iter().filter_map(|group| report(group, &named)).take(MOST).collect();
    if reports.is_empty() { Err(Unreadable::NoReport) } else { Ok(reports) }
}

fn text_of(body: &PartType<'_>) -> String {
    match body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        PartType::Message(message) => String::from_utf8_lossy(message.raw_message()).into_owned(),
        PartType::Multipart(_) => String::new(),
    }
}

/// The Message-ID of the mail that is returned, whole or by its headers; or what the report answers to.
fn returned_id(mail: &Message<'_>) -> Option<Named> {
    for part in &mail.parts {
        if let PartType::Message(returned) = &part.body
            && let Some(named) = returned.message_id().and_then(Named::parse)
        {
            return Some(named);
        }
        let is_headers = part
            .content_type()
            .is_some_and(|kind| kind.subtype().is_some_and(|sub| sub.to_ascii_lowercase().ends_with("rfc822-headers")));
        if is_headers
            && let Some(value) = field(&text_of(&part.body), "message-id")
            && let Some(named) = Named::parse(&value)
        {
            return Some(named);
        }
    }
    let answers = [mail.in_reply_to(), mail.references()];
    answers
        .into_iter()
        .flat_map(texts)
        .find_map(|text| Named::parse(&text).filter(|named| matches!(named, Named::Ours(..))))
}

fn texts(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(text) => vec![text.clone().into_owned()],
        HeaderValue::TextList(list) => list.iter().map(|text| text.clone().into_owned()).collect(),
        _ => Vec::new(),
    }
}

/// The fields of a status report come in groups divided by empty lines: one for the mail, then one for each recipient.
fn groups(status: &str) -> Vec<String> {
    let mut groups = vec![String::new()];
    for line in status.lines() {
        match groups.last_mut() {
            Some(group) if line.trim().is_empty() && !group.is_empty() => groups.push(String::new()),
            Some(group) if !line.trim().is_empty() => {
                group.push_str(line);
                group.push('\n');
            }
            _ => {}
        }
    }
    groups
}

/// A field's value, its continued lines joined.
fn field(text: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in text.lines() {
        if let Some(value) = found.as_mut() {
            if !line.starts_with([' ', '\t']) {
                break;
            }
            value.push(' ');
            value.push_str(line.trim());
        } else if let Some((label, value)) = line.split_once(':')
            && label.trim().eq_ignore_ascii_case(name)
        {
            found = Some(value.trim().to_owned());
        }
    }
    found
}

fn report(group: &str, named: &Named) -> Option<Report> {
    let action = field(group, "action")?.to_ascii_lowercase();
    let verdict = match action.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default() {
        "failed" => Verdict::Failed,
        "delayed" => Verdict::Delayed,
        _ => Verdict::Other,
    };
    let address = field(group, "original-recipient").or_else(|| field(group, "final-recipient"));
    let recipient =
        address.map(|text| clip(text.rsplit(';').next().unwrap_or_default().trim().trim_matches(['<', '>'])));
    let status = field(group, "status").unwrap_or_default();
    let words = field(group, "diagnostic-code").unwrap_or_default();
    let answer = if words.contains(&status) { words } else { format!("{status} {words}") };
    Some(Report { mail: named.clone(), recipient, verdict, answer: clip(&answer) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "mai_01890a5dac96774bbcceb302099a8057";

    fn returned(status: &str, third: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nTo: portal@northfield.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
             --b\r\nContent-Type: text/plain\r\n\r\nI'm sorry.\r\n\
             --b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n{third}--b--\r\n"
        )
    }

    const STATUS: &str = "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; gone@northfield.example\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <gone@northfield.example>:\r\n Recipient address rejected\r\n";

    #[test]
    fn a_report_is_read_whether_it_returns_the_mail_or_its_headers() {
        let headers = format!("From: a@b.example\r\nMessage-ID: <{ID}.3@portal.example>\r\nSubject: x\r\n");
        for third in [
            format!("--b\r\nContent-Type: message/rfc822\r\n\r\n{headers}\r\nHello\r\n"),
            format!("--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{headers}\r\n"),
        ] {
            let reports = read(returned(STATUS, &third).as_bytes()).expect("a report");
            let [only] = reports.as_slice() else { panic!("{reports:?}") };
            assert_eq!(only.mail, Named::Ours(ID.parse().expect("an id"), 3));
            assert_eq!(only.verdict, Verdict::Failed);
            assert_eq!(only.recipient.as_deref(), Some("gone@northfield.example"));
            assert_eq!(only.answer, "smtp; 550 5.1.1 <gone@northfield.example>: Recipient address rejected");
        }
    }

    #[test]
    fn what_is_no_report_says_so() {
        assert_eq!(read(b"From: a@b.example\r\nSubject: On holiday\r\n\r\nBack on Monday"), Err(Unreadable::NoReport));
        assert_eq!(read(returned(STATUS, "").as_bytes()), Err(Unreadable::NoMessageId));
        let other = format!("--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{ID}.1@p>\r\n\r\n");
        assert_eq!(read(returned("Reporting-MTA: dns; mx\r\n", &other).as_bytes()), Err(Unreadable::NoReport));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>, status in "(.*\\r?\\n){0,6}", third in "(.*\\r?\\n){0,6}") {
            let _ = read(&bytes);
            let _ = read(returned(&status, &third).as_bytes());
        }

        #[test]
        fn message_ids_are_told_apart(text in ".*") {
            let _ = Named::parse(&text);
            prop_assert_eq!(Named::parse(&format!("<{ID}.7@{}>", "host")), Some(Named::Ours(ID.parse().expect("an id"), 7)));
        }
    }
}
