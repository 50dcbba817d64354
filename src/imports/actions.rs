//! Looking at the rows of a file, and adding those that can be added.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{BadCell, Fate, Import, Outcome, Row, Sheet, Standing, store};
use crate::{
    access::{Permission, Scope, Visible},
    audit::Event,
    error::{Error, Result},
    op::{Caller, Op},
    patients::{
        NewPatient,
        actions::{self as patients, Alike, MOST_LABELS, insert_patients, number_shape, person_key},
    },
    portal::Portal,
    programmes,
    types::{DeploymentId, PatientId, PatientImportId},
};

/// Reads how each row stands; labels are left out of the sheet where they are switched off. Whose number or name is told on the way is in
/// the access log before this returns.
///
/// # Errors
/// When the caller may not add patients there, or not see their identifiers.
pub async fn review_import(portal: &Portal, caller: &Caller, scope: Scope, sheet: &mut Sheet) -> Result<Vec<Standing>> {
    caller.scope(portal, Permission::ManagePatientData, scope).await?;
    let visible = caller.scope(portal, Permission::ViewPatientIdentifiers, scope).await?;
    let deployment = scope.deployment.ok_or(Error::NotFound)?;
    let may_label = caller.actor()?.may(Permission::ManageLabels, &scope);
    let judged = judge(portal.db.reader(), &visible, (deployment, may_label), sheet).await?;
    caller.saw(portal, scope, "list", judged.told.into_iter().collect()).await?;
    Ok(judged.standings)
}

/// Adds what can be added: rows that are ready, and of those that need a second look the ones whose line was `confirmed`. Rows that cannot
/// be added spoil no other. The same request key twice is one import.
///
/// # Errors
/// As [`review_import`].
pub async fn import_patients(
    portal: &Portal,
    caller: &Caller,
    scope: Scope,
    mut sheet: Sheet,
    (confirmed, request_key): (&HashSet<usize>, &str),
) -> Result<PatientImportId> {
    let visible = caller.scope(portal, Permission::ViewPatientIdentifiers, scope).await?;
    let op = Op::begin(portal, caller).await?;
    let (op, _) = op.require(Permission::ViewPatientIdentifiers, scope).await?;
    let (mut op, granted) = op.require(Permission::ManagePatientData, scope).await?;
    let deployment = scope.deployment.ok_or(Error::NotFound)?;
    let (account, may_label) = (op.actor()?.account, op.actor()?.may(Permission::ManageLabels, &scope));
    if let Some((known, there)) = store::by_key(op.tx(), account, request_key).await? {
        let elsewhere = || Error::Conflict("This form was sent already. Open it again".to_owned());
        return if there == deployment { Ok(known) } else { Err(elsewhere()) };
    }
    let judged = judge(op.tx(), &visible, (deployment, may_label), &mut sheet).await?;
    let (outcomes, new) = outcomes(sheet, judged.standings, confirmed);
    let added = insert_patients(&op, &granted, new).await?;
    let import = Import { id: op.new_id(), outcomes };
    store::insert(op.tx(), &granted, &import, (account, request_key, op.now())).await?;
    let detail = json!({ "patients": added.len(), "rows": import.outcomes.len() });
    op.record(Event::done("patients.imported", import.id, scope, detail));
    op.commit().await?;
    Ok(import.id)
}

/// What becomes of each row, and whom to add.
fn outcomes(sheet: Sheet, standings: Vec<Standing>, confirmed: &HashSet<usize>) -> (Vec<Outcome>, Vec<NewPatient>) {
    let (mut outcomes, mut new) = (Vec::new(), Vec::new());
    for (row, standing) in sheet.rows.into_iter().zip(standings) {
        let (fate, reason) = match standing {
            Standing::Ready => (Fate::Added, String::new()),
            Standing::Look(_) if confirmed.contains(&row.line) => (Fate::Added, String::new()),
            Standing::Look(reason) => (Fate::Look, reason),
            Standing::There => (Fate::There, "A patient has this number already; nothing was changed.".to_owned()),
            Standing::Refused(bad) => (Fate::Refused, sentences(&bad)),
        };
        outcomes.push(Outcome { line: row.line, number: row.new.number.clone(), fate, reason });
        if fate == Fate::Added {
            new.push(row.new);
        }
    }
    (outcomes, new)
}

fn sentences(bad: &[BadCell]) -> String {
    bad.iter().map(|bad| format!("{}: {}", bad.column, bad.reason)).collect::<Vec<_>>().join(" ")
}

/// One's own import.
///
/// # Errors
/// When the caller may not add patients there, or has done no such import.
pub async fn show_import(portal: &Portal, caller: &Caller, scope: Scope, id: PatientImportId) -> Result<Import> {
    let visible = caller.scope(portal, Permission::ManagePatientData, scope).await?;
    store::find(portal.db.reader(), &visible, caller.actor()?.account, id).await?.ok_or(Error::NotFound)
}

struct Judged {
    standings: Vec<Standing>,
    /// Patients of whom a row tells something.
    told: BTreeSet<PatientId>,
}

/// Judges every row against the patients who are there and the rows before it.
async fn judge(
    db: &impl ConnectionTrait,
    visible: &Visible,
    (deployment, may_label): (DeploymentId, bool),
    sheet: &mut Sheet,
) -> Result<Judged> {
    if !programmes::actions::programme_of(db, deployment).await?.labels {
        sheet.leave_labels_out();
    }
    let judge = Judge {
        there: patients::alike(db, visible, sheet.rows.iter().map(|row| &row.new)).await?,
        labels: patients::label_keys(db, deployment).await?,
        may_label,
    };
    let (mut earlier, mut told) = (Earlier::default(), BTreeSet::new());
    let mut standings = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let standing = judge.standing(row, &earlier, &mut told);
        earlier.keep(row);
        if !matches!(standing, Standing::Refused(_)) {
            earlier.labels.extend(judge.new_labels(row));
        }
        standings.push(standing);
    }
    Ok(Judged { standings, told })
}

struct Judge {
    there: Alike,
    /// Labels that are there, in lower case.
    labels: HashSet<String>,
    /// Whether others may be made.
    may_label: bool,
}

impl Judge {
    fn standing(&self, row: &Row, earlier: &Earlier, told: &mut BTreeSet<PatientId>) -> Standing {
        let mut bad = row.bad.clone();
        let mut refuse = |column, typed: &str, reason: String| {
            bad.push(BadCell { column, typed: typed.to_owned(), reason });
        };
        if let Some(line) = earlier.numbers.get(&row.new.number.to_lowercase()) {
            refuse("Number", &row.new.number, format!("Row {line} has the same number."));
        }
        if let Some((label, reason)) = self.refused_label(row, earlier) {
            refuse("Labels", &label, reason);
        }
        if !bad.is_empty() {
            Standing::Refused(bad)
        } else if self.there.number(&row.new).is_some() {
            Standing::There
        } else {
            self.second_look(row, earlier, told).map_or(Standing::Ready, Standing::Look)
        }
    }

    /// The row's labels that are not there, in lower case.
    fn new_labels(&self, row: &Row) -> impl Iterator<Item = String> {
        row.new.labels.iter().map(|label| label.to_lowercase()).filter(|label| !self.labels.contains(label))
    }

    fn refused_label(&self, row: &Row, earlier: &Earlier) -> Option<(String, String)> {
        let label = self.new_labels(row).next()?;
        let more = self.new_labels(row).filter(|label| !earlier.labels.contains(label)).count();
        if !self.may_label {
            Some((label, "There is no such label here, and your role makes none.".to_owned()))
        } else if (self.labels.len() + earlier.labels.len() + more) as u64 > MOST_LABELS {
            Some((label, format!("A deployment has at most {MOST_LABELS} labels.")))
        } else {
            None
        }
    }

    fn second_look(&self, row: &Row, earlier: &Earlier, told: &mut BTreeSet<PatientId>) -> Option<String> {
        if let Some((id, number)) = self.there.person(&row.new) {
            told.insert(id);
            return Some(format!("{number} has the same name and date of birth."));
        }
        if let Some((id, number)) = self.there.like_number(&row.new) {
            told.insert(id);
            return Some(format!("The number looks like {number}."));
        }
        if let Some(line) = person_key(&row.new).and_then(|person| earlier.people.get(&person)) {
            return Some(format!("Row {line} has the same name and date of birth."));
        }
        let alike = earlier.shapes.get(&number_shape(&row.new.number));
        alike.map(|line| format!("The number looks like that of row {line}."))
    }
}

/// The rows before, by what two may have in common.
#[derive(Default)]
struct Earlier {
    numbers: HashMap<String, usize>,
    people: HashMap<(String, String), usize>,
    shapes: HashMap<String, usize>,
    /// Labels that would be made, in lower case.
    labels: HashSet<String>,
}

impl Earlier {
    fn keep(&mut self, row: &Row) {
        if row.new.number.is_empty() {
            return;
        }
        self.numbers.entry(row.new.number.to_lowercase()).or_insert(row.line);
        self.shapes.entry(number_shape(&row.new.number)).or_insert(row.line);
        if let Some(person) = person_key(&row.new) {
            self.people.entry(person).or_insert(row.line);
        }
    }
}
