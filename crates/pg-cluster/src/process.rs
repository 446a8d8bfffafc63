//! What the operating system reports about processes: CPU time, children, and whether they run. Linux only.

use std::time::Duration;

use anyhow::{Context, Result};

/// Unit of the times in `/proc/<pid>/stat`. The kernel always reports them to programs in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of a process, user and system, over all its threads.
///
/// # Errors
///
/// The process has ended, or the system does not report CPU times.
pub fn cpu(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .context("a measured process has ended")?;
    cpu_of_stat(&stat).context("the system does not report CPU times")
}

/// CPU time of the calling thread, user and system.
///
/// # Errors
///
/// The system does not report CPU times.
pub fn cpu_of_this_thread() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat")?;
    cpu_of_stat(&stat).context("the system does not report CPU times")
}

/// `utime` and `stime` are fields 14 and 15.
fn cpu_of_stat(stat: &str) -> Option<Duration> {
    ticks(stat, 14, 2)
}

/// CPU time of a process, its running children, and all of its children that have ended.
///
/// # Errors
///
/// The process has ended, or the system does not report CPU times.
pub fn cpu_of_family(process: u32) -> Result<Duration> {
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
///
/// # Errors
///
/// The system does not list its processes.
pub fn children(process: u32) -> Result<Vec<u32>> {
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
pub fn parent_of_same_program(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let parent = field(&stat, 4)?.parse().ok()?;
    let program = |process: u32| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    (program(process)? == program(parent)?).then_some(parent)
}

/// Whether a process is running. Zombies are not.
pub fn is_alive(process: u32) -> bool {
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
        assert!(cpu_of_this_thread().is_ok());
        assert!(is_alive(process));
    }
}
