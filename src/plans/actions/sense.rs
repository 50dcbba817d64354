//! What the words of a list mean: roles and deployments by name, days as spreadsheets write them.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;

use crate::{
    access::{self, Granted, Role, RoleKey, Scope},
    error::Result,
    invitations::{actions::judge_start, csv_file::columns::Line},
    plans::NewPlan,
    sites::{self, Place},
    types::{DeploymentId, Mailbox, PersonName, Timestamp, day, parse_mailbox},
};

/// A line of which everything is understood.
pub(super) struct Meant {
    pub mailbox: Mailbox,
    pub scope: Scope,
    pub role: Role,
    pub access_from: Option<Timestamp>,
    pub access_until: Option<Timestamp>,
}

/// What words are held against.
pub(super) struct Sense {
    place: Place,
    now: Timestamp,
    roles: HashMap<String, Role>,
    deployments: HashMap<String, DeploymentId>,
    default_role: Option<Role>,
    default_scope: Scope,
    access_until: Option<Timestamp>,
    /// The rule's answer for each role and place that came up.
    asked: HashMap<(RoleKey, Scope), Result<(), String>>,
}

impl Sense {
    pub(super) async fn read(db: &impl ConnectionTrait, new: &NewPlan, now: Timestamp) -> Result<Self> {
        let place = sites::actions::place_of(db, new.scope).await?;
        let mut roles = HashMap::new();
        for role in access::roles_of(db, new.scope.organisation).await? {
            roles.insert(role.key.to_string(), role.clone());
            roles.insert(role.name.to_lowercase(), role);
        }
        let names = sites::actions::deployment_names(db, new.scope.organisation).await?;
        let deployments =
            names.into_iter().flat_map(|(id, name)| [(id.to_string(), id), (name.to_lowercase(), id)]).collect();
        let default_scope = match new.deployment {
            Some(deployment) => Scope::deployment(new.scope.organisation, deployment),
            None => new.scope,
        };
        let default_role = roles.get(&new.role.trim().to_lowercase()).cloned();
        let (access_until, asked) = (new.access_until, HashMap::new());
        Ok(Self { place, now, roles, deployments, default_role, default_scope, access_until, asked })
    }

    pub(super) const fn default_role(&self) -> Option<&Role> {
        self.default_role.as_ref()
    }

    pub(super) const fn default_scope(&self) -> Scope {
        self.default_scope
    }

    /// The line's meaning, or why it has none.
    pub(super) fn understand(&mut self, line: &Line, granted: &Granted) -> Result<Meant, String> {
        let mut mailbox = parse_mailbox(&line.text).map_err(|bad| bad.to_string())?;
        if !line.name.is_empty() {
            let name = PersonName::parse(&line.name).map_err(|bad| format!("The name cannot be used: {bad}"))?;
            mailbox.name = Some(name.to_string());
        }
        let scope = self.scope(&line.deployment)?;
        let role = self.role(&line.role)?;
        let access_from = self.start(&line.from)?;
        let access_until = self.end(&line.until)?;
        judge_start(access_from, access_until, self.now)?;
        crate::invitations::parse_note(&line.note)?;
        let asked = self.asked.entry((role.key, scope));
        let rule = || {
            let refused = |refusal| format!("You cannot give the role {} there: {refusal}", role.name);
            granted.may_grant(&role, &scope).map_err(refused)
        };
        asked.or_insert_with(rule).clone()?;
        Ok(Meant { mailbox, scope, role, access_from, access_until })
    }

    /// The roles and places that the rule refused, for the access log.
    pub(super) fn refusals(self) -> impl Iterator<Item = (RoleKey, Scope, String)> {
        self.asked.into_iter().filter_map(|((role, scope), answer)| Some((role, scope, answer.err()?)))
    }

    fn scope(&self, text: &str) -> Result<Scope, String> {
        let name = text.trim().to_lowercase();
        let own = &self.place;
        if name.is_empty() {
            return Ok(self.default_scope);
        }
        let whole = name == own.organisation.name.to_lowercase() || name == "whole organisation";
        let scope = match self.deployments.get(&name) {
            Some(deployment) => Scope::deployment(own.scope.organisation, *deployment),
            None if whole => Scope::organisation(own.scope.organisation),
            None => return Err(format!("There is no deployment “{}” here", shown(text))),
        };
        if own.scope.covers(&scope) {
            Ok(scope)
        } else {
            Err(format!("“{}” lies outside {}, for which this plan is", shown(text), own.name()))
        }
    }

    fn role(&self, text: &str) -> Result<Role, String> {
        let name = text.trim().to_lowercase();
        if name.is_empty() {
            return self.default_role.clone().ok_or_else(|| "The row names no role, and none was chosen".to_owned());
        }
        self.roles.get(&name).cloned().ok_or_else(|| format!("There is no role “{}” here", shown(text)))
    }

    /// A first day that has come already, which most rows of a staff list have, means the moment of accepting.
    fn start(&self, text: &str) -> Result<Option<Timestamp>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(self.day(text, Place::parse_start)?).filter(|start| *start > self.now))
    }

    fn end(&self, text: &str) -> Result<Option<Timestamp>, String> {
        if text.trim().is_empty() {
            return Ok(self.access_until);
        }
        let end = self.day(text, Place::parse_end)?;
        if end <= self.now {
            return Err(format!("The access would have ended already, on {}", shown(text)));
        }
        Ok(Some(end))
    }

    /// A day that can be read in one way only, or an instant. `read` takes its
    /// first or its last moment.
    fn day(&self, text: &str, read: fn(&Place, &str) -> Option<Timestamp>) -> Result<Timestamp, String> {
        let wrong = || format!("“{}” is no day that can be read for certain; write it as 2026-12-31", shown(text));
        if let Some(moment) = read(&self.place, text) {
            return Ok(moment);
        }
        // A time of day that a spreadsheet adds says nothing.
        let date = text.split_whitespace().next().unwrap_or_default();
        let date = day::read(date).ok().flatten().ok_or_else(wrong)?;
        read(&self.place, &date.to_string()).ok_or_else(wrong)
    }
}

fn shown(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(60).collect()
}
