//! A check for the dialects' tests: every object of an order gets a warning about a misspelt attribute, at any
//! position.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value as Json};

use crate::dialect::{Context, Dialect, Head};
use crate::json::{Envelope, Reader, Rules};
use crate::limits::Limits;
use crate::order::ids::OrganisationId;
use crate::order::organisation::{Caller, OrgAccess, Organisation, Organisations};
use crate::order::problem::{Path, Step};
use crate::order::warning::{Warning, WarningCode};
use crate::reading::fields::{Field, Holds};
use crate::reading::unknown::nearest;

/// The organisation of the orders.
const ORGANISATION: &str = "TRK001";

/// The number of misspellings tried per dialect.
const CASES: u32 = 3_000;

/// Orders of a dialect that together have every object of a table.
pub(crate) struct Orders {
    pub(crate) dialect: &'static dyn Dialect,
    /// The name of the operation that accepts them.
    pub(crate) operation: &'static str,
    /// The table of attributes.
    pub(crate) fields: &'static [Field],
    /// The orders, as a JSON array.
    pub(crate) orders: &'static str,
}

/// An object of an order that the table lists.
struct Object {
    /// The index of its order.
    order: usize,
    path: Vec<Step>,
    fields: &'static [Field],
}

impl Orders {
    /// Misspells attributes of every object, with or without other attributes next to them, in any order.
    pub(crate) fn check(&self) {
        let orders: Vec<Json> = serde_json::from_str(self.orders).expect("an array of orders");
        let mut objects = Vec::new();
        for (order, value) in orders.iter().enumerate() {
            gather(order, value, Vec::new(), self.fields, &mut objects);
            let text = written(value, 0);
            assert_eq!(self.unknown(&text), Vec::<Warning>::new(), "{text}");
        }
        every_part(self.fields, &objects);
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            failure_persistence: None,
            max_global_rejects: 10 * CASES,
            ..Config::default()
        });
        let index = any::<prop::sample::Index>;
        let slip = (index(), index(), index(), 0_u8..4);
        let checked = runner.run(
            &(slip, any::<u64>(), any::<u64>()),
            |(slip, seed, left_out)| {
                let (object, name, letter, kind) = slip;
                let object = &objects[object.index(objects.len())];
                let name = object.fields[name.index(object.fields.len())].name;
                let wrong = misspelt(name, letter.index(name.len()), kind);
                // A misspelling may be the name of another attribute, or just as similar to one.
                prop_assume!(nearest(&wrong, object.fields) == Some(name));
                prop_assume!(
                    !object
                        .fields
                        .iter()
                        .any(|known| known.name.eq_ignore_ascii_case(&wrong))
                );
                let mut order = orders[object.order].clone();
                let members = at(&mut order, &object.path);
                let value = members.remove(name).unwrap_or_else(|| "x".into());
                let mut beside = left_out;
                members.retain(|_, _| {
                    beside = beside.rotate_right(1);
                    left_out.is_multiple_of(3) || beside % 4 != 0
                });
                members.insert(wrong.clone(), value);
                let text = written(&order, seed);
                let path = [&object.path[..], &[Step::Name(wrong)]].concat();
                let expected = Warning {
                    path: Path(path),
                    code: WarningCode::UnknownAttribute { meant: Some(name) },
                };
                prop_assert_eq!(self.unknown(&text), vec![expected], "{}", text);
                Ok(())
            },
        );
        if let Err(error) = checked {
            panic!("{}: {error}", self.operation);
        }
    }

    /// Returns the warnings about unknown attributes of an order.
    fn unknown(&self, text: &str) -> Vec<Warning> {
        let organisation = Organisation {
            id: OrganisationId(1),
            ..Organisation::new(ORGANISATION, "")
        };
        let organisations = Organisations::from([(ORGANISATION.to_owned(), organisation)]);
        let mut operations = self.dialect.operations().iter();
        let operation = operations.find(|operation| operation.name == self.operation);
        let operation = operation.expect("the dialect has it");
        let number = [("number".to_owned(), "7".to_owned())];
        let head = Head {
            path: if operation.path.contains("{number}") {
                &number
            } else {
                &[]
            },
            query: &[],
            headers: &[],
        };
        let context = Context {
            operation,
            head: &head,
            caller: Caller {
                organisations: &organisations,
                reach: &OrgAccess::All,
            },
            organisation: organisations.get(ORGANISATION),
        };
        let limits = Limits::default();
        let rules = Rules {
            names: self.dialect.name_case(),
            depth_max: limits.order_depth_max,
            order_bytes_max: limits.order_bytes_max,
        };
        let mut reader = Reader::new(text.as_bytes(), Envelope::One, rules).expect("UTF-8");
        let entry = reader.next().expect("JSON").expect("an order");
        assert_eq!(entry.faults, [], "{text}");
        let mut warnings = self.dialect.judge(&context, &entry).warnings;
        warnings.retain(|warning| matches!(warning.code, WarningCode::UnknownAttribute { .. }));
        warnings
    }
}

/// Collects the objects that a table lists.
fn gather(
    order: usize,
    value: &Json,
    path: Vec<Step>,
    fields: &'static [Field],
    objects: &mut Vec<Object>,
) {
    for field in fields {
        let Some(members) = field.members() else {
            continue;
        };
        let name = field.name;
        let within = |step: Option<Step>| {
            let mut path = path.clone();
            path.push(Step::Name(name.to_owned()));
            path.extend(step);
            path
        };
        match &value[name] {
            Json::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    let path = within(Some(Step::Index(at)));
                    gather(order, element, path, members, objects);
                }
            }
            Json::Object(items) if matches!(field.holds, Holds::Items(_)) => {
                for (key, member) in items {
                    let path = within(Some(Step::Name(key.clone())));
                    gather(order, member, path, members, objects);
                }
            }
            object @ Json::Object(_) => gather(order, object, within(None), members, objects),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    objects.push(Object {
        order,
        path,
        fields,
    });
}

/// Checks that every object of the table occurs in one of the orders.
fn every_part(fields: &'static [Field], objects: &[Object]) {
    let is_there = objects
        .iter()
        .any(|object| std::ptr::eq(object.fields, fields));
    assert!(is_there, "no order has an object of {fields:?}");
    for members in fields.iter().filter_map(Field::members) {
        every_part(members, objects);
    }
}

/// Returns the members of the object at a path.
fn at<'v>(value: &'v mut Json, path: &[Step]) -> &'v mut Map<String, Json> {
    let found = path.iter().fold(value, |value, step| match step {
        Step::Name(name) => &mut value[name.as_str()],
        Step::Index(index) => &mut value[*index],
    });
    found.as_object_mut().expect("it is an object")
}

/// Misspells a name at one letter: doubled, left out, swapped with the next one, or replaced.
fn misspelt(name: &str, at: usize, kind: u8) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    match kind {
        0 => letters.insert(at, letters[at]),
        1 => drop(letters.remove(at)),
        2 => letters.swap(at, (at + 1) % name.len()),
        _ => letters[at] = 'q',
    }
    letters.into_iter().collect()
}

/// Writes JSON with the members of each object in an order that the seed determines.
fn written(value: &Json, seed: u64) -> String {
    match value {
        Json::Array(elements) => {
            let elements: Vec<_> = elements
                .iter()
                .map(|element| written(element, seed))
                .collect();
            format!("[{}]", elements.join(","))
        }
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if seed != 0 {
                members.sort_by_key(|(name, _)| {
                    let mixed = name.bytes().fold(seed, |mixed, byte| {
                        (mixed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
                    });
                    mixed.rotate_left(29)
                });
            }
            let member = |(name, value): (&String, &Json)| {
                format!("{}:{}", Json::from(name.as_str()), written(value, seed))
            };
            let members: Vec<_> = members.into_iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => value.to_string(),
    }
}
