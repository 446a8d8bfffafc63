//! The text of an order with places to be filled in; see [`wharfinger_core::load::Load::order`].

use super::pools::{self, Pool};

/// A template, taken apart.
pub(super) struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Organisation,
    Stamp,
    Change,
    Pick(&'static Pool),
    Digits(usize),
}

impl Template {
    /// Takes a template apart. Templates are part of the program: a faulty one ends it.
    pub(super) fn parse(template: &str) -> Self {
        let compact: String = template.lines().map(str::trim_start).collect();
        let mut parts = Vec::new();
        let mut rest = compact.as_str();
        while let Some((text, behind)) = rest.split_once("{{") {
            let (place, after) = behind.split_once("}}").expect("a place has an end");
            parts.push(Part::Text(text.to_owned()));
            parts.push(parse_place(place));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Self { parts }
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn parse_place(place: &str) -> Part {
    let (name, argument) = place.split_once(' ').unwrap_or((place, ""));
    match name {
        "organisation" => Part::Organisation,
        "stamp" => Part::Stamp,
        "change" => Part::Change,
        "pick" => Part::Pick(pools::find(argument).expect("a pool has this name")),
        "digits" => Part::Digits(argument.parse().expect("a count of digits")),
        _ => panic!("a template has the place {place:?}, which is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_from_text_and_lines_are_joined() {
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
}
