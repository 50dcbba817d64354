//! Where a membership or an invitation holds: a whole organisation, or one deployment of it.

use std::fmt;

use uuid::Uuid;

use crate::types::{DeploymentId, OrganisationId};

/// A whole organisation, or one deployment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The deployment; none for the whole organisation.
    pub deployment: Option<DeploymentId>,
}

impl Scope {
    /// The whole organisation.
    pub const fn organisation(organisation: OrganisationId) -> Self {
        Self { organisation, deployment: None }
    }

    /// One deployment.
    pub const fn deployment(organisation: OrganisationId, deployment: DeploymentId) -> Self {
        Self { organisation, deployment: Some(deployment) }
    }

    /// Whether what holds here holds at `other` as well: an organisation covers its deployments, never the other way round.
    pub fn covers(&self, other: &Self) -> bool {
        self.organisation == other.organisation && (self.deployment.is_none() || self.deployment == other.deployment)
    }

    /// The id of the narrowest part, as the tables' `scope_id`.
    pub fn id(&self) -> Uuid {
        self.deployment.map_or_else(|| self.organisation.uuid(), |deployment| deployment.uuid())
    }

    /// The beginning of every address of this scope: `/org_…` or `/dep_…`.
    pub fn path(&self) -> String {
        format!("/{self}")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.deployment {
            Some(deployment) => deployment.fmt(f),
            None => self.organisation.fmt(f),
        }
    }
}
