//! What security mail tells of, in words: for the mail, for the page behind its link, and for those who manage access.

use serde_json::Value;

/// What happened to an account. The entries of the detail that a kind speaks of stand beside it; all kinds understand
/// `organisation` (the printed id of where it belongs; found by itself when it is not given).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Signed in to in a browser that was not used before.
    NewDevice,
    /// The password is another one. `how`: `reset` or `profile`.
    PasswordChanged,
    /// A manager asked for a link to choose a new one. `by`.
    ResetAskedFor,
    /// An authenticator app was added.
    AuthenticatorAdded,
    /// The authenticator app was removed.
    AuthenticatorRemoved,
    /// A passkey was added. `name`.
    PasskeyAdded,
    /// A passkey was removed. `name`.
    PasskeyRemoved,
    /// Ten new recovery codes; earlier ones are dead.
    RecoveryCodesMade,
    /// One was used. `left`: how many are left.
    RecoveryCodeUsed,
    /// A manager reset the second factor. `by`, `reason`.
    SecondFactorReset,
    /// Roles were changed by somebody. `by`, `changes`: a list of `place`, `from`, `to`.
    RoleChanged,
    /// Access was ended by somebody. `by`, `changes`: a list of `place`, `from`.
    AccessEnded,
    /// An API key was made. `name`, `place`.
    ApiKeyMade,
}

impl NoticeKind {
    /// Each with its stable word.
    const KEYS: [(Self, &'static str); 13] = [
        (Self::NewDevice, "new_device"),
        (Self::PasswordChanged, "password_changed"),
        (Self::ResetAskedFor, "reset_asked_for"),
        (Self::AuthenticatorAdded, "authenticator_added"),
        (Self::AuthenticatorRemoved, "authenticator_removed"),
        (Self::PasskeyAdded, "passkey_added"),
        (Self::PasskeyRemoved, "passkey_removed"),
        (Self::RecoveryCodesMade, "recovery_codes_made"),
        (Self::RecoveryCodeUsed, "recovery_code_used"),
        (Self::SecondFactorReset, "second_factor_reset"),
        (Self::RoleChanged, "role_changed"),
        (Self::AccessEnded, "access_ended"),
        (Self::ApiKeyMade, "api_key_made"),
    ];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::KEYS.into_iter().map(|(kind, _)| kind)
    }

    /// The stable word.
    pub fn key(self) -> &'static str {
        Self::KEYS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, key)| key)
    }

    /// The kind of a stored word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::KEYS.iter().find(|(_, known)| *known == key).map(|(kind, _)| *kind)
    }

    /// Whether somebody else does it to the account. Then the mail says who, and not from which address: that is theirs.
    pub const fn is_by_others(self) -> bool {
        matches!(self, Self::ResetAskedFor | Self::SecondFactorReset | Self::RoleChanged | Self::AccessEnded)
    }

    /// Whether it belongs to one organisation alone, and is nothing that others should hear of.
    pub const fn is_of_one_place(self) -> bool {
        self.is_by_others() || matches!(self, Self::ApiKeyMade)
    }

    /// The subject of the mail and the heading of the page.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::NewDevice => "Your account was used in a new browser",
            Self::PasswordChanged => "Your password was changed",
            Self::ResetAskedFor => "A new password was asked for",
            Self::AuthenticatorAdded => "An authenticator app was added",
            Self::AuthenticatorRemoved => "An authenticator app was removed",
            Self::PasskeyAdded => "A passkey was added",
            Self::PasskeyRemoved => "A passkey was removed",
            Self::RecoveryCodesMade => "New recovery codes were made",
            Self::RecoveryCodeUsed => "A recovery code was used",
            Self::SecondFactorReset => "Your second factor was reset",
            Self::RoleChanged => "Your role was changed",
            Self::AccessEnded => "Your access was ended",
            Self::ApiKeyMade => "An API key was made",
        }
    }

    /// What happened, a sentence each.
    pub fn sentences(self, detail: &Value) -> Vec<String> {
        let word = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
        let by = || if word("by").is_empty() { "Somebody who manages access" } else { word("by") };
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::NewDevice => {
                one("Somebody signed in as you in a browser in which your account was never used before.")
            }
            Self::PasswordChanged if word("how") == "reset" => one(
                "The new one was chosen by a link from Forgot Password. Every session was ended, and no browser is trusted any more.",
            ),
            Self::PasswordChanged => one("It was changed in your profile. Every other session was ended."),
            Self::ResetAskedFor => vec![
                format!("{} asked that you choose a new password.", by()),
                "The link for it comes in a mail of its own, to you alone.".to_owned(),
            ],
            Self::AuthenticatorAdded => one("An authenticator app now gives codes for signing in as you."),
            Self::AuthenticatorRemoved => one("Codes of your authenticator app are no longer taken."),
            Self::PasskeyAdded => vec![format!("The passkey “{}” can now be used to sign in as you.", word("name"))],
            Self::PasskeyRemoved => vec![format!("The passkey “{}” is no longer taken.", word("name"))],
            Self::RecoveryCodesMade => one("Ten new recovery codes were shown. Earlier ones no longer work."),
            Self::RecoveryCodeUsed => {
                let left = detail.get("left").and_then(Value::as_u64).unwrap_or_default();
                let codes = if left == 1 { "code is" } else { "codes are" };
                vec![format!("Somebody signed in as you with a recovery code. {left} {codes} left.")]
            }
            Self::SecondFactorReset => vec![
                format!("{} reset your second factor. Their reason: {}", by(), word("reason")),
                "When you sign in next, you set up a new one.".to_owned(),
            ],
            Self::RoleChanged => {
                changes(detail, |place, from, to| format!("{} changed your role in {place} from {from} to {to}.", by()))
            }
            Self::AccessEnded => {
                changes(detail, |place, from, _| format!("{} ended your access to {place} as {from}.", by()))
            }
            Self::ApiKeyMade => vec![format!(
                "The API key “{}” was made in your name for {}. A program that has it can do what the key allows.",
                word("name"),
                word("place")
            )],
        }
    }
}

/// A sentence for each change of the list.
fn changes(detail: &Value, sentence: impl Fn(&str, &str, &str) -> String) -> Vec<String> {
    let list = detail.get("changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let word = |change: &Value, name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    list.iter().map(|change| sentence(&word(change, "place"), &word(change, "from"), &word(change, "to"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_has_its_word_and_says_something() {
        let detail = json!({
            "by": "Priya", "name": "Roster", "place": "Cardiology", "reason": "Lost phone.", "left": 1,
            "changes": [{ "place": "Cardiology", "from": "Contributor", "to": "Admin" }],
        });
        for kind in NoticeKind::all() {
            assert_eq!(NoticeKind::from_key(kind.key()), Some(kind));
            let sentences = kind.sentences(&detail);
            assert!(!sentences.is_empty() && sentences.iter().all(|text| text.len() > 20), "{kind:?}: {sentences:?}");
            assert_eq!(kind.is_by_others(), sentences.concat().contains("Priya"), "{kind:?}");
        }
        assert_eq!(NoticeKind::from_key("nothing"), None);
    }
}
