//! Writes orders as NDJSON, as an array, or as an object of named orders.

use std::collections::HashSet;
use std::io::Write;

use anyhow::{Result, bail};
use wharfinger_core::dialect::{Action, Dialect};
use wharfinger_core::json::Envelope;

use super::Format;
use crate::out_file::OutFile;

/// Orders being written.
pub(super) struct Written<'o> {
    out: OutFile<'o>,
    shape: Shape,
    count: u64,
    /// The names so far, in an object.
    names: HashSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Lines,
    Array,
    Object,
}

impl<'o> Written<'o> {
    pub(super) fn begin(
        mut out: OutFile<'o>,
        format: Format,
        dialect: &dyn Dialect,
    ) -> Result<Self> {
        let shape = match format {
            Format::Ndjson => Shape::Lines,
            Format::Json if takes_names(dialect) => Shape::Object,
            Format::Json => Shape::Array,
        };
        out.write_all(match shape {
            Shape::Lines => b"",
            Shape::Array => b"[",
            Shape::Object => b"{",
        })?;
        Ok(Self {
            out,
            shape,
            count: 0,
            names: HashSet::new(),
        })
    }

    /// Writes an order. `name` is the sender's name for it.
    ///
    /// # Errors
    /// It cannot be written, or a name occurs twice.
    pub(super) fn add(&mut self, name: Option<&str>, text: &str) -> Result<()> {
        if self.shape != Shape::Lines {
            let separator = if self.count > 0 { ",\n" } else { "\n" };
            self.out.write_all(separator.as_bytes())?;
        }
        if self.shape == Shape::Object {
            let position = self.count.to_string();
            let name = name.unwrap_or(&position);
            if !self.names.insert(name.to_owned()) {
                bail!("two orders have the name {name:?}; use --format ndjson");
            }
            let name = serde_json::Value::from(name);
            write!(self.out, "{name}:")?;
        }
        match self.shape {
            Shape::Lines => self.out.write_line(text)?,
            Shape::Array | Shape::Object => self.out.write_all(text.as_bytes())?,
        }
        self.count += 1;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.out.write_all(match self.shape {
            Shape::Lines => b"",
            Shape::Array => b"\n]\n",
            Shape::Object => b"\n}\n",
        })?;
        self.out.finish()
    }
}

/// Whether a batch of the dialect is an object of named orders.
fn takes_names(dialect: &dyn Dialect) -> bool {
    dialect.operations().iter().any(|operation| {
        matches!(
            operation.action,
            Action::Submit {
                envelope: Envelope::Object | Envelope::ObjectOrArray,
                ..
            }
        )
    })
}
