//! Finds the values of many attributes in one walk through an order.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::{Kind, NameCase, Value};

use super::plain_name;

/// An attribute whose value is wanted.
#[derive(Debug)]
pub(super) struct Wanted<'p> {
    /// The place of its problem in the list.
    pub place: usize,
    /// The names and indexes that lead to it. Lower case if the case of names does not matter.
    steps: Vec<Cow<'p, str>>,
}

impl<'p> Wanted<'p> {
    pub(super) fn new(place: usize, pointer: &'p str, names: NameCase) -> Self {
        let tokens = pointer.split('/').skip(1);
        Self {
            place,
            steps: tokens
                .map(|token| folded(plain_name(token), names))
                .collect(),
        }
    }
}

fn folded(name: Cow<'_, str>, names: NameCase) -> Cow<'_, str> {
    let has_capitals = || name.bytes().any(|byte| byte.is_ascii_uppercase());
    match names {
        NameCase::Ignored if has_capitals() => Cow::Owned(name.to_ascii_lowercase()),
        NameCase::Ignored | NameCase::Exact => name,
    }
}

/// Tells the value of each wanted attribute, or that it is absent, with the attribute's place.
pub(super) fn find<'d, 'a>(
    order: Value<'d, 'a>,
    mut wanted: Vec<Wanted<'_>>,
    names: NameCase,
    tell: &mut impl FnMut(usize, Option<Value<'d, 'a>>),
) {
    wanted.sort_by(|left, right| left.steps.cmp(&right.steps));
    let mut walk = Walk { names, tell };
    walk.value(order, &wanted, 0);
}

struct Walk<'t, T> {
    names: NameCase,
    tell: &'t mut T,
}

impl<'d, 'a: 'd, T: FnMut(usize, Option<Value<'d, 'a>>)> Walk<'_, T> {
    /// Looks for attributes that share the path to `value`, which has `depth` steps. They are sorted.
    fn value(&mut self, value: Value<'d, 'a>, wanted: &[Wanted<'_>], depth: usize) {
        // The shorter path sorts first.
        let here = wanted.partition_point(|one| one.steps.len() <= depth);
        for one in &wanted[..here] {
            (self.tell)(one.place, Some(value));
        }
        let below = &wanted[here..];
        if below.is_empty() {
            return;
        }
        let mut groups = Groups::new(below, depth);
        match value.kind() {
            Kind::Object => {
                for (name, member) in value.members() {
                    let name = folded(name, self.names);
                    if let Some(group) = groups.take_named(&name) {
                        self.value(member, group, depth + 1);
                    }
                    if groups.left == 0 {
                        break;
                    }
                }
            }
            Kind::Array => self.elements(value, &mut groups, depth),
            Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Text => {}
        }
        for group in groups.rest() {
            for one in group {
                (self.tell)(one.place, None);
            }
        }
    }

    fn elements(&mut self, array: Value<'d, 'a>, groups: &mut Groups<'_, '_>, depth: usize) {
        let mut by_index = groups.by_index();
        // Popped from the end, so the lowest index comes first.
        by_index.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        for (at, element) in array.elements().enumerate() {
            let Some(&(index, place)) = by_index.last() else {
                return;
            };
            if index == at {
                by_index.pop();
                if let Some(group) = groups.take(place) {
                    self.value(element, group, depth + 1);
                }
            }
        }
    }
}

/// Attributes grouped by their next step, sorted by it. A group is taken once.
struct Groups<'w, 'p> {
    groups: Vec<Option<&'w [Wanted<'p>]>>,
    steps: Vec<&'w str>,
    left: usize,
}

impl<'w, 'p> Groups<'w, 'p> {
    fn new(wanted: &'w [Wanted<'p>], depth: usize) -> Self {
        let is_same = |left: &Wanted<'_>, right: &Wanted<'_>| {
            left.steps.get(depth).cmp(&right.steps.get(depth)) == Ordering::Equal
        };
        let groups: Vec<_> = wanted.chunk_by(is_same).map(Some).collect();
        let step = |group: &Option<&'w [Wanted<'p>]>| -> &'w str {
            let first = group.and_then(<[_]>::first);
            first
                .and_then(|one| one.steps.get(depth))
                .map_or("", |step| &**step)
        };
        Self {
            steps: groups.iter().map(step).collect(),
            left: groups.len(),
            groups,
        }
    }

    fn take(&mut self, place: usize) -> Option<&'w [Wanted<'p>]> {
        let group = self.groups.get_mut(place)?.take()?;
        self.left -= 1;
        Some(group)
    }

    fn take_named(&mut self, name: &str) -> Option<&'w [Wanted<'p>]> {
        let place = self.steps.binary_search(&name).ok()?;
        self.take(place)
    }

    /// The groups whose step is an index, with their places.
    fn by_index(&self) -> Vec<(usize, usize)> {
        let indexes = self.steps.iter().enumerate();
        indexes
            .filter_map(|(place, step)| Some((step.parse().ok()?, place)))
            .collect()
    }

    fn rest(self) -> impl Iterator<Item = &'w [Wanted<'p>]> {
        self.groups.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Reader;

    fn found(order: &str, names: NameCase, pointers: &[&str]) -> Vec<Option<String>> {
        let mut reader = Reader::of_stored(order, names).unwrap();
        let entry = reader.next().unwrap().unwrap();
        let mut found = vec![Some("not told".to_owned()); pointers.len()];
        let wanted = pointers.iter().enumerate();
        let wanted = wanted.map(|(place, pointer)| Wanted::new(place, pointer, names));
        find(entry.value, wanted.collect(), names, &mut |place, value| {
            found[place] = value.map(|value| value.raw().to_owned());
        });
        found
    }

    #[test]
    fn each_attribute_is_found_or_told_to_be_absent() {
        let order =
            r#"{"a":{"b":[10,11,{"c":"x"},13,4,5,6,7,8,9,100]},"d~/e":true,"A":2,"k":{"0":1}}"#;
        let pointers = [
            "/a/b/2/c",
            "/a/b/10",
            "/a/b/1",
            "/a/b/11",
            "/a/b/x",
            "/d~0~1e",
            "/a",
            "/none",
            "/a/b/2/c/d",
            "/A",
            "/k/0",
            "/a",
        ];
        let is = |text: &str| Some(text.to_owned());
        let a = r#"{"b":[10,11,{"c":"x"},13,4,5,6,7,8,9,100]}"#;
        assert_eq!(
            found(order, NameCase::Exact, &pointers),
            [
                is("\"x\""),
                is("100"),
                is("11"),
                None,
                None,
                is("true"),
                is(a),
                None,
                None,
                is("2"),
                is("1"),
                is(a)
            ]
        );
    }

    #[test]
    fn the_case_of_names_matters_only_where_the_dialect_says_so() {
        let order = r#"{"Lines":[{"SKU":1}]}"#;
        let pointer = ["/lines/0/sku"];
        assert_eq!(
            found(order, NameCase::Ignored, &pointer),
            [Some("1".to_owned())]
        );
        assert_eq!(found(order, NameCase::Exact, &pointer), [None]);
    }

    #[test]
    fn of_a_repeated_name_the_first_value_counts() {
        assert_eq!(
            found(r#"{"a":1,"a":2}"#, NameCase::Exact, &["/a"]),
            [Some("1".to_owned())]
        );
    }
}
