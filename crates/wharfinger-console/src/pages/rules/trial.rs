//! What rules would make of recent orders.

use maud::{Markup, html};
use serde::Deserialize;

use crate::parts::{count, order_address, table, visible};

/// How many of the latest orders are tested, unless another number is chosen.
pub(super) const LAST: u64 = 100;
/// The numbers that can be chosen.
pub(super) const CHOICES: [u64; 3] = [20, LAST, 500];
/// Most orders that the page names.
const SHOWN_MAX: usize = 50;

/// The answer to a test.
#[derive(Debug, Deserialize)]
pub(super) struct Trial {
    tested: u64,
    held: u64,
    data: Vec<Tried>,
}

#[derive(Debug, Deserialize)]
struct Tried {
    #[serde(default)]
    order_id: Option<String>,
    #[serde(default)]
    key: Option<String>,
    held_by: Vec<Hold>,
}

#[derive(Debug, Deserialize)]
struct Hold {
    rule: String,
    sentence: String,
    #[serde(default)]
    error: Option<String>,
}

impl Trial {
    pub(super) fn show(&self, wanted: u64) -> Markup {
        let held = self.data.iter().filter(|one| !one.held_by.is_empty());
        let left_out = self.held.saturating_sub(SHOWN_MAX as u64);
        html! {
            section #trial aria-labelledby="trial-title" {
                h2 #trial-title { "The test" }
                p.notice role="status" {
                    @match self.tested {
                        0 => "There is no order to test the rules on.",
                        tested => {
                            b { (count(self.held)) } " of the latest " (count(tested))
                            @if tested == 1 { " order" } @else { " orders" } " would be held. Nothing was changed."
                        }
                    }
                }
                @if self.tested < wanted && self.tested > 0 {
                    p.hint { "Fewer than " (count(wanted)) " orders were tested: there are no more, or the test would take too long." }
                }
                @if self.held > 0 {
                    (table("Orders that would be held", &html! {
                        thead { tr { th scope="col" { "Order" } th scope="col" { "Rule" } th scope="col" { "Why" } } }
                        tbody { @for one in held.take(SHOWN_MAX) { (row(one)) } }
                    }))
                    @if left_out > 0 { p.hint { "And " (count(left_out)) " more." } }
                }
            }
        }
    }
}

fn row(one: &Tried) -> Markup {
    let key = one.key.as_deref().unwrap_or("without a key");
    html! {
        @for (at, hold) in one.held_by.iter().enumerate() {
            tr {
                td {
                    @if at == 0 {
                        @match &one.order_id {
                            Some(id) => a href=(order_address(id)) { bdi { (visible(key)) } },
                            None => bdi { (visible(key)) },
                        }
                    }
                }
                td { bdi { (visible(&hold.rule)) } }
                td {
                    bdi { (visible(&hold.sentence)) }
                    @if let Some(error) = &hold.error { p.hint { "It could not be evaluated: " (visible(error)) } }
                }
            }
        }
    }
}
