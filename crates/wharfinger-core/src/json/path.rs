//! Paths to the values of a JSON text.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The name of an object member.
    Name(String),
    /// The index of an array element, from 0.
    Index(usize),
}

/// The path to an value. Empty means the whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path of a member of the root.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(vec![Step::Name(name.to_owned())])
    }

    /// Returns the path as a JSON pointer (RFC 6901), such as `/order_items/1/price`.
    #[must_use]
    pub fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.0 {
            pointer.push('/');
            match step {
                Step::Name(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }

    /// The total length of the names, in bytes.
    pub(crate) fn name_bytes(&self) -> usize {
        let steps = self.0.iter();
        steps
            .map(|step| match step {
                Step::Name(name) => name.len(),
                Step::Index(_) => 0,
            })
            .sum()
    }

    /// Whether this is the path of the whole text.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// The dotted form, such as `order_items[1].price`.
impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if depth == 0 => out.write_str(name)?,
                Step::Name(name) => write!(out, ".{name}")?,
                Step::Index(index) => write!(out, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_attribute_it_names() {
        let path = Path(vec![
            Step::Name("order_items".into()),
            Step::Index(1),
            Step::Name("price".into()),
        ]);
        assert_eq!(path.to_string(), "order_items[1].price");
    }
}
