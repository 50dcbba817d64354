//! The person (or key, or terminal) behind an operation, and the proofs of what they may do.

use super::{Permission, PermissionSet, Refusal, Role, Scope, policy};
use std::time::Duration;

use crate::types::{AccountId, ApiKeyId, DeploymentId, MembershipId, OrganisationId, SessionId, Timestamp};

/// Where a request comes from, as the access log keeps it.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Network address, or `terminal`.
    pub address: String,
    /// What the browser calls itself, cut to 200 characters.
    pub agent: String,
}

/// By which way an actor came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A browser session.
    Session(SessionId),
    /// An API key: never more than the key's own permissions and scope.
    ApiKey {
        /// Which key.
        id: ApiKeyId,
        /// What the key may do at most.
        permissions: PermissionSet,
        /// Where the key works at most.
        scope: Scope,
    },
    /// The machine's own command line.
    Terminal,
    /// The portal does at its own time what the person asked for: it goes on with a plan of theirs.
    Later,
}

/// One role in one scope.
#[derive(Clone, Debug)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// Where it holds.
    pub scope: Scope,
    /// What it gives.
    pub role: Role,
}

/// Who acts: an account with the memberships it has at this moment.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The account.
    pub account: AccountId,
    /// Name on screen.
    pub name: String,
    /// The address that is the user name.
    pub email: String,
    /// By which way.
    pub via: Via,
    /// The live memberships, narrowed by an API key if there is one.
    pub memberships: Vec<Membership>,
    /// When the person last proved fully that it is them, in this session.
    pub proved_at: Option<Timestamp>,
    /// When the session ends if nothing is done any more.
    pub session_ends_at: Option<Timestamp>,
}

/// How long a full proof lasts for what asks for a fresh one (ASVS 7.5.3).
pub const FRESH: Duration = Duration::from_secs(10 * 60);

impl Actor {
    /// The actor with what the way in leaves of their rights: an API key gives the intersection of its own and its owner's.
    pub fn new(account: AccountId, name: String, email: String, via: Via, memberships: Vec<Membership>) -> Self {
        let memberships = match via {
            Via::ApiKey { permissions, scope, .. } => {
                memberships.into_iter().filter_map(|membership| narrow(membership, permissions, scope)).collect()
            }
            Via::Session(_) | Via::Terminal | Via::Later => memberships,
        };
        Self { account, name, email, via, memberships, proved_at: None, session_ends_at: None }
    }

    /// The same actor, who proved themselves at this instant.
    #[must_use]
    pub const fn proved(mut self, at: Option<Timestamp>) -> Self {
        self.proved_at = at;
        self
    }

    /// The same actor, whose session ends then.
    #[must_use]
    pub const fn until(mut self, at: Timestamp) -> Self {
        self.session_ends_at = Some(at);
        self
    }

    /// Whether the person proved themselves within the last ten minutes. A key was made under such a proof and acts by what it
    /// was given then; whoever has the machine's own command line needs none.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        match self.via {
            Via::Session(_) => self.proved_at.is_some_and(|at| now < at.plus(FRESH)),
            Via::ApiKey { .. } | Via::Terminal | Via::Later => true,
        }
    }

    /// Authority to write: `permission` at `scope`.
    ///
    /// # Errors
    /// The nearest [`Refusal`].
    pub fn grant(&self, permission: Permission, scope: Scope) -> Result<Granted, Refusal> {
        self.authority(permission, &scope).map(|by| Granted { by, scope, permission })
    }

    /// Authority to list: `permission` at `scope`.
    ///
    /// # Errors
    /// The nearest [`Refusal`].
    pub fn visible(&self, permission: Permission, scope: Scope) -> Result<Visible, Refusal> {
        self.authority(permission, &scope).map(|_| Visible { scope })
    }

    /// Whether the actor may do this there; for hiding what would be refused.
    pub fn may(&self, permission: Permission, scope: &Scope) -> bool {
        self.authority(permission, scope).is_ok()
    }

    /// Authority over what a whole organisation has chosen for itself.
    ///
    /// # Errors
    /// [`Refusal::NoAdministrator`].
    pub fn administers(&self, organisation: OrganisationId) -> Result<Administers, Refusal> {
        let able = self.memberships.iter().any(|by| policy::may_administer(by, organisation).is_ok());
        if able { Ok(Administers { organisation }) } else { Err(Refusal::NoAdministrator) }
    }

    /// Authority over what one deployment follows and offers.
    ///
    /// # Errors
    /// [`Refusal::NoDeploymentAdmin`].
    pub fn runs(&self, scope: Scope) -> Result<Runs, Refusal> {
        let deployment = scope.deployment.ok_or(Refusal::NoDeploymentAdmin)?;
        let able = self.memberships.iter().any(|by| policy::may_run(by, &scope).is_ok());
        if able { Ok(Runs { deployment }) } else { Err(Refusal::NoDeploymentAdmin) }
    }

    /// Whether any membership reaches the scope at all: what decides between "not found" and "not allowed".
    pub fn reaches(&self, scope: &Scope) -> bool {
        self.memberships.iter().any(|membership| membership.scope.covers(scope))
    }

    /// Every membership that gives the permission there; never an empty list.
    fn authority(&self, permission: Permission, scope: &Scope) -> Result<Vec<Membership>, Refusal> {
        let mut nearest = Refusal::OutOfScope;
        let mut able = Vec::new();
        for membership in &self.memberships {
            match policy::may(membership, permission, scope) {
                Ok(()) => able.push(membership.clone()),
                Err(Refusal::OutOfScope) => {}
                Err(refusal) => nearest = refusal,
            }
        }
        if able.is_empty() { Err(nearest) } else { Ok(able) }
    }
}

fn narrow(mut membership: Membership, permissions: PermissionSet, scope: Scope) -> Option<Membership> {
    if !membership.scope.covers(&scope) && !scope.covers(&membership.scope) {
        return None;
    }
    if membership.scope.covers(&scope) {
        membership.scope = scope;
    }
    membership.role.permissions = membership.role.permissions.intersection(permissions);
    // A key hands on no more than it has: a leaked key that may invite must not be able to make Admins.
    membership.role.delegates = membership.role.delegates.intersection(permissions);
    Some(membership)
}

/// Proof that the actor may write by one permission in one scope. Store functions that write ask for it.
#[derive(Clone, Debug)]
pub struct Granted {
    by: Vec<Membership>,
    scope: Scope,
    permission: Permission,
}

impl Granted {
    /// Where the authority holds.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Asks the one rule whether `role` may be given at `at`, which must lie inside the proof's own scope.
    ///
    /// # Errors
    /// The [`Refusal`] to show and to write to the access log.
    pub fn may_grant(&self, role: &Role, at: &Scope) -> Result<(), Refusal> {
        self.any(at, |by| policy::may_grant(by, self.permission, role, at))
    }

    /// Asks whether a person's membership may be changed: ended, given an end, or given the role `to`.
    ///
    /// # Errors
    /// The [`Refusal`] to show and to write to the access log.
    pub fn may_change(&self, target: &policy::Target<'_>, to: Option<&Role>) -> Result<(), Refusal> {
        self.any(target.at, |by| policy::may_change(by, target, to))
    }

    /// Asks whether a custom role may be made, changed or deleted at `at`; `held` when the actor holds it.
    ///
    /// # Errors
    /// The [`Refusal`] to show and to write to the access log.
    pub fn may_edit_role(
        &self,
        before: Option<&Role>,
        after: Option<&Role>,
        held: bool,
        at: &Scope,
    ) -> Result<(), Refusal> {
        self.any(at, |by| policy::may_edit_role(by, before, after, held, at))
    }

    /// Whether any of the memberships behind the proof passes; the last refusal if none does.
    fn any(&self, at: &Scope, judge: impl Fn(&Membership) -> Result<(), Refusal>) -> Result<(), Refusal> {
        let mut nearest = Refusal::OutOfScope;
        if !self.scope.covers(at) {
            return Err(nearest);
        }
        for membership in &self.by {
            match judge(membership) {
                Ok(()) => return Ok(()),
                Err(refusal) => nearest = refusal,
            }
        }
        Err(nearest)
    }
}

/// Proof that the actor is an Admin of a whole organisation. Store functions that read or write its settings ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Administers {
    organisation: OrganisationId,
}

impl Administers {
    /// Which organisation.
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }
}

/// Proof that the actor is an Admin of one deployment. Store functions that change what it follows and offers ask for it.
#[derive(Clone, Copy, Debug)]
pub struct Runs {
    deployment: DeploymentId,
}

impl Runs {
    /// Which deployment.
    pub const fn deployment(&self) -> DeploymentId {
        self.deployment
    }
}

/// Proof that the actor may list by some permission in one scope. Store functions that list ask for it, and it is their filter.
#[derive(Clone, Copy, Debug)]
pub struct Visible {
    scope: Scope,
}

impl Visible {
    /// What may be seen.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The same as a condition on a table: the column, and the id that it must hold.
    pub fn filter(&self) -> (&'static str, uuid::Uuid) {
        match self.scope.deployment {
            Some(deployment) => ("scope_id", deployment.uuid()),
            None => ("organisation_id", self.scope.organisation.uuid()),
        }
    }
}
