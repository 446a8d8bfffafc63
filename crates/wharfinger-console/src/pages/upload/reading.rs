//! Reads a file's orders in batches, on a thread that may block.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use wharfinger_client::source::{Cells, Kept, Opened, Record, dialect};

use super::rows::{Row, RowFault};

/// Orders of a batch, at most.
const ORDERS_MAX: usize = 1_000;
/// Bytes of a batch, at most.
const BYTES_MAX: usize = 4 << 20;
/// Faults that are kept of an order.
pub(super) const FAULTS_MAX: usize = 20;

/// What fits into a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fits {
    pub(super) orders: usize,
    pub(super) bytes: usize,
}

impl Fits {
    /// As much as the server takes, and this process should hold.
    pub(super) fn new(orders: usize, bytes: usize) -> Self {
        Self {
            orders: orders.clamp(1, ORDERS_MAX),
            bytes: bytes.min(BYTES_MAX),
        }
    }
}

/// Some orders of a file, in its order.
#[derive(Default)]
pub(super) struct Batch {
    /// The place of the first order in the file, from 0.
    pub(super) first: u64,
    /// The orders that are sent, one per line.
    pub(super) body: Vec<u8>,
    /// All orders.
    pub(super) orders: Vec<Order>,
    /// How many bytes of the file are read.
    pub(super) bytes_read: u64,
}

/// An order of a batch.
pub(super) enum Order {
    /// It is sent.
    Sent {
        /// The line where it begins.
        line: u64,
        /// Where its values came from.
        cells: Option<Arc<Cells>>,
    },
    /// The file makes no order there.
    NotSent(Row),
}

/// Reads all orders, and passes them on. Ends early if nobody takes them any more.
pub(super) fn read(
    file: Kept<'_>,
    of: &str,
    mapping: Option<&str>,
    fits: Fits,
    to: &Sender<Result<Batch, String>>,
) {
    let Some(dialect) = dialect(of) else {
        let _ = to.blocking_send(Err("The dialect is not known.".to_owned()));
        return;
    };
    match file.open(mapping, dialect) {
        Ok(opened) => pass_on(opened, fits, to),
        Err(error) => {
            let _ = to.blocking_send(Err(format!("{error:#}")));
        }
    }
}

fn pass_on(mut opened: Opened, fits: Fits, to: &Sender<Result<Batch, String>>) {
    let mut batch = Batch::default();
    loop {
        let record = match opened.source.next() {
            Ok(Some(record)) => record,
            Ok(None) => break,
            Err(error) => {
                // What was read before is passed on.
                let _ = to.blocking_send(Ok(batch));
                let _ = to.blocking_send(Err(format!("{error:#}")));
                return;
            }
        };
        let is_full =
            batch.orders.len() >= fits.orders || batch.body.len() + record.text.len() >= fits.bytes;
        if is_full && !batch.orders.is_empty() {
            let first = batch.first + batch.orders.len() as u64;
            let full = std::mem::take(&mut batch);
            batch.first = first;
            if to.blocking_send(Ok(full)).is_err() {
                return;
            }
        }
        batch.add(record, fits);
        batch.bytes_read = opened.progress.bytes_read();
    }
    let _ = to.blocking_send(Ok(batch));
}

impl Batch {
    fn add(&mut self, record: Record, fits: Fits) {
        let number = self.first + self.orders.len() as u64 + 1;
        if record.text.len() >= fits.bytes {
            let (has, most) = (record.text.len(), fits.bytes);
            let row = not_sent(
                number,
                &record,
                vec![RowFault {
                    pointer: String::new(),
                    cell: None,
                    message: format!("The order has {has} bytes. At most {most} are possible."),
                    hint: None,
                    is_warning: false,
                }],
            );
            return self.orders.push(Order::NotSent(row));
        }
        if !record.faults.is_empty() {
            let faults = record.faults.iter().map(|fault| RowFault {
                pointer: fault.pointer.clone(),
                cell: Some((fault.row, fault.column.clone().unwrap_or_default())),
                message: fault.message.clone(),
                hint: None,
                is_warning: false,
            });
            let row = not_sent(number, &record, faults.collect());
            return self.orders.push(Order::NotSent(row));
        }
        // In JSON, line breaks stand only between values. A space does the same there.
        let bytes = record.text.bytes();
        self.body.extend(bytes.map(|byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                byte
            }
        }));
        self.body.push(b'\n');
        self.orders.push(Order::Sent {
            line: record.line,
            cells: record.cells,
        });
    }

    /// How many orders are sent.
    pub(super) fn sent(&self) -> usize {
        let sent = |order: &&Order| matches!(order, Order::Sent { .. });
        self.orders.iter().filter(sent).count()
    }
}

fn not_sent(number: u64, record: &Record, mut faults: Vec<RowFault>) -> Row {
    let more = faults.len().saturating_sub(FAULTS_MAX);
    faults.truncate(FAULTS_MAX);
    Row {
        number,
        line: record.line,
        key: None,
        outcome: "not sent".to_owned(),
        faults,
        more,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio::sync::mpsc::channel;

    use super::*;

    fn batches(text: &str, mapping: Option<&str>, fits: Fits) -> Vec<Result<Batch, String>> {
        let (to, mut from) = channel(100);
        let file = Kept {
            reader: Box::new(Cursor::new(text.as_bytes().to_vec())),
            name: "file",
            bytes: text.len() as u64,
        };
        read(file, "native", mapping, fits, &to);
        drop(to);
        let mut read = Vec::new();
        while let Ok(batch) = from.try_recv() {
            read.push(batch);
        }
        read
    }

    #[test]
    fn orders_are_cut_into_batches() {
        let fits = Fits {
            orders: 2,
            bytes: 1_000,
        };
        let read = batches("[{\"a\":\r\n1},{},{}]", None, fits);
        let read: Vec<_> = read.into_iter().map(Result::unwrap).collect();
        let bodies: Vec<_> = read
            .iter()
            .map(|one| String::from_utf8_lossy(&one.body))
            .collect();
        assert_eq!(bodies, ["{\"a\":  1}\n{}\n", "{}\n"]);
        assert_eq!(read.iter().map(|one| one.first).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(read.last().unwrap().bytes_read, 17);
    }

    #[test]
    fn rows_that_make_no_order_and_orders_that_are_too_long_are_not_sent() {
        let mapping = "[columns]\nk = \"key\"\nn = { to = \"discount\", number = true }\n";
        let fits = Fits {
            orders: 9,
            bytes: 60,
        };
        let long = "x".repeat(80);
        let text = format!("k,n\nA,1\nB,two\n{long},1\n");
        let parts = batches(&text, Some(mapping), fits);
        let parts: Vec<_> = parts.into_iter().map(Result::unwrap).collect();
        let read = &parts[0];
        let body = String::from_utf8_lossy(&read.body);
        assert_eq!(body.lines().count(), 1, "{body}");
        let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(sent, serde_json::json!({"key": "A", "discount": 1}));
        assert_eq!(read.sent(), 1);
        // The last row may be alone in a part without a body.
        let rows: Vec<_> = parts
            .iter()
            .flat_map(|part| &part.orders)
            .filter_map(|order| match order {
                Order::NotSent(row) => Some(row),
                Order::Sent { .. } => None,
            })
            .collect();
        assert_eq!(rows[0].faults[0].cell, Some((3, "n".to_owned())));
        assert!(rows[1].faults[0].message.contains("bytes"), "{rows:?}");
    }

    #[test]
    fn what_was_read_before_a_fault_is_passed_on() {
        let fits = Fits {
            orders: 9,
            bytes: 60,
        };
        let read = batches("[{},{}", None, fits);
        assert_eq!(read[0].as_ref().map(Batch::sent).ok(), Some(2));
        let error = read[1].as_ref().err().unwrap();
        assert!(error.contains("the file ends"), "{error}");
    }
}
