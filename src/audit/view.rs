//! Events in words: names for ids, a sentence for an action, and every detail with its label.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

use super::{
    store::{Stored, list::Listed, names},
    words,
};
use crate::{
    access::{self, Permission},
    portal::Portal,
    sites,
    types::{AccountId, DeploymentId, EventId, InvitationId, OrganisationId, PatientId, Timestamp},
};

/// An event as people read it.
#[derive(Clone, Debug)]
pub struct Line {
    /// The event's id.
    pub id: EventId,
    /// Its number in the chain; none while it is not sealed.
    pub seq: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// Who; of somebody who was just signing in or joining, whom they proved to be.
    pub actor: String,
    /// Their account.
    pub actor_id: Option<AccountId>,
    /// By which way, where that is worth a word.
    pub via: Option<&'static str>,
    /// The stable word.
    pub action: String,
    /// What happened.
    pub sentence: String,
    /// To whom or what.
    pub subject: String,
    /// Their account, if it is a person.
    pub subject_id: Option<AccountId>,
    /// Where.
    pub place: String,
    /// From where.
    pub origin: String,
    /// Whether it was refused.
    pub refused: bool,
    /// Why.
    pub reason: Option<String>,
    /// The rest, each with its label.
    pub facts: Vec<(String, String)>,
    /// The row itself.
    pub stored: Listed,
}

/// What the ids of some events are called.
#[derive(Default)]
pub struct Names {
    accounts: HashMap<Uuid, (String, String)>,
    invitations: HashMap<Uuid, String>,
    patients: HashMap<Uuid, String>,
    deployments: HashMap<DeploymentId, String>,
    roles: HashMap<String, String>,
    organisation: String,
}

impl Names {
    /// Looks up what these events need, and `more` accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of<'a>(
        portal: &Portal,
        organisation: OrganisationId,
        events: impl Iterator<Item = &'a Stored>,
        more: &[AccountId],
    ) -> crate::error::Result<Self> {
        let mut ids = Ids { accounts: more.iter().map(|id| id.uuid()).collect(), ..Ids::default() };
        for event in events {
            ids.accounts.extend(event.actor_id);
            ids.note(&event.subject);
            ids.note_all(&serde_json::from_str(&event.detail).unwrap_or_default());
        }
        let db = portal.db.reader();
        let [accounts, invitations, patients] =
            [ids.accounts, ids.invitations, ids.patients].map(|of_a_kind| of_a_kind.into_iter().collect::<Vec<_>>());
        Ok(Self {
            accounts: names::accounts(db, &accounts).await?,
            invitations: names::invitations(db, organisation, &invitations).await?,
            patients: names::patients(db, organisation, &patients).await?,
            deployments: sites::actions::deployment_names(portal.db.reader(), organisation).await?,
            roles: access::role_names(db, organisation).await?,
            organisation: sites::actions::find_place(db, &organisation.to_string()).await?.organisation.name,
        })
    }

    /// The name of an account.
    pub fn account(&self, id: AccountId) -> String {
        self.accounts.get(&id.uuid()).map_or_else(|| id.to_string(), |(name, _)| clean(name))
    }

    /// The name of a role by its stored key.
    pub fn role(&self, key: &str) -> String {
        self.roles.get(key).map_or_else(|| key.to_owned(), |name| clean(name))
    }

    /// The name of a place.
    pub fn place(&self, deployment: Option<Uuid>) -> String {
        match deployment.map(DeploymentId::from_uuid) {
            Some(id) => self.deployments.get(&id).map_or_else(|| id.to_string(), |name| clean(name)),
            None => "Whole organisation".to_owned(),
        }
    }

    /// The same inside a sentence.
    pub fn in_place(&self, deployment: Option<Uuid>) -> String {
        if deployment.is_some() { self.place(deployment) } else { "the whole organisation".to_owned() }
    }

    /// What a printed id or a key is called; itself when it has no name.
    fn name(&self, text: &str) -> String {
        if let Ok(id) = text.parse::<AccountId>() {
            return self.account(id);
        }
        if let Ok(id) = text.parse::<InvitationId>() {
            return self
                .invitations
                .get(&id.uuid())
                .map_or_else(|| "an invited person".to_owned(), |email| clean(email));
        }
        // By number, whoever reads: the log names no patient.
        if let Ok(id) = text.parse::<PatientId>() {
            return self
                .patients
                .get(&id.uuid())
                .map_or_else(|| text.to_owned(), |number| format!("patient {}", clean(number)));
        }
        if let Ok(id) = text.parse::<DeploymentId>() {
            return self.place(Some(id.uuid()));
        }
        if text.parse::<OrganisationId>().is_ok() {
            return clean(&self.organisation);
        }
        if let Some(name) = self.roles.get(text) {
            return clean(name);
        }
        Permission::all().find(|permission| permission.key() == text).map_or_else(|| clean(text), |p| p.to_string())
    }

    /// The event in words.
    pub fn line(&self, stored: Listed) -> Line {
        let event = &stored.event;
        let detail: Value = serde_json::from_str(&event.detail).unwrap_or_default();
        let proved = || event.subject.parse().ok().or_else(|| text_of(&detail, "account")?.parse().ok());
        let known = event.actor_id.map(AccountId::from_uuid);
        let actor_id = known.or_else(|| proved().filter(|_| event.actor == "visitor" && event.outcome == "done"));
        let actor = match (actor_id, event.actor.as_str()) {
            (Some(id), _) => self.account(id),
            (None, "visitor") => "Somebody not signed in".to_owned(),
            (None, _) => "The portal".to_owned(),
        };
        let subject = self.name(&event.subject);
        let place = match event.deployment {
            Some(_) => self.place(event.deployment),
            None => clean(&self.organisation),
        };
        let sentence = fill(&words::sentence(&event.action), |word| match word {
            "actor" => Some(actor.clone()),
            "subject" => Some(subject.clone()),
            "place" => Some(place.clone()),
            _ => match word.split_once(':') {
                Some((word, unit)) => self.worded(&detail, word).map(|n| counted(&n, unit)),
                // The address as it was then: it may have been corrected since.
                None => self.worded(&detail, word).or_else(|| (word == "email").then(|| subject.clone())),
            },
        });
        Line {
            id: EventId::from_uuid(event.id),
            seq: stored.seq,
            at: Timestamp(event.at),
            via: match event.actor.as_str() {
                "api_key" => Some("by API key"),
                "terminal" => Some("at the terminal"),
                "later" => Some("by a plan"),
                _ => None,
            },
            action: event.action.clone(),
            subject_id: event.subject.parse().ok(),
            place: self.place(event.deployment),
            origin: clean(&event.origin),
            refused: event.outcome == "refused",
            reason: text_of(&detail, "reason").map(|text| clean(&text)),
            facts: self.facts(&detail),
            actor,
            actor_id,
            sentence,
            subject,
            stored,
        }
    }

    /// An entry of the detail as a word in a sentence. Roles are named as they were called then.
    fn worded(&self, detail: &Value, word: &str) -> Option<String> {
        let then = matches!(word, "role" | "from" | "to").then(|| text_of(detail, &format!("{word}_name"))).flatten();
        match then {
            Some(name) => Some(clean(&name)),
            None if word == "what" && detail.get("patients").is_some() => {
                text_of(detail, word).map(|what| clean(words::seen(&what)))
            }
            None => text_of(detail, word).map(|text| self.name(&text)),
        }
    }

    fn facts(&self, detail: &Value) -> Vec<(String, String)> {
        let Some(entries) = detail.as_object() else { return Vec::new() };
        let mut facts = Vec::new();
        for (key, value) in entries {
            let text = match value {
                Value::Null => continue,
                Value::Array(each) if each.is_empty() => continue,
                Value::Array(each) => each.iter().map(|value| self.told(value)).collect::<Vec<_>>().join(", "),
                other => self.told(other),
            };
            let mut label = key.replace('_', " ");
            if let Some(first) = label.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            facts.push((clean(&label), text));
        }
        facts
    }

    fn told(&self, value: &Value) -> String {
        match value {
            Value::String(text) if text.contains(',') && text.split(',').all(is_permission) => {
                text.split(',').map(|key| self.name(key)).collect::<Vec<_>>().join(", ")
            }
            Value::String(text) => {
                let name = self.name(text);
                let id = text.parse::<AccountId>().is_ok() || text.parse::<InvitationId>().is_ok();
                if id { format!("{name} ({text})") } else { name }
            }
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            other => clean(&other.to_string()),
        }
    }
}

fn is_permission(key: &str) -> bool {
    Permission::all().any(|permission| permission.key() == key)
}

#[derive(Default)]
struct Ids {
    accounts: HashSet<Uuid>,
    invitations: HashSet<Uuid>,
    patients: HashSet<Uuid>,
}

impl Ids {
    fn note(&mut self, text: &str) {
        if let Ok(id) = text.parse::<AccountId>() {
            self.accounts.insert(id.uuid());
        } else if let Ok(id) = text.parse::<InvitationId>() {
            self.invitations.insert(id.uuid());
        } else if let Ok(id) = text.parse::<PatientId>() {
            self.patients.insert(id.uuid());
        }
    }

    fn note_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.note(text),
            Value::Array(each) => each.iter().for_each(|value| self.note_all(value)),
            Value::Object(entries) => entries.values().for_each(|value| self.note_all(value)),
            _ => {}
        }
    }
}

/// An entry of a detail as text.
pub fn text_of(detail: &Value, key: &str) -> Option<String> {
    match detail.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// "1 invitation", "12 invitations".
fn counted(n: &str, unit: &str) -> String {
    format!("{n} {unit}{}", if n == "1" { "" } else { "s" })
}

/// Puts values for the words in braces.
fn fill(sentence: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = sentence.split(['{', '}']);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    while let Some(word) = parts.next() {
        filled.push_str(&value(word).unwrap_or_else(|| "…".to_owned()));
        filled.push_str(parts.next().unwrap_or_default());
    }
    filled
}

/// Without what would move a terminal's cursor or break a line.
pub fn clean(text: &str) -> String {
    let odd = |c: char| {
        c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if odd(c) { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_filled_and_gaps_are_seen() {
        let value = |word: &str| (word == "actor").then(|| "Ada {x}".to_owned());
        assert_eq!(fill("{actor} invited {email} as {role}", value), "Ada {x} invited … as …");
        assert_eq!(clean("a\n\u{1b}[31mb\u{202E}"), "a\u{FFFD}\u{FFFD}[31mb\u{FFFD}");
    }
}
