//! Order templates with placeholders. See [`wharfinger_core::dialect::workload::Workload::order`].

use crate::pools::{self, Pool};
use crate::stamps;

/// A parsed template.
pub(crate) struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Organisation,
    Stamp,
    Customer,
    Product,
    Change,
    Pick(&'static Pool),
    Digits(usize),
}

impl Template {
    /// Parses a template. Panics on errors, because templates are part of the program.
    pub(crate) fn parse(template: &str) -> Self {
        let compact: String = template.lines().map(str::trim_start).collect();
        let mut parts = Vec::new();
        let mut rest = compact.as_str();
        while let Some((text, behind)) = rest.split_once("{{") {
            let (placeholder, after) = behind.split_once("}}").expect("a placeholder has an end");
            parts.push(Part::Text(text.to_owned()));
            parts.push(parse_placeholder(placeholder));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Self { parts }
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether an order names its organisation.
    pub(crate) fn names_organisation(&self) -> bool {
        self.parts.contains(&Part::Organisation)
    }

    /// Whether this part is the word of a product: `{{product}}` follows it, after a dash.
    pub(crate) fn is_of_product(&self, number: usize) -> bool {
        let behind = self.parts.get(number + 1..);
        matches!(behind, Some([Part::Text(dash), Part::Product, ..]) if dash == "-")
    }

    /// The text for a stamp. The template may have only placeholders that are derived from the stamp.
    pub(crate) fn stamped(&self, stamp: u64) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Stamp => text.extend(stamps::digits(stamp).map(char::from)),
                Part::Customer => {
                    text.extend(stamps::digits(stamps::customer(stamp)).map(char::from));
                }
                Part::Organisation
                | Part::Product
                | Part::Change
                | Part::Pick(_)
                | Part::Digits(_) => {
                    panic!("{part:?} does not follow from a stamp")
                }
            }
        }
        text
    }
}

fn parse_placeholder(placeholder: &str) -> Part {
    let (name, argument) = placeholder.split_once(' ').unwrap_or((placeholder, ""));
    match name {
        "organisation" => Part::Organisation,
        "stamp" => Part::Stamp,
        "customer" => Part::Customer,
        "product" => Part::Product,
        "change" => Part::Change,
        "pick" => Part::Pick(pools::find(argument).expect("a pool has this name")),
        "digits" => Part::Digits(argument.parse().expect("a count of digits")),
        _ => panic!("a template has the unknown placeholder {placeholder:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_text_and_lines_are_joined() {
        let template = Template::parse("{\n  \"a\":\"{{stamp}}x\",\n  \"b\":{{digits 3}}}\n");
        let text = |text: &str| Part::Text(text.into());
        let expected = [
            text("{\"a\":\""),
            Part::Stamp,
            text("x\",\"b\":"),
            Part::Digits(3),
            text("}"),
        ];
        assert_eq!(template.parts(), expected);
    }

    #[test]
    fn a_stamp_gives_its_text() {
        let template = Template::parse("{{stamp}} of {{customer}}");
        assert_eq!(
            template.stamped(300_100),
            "00000000300100 of 00000000000100"
        );
        assert_eq!(template.stamped(7), "00000000000007 of 00000000000007");
    }
}
