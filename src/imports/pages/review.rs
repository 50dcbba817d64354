//! Every row of a file, by how it stands.

use std::collections::HashSet;

use askama::Template;

use super::{form::ImportForm, form_address};
use crate::{
    imports::{BadCell, Row, Sheet, Standing, actions},
    op::Caller,
    patients::GENDERS,
    portal::Portal,
    sites::{self, Place},
    types::kind,
    web::{Frame, PageResult, page},
};

/// Rows that need nobody's attention are shown up to this many.
const MOST_SHOWN: usize = 100;

/// A row on the review page.
struct ReviewRow {
    line: usize,
    number: String,
    name: String,
    email: String,
    phone: String,
    born: String,
    gender: &'static str,
    surgery: String,
    labels: String,
    why: String,
    bad: Vec<BadCell>,
    confirmed: bool,
}

/// Rows that stand alike.
struct Group {
    key: &'static str,
    heading: &'static str,
    icon: &'static str,
    about: &'static str,
    rows: Vec<ReviewRow>,
    more: usize,
}

impl Group {
    const fn new(key: &'static str, heading: &'static str, icon: &'static str, about: &'static str) -> Self {
        Self { key, heading, icon, about, rows: Vec::new(), more: 0 }
    }

    fn count(&self) -> usize {
        self.rows.len() + self.more
    }

    fn needs_attention(&self) -> bool {
        matches!(self.key, "refused" | "look")
    }
}

#[derive(Template)]
#[template(path = "imports/review.html")]
struct ReviewPage {
    frame: Frame,
    action: String,
    place: String,
    form: ImportForm,
    groups: Vec<Group>,
    unused: Vec<String>,
    ready: usize,
    look: usize,
}

pub(super) async fn show(
    portal: &Portal,
    caller: &Caller,
    place: &Place,
    mut form: ImportForm,
    mut sheet: Sheet,
) -> PageResult {
    let standings = actions::review_import(portal, caller, place.scope, &mut sheet).await?;
    let groups = grouped(sheet.rows, standings, &form.confirmed);
    let count = |key: &str| groups.iter().find(|group| group.key == key).map_or(0, Group::count);
    let (ready, look) = (count("ready"), count("look"));
    form.key = portal.new_id::<kind::PatientImport>().to_string();
    page(&ReviewPage {
        frame: sites::pages::frame(portal, caller.actor()?, place, "Import patients").await?,
        action: form_address(place),
        place: place.full_name(),
        groups: groups.into_iter().filter(|group| group.count() > 0).collect(),
        unused: sheet.unused,
        form,
        ready,
        look,
    })
}

fn grouped(rows: Vec<Row>, standings: Vec<Standing>, confirmed: &HashSet<usize>) -> [Group; 4] {
    let mut refused = Group::new(
        "refused",
        "Refused",
        "warning",
        "These are not added. Put them right in the file and import it again: whoever was added by then is passed over.",
    );
    let look =
        "These may be somebody who is there already. Tick those who are somebody else; the others are not added.";
    let mut look = Group::new("look", "Look again", "person", look);
    let mut there =
        Group::new("there", "Already there", "check", "A patient has this number already. Nothing is changed.");
    let mut ready = Group::new("ready", "Ready", "check", "These are added.");
    for (row, standing) in rows.into_iter().zip(standings) {
        let group = match standing {
            Standing::Ready => &mut ready,
            Standing::Look(_) => &mut look,
            Standing::There => &mut there,
            Standing::Refused(_) => &mut refused,
        };
        if group.rows.len() < MOST_SHOWN || group.needs_attention() {
            group.rows.push(review_row(row, standing, confirmed));
        } else {
            group.more += 1;
        }
    }
    [refused, look, there, ready]
}

fn review_row(row: Row, standing: Standing, confirmed: &HashSet<usize>) -> ReviewRow {
    let (why, bad) = match standing {
        Standing::Look(why) => (why, Vec::new()),
        Standing::Refused(bad) => (String::new(), bad),
        Standing::Ready | Standing::There => (String::new(), Vec::new()),
    };
    let identity = row.new.identity;
    ReviewRow {
        line: row.line,
        confirmed: confirmed.contains(&row.line),
        number: row.new.number,
        name: identity.name,
        email: identity.email,
        phone: identity.phone,
        born: identity.born_on,
        gender: GENDERS.iter().find(|(key, _)| *key == row.new.gender).map_or("", |(_, label)| label),
        surgery: row.new.surgery_on,
        labels: row.new.labels.join(", "),
        why,
        bad,
    }
}
