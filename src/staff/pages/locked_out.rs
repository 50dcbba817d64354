//! Help for the locked-out: the pages behind **Reset second factor** and **Send password reset link**.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{ListQuery, actions};
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::MembershipId,
    web::{ConfirmPage, Frame, PageResult, cookies, page, page_with_status, see_other},
};

#[derive(Template)]
#[template(path = "staff_second_factor.html")]
struct ResetPage {
    frame: Frame,
    name: String,
    email: String,
    factors: String,
    witness: Option<String>,
    action: String,
    reason: String,
    longest: usize,
    problem: Option<String>,
    list: String,
    back: String,
}

/// Where to come back to, and what was typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct HelpForm {
    reason: String,
    list: String,
}

async fn find(portal: &Portal, caller: &Caller, scope: &str, membership: &str) -> Result<(Place, MembershipId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, membership.parse().map_err(|_| Error::NotFound)?))
}

/// Back to the list, with what became of it.
fn back(portal: &Portal, jar: CookieJar, place: &Place, list: &str, text: &str) -> Response {
    let jar = cookies::leave_flash(&portal.config, jar, "done", text);
    (jar, see_other(&ListQuery::carried(list).url(place))).into_response()
}

pub(super) async fn show_reset(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    Query(asked): Query<HelpForm>,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &membership).await?;
    let form = HelpForm { reason: String::new(), list: asked.list };
    reset_page(&portal, &caller, &place, id, form, None).await
}

pub(super) async fn submit_reset(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<HelpForm>,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &membership).await?;
    match actions::reset_second_factor(&portal, &caller, place.scope, id, &form.reason).await {
        Ok(done) => {
            let also = match done.witness {
                Some(name) => format!("They and {name} are told by mail."),
                None => "They are told by mail; there was nobody else to tell.".to_owned(),
            };
            let text = format!(
                "The second factor of {} was reset. They sign in with their password and set up a new one. {also}",
                done.name
            );
            Ok(back(&portal, jar, &place, &form.list, &text))
        }
        Err(error @ Error::Invalid(_)) => reset_page(&portal, &caller, &place, id, form, Some(error.to_string())).await,
        Err(other) => Err(other.into()),
    }
}

async fn reset_page(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    id: MembershipId,
    form: HelpForm,
    problem: Option<String>,
) -> PageResult {
    let person = actions::look_at_locked_out(portal, caller, place.scope, id).await?;
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let title = if problem.is_some() { "Error: Reset second factor" } else { "Reset second factor" };
    let list = ListQuery::carried(&form.list);
    let view = ResetPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, title).await?,
        name: person.name,
        email: person.email,
        factors: person.factors.to_string(),
        witness: person.witness,
        action: format!("{}/staff/{id}/second-factor", place.scope.path()),
        reason: form.reason,
        longest: actions::LONGEST_REASON,
        problem,
        list: list.to_carry(place),
        back: list.url(place),
    };
    page_with_status(status, &view)
}

pub(super) async fn show_link(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    Query(asked): Query<HelpForm>,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &membership).await?;
    let person = actions::look_at_locked_out(&portal, &caller, place.scope, id).await?;
    let list = ListQuery::carried(&asked.list);
    page(&ConfirmPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, "Send password reset link").await?,
        heading: format!("Send {} a link to choose a new password?", person.name),
        text: format!(
            "The link goes to {} and to nobody else, and works once, for an hour. Nobody sees or sets another's password. \
             The present password works until a new one is chosen, and the second factor is still asked.",
            person.email
        ),
        items: Vec::new(),
        action: format!("{}/staff/{id}/password-link", place.scope.path()),
        hidden: vec![("list".to_owned(), list.to_carry(&place))],
        button: "Send link".to_owned(),
        danger: false,
        cancel: list.url(&place),
    })
}

pub(super) async fn submit_link(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, membership)): Path<(String, String)>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<HelpForm>,
) -> PageResult {
    let (place, id) = find(&portal, &caller, &scope, &membership).await?;
    match actions::send_reset_link(&portal, &caller, place.scope, id).await {
        Ok(name) => {
            let text = format!("A link to choose a new password is on its way to {name}.");
            Ok(back(&portal, jar, &place, &form.list, &text))
        }
        Err(Error::Conflict(why)) => {
            let jar = cookies::leave_flash(&portal.config, jar, "problem", &format!("{why}."));
            Ok((jar, see_other(&ListQuery::carried(&form.list).url(&place))).into_response())
        }
        Err(other) => Err(other.into()),
    }
}
