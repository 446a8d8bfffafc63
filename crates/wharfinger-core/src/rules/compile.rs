//! From the text of a rule to an expression that can be evaluated with bounded work.

use std::collections::HashSet;
use std::sync::LazyLock;

use cel::parser::Expression;
use cel::{Env, Program};
use regex::Regex;

use super::check;
use super::cost::Cost;
use super::{NAME_CHARS_MAX, RULES_MAX, Rule, SENTENCE_CHARS_MAX, WHEN_CHARS_MAX};

/// Most operators, brackets, dots and commas in an expression. The parser needs stack for each, whatever it reports afterwards.
const PUNCTUATION_MAX: usize = 200;
/// Most brackets inside one another.
const BRACKETS_MAX: usize = 16;

/// The functions and macros of CEL. Without optional values, which nothing here needs.
static ENV: LazyLock<Env> = LazyLock::new(|| Env::stdlib().with_optional_support(false));

/// An expression that is ready to be evaluated.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) expression: Expression,
    /// The regular expressions, in the order of their positions in the calls. Taken when the rule becomes one of a set.
    pub(super) regexes: Vec<Regex>,
    /// How much work it is.
    pub(super) cost: Cost,
    /// The attributes that it names, such as `order.customer.email`.
    pub(super) names: Vec<Vec<String>>,
    /// Whether it names data of the sender.
    pub(super) names_metadata: bool,
}

/// Why an expression does not compile.
#[derive(Debug)]
pub(super) struct Fault {
    /// The position in characters, from 0.
    pub(super) at: usize,
    /// What is wrong.
    pub(super) message: String,
}

/// Why rules were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError {
    /// The position of the rule in the list. `None` if the list as a whole is refused.
    pub rule: Option<usize>,
    /// The attribute of the rule: `name`, `when` or `sentence`.
    pub attribute: &'static str,
    /// The line and the column in the expression, from 1.
    pub place: Option<(usize, usize)>,
    /// What is wrong, as a sentence without the place.
    pub message: String,
}

impl RuleError {
    pub(super) fn of(
        rule: usize,
        attribute: &'static str,
        fault: (Option<(usize, usize)>, String),
    ) -> Self {
        let (place, message) = fault;
        Self {
            rule: Some(rule),
            attribute,
            place,
            message,
        }
    }

    /// A JSON pointer to the attribute, in `{"rules": […]}`.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self.rule {
            Some(rule) => format!("/rules/{rule}/{}", self.attribute),
            None => "/rules".to_owned(),
        }
    }
}

/// Such as `rule 1, when, line 1 column 7: unknown attribute …`. Rules are counted from 1.
impl std::fmt::Display for RuleError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(rule) = self.rule {
            write!(out, "rule {}, {}", rule + 1, self.attribute)?;
            if let Some((line, column)) = self.place {
                write!(out, ", line {line} column {column}")?;
            }
            write!(out, ": ")?;
        }
        write!(out, "{}", self.message)
    }
}

impl std::error::Error for RuleError {}

/// Checks what does not concern expressions: the number of rules, their names, and the lengths of texts.
pub(super) fn check_list(rules: &[Rule]) -> Result<(), RuleError> {
    if rules.len() > RULES_MAX {
        return Err(RuleError {
            rule: None,
            attribute: "rules",
            place: None,
            message: format!("there must not be more than {RULES_MAX} rules"),
        });
    }
    let mut names = HashSet::new();
    for (at, rule) in rules.iter().enumerate() {
        let refuse =
            |attribute, message: String| Err(RuleError::of(at, attribute, (None, message)));
        for (attribute, text, most) in [
            ("name", &rule.name, NAME_CHARS_MAX),
            ("when", &rule.when, WHEN_CHARS_MAX),
            ("sentence", &rule.sentence, SENTENCE_CHARS_MAX),
        ] {
            if text.trim().is_empty() {
                return refuse(attribute, "is required".into());
            }
            if text.chars().count() > most {
                return refuse(
                    attribute,
                    format!("must not be longer than {most} characters"),
                );
            }
            let is_line = attribute != "when";
            if text
                .chars()
                .any(|c| c.is_control() && (is_line || !c.is_ascii_whitespace()))
            {
                return refuse(attribute, "must not contain control characters".into());
            }
        }
        if !names.insert(rule.name.as_str()) {
            return refuse(
                "name",
                "is the name of an earlier rule; each rule needs its own".into(),
            );
        }
    }
    Ok(())
}

/// Why an expression does not compile, with the line and the column.
pub(super) type Placed = (Option<(usize, usize)>, String);

/// Compiles an expression. Its first regular expression gets the position `first_regex`.
pub(super) fn compile(when: &str, first_regex: usize) -> Result<Compiled, Placed> {
    let placed = |fault: Fault| (Some(line_and_column(when, fault.at)), fault.message);
    check_size(when).map_err(placed)?;
    let program = ENV.compile(when).map_err(|errors| {
        let first = errors.errors.first();
        let place = first.and_then(|error| place_of(error.pos));
        let message = first.map_or_else(
            || "is not an expression".into(),
            |error| parser_message(&error.msg),
        );
        (place, message)
    })?;
    compiled(&program, first_regex).map_err(placed)
}

fn compiled(program: &Program, first_regex: usize) -> Result<Compiled, Fault> {
    check::check((program.expression(), program.source_info()), first_regex)
}

/// Refuses what could exhaust the parser's stack.
fn check_size(when: &str) -> Result<(), Fault> {
    let (mut punctuation, mut brackets) = (0, 0_usize);
    let mut quote = None;
    let mut is_escaped = false;
    for (at, character) in when.chars().enumerate() {
        if let Some(ending) = quote {
            if is_escaped {
                is_escaped = false;
            } else if character == '\\' {
                is_escaped = true;
            } else if character == ending {
                quote = None;
            }
            continue;
        }
        match character {
            '"' | '\'' => quote = Some(character),
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            _ => {}
        }
        punctuation += usize::from(character.is_ascii_punctuation() && character != '_');
        if punctuation > PUNCTUATION_MAX {
            let message = format!(
                "has more than {PUNCTUATION_MAX} operators and brackets; split it into several rules"
            );
            return Err(Fault { at, message });
        }
        if brackets > BRACKETS_MAX {
            let message = format!("has more than {BRACKETS_MAX} brackets inside one another");
            return Err(Fault { at, message });
        }
    }
    Ok(())
}

/// The first line of what the parser says, without its prefix.
fn parser_message(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    let line = line.strip_prefix("Syntax error: ").unwrap_or(line);
    let short: String = line.chars().take(200).collect();
    if short.is_empty() {
        "is not an expression".to_owned()
    } else {
        short
    }
}

fn place_of((line, column): (isize, isize)) -> Option<(usize, usize)> {
    let line = usize::try_from(line).ok()?;
    let column = usize::try_from(column).ok()?;
    (line > 0).then_some((line, column.max(1)))
}

/// The line and the column of a character, from 1.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before: Vec<char> = text.chars().take(at).collect();
    let line = before.iter().filter(|c| **c == '\n').count() + 1;
    let column = before.iter().rev().take_while(|c| **c != '\n').count() + 1;
    (line, column)
}
