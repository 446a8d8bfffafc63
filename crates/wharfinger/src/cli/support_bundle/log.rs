//! The end of a log, line by line. Of each line, the fields are kept that are known to be harmless.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::scrub::Scrubber;

/// Bytes of the log that are read, from its end.
const BYTES_MAX: u64 = 4 << 20;

/// Texts that are kept, without what may be secret or personal in them. Most are made by the server, from closed lists or at random.
const KEPT: [&str; 16] = [
    "timestamp",
    "level",
    "target",
    "message",
    "method",
    "dialect",
    "operation",
    "key",
    "batch",
    "id",
    "result",
    "error",
    "failure",
    "fault",
    "reason",
    "limit",
];

/// The end of the log, as lines of JSON. Says so if there is none.
pub(super) fn tail(file: Option<&Path>, scrubber: &Scrubber) -> Result<String> {
    let Some(file) = file else {
        let why = "no log was named; use --log-file FILE, or `journalctl -u wharfinger -o cat | wharfinger support-bundle --log-file -`";
        return Ok(json!({ "message": why }).to_string() + "\n");
    };
    let bytes = end_of(file).with_context(|| format!("cannot read the log {}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let (mut kept, mut left_out) = (String::new(), 0_u64);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    for line in lines {
        match harmless(line, scrubber) {
            Some(line) => {
                kept.push_str(&line);
                kept.push('\n');
            }
            None => left_out += 1,
        }
    }
    let last = json!({ "message": "end of the log", "lines_left_out": left_out });
    Ok(kept + &last.to_string() + "\n")
}

/// The last bytes of a file.
fn end_of(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        let mut input = std::io::stdin().lock();
        let mut chunk = vec![0; 1 << 16];
        // Only the end is kept, however long it is.
        loop {
            let length = input.read(&mut chunk)?;
            if length == 0 {
                break;
            }
            bytes.extend_from_slice(&chunk[..length]);
            let most = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX);
            if bytes.len() > 2 * most {
                bytes.drain(..bytes.len() - most);
            }
        }
        return Ok(bytes);
    }
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES_MAX)))?;
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is kept of a line. `None` if nothing is.
fn harmless(line: &str, scrubber: &Scrubber) -> Option<String> {
    // The journal may put its own words before it.
    let json = &line[line.find('{').unwrap_or(line.len())..];
    let Ok(Value::Object(fields)) = serde_json::from_str(json) else {
        return panic_place(line);
    };
    let mut kept = Map::new();
    for (name, value) in fields {
        let value = match value {
            Value::Number(_) | Value::Bool(_) | Value::Null => value,
            Value::String(text) => harmless_text(&name, &text, scrubber).into(),
            Value::Array(_) | Value::Object(_) => continue,
        };
        kept.insert(name, value);
    }
    Some(Value::Object(kept).to_string())
}

fn harmless_text(name: &str, text: &str, scrubber: &Scrubber) -> String {
    match name {
        _ if KEPT.contains(&name) => scrubber.text(text),
        "organisation" => scrubber.organisation(text),
        // The client may have chosen it.
        "request_id" if Uuid::parse_str(text).is_ok() => text.to_owned(),
        _ => "<left out>".into(),
    }
}

/// Where in the source a panic happened. Its message is left out.
fn panic_place(line: &str) -> Option<String> {
    let (_, place) = line.split_once("panicked at ")?;
    let is_of_path = |letter: &char| letter.is_ascii_alphanumeric() || "/._-:".contains(*letter);
    let place = String::from_iter(place.chars().take_while(is_of_path));
    Some(json!({ "message": format!("panicked at {}", place.trim_end_matches(':')) }).to_string())
}
