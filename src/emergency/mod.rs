//! Emergency accesses: a clinician opens one patient whom their roles do not reach, for a reason and at most an hour. It lets read and
//! nothing else; everything read is marked in the access log; those who look after access are told at once. Nobody can make one last
//! longer or say something else: there is nothing that changes it, only what ends it.
//!
//! How reading honours it is said in [`crate::access`]: it is judged by the clock in the statement, so it ends by itself.

pub mod actions;
pub mod email;
pub mod pages;
mod store;

pub use store::list_statement;

use std::time::Duration;

use crate::{
    access::Scope,
    types::{AccountId, EmergencyId, PatientId, Timestamp},
};

/// How long it lasts.
pub const LASTS: Duration = Duration::from_secs(60 * 60);
/// Letters that a reason has at least.
const FEWEST_LETTERS: usize = 10;
/// The longest reason.
pub const LONGEST_REASON: usize = 500;
/// The longest number that anybody is asked to type.
pub const LONGEST_NUMBER: usize = 100;

/// An emergency access.
#[derive(Clone, Debug)]
pub struct EmergencyAccess {
    /// Its id.
    pub id: EmergencyId,
    /// Whom it opened.
    pub patient: PatientId,
    /// What everybody knows the patient by.
    pub number: String,
    /// Where the patient is.
    pub scope: Scope,
    /// Who opened them.
    pub account: AccountId,
    /// Why.
    pub reason: String,
    /// When.
    pub begun_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// When it was ended before that.
    pub ended_at: Option<Timestamp>,
}

impl EmergencyAccess {
    /// Whether it lets anybody read at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.ends_at
    }
}

/// The reason as it is kept: one line.
///
/// # Errors
/// The sentence beside the field.
fn read_reason(text: &str) -> Result<String, String> {
    let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.chars().filter(|c| c.is_alphabetic()).count() < FEWEST_LETTERS {
        return Err(format!("Write in at least {FEWEST_LETTERS} letters why you need to see this patient now"));
    }
    if reason.chars().count() > LONGEST_REASON {
        return Err(format!("Use at most {LONGEST_REASON} characters"));
    }
    if reason.chars().any(char::is_control) {
        return Err("The reason contains a character that cannot be seen".to_owned());
    }
    Ok(reason)
}

/// The number as it is looked for.
///
/// # Errors
/// The sentence beside the field.
fn read_number(text: &str) -> Result<String, String> {
    let number = text.trim();
    match number.chars().count() {
        0 => Err("Type the patient's number".to_owned()),
        n if n > LONGEST_NUMBER => Err("No patient's number is as long as this; check it".to_owned()),
        _ => Ok(number.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_something() {
        assert_eq!(read_reason("  collapsed\n in  the corridor ").as_deref(), Ok("collapsed in the corridor"));
        let most = "a".repeat(LONGEST_REASON);
        assert_eq!(read_reason(&most).as_deref(), Ok(most.as_str()));
        for bad in
            ["", "emergency", "1234567890 1234567890", "..........", &format!("{most}a"), "collapsed \u{7} in bed"]
        {
            assert!(read_reason(bad).is_err(), "{bad}");
        }
    }
}
