//! Operating system statistics of processes, directories and the machine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
pub(crate) use pg_cluster::process::{
    cpu, cpu_of_family, cpu_of_this_thread, parent_of_same_program,
};
use serde::Serialize;

/// A process that uses no CPU for this long has finished its deferred work.
const QUIET: Duration = Duration::from_millis(60);
/// Longest wait for that.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// Waits until processes have finished their deferred work, and returns their CPU time.
pub(crate) fn when_quiet(cpu: impl Fn() -> Result<Duration>) -> Result<Duration> {
    let begin = Instant::now();
    let mut before = cpu()?;
    loop {
        std::thread::sleep(QUIET);
        let now = cpu()?;
        if now == before || begin.elapsed() > QUIET_WITHIN {
            return Ok(now);
        }
        before = now;
    }
}

/// Bytes that a process has handed to the system's calls for writing, to files and to some sockets.
pub(crate) fn written_bytes(process: u32) -> Result<u64> {
    let io = std::fs::read_to_string(format!("/proc/{process}/io"))
        .context("the system does not tell what a measured process wrote")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar:"));
    let bytes = line.and_then(|line| line.trim().parse().ok());
    bytes.context("the system does not report written bytes")
}

/// Peak memory of a process, in bytes.
pub(crate) fn memory_peak(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .context("a measured process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("the system does not report peak memory")? * 1_024)
}

/// Total size of all files under a directory, in bytes.
pub(crate) fn disk_bytes(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

/// The machine that figures were measured on. They mean nothing without it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) cpu: String,
    pub(crate) kernel: String,
    pub(crate) program: &'static str,
    pub(crate) is_optimised: bool,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpus = read("/proc/cpuinfo");
        let cpu = cpus.lines().find(|line| line.starts_with("model name"));
        let cpu = cpu.and_then(|line| line.split_once(':'));
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: cpu.map_or("unknown", |(_, name)| name.trim()).to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            program: env!("CARGO_PKG_VERSION"),
            is_optimised: !cfg!(debug_assertions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let process = std::process::id();
        assert!(memory_peak(process).unwrap() > 0);
        let before = written_bytes(process).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &[0; 5_000]).unwrap();
        assert!(written_bytes(process).unwrap() >= before + 5_000);
        assert!(Machine::this().cores > 0);
    }

    #[test]
    fn files_are_counted_in_folders_too() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("in")).unwrap();
        std::fs::write(directory.path().join("in/a"), [0; 10]).unwrap();
        std::fs::write(directory.path().join("b"), [0; 5]).unwrap();
        assert_eq!(disk_bytes(directory.path()).unwrap(), 15);
    }
}
