//! Orders to a server: in batches, several in flight, in flat memory. Used by `submit` and `resend`. May import `source`, `report`,
//! `http` and the rooms below them.
//!
//! ```text
//! pipeline.rs   reads batches, hands them to threads, and reports them in the order of the file
//! deliver.rs    one batch to the server: its Idempotency-Key, and halves of what is too large
//! answer.rs     what the server answers
//! batch.rs      orders in the form in which they are sent
//! outputs.rs    the files beside the file: rejected orders, reasons, receipts
//! part_file.rs  a file whose name ends in .part until it is complete
//! receipt.rs    one line of the receipts
//! totals.rs     counts, as a table and as JSON
//! bar.rs        the progress bar, and lines that say why the client waits
//! options.rs    the options that both commands have
//! ```

mod answer;
mod bar;
mod batch;
mod deliver;
mod options;
mod outputs;
mod part_file;
mod pipeline;
mod receipt;
mod totals;

use std::sync::Arc;

use anyhow::Result;

use self::bar::Bar;
pub(crate) use self::options::{Job, SendOptions, argument};
pub(crate) use self::outputs::Names;
use self::outputs::Outputs;
pub(crate) use self::outputs::{RECEIPTS, REJECTED};
use self::pipeline::Target;
pub(crate) use self::receipt::Receipt;
use self::receipt::RejectedOrder;
use self::totals::Totals;
use crate::source::{Record, Source};

/// An order to be sent.
pub(crate) struct Item {
    /// The order.
    pub(crate) record: Record,
    /// The id of the batch that rejected it, if it was mended since. Orders of one batch mend orders of one batch.
    pub(crate) mends: Option<Arc<str>>,
}

/// Orders to be sent, one at a time.
pub(crate) trait Orders {
    /// The next order, or `None` at the end.
    ///
    /// # Errors
    /// The file cannot be read any further.
    fn next(&mut self) -> Result<Option<Item>>;
}

/// The orders of a file, sent for the first time.
pub(crate) struct FirstTime(pub(crate) Box<dyn Source + Send>);

impl Orders for FirstTime {
    fn next(&mut self) -> Result<Option<Item>> {
        let record = self.0.next()?;
        Ok(record.map(|record| Item {
            record,
            mends: None,
        }))
    }
}
