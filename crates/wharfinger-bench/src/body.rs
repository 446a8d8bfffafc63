//! Request bodies that are built once and then updated in place. Fresh order keys cost only a few digits.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wharfinger_core::dialect::Sample;

use crate::identities::Identities;
use crate::pools;
use crate::stamps::{self, DIGITS};
use crate::template::{Part, Template};
use crate::texts::{Texts, WordLists};

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
    /// Organisations and keys of the orders.
    identities: Identities,
    words: WordLists,
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
    /// Empty if all orders belong to the same organisation.
    organisations: Vec<usize>,
    texts: Texts,
    is_again: bool,
}

impl Body {
    /// Creates a body. Call [`Self::restamp`] before sending it.
    pub(crate) fn new(
        template: &str,
        identities: &Identities,
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
            identities: identities.clone(),
            words: WordLists::default(),
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
            body.append_order(&template, shape.mix, slot);
        }
        body.bytes.extend_from_slice(end.as_bytes());
        body
    }

    fn append_order(&mut self, template: &Template, mix: Mix, slot: usize) {
        let is_again = mix == Mix::HalfAgain && slot % 2 == 1;
        let is_changed = is_again && slot % 4 == 3;
        // A resubmitted order has the content of its left neighbour in the previous request.
        let content = if is_again { slot - 1 } else { slot };
        let seed = self.lane.number * 1_000_003 + content as u64;
        let mut random = pools::Random::new(seed);
        let begin = self.bytes.len();
        let mut placed = Placed {
            text: begin..begin,
            stamps: Vec::new(),
            customers: Vec::new(),
            products: Vec::new(),
            organisations: Vec::new(),
            texts: Texts::default(),
            is_again,
        };
        for (number, part) in template.parts().iter().enumerate() {
            let at = self.bytes.len();
            match part {
                Part::Text(text) => self.bytes.extend_from_slice(text.as_bytes()),
                Part::Organisation => {
                    let code = self.identities.code(0);
                    self.bytes.extend_from_slice(code.as_bytes());
                    if self.identities.codes().len() > 1 {
                        placed.organisations.push(at);
                    }
                }
                Part::Pick(pool) => {
                    let word = random.pick(pool.words);
                    self.bytes.extend_from_slice(word.as_bytes());
                    // Products stay few, unless they are to be drawn.
                    if !template.is_of_product(number) {
                        placed.texts.add_word(at, pool, word, &mut self.words);
                    }
                }
                Part::Digits(count) => {
                    self.bytes.resize(at + count, b'0');
                    placed.texts.add_digits(at, *count);
                }
                Part::Change => self.bytes.push(if is_changed { b'2' } else { b'1' }),
                Part::Stamp => {
                    placed.stamps.push(at);
                    self.bytes.extend_from_slice(&[b'0'; DIGITS]);
                }
                Part::Customer => {
                    placed.customers.push(at);
                    self.bytes.extend_from_slice(&[b'0'; DIGITS]);
                }
                Part::Product => {
                    placed.products.push(at);
                    for _ in 0..PRODUCT_DIGITS {
                        self.bytes.push(random.digit());
                    }
                }
            }
        }
        placed.text.end = self.bytes.len();
        self.orders.push(placed);
    }

    /// Inserts bytes before the body: the head of its request. If the path of a single order names its organisation, that is
    /// stamped too.
    pub(crate) fn prepend(&mut self, head: &[u8]) {
        self.bytes.splice(0..0, head.iter().copied());
        for order in &mut self.orders {
            order.text.start += head.len();
            order.text.end += head.len();
            let places = order.stamps.iter_mut().chain(&mut order.customers);
            let places = places.chain(&mut order.products);
            for at in places.chain(&mut order.organisations) {
                *at += head.len();
            }
            order.texts.shift(head.len());
        }
        if let ([order], [code, _, ..]) = (&mut self.orders[..], self.identities.codes()) {
            let line_end = head.iter().position(|byte| *byte == b'\n');
            let line = &head[..line_end.unwrap_or(head.len())];
            let mut windows = line.windows(code.len());
            let place = windows.position(|text| text == code.as_bytes());
            order.organisations.extend(place);
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
            let code = self.identities.code(stamp).as_bytes();
            for at in &order.organisations {
                self.bytes[*at..*at + code.len()].copy_from_slice(code);
            }
            order.texts.redraw(stamp, &self.words, &mut self.bytes);
            let customer = stamps::digits(stamps::customer(stamp));
            let key = self.identities.key(stamp);
            for (digits, places) in [(key, &order.stamps), (customer, &order.customers)] {
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
mod tests;
