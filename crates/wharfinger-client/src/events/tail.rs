//! `wharfinger events tail`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use serde::Deserialize;

use super::feed::{Entry, Feed, Filter, Start};
use crate::connect::Connection;
use crate::interrupt;
use crate::private_file;
use crate::since::Since;
use crate::terminal::{has_colour, is_output_closed, shown, write_raw_json};

#[derive(Args, Debug)]
pub(super) struct Tail {
    /// Begin at this time: RFC 3339, or how long ago, such as 10m [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "cursor")]
    since: Option<Since>,
    /// Begin after this cursor, as an earlier run printed it
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Keep the cursor in this file after each page, and begin there if the file exists
    #[arg(
        long,
        env = "WHARFINGER_CURSOR_FILE",
        value_name = "FILE",
        conflicts_with = "cursor"
    )]
    cursor_file: Option<PathBuf>,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events of this organisation
    #[arg(long, env = "WHARFINGER_ORG", value_name = "CODE")]
    org: Option<String>,
    /// With --json: add the order in this form: a dialect, or `submitted` for the text as it was sent
    #[arg(long = "as", value_name = "FORM", requires = "json")]
    form: Option<String>,
    /// End when no events are left, instead of waiting for more
    #[arg(long, visible_alias = "until-now")]
    no_follow: bool,
    /// Print events as JSON, one per line, each with the cursor after it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What is printed of an event.
#[derive(Deserialize)]
struct Shown {
    r#type: String,
    organisation: String,
    at: String,
    order_id: Option<String>,
    batch_id: Option<String>,
}

impl Tail {
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let client = self.connection.client()?;
        let start = self.start()?;
        let filter = Filter {
            types: self.types.clone(),
            organisation: self.org.clone(),
            form: self.form.clone(),
        };
        let mut feed = Feed::new(client, filter, start);
        let has_colour = has_colour();
        loop {
            let before = feed.cursor().map(str::to_owned);
            // The first cursor is kept before anything is waited for.
            let page = feed.next(!self.no_follow && before.is_some())?;
            for entry in &page.entries {
                self.print(entry, has_colour, out)?;
            }
            out.flush()?;
            if is_output_closed() {
                return Ok(());
            }
            let is_end = page.entries.is_empty() && before.as_deref() == Some(&page.next);
            if before.as_deref() != Some(&page.next) {
                self.keep(&page.next)?;
            }
            if is_end && self.no_follow {
                break;
            }
        }
        interrupt::say_last_words();
        Ok(())
    }

    /// Where to begin.
    fn start(&self) -> Result<Start> {
        let kept = match &self.cursor_file {
            Some(file) => private_file::read(file)?.map(|text| (file, text)),
            None => None,
        };
        if let Some((file, text)) = kept {
            let cursor = text.trim();
            let is_one = !cursor.is_empty() && !cursor.contains(char::is_whitespace);
            ensure!(
                is_one,
                "{} holds no cursor; remove it to begin anew",
                file.display()
            );
            return Ok(Start::After(cursor.to_owned()));
        }
        Ok(match (&self.cursor, self.since) {
            (Some(cursor), _) => Start::After(cursor.clone()),
            (None, Some(since)) => Start::Since(since),
            (None, None) => Start::Now,
        })
    }

    /// Keeps the cursor of what was printed.
    fn keep(&self, cursor: &str) -> Result<()> {
        match &self.cursor_file {
            Some(file) => private_file::replace(file, format!("{cursor}\n").as_bytes()),
            None => {
                interrupt::set_last_words(format!("to resume: --cursor {}", shown(cursor)));
                Ok(())
            }
        }
    }

    fn print(&self, entry: &Entry, has_colour: bool, out: &mut dyn Write) -> Result<()> {
        let event = entry.event.get();
        if self.json {
            // The cursor becomes the last member.
            let members = event.trim_end();
            let members = members.strip_suffix('}').unwrap_or(members);
            let cursor = serde_json::to_string(&entry.cursor)?;
            let whole = format!("{members},\"cursor\":{cursor}}}");
            return write_raw_json(out, &serde_json::value::RawValue::from_string(whole)?);
        }
        let event: Shown = serde_json::from_str(event)?;
        let subject = match (&event.order_id, &event.batch_id) {
            (Some(order), Some(batch)) => format!("order {order}  batch {batch}"),
            (Some(order), None) => format!("order {order}"),
            (None, Some(batch)) => format!("batch {batch}"),
            (None, None) => String::new(),
        };
        let kind = format!("{:16}", shown(&event.r#type));
        let kind = match has_colour {
            true => format!("\x1b[{}m{kind}\x1b[0m", colour(&event.r#type)),
            false => kind,
        };
        let (at, organisation) = (shown(&event.at), shown(&event.organisation));
        // One write, so that an interrupt does not cut the line.
        let line = format!("{at}  {kind}  {organisation}  {}\n", shown(&subject));
        out.write_all(line.as_bytes())?;
        Ok(())
    }
}

/// The colour of a type of events, as an ANSI code.
fn colour(kind: &str) -> &'static str {
    match kind.rsplit('.').next() {
        Some("accepted") => "32",
        Some("updated") => "33",
        Some("processed") => "36",
        Some("cancelled") => "31",
        Some("fulfilment") => "35",
        _ => "2",
    }
}
