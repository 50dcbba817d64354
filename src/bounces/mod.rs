//! Mail that comes back after the mail server had taken it: reports by a provider's webhook, and returned mails that any mail
//! set-up pipes in. A report names one of our mails by its Message-ID, or by the id that the provider gave it when it took it.
//!
//! Promise: a report that comes again changes nothing, one of an earlier link never marks a newer one, and nothing that
//! somebody sends here makes the portal fail.

pub mod actions;
pub mod pages;
pub mod report;
mod token;
pub mod webhook;

use crate::types::MailId;

pub use token::Token;

/// Which mail a report speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By our own Message-ID: the mail and its generation.
    Ours(MailId, i64),
    /// By the id that the provider's server gave it, as it stands in that server's answer.
    Theirs(String),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It will not arrive.
    Failed,
    /// A server on the way is still trying.
    Delayed,
    /// It arrived, somebody is on holiday, and the like.
    Other,
}

/// What a report says of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which mail.
    pub mail: Named,
    /// To whom, where it is said.
    pub recipient: Option<String>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, in the words of the server that would not take it.
    pub answer: String,
}

/// What came of some reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    /// Mails that count as bounced from now on.
    pub bounced: u32,
    /// Mails that are known to be delayed.
    pub delayed: u32,
    /// Reports that tell nothing new.
    pub nothing_new: u32,
    /// Reports that name no mail of ours.
    pub not_ours: u32,
}

impl Named {
    /// Reads a Message-ID: ours is `<mai_….1@host>`, whatever the host is called by now.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['<', '>']);
        if text.is_empty() || text.len() > 300 || text.contains(char::is_whitespace) {
            return None;
        }
        Some(ours(text).unwrap_or_else(|| Self::Theirs(text.split('@').next().unwrap_or_default().to_owned())))
    }
}

fn ours(text: &str) -> Option<Named> {
    let (local, _) = text.split_once('@').unwrap_or((text, ""));
    let (mail, generation) = local.rsplit_once('.')?;
    Some(Named::Ours(mail.parse().ok()?, generation.parse().ok()?))
}

/// A server's words as they are kept: one line, not longer than a list can show.
pub(crate) fn clip(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    words.join(" ").chars().filter(|c| !c.is_control()).take(300).collect()
}
