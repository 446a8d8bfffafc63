//! Plots of bars over time. They are drawn on the server, and each has a table behind it.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::lists::frame;
use super::words::{count, moment};

/// What is counted, such as rejected orders.
pub(crate) struct Series {
    /// Its name in the legend and in the table.
    pub(crate) name: &'static str,
    /// Its colour: a class of the style sheet.
    pub(crate) tone: &'static str,
}

/// The numbers of one moment, one for each series.
pub(crate) struct Step {
    /// When it begins (RFC 3339).
    pub(crate) at: String,
    /// The numbers.
    pub(crate) values: Vec<u64>,
}

/// Bars over time. Each is made of the series on top of each other, the first at the bottom.
pub(crate) struct Bars<'a> {
    /// Names the plot's elements, which refer to each other.
    pub(crate) id: &'a str,
    /// What the plot shows.
    pub(crate) title: &'a str,
    /// What is counted.
    pub(crate) series: &'a [Series],
    /// The moments, in order.
    pub(crate) steps: &'a [Step],
    /// How a moment is written: `minute`, `hour` or `day`.
    pub(crate) form: &'static str,
}

/// The height of the drawing, which is stretched to the page.
const HEIGHT: f64 = 100.0;
/// The width of a step in the drawing, and of its bar.
const STEP: usize = 10;
const BAR: usize = 7;
/// Moments that the axis names, at most.
const MARKS: usize = 4;

impl Bars<'_> {
    /// The plot, its legend with the sum of each series, and its table.
    pub(crate) fn show(&self) -> Markup {
        let sum = |at| self.values(at).sum();
        self.plot(&self.legend("", sum))
    }

    /// As [`Self::show`], for numbers that are not to be added up: the legend has the highest of each series. Moments without numbers
    /// are not in the table.
    pub(crate) fn show_levels(&self) -> Markup {
        let highest = |at| self.values(at).max().unwrap_or_default();
        self.plot(&self.legend("at most ", highest))
    }

    /// The numbers of a series.
    fn values(&self, at: usize) -> impl Iterator<Item = u64> {
        let steps = self.steps.iter();
        steps.filter_map(move |step| step.values.get(at).copied())
    }

    fn plot(&self, legend: &Markup) -> Markup {
        let sum = |step: &Step| step.values.iter().sum::<u64>();
        let highest = self.steps.iter().map(sum).max().unwrap_or_default();
        let top = round_up(highest);
        html! {
            figure.plot {
                figcaption { (legend) }
                div.drawing {
                    div.scale aria-hidden="true" { span { (count(top)) } span { (count(top / 2)) } span { "0" } }
                    (self.drawing(top))
                    div.axis { @for at in self.marks() { (moment(at, self.form)) } }
                }
                details {
                    summary { "Show the numbers as a table" }
                    (self.table())
                }
            }
        }
    }

    fn legend(&self, what: &str, number: impl Fn(usize) -> u64) -> Markup {
        html! {
            ul.legend {
                @for (at, series) in self.series.iter().enumerate() {
                    li { span.swatch.(series.tone) {} (series.name) " " (what) b { (count(number(at))) } }
                }
            }
        }
    }

    /// The drawing. Its coordinates are stretched, so it has no text.
    fn drawing(&self, top: u64) -> Markup {
        let width = self.steps.len().max(1) * STEP;
        let mut shapes = String::new();
        for half in [0, 50] {
            let _ = write!(shapes, r#"<path class="line" d="M0 {half}H{width}"/>"#);
        }
        for (at, step) in self.steps.iter().enumerate() {
            let mut bottom = HEIGHT;
            for (series, value) in self.series.iter().zip(&step.values) {
                let height = HEIGHT * *value as f64 / top as f64;
                if *value > 0 {
                    bottom -= height;
                    let x = at * STEP + (STEP - BAR) / 2;
                    let _ = write!(
                        shapes,
                        r#"<rect class="{}" x="{x}" y="{bottom:.2}" width="{BAR}" height="{height:.2}"/>"#,
                        series.tone
                    );
                }
            }
        }
        let title = format!("{}-title", self.id);
        html! {
            svg.bars viewBox=(format!("0 0 {width} 100")) preserveAspectRatio="none" role="img" aria-labelledby=(title) {
                title id=(title) { (self.title) ". The numbers are in the table below." }
                // Only numbers, and names of this program.
                (PreEscaped(shapes))
            }
        }
    }

    /// The first, the last and some moments between them.
    fn marks(&self) -> impl Iterator<Item = &str> {
        let last = self.steps.len().saturating_sub(1);
        let marks = MARKS.min(self.steps.len());
        let places = (0..marks).map(move |mark| mark * last / (MARKS - 1).max(1));
        places.filter_map(|place| self.steps.get(place).map(|step| step.at.as_str()))
    }

    fn table(&self) -> Markup {
        html! {
            (frame(self.title, &html! {
                table {
                    thead { tr { th { "From" } @for series in self.series { th.number { (series.name) } } } }
                    tbody {
                        @for step in self.steps.iter().rev().filter(|step| !step.values.is_empty()) {
                            tr {
                                td { (moment(&step.at, "full")) }
                                @for value in &step.values { td.number { (count(*value)) } }
                            }
                        }
                    }
                }
            }))
        }
    }
}

/// The number at the top of the scale: even, and with one digit that is not zero.
fn round_up(highest: u64) -> u64 {
    let mut unit = 1_u64;
    while let Some(next) = unit.checked_mul(10)
        && next <= highest
    {
        unit = next;
    }
    let factors = [2, 4, 6, 8, 10];
    let tops = factors.iter().map(|factor| unit.saturating_mul(*factor));
    let mut tops = tops.filter(|top| *top >= highest);
    tops.next().unwrap_or(highest).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: [Series; 2] = [
        Series {
            name: "Accepted",
            tone: "good",
        },
        Series {
            name: "Rejected",
            tone: "bad",
        },
    ];

    fn shown(steps: &[Step]) -> String {
        let bars = Bars {
            id: "p",
            title: "Orders",
            series: &SERIES,
            steps,
            form: "hour",
        };
        bars.show().into_string()
    }

    #[test]
    fn the_scale_ends_at_a_round_number_that_nothing_exceeds() {
        let tops = [
            (0, 2),
            (1, 2),
            (2, 2),
            (3, 4),
            (9, 10),
            (10, 20),
            (21, 40),
            (99, 100),
            (850, 1_000),
        ];
        for (highest, top) in tops {
            assert_eq!(round_up(highest), top, "{highest}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_bar_stands_on_the_one_below_it() {
        let at = "2026-11-30T08:00:00.000Z".to_owned();
        let text = shown(&[Step {
            at,
            values: vec![10, 5],
        }]);
        assert!(
            text.contains(r#"<rect class="good" x="1" y="50.00" width="7" height="50.00"/>"#),
            "{text}"
        );
        assert!(
            text.contains(r#"<rect class="bad" x="1" y="25.00" width="7" height="25.00"/>"#),
            "{text}"
        );
        assert!(!text.contains("style="), "{text}");
    }

    #[test]
    fn nothing_at_all_is_a_plot_too() {
        let text = shown(&[]);
        assert!(text.contains("<svg"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}
