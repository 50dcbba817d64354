//! The form from which a plan is made: addresses, a file, and what the rows do not say themselves.

use askama::Template;
use axum::{
    extract::{Multipart, Path, State},
    http::StatusCode,
};

use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{
        self, LONGEST_WINDOW, Window, addresses,
        csv_file::{
            FileEncoding,
            columns::{self, Line},
        },
        windows,
    },
    op::Caller,
    plans::{NewPlan, actions},
    portal::Portal,
    sites::{self, Place},
    types::{DeploymentId, PlanId, Timestamp, kind},
    web::{Choice, Frame, PageResult, page, page_with_status, see_other},
};

/// What the form holds.
#[derive(Default)]
struct PlanForm {
    key: String,
    title: String,
    note: String,
    addresses: String,
    role: String,
    deployment: String,
    window: String,
    own_date: String,
    access_until: String,
    encoding: String,
    file: Option<(String, Vec<u8>)>,
}

/// Messages beside fields.
#[derive(Default)]
struct Wrong(Vec<(&'static str, String)>);

impl Wrong {
    fn at(&self, field: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == field).map(|(_, text)| text.clone())
    }
}

#[derive(Template)]
#[template(path = "plan_new.html")]
struct NewPlanPage {
    frame: Frame,
    action: String,
    cancel: String,
    place: String,
    form: PlanForm,
    roles: Vec<Choice>,
    deployments: Vec<Choice>,
    windows: Vec<Choice>,
    encodings: Vec<Choice>,
    min_date: String,
    max_date: String,
    wrong: Wrong,
}

impl PlanForm {
    async fn read(mut multipart: Multipart) -> Result<Self> {
        let mut form = Self::default();
        let bad = |error: axum::extract::multipart::MultipartError| Error::field("addresses", error.body_text());
        while let Some(field) = multipart.next_field().await.map_err(bad)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                let file_name = field.file_name().unwrap_or_default().to_owned();
                let bytes = field.bytes().await.map_err(bad)?;
                if !file_name.is_empty() {
                    form.file = Some((file_name, bytes.to_vec()));
                }
                continue;
            }
            let text = field.text().await.map_err(bad)?;
            let short = |text: String| text.chars().take(1_000).collect();
            match name.as_str() {
                "key" => form.key = text.chars().take(100).collect(),
                "title" => form.title = short(text),
                "note" => form.note = short(text),
                "addresses" => form.addresses = text,
                "role" => form.role = short(text),
                "deployment" => form.deployment = short(text),
                "window" => form.window = short(text),
                "own_date" => form.own_date = short(text),
                "access_until" => form.access_until = short(text),
                "encoding" => form.encoding = short(text),
                _ => {}
            }
        }
        Ok(form)
    }

    /// The plan that the form asks for, or what is missing.
    fn plan(&self, place: &Place, now: Timestamp) -> Result<NewPlan> {
        let mut wrong = Vec::new();
        let typed = addresses::split_list(&self.addresses);
        let mut lines: Vec<Line> =
            typed.into_iter().enumerate().map(|(n, text)| Line { number: n + 1, text, ..Line::default() }).collect();
        let (mut unused, mut has_roles) = (Vec::new(), lines.is_empty());
        if let Some((_, bytes)) = &self.file {
            match columns::read(bytes, FileEncoding::from_key(&self.encoding)) {
                Ok(file) => {
                    has_roles &= file.has_roles;
                    let typed = lines.len();
                    lines.extend(file.lines.into_iter().map(|line| Line { number: typed + line.number, ..line }));
                    unused = file.unused;
                }
                Err(bad) => wrong.push(("file", bad.to_string())),
            }
        }
        if lines.is_empty() && wrong.is_empty() {
            wrong.push(("addresses", "Enter at least one e-mail address, or choose a file".to_owned()));
        }
        if self.role.is_empty() && !has_roles && !lines.is_empty() {
            wrong.push(("role", "Choose the role of rows that name none".to_owned()));
        }
        let deployment: Option<DeploymentId> = self.deployment.parse().ok();
        if deployment.is_none() && !self.deployment.is_empty() {
            wrong.push(("deployment", "Choose a deployment from the list".to_owned()));
        }
        let until = match self.access_until.trim() {
            "" => None,
            day => {
                let end = place.last_moment_of(day).filter(|end| *end > now);
                if end.is_none() {
                    wrong.push(("access_until", "Choose a later day for the end of the access, or none".to_owned()));
                }
                end
            }
        };
        let own = || place.last_moment_of(&self.own_date).map(Window::Until);
        let window = Window::from_key(&self.window).or_else(own).filter(|window| window.length(now).is_some());
        if window.is_none() {
            wrong.push(("window", "Choose a day within the next 30 days".to_owned()));
        }
        let Some(window) = window.filter(|_| wrong.is_empty()) else { return Err(Error::Invalid(wrong)) };
        let file_name =
            self.file.as_ref().map(|(name, _)| name.chars().filter(|c| !c.is_control()).take(100).collect());
        Ok(NewPlan {
            scope: place.scope,
            title: if self.title.trim().is_empty() { file_name.unwrap_or_default() } else { self.title.clone() },
            note: self.note.clone(),
            role: self.role.clone(),
            deployment,
            window,
            access_until: until,
            lines,
            unused,
            request_key: format!("page {}", self.key),
        })
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let key = portal.new_id::<kind::Plan>().to_string();
    let form = PlanForm { key, window: "7d".to_owned(), ..PlanForm::default() };
    page(&render(&portal, &caller, &place, form, Wrong::default()).await?)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    multipart: Multipart,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let form = PlanForm::read(multipart).await?;
    let wrong = match make(&portal, &caller, &place, &form).await {
        Ok(id) => return Ok(see_other(&format!("{}/plans/{id}", place.scope.path()))),
        Err(Error::Invalid(fields)) => Wrong(fields),
        Err(Error::Conflict(text)) => Wrong(vec![("addresses", text)]),
        Err(other) => return Err(other.into()),
    };
    page_with_status(StatusCode::UNPROCESSABLE_ENTITY, &render(&portal, &caller, &place, form, wrong).await?)
}

async fn make(portal: &Portal, caller: &Caller, place: &Place, form: &PlanForm) -> Result<PlanId> {
    // Whoever may not invite learns nothing of what the file holds.
    caller.scope(portal, crate::access::Permission::InviteStaff, place.scope).await?;
    actions::make_plan(portal, caller, form.plan(place, portal.now())?).await
}

async fn render(portal: &Portal, caller: &Caller, place: &Place, form: PlanForm, wrong: Wrong) -> Result<NewPlanPage> {
    let path = place.scope.path();
    let chosen = |value: String, label: String, current: &str| Choice { selected: value == current, value, label };
    let roles = invitations::actions::grantable_roles(portal, caller, place.scope).await?;
    let roles = roles.into_iter().map(|role| chosen(role.key.to_string(), role.name, &form.role)).collect();
    let mut deployments = Vec::new();
    if place.deployment.is_none() {
        let names = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
        let named = names.into_iter().map(|(id, name)| chosen(id.to_string(), name, &form.deployment));
        deployments.extend(named);
        deployments.sort_by(|a, b| a.label.cmp(&b.label));
    }
    let fixed = windows::choices(&place.organisation, portal.now());
    let fixed = fixed.into_iter().map(|(value, label)| (value.to_owned(), label));
    let own = ("own".to_owned(), "Until a date".to_owned());
    let windows = fixed.chain([own]).map(|(value, label)| chosen(value, label, &form.window)).collect();
    let day = |at: Timestamp| at.to_jiff().to_zoned_datetime(place.time_zone()).strftime("%Y-%m-%d").to_string();
    Ok(NewPlanPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Make a plan").await?,
        action: format!("{path}/plans/new"),
        cancel: format!("{path}/plans"),
        place: place.full_name(),
        roles,
        deployments,
        windows,
        encodings: invitations::pages::encodings(FileEncoding::from_key(&form.encoding)),
        min_date: day(portal.now()),
        max_date: day(portal.now().plus(LONGEST_WINDOW)),
        form,
        wrong,
    })
}
