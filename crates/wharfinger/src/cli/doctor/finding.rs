//! What a check has found, and how it is told.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use wharfinger_client::terminal::shown;

/// How much a result matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum Level {
    /// It is as it should be.
    Ok,
    /// Worth knowing, or to be decided by the operator.
    Note,
    /// Something is wrong.
    Fault,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Fault => "FAULT",
        }
    }
}

/// The result of a check.
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Finding {
    /// The check.
    pub(in super::super) check: &'static str,
    /// How much it matters.
    pub(in super::super) level: Level,
    /// What was found, in a sentence.
    pub(in super::super) message: String,
    /// What to do about it. Absent if it is as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) remedy: Option<String>,
}

/// The results of all checks.
#[derive(Debug, Default, Serialize)]
pub(in super::super) struct Report {
    pub(in super::super) checks: Vec<Finding>,
}

impl Report {
    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.checks.push(Finding {
            check,
            level: Level::Ok,
            message: message.into(),
            remedy: None,
        });
    }

    pub(super) fn note(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.bad(Level::Note, check, (message.into(), remedy.into()));
    }

    pub(super) fn fault(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.bad(Level::Fault, check, (message.into(), remedy.into()));
    }

    /// Adds a result that is not as it should be.
    pub(super) fn bad(
        &mut self,
        level: Level,
        check: &'static str,
        (message, remedy): (String, String),
    ) {
        self.checks.push(Finding {
            check,
            level,
            message,
            remedy: Some(remedy),
        });
    }

    /// How many checks have this level.
    pub(in super::super) fn count(&self, level: Level) -> usize {
        let of_level = self.checks.iter().filter(|finding| finding.level == level);
        of_level.count()
    }

    /// Writes it for people: a line for each check, and the remedy below it.
    pub(in super::super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        for finding in &self.checks {
            let (level, check) = (finding.level.name(), finding.check);
            writeln!(out, "{level:<5}  {check:<20} {}", shown(&finding.message))?;
            if let Some(remedy) = &finding.remedy {
                writeln!(out, "{:28}→ {}", "", shown(remedy))?;
            }
        }
        let checks = self.checks.len();
        let [faults, notes] = [Level::Fault, Level::Note].map(|level| self.count(level));
        writeln!(out, "\n{checks} checks, {faults} faults, {notes} notes")?;
        Ok(())
    }
}

/// Bytes as people read them.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{count} bytes"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}
