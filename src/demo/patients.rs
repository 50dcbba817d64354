//! The patients of the made-up hospital, and two months of what they measured.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::{
    DemoRole, hospital,
    physiology::{Body, Condition},
};
use crate::{
    access::{DefaultRole, Permission, Scope},
    audit::Event,
    contact::{self, TypedAppointment},
    identity, notes,
    op::{Caller, Op},
    patients::{Identity, NewPatient, actions},
    portal::Portal,
    readings,
    types::{Clock, PatientId, Timestamp},
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
    let clinician = clinician_of(portal, deployment).await?;
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
        for (n, id) in added.into_iter().enumerate() {
            look_after(portal, &clinician, id, n).await?;
        }
    }
    Ok(())
}

/// The one who looks after the deployment's patients.
async fn clinician_of(portal: &Portal, deployment: usize) -> Result<Caller> {
    let name = hospital::DEPLOYMENTS.get(deployment);
    let at_work = |role: DemoRole| matches!(role, DemoRole::Default(DefaultRole::DeploymentStaff));
    let person = hospital::people().into_iter().find(|one| at_work(one.role) && one.deployment == name.copied());
    Ok(identity::actions::act_from_terminal(portal, &person.context("a clinician")?.email()).await?)
}

const NOTES: [&str; 4] = [
    "Readings looked at; nothing that needs a change.",
    "Called about the last days. Feels well, sleeps well, goes on as agreed.",
    "Values steady. Next look in a week.",
    "Some scatter after a busy week. Asked to measure sitting down and after five minutes of rest.",
];

/// What the last two months have left behind: notes, a clinician of one's own, now and then an end, a message, an appointment.
async fn look_after(portal: &Portal, clinician: &Caller, patient: PatientId, n: usize) -> Result<()> {
    let hours = [20, 30, 44, 70, 26].get(n % 5).copied().unwrap_or(24);
    let then = portal.now().minus(Duration::from_secs(hours * 3600));
    let text = NOTES.get(n % NOTES.len()).copied().unwrap_or_default();
    notes::actions::review_before(&portal.with_clock(Clock::manual(then)), clinician, patient, text, then).await?;
    if n.is_multiple_of(3) {
        actions::assign_clinicians(portal, clinician, patient, &[clinician.actor()?.account]).await?;
    }
    match n {
        4 | 40 | 90 => actions::stop_monitoring(portal, clinician, patient, ("finished", "")).await?,
        1 | 7 => {
            let text = "Your readings look good. Please go on measuring in the morning, before breakfast.";
            contact::actions::send_message(portal, clinician, patient, text, &patient.to_string()).await?;
        }
        2 => meet(portal, clinician, patient, (3, "10:00", "telephone")).await?,
        5 => meet(portal, clinician, patient, (4, "11:30", "video")).await?,
        8 => meet(portal, clinician, patient, (6, "14:00", "visit")).await?,
        _ => {}
    }
    Ok(())
}

/// Proposes an appointment in some days, which the patient's mail in the mailbox can confirm.
async fn meet(
    portal: &Portal,
    clinician: &Caller,
    patient: PatientId,
    (days, time, how): (i64, &str, &str),
) -> Result<()> {
    let then = Timestamp(portal.now().0 + days * 24 * 3600 * 1000);
    let day = then.to_jiff().to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string();
    let (minutes, time, how, place) = ("20".to_owned(), time.to_owned(), how.to_owned(), String::new());
    let typed = TypedAppointment { day, time, minutes, how, place };
    contact::actions::propose_appointment(portal, clinician, patient, &typed, (&patient.to_string(), true)).await?;
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
