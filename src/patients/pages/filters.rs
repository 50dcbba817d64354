//! The **Filters** window: a form whose answer is the list itself.

use askama::Template;
use axum::extract::{Path, State};
use axum_extra::extract::Query as RepeatedQuery;

use super::{
    asked::{Asked, GENDERS, QUICK},
    list::Around,
};
use crate::{
    identity::door::SignedIn,
    patients::query::Kind,
    portal::Portal,
    sites,
    web::{Choice, Frame, Kept, PageResult, page},
};

#[derive(Template)]
#[template(path = "patients/filters.html")]
struct FiltersPage {
    frame: Frame,
    action: String,
    clear: String,
    back: String,
    /// Search and order, which the window does not change.
    keep: Vec<Kept>,
    kinds: Vec<Choice>,
    /// Birth dates, for those who may see them.
    born: Option<(String, String)>,
    genders: Vec<Choice>,
    labels: Vec<Choice>,
    surgery: Vec<Choice>,
    surgery_from: String,
    surgery_to: String,
}

fn choice(value: &str, label: &str, selected: bool) -> Choice {
    Choice { value: value.to_owned(), label: label.to_owned(), selected }
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path(scope): Path<String>,
    RepeatedQuery(asked): RepeatedQuery<Asked>,
) -> PageResult {
    let around = Around::read(&portal, &caller, &scope).await?;
    let place = &around.place;
    let (query, _) = asked.read(&around.ground());
    let order = Asked { q: asked.q.clone(), ..asked.cleared() };
    let labels = if around.programme.labels { around.labels.as_slice() } else { &[] };
    let own = !asked.surgery_from.is_empty() || !asked.surgery_to.is_empty();
    let quick = match asked.surgery.as_str() {
        "" if own => "own",
        "" => "any",
        chosen => chosen,
    };
    let mut surgery = vec![choice("any", "Any day", quick == "any")];
    surgery.extend(QUICK.iter().map(|(key, label)| choice(key, label, *key == quick)));
    surgery.push(choice("own", "These days", quick == "own"));
    page(&FiltersPage {
        frame: sites::pages::frame(&portal, caller.actor()?, place, "Filters").await?,
        action: format!("{}/patients", place.scope.path()),
        clear: asked.cleared().address(place).url(),
        back: asked.url(place),
        keep: order.address(place).kept(""),
        kinds: Kind::ALL.iter().map(|(kind, key, label)| choice(key, label, *kind == query.kind)).collect(),
        born: around.identifiers.then(|| (asked.born_from.clone(), asked.born_to.clone())),
        genders: GENDERS.iter().map(|(key, label)| choice(key, label, asked.gender.iter().any(|g| g == key))).collect(),
        labels: labels
            .iter()
            .map(|label| choice(&label.id.to_string(), &label.text, query.labels.contains(&label.id)))
            .collect(),
        surgery,
        surgery_from: asked.surgery_from,
        surgery_to: asked.surgery_to,
    })
}
