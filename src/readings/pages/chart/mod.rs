//! Charts, drawn on the server as SVG: plotters lays out scales, axes and lines, and [`svg`] writes what it draws with classes instead
//! of colours, so that the style sheet themes it. The marks of the entries are written here, each with its text.

mod svg;
mod thin;
mod time_axis;

use jiff::tz::TimeZone;
use plotters::{
    coord::{Shift, types::RangedCoordf64},
    prelude::{Cartesian2d, ChartBuilder, ChartContext, DrawingArea, IntoDrawingArea, LineSeries, Rectangle, Text},
    style::{Color, TRANSPARENT},
};

use self::{
    svg::{Ink, Svg, escape},
    time_axis::TimeAxis,
};
use crate::{
    error::{Error, Result},
    readings::Severity,
};

/// An entry on the chart, in the person's units.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// The value.
    pub first: f64,
    /// The second value of modules that have two.
    pub second: Option<f64>,
    /// Its severity.
    pub severity: Severity,
    /// What is read of it: value, severity, moment.
    pub says: String,
}

/// A threshold, in the person's units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stripe {
    pub severity: Severity,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

/// One curve with its own axis.
pub(super) struct Curve<'a> {
    /// What it is, with the unit.
    pub label: String,
    pub points: &'a [Point],
    /// How the axis writes a number.
    pub axis: &'a dyn Fn(f64) -> String,
}

/// A chart: one curve, or two of one module in a panel each; and another module laid over it.
pub(super) struct Chart<'a> {
    pub from: i64,
    pub to: i64,
    pub zone: &'a TimeZone,
    pub first: Curve<'a>,
    pub stripes: Vec<Stripe>,
    /// The label and the thresholds of the second value, where the module has two.
    pub second: Option<(String, Vec<Stripe>)>,
    pub over: Option<Curve<'a>>,
    /// What is read instead of the chart.
    pub alternative: &'a str,
}

/// For which width a chart is drawn: text keeps its size, so a phone gets a drawing of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Wide,
    Narrow,
}

impl Size {
    const fn width(self) -> u32 {
        match self {
            Self::Wide => 880,
            Self::Narrow => 360,
        }
    }
    const fn high(self, panels: u32) -> u32 {
        let (one, more) = match self {
            Self::Wide => (300, 190),
            Self::Narrow => (240, 170),
        };
        one + more * (panels - 1)
    }
    const fn ticks(self) -> usize {
        match self {
            Self::Wide => 9,
            Self::Narrow => 4,
        }
    }
    /// With more marks than this they are drawn small.
    const fn many(self) -> usize {
        match self {
            Self::Wide => 90,
            Self::Narrow => 45,
        }
    }
}

/// Pixels of one stretch of time, of which the highest and the lowest entry are drawn.
const STRETCH: u32 = 5;

type Drawn<'a> = ChartContext<'a, Svg<'a>, Cartesian2d<TimeAxis, RangedCoordf64>>;
type Area<'a> = DrawingArea<Svg<'a>, Shift>;

/// A mark on its way: where, of which entry, and how it looks.
struct Mark {
    x: i32,
    y: i32,
    n: usize,
    kind: &'static str,
    says: Option<String>,
}

impl Chart<'_> {
    /// The SVG, and of how many entries it shows the extremes only; none when all are drawn.
    pub(super) fn draw(&self, size: Size) -> Result<(String, bool)> {
        let columns = (size.width() / STRETCH) as usize;
        let drawn = thin::thin(self.first.points, self.from, self.to, columns);
        let over = self.over.as_ref().map(|curve| thin::thin(curve.points, self.from, self.to, columns));
        let all_over = self.over.as_ref().map_or(0, |curve| curve.points.len());
        let thinned = drawn.len() < self.first.points.len() || over.as_ref().map_or(0, Vec::len) < all_over;
        let panels = if self.second.is_some() { 2 } else { 1 };
        let (width, high) = (size.width(), size.high(panels));
        let mut out = String::new();
        let mut marks = Vec::new();
        self.lay_out(&mut out, (width, high), size, (&drawn, over.as_deref()), &mut marks)
            .map_err(|_| Error::internal("a chart could not be laid out"))?;
        let most = drawn.len().max(over.as_ref().map_or(0, Vec::len));
        let many = if most > size.many() { " many" } else { "" };
        let mut svg = format!(
            "<svg class=\"plot{many}\" viewBox=\"0 0 {width} {high}\" role=\"img\" aria-label=\"{}\">{out}",
            escape(self.alternative)
        );
        marks.iter().for_each(|mark| mark.write(&mut svg, many.is_empty()));
        svg.push_str("</svg>");
        Ok((svg, thinned))
    }

    fn lay_out(
        &self,
        out: &mut String,
        (width, high): (u32, u32),
        size: Size,
        (drawn, over): (&[Point], Option<&[Point]>),
        marks: &mut Vec<Mark>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let root = Svg::new(out, (width, high)).into_drawing_area();
        let time = TimeAxis::new(self.from, self.to, self.zone, size.ticks());
        let panels = match &self.second {
            Some(_) => {
                let (upper, lower) = root.split_vertically(size.high(1) - 24);
                vec![upper, lower]
            }
            None => vec![root],
        };
        let last = panels.len() - 1;
        for (n, area) in panels.iter().enumerate() {
            let value = |point: &Point| if n == 0 { Some(point.first) } else { point.second };
            let (label, stripes) = match (&self.second, n) {
                (Some((label, stripes)), 1) => (label.as_str(), stripes),
                _ => (self.first.label.as_str(), &self.stripes),
            };
            let line: Vec<(i64, f64)> = drawn.iter().filter_map(|point| Some((point.at, value(point)?))).collect();
            let range = range(line.iter().map(|(_, value)| *value), stripes);
            let mut builder = ChartBuilder::on(area);
            builder.margin_top(22).margin_left(4).margin_right(12).y_label_area_size(52);
            builder.x_label_area_size(if n == last { 26 } else { 0 });
            match (&self.over, n) {
                (None, _) => &mut builder,
                (Some(_), 0) => builder.right_y_label_area_size(52),
                // As wide as the panel above, which has an axis there.
                (Some(_), _) => builder.margin_right(12 + 52),
            };
            let chart = builder.build_cartesian_2d(time.clone(), range.0..range.1)?;
            match (&self.over, over, n) {
                (Some(curve), Some(points), 0) => {
                    let other = self::range(points.iter().map(|point| point.first), &[]);
                    let mut dual = chart.set_secondary_coord(time.clone(), other.0..other.1);
                    self.furnish(&mut dual, area, label, (&line, stripes, range))?;
                    dual.configure_secondary_axes()
                        .axis_style(Ink::Axis.colour())
                        .label_style(Ink::OverLabel.text(12))
                        .y_label_formatter(&|value| (curve.axis)(*value))
                        .draw()?;
                    dual.draw_secondary_series(LineSeries::new(
                        points.iter().map(|point| (point.at, point.first)),
                        Ink::Over.colour(),
                    ))?;
                    let to = i32::try_from(width).unwrap_or(0) - 6;
                    area.draw(&Text::new(curve.label.clone(), (to, 4), Ink::OverTitle.text(12)))?;
                    for (i, point) in points.iter().enumerate() {
                        let (x, y) = dual.secondary_plotting_area().map_coordinate(&(point.at, point.first));
                        marks.push(Mark { x, y, n: drawn.len() + i, kind: "over", says: Some(point.says.clone()) });
                    }
                    self.mark(&dual, n, drawn, value, marks);
                }
                _ => {
                    let mut chart = chart;
                    self.furnish(&mut chart, area, label, (&line, stripes, range))?;
                    self.mark(&chart, n, drawn, value, marks);
                }
            }
        }
        Ok(())
    }

    /// Thresholds, axes and the line of one panel.
    #[expect(clippy::type_complexity, reason = "what belongs to one line comes together")]
    fn furnish(
        &self,
        chart: &mut Drawn<'_>,
        area: &Area<'_>,
        label: &str,
        (line, stripes, range): (&[(i64, f64)], &[Stripe], (f64, f64)),
    ) -> Result<(), Box<dyn std::error::Error>> {
        for stripe in stripes {
            let least = stripe.least.unwrap_or(range.0).max(range.0);
            let most = stripe.most.unwrap_or(range.1).min(range.1);
            if let (true, Some(ink)) = (least < most, Ink::of_stripe(stripe.severity)) {
                let corners = [(self.from, most), (self.to, least)];
                chart.plotting_area().draw(&Rectangle::new(corners, ink.colour().filled()))?;
            }
        }
        chart
            .configure_mesh()
            .bold_line_style(Ink::Grid.colour())
            .light_line_style(TRANSPARENT)
            .max_light_lines(1)
            .axis_style(Ink::Axis.colour())
            .label_style(Ink::Label.text(12))
            .y_labels(6)
            .y_label_formatter(&|value| (self.first.axis)(*value))
            .draw()?;
        chart.draw_series(LineSeries::new(line.iter().copied(), Ink::Line.colour()))?;
        area.draw(&Text::new(label.to_owned(), (6, 4), Ink::Title.text(12)))?;
        Ok(())
    }

    fn mark(
        &self,
        chart: &Drawn<'_>,
        panel: usize,
        drawn: &[Point],
        value: impl Fn(&Point) -> Option<f64>,
        marks: &mut Vec<Mark>,
    ) {
        for (n, point) in drawn.iter().enumerate() {
            let Some(value) = value(point) else { continue };
            let (x, y) = chart.plotting_area().map_coordinate(&(point.at, value));
            // The severity is the entry's, so it is shown once.
            let kind = if panel == 0 { point.severity.key() } else { "second" };
            let says = Some(point.says.clone());
            marks.push(Mark { x, y, n, kind, says });
        }
    }
}

impl Mark {
    /// Told apart by shape first: as the icons of flags.
    fn write(&self, svg: &mut String, large: bool) {
        // What is red or amber stands out of many.
        let (x, y, r) = match (self.x, self.y, self.kind, large) {
            (x, y, "red" | "amber", true) => (x, y, 6),
            (x, y, "red" | "amber", false) | (x, y, _, true) => (x, y, 5),
            (x, y, _, false) => (x, y, 3),
        };
        let path = match self.kind {
            "red" => format!("M{x} {}l{} {}h-{}z", y - r - 1, r + 1, 2 * r, 2 * (r + 1)),
            "amber" => format!("M{x} {}l{s} {s}l-{s} {s}l-{s} -{s}z", y - r - 1, s = r + 1),
            "over" => format!("M{} {}h{s}v{s}h-{s}z", x - r + 1, y - r + 1, s = 2 * (r - 1)),
            _ => format!("M{} {y}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0z", x - r, r = r - 1, d = 2 * (r - 1)),
        };
        let says = self.says.as_deref().map(escape).unwrap_or_default();
        svg.push_str(&format!(
            "<path class=\"dot {}\" data-n=\"{}\" d=\"{path}\"><title>{says}</title></path>",
            self.kind, self.n
        ));
    }
}

/// From below the least to above the greatest value, so that what is in range can be seen whole.
fn range(values: impl Iterator<Item = f64>, stripes: &[Stripe]) -> (f64, f64) {
    let green = stripes.iter().filter(|stripe| stripe.severity == Severity::Green);
    let edges = green.flat_map(|stripe| [stripe.least, stripe.most]).flatten();
    let (least, most) = values
        .chain(edges)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    if !least.is_finite() || !most.is_finite() {
        return (0.0, 1.0);
    }
    let room = ((most - least) * 0.08).max(most.abs() * 0.02).max(0.5);
    (least - room, most + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(count: i64) -> Vec<Point> {
        let severity = |n: i64| if n % 97 == 0 { Severity::Red } else { Severity::Green };
        let one = |n: i64| Point {
            at: n * 60_000,
            first: 100.0 + f64::from(i32::try_from(n % 37).unwrap()),
            second: Some(70.0),
            severity: severity(n),
            says: format!("<{n}> & \"so\""),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_chart_is_text_and_classes_and_stays_small() {
        let (few, many) = (points(20), points(40_000));
        for (points, second, thinned) in [(&few, false, false), (&many, true, true)] {
            let axis = |value: f64| format!("{value:.0}");
            let stripe = Stripe { severity: Severity::Red, least: Some(115.0), most: None };
            let chart = Chart {
                from: 0,
                to: points.last().unwrap().at,
                zone: &TimeZone::UTC,
                first: Curve { label: "Systolic <mmHg>".to_owned(), points, axis: &axis },
                stripes: vec![stripe],
                second: second.then(|| ("Diastolic".to_owned(), Vec::new())),
                over: Some(Curve { label: "Heart rate".to_owned(), points, axis: &axis }),
                alternative: "40 readings & more",
            };
            for size in [Size::Wide, Size::Narrow] {
                let (svg, less) = chart.draw(size).unwrap();
                assert_eq!(less, thinned);
                assert!(svg.len() < 250_000, "{} bytes", svg.len());
                assert!(!svg.contains("style=") && !svg.contains("<script") && !svg.contains("rgb("), "{svg:.400}");
                assert!(svg.contains("Systolic &lt;mmHg&gt;") && svg.contains("class=\"stripe-red\""), "{svg:.2000}");
                assert!(svg.contains("<title>&lt;0&gt; &amp; &quot;so&quot;</title>"));
                assert!(svg.contains("class=\"dot red\"") && svg.contains("class=\"dot over\""));
            }
        }
    }
}
