//! The **Mailbox** page: every mail that the demonstration wrote to its folder. Exists in the demonstration only.

use std::path::Path as FilePath;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use mail_parser::MessageParser;

use crate::{
    error::{Error, Result},
    identity::door::Anybody,
    portal::Portal,
    types::{MailId, Timestamp},
    web::{Frame, PageResult, When, page},
};

/// How many mails the list shows, newest first.
const SHOWN: usize = 100;

/// The pages of the mailbox.
pub fn routes() -> Router<Portal> {
    Router::new().route("/mailbox", get(list)).route("/mailbox/{id}", get(show))
}

/// A mail in the list.
pub struct MailRow {
    id: String,
    to: String,
    subject: String,
    when: When,
}

/// The open mail.
pub struct MailView {
    id: String,
    to: String,
    from: String,
    subject: String,
    when: When,
    text: String,
    link: Option<String>,
}

#[derive(Template)]
#[template(path = "mailbox.html")]
struct MailboxPage {
    frame: Frame,
    mails: Vec<MailRow>,
    open: Option<MailView>,
}

async fn list(State(portal): State<Portal>, Anybody(caller): Anybody) -> PageResult {
    render(&portal, caller.actor().ok().map(|actor| actor.name.clone()), None).await
}

async fn show(State(portal): State<Portal>, Anybody(caller): Anybody, Path(id): Path<String>) -> PageResult {
    let id: MailId = id.parse().map_err(|_| Error::NotFound)?;
    let open = read(&portal, &portal.config.mail_folder().join(format!("{id}.eml")))?.ok_or(Error::NotFound)?;
    render(&portal, caller.actor().ok().map(|actor| actor.name.clone()), Some(open)).await
}

async fn render(portal: &Portal, person: Option<String>, open: Option<MailView>) -> PageResult {
    let frame = Frame { person, ..Frame::plain(&portal.config, "Mailbox") };
    let mut names: Vec<_> = std::fs::read_dir(portal.config.mail_folder())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    // The ids sort by time.
    names.sort_by(|a, b| b.cmp(a));
    let mut mails = Vec::new();
    for name in names.into_iter().take(SHOWN) {
        if let Some(mail) = read(portal, &portal.config.mail_folder().join(name))? {
            mails.push(MailRow { id: mail.id, to: mail.to, subject: mail.subject, when: mail.when });
        }
    }
    page(&MailboxPage { frame, mails, open })
}

fn read(portal: &Portal, file: &FilePath) -> Result<Option<MailView>> {
    let Some(id) = file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<MailId>().ok()) else {
        return Ok(None);
    };
    let Ok(bytes) = std::fs::read(file) else { return Ok(None) };
    let Some(message) = MessageParser::default().parse(&bytes) else { return Ok(None) };
    let address = |list: Option<&mail_parser::Address<'_>>| {
        list.and_then(|list| list.first()).and_then(|first| first.address()).unwrap_or_default().to_owned()
    };
    let text = message.body_text(0).unwrap_or_default().into_owned();
    let written = id
        .uuid()
        .get_timestamp()
        .map(|at| at.to_unix())
        .map_or(0, |(seconds, nanos)| i64::try_from(seconds).unwrap_or(0) * 1000 + i64::from(nanos / 1_000_000));
    Ok(Some(MailView {
        id: id.to_string(),
        to: address(message.to()),
        from: address(message.from()),
        subject: message.subject().unwrap_or_default().to_owned(),
        when: When::new(Timestamp(written), portal.now(), &jiff::tz::TimeZone::UTC),
        link: text.split_whitespace().find(|word| word.contains("/join#")).map(str::to_owned),
        text,
    }))
}
