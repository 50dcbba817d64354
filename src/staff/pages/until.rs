//! **Access until …**: the last day of one person's access.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{ListQuery, actions, read_day, selected::Told, tomorrow};
use crate::{
    access::{self, Permission},
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    staff::StaffMember,
    web::{Frame, PageResult, cookies, frame::day, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "staff_until.html")]
struct UntilPage {
    frame: Frame,
    name: String,
    role: String,
    level: String,
    /// The present last day in words; none when there is none.
    ends: Option<String>,
    /// The first day in words, of access that has not begun.
    begins: Option<String>,
    action: String,
    until: String,
    min_date: String,
    problem: Option<String>,
    list: String,
    back: String,
}

/// Where to come back to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    list: String,
}

/// What was chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UntilForm {
    r#do: String,
    until: String,
    list: String,
}

/// The person, for those who may manage staff here.
async fn find(portal: &Portal, caller: &Caller, scope: &str, membership: &str) -> Result<(Place, StaffMember)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    caller.scope(portal, Permission::ManageStaff, place.scope).await?;
    let id = membership.parse().map_err(|_| Error::NotFound)?;
    let member = actions::show_member(portal, caller, place.scope, id).await?;
    Ok((place, member))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> PageResult {
    let (place, member) = find(&portal, &caller, &scope, &membership).await?;
    let form = UntilForm { list: asked.list, ..UntilForm::default() };
    render(&portal, &caller, &place, member, form, None).await
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<UntilForm>,
) -> PageResult {
    let (place, member) = find(&portal, &caller, &scope, &membership).await?;
    if form.r#do == "begin" {
        let changes = actions::begin_now(&portal, &caller, place.scope, &[member.membership]).await?;
        let told = Told::of_start(&changes);
        let jar = cookies::leave_flash(&portal.config, jar, told.kind, &told.text);
        return Ok((jar, see_other(&ListQuery::carried(&form.list).url(&place))).into_response());
    }
    let end = match form.r#do.as_str() {
        "never" => None,
        _ => match read_day(&place, &form.until, portal.now()) {
            Ok(end) => Some(end),
            Err(problem) => return render(&portal, &caller, &place, member, form, Some(problem)).await,
        },
    };
    let changes = actions::set_ends(&portal, &caller, place.scope, &[member.membership], end).await?;
    let told = Told::of_end(&changes, end, &place);
    let jar = cookies::leave_flash(&portal.config, jar, told.kind, &told.text);
    Ok((jar, see_other(&ListQuery::carried(&form.list).url(&place))).into_response())
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    member: StaffMember,
    form: UntilForm,
    problem: Option<String>,
) -> PageResult {
    let zone = place.time_zone();
    let at = sites::actions::place_of(portal.db.reader(), member.scope).await?;
    let mut roles = access::role_names(portal.db.reader(), place.scope.organisation).await?;
    let present = member.ends_at.map(|end| end.to_jiff().to_zoned_datetime(zone.clone()).date().to_string());
    let list = ListQuery::carried(&form.list);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = if problem.is_some() { "Error: Access until" } else { "Access until" };
    let view = UntilPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, title).await?,
        role: roles.remove(&member.role).unwrap_or(member.role),
        level: at.full_name(),
        ends: member.ends_at.map(|end| day(end, &zone)),
        begins: member.starts_at.filter(|start| *start > portal.now()).map(|start| day(start, &zone)),
        action: format!("{}/staff/{}/until", place.scope.path(), member.membership),
        until: if problem.is_some() { form.until } else { present.unwrap_or_default() },
        min_date: tomorrow(place, portal.now()),
        problem,
        list: list.to_carry(place),
        back: list.url(place),
        name: member.name,
    };
    page_with_status(status, &view)
}
