//! **Deployment settings**: what is offered, what is followed, and the thresholds of each module, for Admins of the deployment.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use axum_extra::extract::{CookieJar, Form};
use serde::Deserialize;

use super::{
    Change, Followed, Offer, Programme, actions,
    bands::{TypedBand, in_words},
};
use crate::{
    error::{Error, Fields, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    readings::{MODULES, Module, Severity},
    sites::{self, Place},
    web::{Choice, Frame, PageResult, cookies, page, page_with_status, see_other},
};

/// Rows that are empty in the thresholds' form, for new ones.
const EMPTY_ROWS: usize = 3;
/// Boxes that are empty in the list of messages, for new ones.
const EMPTY_MESSAGES: usize = 2;

/// The pages of this room.
pub fn routes() -> Router<Portal> {
    Router::new()
        .route("/{scope}/programme", get(show).post(offer))
        .route("/{scope}/programme/modules", post(follow))
        .route("/{scope}/programme/modules/{module}", get(thresholds).post(set_thresholds))
}

#[derive(Template)]
#[template(path = "programme/settings.html")]
struct SettingsPage {
    frame: Frame,
    path: String,
    revision: i64,
    offer: Offer,
    modules: Vec<ModuleRow>,
    problems: Fields,
}

impl SettingsPage {
    fn problem(&self, field: &str) -> Option<String> {
        self.problems.iter().find(|(key, _)| *key == field).map(|(_, text)| text.clone())
    }
}

/// A module on the settings page.
struct ModuleRow {
    key: &'static str,
    label: &'static str,
    followed: bool,
    place: usize,
    thresholds: String,
    samples: bool,
    takes_thresholds: bool,
}

#[derive(Template)]
#[template(path = "programme/thresholds.html")]
struct ThresholdsPage {
    frame: Frame,
    path: String,
    revision: i64,
    module: &'static Module,
    samples: bool,
    rows: Vec<BandRow>,
    problems: Fields,
}

/// A row of the thresholds' form.
struct BandRow {
    number: usize,
    parts: Vec<Choice>,
    severities: Vec<Choice>,
    least: String,
    most: String,
}

/// The place, if the caller is an Admin of it.
async fn place_for(portal: &Portal, caller: &Caller, scope: &str) -> Result<(Place, Programme)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    let programme = actions::show_programme(portal, caller, place.scope).await?;
    Ok((place, programme))
}

fn path_of(place: &Place) -> String {
    format!("{}/programme", place.scope.path())
}

async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
) -> PageResult {
    let (place, programme) = place_for(&portal, &caller, &scope).await?;
    let actor = caller.actor()?;
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, "Deployment settings", jar).await?;
    let offer = offered(&programme);
    Ok((jar, page(&settings(frame, &place, &programme, offer, Fields::new()))?).into_response())
}

fn offered(programme: &Programme) -> Offer {
    Offer {
        labels: programme.labels,
        offboarding: programme.offboarding,
        messages: programme.messages,
        custom_messages: programme.custom_messages,
        appointments: programme.appointments,
        call_link: programme.call_link.clone(),
        predefined: programme.predefined.clone(),
    }
}

fn settings(frame: Frame, place: &Place, programme: &Programme, mut offer: Offer, problems: Fields) -> SettingsPage {
    let row = |module: &'static Module| {
        let at = programme.modules.iter().position(|one| one.module == module);
        let followed = at.and_then(|at| programme.modules.get(at));
        ModuleRow {
            key: module.key,
            label: module.label,
            followed: followed.is_some(),
            place: at.map_or(programme.modules.len() + 1, |at| at + 1),
            thresholds: followed.map(in_words).unwrap_or_default(),
            samples: followed.is_some_and(|one| one.samples && !one.bands.is_empty()),
            takes_thresholds: module.takes_thresholds(),
        }
    };
    let mut modules: Vec<_> = MODULES.iter().map(row).collect();
    modules.sort_by_key(|row| row.place);
    offer.predefined = offer.ready();
    offer.predefined.extend(std::iter::repeat_n(String::new(), EMPTY_MESSAGES));
    SettingsPage { frame, path: path_of(place), revision: programme.revision, offer, modules, problems }
}

#[derive(Deserialize)]
pub(super) struct OfferForm {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    switches: Vec<String>,
    #[serde(default)]
    call_link: String,
    #[serde(default)]
    predefined: Vec<String>,
}

async fn offer(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    Form(typed): Form<OfferForm>,
) -> PageResult {
    let on = |key: &str| typed.switches.iter().any(|switch| switch == key);
    let offer = Offer {
        labels: on("labels"),
        offboarding: on("offboarding"),
        messages: on("messages"),
        custom_messages: on("custom_messages"),
        appointments: on("appointments"),
        call_link: typed.call_link,
        predefined: typed.predefined,
    };
    let change = Change::Offer(offer.clone());
    save(&portal, &caller, &scope, jar, (&typed.revision, &change), Some(offer)).await
}

#[derive(Deserialize)]
pub(super) struct ModulesForm {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    followed: Vec<String>,
    /// Every module of the page, in its order, with its place as typed.
    #[serde(default)]
    module: Vec<String>,
    #[serde(default)]
    place: Vec<String>,
}

async fn follow(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    Form(typed): Form<ModulesForm>,
) -> PageResult {
    let place_of = |key: &String| {
        let at = typed.module.iter().position(|module| module == key);
        at.and_then(|at| typed.place.get(at)?.trim().parse::<u32>().ok()).unwrap_or(u32::MAX)
    };
    let mut keys = typed.followed.clone();
    // Of two with one place, the one that stood above stays above.
    keys.sort_by_key(place_of);
    save(&portal, &caller, &scope, jar, (&typed.revision, &Change::Follow(keys)), None).await
}

/// Saves and leads back to the settings; what stands in the way is said beside its cause, with what was typed.
async fn save(
    portal: &Portal,
    caller: &Caller,
    scope: &str,
    jar: CookieJar,
    (revision, change): (&str, &Change),
    typed: Option<Offer>,
) -> PageResult {
    let (place, programme) = place_for(portal, caller, scope).await?;
    let seen = revision.parse().unwrap_or(-1);
    let (problems, status) = match actions::change_programme(portal, caller, place.scope, seen, change).await {
        Ok(()) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", "Saved.");
            return Ok((jar, see_other(&path_of(&place))).into_response());
        }
        Err(Error::Invalid(problems)) => (problems, StatusCode::UNPROCESSABLE_ENTITY),
        Err(Error::Conflict(text)) => (vec![("modules", conflict(&text))], StatusCode::CONFLICT),
        Err(other) => return Err(other.into()),
    };
    let frame = sites::pages::frame(portal, caller.actor()?, &place, "Error: Deployment settings").await?;
    let offer = typed.unwrap_or_else(|| offered(&programme));
    page_with_status(status, &settings(frame, &place, &programme, offer, problems))
}

/// What the other person chose is the new ground; the next press changes it knowingly.
fn conflict(text: &str) -> String {
    format!("{text}. Below stands what you typed; saving it overwrites their change.")
}

async fn thresholds(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, module)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (place, programme) = place_for(&portal, &caller, &scope).await?;
    let followed = programme.follows(&module).ok_or(Error::NotFound)?;
    let title = format!("Thresholds of {}", followed.module.label);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, caller.actor()?, &place, &title, jar).await?;
    let rows = followed.bands.iter().map(|band| TypedBand::of(band, followed.module)).collect();
    let view = form(frame, &place, &programme, followed, rows, Fields::new());
    Ok((jar, page(&view)?).into_response())
}

fn form(
    frame: Frame,
    place: &Place,
    programme: &Programme,
    followed: &Followed,
    mut rows: Vec<TypedBand>,
    problems: Fields,
) -> ThresholdsPage {
    rows.extend(std::iter::repeat_n(TypedBand::default(), EMPTY_ROWS));
    let module = followed.module;
    let rows = rows.into_iter().enumerate().map(|(n, row)| {
        let choice = |value: &str, label: &str, chosen: &str| Choice {
            value: value.to_owned(),
            label: label.to_owned(),
            selected: value == chosen,
        };
        let parts = module.parts.map_or_else(Vec::new, |[first, second]| {
            vec![choice("first", first.1, &row.part), choice("second", second.1, &row.part)]
        });
        let mut severities: Vec<_> = [Severity::Red, Severity::Amber, Severity::Green]
            .map(|severity| choice(severity.key(), severity.label(), &row.severity))
            .into();
        severities.insert(0, choice("", "Choose", &row.severity));
        BandRow { number: n + 1, parts, severities, least: row.least, most: row.most }
    });
    ThresholdsPage {
        frame,
        path: path_of(place),
        revision: programme.revision,
        module,
        samples: followed.samples && !followed.bands.is_empty(),
        rows: rows.collect(),
        problems,
    }
}

#[derive(Deserialize)]
pub(super) struct ThresholdsForm {
    #[serde(default)]
    revision: String,
    #[serde(default)]
    part: Vec<String>,
    #[serde(default)]
    severity: Vec<String>,
    #[serde(default)]
    least: Vec<String>,
    #[serde(default)]
    most: Vec<String>,
}

impl ThresholdsForm {
    /// More rows than anybody can fill in are not read.
    fn rows(&self) -> Vec<TypedBand> {
        let at = |all: &[String], n: usize| all.get(n).map(|text| text.chars().take(40).collect()).unwrap_or_default();
        let rows = (0..self.severity.len().min(100)).map(|n| TypedBand {
            part: at(&self.part, n),
            severity: at(&self.severity, n),
            least: at(&self.least, n),
            most: at(&self.most, n),
        });
        rows.filter(|row| !(row.severity.is_empty() && row.least.is_empty() && row.most.is_empty())).collect()
    }
}

async fn set_thresholds(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, module)): Path<(String, String)>,
    jar: CookieJar,
    Form(typed): Form<ThresholdsForm>,
) -> PageResult {
    let (place, programme) = place_for(&portal, &caller, &scope).await?;
    let followed = programme.follows(&module).ok_or(Error::NotFound)?;
    let change = Change::Thresholds(followed.module, typed.rows());
    let seen = typed.revision.parse().unwrap_or(-1);
    let (problems, status) = match actions::change_programme(&portal, &caller, place.scope, seen, &change).await {
        Ok(()) => {
            let text = format!("Saved: thresholds of {}. They judge what comes in from now on.", followed.module.label);
            let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
            return Ok((jar, see_other(&path_of(&place))).into_response());
        }
        Err(Error::Invalid(problems)) => (problems, StatusCode::UNPROCESSABLE_ENTITY),
        Err(Error::Conflict(text)) => (vec![("bands", conflict(&text))], StatusCode::CONFLICT),
        Err(other) => return Err(other.into()),
    };
    let title = format!("Error: Thresholds of {}", followed.module.label);
    let frame = sites::pages::frame(&portal, caller.actor()?, &place, &title).await?;
    page_with_status(status, &form(frame, &place, &programme, followed, typed.rows(), problems))
}
