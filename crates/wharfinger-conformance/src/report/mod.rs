//! What a run found: for people, as JSON lines, and as JUnit XML.

mod junit;

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::junit::write as write_junit;
use crate::case::Rule;
use crate::play::{Played, StepDifference, Verdict};
use crate::text::{json_line, shown};

/// One case of a report.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    pub(crate) dialect: String,
    pub(crate) case: String,
    /// `passed`, `differs` or `skipped`.
    pub(crate) result: &'static str,
    /// What the case is about.
    pub(crate) rule: Option<String>,
    /// Where the rule stands.
    pub(crate) source: Option<String>,
    /// Why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// What differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) differences: Vec<StepDifference>,
    /// How long it took.
    pub(crate) milliseconds: u128,
}

impl Record {
    pub(crate) fn of(played: Played<'_>) -> Self {
        let (result, reason, differences) = match played.verdict {
            Verdict::Passed => ("passed", None, Vec::new()),
            Verdict::Differs(differences) => ("differs", None, differences),
            Verdict::Skipped(reason) => ("skipped", Some(reason), Vec::new()),
        };
        let rule = |part: fn(&Rule) -> &String| played.rule.map(|rule| part(rule).clone());
        Self {
            dialect: played.case.dialect.clone(),
            case: played.case.name.clone(),
            result,
            rule: rule(|rule| &rule.topic),
            source: rule(|rule| &rule.source),
            reason,
            differences,
            milliseconds: played.took.as_millis(),
        }
    }

    /// Writes a case that differs, for people. Other cases are counted at the end.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<()> {
        if self.differences.is_empty() {
            return Ok(());
        }
        writeln!(out, "differs  {}/{}", self.dialect, self.case)?;
        let mut step = 0;
        for found in &self.differences {
            if found.step != step {
                step = found.step;
                writeln!(out, "  step {step}: {}", shown(&found.request))?;
            }
            writeln!(out, "    {}", shown(&found.difference.to_string()))?;
        }
        if let (Some(rule), Some(source)) = (&self.rule, &self.source) {
            writeln!(out, "  rule: {rule} ({source})")?;
        }
        writeln!(out)?;
        Ok(())
    }
}

/// The last line of a report.
#[derive(Debug, Serialize)]
struct Summary {
    cases: usize,
    passed: usize,
    differ: usize,
    skipped: usize,
}

/// Writes what was skipped and why, and the counts. Returns whether nothing differs.
pub(crate) fn write_end(records: &[Record], is_json: bool, out: &mut dyn Write) -> Result<bool> {
    let count = |result: &str| {
        records
            .iter()
            .filter(|record| record.result == result)
            .count()
    };
    let summary = Summary {
        cases: records.len(),
        passed: count("passed"),
        differ: count("differs"),
        skipped: count("skipped"),
    };
    if is_json {
        writeln!(out, "{}", json_line(&summary)?)?;
        return Ok(summary.differ == 0);
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        if let Some(reason) = &record.reason {
            reasons.entry(reason).or_default().push(&record.case);
        }
    }
    for (reason, cases) in reasons {
        let few: Vec<&str> = cases.iter().take(3).copied().collect();
        let more = if cases.len() > few.len() { ", …" } else { "" };
        let (count, few) = (cases.len(), few.join(", "));
        writeln!(out, "skipped  {count}: {} ({few}{more})", shown(reason))?;
    }
    let Summary {
        cases,
        passed,
        differ,
        skipped,
    } = summary;
    writeln!(
        out,
        "{cases} cases: {passed} passed, {differ} differ, {skipped} skipped"
    )?;
    Ok(differ == 0)
}
