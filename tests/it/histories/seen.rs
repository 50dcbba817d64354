//! What the portal lists is what the model says.

use std::collections::BTreeSet;

use care_portal::types::Timestamp;
use serde_json::Value;

use super::{By, History, Member, PEOPLE, PLACES};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn until(end: Option<i64>) -> String {
    end.map_or_else(|| "-".to_owned(), |end| Timestamp(end).to_rfc3339())
}

fn rows(answer: &Value, list: &str, fields: &[&str]) -> BTreeSet<String> {
    let row = |row: &Value| fields.iter().map(|field| text(&row[*field])).collect::<Vec<_>>().join(" ");
    answer[list].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(row).collect()
}

impl History<'_> {
    /// Somebody who sees everything of an organisation: there is always one.
    fn watcher(&self, organisation: u8) -> By {
        let here = |m: &&Member| PLACES[m.place].organisation == organisation && self.is_lasting_admin(m);
        let admin = self.members.iter().find(here).unwrap_or_else(|| panic!("no Admin is left: {:?}", self.told));
        By { who: admin.who, key: None }
    }

    pub(super) async fn compare(&mut self) {
        for (organisation, place) in [(1, 0), (2, 3)] {
            let by = self.watcher(organisation);
            let scope = self.scopes[place];
            for list in ["staff", "invitations", "roles"] {
                let more = if list == "roles" { "" } else { "?limit=200" };
                let (status, answer) = self.ask(by, "GET", &format!("/scopes/{scope}/{list}{more}"), None).await;
                assert_eq!(status, 200, "{list}: {answer}\n{}", self.told.join("\n"));
                let (seen, expected) = match list {
                    "staff" => self.staff(organisation, &answer),
                    "invitations" => self.open(organisation, &answer),
                    _ => self.roles(organisation, &answer),
                };
                assert_eq!(seen, expected, "{list} of {organisation}\n{}", self.told.join("\n"));
            }
        }
    }

    fn staff(&mut self, organisation: u8, answer: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
        // Whoever has joined gets the id that the portal gave.
        for n in 0..self.members.len() {
            let member = &self.members[n];
            let (email, scope) = (PEOPLE[member.who].0, self.scopes[member.place].to_string());
            let row = |row: &&Value| row["email"] == email && row["scope"] == scope.as_str();
            if member.id.is_empty()
                && let Some(row) = answer["staff"].as_array().unwrap().iter().find(row)
            {
                self.members[n].id = text(&row["membership"]);
            }
        }
        let here = |m: &&Member| PLACES[m.place].organisation == organisation && self.live(m);
        let row = |m: &Member| {
            let scope = self.scopes[m.place];
            format!("{} {} {scope} {} {}", m.id, PEOPLE[m.who].0, m.role.name, until(m.ends))
        };
        let expected = self.members.iter().filter(here).map(row).collect();
        (rows(answer, "staff", &["membership", "email", "scope", "role", "access_until"]), expected)
    }

    fn open(&self, organisation: u8, answer: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
        let here = self.invitations.iter().filter(|i| PLACES[i.place].organisation == organisation);
        let expected = here
            .filter(|i| i.state != "closed")
            .map(|i| {
                let state = if i.state == "pending" && i.expires <= self.now() { "expired" } else { i.state };
                let (scope, expires) = (self.scopes[i.place], until(Some(i.expires)));
                format!("{} {} {scope} {} {state} {expires} {}", i.id, i.to, i.role.name, until(i.until))
            })
            .collect();
        let fields = ["id", "email", "scope", "role", "state", "expires_at", "access_until"];
        (rows(answer, "invitations", &fields), expected)
    }

    fn roles(&self, organisation: u8, answer: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
        let row = |row: &Value| {
            let permissions: BTreeSet<String> = row["permissions"].as_array().unwrap().iter().map(text).collect();
            format!("{} {} {permissions:?}", text(&row["key"]), text(&row["name"]))
        };
        let custom = answer.as_array().unwrap().iter().filter(|row| row["kind"] == "custom").map(row).collect();
        let here = self.own.iter().filter(|own| own.organisation == organisation);
        let expected = here.map(|own| format!("{} {} {:?}", own.role.name, own.name, own.role.permissions)).collect();
        (custom, expected)
    }
}
