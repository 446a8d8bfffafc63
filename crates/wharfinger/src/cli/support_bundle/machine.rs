//! Facts about the machine. Its name is left out.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::serve::config::Config;
use crate::store::Location;

/// The facts, as JSON.
pub(super) fn told(config: &Config) -> Result<String> {
    let of_kernel = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        text.unwrap_or_default().trim().to_owned()
    };
    let file_system = match &config.location {
        Location::Directory(directory) => super::super::doctor::unusual_kind(directory),
        Location::Database(_) => None,
    };
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let told = json!({
        "program": env!("CARGO_PKG_VERSION"),
        "system": of_kernel("ostype"),
        "kernel": of_kernel("osrelease"),
        "machine": std::env::consts::ARCH,
        "distribution": distribution(),
        "processors": processors,
        "memory": memory(),
        "load": std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
        "unusual_file_system": file_system,
    });
    Ok(serde_json::to_string_pretty(&told)?)
}

/// Its name and version.
fn distribution() -> Option<String> {
    let text = std::fs::read_to_string("/etc/os-release").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

/// The sizes that matter, as the kernel writes them.
fn memory() -> Value {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let wanted = ["MemTotal", "MemAvailable", "SwapTotal", "SwapFree"];
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.filter(|(name, _)| wanted.contains(name));
    let sizes = lines.map(|(name, size)| (name.to_owned(), size.trim().into()));
    Value::Object(Map::from_iter(sizes))
}
