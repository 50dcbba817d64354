//! The life of a mail in words: how far it has come, and why it went no further, for people who know nothing of mail servers.

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waits to be handed over.
    Queued,
    /// The mail server has taken it; whether it reached the mailbox is not known.
    HandedOver,
    /// Could not be handed over yet.
    TryingAgain,
    /// Handed over, and a server on the way is still trying.
    Delayed,
    /// The mail server would not take it.
    Refused,
    /// It was handed over and came back.
    Bounced,
    /// Writing it failed again and again.
    SetAside,
    /// Nobody wanted it sent any more.
    NotSent,
}

impl Stage {
    /// Of a stored state.
    pub fn of(state: &str) -> Self {
        match state {
            "sent" => Self::HandedOver,
            "trying" => Self::TryingAgain,
            "delayed" => Self::Delayed,
            "refused" => Self::Refused,
            "bounced" => Self::Bounced,
            "set_aside" => Self::SetAside,
            "withdrawn" => Self::NotSent,
            _ => Self::Queued,
        }
    }

    /// The word on screen.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::HandedOver => "Handed over",
            Self::TryingAgain => "Trying again",
            Self::Delayed => "Delayed on the way",
            Self::Refused => "Refused",
            Self::Bounced => "Bounced",
            Self::SetAside => "Set aside",
            Self::NotSent => "Not sent",
        }
    }

    /// The icon beside the word.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Queued => "clock",
            Self::HandedOver => "check",
            Self::TryingAgain | Self::Delayed => "resend",
            Self::Refused | Self::SetAside => "warning",
            Self::Bounced => "undo",
            Self::NotSent => "declined",
        }
    }

    /// What gives the word its colour.
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Queued | Self::NotSent => "queued",
            Self::HandedOver => "sent",
            Self::TryingAgain | Self::Delayed => "trying",
            Self::Refused | Self::Bounced | Self::SetAside => "refused",
        }
    }

    /// What it means, in a sentence, where no answer of a server says more.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Queued => "It waits its turn and leaves by itself.",
            Self::HandedOver => {
                "The mail server has taken it. Whether the person has seen it, only the person can tell."
            }
            Self::TryingAgain => "It could not be handed over yet. The portal tries again by itself.",
            Self::Delayed => "It was handed over, and a mail server on the way is still trying.",
            Self::Refused => "The mail server would not take it, and it is not tried again.",
            Self::Bounced => "It was handed over and came back later: it did not reach the person.",
            Self::SetAside => "The portal could not write this mail. Tell whoever runs the portal.",
            Self::NotSent => "It was taken back before it left, so nobody got it.",
        }
    }

    /// Whether the mail did not arrive and nothing more happens by itself.
    pub const fn has_failed(self) -> bool {
        matches!(self, Self::Refused | Self::Bounced | Self::SetAside)
    }

    /// Whether a server's answer explains it.
    const fn has_cause(self) -> bool {
        matches!(self, Self::TryingAgain | Self::Delayed | Self::Refused | Self::Bounced)
    }
}

/// Why a mail went no further, in words for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What is the matter.
    pub sentence: &'static str,
    /// What to do about it.
    pub advice: &'static str,
}

const WAIT: &str = "Nothing needs to be done: it is tried again by itself.";
const CORRECT: &str = "Ask the person for the right address, and correct it here.";
const OPERATOR: &str = "Tell whoever runs the portal; the mails go by themselves once it is mended.";
const THEIR_IT: &str = "Ask the person's IT department to let mails of this portal through, or invite another address.";

/// A mail's state with its reason, on one line: "Refused: The mailbox is full".
pub fn in_words(state: &str, answer: &str) -> String {
    let stage = Stage::of(state);
    match reason(stage, answer) {
        Some(reason) => format!("{}: {}", stage.word(), reason.sentence),
        None => stage.word().to_owned(),
    }
}

/// Why, from a server's answer. Servers speak by numbers (RFC 5321, RFC 3463) and add what they like; the number is believed
/// before the words.
pub fn reason(stage: Stage, answer: &str) -> Option<Reason> {
    if !stage.has_cause() {
        return None;
    }
    let text = answer.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let code = enhanced_code(&text);
    let detail = code.map(|(_, subject, detail)| (subject, detail));
    let because = |sentence, advice| Some(Reason { sentence, advice });
    let for_good = matches!(stage, Stage::Refused | Stage::Bounced);
    if !for_good && says(&["greylist", "graylist", "grey-list"]) {
        return because("The other side lets every new sender wait for a while. That is usual", WAIT);
    }
    if says(&["certificate", "starttls", "tls", "handshake"]) && code.is_none() {
        return because("The connection to the mail server is not safe, so nothing was sent", OPERATOR);
    }
    if says(&["authentication", "535", "530"]) && code.is_none_or(|(_, subject, detail)| (subject, detail) != (1, 1)) {
        return because("The mail server does not accept the portal's own sign-in", OPERATOR);
    }
    match detail {
        Some((1, 2 | 10) | (4, 4)) => {
            return because("The part after the “@” does not exist or takes no mail", CORRECT);
        }
        Some((1, _)) => return because("There is no such mailbox: the address is misspelt, or it was closed", CORRECT),
        Some((2, 1)) => return because("The mailbox is switched off", "Ask the person which address they read."),
        Some((2, 2)) => return because("The mailbox is full", full(for_good)),
        Some((3, 4)) => return because("The mail is larger than the other side allows", OPERATOR),
        Some((7, _)) => {
            return because("The mail filter of the other side did not let it through", THEIR_IT);
        }
        _ => {}
    }
    if says(&["mailbox full", "quota", "552"]) {
        return because("The mailbox is full", full(for_good));
    }
    if says(&["host not found", "no such domain", "unrouteable", "domain not found", "nxdomain"]) {
        return because("The part after the “@” does not exist or takes no mail", CORRECT);
    }
    if says(&[
        "no such user",
        "user unknown",
        "unknown user",
        "no such mailbox",
        "does not exist",
        "recipient rejected",
    ]) {
        return because("There is no such mailbox: the address is misspelt, or it was closed", CORRECT);
    }
    if says(&["spam", "blocked", "blacklist", "blocklist", "policy", "dmarc", "554"]) {
        return because("The mail filter of the other side did not let it through", THEIR_IT);
    }
    if says(&["did not answer", "timed out", "timeout"]) {
        return because("The mail server did not answer in time", WAIT);
    }
    if says(&["connection", "network", "incomplete response", "dns error", "lookup"]) {
        return because("The mail server could not be reached", OPERATOR);
    }
    if says(&["452", "insufficient"]) {
        return because("The mail server has no room at the moment", WAIT);
    }
    if says(&["421", "too many", "rate", "450", "451"]) || !for_good {
        return because("The mail server is busy and asks to try later", WAIT);
    }
    because("The mail server would not take it", "Check the address; if it is right, show the answer below to IT.")
}

const fn full(for_good: bool) -> &'static str {
    if for_good { "Ask the person to make room, and resend the invitation." } else { WAIT }
}

/// The first `5.1.1` in a text that looks like one.
fn enhanced_code(text: &str) -> Option<(u8, u16, u16)> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|word| {
        let mut parts = word.trim_matches('.').split('.');
        let class: u8 = parts.next()?.parse().ok().filter(|class| matches!(class, 2 | 4 | 5))?;
        let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        // Four parts are a network address.
        (parts.next().is_none() && subject <= 7 && detail < 1000).then_some((class, subject, detail))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_of_real_servers_become_words() {
        for (stage, answer, expected) in [
            (Stage::Refused, "permanent error (550): 5.1.1 No such user", "no such mailbox"),
            (Stage::Bounced, "smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound", "after the “@”"),
            (Stage::Bounced, "smtp; 550-5.2.1 The email account that you tried to reach is disabled", "switched off"),
            (Stage::TryingAgain, "transient error (452): 4.2.2 mailbox full", "full"),
            (Stage::TryingAgain, "transient error (451): 4.7.1 greylisted, try again later", "every new sender"),
            (Stage::TryingAgain, "transient error (421): too busy", "busy"),
            (Stage::TryingAgain, "transient error (452): insufficient system storage", "no room"),
            (Stage::Refused, "permanent error (554): 5.7.1 Message rejected as spam", "mail filter"),
            (Stage::TryingAgain, "Connection error: Connection refused (os error 111)", "could not be reached"),
            (Stage::TryingAgain, "Connection error: invalid peer certificate: UnknownIssuer", "not safe"),
            (Stage::TryingAgain, "The mail server did not answer within 2 seconds", "in time"),
            (Stage::TryingAgain, "permanent error (535): authentication failed", "own sign-in"),
            (Stage::Refused, "permanent error (550): no", "would not take it"),
        ] {
            let words = reason(stage, answer).map(|reason| reason.sentence).unwrap_or_default();
            assert!(words.contains(expected), "{answer}: {words}");
        }
        assert_eq!(reason(Stage::HandedOver, "250 ok"), None);
        assert_eq!(enhanced_code("connect to 192.0.2.25 failed"), None);
    }

    proptest! {
        #[test]
        fn every_failure_has_words(answer in ".{0,80}") {
            for stage in [Stage::TryingAgain, Stage::Delayed, Stage::Refused, Stage::Bounced] {
                prop_assert!(reason(stage, &answer).is_some());
            }
        }
    }
}
