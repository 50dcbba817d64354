//! Sending a plan, now or at a moment, and deleting it. Each asks first.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::{go_with, place_and_plan, show};
use crate::{
    error::Error,
    identity::door::SignedIn,
    plans::{State as PlanState, actions},
    portal::Portal,
    sites,
    web::{ConfirmPage, PageResult, page, see_other},
};

/// What sending would do, with the button that does it.
pub(super) async fn ask(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let plan = actions::show_plan(&portal, &caller, place.scope, id).await?;
    let counts = actions::count_rows(&portal, &caller, place.scope, id).await?;
    let back = format!("{}/plans/{id}", place.scope.path());
    if counts.to_do() == 0 || matches!(plan.state, PlanState::Applying | PlanState::Applied) {
        return Ok((jar, see_other(&back)).into_response());
    }
    let mut items = vec![format!("{} now.", counts.promise())];
    if counts.undecided > 0 {
        items.push(format!(
            "{} to look at again that nobody has decided about: nothing happens to them.",
            counts.undecided
        ));
    }
    let left = plan.total - counts.to_do() - counts.undecided;
    if left > 0 {
        items.push(format!("{left} left out."));
    }
    let heading = format!("Send the plan {}?", plan.title);
    let asked = ConfirmPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, &heading).await?,
        heading,
        text: "Each row is judged once more at that moment; what cannot be done is told.".to_owned(),
        items,
        action: format!("{back}/send"),
        hidden: Vec::new(),
        button: counts.promise(),
        danger: false,
        cancel: back,
    };
    page(&asked)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let back = format!("{}/plans/{id}", place.scope.path());
    match actions::send_plan(&portal, &caller, place.scope, id).await {
        Ok(_) => Ok((jar, see_other(&back)).into_response()),
        Err(error) => go_with(&portal, jar, &back, Err(error)),
    }
}

/// A moment, or the wish to take it back.
#[derive(Deserialize)]
pub(super) struct ScheduleForm {
    #[serde(default)]
    at: String,
    #[serde(default, rename = "do")]
    press: String,
}

pub(super) async fn submit_schedule(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
    axum::Form(form): axum::Form<ScheduleForm>,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let back = format!("{}/plans/{id}", place.scope.path());
    let done = if form.press == "cancel" {
        actions::unschedule_plan(&portal, &caller, place.scope, id).await.map(|()| "The plan is no longer scheduled.")
    } else {
        let Some(at) = place.parse_moment(&form.at) else {
            // Who may not even look is told so before anything else.
            actions::show_plan(&portal, &caller, place.scope, id).await?;
            let wrong = "Choose a day and a time".to_owned();
            return show::with_wrong_moment(&portal, &caller, &place, id, form.at, wrong).await;
        };
        actions::schedule_plan(&portal, &caller, place.scope, id, at).await.map(|()| "The plan is scheduled.")
    };
    if let Err(Error::Invalid(fields)) = done {
        let wrong = fields.into_iter().next().map(|(_, text)| text).unwrap_or_default();
        return show::with_wrong_moment(&portal, &caller, &place, id, form.at, wrong).await;
    }
    go_with(&portal, jar, &back, done.map(|text| ("done", text.to_owned())))
}

pub(super) async fn ask_delete(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let plan = actions::show_plan(&portal, &caller, place.scope, id).await?;
    let back = format!("{}/plans/{id}", place.scope.path());
    let heading = format!("Delete the plan {}?", plan.title);
    page(&ConfirmPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, &heading).await?,
        heading,
        text: "Its rows are forgotten. Nobody in it was told anything.".to_owned(),
        items: Vec::new(),
        action: format!("{back}/delete"),
        hidden: Vec::new(),
        button: "Delete plan".to_owned(),
        danger: true,
        cancel: back,
    })
}

pub(super) async fn submit_delete(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = place_and_plan(&portal, &caller, &scope, &id).await?;
    let list = format!("{}/plans", place.scope.path());
    let done = actions::delete_plan(&portal, &caller, place.scope, id).await;
    let to = if done.is_ok() { list } else { format!("{list}/{id}") };
    go_with(&portal, jar, &to, done.map(|()| ("done", "The plan was deleted.".to_owned())))
}
