//! Receipts and results, as a server sends them, and their columns.

use serde::Deserialize;

use crate::table::Column;

/// A receipt.
#[derive(Debug, Deserialize)]
pub(super) struct Receipt {
    id: String,
    dialect: String,
    organisations: Vec<String>,
    organisations_total: u64,
    key_id: String,
    received_at: String,
    duration_ms: u64,
    status: String,
    received: u64,
    accepted: u64,
    updated: u64,
    unchanged: u64,
    rejected: u64,
    withheld: u64,
    warned: u64,
    /// The batch whose orders it mends.
    mends: Option<String>,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Debug, Deserialize)]
struct Warning {
    index: u64,
    #[serde(flatten)]
    problem: Problem,
}

/// An error or a warning.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) pointer: String,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    /// The message, with what helps to mend it.
    pub(super) fn sentence(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.message),
            None => self.message.clone(),
        }
    }
}

impl Receipt {
    /// The organisations, and how many more there are.
    fn organisations(&self) -> String {
        let named = self.organisations.join(" ");
        let named_count = u64::try_from(self.organisations.len()).unwrap_or(u64::MAX);
        match self.organisations_total.saturating_sub(named_count) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    /// Everything, part by part.
    pub(super) fn parts(&self) -> Vec<(&'static str, String)> {
        let mut parts = vec![
            ("batch", self.id.clone()),
            ("status", self.status.clone()),
            ("dialect", self.dialect.clone()),
            ("organisations", self.organisations()),
            ("key", self.key_id.clone()),
            ("mends", self.mends.clone().unwrap_or_default()),
            ("received at", self.received_at.clone()),
            ("took", format!("{} ms", self.duration_ms)),
            ("orders", self.received.to_string()),
            ("accepted", self.accepted.to_string()),
            ("updated", self.updated.to_string()),
            ("unchanged", self.unchanged.to_string()),
            ("rejected", self.rejected.to_string()),
            ("withheld", self.withheld.to_string()),
            ("warned", self.warned.to_string()),
        ];
        for warning in &self.warnings {
            let Problem {
                pointer, message, ..
            } = &warning.problem;
            let text = format!("order {}  {pointer}  {message}", warning.index);
            parts.push(("warning", text));
        }
        parts
    }
}

/// The columns of a list of receipts.
pub(super) const RECEIPTS: &[Column<Receipt>] = &[
    ("BATCH", |receipt| receipt.id.clone()),
    ("RECEIVED AT", |receipt| receipt.received_at.clone()),
    ("STATUS", |receipt| receipt.status.clone()),
    ("DIALECT", |receipt| receipt.dialect.clone()),
    ("ORDERS", |receipt| receipt.received.to_string()),
    ("ACCEPTED", |receipt| receipt.accepted.to_string()),
    ("UPDATED", |receipt| receipt.updated.to_string()),
    ("UNCHANGED", |receipt| receipt.unchanged.to_string()),
    ("REJECTED", |receipt| receipt.rejected.to_string()),
    ("WITHHELD", |receipt| receipt.withheld.to_string()),
    ("ORGANISATIONS", Receipt::organisations),
];

/// The outcome of one order of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct OrderResult {
    index: u64,
    line: Option<u64>,
    organisation: Option<String>,
    name: Option<String>,
    key: Option<String>,
    outcome: String,
    order_id: Option<String>,
    number: Option<u64>,
    revision: Option<u64>,
    #[serde(default)]
    errors: Vec<Problem>,
    #[serde(default)]
    warnings: Vec<Problem>,
}

impl OrderResult {
    /// What is to be said about the order: its errors, then its warnings.
    fn notes(&self) -> String {
        let errors = self.errors.iter().map(told);
        let warnings = self.warnings.iter();
        let warnings = warnings.map(|warning| format!("warning: {}", told(warning)));
        Vec::from_iter(errors.chain(warnings)).join("; ")
    }
}

fn told(problem: &Problem) -> String {
    let text = format!("{} {}", problem.pointer, problem.sentence());
    text.trim_start().to_owned()
}

/// An absent value as an empty cell.
pub(super) fn cell<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

/// The columns of a list of results.
pub(super) const RESULTS: &[Column<OrderResult>] = &[
    ("INDEX", |result| result.index.to_string()),
    ("LINE", |result| cell(result.line.as_ref())),
    ("ORGANISATION", |result| cell(result.organisation.as_ref())),
    ("NAME", |result| cell(result.name.as_ref())),
    ("KEY", |result| cell(result.key.as_ref())),
    ("OUTCOME", |result| result.outcome.clone()),
    ("ORDER", |result| cell(result.order_id.as_ref())),
    ("NUMBER", |result| cell(result.number.as_ref())),
    ("REVISION", |result| cell(result.revision.as_ref())),
    ("NOTES", OrderResult::notes),
];
