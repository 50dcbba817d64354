//! **Emergency access**: the form, ending it, and the list for those who read the access log.

use askama::Template;
use axum::{
    Form, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{
    LONGEST_NUMBER, LONGEST_REASON,
    actions::{self, Answer, Asked},
};
use crate::{
    access::{Permission, Scope},
    error::{Error, Fields},
    identity::{self, door::SignedIn},
    op::Caller,
    patients::pages::rail,
    portal::Portal,
    sites::{self, Place},
    types::{Cursor, EmergencyId, PatientId},
    web::{
        Choice, Frame, PageResult, Pager, ViewFilter, When, cookies, frame::time_of_day, lists::ListAddress, page,
        page_with_status, see_other,
    },
};

const TITLE: &str = "Emergency access";
const LIST_TITLE: &str = "Emergency accesses";
const PAGE: usize = 50;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/emergency", get(show).post(submit))
        .route("/emergency/{emergency}/end", post(end))
        .route("/{scope}/emergencies", get(list))
}

/// What somebody has open.
pub struct OpenRow {
    number: String,
    place: String,
    url: String,
    until: String,
    end: String,
}

#[derive(Template)]
#[template(path = "emergency/ask.html")]
struct AskPage {
    frame: Frame,
    organisation: String,
    open: Vec<OpenRow>,
    number: String,
    reason: String,
    places: Vec<Choice>,
    longest_number: usize,
    longest_reason: usize,
    problems: Fields,
    /// The patient whom a role reaches already.
    reached: Option<String>,
    list: Option<String>,
    action: String,
    back: String,
}

impl AskPage {
    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(known, _)| *known == field).map(|(_, text)| text.as_str())
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AskForm {
    number: String,
    reason: String,
    deployment: String,
}

async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    actions::require_clinician(&portal, &caller, place.scope).await?;
    ask(&portal, &caller, &place, AskForm::default(), Told::default(), jar).await
}

async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    Form(form): Form<AskForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let asked = Asked { number: form.number.clone(), reason: form.reason.clone(), deployment: form.deployment.clone() };
    let told = match actions::open_patient(&portal, &caller, place.scope, &asked).await {
        Ok(Answer::Opened(patient, at)) => return Ok(see_other(&rail::address(at, patient))),
        Ok(Answer::Reached(patient, at)) => Told::reached(patient, at),
        Ok(Answer::Several(places)) => Told::several(places, &form.deployment),
        Err(Error::Invalid(problems)) => Told { problems, ..Told::default() },
        Err(other) => return Err(other.into()),
    };
    ask(&portal, &caller, &place, form, told, jar).await
}

/// What the form answers when nothing was opened.
#[derive(Default)]
struct Told {
    problems: Fields,
    reached: Option<String>,
    places: Vec<Choice>,
}

impl Told {
    fn reached(patient: PatientId, at: Scope) -> Self {
        let text = "Your role reaches this patient already, so nothing needs to be opened";
        Self { problems: vec![("number", text.to_owned())], reached: Some(rail::address(at, patient)), places: vec![] }
    }

    fn several(places: Vec<(Scope, String)>, chosen: &str) -> Self {
        let text = "Patients of several deployments have this number; choose where yours is";
        let choice = |(at, label): (Scope, String)| {
            let value = at.to_string();
            Choice { selected: value == chosen, value, label }
        };
        let places = places.into_iter().map(choice).collect();
        Self { problems: vec![("deployment", text.to_owned())], reached: None, places }
    }
}

async fn ask(portal: &Portal, caller: &Caller, place: &Place, form: AskForm, told: Told, jar: CookieJar) -> PageResult {
    let actor = caller.actor()?;
    let mut open = Vec::new();
    for access in actions::open_now(portal, actor, place.scope.organisation).await? {
        open.push(OpenRow {
            place: sites::actions::place_of(portal.db.reader(), access.scope).await?.name().to_owned(),
            url: rail::address(access.scope, access.patient),
            until: time_of_day(access.ends_at, &place.time_zone()),
            end: format!("/emergency/{}/end", access.id),
            number: access.number,
        });
    }
    let wrong = !told.problems.is_empty();
    let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = if wrong { format!("Error: {TITLE}") } else { TITLE.to_owned() };
    let (jar, frame) = sites::pages::frame_with_flash(portal, actor, place, &title, jar).await?;
    let path = place.scope.path();
    let view = AskPage {
        frame,
        organisation: place.organisation.name.clone(),
        open,
        number: form.number,
        reason: form.reason,
        places: told.places,
        longest_number: LONGEST_NUMBER,
        longest_reason: LONGEST_REASON,
        problems: told.problems,
        reached: told.reached,
        list: actor.may(Permission::ViewAudit, &place.scope).then(|| format!("{path}/emergencies")),
        action: format!("{path}/emergency"),
        back: path,
    };
    Ok((jar, page_with_status(status, &view)?).into_response())
}

async fn end(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let id: EmergencyId = id.parse().map_err(|_| Error::NotFound)?;
    let (access, ended) = actions::end_access(&portal, &caller, id).await?;
    let number = &access.number;
    let text = if ended {
        format!("The emergency access to patient {number} has ended.")
    } else {
        format!("The emergency access to patient {number} had ended already.")
    };
    let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
    let own = caller.actor()?.clinician_at(access.scope);
    let to = own.map_or_else(|| "/".to_owned(), |own| format!("{}/emergency", own.path()));
    let response: Response = (jar, see_other(&to)).into_response();
    Ok(response)
}

/// An emergency access in the list.
pub struct AccessRow {
    number: String,
    seen: String,
    place: String,
    who: String,
    reason: String,
    begun: When,
    ends: When,
    ended: Option<When>,
    open: bool,
}

#[derive(Template)]
#[template(path = "emergency/list.html")]
struct ListPage {
    frame: Frame,
    view: ViewFilter,
    place: String,
    accesses: Vec<AccessRow>,
    pager: Pager,
}

#[derive(Deserialize, Default)]
struct ListQuery {
    #[serde(default)]
    from: String,
}

async fn list(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let from = Cursor::decode(&asked.from);
    let found = actions::list_accesses(&portal, &caller, place.scope, from.as_ref(), PAGE).await?;
    let pager = ListAddress::new(format!("{}/emergencies", place.scope.path())).pager(&found);
    let names = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    let (zone, now) = (place.time_zone(), portal.now());
    let mut accesses = Vec::with_capacity(found.rows.len());
    for access in found.rows {
        let when = |at| When::new(at, now, &zone);
        accesses.push(AccessRow {
            seen: format!("{}/seen", rail::address(access.scope, access.patient)),
            place: sites::level(&names, access.scope.deployment),
            who: identity::actions::name_of(portal.db.reader(), access.account).await?,
            begun: when(access.begun_at),
            ends: when(access.ends_at),
            ended: access.ended_at.map(when),
            open: access.is_open(now),
            number: access.number,
            reason: access.reason,
        });
    }
    let view = sites::pages::view_filter(actor, &place, LIST_TITLE);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, LIST_TITLE, jar).await?;
    Ok((jar, page(&ListPage { frame, view, place: place.full_name(), accesses, pager })?).into_response())
}
