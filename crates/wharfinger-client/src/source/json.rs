//! A JSON array of orders, a JSON object of named orders, or JSON objects one after another.

use anyhow::Result;

use super::scan::{Found, Scan};
use super::window::Window;
use super::{Record, Shape, Source};

/// The orders of a JSON text.
pub(super) struct Json {
    window: Window,
    shape: Shape,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Inside,
    Done,
}

impl Json {
    /// Reads a text of this shape. [`Shape::Lines`] are objects one after another, which may have line breaks inside.
    pub(super) fn new(window: Window, shape: Shape) -> Self {
        Self {
            window,
            shape,
            stage: Stage::Start,
        }
    }

    fn closing(&self) -> u8 {
        match self.shape {
            Shape::Array => b']',
            Shape::Object | Shape::Lines => b'}',
        }
    }

    /// Goes to the next order. Returns false if there is none.
    fn advance(&mut self) -> Result<bool> {
        match (self.stage, self.shape) {
            (Stage::Done, _) => return Ok(false),
            (_, Shape::Lines) => return self.next_object(),
            (Stage::Start, Shape::Array | Shape::Object) => {
                self.window.first()?;
                self.window.consume(1);
                if self.window.first()? == Some(self.closing()) {
                    self.window.consume(1);
                    return self.finish();
                }
            }
            (Stage::Inside, Shape::Array | Shape::Object) => match self.window.first()? {
                Some(b',') => self.window.consume(1),
                Some(byte) if byte == self.closing() => {
                    self.window.consume(1);
                    return self.finish();
                }
                Some(_) if self.closing() == b']' => {
                    return Err(self.window.fault(0, "expected ',' or ']' after an order"));
                }
                Some(_) => return Err(self.window.fault(0, "expected ',' or '}' after an order")),
                None => return Err(self.unclosed()),
            },
        }
        self.stage = Stage::Inside;
        Ok(true)
    }

    fn next_object(&mut self) -> Result<bool> {
        match self.window.first()? {
            None => Ok(false),
            Some(b'{') => Ok(true),
            Some(_) => Err(self.window.fault(0, "expected '{': the next order")),
        }
    }

    fn unclosed(&self) -> anyhow::Error {
        let what = match self.shape {
            Shape::Array => "before its array is closed with ']'",
            Shape::Object | Shape::Lines => "before its object is closed with '}'",
        };
        self.window.cut_off(what)
    }

    fn finish(&mut self) -> Result<bool> {
        self.stage = Stage::Done;
        match self.window.first()? {
            None => Ok(false),
            Some(_) => Err(self
                .window
                .fault(0, "unexpected text after the end of the orders")),
        }
    }

    /// The next value: the line where it begins, and its text.
    fn value(&mut self) -> Result<(u64, String)> {
        if self.window.first()?.is_none() {
            return Err(self.unclosed());
        }
        let line = self.window.line();
        let mut scan = Scan::default();
        let length = loop {
            let mut found = scan.run(self.window.rest());
            if found == Found::More {
                if self.window.fill()? {
                    continue;
                }
                found = scan.at_end();
            }
            match found {
                Found::End(length) => break length,
                Found::Bad(at, reason) => return Err(self.window.fault(at, reason)),
                Found::More => {
                    let what = format!("inside the value that begins in line {line}");
                    return Err(self.window.cut_off(&what));
                }
            }
        };
        Ok((line, self.window.take_text(length)?))
    }

    /// The name of the next order, and the colon after it.
    fn name(&mut self) -> Result<String> {
        if self.window.first()? != Some(b'"') {
            return Err(self
                .window
                .fault(0, "expected the name of an order in quotes"));
        }
        let (line, text) = self.value()?;
        let name = serde_json::from_str(&text);
        let name = name.map_err(|_| {
            let what = format!("the name of the order in line {line} is not a JSON string");
            self.window.fault(0, &what)
        })?;
        if self.window.first()? != Some(b':') {
            return Err(self
                .window
                .fault(0, "expected ':' after the name of an order"));
        }
        self.window.consume(1);
        Ok(name)
    }

    fn read(&mut self) -> Result<Option<Record>> {
        if !self.advance()? {
            return Ok(None);
        }
        let name = match self.shape {
            Shape::Object => Some(self.name()?),
            Shape::Array | Shape::Lines => None,
        };
        let (line, text) = self.value()?;
        Ok(Some(Record {
            name,
            ..Record::of_text(line, text)
        }))
    }
}

impl Source for Json {
    fn shape(&self) -> Shape {
        self.shape
    }

    fn next(&mut self) -> Result<Option<Record>> {
        let read = self.read();
        if read.is_err() {
            self.stage = Stage::Done;
        }
        read
    }
}
