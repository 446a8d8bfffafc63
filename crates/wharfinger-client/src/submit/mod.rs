//! `wharfinger submit`: files of orders to a server.

use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;

use crate::connect::Connection;
use crate::http::Client;
use crate::named::NamedDialect;
use crate::sending::{FirstTime, Job, RECEIPTS, REJECTED, SendOptions, argument};
use crate::source::Input;
use crate::terminal::{Exit, shown};

#[derive(Args, Debug)]
#[command(after_help = "Beside each FILE, the command writes:\n\n  \
FILE.rejected.ndjson  the rejected orders as they were sent, one per line\n  \
FILE.reasons.csv      why: line, key, pointer, code, message, hint\n  \
FILE.receipts.ndjson  what the server answered to each batch\n\n\
They get these names when the whole file is sent. Until then, and after an error, their names end in .part. A dry run adds \
.dry-run to FILE. Mend the rejected orders, then send them with `wharfinger resend`. If FILE is sent again, an edited file of \
rejected orders is kept as FILE.rejected.ndjson.edited (then .edited.2 and so on).\n\n\
CSV rows that make no order are not sent. They are only in FILE.reasons.csv: mend them in FILE, then send FILE again.\n\n\
To continue an interrupted run, run the same command again. Nothing is stored twice, because each batch has an Idempotency-Key \
from its content and its position in the file. The server saves answers for a set time (default: 24 hours).\n\n\
If the server is down, overloaded or limits the rate, the command waits and says why. Batches in flight may take effect in any \
order. If a file has several versions of an order, use --in-flight 1.\n\n\
Exit status: 0 if every order was accepted, 3 if some were rejected, 1 after an error.\n\n\
Examples:\n  \
wharfinger submit orders.json --dialect DIALECT --url http://127.0.0.1:8080 --key-file key.json\n  \
zcat orders.gz | wharfinger submit - --dialect DIALECT --profile shop")]
pub struct Submit {
    #[command(flatten)]
    input: Input,
    /// The dialect in which the orders are written
    #[arg(long, env = "WHARFINGER_DIALECT", value_name = "DIALECT")]
    dialect: NamedDialect,
    /// The organisation of orders that name none [default: that of the API key, if it has only one]
    #[arg(long = "org", env = "WHARFINGER_ORG", value_name = "CODE")]
    organisation: Option<String>,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    options: SendOptions,
}

impl Submit {
    /// Runs the command.
    ///
    /// # Errors
    /// A file cannot be read, or the server cannot be reached or refuses the requests.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit> {
        self.input.check()?;
        self.check_names()?;
        let client = self.connection.client()?;
        let mut exit = Exit::Done;
        for file in &self.input.files {
            if self.run_file(&client, file, out)? == Exit::SomeRejected {
                exit = Exit::SomeRejected;
            }
        }
        Ok(exit)
    }

    /// Refuses files that are results, and files whose results would have the same names.
    fn check_names(&self) -> Result<()> {
        let mut names = HashSet::new();
        for file in &self.input.files {
            let name = file.display().to_string();
            let quoted = argument(&name);
            if name.ends_with(RECEIPTS) {
                bail!(
                    "{} has receipts of an earlier run, not orders; leave it out",
                    shown(&name)
                );
            }
            if name.ends_with(REJECTED) {
                bail!(
                    "{} has rejected orders of an earlier run; leave it out, or use `wharfinger resend {}`; to send them as \
                     new ones, use `wharfinger submit -`",
                    shown(&name),
                    shown(&quoted)
                );
            }
            if !names.insert(self.options.names(file)) {
                bail!("two files would have the same files of results; send one after the other");
            }
        }
        Ok(())
    }

    fn run_file(&self, client: &Client, file: &Path, out: &mut dyn Write) -> Result<Exit> {
        let NamedDialect(dialect) = self.dialect;
        let opened = self.input.open(file, dialect)?;
        let job = Job {
            file,
            client,
            dialect,
            organisation: self.organisation.clone(),
            progress: opened.progress,
        };
        let (sent, outputs) = self.options.send(job, &mut FirstTime(opened.source))?;
        self.options.conclude(file, sent, outputs, out)
    }
}
