//! One module of one patient: the chart with its thresholds, or the same data as a table.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::IntoResponse,
};
use axum_extra::extract::CookieJar;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Eyes, Line,
    chart::{Chart, Curve, Point, Size, Stripe},
    shown::Shown,
    spoken,
};
use crate::{
    error::{Error, Result},
    identity::door::SignedIn,
    patients::pages::rail::{self, Opened, Rail},
    portal::Portal,
    programmes::Programme,
    readings::{Band, Kind, Module, Part, Reading, Severity, Unreviewed, Within, actions},
    types::{Cursor, Timestamp},
    web::{
        Choice, Frame, Link, PageResult, Pager,
        frame::{day, exact},
        lists::ListAddress,
        page,
    },
};

const PAGE: usize = 50;
/// How many entries a chart takes in; what is older is left to a shorter time.
const MOST: usize = 20_000;
const DAY: i64 = 86_400_000;

/// The times that one can choose from: key, words, days.
const RANGES: [(&str, &str, Option<i64>); 5] = [
    ("7d", "7 days", Some(7)),
    ("30d", "30 days", Some(30)),
    ("90d", "90 days", Some(90)),
    ("1y", "A year", Some(365)),
    ("all", "All", None),
];

/// A module to go to, with what waits for review of it.
struct ModuleLink {
    link: Link,
    flags: Unreviewed,
}

/// A threshold in words.
struct Threshold {
    part: &'static str,
    severity: &'static str,
    word: &'static str,
    text: String,
}

/// What the chart view shows.
struct Drawing {
    wide: String,
    narrow: String,
    thinned: bool,
    over: Option<String>,
}

#[derive(Template)]
#[template(path = "patients/module.html")]
struct ModulePage {
    frame: Frame,
    rail: Rail,
    label: &'static str,
    key: &'static str,
    words: bool,
    modules: Vec<ModuleLink>,
    ranges: Vec<Link>,
    views: Vec<Link>,
    others: Vec<Choice>,
    range: String,
    since: String,
    until: String,
    table: bool,
    summary: Option<String>,
    capped: bool,
    drawing: Option<Drawing>,
    lines: Vec<Line>,
    pager: Pager,
    thresholds: Vec<Threshold>,
    samples: bool,
    followed: bool,
    latest: Option<(String, String)>,
    over_table: Option<Link>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    range: String,
    since: String,
    until: String,
    with: String,
    view: String,
    from: String,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    SignedIn(caller): SignedIn,
    Path((scope, patient, module)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
    jar: CookieJar,
) -> PageResult {
    let module = Module::find(&module).ok_or(Error::NotFound)?;
    let to = (rail::Page::Dashboard, "readings");
    let (jar, mut opened) = rail::open(&portal, &caller, (&scope, &patient), to, jar).await?;
    opened.frame.title = format!("{} – Readings", opened.patient.number);
    let programme = opened.programme.clone();
    let eyes = Eyes::of(&portal, caller.actor()?.account, opened.place.time_zone()).await?;
    let view = fill(&portal, opened, module, &programme, eyes, &asked).await?;
    Ok((jar, page(&view)?).into_response())
}

/// The address of the same module with these parameters.
fn address(rail: &Rail, module: &Module, asked: &Asked) -> ListAddress {
    ListAddress::new(format!("{}/readings/{}", rail.address, module.key))
        .with("range", &asked.range)
        .with("since", &asked.since)
        .with("until", &asked.until)
        .with("with", &asked.with)
        .with("view", &asked.view)
}

async fn fill(
    portal: &Portal,
    opened: Opened,
    module: &'static Module,
    programme: &Programme,
    mut eyes: Eyes,
    asked: &Asked,
) -> Result<ModulePage> {
    let db = portal.db.reader();
    let (range, within) = within(asked, &eyes);
    let words = module.kind == Kind::Text;
    let table = words || asked.view == "table";
    let address = address(&opened.rail, module, asked);
    let over = programme.follows(&asked.with).map(|followed| followed.module);
    let over = over.filter(|other| *other != module && other.kind != Kind::Text && !words);
    let newest = actions::newest_of_each(db, &opened.one, &[module], 1).await?.remove(module.key).unwrap_or_default();
    let (readings, capped) = match words {
        true => (Vec::new(), false),
        false => actions::readings_between(db, &opened.one, module, within, MOST).await?,
    };
    let shown = Shown::new(module, &eyes.units);
    let summary = summary(&readings, shown, &eyes.zone);
    let mut drawing = None;
    let (mut lines, mut pager) = (Vec::new(), Pager::default());
    if table {
        let from = Cursor::decode(&asked.from);
        let found = actions::page_of_readings(db, &opened.one, module, within, from.as_ref(), PAGE).await?;
        eyes.learn_names(portal, &found.rows).await?;
        lines = found.rows.iter().map(|reading| eyes.line(reading)).collect();
        pager = address.pager(&found);
    } else if let (Some(summary), false) = (&summary, readings.is_empty()) {
        let other = match over {
            Some(other) => Some((other, actions::readings_between(db, &opened.one, other, within, MOST).await?.0)),
            None => None,
        };
        drawing = Some(draw(&readings, other, programme.bands_of(module), (module, &eyes), within, summary)?);
    }
    let waiting = actions::unreviewed_by_module(db, &opened.one).await?;
    let latest = newest.first().filter(|_| readings.is_empty() && lines.is_empty());
    let shown = Shown::new(module, &eyes.units);
    let followed = programme.follows(module.key);
    Ok(ModulePage {
        label: module.label,
        key: module.key,
        words,
        modules: modules(programme, module, &waiting, &opened.rail),
        ranges: RANGES
            .iter()
            .map(|(key, label, _)| {
                address.with("since", "").with("until", "").link(*label, "range", key, *key == range)
            })
            .collect(),
        views: vec![address.link("Chart view", "view", "", !table), address.link("Table view", "view", "table", table)],
        others: others(programme, module, over),
        since: asked.since.clone(),
        until: asked.until.clone(),
        table,
        summary,
        capped,
        drawing,
        lines,
        pager,
        thresholds: followed.map(|followed| thresholds(&followed.bands, shown)).unwrap_or_default(),
        samples: followed.is_some_and(|followed| followed.samples && !followed.bands.is_empty()),
        followed: followed.is_some(),
        latest: latest.map(|reading| {
            let all = ListAddress::new(format!("{}/readings/{}", opened.rail.address, module.key)).with("range", "all");
            (day(reading.at, &eyes.zone), all.url())
        }),
        over_table: over.filter(|_| table).map(|other| {
            let url = self::address(&opened.rail, other, asked).with("with", module.key).url();
            Link::new(format!("Table of {}", other.label), url, false)
        }),
        range,
        frame: opened.frame,
        rail: opened.rail,
    })
}

/// The time that is asked for: its key, and from when until when. A day that nobody can read is as if it had not been given.
fn within(asked: &Asked, eyes: &Eyes) -> (String, Within) {
    let midnight = |text: &str, after: i64| {
        let date: jiff::civil::Date = text.trim().parse().ok()?;
        let date = date.checked_add(jiff::Span::new().days(after)).ok()?;
        let at = date.to_zoned_datetime(eyes.zone.clone()).ok()?;
        Some(Timestamp(at.timestamp().as_millisecond()))
    };
    let own = Within { since: midnight(&asked.since, 0), until: midnight(&asked.until, 1) };
    if asked.range == "own" || (asked.range.is_empty() && (own.since.is_some() || own.until.is_some())) {
        return ("own".to_owned(), own);
    }
    let known = RANGES.iter().find(|(key, ..)| *key == asked.range).copied();
    let (key, _, days) = known.unwrap_or(("30d", "", Some(30)));
    let since = days.map(|days| Timestamp(eyes.now.0 - days * DAY));
    (key.to_owned(), Within { since, until: None })
}

fn modules(
    programme: &Programme,
    current: &'static Module,
    waiting: &[(&'static Module, Unreviewed)],
    rail: &Rail,
) -> Vec<ModuleLink> {
    let followed = programme.modules.iter().map(|followed| followed.module);
    let mut all: Vec<&'static Module> = followed.collect();
    if !all.contains(&current) {
        all.push(current);
    }
    let link = |module: &'static Module| ModuleLink {
        link: Link::new(module.label, format!("{}/readings/{}", rail.address, module.key), module == current),
        flags: waiting.iter().find(|(of, _)| *of == module).map(|(_, flags)| *flags).unwrap_or_default(),
    };
    all.into_iter().map(link).collect()
}

/// What can be laid over the chart.
fn others(programme: &Programme, module: &'static Module, over: Option<&'static Module>) -> Vec<Choice> {
    let fit = |other: &&'static Module| *other != module && other.kind != Kind::Text;
    let choice = |other: &'static Module| Choice {
        value: other.key.to_owned(),
        label: other.label.to_owned(),
        selected: Some(other) == over,
    };
    programme.modules.iter().map(|followed| followed.module).filter(fit).map(choice).collect()
}

fn thresholds(bands: &[Band], shown: Shown<'_>) -> Vec<Threshold> {
    let one = |band: &Band| Threshold {
        part: shown.part(band.part),
        severity: band.severity.key(),
        word: band.severity.label(),
        text: shown.band(band),
    };
    bands.iter().map(one).collect()
}

/// The sentence that says what the chart shows: for whoever cannot see it, and for whoever has no time.
fn summary(readings: &[Reading], shown: Shown<'_>, zone: &TimeZone) -> Option<String> {
    let (first, last) = (readings.first()?, readings.last()?);
    let by = |reading: &&Reading| reading.measured.value.unwrap_or_default();
    let least = readings.iter().min_by(|one, other| by(one).total_cmp(&by(other)))?;
    let most = readings.iter().max_by(|one, other| by(one).total_cmp(&by(other)))?;
    let mut flags = Unreviewed::default();
    readings.iter().for_each(|reading| flags.add(reading.severity, 1));
    let count = if readings.len() == 1 { "1 reading".to_owned() } else { format!("{} readings", readings.len()) };
    let (from, to) = (day(first.at, zone), day(last.at, zone));
    let when = if from == to { format!("on {to}") } else { format!("from {from} to {to}") };
    Some(format!(
        "{count} {when}. Latest {}, {}, on {}. Lowest {}, highest {}. {} red, {} amber.",
        shown.text(&last.measured),
        spoken(last.severity),
        exact(last.at, zone),
        shown.text(&least.measured),
        shown.text(&most.measured),
        flags.red,
        flags.amber,
    ))
}

fn points(readings: &[Reading], shown: Shown<'_>, name: Option<&str>, zone: &TimeZone) -> Vec<Point> {
    let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
    let point = |reading: &Reading| {
        let severity = match reading.severity {
            Severity::None => String::new(),
            known => format!(", {}", spoken(known)),
        };
        Some(Point {
            at: reading.at.0,
            first: shown.number(reading.measured.value?),
            second: reading.measured.second.map(|second| shown.number(second)),
            severity: reading.severity,
            says: format!("{name}{}{severity}, {}", shown.text(&reading.measured), exact(reading.at, zone)),
        })
    };
    readings.iter().filter_map(point).collect()
}

fn draw(
    readings: &[Reading],
    over: Option<(&'static Module, Vec<Reading>)>,
    bands: &[Band],
    (module, eyes): (&'static Module, &Eyes),
    within: Within,
    summary: &str,
) -> Result<Drawing> {
    let shown = Shown::new(module, &eyes.units);
    let stripes = |part: Part| -> Vec<Stripe> {
        let of_part = bands.iter().filter(|band| band.part == part);
        // A whole number ends where the next begins: between 164 and 165 there is no white line.
        let half = 0.5 / 10_f64.powi(module.decimals);
        let stripe = |band: &Band| Stripe {
            severity: band.severity,
            least: band.least.map(|least| shown.number(least - half)),
            most: band.most.map(|most| shown.number(most + half)),
        };
        of_part.map(stripe).collect()
    };
    let titled = |module: &'static Module, part: Part| {
        let shown = Shown::new(module, &eyes.units);
        let what = shown.part(part);
        let what = if what.is_empty() { module.label } else { what };
        format!("{what}, {}", shown.unit())
    };
    let mine = points(readings, shown, over.is_some().then_some(module.label), &eyes.zone);
    let others = over
        .as_ref()
        .map(|(other, readings)| points(readings, Shown::new(other, &eyes.units), Some(other.label), &eyes.zone));
    let ends = mine.iter().chain(others.iter().flatten()).map(|point| point.at);
    let (oldest, newest) = ends.fold((i64::MAX, i64::MIN), |(oldest, newest), at| (oldest.min(at), newest.max(at)));
    // A moment of room, so that the last mark is not cut off.
    let room = ((newest - oldest) / 50).max(30 * 60_000);
    let other_axis = over.as_ref().map(|(other, _)| Shown::new(other, &eyes.units));
    let axis = |value: f64| shown.axis(value);
    let over_axis = |value: f64| other_axis.map_or_else(String::new, |shown| shown.axis(value));
    let chart = Chart {
        from: within.since.map_or(oldest - room, |since| since.0),
        to: within
            .until
            .map_or_else(|| (newest + room).max(if within.since.is_some() { eyes.now.0 } else { 0 }), |at| at.0),
        zone: &eyes.zone,
        first: Curve { label: titled(module, Part::First), points: &mine, axis: &axis },
        stripes: stripes(Part::First),
        second: (module.kind == Kind::Two).then(|| (titled(module, Part::Second), stripes(Part::Second))),
        over: others.as_ref().zip(over.as_ref()).map(|(points, (other, _))| Curve {
            label: titled(other, Part::First),
            points,
            axis: &over_axis,
        }),
        alternative: summary,
    };
    let (wide, thinned) = chart.draw(Size::Wide)?;
    let (narrow, _) = chart.draw(Size::Narrow)?;
    Ok(Drawing { wide, narrow, thinned, over: over.map(|(other, _)| other.label.to_owned()) })
}
