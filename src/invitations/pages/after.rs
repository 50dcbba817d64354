//! What can still be done with a batch: resend to all who have not answered, change their role or their links' time, undo it.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    invitations::{
        Became, Window,
        actions::{self, PendingChange, Tally},
    },
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    types::BatchId,
    web::{ConfirmPage, PageResult, cookies, page, see_other},
};

/// More names would not fit into a message; the page's filter shows all.
const NAMED: usize = 3;

async fn place_and_batch(portal: &Portal, caller: &Caller, scope: &str, id: &str) -> Result<(Place, BatchId)> {
    let place = sites::actions::place_for(portal, caller.actor()?, scope).await?;
    Ok((place, id.parse().map_err(|_| Error::NotFound)?))
}

/// Which button, and what it needs.
#[derive(Deserialize)]
pub(super) struct PendingForm {
    #[serde(default, rename = "do")]
    press: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    window: String,
}

pub(super) async fn submit_pending(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
    axum::Form(form): axum::Form<PendingForm>,
) -> PageResult {
    let (place, id) = place_and_batch(&portal, &caller, &scope, &id).await?;
    let changed = match form.press.as_str() {
        "resend" => actions::resend_batch(&portal, &caller, place.scope, id).await.map(|tally| ("resent", tally)),
        "role" => match form.role.parse() {
            Ok(role) => {
                let change = PendingChange::Role(role);
                actions::change_batch(&portal, &caller, place.scope, id, change).await.map(|tally| ("changed", tally))
            }
            // Whoever may not look at the batch is told so first.
            Err(_) => not_chosen(&portal, &caller, &place, id, "Choose a role first").await,
        },
        "window" => match Window::from_key(&form.window) {
            Some(window) => {
                let change = PendingChange::Window(window);
                actions::change_batch(&portal, &caller, place.scope, id, change).await.map(|tally| ("changed", tally))
            }
            None => not_chosen(&portal, &caller, &place, id, "Choose for how long the links work first").await,
        },
        _ => not_chosen(&portal, &caller, &place, id, "Choose what is to happen first").await,
    };
    let (kind, text) = match changed {
        Ok((done, tally)) => told(done, &tally),
        Err(error @ (Error::Invalid(_) | Error::Conflict(_) | Error::OverLimit { .. })) => {
            ("problem", error.to_string())
        }
        Err(other) => return Err(other.into()),
    };
    let jar = cookies::leave_flash(&portal.config, jar, kind, &text);
    Ok((jar, see_other(&format!("{}/invitations/batches/{id}", place.scope.path()))).into_response())
}

async fn not_chosen(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    id: BatchId,
    text: &str,
) -> Result<(&'static str, Tally)> {
    actions::show_batch(portal, caller, place.scope, id).await?;
    Err(Error::Conflict(text.to_owned()))
}

/// "12 invitations were resent. 1 was not: ben@… (it was sent a moment ago)."
fn told(done: &str, tally: &Tally) -> (&'static str, String) {
    let mut text = match tally.done {
        0 => format!("No invitation was {done}."),
        1 => format!("1 invitation was {done}."),
        n => format!("{n} invitations were {done}."),
    };
    if !tally.not_done.is_empty() {
        let named = tally.not_done.iter().take(NAMED).map(|(email, why)| format!("{email} ({why})"));
        let named = named.collect::<Vec<_>>().join("; ");
        let more = tally.not_done.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!(
            " {} not: {named}{rest}.",
            if tally.not_done.len() == 1 { "1 was" } else { "Some were" }
        ));
    }
    (if tally.not_done.is_empty() { "done" } else { "problem" }, text)
}

pub(super) async fn ask_undo(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
) -> PageResult {
    let (place, id) = place_and_batch(&portal, &caller, &scope, &id).await?;
    let counts = actions::count_batch(&portal, &caller, place.scope, id).await?;
    let of = |wanted: fn(Became) -> bool| -> u64 { counts.iter().filter(|(b, _)| wanted(*b)).map(|(_, n)| n).sum() };
    let (open, joined) = (of(Became::is_open), of(|became| became == Became::Joined));
    let mut items = vec![format!(
        "{open} open {} deleted: the links stop working at once.",
        if open == 1 { "invitation is" } else { "invitations are" }
    )];
    if joined > 0 {
        items.push(format!(
            "{joined} joined already and {} staff; their names follow.",
            if joined == 1 { "stays" } else { "stay" }
        ));
    }
    let heading = "Undo this batch?".to_owned();
    let back = format!("{}/invitations/batches/{id}", place.scope.path());
    page(&ConfirmPage {
        frame: sites::pages::frame(&portal, caller.actor()?, &place, &heading).await?,
        heading,
        text: "Mails that are still queued are not sent. Everybody can be invited again.".to_owned(),
        items,
        action: format!("{back}/undo"),
        hidden: Vec::new(),
        button: if open == 1 { "Delete 1 invitation".to_owned() } else { format!("Delete {open} invitations") },
        danger: true,
        cancel: back,
    })
}

pub(super) async fn submit_undo(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, id)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let (place, id) = place_and_batch(&portal, &caller, &scope, &id).await?;
    let undone = actions::undo_batch(&portal, &caller, place.scope, id).await?;
    let mut text = match undone.deleted {
        0 => "Nothing was open any more.".to_owned(),
        1 => "1 invitation was deleted.".to_owned(),
        n => format!("{n} invitations were deleted."),
    };
    if !undone.joined.is_empty() {
        let named = undone.joined.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = undone.joined.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!(" Joined already, and still staff: {named}{rest}."));
    }
    let back = format!("{}/invitations/batches/{id}", place.scope.path());
    let to = if undone.joined.is_empty() { back } else { format!("{back}?show=joined") };
    let jar = cookies::leave_flash(&portal.config, jar, "done", &text);
    Ok((jar, see_other(&to)).into_response())
}
