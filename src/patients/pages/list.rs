//! The Patient List.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Query as RepeatedQuery};

use super::{
    asked::{Asked, Ground},
    rail,
};
use crate::{
    access::{Actor, Permission},
    error::{Error, Result},
    identity::{self, Units, door::SignedIn},
    op::Caller,
    patients::{Label, ListedPatient, actions},
    portal::Portal,
    programmes::{self, Followed, Programme},
    readings::Latest,
    sites::{self, Place},
    types::Timestamp,
    web::{Choice, Frame, Kept, Link, PageResult, Pager, SortHead, ViewFilter, When, page},
};

const PAGE: usize = 50;

/// A reading in the list.
pub struct ReadingCell {
    value: String,
    unit: &'static str,
    severity: &'static str,
    when: When,
}

/// A patient in the list.
pub struct PatientRow {
    id: String,
    url: String,
    red: u64,
    amber: u64,
    grey: u64,
    number: String,
    name: Option<String>,
    labels: Vec<String>,
    monitored: bool,
    readings: Vec<Option<ReadingCell>>,
}

impl PatientRow {
    /// The name, or the number where there is none to be seen.
    fn called(&self) -> &str {
        self.name.as_ref().unwrap_or(&self.number)
    }
}

/// What the person may do in this list; the page hides the rest, and the server refuses it all the same.
#[expect(clippy::struct_excessive_bools, reason = "each shows or hides something of its own")]
pub struct May {
    note: bool,
    label: bool,
    manage_labels: bool,
    manage: bool,
    export: bool,
    offboard: bool,
    identifiers: bool,
}

impl May {
    fn of(actor: &Actor, place: &Place, programme: &Programme) -> Self {
        let may = |permission| actor.may(permission, &place.scope);
        Self {
            note: may(Permission::ManageNotes),
            label: programme.labels && actions::may_label(actor, &place.scope),
            manage_labels: programme.labels && may(Permission::ManageLabels),
            manage: may(Permission::ManagePatientData),
            export: may(Permission::ExportPatientData),
            offboard: programme.offboarding && actions::may_offboard(actor, &place.scope),
            identifiers: may(Permission::ViewPatientIdentifiers),
        }
    }

    /// Whether there is anything in a row's menu.
    fn any(&self) -> bool {
        self.note || self.label || self.manage || self.export || self.offboard
    }
}

#[derive(Template)]
#[template(path = "patients/list.html")]
struct PatientsPage {
    frame: Frame,
    view: ViewFilter,
    may: May,
    search: String,
    keep: Vec<Kept>,
    /// What forms carry along to come back to this very page.
    carry: String,
    carry_encoded: String,
    problems: Vec<String>,
    chips: Vec<Link>,
    clear: String,
    labels: bool,
    /// The order in words, for the table's caption.
    order: String,
    by_flags: SortHead,
    heads: Vec<SortHead>,
    choices: Vec<Choice>,
    patients: Vec<PatientRow>,
    pager: Pager,
}

/// What every page around the list needs: the deployment's choices and labels, and whether the person may see identifiers.
pub(super) struct Around {
    pub place: Place,
    pub programme: Programme,
    pub labels: Vec<Label>,
    pub identifiers: bool,
    pub now: Timestamp,
}

impl Around {
    pub(super) async fn read(portal: &Portal, caller: &Caller, scope: &str) -> Result<Self> {
        let actor = caller.actor()?;
        let place = sites::actions::place_for(portal, actor, scope).await?;
        let deployment = place.scope.deployment.ok_or(Error::NotFound)?;
        let labels = actions::all_labels(portal, caller, place.scope).await?;
        let programme = programmes::actions::programme_of(portal.db.reader(), deployment).await?;
        let identifiers = actor.may(Permission::ViewPatientIdentifiers, &place.scope);
        Ok(Self { place, programme, labels, identifiers, now: portal.now() })
    }

    pub(super) fn ground(&self) -> Ground<'_> {
        Ground {
            place: &self.place,
            programme: &self.programme,
            labels: &self.labels,
            identifiers: self.identifiers,
            now: self.now,
        }
    }
}

pub(super) async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    RepeatedQuery(asked): RepeatedQuery<Asked>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let around = Around::read(&portal, &caller, &scope).await?;
    let place = &around.place;
    let (query, problems) = asked.read(&around.ground());
    let found = actions::list_patients(&portal, &caller, place.scope, &query, PAGE).await?;
    let pager = asked.address(place).pager(&found);
    let hidden = identity::actions::hidden_columns_of(&portal, actor.account).await?;
    let columns = Columns { programme: &around.programme, hidden };
    let units = identity::actions::units_of(&portal, actor.account).await?;
    let patients: Vec<_> = found.rows.into_iter().map(|row| columns.row(row, place, &units, around.now)).collect();
    let view = sites::pages::view_filter(actor, place, "All patients");
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, place, "Patient List", jar).await?;
    let carry = asked.to_carry(place);
    let address = asked.address(place);
    let page = page(&PatientsPage {
        frame,
        view,
        may: May::of(actor, place, &around.programme),
        keep: address.kept("q"),
        carry_encoded: url::form_urlencoded::byte_serialize(asked.to_window(place).as_bytes()).collect(),
        carry,
        chips: asked.chips(&around.ground(), &query),
        clear: asked.cleared().address(place).url(),
        problems,
        labels: around.programme.labels,
        order: columns.order(&asked),
        by_flags: columns.by_flags(&asked, place),
        heads: columns.heads(&asked, place),
        choices: columns.choices(),
        search: query.search,
        patients,
        pager,
    })?;
    Ok((jar, page).into_response())
}

/// The columns of the list: the followed modules, without those that the person hides.
struct Columns<'a> {
    programme: &'a Programme,
    hidden: Vec<String>,
}

impl Columns<'_> {
    fn shown(&self) -> impl Iterator<Item = &Followed> {
        self.programme.modules.iter().filter(|followed| !self.hides(followed))
    }

    fn hides(&self, followed: &Followed) -> bool {
        self.hidden.iter().any(|key| key == followed.module.key)
    }

    fn sorted_by(&self, asked: &Asked) -> Option<&Followed> {
        self.programme.follows(&asked.sort).filter(|followed| followed.module.takes_thresholds())
    }

    fn order(&self, asked: &Asked) -> String {
        let way = if asked.order == "desc" { "highest first" } else { "lowest first" };
        self.sorted_by(asked).map_or_else(
            || "most red flags first".to_owned(),
            |followed| format!("by {}, {way}", followed.module.label.to_lowercase()),
        )
    }

    /// The worst come first; there is no other way round.
    fn by_flags(&self, asked: &Asked, place: &Place) -> SortHead {
        let direction = if self.sorted_by(asked).is_none() { "descending" } else { "none" };
        let url = Asked { sort: String::new(), order: String::new(), ..asked.clone() }.address(place).url();
        SortHead { label: "Flags", url, direction }
    }

    fn heads(&self, asked: &Asked, place: &Place) -> Vec<SortHead> {
        let address = asked.address(place);
        let sort = self.sorted_by(asked).map_or("", |followed| followed.module.key);
        let head = |followed: &Followed| {
            let module = followed.module;
            if module.takes_thresholds() {
                address.head(module.label, module.key, sort, asked.order == "desc")
            } else {
                SortHead { label: module.label, ..SortHead::default() }
            }
        };
        self.shown().map(head).collect()
    }

    fn choices(&self) -> Vec<Choice> {
        let all = self.programme.modules.iter();
        all.map(|followed| Choice {
            value: followed.module.key.to_owned(),
            label: followed.module.label.to_owned(),
            selected: !self.hides(followed),
        })
        .collect()
    }

    fn row(&self, row: ListedPatient, place: &Place, units: &Units, now: Timestamp) -> PatientRow {
        let zone = place.time_zone();
        let cell = |latest: &Latest| {
            let written = latest.module.write(&latest.measured);
            let shown = latest.module.measure.and_then(|measure| units.show(measure, &written));
            let (value, unit) = shown.unwrap_or((written, latest.module.unit));
            ReadingCell { value, unit, severity: latest.severity.key(), when: When::new(latest.at, now, &zone) }
        };
        let reading = |followed: &Followed| row.latest.iter().find(|latest| latest.module == followed.module).map(cell);
        PatientRow {
            id: row.id.to_string(),
            url: rail::address(place.scope, row.id),
            red: row.flags.red,
            amber: row.flags.amber,
            grey: row.flags.grey,
            readings: self.shown().map(reading).collect(),
            number: row.number,
            name: row.name,
            labels: row.labels.into_iter().map(|label| label.text).collect(),
            monitored: row.monitored,
        }
    }
}
