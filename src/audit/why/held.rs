//! Which roles somebody held, from when to when, as the events of their memberships tell it.

use serde_json::Value;

use crate::{
    access::Scope,
    audit::{Listed, view::text_of},
    types::{AccountId, DeploymentId, EventId, InvitationId, MembershipId, Timestamp},
};

/// A role that somebody held from an event on.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) membership: Option<MembershipId>,
    pub(super) scope: Scope,
    pub(super) role: String,
    pub(super) role_name: Option<String>,
    pub(super) from: Timestamp,
    pub(super) until: Option<(Timestamp, EventId)>,
    pub(super) starts: Option<Timestamp>,
    /// Whether it was let begin before its first day.
    pub(super) sooner: bool,
    pub(super) ends: Option<Timestamp>,
    pub(super) event: Listed,
    pub(super) granted_by: Option<AccountId>,
    pub(super) invitation: Option<InvitationId>,
    pub(super) changed: bool,
}

/// Puts the events of one person's memberships together.
pub(super) fn fold(events: Vec<Listed>, scope: Scope) -> Vec<Held> {
    let mut all: Vec<Held> = Vec::new();
    for event in events {
        let detail: Value = serde_json::from_str(&event.event.detail).unwrap_or_default();
        let membership = text_of(&detail, "membership").and_then(|text| text.parse().ok());
        let at = Timestamp(event.event.at);
        let id = EventId::from_uuid(event.event.id);
        let open = all.iter().rposition(|held| held.membership == membership && held.until.is_none());
        let scope =
            Scope { organisation: scope.organisation, deployment: event.event.deployment.map(DeploymentId::from_uuid) };
        let mut next = Held {
            membership,
            scope,
            role: String::new(),
            role_name: None,
            from: at,
            until: None,
            starts: None,
            sooner: false,
            ends: None,
            granted_by: None,
            invitation: None,
            changed: false,
            event: event.clone(),
        };
        match event.event.action.as_str() {
            "membership.begun" => {
                next.role = text_of(&detail, "role").unwrap_or_default();
                next.role_name = text_of(&detail, "role_name");
                // Older events call whoever granted it `invited_by`, and do not name the invitation.
                next.granted_by = text_of(&detail, "granted_by")
                    .or_else(|| text_of(&detail, "invited_by"))
                    .and_then(|id| id.parse().ok());
                next.invitation = text_of(&detail, "invitation").and_then(|id| id.parse().ok());
                next.starts = instant_of(&detail, "starts_at");
                next.ends = instant_of(&detail, "ends_at");
                all.push(next);
            }
            "membership.role_changed" => {
                next.role = text_of(&detail, "to").unwrap_or_default();
                next.role_name = text_of(&detail, "to_name");
                next.changed = true;
                if let Some(held) = open.and_then(|n| all.get_mut(n)) {
                    held.until = Some((at, id));
                    next.starts = held.starts.filter(|starts| *starts > at);
                    next.ends = held.ends;
                }
                all.push(next);
            }
            "membership.ended" => {
                if let Some(held) = open.and_then(|n| all.get_mut(n)) {
                    held.until = Some((at, id));
                }
            }
            "membership.start_changed" => {
                if let Some(held) = open.and_then(|n| all.get_mut(n)) {
                    held.starts = instant_of(&detail, "starts_at");
                    held.sooner = true;
                }
            }
            "membership.end_changed" => {
                if let Some(held) = open.and_then(|n| all.get_mut(n)) {
                    held.ends = instant_of(&detail, "ends_at");
                }
            }
            _ => {}
        }
    }
    all
}

fn instant_of(detail: &Value, key: &str) -> Option<Timestamp> {
    let at = text_of(detail, key)?.parse::<jiff::Timestamp>().ok()?;
    Some(Timestamp(at.as_millisecond()))
}
