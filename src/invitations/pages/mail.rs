//! Where a mail stands, as pages show it: a word with an icon, the reason for everybody, and the server's own words on demand.

use jiff::tz::TimeZone;

use crate::{
    outbox::{
        Delivery,
        life::{self, Stage},
    },
    types::Timestamp,
    web::When,
};

/// A mail's standing in words.
pub struct MailWords {
    pub(super) stage: Stage,
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    /// "Trying again in 5 minutes".
    pub(super) word: String,
    /// Why, where there is a reason to give.
    pub(super) reason: Option<&'static str>,
    /// What to do about it, or what the standing means.
    pub(super) advice: &'static str,
    /// The server's own words.
    pub(super) answer: String,
    /// When it was settled, or is tried next.
    pub(super) at: When,
    pub(super) attempts: i64,
}

impl MailWords {
    pub(super) fn new(delivery: &Delivery, now: Timestamp, zone: &TimeZone) -> Self {
        let stage = Stage::of(&delivery.state);
        let at = When::new(delivery.at, now, zone);
        let reason = life::reason(stage, &delivery.answer);
        let word = match stage {
            Stage::TryingAgain => format!("{} {}", stage.word(), at.relative),
            _ => stage.word().to_owned(),
        };
        Self {
            tone: stage.tone(),
            icon: stage.icon(),
            word,
            reason: reason.map(|reason| reason.sentence),
            advice: reason.map_or(stage.meaning(), |reason| reason.advice),
            answer: delivery.answer.clone(),
            at,
            attempts: delivery.attempts,
            stage,
        }
    }

    /// What hovering tells: when, and in the server's words.
    pub(super) fn detail(&self) -> String {
        match (self.stage, self.answer.is_empty()) {
            (Stage::Queued | Stage::NotSent, _) => String::new(),
            (_, true) => self.at.exact.clone(),
            (_, false) => format!("{}: {}", self.at.exact, self.answer),
        }
    }
}
