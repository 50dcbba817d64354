//! The Patient Dashboard: the newest entries of everything that is followed.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;

use super::{Eyes, Line};
use crate::{
    identity::door::SignedIn,
    patients::pages::rail::{self, Rail},
    portal::Portal,
    readings::{Kind, Module, Reading, actions},
    web::{Frame, Link, PageResult, frame::day, page},
};

/// How many entries the trend is drawn of; the first three are shown.
const TREND: usize = 24;

/// A module on the dashboard.
struct Tile {
    label: &'static str,
    url: String,
    red: i64,
    amber: i64,
    grey: i64,
    lines: Vec<Line>,
    words: bool,
    trend: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/dashboard.html")]
struct DashboardPage {
    frame: Frame,
    rail: Rail,
    stopped: Option<String>,
    waiting: i64,
    tiles: Vec<Tile>,
    unused: Vec<Link>,
    earlier: Vec<Link>,
    samples: bool,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient)): Path<(String, String)>,
    jar: CookieJar,
) -> PageResult {
    let to = (rail::Page::Dashboard, "dashboard");
    let (jar, opened) = rail::open(&portal, &caller, (&scope, &patient), to, jar).await?;
    let (db, zone) = (portal.db.reader(), opened.place.time_zone());
    let programme = &opened.programme;
    let followed: Vec<&'static Module> = programme.modules.iter().map(|followed| followed.module).collect();
    let mut newest = actions::newest_of_each(db, &opened.one, &followed, TREND).await?;
    let unreviewed = actions::unreviewed_by_module(db, &opened.one).await?;
    let with_entries = actions::modules_with_entries(db, &opened.one).await?;
    let eyes = Eyes::of(&portal, caller.actor()?.account, zone).await?;
    let url = |module: &Module| format!("{}/readings/{}", opened.rail.address, module.key);
    let unused = followed.iter().filter(|module| !newest.contains_key(module.key));
    let unused = unused.map(|module| Link::new(module.label, url(module), false)).collect();
    let tiles = followed
        .iter()
        .filter_map(|module| {
            let entries = newest.remove(module.key)?;
            let flags = unreviewed.iter().find(|(of, _)| of == module).map(|(_, flags)| *flags).unwrap_or_default();
            Some(Tile {
                label: module.label,
                url: url(module),
                red: flags.red,
                amber: flags.amber,
                grey: flags.grey,
                lines: entries.iter().take(3).map(|reading| eyes.line(reading)).collect(),
                words: module.kind == Kind::Text,
                trend: trend(&entries),
            })
        })
        .collect();
    let earlier = with_entries.into_iter().filter(|module| !followed.contains(module));
    let view = DashboardPage {
        tiles,
        unused,
        earlier: earlier.map(|module| Link::new(module.label, url(module), false)).collect(),
        samples: programme.modules.iter().any(|followed| followed.samples && !followed.bands.is_empty()),
        stopped: opened.patient.offboarded.as_ref().map(|(at, why)| {
            let reason =
                if why.is_empty() { String::new() } else { format!(" Reason: {}.", why.trim_end_matches('.')) };
            format!("Monitoring stopped on {}.{reason} What was sent in stays readable.", day(*at, &eyes.zone))
        }),
        waiting: unreviewed.iter().map(|(_, flags)| flags.all()).sum(),
        frame: opened.frame,
        rail: opened.rail,
    };
    Ok((jar, page(&view)?).into_response())
}

/// Width and height of a trend.
const WIDE: f64 = 120.0;
const HIGH: f64 = 28.0;

/// The course of the newest entries as the points of a line, oldest first; none where a line would say nothing.
fn trend(newest_first: &[Reading]) -> Option<String> {
    let course: Vec<(f64, f64)> = newest_first
        .iter()
        .rev()
        .filter_map(|reading| Some((f64::from(i32::try_from(reading.at.0 / 60_000).ok()?), reading.measured.value?)))
        .collect();
    if course.len() < 4 {
        return None;
    }
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let values = course.iter().map(pick);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
    };
    let ((from, to), (least, most)) = (range(|point| point.0), range(|point| point.1));
    let share = |value: f64, least: f64, most: f64| if most > least { (value - least) / (most - least) } else { 0.5 };
    let points = course.iter().map(|(at, value)| {
        let (x, y) = (share(*at, from, to), share(*value, least, most));
        format!("{:.1},{:.1}", 2.0 + x * (WIDE - 4.0), 2.0 + (1.0 - y) * (HIGH - 4.0))
    });
    Some(points.collect::<Vec<_>>().join(" "))
}
