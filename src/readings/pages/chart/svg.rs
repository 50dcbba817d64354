//! What plotters draws, written as SVG that a style sheet can theme: a colour is no colour here but the number of a class, text stays
//! text, and nothing carries a style of its own, which the content security policy would refuse.

use std::convert::Infallible;

use plotters::style::{FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, text_anchor,
};

use crate::readings::Severity;

/// What something is drawn with: a class of the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Grid = 1,
    Axis,
    Label,
    Title,
    Line,
    Over,
    OverLabel,
    OverTitle,
    StripeRed,
    StripeAmber,
    StripeGreen,
}

/// The classes in the order of [`Ink`].
const CLASSES: [&str; 12] = [
    "",
    "grid",
    "axis",
    "tick",
    "plot-title",
    "line",
    "line-over",
    "tick-over",
    "plot-title over",
    "stripe-red",
    "stripe-amber",
    "stripe-green",
];

impl Ink {
    /// The number, as the colour that plotters carries along.
    pub(super) const fn colour(self) -> RGBColor {
        RGBColor(self as u8, 0, 0)
    }

    /// Text of this class.
    pub(super) fn text(self, size: u32) -> TextStyle<'static> {
        let text = FontDesc::new(FontFamily::SansSerif, f64::from(size), FontStyle::Normal).color(&self.colour());
        match self {
            Self::OverTitle => text.pos(text_anchor::Pos::new(text_anchor::HPos::Right, text_anchor::VPos::Top)),
            _ => text,
        }
    }

    pub(super) const fn of_stripe(severity: Severity) -> Option<Self> {
        match severity {
            Severity::Red => Some(Self::StripeRed),
            Severity::Amber => Some(Self::StripeAmber),
            Severity::Green => Some(Self::StripeGreen),
            Severity::None => None,
        }
    }
}

fn class(colour: BackendColor) -> &'static str {
    CLASSES.get(usize::from(colour.rgb.0)).copied().unwrap_or_default()
}

/// Text as it may stand in an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The inside of an SVG element.
pub(super) struct Svg<'a> {
    out: &'a mut String,
    size: (u32, u32),
}

impl<'a> Svg<'a> {
    pub(super) const fn new(out: &'a mut String, size: (u32, u32)) -> Self {
        Self { out, size }
    }

    fn write(&mut self, colour: BackendColor, element: impl FnOnce(&str) -> String) -> Drawn {
        if colour.alpha > 0.0 {
            self.out.push_str(&element(class(colour)));
        }
        Ok(())
    }
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

fn list(points: impl IntoIterator<Item = BackendCoord>) -> String {
    points.into_iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

impl DrawingBackend for Svg<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.write(colour, |class| format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"1\" height=\"1\"/>"))
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.write(style.color(), |class| {
            format!("<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>", from.0, from.1, to.0, to.1)
        })
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, _fill: bool) -> Drawn {
        let (x, y) = (from.0.min(to.0), from.1.min(to.1));
        let (width, height) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
        self.write(style.color(), |class| {
            format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>")
        })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.write(style.color(), |class| format!("<polyline class=\"{class}\" points=\"{}\"/>", list(path)))
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, _fill: bool) -> Drawn {
        self.write(style.color(), |class| format!("<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        self.write(style.color(), |class| format!("<polygon class=\"{class}\" points=\"{}\"/>", list(path)))
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            text_anchor::HPos::Left => "start",
            text_anchor::HPos::Right => "end",
            text_anchor::HPos::Center => "middle",
        };
        // Tenths of the letters' height from where plotters means to the line on which they stand.
        let down = match style.anchor().v_pos {
            text_anchor::VPos::Top => 8,
            text_anchor::VPos::Center => 3,
            text_anchor::VPos::Bottom => -2,
        };
        let size = style.size();
        self.write(style.color(), |class| {
            format!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{:.0}\" text-anchor=\"{anchor}\" font-size=\"{size:.0}\">{}</text>",
                f64::from(y) + f64::from(down) / 10.0 * size,
                escape(text)
            )
        })
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        // Nobody knows the reader's font; a letter of a sans serif one is about half as wide as it is high.
        let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let size = if style.size() > 12.0 { 14 } else { 12 };
        Ok((letters.saturating_mul(size) * 6 / 10, size * 12 / 10))
    }
}
