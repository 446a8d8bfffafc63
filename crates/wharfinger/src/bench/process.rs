//! Operating system statistics of processes, directories and the machine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

/// Unit of the times in `/proc/<pid>/stat`. The kernel always reports them to programs in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);
/// A process that uses no CPU for this long has finished its deferred work.
const QUIET: Duration = Duration::from_millis(60);
/// Longest wait for that.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// CPU time of a process, user and system, over all its threads.
pub(super) fn cpu(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a measured process has ended")?;
    cpu_of_stat(&stat).context("the system does not report CPU times")
}

/// Waits until processes have finished their deferred work, and returns their CPU time.
pub(super) fn when_quiet(cpu: impl Fn() -> Result<Duration>) -> Result<Duration> {
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

/// `utime` and `stime` are fields 14 and 15.
fn cpu_of_stat(stat: &str) -> Option<Duration> {
    ticks(stat, 14, 2)
}

/// CPU time of a process, its running children, and all of its children that have ended.
pub(super) fn cpu_of_family(process: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    // Children first: one that ends in between is then included in its parent, at worst twice.
    for child in children(process)? {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
        sum += stat
            .ok()
            .and_then(|stat| cpu_of_stat(&stat))
            .unwrap_or_default();
    }
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a measured process has ended")?;
    // The times of ended children follow the process's own two.
    let own = ticks(&stat, 14, 4).context("the system does not report CPU times")?;
    Ok(sum + own)
}

/// The children of a process.
pub(super) fn children(process: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // The process may have ended since it was listed.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
            continue;
        };
        if field(&stat, 4).and_then(|parent| parent.parse().ok()) == Some(process) {
            children.push(id);
        }
    }
    Ok(children)
}

/// The parent of a process, if both run the same program: the first process of a multi-process server.
pub(super) fn parent_of_same_program(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let parent = field(&stat, 4)?.parse().ok()?;
    let program = |process: u32| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    (program(process)? == program(parent)?).then_some(parent)
}

/// Whether a process is running. Zombies are not.
pub(super) fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| field(&stat, 3).is_some_and(|state| state != "Z" && state != "X"))
}

/// Sums `count` fields in ticks, starting at field `first`.
fn ticks(stat: &str, first: usize, count: usize) -> Option<Duration> {
    let mut sum = 0;
    for number in first..first + count {
        sum += field(stat, number)?.parse::<u32>().ok()?;
    }
    Some(TICK * sum)
}

/// A field of `/proc/<pid>/stat` by its number. Fields are counted from after the name (field 2), which may contain anything.
fn field(stat: &str, number: usize) -> Option<&str> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(number - 3)
}

/// Peak memory of a process, in bytes.
pub(super) fn memory_peak(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .context("a measured process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("the system does not report peak memory")? * 1_024)
}

/// Total size of all files under a directory, in bytes.
pub(super) fn disk_bytes(directory: &Path) -> Result<u64> {
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
pub(super) struct Machine {
    pub(super) cores: usize,
    pub(super) cpu: String,
    pub(super) kernel: String,
    pub(super) program: &'static str,
    pub(super) is_optimised: bool,
}

impl Machine {
    pub(super) fn this() -> Self {
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
    fn times_are_found_whatever_the_name_of_the_program() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 9 9 20 0 4 0 100 1 1";
        assert_eq!(cpu_of_stat(stat), Some(Duration::from_millis(1_750)));
    }

    #[test]
    fn this_process_can_be_read() {
        let process = std::process::id();
        assert!(cpu(process).is_ok());
        assert!(memory_peak(process).unwrap() > 0);
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
