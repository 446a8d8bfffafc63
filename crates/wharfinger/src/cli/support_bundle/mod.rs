//! `wharfinger support-bundle`: one archive with what somebody needs who helps with a problem, and nothing that is secret or personal.
//!
//! Each file is made of values that are known to be harmless: counts, sizes, versions, states, ids made by the server. Texts that
//! could have anything else in them are left out, or scrubbed (`scrub.rs`). Organisations are numbered, because a code or a name may
//! be a person's.

mod archive;
mod log;
mod machine;
mod scrub;
mod settings;
mod store;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde_json::json;
use wharfinger_client::http::{agent, local_agent};
use wharfinger_client::terminal::shown;

use self::archive::Archive;
use self::scrub::Scrubber;
use super::doctor::{Public, StoreSettings, examine};
use super::health::local_url;
use super::write_json;
use crate::serve::config::Config;

/// How long the server may take for its metrics.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Args, Debug)]
#[command(
    after_help = "The archive (tar, gzip) has the settings in effect, the results of `wharfinger doctor`, statistics of the store, the metrics \
of the running server, facts about the machine, and the end of the log. It has no secrets and no personal data: no orders, keys, \
e-mail addresses, names or codes of organisations, passwords or addresses of clients. Its file README says what is left out. \
Only this command's user can read it; look at it before you pass it on.\n\n\
Example: journalctl -u wharfinger -o cat | wharfinger support-bundle --config /etc/wharfinger/wharfinger.toml --log-file -"
)]
pub(super) struct SupportBundle {
    #[command(flatten)]
    settings: StoreSettings,
    #[command(flatten)]
    public: Public,
    /// The log of the server; - is standard input. Only lines of JSON are taken, the format outside of a terminal
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Where the archive is written; it must not exist [default: ./wharfinger-support-TIME.tar.gz]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Print the name of the archive and its files as JSON
    #[arg(long)]
    json: bool,
}

impl SupportBundle {
    /// Makes the archive. Blocks until it is done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let config = self.settings.resolve()?;
        let now = Timestamp::now();
        let file = self.to.unwrap_or_else(|| {
            let time = now.strftime("%Y%m%dT%H%M%SZ");
            format!("wharfinger-support-{time}.tar.gz").into()
        });
        let mut archive = Archive::create(&file)?;
        let (report, mut found) = examine(&config, &self.public);
        if let Some(found) = &mut found {
            store::leave_out_texts(found);
        }
        let content = found.as_ref().and_then(|found| found.content.as_ref());
        let content = content.and_then(|content| content.as_ref().ok());
        let scrubber = Scrubber::new(content, &config);
        let mut add = |name: &str, text: &str| archive.add(name, text, now);
        add("README", README)?;
        add("settings.json", &settings::shown(&config)?)?;
        // The report is made again, without what receivers have answered.
        let report = match &found {
            Some(found) => super::doctor::without_texts(report, found),
            None => report,
        };
        let doctor = serde_json::to_string_pretty(&report)?;
        add("doctor.json", &scrubber.text(&doctor))?;
        add("machine.json", &machine::told(&config)?)?;
        add("store.json", &store::told(found.as_ref())?)?;
        add("metrics.txt", &metrics(&config, &self.public))?;
        let log = log::tail(self.log_file.as_deref(), &scrubber)?;
        add("log.ndjson", &log)?;
        let names = archive.finish()?;
        if self.json {
            return write_json(out, &json!({ "file": file, "files": names }));
        }
        writeln!(out, "wrote {}:", shown(&file.to_string_lossy()))?;
        for name in names {
            writeln!(out, "  {name}")?;
        }
        writeln!(
            out,
            "Look at it before you pass it on: it should have no secrets and no personal data."
        )?;
        Ok(())
    }
}

/// The metrics of the running server, or why there are none.
fn metrics(config: &Config, public: &Public) -> String {
    let read = || -> Result<String> {
        let (agent, url) = match &public.url {
            Some(url) => {
                let agent = agent(url.starts_with("https:"), public.ca.as_deref())?;
                (agent, url.trim_end_matches('/').to_owned())
            }
            None => {
                let listen = config.settings.listen.to_string();
                let has_tls = config.settings.tls_cert.is_some();
                (local_agent(), local_url(&listen, has_tls)?)
            }
        };
        let url = format!("{url}/metrics");
        let request = agent
            .get(&url)
            .config()
            .timeout_global(Some(PATIENCE))
            .build();
        let mut response = request.call()?;
        anyhow::ensure!(response.status() == 200, "HTTP {}", response.status());
        Ok(response.body_mut().read_to_string()?)
    };
    match read() {
        Ok(text) if text.contains("wharfinger_") => text,
        Ok(_) => {
            "There are no metrics of a Wharfinger server at the address; name it with --url.\n"
                .into()
        }
        Err(error) => format!(
            "The metrics of the server could not be read ({error:#}). Name it with --url.\n"
        ),
    }
}

/// What the archive says about itself.
const README: &str = "\
Support bundle of Wharfinger, an order intake server.

settings.json   the settings in effect, without passwords
doctor.json     the results of `wharfinger doctor`, without what receivers of events have answered
machine.json    the machine: system, processors, memory
store.json      versions and statistics of the store, states of destinations without their addresses
metrics.txt     the metrics of the running server
log.ndjson      the end of its log

Left out, because it is secret or may be personal: orders, receipts, customers and products; API keys and every other secret; passwords;
codes and names of organisations (numbered instead: org-1, org-2, ...); e-mail addresses; IP addresses of clients; addresses,
headers and answers of destinations; the name of the machine; request ids that clients chose; log lines that are no JSON, except where
a panic happened.

Ids that the server made at random are kept (keys key_..., batches, destinations), because they help to find a line again. Names of
files and the host of the database are kept too.
";
