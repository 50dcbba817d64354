//! The things a person may do. The order is the order on screen; the keys are stored and never change.

use std::fmt;

/// One thing a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Permission {
    /// In every role.
    ViewPatientData,
    /// Without it, a patient is a number everywhere.
    ViewPatientIdentifiers,
    /// Patients, readings, labels of a patient, clinicians.
    ManagePatientData,
    /// Messages, calls, appointments.
    ContactPatient,
    /// JSON and CSV.
    ExportPatientData,
    /// Stop and resume monitoring.
    OffboardPatients,
    /// Create, rename and delete labels.
    ManageLabels,
    /// Notes and flags.
    ManageNotes,
    /// The staff list.
    ViewStaff,
    /// Invite, resend, delete invitations; implies [`Permission::ViewStaff`].
    InviteStaff,
    /// Change a role, end a membership; implies [`Permission::ViewStaff`].
    ManageStaff,
    /// Create and change custom roles.
    EditRoles,
    /// The access log of one's scope.
    ViewAudit,
}

/// Key, label and sentence of each permission, in the order of the enumeration.
const TEXTS: [(Permission, &str, &str, &str); 13] = [
    (
        Permission::ViewPatientData,
        "view_patient_data",
        "View patient data",
        "See the readings that patients send in. Part of every role.",
    ),
    (
        Permission::ViewPatientIdentifiers,
        "view_patient_identifiers",
        "View patient identifiers",
        "See names, e-mail addresses and dates of birth. Without it, patients appear by number only.",
    ),
    (
        Permission::ManagePatientData,
        "manage_patient_data",
        "Manage patient data",
        "Add and edit patients, enter readings, assign labels and clinicians.",
    ),
    (
        Permission::ContactPatient,
        "contact_patient",
        "Contact patient",
        "Send messages, call, and arrange appointments.",
    ),
    (
        Permission::ExportPatientData,
        "export_patient_data",
        "Export patient data",
        "Download patient data; without identifiers if this role cannot see them.",
    ),
    (
        Permission::OffboardPatients,
        "offboard_patients",
        "Offboard patients",
        "Stop and resume the monitoring of a patient.",
    ),
    (
        Permission::ManageLabels,
        "manage_labels",
        "Manage labels",
        "Create, rename and delete labels, and assign them to patients.",
    ),
    (
        Permission::ManageNotes,
        "manage_notes",
        "Add notes and resolve flags",
        "Write notes about a patient and resolve their flags.",
    ),
    (Permission::ViewStaff, "view_staff", "View staff in organisation", "See who is staff, and with which role."),
    (
        Permission::InviteStaff,
        "invite_staff",
        "Invite staff members",
        "Invite people, and resend or delete invitations.",
    ),
    (
        Permission::ManageStaff,
        "manage_staff",
        "Assign roles and remove staff members",
        "Change a colleague's role or end their access.",
    ),
    (
        Permission::EditRoles,
        "edit_roles",
        "Edit roles and permissions",
        "Create and change the organisation's own roles.",
    ),
    (Permission::ViewAudit, "view_audit", "View access log", "Read who did what, when and from where."),
];

impl Permission {
    /// Every permission, in the order on screen.
    pub fn all() -> impl Iterator<Item = Self> {
        TEXTS.iter().map(|(permission, ..)| *permission)
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        TEXTS
            .iter()
            .find(|(permission, ..)| *permission == self)
            .map_or(("", "", ""), |(_, key, label, sentence)| (key, label, sentence))
    }

    /// The stored and exchanged name.
    pub fn key(self) -> &'static str {
        self.texts().0
    }

    /// The name on screen.
    pub fn label(self) -> &'static str {
        self.texts().1
    }

    /// What it lets a person do.
    pub fn sentence(self) -> &'static str {
        self.texts().2
    }

    /// The permission with this key.
    pub fn from_key(key: &str) -> Option<Self> {
        TEXTS.iter().find(|(_, known, ..)| *known == key).map(|(permission, ..)| *permission)
    }

    /// What comes with it: nobody can invite or remove people whom they cannot see.
    const fn implies(self) -> Option<Self> {
        match self {
            Self::InviteStaff | Self::ManageStaff => Some(Self::ViewStaff),
            _ => None,
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A set of permissions, closed under implication.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PermissionSet(u32);

impl PermissionSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// All permissions.
    pub fn all() -> Self {
        Permission::all().collect()
    }

    /// Adds a permission and what it implies.
    #[must_use]
    pub const fn with(self, permission: Permission) -> Self {
        let own = self.0 | 1 << permission as u8;
        match permission.implies() {
            Some(implied) => Self(own | 1 << implied as u8),
            None => Self(own),
        }
    }

    /// Whether the permission is in the set.
    pub const fn has(self, permission: Permission) -> bool {
        self.0 & 1 << permission as u8 != 0
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every member of this set is in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What both sets have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this set has and `other` has not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members, in the order on screen.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::all().filter(move |permission| self.has(*permission))
    }

    /// The keys, comma-separated, as stored.
    pub fn to_keys(self) -> String {
        self.iter().map(Permission::key).collect::<Vec<_>>().join(",")
    }

    /// From stored keys. A key that this program does not know gives nothing.
    pub fn from_keys(keys: &str) -> Self {
        keys.split(',').filter_map(Permission::from_key).collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Permission::key)).finish()
    }
}
