//! What can be done with rows of the list: one by its own menu, or several that are ticked. One that cannot be done never spoils
//! the others, and the message says which and why.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::{CookieJar, Form as RepeatedForm};
use serde::Deserialize;

use super::{ListQuery, actions, read_day};
use crate::{
    access,
    error::{Error, Result},
    identity::door::SignedIn,
    op::Caller,
    portal::Portal,
    sites::{self, Place},
    staff::{Changes, NotChanged},
    types::{MembershipId, Timestamp},
    web::{ConfirmPage, PageResult, cookies, frame::day, page, see_other},
};

/// How many of those who were not changed are named in a message.
const NAMED: usize = 3;

/// What to do with which rows.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct SelectedForm {
    id: Vec<String>,
    r#do: String,
    role: String,
    until: String,
    list: String,
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<SelectedForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let list = ListQuery::carried(&form.list);
    let back = list.url(&place);
    let mut ids: Vec<MembershipId> = form.id.iter().filter_map(|id| id.parse().ok()).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        let jar = cookies::leave_flash(&portal.config, jar, "problem", "Choose at least one staff member first.");
        return Ok((jar, see_other(&back)).into_response());
    }
    let told = match form.r#do.as_str() {
        "role" => change_role(&portal, &caller, &place, &ids, &form.role).await?,
        "until" => set_until(&portal, &caller, &place, &ids, &form.until).await?,
        "remove" => {
            let changes = actions::remove_from_team(&portal, &caller, place.scope, &ids).await?;
            Told::of(&changes, "was removed from the team.", "people were removed from the team.", "removed")
        }
        "ask_remove" => return ask_remove(&portal, &caller, &place, &ids, &list).await,
        _ => return Err(Error::field("do", "Choose what to do with the staff members").into()),
    };
    let jar = match told.undo {
        Some(at) => {
            let scope = place.scope.to_string();
            cookies::leave_undoable(&portal.config, jar, told.kind, &told.text, &scope, at)
        }
        None => cookies::leave_flash(&portal.config, jar, told.kind, &told.text),
    };
    Ok((jar, see_other(&back)).into_response())
}

async fn change_role(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    ids: &[MembershipId],
    role: &str,
) -> Result<Told> {
    let Ok(key) = role.parse() else { return Ok(Told::problem("Choose a role first; nothing was changed.")) };
    let changes = match actions::change_roles(portal, caller, place.scope, ids, key).await {
        Ok(changes) => changes,
        // The role was deleted while the list was open.
        Err(Error::Invalid(_)) => return Ok(Told::problem("This role is no longer there; nothing was changed.")),
        Err(other) => return Err(other),
    };
    let name = access::role_names(portal.db.reader(), place.scope.organisation).await?.remove(role).unwrap_or_default();
    let mut told = Told::of(&changes, &format!("is {name} now."), &format!("people are {name} now."), "changed");
    told.undo = (!changes.done.is_empty()).then_some(changes.at);
    Ok(told)
}

async fn set_until(portal: &Portal, caller: &Caller, place: &Place, ids: &[MembershipId], text: &str) -> Result<Told> {
    let end = match read_day(place, text, portal.now()) {
        Ok(end) => end,
        Err(problem) => return Ok(Told::problem(&format!("{problem}. Nothing was changed."))),
    };
    let changes = actions::set_ends(portal, caller, place.scope, ids, Some(end)).await?;
    Ok(Told::of_end(&changes, Some(end), place))
}

async fn ask_remove(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    ids: &[MembershipId],
    list: &ListQuery,
) -> PageResult {
    let mut items = Vec::with_capacity(ids.len());
    let mut hidden = vec![("do".to_owned(), "remove".to_owned()), ("list".to_owned(), list.to_carry(place))];
    for id in ids {
        // Whoever left since the list was shown needs no removing.
        match actions::show_member(portal, caller, place.scope, *id).await {
            Ok(member) => {
                items.push(member.name);
                hidden.push(("id".to_owned(), id.to_string()));
            }
            Err(Error::NotFound) => {}
            Err(other) => return Err(other.into()),
        }
    }
    let (heading, items) = match items.as_slice() {
        [] => return Err(Error::NotFound.into()),
        [only] => (format!("Remove {only} from the team?"), Vec::new()),
        many => (format!("Remove {} people from the team?", many.len()), items),
    };
    let frame = sites::pages::frame(portal, caller.actor()?, place, "Remove from team").await?;
    page(&ConfirmPage {
        frame,
        heading,
        text: "Their access here ends at once, with their sessions and API keys. Their names stay on what they wrote. \
            They can be invited again."
            .to_owned(),
        items,
        action: format!("{}/staff/selected", place.scope.path()),
        hidden,
        button: "Remove from team".to_owned(),
        danger: true,
        cancel: list.url(place),
    })
}

/// Which change to take back.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct UndoForm {
    at: i64,
    list: String,
}

pub(super) async fn submit_undo(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    jar: CookieJar,
    RepeatedForm(form): RepeatedForm<UndoForm>,
) -> PageResult {
    let place = sites::actions::place_for(&portal, caller.actor()?, &scope).await?;
    let back = ListQuery::carried(&form.list).url(&place);
    let told = match actions::undo_change(&portal, &caller, place.scope, Timestamp(form.at)).await {
        Ok(changes) => {
            Told::of(&changes, "has the earlier role again.", "people have their earlier roles again.", "changed back")
        }
        Err(Error::Conflict(why)) => Told::problem(&format!("{why}.")),
        Err(other) => return Err(other.into()),
    };
    let jar = cookies::leave_flash(&portal.config, jar, told.kind, &told.text);
    Ok((jar, see_other(&back)).into_response())
}

/// A message for the next page.
pub(super) struct Told {
    pub kind: &'static str,
    pub text: String,
    undo: Option<Timestamp>,
}

impl Told {
    fn problem(text: &str) -> Self {
        Self { kind: "problem", text: text.to_owned(), undo: None }
    }

    /// "Pat Jones `one`", or "12 `many`", and who was not `word`, and why.
    fn of(changes: &Changes, one: &str, many: &str, word: &str) -> Self {
        let good = match changes.done.as_slice() {
            [] => String::new(),
            [(_, name)] => format!("{name} {one}"),
            all => format!("{} {many}", all.len()),
        };
        let bad = match changes.not_done.as_slice() {
            [] => return Self { kind: "done", text: good, undo: None },
            [only] => format!("{} was not {word}: {}.", who(only), only.reason()),
            all => {
                let named: Vec<_> =
                    all.iter().take(NAMED).map(|refused| format!("{} ({})", who(refused), refused.reason())).collect();
                let more = all.len().saturating_sub(NAMED);
                let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
                format!("{} were not {word}: {}{rest}.", all.len(), named.join(", "))
            }
        };
        Self { kind: "problem", text: format!("{good} {bad}").trim().to_owned(), undo: None }
    }

    /// What became of setting ends of access.
    pub(super) fn of_start(changes: &Changes) -> Self {
        Self::of(changes, "has access from now on.", "people have access from now on.", "changed")
    }

    pub(super) fn of_end(changes: &Changes, end: Option<Timestamp>, place: &Place) -> Self {
        match end {
            Some(end) => {
                let until = format!("access until {}.", day(end, &place.time_zone()));
                Self::of(changes, &format!("has {until}"), &format!("people have {until}"), "changed")
            }
            None => Self::of(changes, "has access without an end date.", "people have no end date now.", "changed"),
        }
    }
}

fn who(refused: &NotChanged) -> &str {
    if refused.name.is_empty() { "One person" } else { &refused.name }
}
