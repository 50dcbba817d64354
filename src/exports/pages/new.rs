//! The window **Export patient data**. Patients are looked for and chosen by its own form, so that no name stands in an address.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::Form;
use serde::Deserialize;

use super::{address, deployment};
use crate::{
    access::Permission,
    error::{Error, Result},
    exports::{Export, Format, State as ExportState, Wanted, actions},
    identity::door::SignedIn,
    op::Caller,
    patients::{self, actions::PatientSearch},
    portal::Portal,
    programmes,
    sites::{self, Place},
    types::{ExportId, PatientId, kind},
    web::{Choice, Frame, PageResult, When, page_with_status, see_other},
};

/// Patients that a search shows.
const SHOWN: usize = 20;

/// What was filled in.
#[derive(Clone, Default, Deserialize)]
pub(super) struct ExportForm {
    #[serde(default)]
    key: String,
    /// `all` or `chosen`.
    #[serde(default)]
    which: String,
    #[serde(default)]
    patient: Vec<String>,
    #[serde(default)]
    q: String,
    #[serde(default)]
    without: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    until: String,
    /// `all` or `some`.
    #[serde(default)]
    data: String,
    #[serde(default)]
    module: Vec<String>,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    format: String,
    #[serde(default, rename = "do")]
    press: String,
}

/// A patient to be ticked.
struct Candidate {
    id: String,
    number: String,
    name: Option<String>,
    ticked: bool,
}

/// An export that was asked for before.
struct Earlier {
    url: String,
    word: &'static str,
    asked: When,
}

#[derive(Template)]
#[template(path = "exports/new.html")]
struct NewExportPage {
    frame: Frame,
    action: String,
    cancel: String,
    place: String,
    form: ExportForm,
    candidates: Vec<Candidate>,
    searched: bool,
    identifiers: bool,
    modules: Vec<Choice>,
    formats: Vec<Choice>,
    earlier: Vec<Earlier>,
    wrong: Vec<(&'static str, String)>,
}

impl NewExportPage {
    fn at(&self, field: &str) -> Option<String> {
        self.wrong.iter().find(|(known, _)| *known == field).map(|(_, text)| text.clone())
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> PageResult {
    let place = deployment(&portal, &caller, &scope).await?;
    let form = ExportForm { which: "all".to_owned(), ..fresh(&portal) };
    shown(&portal, &caller, &place, form, Vec::new(), StatusCode::OK).await
}

pub(super) async fn show_for_one(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
) -> PageResult {
    let id: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
    // Whether there is such a patient here comes before anything else.
    let one = caller.patient(&portal, Permission::ExportPatientData, id).await?;
    if one.scope().to_string() != scope {
        return Err(Error::NotFound.into());
    }
    let place = deployment(&portal, &caller, &scope).await?;
    let form = ExportForm { which: "chosen".to_owned(), patient: vec![patient], ..fresh(&portal) };
    shown(&portal, &caller, &place, form, Vec::new(), StatusCode::OK).await
}

fn fresh(portal: &Portal) -> ExportForm {
    ExportForm { key: portal.new_id::<kind::Export>().to_string(), data: "all".to_owned(), ..ExportForm::default() }
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Form(form): Form<ExportForm>,
) -> PageResult {
    let place = deployment(&portal, &caller, &scope).await?;
    if form.press == "search" {
        let form = ExportForm { which: "chosen".to_owned(), ..form };
        return shown(&portal, &caller, &place, form, Vec::new(), StatusCode::OK).await;
    }
    let asked = match form.read() {
        Ok(wanted) => ask(&portal, &caller, &place, &form, wanted).await,
        Err(wrong) => Err(Error::Invalid(wrong)),
    };
    match asked {
        Ok(id) => Ok(see_other(&address(place.scope, id)).into_response()),
        Err(Error::Invalid(wrong)) => {
            shown(&portal, &caller, &place, form, wrong, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(Error::Conflict(text)) => {
            shown(&portal, &caller, &place, form, vec![("main", text)], StatusCode::CONFLICT).await
        }
        Err(other) => Err(other.into()),
    }
}

async fn ask(portal: &Portal, caller: &Caller, place: &Place, form: &ExportForm, wanted: Wanted) -> Result<ExportId> {
    let request_key = format!("page {}", form.key.chars().take(100).collect::<String>());
    actions::ask_for_export(portal, caller, place.scope, actions::Asked { wanted, request_key }).await
}

impl ExportForm {
    fn read(&self) -> Result<Wanted, Vec<(&'static str, String)>> {
        let mut wrong = Vec::new();
        let mut day = |field: &'static str, text: &str| {
            let text = text.trim();
            if text.is_empty() {
                return None;
            }
            let day = text.parse().ok();
            if day.is_none() {
                wrong.push((field, "This is no day; write it as 2026-11-24".to_owned()));
            }
            day
        };
        let (from, until) = (day("from", &self.from), day("until", &self.until));
        let format = Format::from_key(&self.format).unwrap_or_else(|| {
            wrong.push(("format", "Choose a format".to_owned()));
            Format::Csv
        });
        let patients = match self.which.as_str() {
            "all" => None,
            "chosen" => Some(self.chosen()),
            _ => {
                wrong.push(("patients", "Choose which patients".to_owned()));
                None
            }
        };
        let modules = (self.data == "some").then(|| self.module.clone());
        let (without_identifiers, notes) = (!self.without.is_empty(), !self.notes.is_empty());
        if wrong.is_empty() {
            Ok(Wanted { patients, without_identifiers, from, until, modules, notes, format })
        } else {
            Err(wrong)
        }
    }

    fn chosen(&self) -> Vec<PatientId> {
        self.patient.iter().filter_map(|id| id.parse().ok()).collect()
    }
}

async fn shown(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    form: ExportForm,
    wrong: Vec<(&'static str, String)>,
    status: StatusCode,
) -> PageResult {
    let scope = place.scope;
    let actor = caller.actor()?;
    let candidates = candidates(portal, caller, place, &form).await?;
    let deployment = scope.deployment.ok_or(Error::NotFound)?;
    let programme = programmes::actions::programme_of(portal.db.reader(), deployment).await?;
    let modules = programme.modules.iter().map(|followed| Choice {
        value: followed.module.key.to_owned(),
        label: followed.module.label.to_owned(),
        selected: form.module.iter().any(|key| key == followed.module.key),
    });
    let format = Format::from_key(&form.format).unwrap_or_default();
    let formats = Format::ALL.iter().map(|(one, key, label)| Choice {
        value: (*key).to_owned(),
        label: (*label).to_owned(),
        selected: *one == format,
    });
    let earlier = actions::my_exports(portal, caller, scope).await?;
    let new = NewExportPage {
        frame: sites::pages::frame(portal, actor, place, "Export patient data").await?,
        action: format!("{}/patients/export", scope.path()),
        cancel: format!("{}/patients", scope.path()),
        place: place.full_name(),
        searched: form.press == "search" && !form.q.trim().is_empty(),
        identifiers: actor.may(Permission::ViewPatientIdentifiers, &scope),
        modules: modules.collect(),
        formats: formats.collect(),
        earlier: earlier.iter().map(|export| earlier_row(portal, place, export)).collect(),
        form,
        candidates,
        wrong,
    };
    page_with_status(status, &new)
}

fn earlier_row(portal: &Portal, place: &Place, export: &Export) -> Earlier {
    Earlier {
        url: address(place.scope, export.id),
        word: match export.state {
            ExportState::Asked => "Being made",
            ExportState::Made if portal.now() < export.ends_at => "Ready",
            ExportState::Failed => "Not made",
            ExportState::Made | ExportState::Wiped => "Wiped",
        },
        asked: When::new(export.created_at, portal.now(), &place.time_zone()),
    }
}

/// Those who are chosen already, and those whom the search finds.
async fn candidates(portal: &Portal, caller: &Caller, place: &Place, form: &ExportForm) -> Result<Vec<Candidate>> {
    let chosen: Vec<_> = form.chosen().into_iter().take(200).collect();
    let mut all = Vec::new();
    if !chosen.is_empty() {
        let search = PatientSearch { ids: Some(chosen.clone()), ..PatientSearch::default() };
        let page = (None, chosen.len());
        let found = patients::actions::search_patients(portal, caller, place.scope, &search, page, "list").await?;
        all.extend(found.rows.into_iter().map(|patient| Candidate {
            id: patient.id.to_string(),
            name: patient.identity.map(|identity| identity.name),
            number: patient.number,
            ticked: true,
        }));
    }
    let words: String = form.q.trim().chars().take(100).collect();
    if form.press == "search" && !words.is_empty() {
        let query = patients::query::Query { search: words, ..patients::query::Query::default() };
        let found = patients::actions::list_patients(portal, caller, place.scope, &query, SHOWN).await?;
        let new = found.rows.into_iter().filter(|row| !chosen.contains(&row.id));
        all.extend(new.map(|row| Candidate {
            id: row.id.to_string(),
            number: row.number,
            name: row.name,
            ticked: false,
        }));
    }
    Ok(all)
}
