//! Values and names that hints give, so that a button can apply them.

use super::rejections::Fault;
use crate::texts::token_of;

/// Most values that a hint gives as buttons.
const VALUES_MAX: usize = 6;

/// What a hint gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Suggestion {
    /// A value for the attribute.
    Value(String),
    /// Another name for the member at this pointer.
    Name(String, String),
}

/// What the hint of a fault gives. Empty if it gives no value.
pub(crate) fn suggestions(fault: &Fault) -> Vec<Suggestion> {
    let Some(hint) = fault.hint.as_deref() else {
        return Vec::new();
    };
    if let Some((before, meant)) = hint
        .strip_suffix('?')
        .and_then(|hint| hint.rsplit_once("did you mean "))
    {
        return match fault.code.as_str() {
            "not_name" => vec![Suggestion::Name(fault.pointer.clone(), meant.to_owned())],
            "required" => misspelt(fault, before, meant).into_iter().collect(),
            _ => whole(meant).into_iter().collect(),
        };
    }
    if fault.code == "not_one_of" {
        // The list stands in the rule too, without what was sent.
        let rule = fault.rule.as_deref().unwrap_or_default();
        let choices = rule.strip_prefix("one of ").unwrap_or_default().split(", ");
        return if choices.clone().count() <= VALUES_MAX {
            choices.filter_map(whole).collect()
        } else {
            Vec::new()
        };
    }
    let Some(said) = after_value(fault, hint) else {
        return Vec::new();
    };
    if said == "write https:// before it" {
        let value = fault.value.as_deref().and_then(whole_text);
        return value
            .map(|value| Suggestion::Value(format!("https://{value}")))
            .into_iter()
            .collect();
    }
    if let Some(meant) = said.strip_prefix("use a hyphen: ") {
        return whole(meant).into_iter().collect();
    }
    if let Some(text) = said.strip_prefix("write it as text: ") {
        return whole(text).into_iter().collect();
    }
    let Some((_, values)) = said.rsplit_once("write ") else {
        return Vec::new();
    };
    values_of(values)
}

/// `write 1,50, or 1.50 if the comma ...`, `write SEK, DKK or NOK`, `write 2026-11-30, without the time`.
fn values_of(values: &str) -> Vec<Suggestion> {
    let values = values.split(';').next().unwrap_or_default();
    let values = values.split(" if ").next().unwrap_or_default();
    let values = values.split(", without ").next().unwrap_or_default();
    let values = values
        .replace(", or ", "\n")
        .replace(" or ", "\n")
        .replace(", ", "\n");
    let values: Vec<_> = values.split('\n').map(whole).collect();
    // One that is no value shows that the sentence is of another form.
    let values: Option<Vec<_>> = values.into_iter().collect();
    values.unwrap_or_default()
}

/// The sentence of a hint, behind the value that it may quote first.
fn after_value<'f>(fault: &'f Fault, hint: &'f str) -> Option<&'f str> {
    let value = fault.value.as_deref().unwrap_or_default();
    let start: String = value.chars().take(20).collect();
    if !start.is_empty() && hint.starts_with(&start) {
        // The last colon with a space, but for one that the sentence has itself.
        let verbs = [": write ", "; write ", ": use a hyphen: "];
        let at = verbs.iter().filter_map(|verb| hint.rfind(verb)).max();
        return at.map(|at| &hint[at + 2..]);
    }
    Some(hint)
}

/// An attribute that is absent because its name is misspelt: the other name is in front of the colon.
fn misspelt(fault: &Fault, before: &str, meant: &str) -> Option<Suggestion> {
    let found = whole_text(before.strip_suffix(": ")?)?;
    let (parent, name) = fault.pointer.rsplit_once('/')?;
    (token_of(name) == meant).then(|| {
        let found = found.replace('~', "~0").replace('/', "~1");
        Suggestion::Name(format!("{parent}/{found}"), meant.to_owned())
    })
}

/// A value that is not cut and not a sentence.
fn whole(value: &str) -> Option<Suggestion> {
    let value = value.trim();
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    let is_sentence = value.starts_with("null") || value.split(' ').count() > 2;
    whole_text(value)
        .filter(|_| !is_sentence)
        .map(|value| Suggestion::Value(value.to_owned()))
}

/// A text that is not empty and was not cut.
fn whole_text(value: &str) -> Option<&str> {
    (!value.is_empty() && !value.ends_with('…')).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(code: &str, pointer: &str, value: &str, rule: &str, hint: &str) -> Vec<String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let fault = Fault {
            pointer: pointer.to_owned(),
            code: code.to_owned(),
            message: String::new(),
            value: some(value),
            rule: some(rule),
            hint: some(hint),
        };
        let suggestions = suggestions(&fault)
            .into_iter()
            .map(|suggestion| match suggestion {
                Suggestion::Value(value) => value,
                Suggestion::Name(from, to) => format!("{from} -> {to}"),
            });
        suggestions.collect()
    }

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "a table with a row for each kind of hint"
    )]
    fn a_hint_that_gives_a_value_gives_a_button() {
        let cases: &[(&str, &str, &str, &[&str])] = &[
            (
                "not_email",
                "a@b,de",
                "a@b,de: did you mean a@b.de?",
                &["a@b.de"],
            ),
            (
                "not_country",
                "Deutschland",
                "Deutschland: did you mean DE?",
                &["DE"],
            ),
            (
                "not_country",
                "Narnia",
                "Narnia: a country is two capital letters, such as GB",
                &[],
            ),
            (
                "not_date",
                "31.12.2026",
                "31.12.2026: did you mean 2026-12-31?",
                &["2026-12-31"],
            ),
            (
                "not_date",
                "3/4/2026",
                "3/4/2026: write 2026-04-03, or 2026-03-04 if the month comes first",
                &["2026-04-03", "2026-03-04"],
            ),
            (
                "not_date",
                "1/2/26",
                "1/2/26: the year needs four digits; write 2026-02-01, or 2026-01-02 if the month comes first",
                &["2026-02-01", "2026-01-02"],
            ),
            (
                "not_date",
                "1764460800",
                "this is a Unix time; write \"2025-11-30\"",
                &["2025-11-30"],
            ),
            (
                "not_date",
                "30-11-2026 10:00",
                "30-11-2026 10:00: write 30-11-2026, without the time",
                &["30-11-2026"],
            ),
            (
                "not_date",
                "2026-11-30 9:00",
                "2026-11-30 9:00: write 2026-11-30 09:00:00",
                &["2026-11-30 09:00:00"],
            ),
            (
                "not_price",
                "1.234",
                "1.234: write 1234, or 1,234 if the point is the decimal sign",
                &["1234", "1,234"],
            ),
            ("not_price", "-1", "-1: a price is not negative", &[]),
            (
                "not_integer",
                "1.5x",
                "1.5x: write 2; if the point is the decimal sign, it is no whole number",
                &["2"],
            ),
            ("not_boolean", "ja", "ja: write true", &["true"]),
            (
                "not_boolean",
                "hm",
                "hm: write true or false",
                &["true", "false"],
            ),
            (
                "not_currency",
                "kr",
                "kr: write SEK, DKK or NOK",
                &["SEK", "DKK", "NOK"],
            ),
            (
                "not_locale",
                "en_GB",
                "en_GB: use a hyphen: en-GB",
                &["en-GB"],
            ),
            (
                "not_text",
                "true",
                "true: write it as text: \"true\"",
                &["true"],
            ),
            (
                "not_of_form",
                "a.example",
                "a.example: write https:// before it",
                &["https://a.example"],
            ),
            (
                "not_json",
                "None",
                "JSON has no such value; write null, or leave the attribute out",
                &[],
            ),
            (
                "lone_surrogate",
                "",
                "an emoji was cut in half; write the whole character, or both of its escapes",
                &[],
            ),
            ("required", "", "blank text counts as missing", &[]),
            (
                "not_email",
                "x",
                "x: did you mean aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…?",
                &[],
            ),
            (
                "not_number",
                "write 5",
                "write 5: a number is digits, such as 10.50",
                &[],
            ),
        ];
        for (code, value, hint, wanted) in cases {
            assert_eq!(given(code, "/x", value, "", hint), *wanted, "{hint}");
        }
    }

    #[test]
    fn a_list_gives_each_of_its_values_if_they_are_few() {
        let hint = "carrier: write one of a, b";
        assert_eq!(
            given("not_one_of", "/x", "carrier", "one of new, open", hint),
            ["new", "open"]
        );
        assert!(given("not_one_of", "/x", "c", "one of a, b, c, d, e, f, g", hint).is_empty());
    }

    #[test]
    fn a_misspelt_name_gives_the_right_one() {
        let hint = "custmer/x: did you mean customer?";
        let wanted = ["/a/custmer~1x -> customer"];
        assert_eq!(given("required", "/a/customer", "", "", hint), wanted);
        let wanted = ["/m/Order Source -> order_source"];
        assert_eq!(
            given(
                "not_name",
                "/m/Order Source",
                "",
                "",
                "Order Source: did you mean order_source?"
            ),
            wanted
        );
        assert!(given("required", "/a/other", "", "", hint).is_empty());
    }
}
