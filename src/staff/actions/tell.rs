//! The word to people whose role was changed or whose access was ended: one mail a person, in however many places it was.

use std::collections::{HashMap, hash_map::Entry};

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{
    access::{self, Permission, Scope},
    error::Result,
    identity::{NoticeKind, actions::notices::notify},
    op::Op,
    sites,
    staff::{Member, store},
    types::{AccountId, OrganisationId, Timestamp},
};

/// What one operation does to people, until they are told.
#[derive(Default)]
pub(super) struct Told(Vec<(AccountId, Line)>);

struct Line {
    scope: Scope,
    from: String,
    to: String,
}

impl Told {
    /// Remembers what happens to one membership: the role that it had, and the one that it gets (none when it ends).
    pub(super) fn add(&mut self, member: &Member, to: &str) {
        let line = Line { scope: member.scope, from: member.role.name.clone(), to: to.to_owned() };
        self.0.push((member.account, line));
    }

    /// Tells everybody, inside the operation.
    pub(super) async fn send(self, op: &mut Op, kind: NoticeKind) -> Result<()> {
        let by = op.actor()?.name.clone();
        let mut places: HashMap<Scope, String> = HashMap::new();
        let mut people: Vec<(AccountId, OrganisationId, Vec<serde_json::Value>)> = Vec::new();
        for (account, line) in self.0 {
            if let Entry::Vacant(unknown) = places.entry(line.scope) {
                unknown.insert(sites::actions::place_of(op.tx(), line.scope).await?.full_name());
            }
            let change = json!({ "place": places.get(&line.scope), "from": line.from, "to": line.to });
            match people.iter_mut().find(|(known, ..)| *known == account) {
                Some((_, _, changes)) => changes.push(change),
                None => people.push((account, line.scope.organisation, vec![change])),
            }
        }
        for (account, organisation, changes) in people {
            let detail = json!({ "by": by, "organisation": organisation, "changes": changes });
            notify(op, account, kind, detail).await?;
        }
        Ok(())
    }
}

/// The most people of one place who are told of the same thing.
const MOST_TOLD: u64 = 100;

/// Who looks after access in a place: those who manage staff or read the access log there or in the whole organisation.
///
/// # Errors
/// When the database fails.
pub async fn access_watchers(db: &impl ConnectionTrait, scope: Scope, now: Timestamp) -> Result<Vec<AccountId>> {
    let watches = [Permission::ManageStaff, Permission::ViewAudit];
    let roles = access::roles_of(db, scope.organisation).await?;
    let able: Vec<_> = roles
        .iter()
        .filter(|role| watches.iter().any(|permission| role.permissions.has(*permission)))
        .map(|role| role.key)
        .collect();
    let mut found = store::with_roles_at(db, scope, able.clone(), now, MOST_TOLD).await?;
    found.extend(store::with_roles_at(db, Scope::organisation(scope.organisation), able, now, MOST_TOLD).await?);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Who may assign roles in the whole organisation, those who have been there longest first; at most `limit`.
///
/// # Errors
/// When the database fails.
pub async fn access_managers(
    db: &impl ConnectionTrait,
    organisation: OrganisationId,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<AccountId>> {
    let roles = access::roles_of(db, organisation).await?;
    let able = roles.iter().filter(|role| role.permissions.has(Permission::ManageStaff)).map(|role| role.key).collect();
    Ok(store::with_roles_at(db, Scope::organisation(organisation), able, now, limit).await?)
}
