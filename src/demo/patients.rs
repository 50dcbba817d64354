//! The patients of the made-up hospital, and two months of what they measured.

use anyhow::Result;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{
    hospital,
    physiology::{Body, Condition},
};
use crate::{
    access::{Permission, Scope},
    audit::Event,
    op::{Caller, Op},
    patients::{Identity, NewPatient, actions},
    portal::Portal,
    readings,
};

const DAYS: i64 = 60;

/// Patients that are entered by one operation.
const TOGETHER: usize = 200;

/// Makes the patients of the deployment with this number. The same number gives the same people.
pub(super) async fn admit(
    portal: &Portal,
    admin: &Caller,
    scope: Scope,
    deployment: usize,
    count: usize,
) -> Result<()> {
    let mut rng = StdRng::seed_from_u64(20_261_124 + deployment as u64);
    let condition = Condition::of_deployment(deployment);
    let new: Vec<_> = (0..count).map(|n| patient(&mut rng, deployment, condition, n)).collect();
    for some in new.chunks(TOGETHER) {
        let op = Op::begin(portal, admin).await?;
        let (mut op, granted) = op.require(Permission::ManagePatientData, scope).await?;
        let added = actions::insert_patients(&op, &granted, some.to_vec()).await?;
        let mut entries = Vec::new();
        for id in &added {
            entries.extend(Body::new(&mut rng, condition, DAYS).live(&mut rng, *id, DAYS, op.now()));
        }
        readings::actions::enter_readings(&op, &granted, entries).await?;
        op.record(Event::done("patients.added", scope, scope, json!({ "patients": added.len() })));
        op.commit().await?;
    }
    Ok(())
}

fn patient(rng: &mut StdRng, deployment: usize, condition: Condition, n: usize) -> NewPatient {
    let (first_names, last_names) = hospital::PATIENT_NAMES;
    let name = format!("{} {}", pick(rng, &first_names), pick(rng, &last_names));
    let operated = condition == Condition::Heart && rng.random_bool(0.5);
    let day = |rng: &mut StdRng, years: std::ops::Range<i32>| {
        format!("{}-{:02}-{:02}", rng.random_range(years), rng.random_range(1..13), rng.random_range(1..29))
    };
    NewPatient {
        number: format!("NF-{}{:05}", deployment + 1, n * 7 + 1013),
        identity: Identity {
            email: format!("{}{n}@patients.example", hospital::address_part(&name)),
            // Numbers that belong to nobody: set aside for plays and films.
            phone: format!("07700 900{:03}", n % 1000),
            born_on: day(rng, 1936..2002),
            name,
        },
        gender: pick(rng, &["female", "male", "female", "male", "female", "male", "other", ""]).to_owned(),
        surgery_on: if operated { day(rng, 2026..2027) } else { String::new() },
        labels: if rng.random_bool(0.35) { vec![pick(rng, &hospital::LABELS).to_owned()] } else { Vec::new() },
    }
}

fn pick(rng: &mut StdRng, words: &[&'static str]) -> &'static str {
    words.get(rng.random_range(0..words.len())).copied().unwrap_or_default()
}
