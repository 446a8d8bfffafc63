//! `wharfinger doctor`: checks a store, its machine and its settings, beside a running server or alone. Changes nothing.

mod disk;
mod files;
mod finding;
mod machine;
mod options;
mod postgres;
mod public;
mod store;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

pub(super) use self::disk::unusual_kind;
pub(super) use self::finding::{Level, Report};
use self::machine::Clock;
pub(super) use self::options::StoreSettings;
use super::write_json;
use crate::access::rules::{SPAN_FORM, span};
use crate::clock;
use crate::serve::config::Config;
use crate::serve::tls::Files;
use crate::store::{Inspection, Location, RESTORING, Store};

/// A certificate that ends so soon is a fault, in seconds.
const CERTIFICATE_LEFT_S: i64 = 14 * 24 * 60 * 60;

#[derive(Args, Debug)]
#[command(
    after_help = "Checks the disk, open files, the clock, permissions, the database's settings, versions, the age of the last backup, \
certificates and destinations, and says what to do about each fault. Changes nothing, and works beside a running server. Takes \
every setting of `wharfinger serve`: run it with the same ones, as the same user. The exit status is 1 if something is wrong.\n\n\
Example: wharfinger doctor --config /etc/wharfinger/wharfinger.toml --url https://orders.example.com"
)]
pub(super) struct Doctor {
    #[command(flatten)]
    settings: StoreSettings,
    #[command(flatten)]
    public: Public,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// What is checked besides the settings.
#[derive(Args, Debug)]
pub(super) struct Public {
    /// URL by which clients reach the server: also checks what a proxy in front of it passes on, and its certificate
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// PEM file with the CA of the certificate there [default: those that the system trusts]
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(super) ca: Option<PathBuf>,
    /// How old the last backup may be: 90d, 12h, 30m
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    pub(super) backup_within: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    span(text).ok_or_else(|| format!("expected {SPAN_FORM}"))
}

impl Doctor {
    /// Runs the checks. Blocks until they are done.
    pub(super) fn run(self, out: &mut dyn Write) -> Result<()> {
        let config = self.settings.resolve()?;
        let (report, _) = examine(&config, &self.public);
        let [faults, notes] = [Level::Fault, Level::Note].map(|level| report.count(level));
        if self.json {
            let result = json!({
                "version": env!("CARGO_PKG_VERSION"),
                "store": config.location.to_string(),
                "faults": faults,
                "notes": notes,
                "checks": report.checks,
            });
            write_json(out, &result)?;
        } else {
            report.write(out)?;
        }
        if faults > 0 {
            bail!("{faults} of {} checks found a fault", report.checks.len());
        }
        Ok(())
    }
}

/// Runs all checks. Also returns what was found in the store, if it could be reached.
pub(super) fn examine(config: &Config, public: &Public) -> (Report, Option<Inspection>) {
    let clock = Clock::begin();
    let mut report = Report::default();
    let version = env!("CARGO_PKG_VERSION");
    report.ok("program", format!("this is wharfinger {version}"));
    let found = match Store::inspect(&config.location) {
        Ok(found) => {
            store::check(&mut report, &found, public.backup_within);
            Some(found)
        }
        Err(_) if is_half_restored(&config.location) => {
            let told = format!(
                "{} has an unfinished restore, and no store yet",
                config.location
            );
            let remedy =
                "if no `wharfinger restore` is running, delete the directory and restore again";
            report.fault("store", told, remedy);
            None
        }
        Err(error) => {
            let told = format!("cannot read the store in {}: {error}", config.location);
            let remedy = "name the store with --data or --database, as for the server, and run this as its user";
            report.fault("store", told, remedy);
            None
        }
    };
    let mut server = None;
    if let Location::Directory(directory) = &config.location
        && directory.is_dir()
    {
        disk::check(&mut report, directory, config.settings.disk_reserve_bytes);
        files::check_directory(&mut report, directory);
        server = machine::holder(directory);
    }
    files::check_secrets(&mut report, &config.settings);
    machine::check_open_files(&mut report, config, server);
    let content = found.as_ref().and_then(|found| found.content.as_ref());
    let content = content.and_then(|content| content.as_ref().ok());
    clock.check(&mut report, content.map(|content| content.latest_ms));
    certificate(&mut report, config);
    if let Some(url) = &public.url {
        public::check(&mut report, url, public.ca.as_deref());
    }
    (report, found)
}

/// Whether the store is a data directory that a restore works in, or was interrupted in.
fn is_half_restored(location: &Location) -> bool {
    matches!(location, Location::Directory(directory) if directory.join(RESTORING).exists())
}

/// The report without what receivers of events have answered. `found` has it no more.
pub(super) fn without_texts(mut report: Report, found: &Inspection) -> Report {
    report
        .checks
        .retain(|finding| finding.check != store::DESTINATIONS);
    if let Some(Ok(content)) = &found.content {
        store::destinations(&mut report, content, store::server_of(found));
    }
    report
}

/// Checks the certificate that the settings name.
fn certificate(report: &mut Report, config: &Config) {
    let check = "certificate";
    let settings = &config.settings;
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return;
    };
    let files = Files {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    match files.end() {
        Err(why) => {
            let remedy = "correct the files; a running server keeps the certificate that it has";
            report.fault(check, why, remedy);
        }
        Ok((_, Some(fault))) => {
            report.fault(check, fault, "see why the certificate was not renewed");
        }
        Ok((ends_at_s, None)) => ends(report, check, ends_at_s),
    }
}

/// Tells when a certificate that is valid now ends.
fn ends(report: &mut Report, check: &'static str, ends_at_s: i64) {
    let ends_at_ms = ends_at_s.saturating_mul(1_000);
    let left_s = ends_at_ms.saturating_sub(clock::now_ms()) / 1_000;
    let days = left_s / (24 * 60 * 60);
    let told = format!(
        "the certificate is valid until {}, for {days} days",
        clock::rfc_3339(ends_at_ms)
    );
    if left_s < CERTIFICATE_LEFT_S {
        report.fault(
            check,
            told,
            "see why the certificate was not renewed; clients refuse it once it has ended",
        );
    } else {
        report.ok(check, told);
    }
}
