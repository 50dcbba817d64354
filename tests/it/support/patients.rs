//! Patients and what they send in, made by the actions themselves.

use care_portal::{
    access::{Permission, Scope},
    op::Op,
    patients::{self, Identity, NewPatient},
    readings::{self, Module, NewReading},
    types::{PatientId, Timestamp},
};

use super::app::TestApp;

impl TestApp {
    /// A patient of a deployment, with an address, a telephone number and a birth date.
    pub async fn patient(&self, scope: Scope, number: &str, name: &str) -> PatientId {
        let identity = Identity {
            name: name.to_owned(),
            email: format!("{}@patients.example", number.to_lowercase()),
            phone: "+44 20 7946 0123".to_owned(),
            born_on: "1948-03-09".to_owned(),
        };
        let new = NewPatient { number: number.to_owned(), identity, gender: "female".to_owned(), ..Default::default() };
        let admin = self.admin_caller().await;
        let added = patients::actions::add_patients(&self.portal, &admin, scope, vec![new]).await.unwrap();
        added[0]
    }

    /// An entry, written as a person writes it in the module's own unit: `120/80`, `37.5`, words.
    pub async fn reading(&self, patient: PatientId, module: &str, value: &str, at: Timestamp) {
        self.readings(patient, &[(module, value, at)]).await;
    }

    /// Several at once.
    pub async fn readings(&self, patient: PatientId, entries: &[(&str, &str, Timestamp)]) {
        let entries = entries.iter().map(|&(module, value, at)| {
            let module = Module::find(module).unwrap_or_else(|| panic!("{module} is a module"));
            let measured = module.read(value).unwrap();
            NewReading { patient, module, measured, at, identifier: None }
        });
        let op = Op::begin(&self.portal, &self.admin_caller().await).await.unwrap();
        let (op, granted) = op.require_for(Permission::ManagePatientData, patient).await.unwrap();
        readings::actions::enter_readings(&op, &granted, entries.collect()).await.unwrap();
        op.commit().await.unwrap();
    }

    /// This many minutes before now.
    pub fn minutes_ago(&self, minutes: i64) -> Timestamp {
        Timestamp(self.portal.now().0 - minutes * 60_000)
    }
}
