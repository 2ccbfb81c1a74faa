//! A chart as SVG. Its colours are the page's, so that it is readable on light and dark.

use std::fmt::Write as _;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 240.0;
/// The plot's edges inside of that.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 38.0;

/// Curves or columns over one axis.
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// What the horizontal axis counts.
    pub(super) x: &'static str,
    /// What the vertical axis counts; may be empty.
    pub(super) y: &'static str,
    /// Where the horizontal axis ends.
    pub(super) x_end: f64,
    pub(super) series: Vec<Series>,
    pub(super) marks: Vec<Mark>,
}

/// One curve.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) points: Vec<(f64, f64)>,
}

/// How a series is drawn.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// From point to point.
    Line,
    /// A value lasts until the next point.
    Steps,
    /// Columns of that width, each to the right of its point.
    Bars(f64),
}

/// A line across the plot.
#[derive(Clone)]
pub(super) struct Mark {
    pub(super) at: f64,
    /// Written at its top; may be empty.
    pub(super) label: &'static str,
    /// Shown under the pointer.
    pub(super) words: String,
}

impl Chart {
    /// The chart, for a page.
    pub(super) fn svg(&self) -> String {
        let mut svg = format!(
            "<figure>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"18\">{title} \
             <tspan class=\"unit\">{y}</tspan></text>\n",
            title = escape(self.title),
            y = self.y,
        );
        self.legend(&mut svg);
        self.grid(&mut svg);
        for mark in &self.marks {
            let x = self.place_x(mark.at);
            let words = escape(&mark.words);
            let at = (mark.at * 10.0).round() / 10.0;
            let _ = writeln!(
                svg,
                "<path class=\"mark\" d=\"M{x:.1} {TOP}V{bottom}\"><title>{words} ({at} {unit})</title></path>\
                 <text class=\"label\" x=\"{x:.1}\" y=\"{above}\">{label}</text>",
                bottom = HEIGHT - BOTTOM,
                above = TOP - 3.0,
                unit = self.x,
                label = mark.label,
            );
        }
        for (number, series) in self.series.iter().enumerate() {
            self.draw(&mut svg, number, series);
        }
        svg.push_str("</svg>\n</figure>\n");
        svg
    }

    fn legend(&self, svg: &mut String) {
        let named = self.series.iter().filter(|series| !series.name.is_empty());
        let mut x = WIDTH - RIGHT;
        let all: Vec<_> = named.enumerate().collect();
        if all.len() < 2 {
            return;
        }
        for (number, series) in all.into_iter().rev() {
            let _ = writeln!(
                svg,
                "<text class=\"legend s{number}\" x=\"{x}\" y=\"18\">{}</text>",
                series.name
            );
            x -= 14.0 + 7.5 * series.name.len() as f64;
        }
    }

    fn grid(&self, svg: &mut String) {
        let (top, step) = (self.y_end(), self.y_end() / 4.0);
        for line in 0..=4 {
            let value = step * f64::from(line);
            let y = self.place_y(value);
            let _ = writeln!(
                svg,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
                 <text class=\"y\" x=\"{x}\" y=\"{below:.1}\">{label}</text>",
                right = WIDTH - RIGHT,
                x = LEFT - 8.0,
                below = y + 4.0,
                label = number(value, top),
            );
        }
        let step = round_up(self.x_end / 8.0);
        let count = (self.x_end / step) as u32;
        for tick in 0..=count {
            let value = step * f64::from(tick);
            let _ = writeln!(
                svg,
                "<text class=\"x\" x=\"{x:.1}\" y=\"{y}\">{label}</text>",
                x = self.place_x(value),
                y = HEIGHT - BOTTOM + 16.0,
                label = number(value, self.x_end),
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"y\" x=\"{right}\" y=\"{below}\">{x}</text>",
            right = WIDTH - RIGHT,
            below = HEIGHT - 6.0,
            x = self.x,
        );
    }

    fn draw(&self, svg: &mut String, number: usize, series: &Series) {
        let mut path = String::new();
        match series.shape {
            Shape::Line | Shape::Steps => {
                let mut last_y = None;
                let inside = |point: &&(f64, f64)| point.0 <= self.x_end;
                for (x, y) in series.points.iter().filter(inside) {
                    let (x, y) = (self.place_x(*x), self.place_y(*y));
                    let _ = match (last_y, series.shape) {
                        (None, _) => write!(path, "M{x:.1} {y:.1}"),
                        (Some(_), Shape::Steps) => write!(path, "H{x:.1}V{y:.1}"),
                        _ => write!(path, "L{x:.1} {y:.1}"),
                    };
                    last_y = Some(y);
                }
                if matches!(series.shape, Shape::Steps) {
                    let _ = write!(path, "H{:.1}", self.place_x(self.x_end));
                }
                let _ = writeln!(svg, "<path class=\"line s{number}\" d=\"{path}\"/>");
            }
            Shape::Bars(width) => {
                let (zero, gap) = (self.place_y(0.0), 1.0);
                for (x, y) in series.points.iter().filter(|(_, y)| *y > 0.0) {
                    let (left, top) = (self.place_x(*x), self.place_y(*y));
                    let wide = self.place_x(x + width) - left - gap;
                    let (wide, tall) = (wide.max(1.0), zero - top);
                    let _ = writeln!(
                        svg,
                        "<rect class=\"s{number}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" \
                         height=\"{tall:.1}\"><title>{y} from {from:.1} to {to:.1} {unit}</title></rect>",
                        from = x,
                        to = x + width,
                        unit = self.x,
                    );
                }
            }
        }
    }

    fn y_end(&self) -> f64 {
        let points = self.series.iter().flat_map(|series| &series.points);
        let most = points.map(|(_, y)| *y).fold(0.0, f64::max);
        4.0 * round_up(most / 4.0)
    }

    fn place_x(&self, x: f64) -> f64 {
        let share = (x / self.x_end).clamp(0.0, 1.0);
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn place_y(&self, y: f64) -> f64 {
        let share = (y / self.y_end()).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }
}

/// The next larger number of one digit and zeros, of a step that is easy to read; 1 for nothing.
pub(super) fn round_up(number: f64) -> f64 {
    if !number.is_finite() || number <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(number.log10().floor());
    let steps = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let fits = steps.into_iter().map(|step| step * power);
    fits.into_iter()
        .find(|step| *step >= number * (1.0 - 1e-9))
        .unwrap_or(number)
}

/// As many digits as an axis that ends there needs.
fn number(value: f64, end: f64) -> String {
    match end {
        end if end >= 8.0 => format!("{value:.0}"),
        end if end >= 0.8 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Text for HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let ends = [0.0, 0.011, 0.9, 1.0, 1.1, 3.0, 7.0, 10.0, 42.0].map(round_up);
        assert_eq!(ends, [1.0, 0.02, 1.0, 1.0, 2.0, 3.0, 8.0, 10.0, 50.0]);
    }

    #[test]
    fn nothing_is_drawn_outside_the_plot_and_text_is_escaped() {
        let chart = Chart {
            title: "<a & b>",
            x: "s",
            y: "",
            x_end: 10.0,
            series: vec![Series {
                name: "",
                shape: Shape::Line,
                points: vec![(-5.0, 1.0), (10.0, 3.0), (50.0, 3.0)],
            }],
            marks: Vec::new(),
        };
        let svg = chart.svg();
        assert!(svg.contains("&lt;a &amp; b&gt;"));
        assert!(svg.contains(&format!("d=\"M{LEFT:.1} ")), "{svg}");
        assert!(svg.contains(&format!("L{:.1} ", WIDTH - RIGHT)), "{svg}");
        assert_eq!(svg.matches('L').count(), 1, "{svg}");
    }
}
