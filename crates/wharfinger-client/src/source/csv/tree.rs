//! The order that rows are filled into. Written as JSON, it tells the cell of each value.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use super::path::{Step, push_index, push_name};
use super::value::Value;

/// A value of the order, or an object or array of them.
#[derive(Debug)]
pub(super) enum Node {
    /// Members in the order in which they were added.
    Object(Vec<(String, Node)>),
    /// Elements by index. Those that are missing are closed up.
    Array(BTreeMap<usize, Node>),
    /// A value, and the cell it came from. Constants have none.
    Leaf(Value, Option<At>),
}

/// A cell: its row, and the position of its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) row: u64,
    pub(super) column: usize,
}

impl Default for Node {
    fn default() -> Self {
        Self::Object(Vec::new())
    }
}

impl Node {
    /// The place of a path. `element` is the index of the row's element. An empty object is put where nothing is yet.
    ///
    /// # Errors
    /// A value, object or array of another kind is already on the path.
    pub(super) fn place(&mut self, steps: &[Step], element: usize) -> Result<&mut Self> {
        let Some((step, rest)) = steps.split_first() else {
            return Ok(self);
        };
        let next = match (self, step) {
            (Self::Object(members), Step::Name(name)) => {
                let at = members.iter().position(|(known, _)| known == name);
                let at = at.unwrap_or_else(|| {
                    members.push((name.clone(), Self::empty(rest.first())));
                    members.len() - 1
                });
                &mut members[at].1
            }
            (Self::Array(elements), Step::Index(_) | Step::OfRow) => {
                let index = match step {
                    Step::Index(index) => *index,
                    Step::Name(_) | Step::OfRow => element,
                };
                let make = || Self::empty(rest.first());
                elements.entry(index).or_insert_with(make)
            }
            (Self::Object(_) | Self::Array(_) | Self::Leaf(..), _) => {
                bail!("one path goes through the value of another")
            }
        };
        next.place(rest, element)
    }

    /// What a path with this next step goes through.
    fn empty(next: Option<&Step>) -> Self {
        match next {
            Some(Step::Index(_) | Step::OfRow) => Self::Array(BTreeMap::new()),
            Some(Step::Name(_)) | None => Self::default(),
        }
    }

    /// Whether nothing was put here yet.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Object(members) => members.is_empty(),
            Self::Array(elements) => elements.is_empty(),
            Self::Leaf(..) => false,
        }
    }

    /// Writes the node as JSON. Tells the pointer and the cell of each value.
    pub(super) fn write(
        &self,
        json: &mut String,
        pointer: &mut String,
        tell: &mut dyn FnMut(&str, At),
    ) {
        let length = pointer.len();
        match self {
            Self::Object(members) => {
                json.push('{');
                for (index, (name, member)) in members.iter().enumerate() {
                    json.push_str(if index > 0 { "," } else { "" });
                    json.push_str(&text(name));
                    json.push(':');
                    push_name(pointer, name);
                    member.write(json, pointer, tell);
                    pointer.truncate(length);
                }
                json.push('}');
            }
            Self::Array(elements) => {
                json.push('[');
                for (index, element) in elements.values().enumerate() {
                    json.push_str(if index > 0 { "," } else { "" });
                    push_index(pointer, index);
                    element.write(json, pointer, tell);
                    pointer.truncate(length);
                }
                json.push(']');
            }
            Self::Leaf(value, at) => {
                match value {
                    Value::Text(value) => json.push_str(&text(value)),
                    Value::Literal(literal) => json.push_str(literal),
                }
                if let Some(at) = at {
                    tell(pointer, *at);
                }
            }
        }
    }
}

/// A text of JSON.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
