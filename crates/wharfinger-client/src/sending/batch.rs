//! Batches: orders in the form in which they are sent, one per line.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;

use super::{Item, Orders};
use crate::source::Record;

/// Orders that are sent together.
pub(super) struct Batch {
    /// The position of the first order in the file, from 0.
    pub(super) first_index: u64,
    /// The batch that rejected these orders before.
    pub(super) mends: Option<Arc<str>>,
    /// The orders, in the order of the file.
    pub(super) orders: Vec<Order>,
    /// The texts of the orders that are sent, one per line.
    body: Vec<u8>,
}

/// An order of a batch.
pub(super) struct Order {
    /// The order in the file. Its text is empty if it is in the body.
    pub(super) record: Record,
    /// The place of its text in the body. `None` if it is not sent, because the file's rows make no order.
    range: Option<Range<usize>>,
}

impl Batch {
    /// The positions of the orders that are sent.
    pub(super) fn sent(&self) -> Vec<usize> {
        let orders = self.orders.iter().enumerate();
        let sent = orders.filter(|(_, order)| order.range.is_some());
        sent.map(|(at, _)| at).collect()
    }

    /// How many orders are not sent.
    pub(super) fn not_sent(&self) -> u64 {
        let orders = self.orders.iter();
        orders.filter(|order| order.range.is_none()).count() as u64
    }

    /// The body that sends the orders from one position to another, both inclusive. Both are sent.
    pub(super) fn body(&self, first: usize, last: usize) -> &[u8] {
        let range = |at: usize| self.orders.get(at).and_then(|order| order.range.clone());
        let (first, last) = (range(first), range(last));
        let start = first.map_or(0, |range| range.start);
        &self.body[start..last.map_or(start, |range| range.end)]
    }

    /// The text of an order, on one line.
    pub(super) fn text(&self, at: usize) -> &[u8] {
        match self.orders.get(at) {
            Some(order) => match &order.range {
                Some(range) => &self.body[range.clone()],
                None => order.record.text.as_bytes(),
            },
            None => &[],
        }
    }

    /// The memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.body.capacity() + self.orders.capacity() * size_of::<Order>()
    }

    fn push(&mut self, mut record: Record) {
        if memchr::memchr(b'\n', record.text.as_bytes()).is_some() {
            // A line break cannot be inside a string, so it is white space.
            record.text = record.text.replace('\n', " ");
        }
        let range = record.faults.is_empty().then(|| {
            if !self.body.is_empty() {
                self.body.push(b'\n');
            }
            let start = self.body.len();
            self.body.extend_from_slice(record.text.as_bytes());
            record.text = String::new();
            start..self.body.len()
        });
        self.orders.push(Order { record, range });
    }
}

/// Cuts orders into batches. The same orders and bounds give the same batches.
pub(super) struct Batcher<'o> {
    orders: &'o mut dyn Orders,
    orders_max: usize,
    bytes_max: usize,
    /// The first order of the next batch.
    waiting: Option<Item>,
    index: u64,
}

impl<'o> Batcher<'o> {
    pub(super) fn new(orders: &'o mut dyn Orders, orders_max: usize, bytes_max: usize) -> Self {
        Self {
            orders,
            orders_max,
            bytes_max,
            waiting: None,
            index: 0,
        }
    }

    /// The next batch, or `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read any further. The orders of an unfinished batch are dropped: they are sent when the file is mended.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        let first = match self.waiting.take() {
            Some(item) => item,
            None => match self.orders.next()? {
                Some(item) => item,
                None => return Ok(None),
            },
        };
        let mut batch = Batch {
            first_index: self.index,
            mends: first.mends,
            orders: Vec::new(),
            body: Vec::new(),
        };
        batch.push(first.record);
        while batch.orders.len() < self.orders_max {
            let Some(item) = self.orders.next()? else {
                break;
            };
            let bytes = batch.body.len() + 1 + item.record.text.len();
            if bytes > self.bytes_max || item.mends != batch.mends {
                self.waiting = Some(item);
                break;
            }
            batch.push(item.record);
        }
        self.index += batch.orders.len() as u64;
        Ok(Some(batch))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::source::SourceFault;

    /// Orders of a list, then perhaps a fault.
    pub(crate) struct List(
        pub(crate) Vec<(&'static str, Option<&'static str>)>,
        pub(crate) bool,
    );

    impl Orders for List {
        fn next(&mut self) -> Result<Option<Item>> {
            if self.0.is_empty() {
                anyhow::ensure!(!self.1, "the file ends badly");
                return Ok(None);
            }
            let (text, mends) = self.0.remove(0);
            Ok(Some(Item {
                record: Record::of_text(1, text.into()),
                mends: mends.map(Arc::from),
            }))
        }
    }

    fn bodies(mut list: List, orders_max: usize, bytes_max: usize) -> Vec<(u64, String)> {
        let mut batcher = Batcher::new(&mut list, orders_max, bytes_max);
        let mut bodies = Vec::new();
        while let Ok(Some(batch)) = batcher.next() {
            let body = batch.body(0, batch.orders.len() - 1);
            bodies.push((batch.first_index, String::from_utf8(body.to_vec()).unwrap()));
        }
        bodies
    }

    fn list(texts: &[&'static str]) -> List {
        List(texts.iter().map(|text| (*text, None)).collect(), false)
    }

    #[test]
    fn batches_end_at_a_count_of_orders_and_of_bytes() {
        let texts = ["{}", "{\n}", "[\n\n]", "1", "2"];
        let found = |orders_max, bytes_max| {
            let found = bodies(list(&texts), orders_max, bytes_max).into_iter();
            found
                .map(|(index, body)| format!("{index}:{body}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(2, 100), ["0:{}\n{ }", "2:[  ]\n1", "4:2"]);
        assert_eq!(found(9, 6), ["0:{}\n{ }", "2:[  ]\n1", "4:2"]);
        assert_eq!(found(9, 1), ["0:{}", "1:{ }", "2:[  ]", "3:1", "4:2"]);
    }

    #[test]
    fn a_batch_mends_one_batch_and_an_unfinished_one_is_dropped() {
        let texts = [
            ("1", Some("a")),
            ("2", Some("a")),
            ("3", None),
            ("4", Some("b")),
        ];
        let found = bodies(List(texts.to_vec(), true), 9, 100);
        let expected = [(0, "1\n2".to_owned()), (2, "3".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_order_that_the_rows_do_not_make_is_kept_and_not_sent() {
        let fault = SourceFault {
            row: 3,
            column: None,
            pointer: String::new(),
            code: "x",
            message: "y".into(),
        };
        let mut batch = Batch {
            first_index: 0,
            mends: None,
            orders: Vec::new(),
            body: Vec::new(),
        };
        batch.push(Record::of_text(1, "{}".into()));
        batch.push(Record {
            faults: vec![fault],
            ..Record::of_text(2, "{\n1".into())
        });
        batch.push(Record::of_text(4, "[]".into()));
        assert_eq!(batch.sent(), [0, 2]);
        assert_eq!(batch.body(0, 2), b"{}\n[]");
        assert_eq!(batch.text(1), b"{ 1");
        assert_eq!(batch.text(2), b"[]");
        assert_eq!(
            (batch.orders[1].record.faults.len(), batch.not_sent()),
            (1, 1)
        );
    }
}
