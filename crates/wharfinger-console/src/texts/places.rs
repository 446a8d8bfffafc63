//! Where attributes are in a text.

use std::collections::HashMap;
use std::ops::Range;

use super::scan::{Kind, tokens};

/// Where an attribute is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its name, with the quotes. `None` for the root and in an array.
    pub(crate) name: Option<Range<usize>>,
    /// Its value. If the attribute is absent, the nearest container that is there.
    pub(crate) value: Range<usize>,
    /// The names that lead from that container to the attribute. Empty if the attribute is there.
    pub(crate) missing: Vec<String>,
}

/// A name or index of a JSON pointer (RFC 6901), without its escapes.
pub(crate) fn token_of(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Finds attributes by their JSON pointers, in one walk through the text. `None` where the text cannot be read so far.
///
/// Some dialects ignore the case of names: what is not there as it is spelled is looked for without regard to case.
pub(crate) fn locate(text: &str, pointers: &[&str]) -> Vec<Option<Place>> {
    let mut places = find(text, pointers, false);
    let absent =
        |place: &Option<Place>| place.as_ref().is_none_or(|place| !place.missing.is_empty());
    let again: Vec<usize> = (0..pointers.len())
        .filter(|at| absent(&places[*at]))
        .collect();
    if again.is_empty() {
        return places;
    }
    let wanted: Vec<_> = again.iter().map(|at| pointers[*at]).collect();
    for (at, place) in again.into_iter().zip(find(text, &wanted, true)) {
        let steps = |place: &Option<Place>| {
            place
                .as_ref()
                .map_or(usize::MAX, |place| place.missing.len())
        };
        if steps(&place) < steps(&places[at]) {
            places[at] = place;
        }
    }
    places
}

fn find(text: &str, pointers: &[&str], ignore_case: bool) -> Vec<Option<Place>> {
    let mut walk = Walk::new(text, ignore_case);
    let ends: Vec<_> = pointers.iter().map(|pointer| walk.want(pointer)).collect();
    walk.run();
    let ends = ends.iter().zip(pointers);
    ends.map(|(end, pointer)| walk.place(*end, pointer))
        .collect()
}

/// A step that some pointer takes.
#[derive(Debug, Default)]
struct Step {
    parent: Option<usize>,
    below: HashMap<String, usize>,
    found: Option<(Option<Range<usize>>, Range<usize>)>,
}

/// A container that is open.
struct Open {
    is_object: bool,
    expects_name: bool,
    index: usize,
    name: Option<Range<usize>>,
    /// Its own step, and that of its next value.
    step: Option<usize>,
    start: usize,
    own_name: Option<Range<usize>>,
}

struct Walk<'t> {
    text: &'t str,
    ignore_case: bool,
    steps: Vec<Step>,
    open: Vec<Open>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str, ignore_case: bool) -> Self {
        Self {
            text,
            ignore_case,
            steps: vec![Step::default()],
            open: Vec::new(),
        }
    }

    fn folded(&self, name: String) -> String {
        if self.ignore_case {
            name.to_lowercase()
        } else {
            name
        }
    }

    /// The step at the end of a pointer.
    fn want(&mut self, pointer: &str) -> usize {
        let mut at = 0;
        for token in pointer.split('/').skip(1) {
            let name = self.folded(token_of(token));
            let new = self.steps.len();
            let next = *self.steps[at].below.entry(name).or_insert(new);
            if next == new {
                self.steps.push(Step {
                    parent: Some(at),
                    ..Step::default()
                });
            }
            at = next;
        }
        at
    }

    fn run(&mut self) {
        for token in tokens(self.text) {
            let is_name = self.open.last().is_some_and(|open| open.expects_name);
            match token.kind {
                Kind::Text if is_name => {
                    if let Some(open) = self.open.last_mut() {
                        open.name = Some(token.start..token.end);
                    }
                }
                Kind::Text | Kind::Bare => {
                    let (step, name) = self.next_value();
                    self.note(step, name, token.start..token.end);
                }
                Kind::ObjectStart | Kind::ArrayStart => {
                    let (step, own_name) = self.next_value();
                    let is_object = token.kind == Kind::ObjectStart;
                    self.open.push(Open {
                        is_object,
                        expects_name: is_object,
                        index: 0,
                        name: None,
                        step,
                        start: token.start,
                        own_name,
                    });
                }
                Kind::ObjectEnd | Kind::ArrayEnd => {
                    let Some(open) = self.open.pop() else { return };
                    self.note(open.step, open.own_name, open.start..token.end);
                }
                Kind::Comma | Kind::Colon => self.separator(token.kind),
            }
        }
        // Containers that the text does not close reach to its end.
        while let Some(open) = self.open.pop() {
            self.note(open.step, open.own_name, open.start..self.text.len());
        }
    }

    fn separator(&mut self, kind: Kind) {
        if let Some(open) = self.open.last_mut() {
            open.expects_name = open.is_object && kind == Kind::Comma;
            open.index += usize::from(kind == Kind::Comma);
        }
    }

    /// The step of the value that begins now, and its name.
    fn next_value(&mut self) -> (Option<usize>, Option<Range<usize>>) {
        let Some(open) = self.open.last_mut() else {
            return (Some(0), None);
        };
        let name = open.name.take();
        let Some(step) = open.step else {
            return (None, name);
        };
        if self.steps[step].below.is_empty() {
            return (None, name);
        }
        let token = match &name {
            Some(name) => text_of(&self.text[name.clone()]),
            None => open.index.to_string(),
        };
        let token = self.folded(token);
        (self.steps[step].below.get(&token).copied(), name)
    }

    /// Of a repeated name the first value counts.
    fn note(&mut self, step: Option<usize>, name: Option<Range<usize>>, value: Range<usize>) {
        if let Some(step) = step {
            self.steps[step].found.get_or_insert((name, value));
        }
    }

    fn place(&self, end: usize, pointer: &str) -> Option<Place> {
        let mut at = end;
        let mut up = 0;
        while self.steps[at].found.is_none() {
            at = self.steps[at].parent?;
            up += 1;
        }
        let (name, value) = self.steps[at].found.clone()?;
        let tokens: Vec<_> = pointer.split('/').skip(1).collect();
        let missing = tokens[tokens.len() - up..].iter();
        Some(Place {
            name,
            value,
            missing: missing.map(|token| token_of(token)).collect(),
        })
    }
}

/// The content of a text, without quotes and escapes. One that is not Unicode stays as it is spelled.
pub(super) fn text_of(raw: &str) -> String {
    let inner = || {
        raw.get(1..raw.len().saturating_sub(1))
            .unwrap_or_default()
            .to_owned()
    };
    serde_json::from_str(raw).unwrap_or_else(|_| inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found: the name and value as they are spelled, and what is missing.
    fn found(text: &str, pointer: &str) -> Option<String> {
        let place = locate(text, &[pointer]).pop()??;
        let name = place.name.map_or("", |name| &text[name]);
        Some(format!(
            "{name} {} {}",
            &text[place.value],
            place.missing.join(".")
        ))
    }

    #[test]
    fn an_attribute_is_found_by_its_pointer() {
        let text =
            r#" {"a": {"b":[10, 1.50, {"c":"x\"y"}], "d~/e" :true}, "é": {}, "\u0061b": 7} "#;
        let cases = [
            ("/a/b/1", " 1.50 "),
            ("/a/b/2/c", r#""c" "x\"y" "#),
            ("/a/d~0~1e", r#""d~/e" true "#),
            ("/ab", r#""\u0061b" 7 "#),
            ("/é/x/y", r#""é" {} x.y"#),
            ("/a/b/9", r#""b" [10, 1.50, {"c":"x\"y"}] 9"#),
            ("/a/b/1/z", " 1.50 z"),
            ("/É", r#""é" {} "#),
        ];
        for (pointer, wanted) in cases {
            assert_eq!(found(text, pointer).as_deref(), Some(wanted), "{pointer}");
        }
        assert!(found(text, "").unwrap().starts_with(r#" {"a""#));
        assert_eq!(found("", "/a"), None);
    }

    #[test]
    fn the_case_of_names_is_ignored_only_where_it_must_be() {
        let text = r#"{"Sku":1,"sku":2,"SKU":3,"Ean":4}"#;
        assert_eq!(found(text, "/sku").as_deref(), Some(r#""sku" 2 "#));
        assert_eq!(found(text, "/ean").as_deref(), Some(r#""Ean" 4 "#));
    }

    #[test]
    fn of_a_repeated_name_the_first_value_counts() {
        assert_eq!(
            found(r#"{"a":1,"a":2}"#, "/a").as_deref(),
            Some(r#""a" 1 "#)
        );
    }

    #[test]
    fn what_can_be_read_of_a_broken_text_is_found() {
        assert_eq!(
            found(r#"{"a":{"b":1},'c'"#, "/a/b").as_deref(),
            Some(r#""b" 1 "#)
        );
        assert_eq!(
            found(r#"{"a":{"b":1,"#, "/a/c").as_deref(),
            Some(r#""a" {"b":1, c"#)
        );
        assert_eq!(found("]]{}", "/a"), None);
    }

    #[test]
    fn deep_texts_and_many_pointers_take_one_walk() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        assert!(found(&deep, "/0/0/0").is_some());
        let lines: Vec<_> = (0..10_000)
            .map(|at| format!(r#"{{"sku":"{at}"}}"#))
            .collect();
        let text = format!(r#"{{"lines":[{}]}}"#, lines.join(","));
        let pointers: Vec<_> = (0..10_000).map(|at| format!("/lines/{at}/sku")).collect();
        let pointers: Vec<_> = pointers.iter().map(String::as_str).collect();
        let places = locate(&text, &pointers);
        let last = places[9_999].clone().unwrap();
        assert_eq!(&text[last.value], r#""9999""#);
    }
}
