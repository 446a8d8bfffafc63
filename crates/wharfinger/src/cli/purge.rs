//! `wharfinger purge`: deletes old orders from the store.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use wharfinger_core::order::ids::OrganisationId;

use super::{KeptIn, directory, write_json};
use crate::clock;

/// Delete old processed and cancelled orders with their history
#[derive(Args, Debug)]
#[command(
    after_help = "Deletes the orders that are processed or cancelled and have not changed since DATE, with every\n\
revision, state change and fulfilment report. Then deletes the receipts of older batches that have\n\
no orders left, and older entries of the audit log about changes of orders. A server may be running\n\
on the store. To resume an interrupted purge, run the same command again. A purge cannot be undone.\n\n\
Example: wharfinger purge --before 2025-01-01"
)]
pub(super) struct Purge {
    /// Orders that changed at this time or later are kept: yyyy-mm-dd (midnight UTC), or an RFC 3339 time
    #[arg(long, value_name = "DATE", value_parser = moment)]
    before: Timestamp,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: KeptIn,
}

/// Parses a date, which means its first moment in UTC, or a moment.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let day = Date::strptime("%Y-%m-%d", text).ok();
    let moment = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    let moment = moment.map(|moment| moment.timestamp());
    moment.ok_or_else(|| "not a date such as 2025-01-01 or 2025-01-01T09:30:00Z".into())
}

impl Purge {
    pub(super) async fn run(self, out: &mut dyn Write) -> Result<()> {
        let before_ms = self.before.as_millisecond();
        if before_ms > clock::now_ms() {
            bail!("{} is in the future; give a date in the past", self.before);
        }
        let store = self.data.open()?;
        let report = store.purge(before_ms).await?;
        let known = directory(store.as_ref()).await?;
        // Organisations are never deleted. If one were, its id would still identify it.
        let code = |id: OrganisationId| {
            let mut organisations = known.organisations.values();
            let found = organisations.find(|organisation| organisation.id == id);
            found.map_or_else(
                || id.0.to_string(),
                |organisation| organisation.code.clone(),
            )
        };
        let mut removed = Vec::new();
        for of in &report.organisations {
            removed.push((code(of.organisation), of.orders, of.events));
        }
        store.close().await;
        if self.json {
            let organisations = removed.iter().map(|(code, orders, events)| {
                serde_json::json!({ "organisation": code, "orders": orders, "events": events })
            });
            let organisations: Vec<_> = organisations.collect();
            let line = serde_json::json!({
                "organisations": organisations,
                "receipts": report.batches,
                "audit": report.audit,
            });
            return write_json(out, &line);
        }
        for (code, orders, events) in removed {
            writeln!(out, "{code}: deleted {orders} orders and {events} events")?;
        }
        writeln!(out, "deleted {} receipts", report.batches)?;
        let audit = report.audit;
        writeln!(
            out,
            "deleted {audit} entries of the audit log about changes of orders"
        )?;
        Ok(())
    }
}
