//! What the operating system says of a process, of a directory and of the machine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

/// A tick of the times in `/proc/<pid>/stat`: the kernel always shows them to programs in hundredths.
const TICK: Duration = Duration::from_millis(10);
/// A process that used no tick for so long has finished what it had put off.
const QUIET: Duration = Duration::from_millis(60);
/// No longer than this is waited for it.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// CPU time that a process has used, in user and system mode, by all its threads.
pub(super) fn cpu(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a measured process has ended")?;
    cpu_of_stat(&stat).context("the system gives no CPU times")
}

/// Waits until processes have done what they put off while they were busy, and gives their CPU time then.
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

/// CPU time of a process, of its children, and of all children of theirs that have ended.
pub(super) fn cpu_of_family(process: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    // First the children: one that ends meanwhile is then counted by its parent, at the worst a second time.
    for child in children(process)? {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat"));
        sum += stat
            .ok()
            .and_then(|stat| cpu_of_stat(&stat))
            .unwrap_or_default();
    }
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a measured process has ended")?;
    // Behind its own two come those of its children that have ended.
    let own = ticks(&stat, 14, 4).context("the system gives no CPU times")?;
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
        // It may have ended since it was listed.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else {
            continue;
        };
        if field(&stat, 4).and_then(|parent| parent.parse().ok()) == Some(process) {
            children.push(id);
        }
    }
    Ok(children)
}

/// The process that started another one, where both run the same program: the first process of a server of many.
pub(super) fn parent_of_same_program(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let parent = field(&stat, 4)?.parse().ok()?;
    let program = |process: u32| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    (program(process)? == program(parent)?).then_some(parent)
}

/// True for a process that has not ended; one whose end nobody took notice of yet has.
pub(super) fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|stat| field(&stat, 3).is_some_and(|state| state != "Z" && state != "X"))
}

/// The sum of some fields that are ticks, from a field on.
fn ticks(stat: &str, first: usize, count: usize) -> Option<Duration> {
    let mut sum = 0;
    for number in first..first + count {
        sum += field(stat, number)?.parse::<u32>().ok()?;
    }
    Some(TICK * sum)
}

/// A field of `/proc/<pid>/stat` by its number; they are counted from behind the name, the second, which may hold anything.
fn field(stat: &str, number: usize) -> Option<&str> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(number - 3)
}

/// The most memory that a process has held, in bytes.
pub(super) fn memory_peak(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .context("a measured process has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.context("the system gives no peak of memory")? * 1_024)
}

/// Bytes of all files under a directory.
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

/// What figures were taken on; they mean nothing without it.
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
