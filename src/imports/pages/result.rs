//! What became of a file.

use askama::Template;
use axum::extract::{Path, State};

use super::{address, deployment, form_address};
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    imports::{Fate, Import, Outcome, actions},
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    web::{Frame, PageResult, csv, page},
};

#[derive(Template)]
#[template(path = "imports/result.html")]
struct ResultPage {
    frame: Frame,
    list: String,
    again: String,
    file: String,
    added: usize,
    not_added: Vec<Outcome>,
    counts: Vec<(usize, &'static str)>,
}

async fn find(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, Import)> {
    let place = deployment(portal, caller, scope).await?;
    let id = id.parse().map_err(|_| Error::NotFound)?;
    let import = actions::show_import(portal, caller, place.scope, id).await?;
    Ok((place, import))
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, import) = find(&portal, &caller, &scope, &id).await?;
    let words = [(Fate::Refused, "refused"), (Fate::Look, "left for a second look"), (Fate::There, "already there")];
    let counts = words.map(|(fate, word)| (import.count(fate), word));
    page(&ResultPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, "Patients imported").await?,
        list: format!("{}/patients", place.scope.path()),
        again: form_address(&place),
        file: format!("{}/not-added.csv", address(&place, import.id)),
        added: import.count(Fate::Added),
        counts: counts.into_iter().filter(|(n, _)| *n > 0).collect(),
        not_added: rows_not_added(import),
    })
}

fn rows_not_added(import: Import) -> Vec<Outcome> {
    import.outcomes.into_iter().filter(|outcome| outcome.fate != Fate::Added).collect()
}

pub(super) async fn not_added(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (_, import) = find(&portal, &caller, &scope, &id).await?;
    let heads = std::iter::once(csv::line(["row", "number", "reason"]));
    let rows = rows_not_added(import).into_iter();
    let rows = rows.map(|row| csv::line([row.line.to_string(), row.number, row.reason]));
    Ok(csv::file("patients-not-added.csv", heads.chain(rows)))
}
