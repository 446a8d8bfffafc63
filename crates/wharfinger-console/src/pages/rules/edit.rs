//! The rules in the form, what a button does to them, and which of them has which fault.

use serde::Deserialize;

use super::{Rule, Stored};
use crate::api::Refused;
use crate::visit::Posted;

/// Most rules of an organisation.
pub(super) const RULES_MAX: usize = 50;

/// The rules as a person has written them.
pub(super) struct Draft {
    /// The rules in their order. Some may be blank.
    pub(super) rules: Vec<Rule>,
    /// The revision of the rules that were set when the person began.
    pub(super) was: String,
}

/// The rules that are sent: without the blank ones.
pub(super) struct Sent<'d> {
    pub(super) rules: Vec<&'d Rule>,
    /// Where each is in the form.
    pub(super) places: Vec<usize>,
}

impl Draft {
    /// What is set now. Where nothing is set, there is room for a first rule.
    pub(super) fn of_stored(stored: Stored) -> Self {
        let mut draft = Self {
            rules: stored.rules,
            was: stored.revision,
        };
        if draft.rules.is_empty() {
            draft.rules.push(Rule::default());
        }
        draft
    }

    pub(super) fn of_form(posted: &Posted) -> Self {
        // Browsers send line breaks as CR LF.
        let text = |text: &str| text.replace("\r\n", "\n");
        let names = posted.fields("name").map(|name| name.trim().to_owned());
        let whens = posted.fields("when").map(text);
        let sentences = posted.fields("sentence").map(|one| one.trim().to_owned());
        let rules = names.zip(whens).zip(sentences);
        let rules = rules.map(|((name, when), sentence)| Rule {
            name,
            when,
            sentence,
        });
        Self {
            // One more than is allowed, so that the API says so.
            rules: rules.take(RULES_MAX + 1).collect(),
            was: posted.field("was").to_owned(),
        }
    }

    /// What a button does: `add`, or `up`, `down` or `remove` with the place of a rule. Others only look.
    pub(super) fn press(&mut self, pressed: &str) {
        if pressed == "add" && self.rules.len() < RULES_MAX {
            self.rules.push(Rule::default());
        }
        let Some((what, at)) = pressed.split_once('.') else {
            return;
        };
        let Some(at) = at.parse().ok().filter(|at| *at < self.rules.len()) else {
            return;
        };
        match what {
            "up" if at > 0 => self.rules.swap(at, at - 1),
            "down" if at + 1 < self.rules.len() => self.rules.swap(at, at + 1),
            "remove" => {
                self.rules.remove(at);
            }
            _ => {}
        }
    }

    pub(super) fn sent(&self) -> Sent<'_> {
        let written = self.rules.iter().enumerate();
        let written = written.filter(|(_, rule)| !rule.is_blank());
        let (places, rules) = written.unzip();
        Sent { rules, places }
    }
}

/// What is wrong with a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where the rule is in the form. `None` if all rules are meant.
    pub(super) at: Option<usize>,
    /// `name`, `when` or `sentence`.
    pub(super) attribute: String,
    /// Line and column in the expression, from 1.
    pub(super) place: Option<(usize, usize)>,
    pub(super) message: String,
}

/// A fault, as the API tells it.
#[derive(Deserialize)]
struct Told {
    pointer: String,
    message: String,
    line: Option<usize>,
    column: Option<usize>,
}

/// What the API says is wrong. `places` are those of the sent rules in the form.
pub(super) fn faults(refused: &Refused, places: &[usize]) -> Vec<Fault> {
    let told = refused.errors.iter().cloned();
    let told = told.filter_map(|error| serde_json::from_value::<Told>(error).ok());
    let fault = |told: Told| {
        let mut steps = told.pointer.split('/').skip(2);
        let at = steps.next().and_then(|at| at.parse::<usize>().ok());
        Fault {
            at: at.and_then(|at| places.get(at).copied()),
            attribute: steps.next().unwrap_or_default().to_owned(),
            place: told.line.zip(told.column),
            message: without_place(&told.message).to_owned(),
        }
    };
    told.map(fault).collect()
}

/// `rule 1, when, line 1 column 6: unknown attribute` without what the page shows itself.
fn without_place(message: &str) -> &str {
    let rest = message
        .split_once(": ")
        .filter(|(place, _)| place.starts_with("rule "));
    let rest = rest.map_or(message, |(_, rest)| rest);
    // `rules[0].name is required`, beside the attribute's own name.
    let named = rest.strip_prefix("rules[");
    named
        .and_then(|rest| rest.split_once("]."))
        .and_then(|(_, rest)| rest.split_once(' '))
        .map_or(rest, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(names: &[&str]) -> Draft {
        let rule = |name: &&str| Rule {
            name: (*name).to_owned(),
            ..Rule::default()
        };
        Draft {
            rules: names.iter().map(rule).collect(),
            was: String::new(),
        }
    }

    fn names(draft: &Draft) -> Vec<&str> {
        draft.rules.iter().map(|rule| rule.name.as_str()).collect()
    }

    #[test]
    fn buttons_move_add_and_remove_rules() {
        for (pressed, expected) in [
            ("up.1", vec!["b", "a", "c"]),
            ("up.0", vec!["a", "b", "c"]),
            ("down.1", vec!["a", "c", "b"]),
            ("down.2", vec!["a", "b", "c"]),
            ("remove.0", vec!["b", "c"]),
            ("remove.9", vec!["a", "b", "c"]),
            ("remove.x", vec!["a", "b", "c"]),
            ("add", vec!["a", "b", "c", ""]),
            ("check", vec!["a", "b", "c"]),
        ] {
            let mut draft = draft(&["a", "b", "c"]);
            draft.press(pressed);
            assert_eq!(names(&draft), expected, "{pressed}");
        }
        let mut full = draft(&["a"; RULES_MAX]);
        full.press("add");
        assert_eq!(full.rules.len(), RULES_MAX);
    }

    #[test]
    fn faults_are_those_of_the_rules_in_the_form() {
        let draft = draft(&["", "a", "", "b"]);
        let sent = draft.sent();
        assert_eq!(sent.places, [1, 3]);
        let refused = Refused {
            errors: vec![
                serde_json::json!({"pointer": "/rules/1/when", "message": "rule 2, when, line 2 column 3: no: good", "line": 2, "column": 3}),
                serde_json::json!({"pointer": "/rules", "message": "there must not be more than 50 rules"}),
            ],
            ..Refused::default()
        };
        assert_eq!(without_place("rules[0].name is required"), "is required");
        let found = faults(&refused, &sent.places);
        assert_eq!(found[0].at, Some(3));
        assert_eq!(found[0].place, Some((2, 3)));
        assert_eq!(found[0].message, "no: good");
        assert_eq!((found[1].at, found[1].place), (None, None));
    }
}
