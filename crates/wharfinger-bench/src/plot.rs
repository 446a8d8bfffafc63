//! Draws a sweep: one panel per axis, with latency on the left scale and CPU on the right.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::measurements::{Measurements, as_f64};
use crate::report::grouped;
use crate::sweep::{Point, Series};

const SIZE_PX: (u32, u32) = (900, 1_230);
const FONT: &str = "sans-serif";
const TITLE_PX: u32 = 19;
const LABEL_PX: u32 = 15;
const LEGEND_PX: u32 = 13;

/// Colours that remain distinct in print and for colour-blind readers: Okabe and Ito, <https://jfly.uni-koeln.de/color/>.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const RED: RGBColor = RGBColor(213, 94, 0);
const BLACK: RGBColor = RGBColor(0, 0, 0);

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line through all points that have the figure.
struct Line {
    name: &'static str,
    colour: RGBColor,
    figure: fn(&Measurements) -> Option<f64>,
}

/// Latency in milliseconds, on the left scale.
const WAITING: [Line; 3] = [
    Line {
        name: "p50",
        colour: BLUE,
        figure: |measurements| Some(measurements.latency_ms?.p50),
    },
    Line {
        name: "p99",
        colour: ORANGE,
        figure: |measurements| Some(measurements.latency_ms?.p99),
    },
    Line {
        name: "longest",
        colour: RED,
        figure: |measurements| Some(measurements.latency_ms?.max),
    },
];

/// CPU in microseconds per order, on the right scale.
const CPU: Line = Line {
    name: "CPU (right)",
    colour: BLACK,
    figure: |measurements| measurements.cpu_us_per_order,
};

/// Draws one panel per series, one above the other.
pub(crate) fn draw(series: &[Series; 3], file: &Path) -> Result<()> {
    let root = SVGBackend::new(file, SIZE_PX).into_drawing_area();
    // Without a background, the picture would be unreadable on a dark page.
    root.fill(&WHITE)?;
    let panels = root.split_evenly((series.len(), 1));
    for (panel, series) in panels.iter().zip(series) {
        let places: Vec<f64> = series.points.iter().map(|point| as_f64(point.at)).collect();
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
            continue;
        };
        // A store may start with zero orders, which a logarithmic axis cannot show.
        if first < 1.0 {
            draw_panel(panel, series, || first..last)?;
        } else {
            let axis = || (first..last).log_scale().with_key_points(places.clone());
            draw_panel(panel, series, axis)?;
        }
    }
    root.present()
        .with_context(|| format!("cannot write the plot {}", file.display()))
}

fn draw_panel<X>(panel: &Panel<'_>, series: &Series, x: impl Fn() -> X) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let points = &series.points;
    let mut chart = ChartBuilder::on(panel)
        .caption(series.title(), (FONT, TITLE_PX))
        .margin(10)
        .x_label_area_size(48)
        .y_label_area_size(76)
        .right_y_label_area_size(76)
        .build_cartesian_2d(x(), decades(points, &WAITING).log_scale())?
        .set_secondary_coord(x(), decades(points, &[CPU]).log_scale());
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, LABEL_PX))
        .x_label_formatter(&|at| grouped(*at))
        .y_label_formatter(&tick)
        .x_desc(series.along)
        .y_desc("response time, ms")
        .draw()?;
    chart
        .configure_secondary_axes()
        .label_style((FONT, LABEL_PX))
        .y_label_formatter(&tick)
        .y_desc("CPU, µs per order")
        .draw()?;
    for line in WAITING {
        chart
            .draw_series(LineSeries::new(line.through(points), line.style()).point_size(3))?
            .label(line.name)
            .legend(move |place| line.key(place));
    }
    chart
        .draw_secondary_series(LineSeries::new(CPU.through(points), CPU.style()).point_size(3))?
        .label(CPU.name)
        .legend(|place| CPU.key(place));
    chart
        .configure_series_labels()
        .label_font((FONT, LEGEND_PX))
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .position(SeriesLabelPosition::LowerRight)
        .draw()?;
    Ok(())
}

impl Line {
    fn through(&self, points: &[Point]) -> Vec<(f64, f64)> {
        let through = points.iter().filter_map(|point| {
            let figure = (self.figure)(&point.measurements)?;
            Some((as_f64(point.at), figure))
        });
        through.collect()
    }

    fn style(&self) -> ShapeStyle {
        self.colour.stroke_width(2).filled()
    }

    /// The legend entry: a short stroke.
    fn key(&self, (x, y): (i32, i32)) -> PathElement<(i32, i32)> {
        PathElement::new(vec![(x, y), (x + 18, y)], self.style())
    }
}

/// The range of whole decades that covers all figures of these lines.
fn decades(points: &[Point], lines: &[Line]) -> Range<f64> {
    let all = lines.iter().flat_map(|line| line.through(points));
    let exponents: Vec<f64> = all.map(|(_, figure)| figure.log10()).collect();
    let finite = exponents
        .into_iter()
        .filter(|exponent| exponent.is_finite());
    let (low, high) = finite.fold((0.0_f64, 1.0_f64), |(low, high), exponent| {
        (low.min(exponent.floor()), high.max(exponent.ceil()))
    });
    10_f64.powf(low)..10_f64.powf(high)
}

/// Label of a tick, with as many decimals as needed.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the plotter hands out references"
)]
fn tick(figure: &f64) -> String {
    if *figure < 1.0 {
        format!("{figure}")
    } else {
        grouped(*figure)
    }
}
