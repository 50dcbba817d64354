//! The statement by which other systems and exports read patients: in the order in which they were added.

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement};

use super::{FoundPatient, labels_of};
use crate::{
    access::{Scope, Visible},
    db::list::ListSql,
    patients::{Patient, words_of},
    types::{Cursor, DeploymentId, OrganisationId, PatientId},
};

/// Which patients. What is none or empty does not narrow.
#[derive(Clone, Debug, Default)]
pub struct PatientSearch {
    /// Only these.
    pub ids: Option<Vec<PatientId>>,
    /// Only these numbers, of a deployment if one is named.
    pub numbers: Option<Vec<(Option<DeploymentId>, String)>>,
    /// Parts of the name; each must be found.
    pub names: Vec<String>,
    /// Spans of birth dates, first and last day; each must hold.
    pub born: Vec<(Option<String>, Option<String>)>,
    /// Only these genders.
    pub genders: Option<Vec<String>>,
}

impl PatientSearch {
    /// Whether it asks for what only those may ask who may see identifiers.
    pub const fn identifying(&self) -> bool {
        !self.names.is_empty() || !self.born.is_empty()
    }
}

/// One page of the patients that may be seen, with one row more than `size`; identifiers are read only for those who may see them.
pub(in crate::patients) async fn search(
    db: &impl ConnectionTrait,
    visible: &Visible,
    with_identifiers: bool,
    search: &PatientSearch,
    from: Option<&Cursor>,
    size: usize,
) -> Result<Vec<Patient>, DbErr> {
    let (sql, values) = search_statement(visible, with_identifiers, search, from, size);
    let rows = db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?;
    let ids: Vec<PatientId> = rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>()?;
    let mut labels = labels_of(db, ids).await?;
    let found = rows.iter().map(|row| {
        let id: PatientId = row.try_get("", "id")?;
        let organisation: OrganisationId = row.try_get("", "organisation_id")?;
        let scope = Scope::deployment(organisation, row.try_get("", "deployment_id")?);
        Ok(FoundPatient::from_query_result(row, "")?.into_patient(id, scope, labels.remove(&id).unwrap_or_default()))
    });
    found.collect()
}

fn search_statement(
    visible: &Visible,
    with_identifiers: bool,
    search: &PatientSearch,
    from: Option<&Cursor>,
    size: usize,
) -> (String, Vec<sea_orm::Value>) {
    let scope = visible.scope();
    let column = if scope.deployment.is_some() { "deployment_id" } else { "organisation_id" };
    let mut sql = ListSql::within(column, scope.id());
    if let Some(ids) = &search.ids {
        let marks: Vec<_> = ids.iter().map(|id| sql.bind(*id)).collect();
        sql.only(one_of("id", &marks));
    }
    if let Some(numbers) = &search.numbers {
        let each: Vec<_> = numbers
            .iter()
            .map(|(deployment, number)| {
                let number = sql.bind(number.to_lowercase());
                match deployment {
                    Some(deployment) => {
                        let deployment = sql.bind(*deployment);
                        format!("(number_key = {number} AND deployment_id = {deployment})")
                    }
                    None => format!("number_key = {number}"),
                }
            })
            .collect();
        sql.only(if each.is_empty() { "1 = 0".to_owned() } else { format!("({})", each.join(" OR ")) });
    }
    let within = if scope.deployment.is_some() {
        "w.deployment_id = $1"
    } else {
        "w.deployment_id IN (SELECT d.id FROM deployments d WHERE d.organisation_id = $1)"
    };
    for word in search.names.iter().flat_map(|name| words_of(name)) {
        let (least, beyond) = (sql.bind(word.clone()), sql.bind(format!("{word}\u{10FFFF}")));
        sql.only(format!(
            "id IN (SELECT w.patient_id FROM patient_words w WHERE {within} AND w.identifying AND w.word >= {least} AND w.word < {beyond})"
        ));
    }
    for (first, last) in &search.born {
        sql.only("born_on <> ''");
        for (relation, day) in [(">=", first), ("<=", last)] {
            if let Some(day) = day {
                let day = sql.bind(day.clone());
                sql.only(format!("born_on {relation} {day}"));
            }
        }
    }
    if let Some(genders) = &search.genders {
        let marks: Vec<_> = genders.iter().map(|gender| sql.bind(gender.clone())).collect();
        sql.only(one_of("gender", &marks));
    }
    let backwards = from.is_some_and(|cursor| cursor.backwards);
    if let Some(cursor) = from {
        sql.beyond("id", vec![cursor.id.into()], backwards);
    }
    let (end, values) = sql.finish(&["id"], backwards, size);
    let identifiers = if with_identifiers { ", name, email, phone, born_on" } else { "" };
    let columns = "id, organisation_id, deployment_id, number, gender, surgery_on, monitored, red, amber, grey, last_entry_at, \
        offboarded_at, offboarding_reason, revision, changed_at";
    (format!("SELECT {columns}{identifiers} FROM patients {end}"), values)
}

/// An empty list of alternatives finds nothing.
fn one_of(column: &str, marks: &[String]) -> String {
    if marks.is_empty() { "1 = 0".to_owned() } else { format!("{column} IN ({})", marks.join(", ")) }
}
