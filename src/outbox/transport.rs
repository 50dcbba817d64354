//! How a letter leaves: to a mail server, or into a folder.

use std::{
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::Context;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::PoolConfig,
};

use super::{Calendar, Claimed, Letter, Outcome};
use crate::{config::Config, types::Secret};

/// Where letters go.
#[derive(Clone, Debug)]
pub enum Transport {
    /// A mail server.
    Smtp(Arc<Server>),
    /// One `.eml` file a mail.
    Folder(PathBuf),
}

/// A mail server and the connections to it.
#[derive(Debug)]
pub struct Server {
    url: Secret<String>,
    connections: u32,
    patience: Duration,
    pool: RwLock<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Server {
    fn new(config: &Config, url: Secret<String>) -> anyhow::Result<Self> {
        let connections = u32::try_from(config.mail_connections).unwrap_or(4);
        let patience = Duration::from_secs(config.mail_timeout_seconds);
        let pool = RwLock::new(connect(&url, connections, patience)?);
        Ok(Self { url, connections, patience, pool })
    }

    /// The library's own time limit covers connecting only, and a connection that was given up in the middle of a command would
    /// go back into the pool; so a time-out here replaces the pool.
    async fn send(&self, message: Message) -> Outcome {
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner).clone();
        match tokio::time::timeout(self.patience, pool.send(message)).await {
            Ok(Ok(answer)) => {
                Outcome::Sent(clip(&format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))))
            }
            Ok(Err(error)) if refused_for_good(&error) => Outcome::Refused(clip(&describe(&error))),
            Ok(Err(error)) => Outcome::TryAgain(clip(&describe(&error))),
            Err(_) => {
                if let Ok(fresh) = connect(&self.url, self.connections, self.patience) {
                    *self.pool.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                }
                Outcome::TryAgain(format!("The mail server did not answer within {} seconds", self.patience.as_secs()))
            }
        }
    }
}

fn connect(
    url: &Secret<String>,
    connections: u32,
    patience: Duration,
) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    Ok(AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
        .context("smtp_url cannot be understood; write smtp://user:password@host:587?tls=required or smtps://…")?
        .timeout(Some(patience))
        .pool_config(PoolConfig::new().max_size(connections).idle_timeout(Duration::from_secs(30)))
        .build())
}

impl Transport {
    /// The mail server of the configuration, or a folder in the data directory when there is none.
    ///
    /// # Errors
    /// When the server's address cannot be understood or the folder cannot be made.
    pub fn from_config(config: &Config) -> anyhow::Result<Self> {
        if let Some(url) = &config.smtp_url {
            return Ok(Self::Smtp(Arc::new(Server::new(config, url.clone())?)));
        }
        let folder = config.mail_folder();
        std::fs::create_dir_all(&folder).with_context(|| format!("making the mail folder {}", folder.display()))?;
        Ok(Self::Folder(folder))
    }

    /// Hands one letter over.
    pub(super) async fn send(&self, config: &Config, mail: &Claimed, letter: Letter) -> Outcome {
        let message = match message(config, mail, letter) {
            Ok(message) => message,
            Err(error) => return Outcome::Refused(format!("The mail cannot be written: {error:#}")),
        };
        match self {
            Self::Folder(folder) => {
                let file = folder.join(format!("{}.eml", mail.id));
                match tokio::fs::write(&file, message.formatted()).await {
                    Ok(()) => Outcome::Sent("written to the mail folder".to_owned()),
                    Err(error) => Outcome::TryAgain(format!("The mail folder cannot be written: {error}")),
                }
            }
            Self::Smtp(server) => server.send(message).await,
        }
    }
}

/// A 5xx answer is final, except where it speaks of *our* signing in (RFC 4954): that is mended by the operator, and the mail then goes.
fn refused_for_good(error: &lettre::transport::smtp::Error) -> bool {
    let ours = error.status().is_some_and(|code| matches!(u16::from(code), 500..=504 | 530 | 534 | 535 | 538));
    error.is_permanent() && !ours
}

fn describe(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Servers may say much; a list shows a line.
fn clip(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn message(config: &Config, mail: &Claimed, letter: Letter) -> anyhow::Result<Message> {
    let from: Mailbox = config.mail_from.parse().context("mail_from is no address")?;
    let to = Mailbox::new(None, mail.recipient.parse().context("the recipient's address is not valid")?);
    let message = Message::builder()
        .from(from)
        .to(to)
        .subject(letter.subject.trim())
        .message_id(Some(format!("<{}.{}@{}>", mail.id, mail.generation, config.public_host())))
        // A provider that gives every mail an id of its own says by this which one came back; others leave it alone.
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("X-PM-Metadata-mail"),
            format!("{}.{}", mail.id, mail.generation),
        ))
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(parts(letter.text, letter.html, letter.calendar)?)?;
    Ok(message)
}

/// The same letter in every form that a reader may want; a calendar's entry is one of them (RFC 6047 2.4).
fn parts(text: String, html: String, calendar: Option<Calendar>) -> anyhow::Result<MultiPart> {
    let parts = MultiPart::alternative_plain_html(text, html);
    let Some(calendar) = calendar else { return Ok(parts) };
    let kind = ContentType::parse(&format!("text/calendar; charset=utf-8; method={}", calendar.method))?;
    Ok(parts.singlepart(SinglePart::builder().header(kind).body(calendar.text)))
}
