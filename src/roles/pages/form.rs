//! The fields of a role: its name, its check boxes in the documented order, and where it exists.

use serde::Deserialize;

use super::{Problem, beside};
use crate::{
    access::{Permission as P, PermissionSet},
    error::{Error, Result},
    roles::RoleDraft,
    web::Choice,
};

/// The check boxes as the product's documentation lists them, then what this portal has beyond that list.
const GROUPS: [(&str, &str, &[P]); 2] = [
    (
        "permissions",
        "What people with this role may do",
        &[
            P::ManagePatientData,
            P::ContactPatient,
            P::ViewPatientData,
            P::ViewPatientIdentifiers,
            P::ExportPatientData,
            P::EditRoles,
            P::InviteStaff,
            P::ManageStaff,
            P::ViewStaff,
            P::OffboardPatients,
        ],
    ),
    ("further", "Further permissions", &[P::ManageLabels, P::ManageNotes, P::ViewAudit]),
];

/// What the form sends. Numbers come as text, so that a forged one is an answer on the form and not a bare refusal.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct RoleForm {
    /// The name as typed.
    pub name: String,
    /// Keys of the ticked permissions.
    pub permissions: Vec<String>,
    /// `organisation` when it is to exist in the whole organisation.
    pub place: String,
    /// The revision that the form was made of.
    pub revision: String,
    /// Which button.
    pub r#do: String,
}

impl RoleForm {
    /// The ticked permissions that there are.
    pub fn ticked(&self) -> PermissionSet {
        self.permissions.iter().filter_map(|key| P::from_key(key)).collect()
    }

    /// What the person wants the role to be.
    ///
    /// # Errors
    /// For a permission that does not exist.
    pub fn draft(&self) -> Result<RoleDraft> {
        if self.permissions.iter().any(|key| P::from_key(key).is_none()) {
            return Err(Error::field("permissions", "One of the permissions does not exist; tick them again"));
        }
        Ok(RoleDraft { name: self.name.clone(), permissions: self.ticked() })
    }

    /// A revision that nothing has when it is no number.
    pub fn revision(&self) -> i64 {
        self.revision.parse().unwrap_or(-1)
    }
}

/// The fields as the template shows them.
pub struct RoleFields {
    pub name_label: &'static str,
    pub name: String,
    pub name_problem: Option<String>,
    pub permissions_problem: Option<String>,
    pub groups: Vec<BoxGroup>,
    pub places: Vec<Choice>,
}

/// Check boxes that belong together.
pub struct BoxGroup {
    pub id: &'static str,
    pub legend: &'static str,
    pub boxes: Vec<PermissionBox>,
}

/// One check box.
pub struct PermissionBox {
    pub key: &'static str,
    pub label: &'static str,
    pub sentence: &'static str,
    pub ticked: bool,
    pub fixed: bool,
    pub note: String,
    /// Keys of the permissions that bring it with them, for the script.
    pub comes_with: String,
}

impl RoleFields {
    /// The fields with these boxes ticked, where the person may hand on `grantable`.
    pub fn new(name: &str, ticked: PermissionSet, grantable: PermissionSet, problems: &[Problem]) -> Self {
        let groups = GROUPS.iter().map(|(id, legend, permissions)| BoxGroup {
            id,
            legend,
            boxes: permissions.iter().map(|permission| PermissionBox::new(*permission, ticked, grantable)).collect(),
        });
        Self {
            name_label: "Name",
            // A name of many thousand characters is refused; nobody needs all of it back.
            name: name.chars().take(500).collect(),
            name_problem: beside(problems, "name"),
            permissions_problem: beside(problems, "permissions"),
            groups: groups.collect(),
            places: Vec::new(),
        }
    }
}

impl PermissionBox {
    fn new(permission: P, ticked: PermissionSet, grantable: PermissionSet) -> Self {
        let always = permission == P::ViewPatientData;
        let brings = |other: &P| *other != permission && PermissionSet::EMPTY.with(*other).has(permission);
        let bringing: Vec<P> = P::all().filter(brings).collect();
        let labels: Vec<String> = bringing.iter().map(|other| format!("“{other}”")).collect();
        let note = if always {
            "Always included: it cannot be unticked.".to_owned()
        } else if !grantable.has(permission) {
            "You cannot tick this, because you may not hand it to others.".to_owned()
        } else if labels.is_empty() {
            String::new()
        } else {
            format!("Comes with {}.", labels.join(" and with "))
        };
        Self {
            key: permission.key(),
            label: permission.label(),
            sentence: permission.sentence(),
            ticked: always || ticked.has(permission),
            fixed: always || !grantable.has(permission),
            note,
            comes_with: bringing.iter().map(|other| other.key()).collect::<Vec<_>>().join(" "),
        }
    }
}
