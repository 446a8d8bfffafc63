//! Request bodies that are built once and then updated in place. Fresh order keys cost only a few digits.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wharfinger_core::dialect::Sample;

use crate::pools;
use crate::stamps::{self, DIGITS};
use crate::template::{Part, Template};

/// The structure around the orders of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// The body is a single order.
    One,
    /// An array.
    Array,
    /// An object of named orders.
    Named,
    /// No envelope: each order is preceded by a comma, to be put into an array.
    Listed,
    /// No envelope: one order per line.
    Lines,
}

impl Envelope {
    /// The envelope of a sample batch.
    pub(crate) fn of_batch(sample: &Sample) -> Self {
        if sample.body.trim_start().starts_with('[') {
            Self::Array
        } else {
            Self::Named
        }
    }

    /// The envelope of a sample with one order. Some routes accept only batches.
    pub(crate) fn of_one(sample: &Sample) -> Self {
        if sample.body.trim_start().starts_with('[') {
            Self::Array
        } else {
            Self::One
        }
    }
}

/// Which orders are new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// All are new. Each connection uses the same few products repeatedly.
    Fresh,
    /// All are new. Products are drawn at random.
    AnyProducts,
    /// Every second order was in the previous request. Every second one of those is changed.
    HalfAgain,
    /// None are new: each is drawn at random from orders that were sent before.
    Drawn {
        /// The number of orders to draw from.
        among: u64,
    },
}

/// Digits that distinguish products with the same word of a pool.
pub(crate) const PRODUCT_DIGITS: usize = 4;

/// The shape of request bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) orders: usize,
    pub(crate) envelope: Envelope,
    pub(crate) mix: Mix,
}

/// One of a run's senders. All take their stamps from one counter, so no stamp is used twice. Order keys increase as in a real
/// shop, whichever connection sends them.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    number: u64,
    taken: Arc<AtomicU64>,
}

impl Lane {
    /// The lane of a single sender.
    pub(crate) fn only() -> Self {
        Self {
            number: 0,
            taken: Arc::default(),
        }
    }

    /// The lanes of this many senders.
    pub(crate) fn each(senders: u64) -> impl Iterator<Item = Self> {
        let taken = Arc::default();
        (0..senders).map(move |number| Self {
            number,
            taken: Arc::clone(&taken),
        })
    }
}

/// A body, or a whole request, that is sent repeatedly with new orders.
pub(crate) struct Body {
    bytes: Vec<u8>,
    orders: Vec<Placed>,
    first_stamp: u64,
    lane: Lane,
    /// First stamp of the previous request, if there was one.
    before: Option<u64>,
    /// Draws orders that were sent before.
    drawn: Option<Draw>,
    /// Draws products for each request.
    products: Option<pools::Random>,
}

/// Draws from orders that were sent before.
struct Draw {
    random: pools::Random,
    among: u64,
}

/// The position of an order in the bytes.
struct Placed {
    text: Range<usize>,
    stamps: Vec<usize>,
    customers: Vec<usize>,
    products: Vec<usize>,
    is_again: bool,
}

impl Body {
    /// Creates a body. Call [`Self::restamp`] before sending it.
    pub(crate) fn new(
        template: &str,
        organisation: &str,
        shape: Shape,
        lane: Lane,
        first_stamp: u64,
    ) -> Self {
        let template = Template::parse(template);
        let drawn = match shape.mix {
            Mix::Fresh | Mix::HalfAgain | Mix::AnyProducts => None,
            Mix::Drawn { among } => Some(Draw {
                random: pools::Random::new(lane.number),
                among,
            }),
        };
        let mut body = Self {
            bytes: Vec::new(),
            orders: Vec::with_capacity(shape.orders),
            first_stamp,
            before: None,
            products: (shape.mix == Mix::AnyProducts).then(|| pools::Random::new(lane.number)),
            drawn,
            lane,
        };
        let (begin, end) = match shape.envelope {
            Envelope::One => ("", ""),
            Envelope::Array => ("[", "]"),
            Envelope::Named => ("{", "}"),
            Envelope::Listed => (",", ""),
            Envelope::Lines => ("", "\n"),
        };
        let separator = match shape.envelope {
            Envelope::One | Envelope::Array | Envelope::Named | Envelope::Listed => b',',
            Envelope::Lines => b'\n',
        };
        body.bytes.extend_from_slice(begin.as_bytes());
        for slot in 0..shape.orders {
            if slot > 0 {
                body.bytes.push(separator);
            }
            if shape.envelope == Envelope::Named {
                body.bytes
                    .extend_from_slice(format!("\"order-{slot}\":").as_bytes());
            }
            body.append_order(&template, organisation, shape.mix, slot);
        }
        body.bytes.extend_from_slice(end.as_bytes());
        body
    }

    fn append_order(&mut self, template: &Template, organisation: &str, mix: Mix, slot: usize) {
        let is_again = mix == Mix::HalfAgain && slot % 2 == 1;
        let is_changed = is_again && slot % 4 == 3;
        // A resubmitted order has the content of its left neighbour in the previous request.
        let content = if is_again { slot - 1 } else { slot };
        let seed = self.lane.number * 1_000_003 + content as u64;
        let mut random = pools::Random::new(seed);
        let begin = self.bytes.len();
        let (mut stamps, mut customers, mut products) = (Vec::new(), Vec::new(), Vec::new());
        for part in template.parts() {
            match part {
                Part::Text(text) => self.bytes.extend_from_slice(text.as_bytes()),
                Part::Organisation => self.bytes.extend_from_slice(organisation.as_bytes()),
                Part::Pick(pool) => self
                    .bytes
                    .extend_from_slice(random.pick(pool.words).as_bytes()),
                Part::Digits(count) => {
                    for _ in 0..*count {
                        self.bytes.push(random.digit());
                    }
                }
                Part::Change => self.bytes.push(if is_changed { b'2' } else { b'1' }),
                Part::Stamp => {
                    stamps.push(self.bytes.len());
                    self.bytes.extend_from_slice(&[b'0'; DIGITS]);
                }
                Part::Customer => {
                    customers.push(self.bytes.len());
                    self.bytes.extend_from_slice(&[b'0'; DIGITS]);
                }
                Part::Product => {
                    products.push(self.bytes.len());
                    for _ in 0..PRODUCT_DIGITS {
                        self.bytes.push(random.digit());
                    }
                }
            }
        }
        self.orders.push(Placed {
            text: begin..self.bytes.len(),
            stamps,
            customers,
            products,
            is_again,
        });
    }

    /// Inserts bytes before the body: the head of its request.
    pub(crate) fn prepend(&mut self, head: &[u8]) {
        self.bytes.splice(0..0, head.iter().copied());
        for order in &mut self.orders {
            order.text.start += head.len();
            order.text.end += head.len();
            let places = order.stamps.iter_mut().chain(&mut order.customers);
            for at in places.chain(&mut order.products) {
                *at += head.len();
            }
        }
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, tail: &[u8]) {
        self.bytes.extend_from_slice(tail);
    }

    /// Replaces the orders by those of the next request.
    pub(crate) fn restamp(&mut self) {
        let from = match &mut self.drawn {
            Some(draw) => draw.random.below(draw.among),
            None => {
                let orders = self.orders.len() as u64;
                self.lane.taken.fetch_add(orders, Ordering::Relaxed)
            }
        };
        let from = self.first_stamp + from;
        for (slot, order) in (0..).zip(&self.orders) {
            // The first request has no predecessor, so all its orders are new.
            let stamp = match self.before {
                Some(before) if order.is_again => before + slot - 1,
                Some(_) | None => from + slot,
            };
            if let Some(random) = &mut self.products {
                for at in &order.products {
                    for digit in &mut self.bytes[*at..*at + PRODUCT_DIGITS] {
                        *digit = random.digit();
                    }
                }
            }
            let customer = stamps::customer(stamp);
            for (number, places) in [(stamp, &order.stamps), (customer, &order.customers)] {
                let digits = stamps::digits(number);
                for at in places {
                    self.bytes[*at..*at + DIGITS].copy_from_slice(&digits);
                }
            }
        }
        self.before = Some(from);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn orders(&self) -> usize {
        self.orders.len()
    }

    /// The bytes of each order.
    pub(crate) fn order_texts(&self) -> impl Iterator<Item = &[u8]> {
        let orders = self.orders.iter();
        orders.map(|order| &self.bytes[order.text.clone()])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wharfinger_core::dialects;

    use super::*;

    const LANES: u64 = 3;
    const ORDER: &str = "{\"key\":\"{{stamp}}\",\n  \"change\":{{change}},\"name\":\"{{pick first}}\",\"again\":\"{{stamp}}\"}";

    fn body(envelope: Envelope, mix: Mix, orders: usize, lane: Lane) -> Body {
        let shape = Shape {
            orders,
            envelope,
            mix,
        };
        Body::new(ORDER, "ORG", shape, lane, 0)
    }

    fn orders(body: &Body) -> Vec<serde_json::Value> {
        let texts = body.order_texts();
        let orders = texts.map(|text| serde_json::from_slice(text).expect("an order is JSON"));
        orders.collect()
    }

    #[test]
    fn no_two_orders_of_a_run_have_the_same_key() {
        let mut keys = BTreeSet::new();
        for lane in Lane::each(LANES) {
            let mut body = body(Envelope::Array, Mix::Fresh, 4, lane);
            for _ in 0..5 {
                body.restamp();
                for order in orders(&body) {
                    assert_eq!(order["key"], order["again"], "one stamp an order");
                    keys.insert(order["key"].to_string());
                }
            }
        }
        assert_eq!(keys.len(), 3 * 5 * 4);
    }

    #[test]
    fn every_envelope_is_json_and_stays_as_long_as_it_was() {
        for envelope in [Envelope::One, Envelope::Array, Envelope::Named] {
            let count = if envelope == Envelope::One { 1 } else { 3 };
            let mut body = body(envelope, Mix::Fresh, count, Lane::only());
            let length = body.bytes().len();
            body.restamp();
            assert_eq!(body.bytes().len(), length);
            serde_json::from_slice::<serde_json::Value>(body.bytes()).expect("a body is JSON");
        }
    }

    #[test]
    fn a_head_moves_the_stamps_along() {
        let mut plain = body(Envelope::Array, Mix::Fresh, 2, Lane::only());
        let mut with_head = body(Envelope::Array, Mix::Fresh, 2, Lane::only());
        with_head.prepend(b"POST / HTTP/1.1\r\n\r\n");
        plain.restamp();
        with_head.restamp();
        assert!(with_head.bytes().ends_with(plain.bytes()));
        assert_eq!(orders(&with_head), orders(&plain));
    }

    #[test]
    fn orders_come_again_unchanged_or_changed() {
        let mut body = body(Envelope::Array, Mix::HalfAgain, 4, Lane::only());
        body.restamp();
        let before = orders(&body);
        body.restamp();
        let after = orders(&body);
        assert_eq!(after[1], before[0]);
        assert_eq!(after[3]["key"], before[2]["key"]);
        assert_ne!(after[3], before[2]);
        assert_ne!(after[0]["key"], before[0]["key"]);
        assert_ne!(after[2]["key"], before[2]["key"]);
    }

    #[test]
    fn what_is_drawn_is_any_of_what_was_sent_and_nothing_else() {
        let mut body = body(Envelope::One, Mix::Drawn { among: 5 }, 1, Lane::only());
        body.first_stamp = 70;
        let mut drawn = BTreeSet::new();
        for _ in 0..200 {
            body.restamp();
            drawn.insert(orders(&body)[0]["key"].as_str().unwrap().to_owned());
        }
        let all = (70..75).map(|stamp| format!("{stamp:014}"));
        assert_eq!(drawn, all.collect());
    }

    #[test]
    fn every_load_can_be_parsed_and_gives_its_keys() {
        for dialect in dialects::ALL {
            let load = dialect.workload();
            let envelopes = [Envelope::Array, Envelope::Named];
            let shape = |envelope| Shape {
                orders: 3,
                envelope,
                mix: Mix::Fresh,
            };
            let lane = Lane::only();
            let made = envelopes.map(|envelope| {
                let mut body = Body::new(load.order, "ORG", shape(envelope), lane.clone(), 0);
                body.restamp();
                body
            });
            let texts = made.iter().map(|body| std::str::from_utf8(body.bytes()));
            let parsed = texts.filter_map(|text| (load.parse)(text.unwrap()).ok());
            let parsed: Vec<_> = parsed.collect();
            assert_eq!(
                parsed.len(),
                1,
                "{}: one of the envelopes fits",
                dialect.id()
            );
            let keys: BTreeSet<_> = parsed[0].iter().map(|order| order.key).collect();
            assert_eq!(keys.len(), 3, "{}", dialect.id());
        }
    }
}
