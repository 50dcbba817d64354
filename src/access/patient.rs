//! Authority over one patient: by a role that covers the patient's deployment, or by an emergency access to this patient alone.

use super::{Actor, Permission, Refusal, Scope};
use crate::types::{EmergencyId, PatientId};

/// Where a patient is, and whether the person asking has opened them in an emergency that has not ended.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// The patient's deployment.
    pub scope: Scope,
    /// The emergency access, if there is one at this moment.
    pub emergency: Option<EmergencyId>,
}

/// Proof that the actor may see one patient. Store functions that read of one patient ask for it, and it is their filter.
#[derive(Clone, Copy, Debug)]
pub struct OnePatient {
    patient: PatientId,
    scope: Scope,
    identifiers: bool,
    emergency: Option<EmergencyId>,
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
                Ok(OnePatient { patient, scope, identifiers, emergency: None })
            }
            Err(_) if permission == Permission::ViewPatientData && found.emergency.is_some() => {
                let at_home = self.memberships.iter().filter(|m| m.scope.organisation == scope.organisation);
                let identifiers = at_home.clone().any(|m| m.role.permissions.has(Permission::ViewPatientIdentifiers));
                // Whoever has left the organisation since has no access left, whatever the clock says.
                if at_home.clone().next().is_none() {
                    return Err(Refusal::OutOfScope);
                }
                Ok(OnePatient { patient, scope, identifiers, emergency: found.emergency })
            }
            Err(refusal) => Err(refusal),
        }
    }
}
