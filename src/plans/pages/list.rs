//! The plans of a scope, newest first.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::TITLE;
use crate::{
    identity::{self, door::SignedIn},
    plans::{State as PlanState, actions},
    portal::Portal,
    sites,
    types::Cursor,
    web::{Frame, PageResult, Pager, ViewFilter, When, lists::ListAddress, page},
};

const PAGE: usize = 50;

/// A plan in the list.
pub struct PlanLine {
    url: String,
    title: String,
    place: String,
    state: &'static str,
    state_word: &'static str,
    rows: u64,
    made_by: String,
    made: When,
    due: Option<When>,
}

#[derive(Template)]
#[template(path = "plans.html")]
struct PlansPage {
    frame: Frame,
    view: ViewFilter,
    place: String,
    plans: Vec<PlanLine>,
    pager: Pager,
}

#[derive(Deserialize, Default)]
pub(super) struct ListQuery {
    #[serde(default)]
    from: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    Query(asked): Query<ListQuery>,
    jar: CookieJar,
) -> PageResult {
    let actor = caller.actor()?;
    let place = sites::actions::place_for(&portal, actor, &scope).await?;
    let from = Cursor::decode(&asked.from);
    let found = actions::list_plans(&portal, &caller, place.scope, from.as_ref(), PAGE).await?;
    let pager = ListAddress::new(format!("{}/plans", place.scope.path())).pager(&found);
    let names = sites::actions::deployment_names(portal.db.reader(), place.scope.organisation).await?;
    let mut plans = Vec::with_capacity(found.rows.len());
    for plan in found.rows {
        let when = |at| When::new(at, portal.now(), &place.time_zone());
        plans.push(PlanLine {
            url: plan.path(),
            place: sites::level(&names, plan.scope.deployment),
            state: plan.state.key(),
            state_word: plan.state.word(),
            rows: plan.total,
            made_by: identity::actions::name_of(portal.db.reader(), plan.made_by).await?,
            made: when(plan.made_at),
            due: plan.due_at.filter(|_| plan.state == PlanState::Scheduled).map(when),
            title: plan.title,
        });
    }
    let view = sites::pages::view_filter(actor, &place, TITLE);
    let (jar, frame) = sites::pages::frame_with_flash(&portal, actor, &place, TITLE, jar).await?;
    Ok((jar, page(&PlansPage { frame, view, place: place.full_name(), plans, pager })?).into_response())
}
