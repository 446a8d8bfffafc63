//! Where in an order a value goes: `customer.email`, `lines[].sku`, `billing_address.lines[0]`, or a JSON pointer.

use std::fmt;

use anyhow::{Result, bail};

/// The greatest index in a path. Arrays with more elements come from rows.
const INDEX_MAX: usize = 99;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A member of an object.
    Name(String),
    /// This element of an array.
    Index(usize),
    /// The element of an array that belongs to the row.
    OfRow,
}

/// The path of an attribute. It begins with a name and has at most one step [`Step::OfRow`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub(super) Vec<Step>);

impl Path {
    /// Reads a dotted path or a JSON pointer. In a pointer, `-` stands for the element of the row.
    ///
    /// # Errors
    /// The text is no path to an attribute.
    pub(super) fn read(text: &str) -> Result<Self> {
        let steps = match text.strip_prefix('/') {
            Some(pointer) => of_pointer(pointer),
            None => of_dotted(text),
        };
        let Some(steps) = steps else {
            bail!(
                "{text:?} is no path of an attribute; expected one such as customer.email, lines[].sku or /customer/email"
            );
        };
        let begins_with_name = matches!(steps.first(), Some(Step::Name(_)));
        if !begins_with_name {
            bail!("the path {text:?} must begin with the name of an attribute");
        }
        if steps.iter().filter(|step| **step == Step::OfRow).count() > 1 {
            bail!("the path {text:?} may have [] only once, because a row is one line of an order");
        }
        Ok(Self(steps))
    }

    /// The part up to the array whose elements are rows, if there is one.
    pub(super) fn array_of_rows(&self) -> Option<&[Step]> {
        let at = self.0.iter().position(|step| *step == Step::OfRow)?;
        Some(&self.0[..at])
    }

    /// The JSON pointer of the attribute, if `element` is the index of the row's element. `None` if an index in it depends on
    /// which cells are empty.
    pub(super) fn pointer(&self, element: usize) -> Option<String> {
        let mut pointer = String::new();
        for step in &self.0 {
            match step {
                Step::Name(name) => push_name(&mut pointer, name),
                Step::OfRow => push_index(&mut pointer, element),
                Step::Index(_) => return None,
            }
        }
        Some(pointer)
    }
}

/// Adds a member's name to a JSON pointer.
pub(super) fn push_name(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// Adds an index to a JSON pointer.
pub(super) fn push_index(pointer: &mut String, index: usize) {
    pointer.push('/');
    pointer.push_str(&index.to_string());
}

/// The dotted form.
impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) if depth == 0 => out.write_str(name)?,
                Step::Name(name) => write!(out, ".{name}")?,
                Step::Index(index) => write!(out, "[{index}]")?,
                Step::OfRow => out.write_str("[]")?,
            }
        }
        Ok(())
    }
}

fn of_pointer(pointer: &str) -> Option<Vec<Step>> {
    let steps = pointer.split('/').map(|step| match step {
        "-" => Some(Step::OfRow),
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => index(digits),
        name => Some(Step::Name(name.replace("~1", "/").replace("~0", "~"))),
    });
    steps.collect()
}

fn of_dotted(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let (name, mut brackets) = match part.find('[') {
            Some(at) => part.split_at(at),
            None => (part, ""),
        };
        if name.is_empty() || name.contains(']') {
            return None;
        }
        steps.push(Step::Name(name.to_owned()));
        while !brackets.is_empty() {
            let (inner, rest) = brackets.strip_prefix('[')?.split_once(']')?;
            steps.push(match inner {
                "" => Step::OfRow,
                digits => index(digits)?,
            });
            brackets = rest;
        }
    }
    Some(steps)
}

fn index(digits: &str) -> Option<Step> {
    let index = digits.parse().ok().filter(|index| *index <= INDEX_MAX)?;
    Some(Step::Index(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_the_same_path() {
        for (dotted, pointer) in [
            ("key", "/key"),
            ("customer.email", "/customer/email"),
            ("lines[].sku", "/lines/-/sku"),
            ("billing_address.lines[1]", "/billing_address/lines/1"),
            ("lines[].metadata.a b", "/lines/-/metadata/a b"),
        ] {
            let path = Path::read(dotted).unwrap();
            assert_eq!(path, Path::read(pointer).unwrap());
            assert_eq!(path.to_string(), dotted);
        }
        let escaped = Path::read("/metadata/a~1b~0c").unwrap();
        assert_eq!(escaped.to_string(), "metadata.a/b~c");
        assert_eq!(escaped.pointer(0).as_deref(), Some("/metadata/a~1b~0c"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a]", "a[]b", "a[100]", "a[][]",
            "a[].b[]", "/", "/a//b", "/-/a", "/0",
        ] {
            assert!(Path::read(text).is_err(), "{text:?}");
        }
    }
}
