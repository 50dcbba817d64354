//! How many rows of a plan stand how, and the filters of its list.

use serde::Serialize;

use crate::invitations::Standing;

/// How many rows stand how, and what will happen or happened to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Counts {
    /// Nothing stands in the way.
    pub ready: u64,
    /// Should be looked at again.
    pub look: u64,
    /// Are staff already.
    pub staff: u64,
    /// Are invited already.
    pub invited: u64,
    /// Cannot be used.
    pub refused: u64,
    /// Will be, or would have been, invited.
    pub to_send: u64,
    /// Will be invited again.
    pub to_resend: u64,
    /// Will get another role.
    pub to_change: u64,
    /// Nobody has decided about.
    pub undecided: u64,
    /// Were invited.
    pub sent: u64,
    /// Were invited again.
    pub resent: u64,
    /// Got another role.
    pub changed: u64,
    /// Could not be done.
    pub not_done: u64,
}

impl Counts {
    /// How many rows something will happen to.
    pub const fn to_do(&self) -> u64 {
        self.to_send + self.to_resend + self.to_change
    }

    /// What the button does: "Send 287 invitations, change 3 roles".
    pub fn promise(&self) -> String {
        let said = |n: u64, one: &str, many: &str| match n {
            0 => None,
            1 => Some(one.to_owned()),
            n => Some(many.replace("{n}", &n.to_string())),
        };
        let parts: Vec<_> = [
            said(self.to_send, "send 1 invitation", "send {n} invitations"),
            said(self.to_resend, "resend 1 invitation", "resend {n} invitations"),
            said(self.to_change, "change 1 role", "change {n} roles"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut text = parts.join(", ");
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those that stand so.
    Standing(Standing),
    /// Those that could not be done.
    NotDone,
}

impl Filter {
    /// Each with its key and its label.
    pub const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::All, "", "All"),
        (Self::Standing(Standing::Ready), "ready", "Ready"),
        (Self::Standing(Standing::Look), "look", "Look again"),
        (Self::Standing(Standing::Staff), "staff", "Already staff"),
        (Self::Standing(Standing::Invited), "invited", "Already invited"),
        (Self::Standing(Standing::Refused), "refused", "Refused"),
        (Self::NotDone, "not_done", "Not done"),
    ];

    /// The filter with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == key).map(|(filter, ..)| *filter)
    }

    /// Its key.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(filter, ..)| *filter == self).map_or("", |(_, key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_button_says_what_will_happen() {
        let counts = Counts { to_send: 287, to_change: 3, ..Counts::default() };
        assert_eq!(counts.promise(), "Send 287 invitations, change 3 roles");
        assert_eq!(Counts { to_resend: 1, ..Counts::default() }.promise(), "Resend 1 invitation");
        assert_eq!(Counts::default().promise(), "");
    }
}
