//! Authority over one patient: by a role that covers the patient's deployment, or by an emergency access to this patient alone.

use super::{Actor, Membership, Permission, Refusal, Scope, policy};
use crate::types::{AccountId, EmergencyId, OrganisationId, PatientId, Timestamp};

/// Where a patient is, and whether the person asking has opened them in an emergency that has not ended.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// The patient's deployment.
    pub scope: Scope,
    /// The emergency access, if there is one at this moment.
    pub emergency: Option<EmergencyId>,
    /// When that ends by itself.
    pub emergency_ends_at: Option<Timestamp>,
}

/// Proof that the actor may see one patient. Store functions that read of one patient ask for it, and it is their filter.
#[derive(Clone, Copy, Debug)]
pub struct OnePatient {
    patient: PatientId,
    scope: Scope,
    identifiers: bool,
    emergency: Option<EmergencyId>,
    emergency_ends_at: Option<Timestamp>,
}

impl OnePatient {
    /// Who.
    pub const fn patient(&self) -> PatientId {
        self.patient
    }

    /// The patient's deployment.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether name, contact and birth date may be read.
    pub const fn identifiers(&self) -> bool {
        self.identifiers
    }

    /// The emergency access by which the patient is seen; none where a role gives it.
    pub const fn emergency(&self) -> Option<EmergencyId> {
        self.emergency
    }

    /// When that emergency access ends by itself.
    pub const fn emergency_ends_at(&self) -> Option<Timestamp> {
        self.emergency_ends_at
    }
}

/// Proof that the actor looks after patients somewhere in an organisation, and may ask for an emergency access to others in it.
#[derive(Clone, Copy, Debug)]
pub struct Clinician {
    organisation: OrganisationId,
}

impl Clinician {
    /// Where.
    pub const fn organisation(&self) -> OrganisationId {
        self.organisation
    }
}

/// Proof that the actor may open one patient in an emergency.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    account: AccountId,
    patient: PatientId,
    scope: Scope,
}

impl Opening {
    /// Who opens.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Whom.
    pub const fn patient(&self) -> PatientId {
        self.patient
    }

    /// Where the patient is.
    pub const fn scope(&self) -> Scope {
        self.scope
    }
}

impl Actor {
    /// Authority to see one patient by `permission`. An emergency access gives **View patient data** alone, and identifiers where
    /// one of the actor's roles in the organisation has them.
    ///
    /// # Errors
    /// The nearest [`Refusal`].
    pub fn patient(
        &self,
        permission: Permission,
        patient: PatientId,
        found: Whereabouts,
    ) -> Result<OnePatient, Refusal> {
        let scope = found.scope;
        match self.visible(permission, scope) {
            Ok(_) => {
                let identifiers = self.may(Permission::ViewPatientIdentifiers, &scope);
                Ok(OnePatient { patient, scope, identifiers, emergency: None, emergency_ends_at: None })
            }
            Err(_) if permission == Permission::ViewPatientData && found.emergency.is_some() => {
                let at_home = self.memberships.iter().filter(|m| m.scope.organisation == scope.organisation);
                let identifiers = at_home.clone().any(|m| m.role.permissions.has(Permission::ViewPatientIdentifiers));
                // Whoever has left the organisation since has no access left, whatever the clock says.
                if at_home.clone().next().is_none() {
                    return Err(Refusal::OutOfScope);
                }
                let (emergency, emergency_ends_at) = (found.emergency, found.emergency_ends_at);
                Ok(OnePatient { patient, scope, identifiers, emergency, emergency_ends_at })
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Authority to ask for an emergency access in an organisation.
    ///
    /// # Errors
    /// The nearest [`Refusal`].
    pub fn clinician_in(&self, organisation: OrganisationId) -> Result<Clinician, Refusal> {
        let mut nearest = Refusal::OutOfScope;
        for membership in &self.memberships {
            match policy::may_ask_in_emergency(membership, organisation) {
                Ok(()) => return Ok(Clinician { organisation }),
                Err(Refusal::OutOfScope) => {}
                Err(refusal) => nearest = refusal,
            }
        }
        Err(nearest)
    }

    /// Where the actor is a clinician: at `scope` if a membership reaches it, else at the first place of the organisation.
    pub fn clinician_at(&self, scope: Scope) -> Option<Scope> {
        self.clinician_in(scope.organisation).ok()?;
        if self.reaches(&scope) {
            return Some(scope);
        }
        let able = |membership: &&Membership| policy::may_ask_in_emergency(membership, scope.organisation).is_ok();
        self.memberships.iter().find(able).map(|membership| membership.scope)
    }

    /// Authority to open one patient in an emergency.
    ///
    /// # Errors
    /// The nearest [`Refusal`]; [`Refusal::ReachedAlready`] where a role reaches the patient.
    pub fn opens_in_emergency(&self, patient: PatientId, scope: Scope) -> Result<Opening, Refusal> {
        policy::may_open_in_emergency(&self.memberships, &scope)?;
        Ok(Opening { account: self.account, patient, scope })
    }
}
