//! Who works at Northfield Hospital. All of it is made up.

use super::DemoRole;
use crate::access::{DefaultRole as D, Permission as P};

pub(super) const ORGANISATION: &str = "Northfield Hospital";
pub(super) const DEPLOYMENTS: [&str; 3] = ["Cardiology", "Diabetes Care", "Respiratory Ward"];

/// The hospital's own roles: name and permissions.
pub(super) const OWN_ROLES: [(&str, &[P]); 2] = [
    (
        "Ward Coordinator",
        &[
            P::ViewPatientData,
            P::ViewPatientIdentifiers,
            P::ManageNotes,
            P::ViewStaff,
            P::InviteStaff,
            P::ContactPatient,
        ],
    ),
    ("Research Nurse", &[P::ViewPatientData, P::ExportPatientData, P::ManageNotes]),
];

/// A member of staff.
pub(super) struct Person {
    pub name: &'static str,
    pub role: DemoRole,
    pub deployment: Option<&'static str>,
}

impl Person {
    /// `first.last@northfield.example`, without accents and apostrophes.
    pub(super) fn email(&self) -> String {
        format!("{}@northfield.example", address_part(self.name))
    }
}

pub(super) fn address_part(name: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let plain: String = name.nfd().filter(|c| c.is_ascii()).collect::<String>().to_lowercase();
    plain.split_whitespace().map(|part| part.replace('\'', "")).collect::<Vec<_>>().join(".")
}

/// Everybody, the first Admin first.
pub(super) fn people() -> Vec<Person> {
    let mut people = Vec::new();
    let mut add = |role: DemoRole, deployment: Option<&'static str>, names: &[&'static str]| {
        people.extend(names.iter().map(|name| Person { name, role, deployment }));
    };
    let default = DemoRole::Default;
    let [cardiology, diabetes, respiratory] = DEPLOYMENTS;
    add(default(D::Admin), None, &["Ada Okafor", "Tomasz Zielinski"]);
    add(default(D::AccessController), None, &["Priya Raman", "Gwen Hughes"]);
    add(default(D::OrganisationStaff), None, &["Marcus Lindqvist", "Yusuf Said", "Chloe Fontaine", "Ines Duarte"]);
    add(default(D::Admin), Some(cardiology), &["Eilidh Fraser"]);
    add(default(D::Admin), Some(diabetes), &["Hye-jin Park"]);
    add(default(D::AccessController), Some(cardiology), &["Samuel Mbeki"]);
    add(
        default(D::DeploymentStaff),
        Some(cardiology),
        &["Wren Zhang", "Dafydd Pryce", "Leila Haddad", "Olu Adeyemi", "Nora Lindgren", "Pavel Novák", "Aoife O'Neill"],
    );
    add(
        default(D::DeploymentStaff),
        Some(diabetes),
        &["Chidi Jones", "Fatima Rahman", "Henrik Solberg", "Mei Tanaka", "Rosa Delgado", "Ben Achterberg"],
    );
    add(
        default(D::DeploymentStaff),
        Some(respiratory),
        &["Grainne Kelly", "Ivan Petrov", "Sunita Patel", "Jonas Weber", "Amara Nwosu"],
    );
    add(default(D::Contributor), Some(cardiology), &["Lucy Hartley", "Omar Farouk"]);
    add(default(D::Contributor), Some(respiratory), &["Zoe Anand"]);
    add(DemoRole::Own(0), Some(cardiology), &["Kirsten Bauer"]);
    add(DemoRole::Own(0), Some(diabetes), &["Luca Moretti"]);
    add(DemoRole::Own(1), Some(respiratory), &["Hannah Cole", "David Osei"]);
    add(DemoRole::Own(1), None, &["Miriam Katz"]);
    people
}

/// Whose access ends by itself this week.
pub(super) const LOCUM: &str = "Omar Farouk";
/// Whose invitation is held.
pub(super) const HELD: &str = "petra.lang@northfield.example";

/// Those who are invited and have not come yet, with the deployment.
pub(super) const INVITED: [(&str, &str); 10] = [
    ("Xiomara Nunez", "Cardiology"),
    ("Anil Mehta", "Cardiology"),
    ("Bridget Walsh", "Cardiology"),
    ("Callum Reid", "Cardiology"),
    ("Daniela Costa", "Diabetes Care"),
    ("Emeka Obi", "Diabetes Care"),
    ("Freya Nilsen", "Respiratory Ward"),
    ("Goran Ilic", "Respiratory Ward"),
    ("Hassan Ali", "Respiratory Ward"),
    ("Isla Murray", "Cardiology"),
];

pub(super) const PATIENT_NAMES: ([&str; 24], [&str; 24]) = (
    [
        "Agnes", "Bernard", "Carla", "Desmond", "Edith", "Farid", "Greta", "Harold", "Irene", "Joao", "Kamala",
        "Leonard", "Maeve", "Nikolai", "Oona", "Patrick", "Qing", "Ruth", "Stefan", "Tilda", "Umar", "Vera", "Walter",
        "Yasmin",
    ],
    [
        "Abbott", "Bianchi", "Chaudhry", "Dunne", "Eriksen", "Fischer", "Grant", "Hossain", "Ivanova", "Jensen",
        "Kowalska", "Lopez", "Mwangi", "Nagy", "Okoro", "Pereira", "Quinn", "Rossi", "Sharma", "Turner", "Ueda",
        "Vance", "Wilson", "Yilmaz",
    ],
);

pub(super) const LABELS: [&str; 5] = ["Post-op", "New", "High risk", "Interpreter", "Weekly call"];
