//! The rows of messages and appointments, and what of a patient is needed to send them something.

pub(super) mod appointments;
pub(super) mod messages;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::{
    access::{Granted, OnePatient, Scope},
    db::Tx,
    types::{DeploymentId, OrganisationId, PatientId},
};

fn asked(db: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

async fn run(tx: &Tx, sql: &str, values: Vec<Value>) -> Result<u64, DbErr> {
    Ok(tx.execute_raw(asked(tx, sql, values)).await?.rows_affected())
}

/// What sending to a patient needs to know of them. The address goes into a mail and never onto a page.
#[derive(FromQueryResult)]
pub(super) struct Addressee {
    organisation_id: OrganisationId,
    deployment_id: DeploymentId,
    pub email: String,
    monitored: i64,
    pub link_generation: i64,
}

impl Addressee {
    pub const fn scope(&self) -> Scope {
        Scope::deployment(self.organisation_id, self.deployment_id)
    }

    pub const fn is_monitored(&self) -> bool {
        self.monitored != 0
    }
}

/// Of a patient of whom the operation knows already, or of whom a mail speaks.
pub(super) async fn addressee(db: &impl ConnectionTrait, patient: PatientId) -> Result<Option<Addressee>, DbErr> {
    let sql = "SELECT organisation_id, deployment_id, email, monitored, link_generation FROM patients WHERE id = $1";
    Addressee::find_by_statement(asked(db, sql, vec![patient.into()])).one(db).await
}

/// Whether there is an address to send to.
pub(super) async fn has_address(db: &impl ConnectionTrait, one: &OnePatient) -> Result<bool, DbErr> {
    let sql = "SELECT COUNT(*) AS n FROM patients WHERE id = $1 AND email <> ''";
    let row = db.query_one_raw(asked(db, sql, vec![one.patient().into()])).await?;
    Ok(row.map_or(Ok(0), |row| row.try_get::<i64>("", "n"))? > 0)
}

/// A patient's number, which everybody may know who may see the patient.
pub(super) async fn number_of(tx: &Tx, granted: &Granted, patient: PatientId) -> Result<Option<String>, DbErr> {
    column_of(tx, granted, patient, "number").await
}

/// A patient's telephone number, an identifier.
pub(super) async fn phone_of(tx: &Tx, granted: &Granted, patient: PatientId) -> Result<Option<String>, DbErr> {
    column_of(tx, granted, patient, "phone").await
}

async fn column_of(
    tx: &Tx,
    granted: &Granted,
    patient: PatientId,
    column: &'static str,
) -> Result<Option<String>, DbErr> {
    let sql = format!("SELECT {column} FROM patients WHERE id = $1 AND deployment_id = $2");
    let row = tx.query_one_raw(asked(tx, &sql, vec![patient.into(), granted.scope().id().into()])).await?;
    row.map(|row| row.try_get("", column)).transpose()
}
