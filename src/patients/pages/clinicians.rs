//! **Assign clinicians**: search the staff who can see the patient, tick any number. Searching keeps what is ticked.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{Back, One, beside};
use crate::{
    access::{self, Permission},
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    patients::actions,
    portal::Portal,
    sites,
    staff::{self, Carer},
    types::AccountId,
    web::{Frame, PageResult, cookies, page_with_status, see_other},
};

/// How many people a search shows.
const SHOWN: usize = 20;

const MAY: [Permission; 1] = [Permission::ManagePatientData];

/// Somebody who can be ticked.
pub struct Person {
    id: String,
    name: String,
    /// The role, and the address for those who may see who is staff.
    about: String,
    ticked: bool,
}

#[derive(Template)]
#[template(path = "patients/clinicians.html")]
struct CliniciansPage {
    frame: Frame,
    called: String,
    action: String,
    list: String,
    back: String,
    search: String,
    chosen: Vec<Person>,
    found: Vec<Person>,
    more: bool,
    problem: Option<String>,
}

/// Who is ticked, what is searched, and the list to come back to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CliniciansForm {
    clinician: Vec<String>,
    search: String,
    r#do: String,
    list: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    Query(asked): Query<Back>,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "clinicians").await?;
    let chosen = actions::clinicians_of(&portal, &one.proof).await?;
    let form = CliniciansForm { list: asked.list, ..CliniciansForm::default() };
    render(&portal, &caller, &one, (form, chosen), &Fields::new()).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<CliniciansForm>,
) -> PageResult {
    let one = One::open(&portal, &caller, (&scope, &patient), &MAY, "clinicians").await?;
    let mut ids: Vec<AccountId> = form.clinician.iter().filter_map(|id| id.parse().ok()).collect();
    ids.sort();
    ids.dedup();
    let problems = if form.r#do == "assign" {
        match actions::assign_clinicians(&portal, &caller, one.patient.id, &ids).await {
            Ok(assigned) => {
                let number = &one.patient.number;
                let text = match assigned.now {
                    0 => format!("No clinician is assigned to patient {number} now."),
                    1 => format!("1 clinician is assigned to patient {number} now."),
                    n => format!("{n} clinicians are assigned to patient {number} now."),
                };
                let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
                return Ok((jar, see_other(&one.back(&form.list))).into_response());
            }
            Err(Error::Invalid(problems)) => problems,
            Err(other) => return Err(other.into()),
        }
    } else {
        Fields::new()
    };
    let scope = one.place.scope;
    let chosen = staff::actions::carers(portal.db.reader(), scope, &ids, portal.now()).await?;
    render(&portal, &caller, &one, (form, chosen), &problems).await
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    one: &One,
    (form, chosen): (CliniciansForm, Vec<Carer>),
    problems: &Fields,
) -> PageResult {
    let scope = one.place.scope;
    let search: String = form.search.trim().chars().take(100).collect();
    let mut found = staff::actions::find_carers(portal, caller, scope, &search, SHOWN + chosen.len() + 1).await?;
    found.retain(|carer| !chosen.iter().any(|other| other.account == carer.account));
    let more = found.len() > SHOWN;
    found.truncate(SHOWN);
    let words = Words::read(portal, caller, one).await?;
    let (status, title) = if problems.is_empty() {
        (StatusCode::OK, "Assign clinicians")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "Error: Assign clinicians")
    };
    let view = CliniciansPage {
        frame: sites::pages::frame(portal, caller.actor()?, &one.place, title).await?,
        called: one.patient.called().to_owned(),
        action: format!("{}/clinicians", one.address()),
        back: one.back(&form.list),
        list: one.carry(&form.list),
        search,
        chosen: chosen.into_iter().map(|carer| words.person(carer, true)).collect(),
        found: found.into_iter().map(|carer| words.person(carer, false)).collect(),
        more,
        problem: beside(problems, "clinician"),
    };
    page_with_status(status, &view)
}

/// What turns people into words.
struct Words {
    roles: HashMap<String, String>,
    with_addresses: bool,
}

impl Words {
    async fn read(portal: &Portal, caller: &Caller, one: &One) -> Result<Self> {
        Ok(Self {
            roles: access::role_names(portal.db.reader(), one.place.scope.organisation).await?,
            with_addresses: caller.actor()?.may(Permission::ViewStaff, &one.place.scope),
        })
    }

    fn person(&self, carer: Carer, ticked: bool) -> Person {
        let role = self.roles.get(&carer.role).cloned().unwrap_or_default();
        let about = if self.with_addresses { format!("{role} · {}", carer.email) } else { role };
        Person { id: carer.account.to_string(), name: carer.name, about, ticked }
    }
}
