//! **Columns**: which modules a person sees in the Patient List. The choice is the person's own and holds in every deployment.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{asked::Asked, list::Around};
use crate::{
    identity::{self, door::SignedIn},
    portal::Portal,
    web::{PageResult, cookies, see_other},
};

/// The ticked modules, and the list to come back to.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ColumnsForm {
    shown: Vec<String>,
    list: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<ColumnsForm>,
) -> PageResult {
    let around = Around::read(&portal, &caller, &scope).await?;
    let modules: Vec<_> = around.programme.modules.iter().map(|followed| followed.module.key).collect();
    let hidden: Vec<_> = modules.iter().copied().filter(|key| !form.shown.iter().any(|shown| shown == key)).collect();
    identity::actions::hide_columns(&portal, &caller, &modules, &hidden).await?;
    let text = match hidden.len() {
        0 => "All columns are shown.".to_owned(),
        1 => "1 column is hidden from your list.".to_owned(),
        n => format!("{n} columns are hidden from your list."),
    };
    let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
    Ok((jar, see_other(&Asked::carried(&form.list).url(&around.place))).into_response())
}
