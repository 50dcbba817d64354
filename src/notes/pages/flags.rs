//! **Add note / Resolve flags**.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Form};
use serde::Deserialize;

use super::for_writing;
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    notes::{LONGEST, Resolved, Review, ToReview, actions},
    op::Caller,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    readings::{
        MODULES, Module, Reading, Unreviewed,
        pages::{Eyes, Line},
    },
    types::ReadingId,
    web::{Frame, PageResult, cookies, page_with_status, see_other},
};

/// How many entries without a flag are shown of a module; they need not be looked at one by one.
const OTHERS: usize = 20;

/// What waits for review of one module.
struct Group {
    key: &'static str,
    label: &'static str,
    url: String,
    flags: Unreviewed,
    serious: Vec<Line>,
    others: Vec<Line>,
    unshown: usize,
    /// `module:id,id,…`, as the form carries it.
    entries: String,
    seen: bool,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/flags.html")]
struct FlagsPage {
    frame: Frame,
    rail: Rail,
    groups: Vec<Group>,
    more: bool,
    note: String,
    longest: usize,
    problem: Option<String>,
}

impl FlagsPage {
    fn failed(&self) -> bool {
        self.problem.is_some() || self.groups.iter().any(|group| group.problem.is_some())
    }
}

/// What is sent: the entries that were shown by module, and the modules that are ticked.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FlagsForm {
    r#do: String,
    note: String,
    entries: Vec<String>,
    seen: Vec<String>,
}

impl FlagsForm {
    /// The entries that were shown of each module.
    fn shown(&self) -> Vec<(&str, Vec<ReadingId>)> {
        let read = |ids: &str| -> Vec<ReadingId> {
            ids.split(',').filter_map(|id| uuid::Uuid::try_parse(id).ok().map(ReadingId::from_uuid)).collect()
        };
        self.entries.iter().filter_map(|entry| entry.split_once(':')).map(|(module, ids)| (module, read(ids))).collect()
    }

    fn review(&self) -> Review {
        let mut review = Review { text: self.note.clone(), ..Review::default() };
        for (module, ids) in self.shown() {
            let ticked = self.seen.iter().any(|seen| seen == module);
            if ticked { &mut review.seen } else { &mut review.beside }.extend(ids);
        }
        review
    }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    for_writing(&portal, &caller, &scope, &patient).await?;
    Ok(render(&portal, &caller, (&scope, &patient), jar, &FlagsForm::default(), None).await?)
}

pub(super) async fn submit(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
    Form(form): Form<FlagsForm>,
) -> PageResult {
    let id = for_writing(&portal, &caller, &scope, &patient).await?;
    let mut review = form.review();
    if form.r#do == "note" {
        review = Review { text: review.text, ..Review::default() };
    }
    match actions::resolve_flags(&portal, &caller, id, &review).await {
        Ok(resolved) => {
            let jar = cookies::leave_flash(&portal.config, jar, "done", &told(&resolved));
            Ok((jar, see_other(&format!("/{scope}/patients/{patient}"))).into_response())
        }
        Err(Error::Invalid(problems)) => {
            Ok(render(&portal, &caller, (&scope, &patient), jar, &form, Some(problems)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What became of it, without what was measured: the sentence travels in a cookie.
fn told(resolved: &Resolved) -> String {
    let entries = |n: i64| if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") };
    let mut text = match resolved.reviewed.all() {
        0 => "Note added.".to_owned(),
        n => format!("Note added; {} reviewed.", entries(n)),
    };
    if resolved.gone > 0 {
        text.push_str(&format!(" {} had been reviewed by somebody else in the meantime.", entries(resolved.gone)));
    }
    if resolved.reviewed.all() > 0 && resolved.left.all() > 0 {
        let (were, wait) = if resolved.left.all() == 1 { ("was", "waits") } else { ("were", "wait") };
        let left = entries(resolved.left.all());
        text.push_str(&format!(" {left} that arrived meanwhile or {were} not listed {wait} for review."));
    }
    text
}

async fn render(
    portal: &Portal,
    caller: &Caller,
    (scope, patient): (&str, &str),
    jar: CookieJar,
    form: &FlagsForm,
    problems: Option<Vec<(&'static str, String)>>,
) -> Result<Response> {
    let (jar, mut opened) = rail::open(portal, caller, (scope, patient), (rail::Page::Dashboard, "flags"), jar).await?;
    opened.frame.title = format!("{} – Add note / Resolve flags", opened.patient.number);
    let waiting = actions::to_review(portal, &opened.one).await?;
    let mut eyes = Eyes::of(portal, caller.actor()?.account, opened.place.time_zone()).await?;
    eyes.learn_names(portal, &waiting.serious).await?;
    let failed = problems.is_some();
    let problems = problems.unwrap_or_default();
    let of = |field: &str| problems.iter().find(|(known, _)| *known == field).map(|(_, why)| why.clone());
    let must_be_seen = of("seen").is_some();
    let view = FlagsPage {
        groups: groups(&waiting, &eyes, form, must_be_seen, &opened.rail.address),
        more: waiting.more,
        note: form.note.clone(),
        longest: LONGEST,
        problem: of("note"),
        frame: opened.frame,
        rail: opened.rail,
    };
    let status = if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = page_with_status(status, &view).map_err(|error| error.0)?;
    Ok((jar, page).into_response())
}

fn groups(waiting: &ToReview, eyes: &Eyes, form: &FlagsForm, must_be_seen: bool, address: &str) -> Vec<Group> {
    let shown = form.shown();
    let known = |module: &Module| -> &[ReadingId] {
        shown.iter().find(|(key, _)| *key == module.key).map_or(&[], |(_, ids)| ids)
    };
    let mut groups: Vec<Group> = MODULES
        .iter()
        .filter_map(|module| {
            let of = |all: &'_ [Reading]| -> Vec<Reading> {
                all.iter().filter(|reading| reading.module == module).cloned().collect()
            };
            let (serious, others) = (of(&waiting.serious), of(&waiting.others));
            if serious.is_empty() && others.is_empty() {
                return None;
            }
            let mut flags = Unreviewed::default();
            serious.iter().chain(&others).for_each(|reading| flags.add(reading.severity, 1));
            // What arrived since the page was shown was not seen, whatever is ticked.
            let all_known = serious.iter().all(|reading| known(module).contains(&reading.id));
            let seen = all_known && form.seen.iter().any(|key| key == module.key);
            let missing = must_be_seen && !seen && !serious.is_empty();
            let ids: Vec<_> =
                serious.iter().chain(&others).map(|reading| reading.id.uuid().simple().to_string()).collect();
            Some(Group {
                key: module.key,
                label: module.label,
                url: format!("{address}/readings/{}", module.key),
                flags,
                serious: serious.iter().map(|reading| eyes.line(reading)).collect(),
                others: others.iter().rev().take(OTHERS).map(|reading| eyes.line(reading)).collect(),
                unshown: others.len().saturating_sub(OTHERS),
                entries: format!("{}:{}", module.key, ids.join(",")),
                seen,
                problem: missing.then(|| "Look at these entries, then tick that you have seen them.".to_owned()),
            })
        })
        .collect();
    // Worst first; the order of the modules otherwise.
    groups.sort_by_key(|group| std::cmp::Reverse((group.flags.red > 0, group.flags.amber > 0)));
    groups
}
