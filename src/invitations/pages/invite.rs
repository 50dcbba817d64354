//! The window **Invite staff members**, as a page: type or import addresses, choose role and time, review, send.

use askama::Template;
use axum::{
    Json,
    extract::{Multipart, Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    form::{InviteForm, Press},
    review::{self, FileNote, Review},
};
use crate::{
    access::Permission,
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{BatchAnswer, Checked, LONGEST_WINDOW, NewBatch, Standing, actions, parse_note, windows},
    op::Caller,
    portal::Portal,
    roles,
    sites::{self, Place},
    staff,
    types::Timestamp,
    web::{ApiJson, ApiResult, Frame, PageResult, page, page_with_status, see_other},
};

/// A role in the picker.
pub struct RoleChoice {
    key: String,
    name: String,
    sentence: String,
    permissions: Vec<&'static str>,
    holders: String,
    selected: bool,
}

/// A time in the picker.
pub struct WindowChoice {
    value: &'static str,
    label: String,
    selected: bool,
}

/// Messages beside fields.
#[derive(Default)]
pub struct InviteErrors {
    addresses: Option<String>,
    role: Option<String>,
    window: Option<String>,
    access_from: Option<String>,
    access_until: Option<String>,
    note: Option<String>,
    /// Seconds until more mails may go.
    wait: Option<u64>,
}

/// What the page tells beside the form.
#[derive(Default)]
struct Told {
    errors: InviteErrors,
    review: Option<Review>,
    file: Option<FileNote>,
    /// A role that was made on the way.
    made: Option<String>,
}

#[derive(Template)]
#[template(path = "invite.html")]
struct InvitePage {
    frame: Frame,
    action: String,
    check_url: String,
    file_url: String,
    pending_url: String,
    send_key: String,
    place: String,
    addresses: String,
    roles: Vec<RoleChoice>,
    windows: Vec<WindowChoice>,
    own_date: String,
    min_date: String,
    max_date: String,
    access_from: String,
    access_until: String,
    note: String,
    errors: InviteErrors,
    review: Option<Review>,
    file: Option<FileNote>,
    can_add_role: bool,
    made: Option<String>,
    made_is_offered: bool,
    cancel: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key = portal.new_id::<crate::types::kind::Batch>().to_string();
    let form = InviteForm { send_key: key, window: "7d".to_owned(), ..InviteForm::default() };
    page(&render(&portal, &caller, &place, &form, Told::default()).await?)
}

async fn render(portal: &Portal, caller: &Caller, place: &Place, form: &InviteForm, told: Told) -> Result<InvitePage> {
    let Told { errors, review, file, made } = told;
    let path = place.scope.path();
    let visible = caller.scope(portal, Permission::InviteStaff, place.scope).await?;
    let holders = staff::actions::holders(portal, &visible, false).await?;
    let roles = actions::grantable_roles(portal, caller, place.scope).await?;
    // Those who have it in a single deployment are not counted, so "here" would be untrue.
    let level = if place.deployment.is_some() { "here" } else { "for the whole organisation" };
    let made_is_offered = roles.iter().any(|role| role.key.to_string() == form.role);
    let roles = roles
        .into_iter()
        .map(|role| {
            let key = role.key.to_string();
            RoleChoice {
                sentence: role.sentence(),
                permissions: role.permissions.iter().map(Permission::label).collect(),
                holders: match holders.get(&key) {
                    None | Some(0) => format!("Nobody has it {level} yet."),
                    Some(1) => format!("1 person has it {level}."),
                    Some(n) => format!("{n} people have it {level}."),
                },
                selected: key == form.role,
                name: role.name,
                key,
            }
        })
        .collect();
    let fixed = windows::choices(&place.organisation, portal.now());
    let fixed = fixed.into_iter().map(|(value, label)| WindowChoice { value, label, selected: form.window == value });
    let own = WindowChoice { value: "own", label: "Until a date".to_owned(), selected: form.window == "own" };
    let day = |at: Timestamp| at.to_jiff().to_zoned_datetime(place.time_zone()).strftime("%Y-%m-%d").to_string();
    Ok(InvitePage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Invite staff members").await?,
        action: format!("{path}/invitations/new"),
        check_url: format!("{path}/invitations/check"),
        file_url: format!("{path}/invitations/read-file"),
        pending_url: format!("{path}/invitations"),
        send_key: form.send_key.clone(),
        place: place.full_name(),
        addresses: form.texts.join("\n"),
        roles,
        windows: fixed.chain(std::iter::once(own)).collect(),
        own_date: form.own_date.clone(),
        min_date: day(portal.now()),
        max_date: day(portal.now().plus(LONGEST_WINDOW)),
        access_from: form.access_from.clone(),
        access_until: form.access_until.clone(),
        note: form.note.clone(),
        errors,
        review,
        file,
        can_add_role: caller.actor()?.may(Permission::EditRoles, &place.scope),
        made,
        made_is_offered,
        cancel: format!("{path}/staff"),
    })
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    multipart: Multipart,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let mut form = InviteForm::read(multipart).await?;
    let mut note = None;
    if let Some((name, bytes)) = form.file.take() {
        // A chosen file is never forgotten, whichever button was pressed; and it never sends by itself.
        let (read, texts) = review::read_file(&name, &bytes, &form.encoding);
        form.texts.extend(texts);
        note = Some(read);
        form.press = Press::Import;
    }
    match form.press {
        // What could not be let in again must not be sent on the way.
        Press::AddRole if form.size() > super::LARGEST_FORM => {
            return again(&portal, &caller, &place, &form, None).await;
        }
        Press::AddRole => {
            let around = around_role(&place, &form);
            return roles::pages::new::step(&portal, &caller, &place, &form.new_role, around).await;
        }
        Press::CreateRole => {
            let around = around_role(&place, &form);
            return match roles::pages::new::create(&portal, &caller, &place, &form.new_role, around).await? {
                Ok(role) => {
                    form.role = role.key.to_string();
                    again(&portal, &caller, &place, &form, Some(role.name)).await
                }
                Err(page) => Ok(page),
            };
        }
        Press::Back => return again(&portal, &caller, &place, &form, None).await,
        _ => {}
    }
    let mut checked = match actions::check_addresses(&portal, &caller, place.scope, &form.texts).await {
        Ok(checked) => checked,
        // Too many of them: what was typed stays, with the sentence beside it.
        Err(Error::Invalid(_)) => return again(&portal, &caller, &place, &form, None).await,
        Err(other) => return Err(other.into()),
    };
    let (fix, remove) = match form.press {
        Press::Fix(index) => (Some(index), None),
        Press::Remove(index) => (None, Some(index)),
        _ => (None, None),
    };
    if fix.or(remove).is_some() {
        form.texts = review::mend(std::mem::take(&mut form.texts), &checked, fix, remove)?;
        checked = actions::check_addresses(&portal, &caller, place.scope, &form.texts).await?;
    }
    let mut errors = InviteErrors::default();
    if form.press == Press::Send
        && let Some(answer) = send(&portal, &caller, &place, &form, &checked, &mut errors).await?
    {
        return Ok(see_other(&format!("{}/invitations/batches/{}", place.scope.path(), answer.batch)));
    }
    let wait = errors.wait;
    let status = match (&form.press, wait) {
        (_, Some(_)) => StatusCode::TOO_MANY_REQUESTS,
        (Press::Send, None) => StatusCode::UNPROCESSABLE_ENTITY,
        _ if note.as_ref().is_some_and(|note| note.problem.is_some()) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let told = Told { errors, review: reviewed(&checked, &form), file: note, made: None };
    let mut response = page_with_status(status, &render(&portal, &caller, &place, &form, told).await?)?;
    if let Some(seconds) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

fn reviewed(checked: &[Checked], form: &InviteForm) -> Option<Review> {
    (!checked.is_empty()).then(|| Review::new(checked, &form.confirmed))
}

/// A new role is made as a step of this form: its form leads back here and carries everything.
fn around_role(place: &Place, form: &InviteForm) -> roles::pages::new::Around {
    let action = format!("{}/invitations/new", place.scope.path());
    roles::pages::new::Around { cancel: action.clone(), action, carried: Some(form.carried()) }
}

/// The form as it was left for the step of making a role.
async fn again(portal: &Portal, caller: &Caller, place: &Place, form: &InviteForm, made: Option<String>) -> PageResult {
    let mut told = Told { made, ..Told::default() };
    match actions::check_addresses(portal, caller, place.scope, &form.texts).await {
        Ok(checked) => told.review = reviewed(&checked, form),
        Err(Error::Invalid(fields)) => told.errors.addresses = fields.into_iter().next().map(|(_, text)| text),
        Err(other) => return Err(other.into()),
    }
    let refused = told.errors.addresses.is_some();
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page_with_status(status, &render(portal, caller, place, form, told).await?)
}

/// Sends, unless something is missing; what is missing goes into `errors`.
async fn send(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    form: &InviteForm,
    checked: &[Checked],
    errors: &mut InviteErrors,
) -> Result<Option<BatchAnswer>> {
    let window = form.window(place, portal.now());
    let role = form.role.parse();
    let goes = |row: &&Checked| {
        row.state == Standing::Ready || (row.state == Standing::Look && form.confirmed.contains(&row.email))
    };
    let sending = checked.iter().filter(goes).count();
    // The second press of a button finds everybody invited already; the action knows that it is the same list.
    let repeated = checked.iter().any(|row| row.state == Standing::Invited);
    if checked.is_empty() {
        errors.addresses = Some("Enter at least one e-mail address".to_owned());
    } else if sending == 0 && !repeated {
        errors.addresses = Some("None of these addresses can be sent to yet".to_owned());
    }
    if role.is_err() {
        errors.role = Some("Choose a role".to_owned());
    }
    let from = form.access_from(place, portal.now());
    let until = form.access_until(place, portal.now());
    let note = parse_note(&form.note);
    let (Ok(role), Ok(window), Ok(access_from), Ok(access_until), Ok(note), None) =
        (role, &window, &from, &until, &note, &errors.addresses)
    else {
        errors.note = note.err();
        errors.window = window.err();
        errors.access_from = from.err();
        errors.access_until = until.err();
        return Ok(None);
    };
    let batch = NewBatch {
        scope: place.scope,
        role,
        window: *window,
        access_from: *access_from,
        access_until: *access_until,
        texts: form.texts.clone(),
        confirmed: form.confirmed.clone(),
        note: note.clone(),
        request_key: form.send_key.clone(),
    };
    match actions::invite_staff(portal, caller, batch).await {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Invalid(fields)) => {
            for (field, message) in fields {
                match field {
                    "role" => errors.role = Some(message),
                    "window" => errors.window = Some(message),
                    "access_from" => errors.access_from = Some(message),
                    "access_until" => errors.access_until = Some(message),
                    "note" => errors.note = Some(message),
                    _ => errors.addresses = Some(message),
                }
            }
            Ok(None)
        }
        Err(Error::Forbidden(refusal)) => {
            errors.role = Some(format!("You cannot give this role here: {refusal}"));
            Ok(None)
        }
        Err(error @ Error::OverLimit { .. }) => {
            errors.wait = error.retry_after();
            errors.addresses = Some(error.to_string());
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

/// What the script asks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckRequest {
    text: String,
}

/// What the script is told.
#[derive(Serialize)]
pub(super) struct CheckAnswer {
    rows: Vec<Checked>,
    #[serde(flatten)]
    counts: actions::Counts,
}

pub(super) async fn check(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    ApiJson(asked): ApiJson<CheckRequest>,
) -> ApiResult<Json<CheckAnswer>> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let rows = actions::check_addresses(&portal, &caller, place.scope, &review::split(&asked.text)).await?;
    Ok(Json(CheckAnswer { counts: actions::counts(&rows), rows }))
}

pub(super) async fn read_file(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    multipart: Multipart,
) -> ApiResult<Response> {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    caller.scope(&portal, Permission::InviteStaff, place.scope).await?;
    let form = InviteForm::read(multipart).await?;
    let Some((name, bytes)) = form.file else { return Err(Error::field("file", "Choose a file").into()) };
    let (note, texts) = review::read_file(&name, &bytes, &form.encoding);
    let encodings: Vec<_> = note
        .encodings
        .iter()
        .map(|choice| serde_json::json!({ "value": choice.value, "label": choice.label, "selected": choice.selected }))
        .collect();
    let answer = serde_json::json!({
        "name": note.name, "rows": note.rows, "encoding": note.encoding, "guessed": note.guessed,
        "encodings": encodings, "text": texts.join("\n"), "problem": note.problem,
    });
    let status = if note.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Json(answer)).into_response())
}
