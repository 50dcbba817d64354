//! What stands around every page of one patient: the frame of the deployment, who the patient is, and the rail at the left that
//! leads from page to page. Other rooms' pages of a patient stand in it too.

use axum_extra::extract::CookieJar;

use crate::{
    access::{OnePatient, Permission, Scope},
    error::{Error, Result},
    op::Caller,
    patients::{Flags, Patient, actions},
    portal::Portal,
    programmes::{self, Programme},
    sites::{self, Place},
    types::PatientId,
    web::{Frame, Link, frame::time_of_day},
};

/// A page of one patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The Patient Dashboard and what is measured.
    Dashboard,
    /// Who they are.
    Profile,
    /// What was noted.
    Notes,
    /// Messages and appointments.
    Telemedicine,
    /// Who has seen this patient?
    Seen,
}

/// The address of a patient's first page, and the beginning of all others.
pub fn address(scope: Scope, patient: PatientId) -> String {
    format!("{}/patients/{patient}", scope.path())
}

/// What the template `patients/_rail.html` shows.
pub struct Rail {
    /// The name with identifiers, the number without.
    pub called: String,
    /// What everybody knows them by.
    pub number: String,
    /// The beginning of the addresses of all their pages.
    pub address: String,
    /// Back to the list; none for whoever came by an emergency access.
    pub list: Option<String>,
    /// The pages.
    pub links: Vec<Link>,
    /// Texts of the labels; none where the deployment has switched them off.
    pub labels: Vec<String>,
    /// Whether the labels may be changed.
    pub may_label: bool,
    /// Unreviewed entries.
    pub flags: Flags,
    /// Whether monitoring was stopped.
    pub offboarded: bool,
    /// Whether the person is here by an emergency access.
    pub emergency: bool,
    /// Where the emergency access is ended; empty without one.
    pub emergency_end: String,
    /// When it ends by itself.
    pub emergency_until: String,
    /// Whether notes may be written and flags resolved.
    pub may_note: bool,
    /// Whether the patient may be written to and called.
    pub may_contact: bool,
    /// Whether a message can be written now.
    pub messages: bool,
    /// Whether an appointment can be proposed now.
    pub appointments: bool,
    /// Whether they can be called now.
    pub calls: bool,
    /// Whether their data may be exported.
    pub may_export: bool,
    /// Whether they may be edited.
    pub may_manage: bool,
}

/// A patient's page on its way: everything that each of them needs.
pub struct Opened {
    /// The patient.
    pub patient: Patient,
    /// The proof for reading more of them.
    pub one: OnePatient,
    /// Where they are.
    pub place: Place,
    /// The frame, with the message of what just happened.
    pub frame: Frame,
    /// The rail.
    pub rail: Rail,
    /// What the deployment follows and offers.
    pub programme: Programme,
}

/// Opens a page of a patient: checks that the caller may, writes it to the access log as `what`, and lays out the frame. The title
/// tells the number only: titles stay in a browser's history.
///
/// # Errors
/// [`Error::NotFound`] where there is no such patient in this scope or the caller may not know.
pub async fn open(
    portal: &Portal,
    caller: &Caller,
    (scope, patient): (&str, &str),
    (page, what): (Page, &'static str),
    jar: CookieJar,
) -> Result<(CookieJar, Opened)> {
    let patient: PatientId = patient.parse().map_err(|_| Error::NotFound)?;
    let (patient, one) = actions::show_patient(portal, caller, patient, what).await?;
    if one.scope().to_string() != scope {
        return Err(Error::NotFound);
    }
    let place = sites::actions::place_of(portal.db.reader(), one.scope()).await?;
    let title = format!("{} – {}", patient.number, name_of(page));
    let (jar, frame) = sites::pages::frame_with_flash(portal, caller.actor()?, &place, &title, jar).await?;
    let deployment = one.scope().deployment.ok_or(Error::NotFound)?;
    let programme = programmes::actions::programme_of(portal.db.reader(), deployment).await?;
    let rail = rail(caller, &patient, &one, &place, (page, &programme))?;
    Ok((jar, Opened { patient, one, place, frame, rail, programme }))
}

const fn name_of(page: Page) -> &'static str {
    match page {
        Page::Dashboard => "Patient Dashboard",
        Page::Profile => "Profile",
        Page::Notes => "Notes",
        Page::Telemedicine => "Telemedicine",
        Page::Seen => "Who has seen this patient?",
    }
}

fn rail(
    caller: &Caller,
    patient: &Patient,
    one: &OnePatient,
    place: &Place,
    (current, programme): (Page, &Programme),
) -> Result<Rail> {
    let actor = caller.actor()?;
    let may = |permission| actor.may(permission, &one.scope());
    let contact = may(Permission::ContactPatient) && patient.monitored;
    let address = address(one.scope(), patient.id);
    let link = |page: Page, end: &str| Link::new(name_of(page), format!("{address}{end}"), page == current);
    let mut links = vec![
        link(Page::Dashboard, ""),
        link(Page::Profile, "/profile"),
        link(Page::Notes, "/notes"),
        link(Page::Telemedicine, "/telemedicine"),
    ];
    if may(Permission::ViewAudit) {
        links.push(link(Page::Seen, "/seen"));
    }
    Ok(Rail {
        called: patient.called().to_owned(),
        number: patient.number.clone(),
        list: one.emergency().is_none().then(|| format!("{}/patients", one.scope().path())),
        links,
        labels: patient.labels.iter().filter(|_| programme.labels).map(|label| label.text.clone()).collect(),
        may_label: programme.labels && actions::may_label(actor, &one.scope()),
        flags: patient.flags,
        offboarded: !patient.monitored,
        emergency: one.emergency().is_some(),
        emergency_end: one.emergency().map(|id| format!("/emergency/{id}/end")).unwrap_or_default(),
        emergency_until: one.emergency_ends_at().map(|at| time_of_day(at, &place.time_zone())).unwrap_or_default(),
        may_note: may(Permission::ManageNotes),
        may_contact: may(Permission::ContactPatient),
        messages: contact && programme.messages,
        appointments: contact && programme.appointments,
        calls: contact && !programme.call_link.is_empty(),
        may_export: may(Permission::ExportPatientData),
        may_manage: may(Permission::ManagePatientData),
        address,
    })
}
