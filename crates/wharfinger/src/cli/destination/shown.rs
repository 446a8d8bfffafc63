//! Destinations as they are printed.

use std::io::Write;

use anyhow::Result;
use serde_json::Value;

use crate::cli::{shown, write_json};
use crate::onward::view::DestinationView;

/// Prints a destination as a line.
pub(super) fn write_line(out: &mut dyn Write, view: &DestinationView, json: bool) -> Result<()> {
    if json {
        return write_json(out, view);
    }
    let organisations = organisations(view);
    let place = place(view);
    let still = if view.hint.is_some() {
        "  stands still"
    } else {
        ""
    };
    writeln!(
        out,
        "{}  {:<9} {:<9} {organisations:<20} {:>8} behind  {place}{still}",
        view.id, view.kind, view.state, view.lag.events
    )?;
    Ok(())
}

fn organisations(view: &DestinationView) -> String {
    let codes = view.organisations.as_ref();
    codes.map_or_else(|| "all".into(), |codes| codes.join(","))
}

/// Where it leads.
fn place(view: &DestinationView) -> String {
    let place = ["url", "directory"].into_iter();
    let mut place = place.filter_map(|name| view.settings.get(name).and_then(Value::as_str));
    shown(place.next().unwrap_or_default()).into_owned()
}

/// Prints all about a destination.
pub(super) fn write_view(out: &mut dyn Write, view: &DestinationView, json: bool) -> Result<()> {
    if json {
        return write_json(out, view);
    }
    let none = || "-".to_owned();
    writeln!(out, "id             {}", view.id)?;
    writeln!(out, "kind           {}", view.kind)?;
    for (name, value) in &view.settings {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        writeln!(out, "{name:<14} {}", shown(&value))?;
    }
    if let Some(secret) = &view.secret {
        writeln!(out, "secret         {secret}")?;
        writeln!(out, "               The secret is not shown again.")?;
    }
    if let Some(key) = &view.public_key {
        writeln!(out, "public key     {key}")?;
    }
    let events = view.events.as_ref();
    let events = events.map_or_else(|| "all".into(), |events| events.join(","));
    writeln!(out, "organisations  {}", organisations(view))?;
    writeln!(out, "events         {events}")?;
    writeln!(
        out,
        "form           {}",
        view.form.clone().unwrap_or_else(none)
    )?;
    writeln!(out, "state          {} since {}", view.state, view.since)?;
    let at = view.delivered_at.clone();
    let at = at.map_or_else(String::new, |at| format!(", the latest {at}"));
    writeln!(out, "delivered      {} events{at}", view.delivered)?;
    let seconds = view.lag.seconds;
    let age = seconds.map_or_else(String::new, |seconds| {
        format!(", the oldest {seconds} s old")
    });
    writeln!(out, "behind         {} events{age}", view.lag.events)?;
    writeln!(out, "parked         {} order keys", view.parked)?;
    writeln!(
        out,
        "cursor         {}",
        view.cursor.clone().unwrap_or_else(none)
    )?;
    if let Some(hint) = &view.hint {
        let since = hint.since.as_ref();
        let since = since.map_or_else(String::new, |since| format!(" (since {since})"));
        writeln!(out, "hint           {}{since}", shown(&hint.what))?;
        writeln!(out, "               {}", hint.remedy)?;
    }
    Ok(())
}
