//! The machine: open files, and the clock.

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use rustix::process::{Resource, getrlimit};

use super::super::open_files;
use super::finding::Report;
use crate::clock;
use crate::serve::config::Config;

/// Checks whether a server can open as many files as it needs. `server` is the process id of the running one, if there is one and
/// it is known: its limit may be another one than that of this command.
pub(super) fn check_open_files(report: &mut Report, config: &Config, server: Option<u32>) {
    let check = "open_files";
    let of_running = server.and_then(limit_of);
    let (limit, whose) = match of_running {
        Some(limit) => (limit, "the running server"),
        None => (getrlimit(Resource::Nofile).maximum, "this user"),
    };
    let own = open_files::of_server();
    let connections = u64::try_from(config.transport.connections_max).unwrap_or(u64::MAX);
    let wanted = own.saturating_add(connections);
    let Some(limit) = limit else {
        return report.ok(check, format!("{whose} may open any number of files"));
    };
    let told = format!(
        "{whose} may open {limit} files; a server needs {own}, and {wanted} to serve connections_max = {connections} connections"
    );
    let remedy = "raise it with LimitNOFILE= in the systemd unit, or with `ulimit -n` in a shell, or lower connections_max";
    if limit < own {
        report.fault(check, told, remedy);
    } else if limit < wanted {
        report.note(check, told, remedy);
    } else {
        report.ok(check, told);
    }
}

/// The most files that a process may open: `Some(None)` without a limit, `None` if it is unknown.
fn limit_of(process: u32) -> Option<Option<u64>> {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    // The hard limit: a server raises the other one to it.
    match line.split_whitespace().nth(4)? {
        "unlimited" => Some(None),
        limit => limit.parse().ok().map(Some),
    }
}

/// The process that holds a data directory. `None` if there is none, or the system does not tell.
pub(super) fn holder(directory: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let lock = std::fs::metadata(directory.join("server.lock")).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let mut holders = locks.lines().filter_map(|line| {
        // For example "7: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF".
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", process, place, ..] = words.as_slice() else {
            return None;
        };
        let inode: u64 = place.rsplit(':').next()?.parse().ok()?;
        (inode == lock.ino()).then(|| process.parse().ok())?
    });
    holders.next()
}

/// Years in which this program runs.
const YEARS: std::ops::Range<i16> = 2026..2100;
/// How far the wall clock may be from the monotonic one, over the time of the checks, in milliseconds.
const STEP_MAX_MS: u64 = 250;
/// How far the latest change may be ahead of the clock. Times are never further ahead of a server's clock.
const AHEAD_MAX_MS: i64 = 60_000;
/// A reading of both clocks counts if it took no longer, in milliseconds. A busy machine may interrupt it.
const READING_MAX_MS: i64 = 20;
/// Readings until one counts.
const READINGS_MAX: usize = 50;

/// Both clocks at one moment.
#[derive(Clone, Copy)]
struct Reading {
    monotonic: Instant,
    wall_ms: i64,
}

impl Reading {
    /// `None` if the machine is too busy to read both at one moment.
    fn take() -> Option<Self> {
        let mut readings = (0..READINGS_MAX).map(|_| {
            let wall_ms = clock::now_ms();
            let monotonic = Instant::now();
            let took_ms = clock::now_ms() - wall_ms;
            (0..=READING_MAX_MS)
                .contains(&took_ms)
                .then_some(Self { monotonic, wall_ms })
        });
        readings.find_map(|reading| reading)
    }
}

/// The clock when the checks began.
pub(super) struct Clock(Option<Reading>);

impl Clock {
    pub(super) fn begin() -> Self {
        Self(Reading::take())
    }

    /// Checks the clock. `latest_ms` is the time of the latest change of the store.
    pub(super) fn check(&self, report: &mut Report, latest_ms: Option<i64>) {
        let check = "clock";
        let remedy = "run a time service such as chrony, and see whether it is synchronised";
        let now_ms = clock::now_ms();
        let now = clock::rfc_3339(now_ms);
        let year = Timestamp::from_millisecond(now_ms).ok();
        let year = year.map(|now| now.to_zoned(jiff::tz::TimeZone::UTC).year());
        if !year.is_some_and(|year| YEARS.contains(&year)) {
            return report.fault(check, format!("the clock says {now}"), remedy);
        }
        if let Some(stepped_ms) = self.stepped_ms().filter(|ms| *ms > STEP_MAX_MS) {
            let told = format!("the clock was set by {stepped_ms} ms during these checks");
            return report.fault(check, told, remedy);
        }
        if let Some(latest_ms) = latest_ms
            && latest_ms > now_ms + AHEAD_MAX_MS
        {
            let latest = clock::rfc_3339(latest_ms);
            let told =
                format!("the clock says {now}, but the latest change of the store is of {latest}");
            let remedy = "the clock was ahead, or is behind now: run a time service such as chrony";
            return report.fault(check, told, remedy);
        }
        report.ok(
            check,
            format!("it is {now}, and the clock was not set during these checks"),
        );
    }

    /// By how much the wall clock was set since the beginning, against the monotonic clock. `None` if that cannot be told.
    fn stepped_ms(&self) -> Option<u64> {
        let (began, now) = (self.0?, Reading::take()?);
        let passed = now.monotonic.duration_since(began.monotonic).as_millis();
        let passed_ms = i64::try_from(passed).ok()?;
        Some((now.wall_ms - began.wall_ms - passed_ms).unsigned_abs())
    }
}
