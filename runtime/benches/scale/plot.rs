//! Lines as SVG: panels side by side, with axes from the data.

use std::fmt::Write as _;

/// Some points, joined.
pub struct Line {
    /// What they are.
    pub name: String,
    /// Across and up.
    pub points: Vec<(f64, f64)>,
}

/// A pair of axes with lines.
pub struct Panel {
    /// What is over what.
    pub title: String,
    /// Whether both axes count in powers of ten; otherwise both begin at zero.
    pub logarithmic: bool,
    /// The lines.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const PLOT: (f64, f64) = (370.0, 220.0);
const COLOURS: [&str; 6] = ["#1b6ca8", "#c8553d", "#3c8d5a", "#8a5a9e", "#b58900", "#555555"];

/// An axis: its ends, and where it has marks.
struct Axis {
    from: f64,
    to: f64,
    logarithmic: bool,
    marks: Vec<f64>,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>, logarithmic: bool) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (least, most) = (least.min(value), most.max(value));
        }
        if logarithmic {
            let (from, to) =
                (least.log10().floor() as i32, (most.log10().ceil() as i32).max(least.log10().floor() as i32 + 1));
            let marks = (from..=to).map(|power| 10_f64.powi(power)).collect();
            return Self { from: 10_f64.powi(from), to: 10_f64.powi(to), logarithmic, marks };
        }
        let step = 10_f64.powf((most / 4.0).log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|times| times * step).into_iter().find(|step| most / step <= 5.0).unwrap_or(step);
        let count = (most / step).ceil() as u32;
        let marks = (0..=count).map(|mark| f64::from(mark) * step).collect();
        Self { from: 0.0, to: f64::from(count) * step, logarithmic, marks }
    }

    /// A value's place between 0 and 1.
    fn place(&self, value: f64) -> f64 {
        match self.logarithmic {
            true => (value / self.from).log10() / (self.to / self.from).log10(),
            false => (value - self.from) / (self.to - self.from),
        }
    }
}

/// The panels side by side.
pub fn svg(panels: &[Panel]) -> String {
    let width = WIDTH * panels.len() as f64;
    let tall = panels.iter().map(|panel| panel.lines.len()).max().unwrap_or(0) as f64 * 16.0 + HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {tall}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (place, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({} 0)\">", place as f64 * WIDTH);
        draw(&mut svg, panel);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let across = Axis::of(points().map(|point| point.0), panel.logarithmic);
    let up = Axis::of(points().map(|point| point.1), panel.logarithmic);
    let x = |value: f64| LEFT + across.place(value) * PLOT.0;
    let y = |value: f64| TOP + (1.0 - up.place(value)) * PLOT.1;
    let (right, bottom) = (LEFT + PLOT.0, TOP + PLOT.1);
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\" font-size=\"13\">{}</text>", TOP - 16.0, panel.title);
    for mark in &across.marks {
        let at = x(*mark);
        let _ = writeln!(svg, "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>");
        let _ =
            writeln!(svg, "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 16.0, word(*mark));
    }
    for mark in &up.marks {
        let at = y(*mark);
        let _ = writeln!(svg, "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            word(*mark)
        );
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let path: Vec<String> =
            line.points.iter().map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for point in &line.points {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(point.0), y(point.1));
        }
        let at = bottom + 40.0 + number as f64 * 16.0;
        let _ = writeln!(svg, "<rect x=\"{LEFT}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>", at - 6.0);
        let _ = writeln!(svg, "<text x=\"{}\" y=\"{at}\">{}</text>", LEFT + 18.0, line.name);
    }
}

/// A number as a mark has it.
fn word(number: f64) -> String {
    match number {
        large if large >= 1e6 => format!("{}M", large / 1e6),
        large if large >= 1e3 => format!("{}k", large / 1e3),
        other => format!("{}", (other * 1e6).round() / 1e6),
    }
}
