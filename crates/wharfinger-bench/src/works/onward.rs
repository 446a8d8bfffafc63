//! onward: destinations. How fast events leave, what that costs intake, and whether destinations that do not work delay the others.

mod beside;
mod neighbours;
mod rates;
mod seen;
mod watch;

use anyhow::Result;

use crate::Settings;
use crate::report::Finding;
use crate::schedule::Schedule;

/// Measures everything about destinations.
pub(crate) fn onward(schedule: &Schedule, settings: &Settings) -> Result<Vec<Finding>> {
    let mut findings = rates::rates(schedule, settings.database_server.as_deref())?;
    findings.extend(beside::beside(schedule)?);
    findings.push(neighbours::neighbours(schedule, settings.now_ms)?);
    Ok(findings)
}
