//! What an organisation may choose for itself: each setting once, with its words, how it is read, and what asks before it
//! is changed. Page, API, terminal and access log all go by [`FIELDS`].
//!
//! A new setting is a column, a field of [`Organisation`], a row of [`FIELDS`], and a field of the API's body.

use std::fmt;

use super::{Organisation, Reminders};
use crate::{
    access::{Permission, PermissionSet},
    types::{EmailAddress, PersonName},
};

/// Who must have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecondFactorFor {
    /// Nobody; whoever wants one may have one.
    Nobody,
    /// Those who can change what others may do.
    Managers,
    /// All staff.
    #[default]
    Everybody,
}

impl SecondFactorFor {
    const ALL: [Self; 3] = [Self::Everybody, Self::Managers, Self::Nobody];

    /// The stored word.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Everybody => "everybody",
            Self::Managers => "managers",
            Self::Nobody => "nobody",
        }
    }

    /// The value of a stored word; what this program does not know asks the most.
    pub fn from_key(key: &str) -> Self {
        Self::ALL.into_iter().find(|known| known.key() == key).unwrap_or_default()
    }

    /// Whether a person must have a second factor who has these permissions in the organisation.
    pub const fn asks(self, permissions: PermissionSet) -> bool {
        match self {
            Self::Everybody => true,
            Self::Nobody => false,
            Self::Managers => {
                permissions.has(Permission::InviteStaff)
                    || permissions.has(Permission::ManageStaff)
                    || permissions.has(Permission::EditRoles)
            }
        }
    }
}

/// How a setting is shown and typed.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One line.
    Line,
    /// One of the time zones.
    TimeZone,
    /// Domains, one a line; exchanged as a list.
    Domains,
    /// Yes or no.
    Switch,
    /// One of several: value, words, and a sentence for each.
    Choice(&'static [(&'static str, &'static str, &'static str)]),
}

/// One setting.
#[derive(Clone, Copy)]
pub struct Field {
    /// The stable word: in the form, the API, the terminal and the access log.
    pub key: &'static str,
    /// The name on screen.
    pub label: &'static str,
    /// What it does.
    pub sentence: &'static str,
    /// How it is shown and typed.
    pub kind: Kind,
    /// The value as text.
    pub get: fn(&Organisation) -> String,
    /// Takes a typed value, or says what is wrong with it.
    pub set: fn(&mut Organisation, &str) -> Result<(), String>,
    /// What is asked before changing from the first to the second; most settings ask nothing.
    pub asks: fn(&Organisation, &Organisation) -> Option<&'static str>,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key)
    }
}

impl Field {
    /// The setting with this key.
    pub fn find(key: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.key == key)
    }

    /// The value in words, for people.
    pub fn in_words(&self, value: &str) -> String {
        match self.kind {
            Kind::Choice(choices) => {
                choices.iter().find(|(key, ..)| *key == value).map_or(value, |(_, words, _)| words).to_owned()
            }
            Kind::Domains if value.is_empty() => "none".to_owned(),
            Kind::Domains => value.replace('\n', ", "),
            Kind::Line | Kind::TimeZone | Kind::Switch => value.to_owned(),
        }
    }
}

/// Every setting, in the order on screen.
pub const FIELDS: [Field; 9] = [
    Field {
        key: "name",
        label: "Name of the organisation",
        sentence: "Stands at the top of every page and in every mail.",
        kind: Kind::Line,
        get: |of| of.name.clone(),
        set: |of, text| {
            of.name = read_name(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "time_zone",
        label: "Time zone",
        sentence: "Pages and mails give times in this zone, and days begin and end by it.",
        kind: Kind::TimeZone,
        get: |of| of.time_zone.clone(),
        set: |of, text| {
            of.time_zone = read_zone(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "usual_domains",
        label: "Usual e-mail domains",
        sentence: "Addresses elsewhere, and misspelt ones, are pointed out before an invitation is sent. One a line; empty to point out nothing.",
        kind: Kind::Domains,
        get: |of| of.usual_domains.join("\n"),
        set: |of, text| {
            of.usual_domains = read_domains(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "allow_copy_link",
        label: "Copy link",
        sentence: "Inviters may copy an invitation's link and hand it over themselves, although mail is set up. An account made that way shows its address as not proven.",
        kind: Kind::Switch,
        get: |of| yes_or_no(of.allow_copy_link).to_owned(),
        set: |of, text| {
            of.allow_copy_link = read_switch(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "require_reason",
        label: "Reason for inviting",
        sentence: "Whoever invites people or makes a plan must give a reason or a ticket. It goes into the access log, where it can be searched for.",
        kind: Kind::Switch,
        get: |of| yes_or_no(of.require_reason).to_owned(),
        set: |of, text| {
            of.require_reason = read_switch(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "second_factor",
        label: "Second factor",
        sentence: "Who must give a second factor when they sign in: a code from an app, or a passkey.",
        kind: Kind::Choice(&[
            ("everybody", "Everybody", "All staff of the organisation. Best for health data."),
            (
                "managers",
                "Those who manage access",
                "People whose role lets them invite staff, assign roles, or edit roles. For others a password is enough.",
            ),
            (
                "nobody",
                "Nobody",
                "A password is enough for everyone. Whoever wants a second factor may still have one.",
            ),
        ]),
        get: |of| of.second_factor.key().to_owned(),
        set: |of, text| {
            let known = SecondFactorFor::ALL.into_iter().find(|known| known.key() == text.trim());
            of.second_factor = known.ok_or("Choose everybody, managers, or nobody")?;
            Ok(())
        },
        asks: |before, after| {
            (after.second_factor < before.second_factor).then_some(
                "Fewer people will have to give a second factor. Whoever learns the password of one of the others can sign in as that person.",
            )
        },
    },
    Field {
        key: "reminders",
        label: "Reminders",
        sentence: "Whether people who have not answered are reminded once, by the same link, before it ends.",
        kind: Kind::Choice(&[
            ("off", "Off", "Nobody is reminded."),
            ("day_before", "A day before", "A day before the link ends, whatever day that is."),
            (
                "working_days",
                "On working days",
                "On the last working day before the link ends, from nine in the morning; never at a weekend.",
            ),
        ]),
        get: |of| of.reminders.key().to_owned(),
        set: |of, text| {
            let known = Reminders::from_key(text.trim());
            if known.key() != text.trim() {
                return Err("Choose off, day_before, or working_days".to_owned());
            }
            of.reminders = known;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "count_working_days",
        label: "Links count working days",
        sentence: "24 hours are the next working day, 72 hours three and 7 days five, and a link works to the end of the last of them. Saturdays and Sundays do not count; holidays are not known.",
        kind: Kind::Switch,
        get: |of| yes_or_no(of.count_working_days).to_owned(),
        set: |of, text| {
            of.count_working_days = read_switch(text)?;
            Ok(())
        },
        asks: asks_nothing,
    },
    Field {
        key: "second_look",
        label: "Second look",
        sentence: "Invitations to Admin, Access Controller and other roles that manage access wait until another manager approves them, and whoever accepts gives a code told by telephone. It needs two people who manage access.",
        kind: Kind::Switch,
        get: |of| yes_or_no(of.second_look).to_owned(),
        set: |of, text| {
            of.second_look = read_switch(text)?;
            Ok(())
        },
        asks: |before, after| {
            (before.second_look && !after.second_look)
                .then_some("One person alone will be able to make others Admin or Access Controller.")
        },
    },
];

const fn asks_nothing(_: &Organisation, _: &Organisation) -> Option<&'static str> {
    None
}

/// The name of an organisation as typed.
pub(super) fn read_name(text: &str) -> Result<String, String> {
    match PersonName::parse(text) {
        Ok(name) => Ok(name.to_string()),
        Err(_) if text.trim().is_empty() => Err("Enter the name of the organisation".to_owned()),
        Err(bad) => Err(bad.to_string()),
    }
}

/// A time zone as typed.
pub(super) fn read_zone(text: &str) -> Result<String, String> {
    let name = text.trim();
    // Whether the name is known here must not depend on how it is written: "utc" is stored as "UTC".
    let zone = jiff::tz::TimeZone::get(name);
    let known = zone.ok().and_then(|zone| zone.iana_name().map(str::to_owned));
    known.ok_or_else(|| format!("{name} is no time zone; write one such as Europe/London"))
}

const MOST_DOMAINS: usize = 200;

/// Domains as typed: separated by lines, commas or spaces, with or without a leading "@".
pub(super) fn read_domains(text: &str) -> Result<Vec<String>, String> {
    let mut domains = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty()) {
        let bare = word.trim_start_matches('@');
        let address = EmailAddress::parse(&format!("somebody@{bare}"));
        let address =
            address.map_err(|_| format!("“{word}” is no e-mail domain; write one such as hospital.example"))?;
        let domain = address.domain().to_owned();
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    if domains.len() > MOST_DOMAINS {
        return Err(format!("These are {} domains; at most {MOST_DOMAINS} can be kept", domains.len()));
    }
    Ok(domains)
}

const fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn read_switch(text: &str) -> Result<bool, String> {
    match text.trim() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("Answer yes or no".to_owned()),
    }
}

/// Every time zone that a place on earth may be in, by name.
pub fn time_zones() -> Vec<String> {
    let is_place = |name: &str| name == "UTC" || (name.contains('/') && !name.starts_with("Etc/"));
    let names = jiff::tz::db().available().map(|name| name.to_string());
    let mut zones: Vec<String> = names.filter(|name| is_place(name)).collect();
    zones.sort();
    zones
}

/// A changed setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub key: &'static str,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

/// What is different.
pub fn changes(before: &Organisation, after: &Organisation) -> Vec<Change> {
    FIELDS
        .iter()
        .map(|field| Change { key: field.key, before: (field.get)(before), after: (field.get)(after) })
        .filter(|change| change.before != change.after)
        .collect()
}

/// What is asked before the change, if anything.
pub fn questions(before: &Organisation, after: &Organisation) -> Vec<&'static str> {
    FIELDS.iter().filter_map(|field| (field.asks)(before, after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_are_those_who_change_what_others_may_do() {
        for (permission, manages) in [
            (Permission::InviteStaff, true),
            (Permission::ManageStaff, true),
            (Permission::EditRoles, true),
            (Permission::ViewAudit, false),
            (Permission::ExportPatientData, false),
        ] {
            let set: PermissionSet = [permission].into_iter().collect();
            assert_eq!(SecondFactorFor::Managers.asks(set), manages, "{permission}");
            assert!(SecondFactorFor::Everybody.asks(set) && !SecondFactorFor::Nobody.asks(set));
        }
        assert_eq!(SecondFactorFor::from_key("something newer"), SecondFactorFor::Everybody);
    }

    #[test]
    fn domains_are_read_however_they_are_separated_and_kept_in_one_form() {
        let read = read_domains("@NHS.example, ward.nhs.example\nnhs.example;bücher.example ").unwrap_or_default();
        assert_eq!(read, ["nhs.example", "ward.nhs.example", "xn--bcher-kva.example"]);
        for bad in ["nhs", "a b@c", "http://x.example", "x..example", "127.0.0.1"] {
            assert!(read_domains(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_zone_is_one_that_exists() {
        assert_eq!(read_zone(" europe/london "), Ok("Europe/London".to_owned()));
        assert!(read_zone("Mars/Olympus").is_err() && read_zone("").is_err());
        let zones = time_zones();
        assert!(zones.len() > 200 && zones.iter().all(|zone| read_zone(zone).is_ok()), "{zones:?}");
    }
}
