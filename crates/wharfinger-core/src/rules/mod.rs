//! Rules that hold orders for a person: CEL expressions over the canonical order.
//!
//! ```text
//!  name, when, sentence ──compile──▶ RuleSet        once, when rules are set or loaded
//!    when ──CEL──▶ tree ──check──▶ tree             names are known, operands fit, loops are bounded
//!  canonical order ──order──▶ values ──find──▶ Hold  the first rule that matches, or that fails
//! ```
//!
//! Amounts are compared as binary floating point: CEL has no decimals. Nothing that is stored is computed with them. The total of an
//! order is summed exactly, and converted once.
//!
//! An evaluation is bounded before it runs: a rule has a size, no loop is inside a loop, and the work of a rule on an order
//! is estimated. All rules share what may be done for an order, and all orders what may be done for a batch. A rule that fails on
//! an order holds it, and says why without the order's values.
//!
//! May import: `canonical`, `order`.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "CEL has more kinds of nodes, values and errors than rules use; the others are refused"
)]

mod calls;
mod check;
mod compile;
mod context;
mod cost;
mod reason;
mod rewrite;
mod shape;

use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};

use self::compile::Compiled;
pub use self::compile::RuleError;
use self::context::Subject;
pub use self::cost::BatchWork;
use self::cost::USED_UP;
use crate::canonical::Order;

/// Most rules of an organisation.
pub const RULES_MAX: usize = 50;
/// Most characters in the name of a rule.
pub const NAME_CHARS_MAX: usize = 100;
/// Most characters in the expression of a rule.
pub const WHEN_CHARS_MAX: usize = 2_000;
/// Most characters in the sentence of a rule.
pub const SENTENCE_CHARS_MAX: usize = 500;

/// A rule, as it was set.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// The name, unique among the rules of its organisation.
    pub name: String,
    /// The CEL expression. The rule holds orders for which it is true.
    pub when: String,
    /// Why the order is held, for people.
    pub sentence: String,
}

/// Why an order is held.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Hold {
    /// The name of the rule.
    pub rule: String,
    /// The sentence of the rule.
    pub sentence: String,
    /// Why the rule could not be evaluated. `None` if it matches the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The compiled rules of an organisation.
#[derive(Debug, Default)]
pub struct RuleSet {
    /// Each with its expression, or why it does not compile.
    rules: Vec<(Rule, Result<Compiled, String>)>,
    /// The regular expressions of all rules, by their positions in the calls.
    regexes: Arc<[Regex]>,
}

/// What an order is, beside its content.
#[derive(Clone, Copy, Debug)]
pub struct Of<'o> {
    /// The id of its dialect.
    pub dialect: &'o str,
    /// The code of its organisation.
    pub organisation: &'o str,
}

impl RuleSet {
    /// Compiles rules.
    ///
    /// # Errors
    /// There are too many, or one of them is too long, has the name of another, or does not compile.
    pub fn compile(rules: &[Rule]) -> Result<Self, RuleError> {
        compile::check_list(rules)?;
        let mut regexes = Vec::new();
        let compiled = rules.iter().enumerate().map(|(at, rule)| {
            let compiled = compiled(&rule.when, &mut regexes);
            let compiled = compiled.map_err(|fault| RuleError::of(at, "when", fault))?;
            Ok((rule.clone(), Ok(compiled)))
        });
        Ok(Self {
            rules: compiled.collect::<Result<_, _>>()?,
            regexes: regexes.into(),
        })
    }

    /// Everything that is wrong with rules: what is wrong with the list first, then each expression that does not compile. Empty if
    /// they compile.
    #[must_use]
    pub fn faults(rules: &[Rule]) -> Vec<RuleError> {
        let of_list = compile::check_list(rules).err();
        let of_expressions = rules
            .iter()
            .enumerate()
            .take(RULES_MAX)
            .filter_map(|(at, rule)| {
                // A text that is missing or too long is a fault of the list.
                let is_long = rule.when.chars().count() > WHEN_CHARS_MAX;
                if is_long || rule.when.trim().is_empty() {
                    return None;
                }
                let fault = compile::compile(&rule.when, 0).err()?;
                Some(RuleError::of(at, "when", fault))
            });
        of_list.into_iter().chain(of_expressions).collect()
    }

    /// Compiles stored rules. One that does not compile any more fails on every order, and so holds it.
    #[must_use]
    pub fn of_stored(rules: Vec<Rule>) -> Self {
        let mut regexes = Vec::new();
        let compiled = rules.into_iter().map(|rule| {
            let compiled = compiled(&rule.when, &mut regexes);
            let compiled = compiled.map_err(|(_, why)| format!("the rule does not compile: {why}"));
            (rule, compiled)
        });
        Self {
            rules: compiled.collect(),
            regexes: regexes.into(),
        }
    }

    /// The rules as they were set.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule)
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The first rule that holds an order, because it matches or because it fails. `None` if the order may go on.
    #[must_use]
    pub fn find(&self, order: &Order, of: Of<'_>, work: &mut BatchWork) -> Option<Hold> {
        self.each(order, of, work).next()
    }

    /// All rules that would hold an order, in their order.
    #[must_use]
    pub fn find_all(&self, order: &Order, of: Of<'_>, work: &mut BatchWork) -> Vec<Hold> {
        self.each(order, of, work).collect()
    }

    /// What holds an order whose batch has no work left: the first rule, because it cannot be evaluated.
    #[must_use]
    pub fn unevaluated(&self) -> Option<Hold> {
        let (rule, _) = self.rules.first()?;
        Some(Hold::of(rule, Some(USED_UP.to_owned())))
    }

    fn each<'r>(
        &'r self,
        order: &Order,
        of: Of<'_>,
        work: &'r mut BatchWork,
    ) -> impl Iterator<Item = Hold> + use<'r> {
        let mut compiled = self.rules.iter().filter_map(|(_, rule)| rule.as_ref().ok());
        let names_metadata = compiled.any(|rule| rule.names_metadata);
        let mut subject = Subject::new((order, of), names_metadata, &self.regexes);
        // If this is too much, each rule says so.
        let _ = work.take(subject.making());
        self.rules.iter().filter_map(move |(rule, compiled)| {
            let found = compiled.as_ref().map_err(Clone::clone);
            match found.and_then(|rule| subject.evaluate(rule, work)) {
                Ok(true) => Some(Hold::of(rule, None)),
                Ok(false) => None,
                Err(why) => Some(Hold::of(rule, Some(why))),
            }
        })
    }
}

impl Hold {
    fn of(rule: &Rule, error: Option<String>) -> Self {
        Self {
            rule: rule.name.clone(),
            sentence: rule.sentence.clone(),
            error,
        }
    }
}

/// Compiles an expression, and moves its regular expressions to those of all rules.
fn compiled(when: &str, regexes: &mut Vec<Regex>) -> Result<Compiled, compile::Placed> {
    let mut compiled = compile::compile(when, regexes.len())?;
    regexes.append(&mut compiled.regexes);
    Ok(compiled)
}

#[cfg(test)]
mod tests;
