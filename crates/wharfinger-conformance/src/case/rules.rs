//! What the cases of a dialect are about: the file `RULES` of a folder `cases`.
//!
//! A line is `NUMBERS | what the rule says | where it stands`, such as `0001-0018 | one order: routes | https://…`.
//! A line `keys NAME …` names the attributes that hold an order key. A line `own TEXT` says which cases need an organisation
//! without other orders, because they list orders or the server gives numbers: those with this text in their name, in the first
//! line of a request, or in a response. A line that begins with `#` is a comment.

use super::Case;

/// What the cases of a dialect are about.
#[derive(Debug)]
pub struct Rules {
    /// The attributes that hold an order key.
    pub keys: Vec<String>,
    /// Texts of requests and responses that depend on other orders of the organisation, in lower case.
    own: Vec<String>,
    /// The rules, in the order of their cases.
    pub all: Vec<Rule>,
}

/// What some cases are about.
#[derive(Debug)]
pub struct Rule {
    /// The number of the first case.
    pub first: u32,
    /// The number of the last case.
    pub last: u32,
    /// What the rule says.
    pub topic: String,
    /// Where it stands: the vendor's page, or one of this project.
    pub source: String,
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// A line has another form, or the numbers of two lines overlap.
    pub fn of(text: &str) -> Result<Self, String> {
        let mut rules = Self {
            keys: Vec::new(),
            own: Vec::new(),
            all: Vec::new(),
        };
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(names) = line.strip_prefix("keys ") {
                rules.keys = names.split_whitespace().map(str::to_owned).collect();
                continue;
            }
            if let Some(text) = line.strip_prefix("own ") {
                rules.own.push(text.to_ascii_lowercase());
                continue;
            }
            let rule = rule(line).ok_or_else(|| format!("{line}: not NUMBERS | TOPIC | SOURCE"))?;
            if rules.all.last().is_some_and(|last| last.last >= rule.first) {
                return Err(format!(
                    "{line}: the numbers do not follow those of the line before"
                ));
            }
            rules.all.push(rule);
        }
        Ok(rules)
    }

    /// The rule that a case is about.
    #[must_use]
    pub fn find(&self, case: &Case) -> Option<&Rule> {
        let number = case.number()?;
        let mut rules = self.all.iter();
        rules.find(|rule| (rule.first..=rule.last).contains(&number))
    }

    /// Whether a case needs an organisation without other orders.
    #[must_use]
    pub fn needs_own(&self, case: &Case) -> bool {
        let mut own = self.own.iter();
        if own.any(|text| case.name.contains(text)) {
            return true;
        }
        case.exchanges().any(|(_, exchange)| {
            let first = format!("{} {}", exchange.method, exchange.target).to_ascii_lowercase();
            let response = exchange.expected.to_ascii_lowercase();
            let mut own = self.own.iter();
            own.any(|text| first.contains(text) || response.contains(text))
        })
    }
}

fn rule(line: &str) -> Option<Rule> {
    let mut parts = line.split(" | ").map(str::trim);
    let (numbers, topic, source) = (parts.next()?, parts.next()?, parts.next()?);
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    if parts.next().is_some() {
        return None;
    }
    Some(Rule {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
        topic: topic.to_owned(),
        source: source.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Dialect, dialects};

    #[test]
    fn every_case_has_a_rule_and_every_rule_a_case() {
        assert!(dialects().len() > 3);
        for id in dialects() {
            let dialect = Dialect::embedded(id).unwrap();
            assert!(dialect.cases.len() >= 50, "{id}");
            let mut unused: Vec<u32> = dialect.rules.all.iter().map(|rule| rule.first).collect();
            for case in &dialect.cases {
                let rule = dialect.rules.find(case);
                let rule = rule.unwrap_or_else(|| panic!("{id}: {} has no rule", case.name));
                unused.retain(|first| *first != rule.first);
                for (number, exchange) in case.exchanges() {
                    let golden = exchange.golden();
                    assert!(golden.is_ok(), "{id}: {}, step {number}", case.name);
                }
            }
            assert_eq!(unused, [0; 0], "{id}: rules without a case");
        }
    }

    #[test]
    fn rules_must_follow_each_other() {
        assert!(Rules::of("0001-0002 | a | b\n0003 | c | d\n").is_ok());
        for wrong in [
            "0001 | a",
            "0002-0003 | a | b\n0003 | c | d",
            "x | a | b",
            "1 | a | b | c",
        ] {
            assert!(Rules::of(wrong).is_err(), "{wrong}");
        }
    }
}
